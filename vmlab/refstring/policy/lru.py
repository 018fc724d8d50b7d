"""LRU, exact: the page not used for longest goes (Mattson, Gecsei, Slutz, Traiger, "Evaluation techniques for storage
hierarchies", IBM Systems Journal 9(2), 1970; Silberschatz, 10.4.4).

The trace is the queue. A page's place in the LRU order is the position of its last use; so the order is the string itself,
with all positions struck out that are not the last use of their page. One bit for each position says which are alive:

    position   0 1 2 3 4 5 6 7 8           frames = 3. A dot is a dead position.
    page       - - - a b c b a d
    alive      . . . . . 1 1 1 .           before 8: c, b, a are in memory, the oldest alive is the tail
                         ^tail
    a hit at t   : position t dies, the new one lives           one store, one bit
    a fault      : the tail dies, its page is evicted; the next tail is the next bit set

Memory starts full of pages that nobody asks for, the alive positions 0 .. frames - 1: filling it is like any other fault.
All bits start alive, so that a new position is not written, only read once the tail comes by. No links, no hash table.
"""

from typing import NamedTuple

import numpy as np
from numba import uint64
from numpy.typing import NDArray

from ...jit import entry, inline, lowest, njit, prefetch
from .. import bits, calm
from ..bits import FULL, ONE, words
from ..state import AHEAD, register
from ..string import ReferenceString

NOBODY = np.int64(-1)
NEAR = AHEAD // 2  # the second look ahead: a page's last use, known by then, names the word of the bitmap


class State(NamedTuple):
    frames: NDArray[np.int64]
    now: NDArray[np.int64]  # position of the next reference
    tail: NDArray[np.int64]  # the lowest position alive
    last: NDArray[np.int32]  # for each page the position of its last use, -1: none
    alive: NDArray[np.int64]  # bitmap


def start(string: ReferenceString, frames: int) -> State:
    """Frames full of pages that are not in the string."""
    return State(
        register(frames),
        register(frames),
        register(),
        np.full(string.npages, -1, np.int32),
        np.full(words(len(string) + frames) + 1, FULL),
    )


@entry
def run(ids, s):
    """Replay `ids`; returns how many of them fault."""
    faults = 0
    calm_before = False
    end = max(len(ids) - AHEAD, 0)  # the last ones have nothing to look ahead to
    for first in range(0, end, calm.BLOCK):
        stop = min(first + calm.BLOCK, end)
        found = rarely(ids, first, stop, s) if calm_before else often(ids, first, stop, s)
        calm_before = calm.rare(found, stop - first)
        faults += found
    return faults + rarely(ids, end, len(ids), s)


@njit
def often(ids, first, stop, s):
    """References from first to stop - 1, of which many fault. Branches only where a word of the bitmap has no bit left."""
    faults = 0
    now = s.now[0]
    tail = lowest_alive(s, s.tail[0])
    at = tail >> 6
    word = s.alive[at]
    for i in range(max(first, 0), stop):
        prefetch(s.last, ids[uint64(i + AHEAD)])
        prefetch(s.alive, max(np.int64(s.last[ids[uint64(i + NEAR)]]), 0) >> 6)
        page = ids[uint64(i)]
        used = np.int64(s.last[page])
        s.last[page] = now
        fault = used < tail
        faults += np.int64(fault)
        dies = tail if fault else used
        bit = ONE << (dies & 63)
        s.alive[uint64(dies >> 6)] &= ~bit
        word = word & ~bit if dies >> 6 == at else word
        while word == 0:
            at += 1
            word = s.alive[uint64(at)]
        tail = (at << 6) + lowest(word)
        now += 1
    s.now[0] = now
    s.tail[0] = tail
    return faults


@njit
def rarely(ids, first, stop, s):
    """The same where few fault. Then most references go to and fro between two pages, of an instruction and of its data.

    The two used last have no position, so that a reference to one of them writes nothing: which of them is older counts only
    when a third page comes.
    """
    faults = 0
    now = s.now[0]
    tail = s.tail[0]
    newest = NOBODY
    other = NOBODY
    for i in range(first, stop):
        page = np.int64(ids[uint64(i)])
        if page == newest:
            continue
        if page == other:
            other = newest
            newest = page
            continue
        if other != NOBODY:
            s.last[uint64(other)] = now
            now += 1
        other = newest
        newest = page
        if s.frames[0] == 1 and other != NOBODY:  # no room for two
            s.last[uint64(other)] = now
            now += 1
            other = NOBODY
        used = np.int64(s.last[uint64(page)])
        if used < tail:
            faults += 1
            tail = lowest_alive(s, tail)
            bits.clear(s.alive, tail)
            tail += 1
        else:
            bits.clear(s.alive, used)
    for page in (other, newest):
        if page != NOBODY:
            s.last[uint64(page)] = now
            now += 1
    s.now[0] = now
    s.tail[0] = tail
    return faults


@inline
def lowest_alive(s, position):
    """The lowest position alive that is not below this one."""
    at = position >> 6
    word = s.alive[at] & (FULL << (position & 63))
    while word == 0:
        at += 1
        word = s.alive[at]
    return (at << 6) + lowest(word)


def renew(s: State) -> None:
    """Count positions anew: the last uses of the pages in memory become the positions just below the new `now`, in their order."""
    frames = int(s.frames[0])
    held = np.flatnonzero(s.last >= s.tail[0])
    order = held[np.argsort(s.last[held])]
    s.last[:] = -1
    s.last[order] = frames - len(order) + np.arange(len(order))
    s.alive[:] = FULL
    s.now[0] = frames
    s.tail[0] = 0
