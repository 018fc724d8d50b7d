"""LRU, exact: the page not used for longest goes (Mattson, Gecsei, Slutz, Traiger, "Evaluation techniques for storage
hierarchies", IBM Systems Journal 9(2), 1970; Silberschatz, 10.4.4).

The trace is the queue. A page's place in the LRU order is the position of its last use; so the order is the string itself,
with all positions struck out that are not the last use of their page. One bit for each position says which are alive:

    position   0 1 2 3 4 5 6 7 8 9         frames = 3. A dot is a dead position, as is every one before the tail.
    page         - - - a b c b a d
    alive      . . . . . . 1 1 1 .         before 9: c, b, a are in memory, the oldest alive is the tail
                           ^tail
    a hit at t   : position t dies, the new one lives           one store, one bit
    a fault      : the tail dies, its page is evicted; the next tail is the next bit set

Memory starts full of pages that nobody asks for, the alive positions 1 .. frames: filling it is like any other fault. Position 0
is nobody's. All bits start alive, so that a new position is not written, only read once the tail comes by. No links, no hash table.

Where many references fault they are told apart in groups (calm.py). The tail goes from bit to bit, so APART faults cannot bring it
further than APART bits, to `sure`. What a page's last use says does not hang on the references before:

    alive      . . . 1 . . 1 1 . 1 . . . . 1 . 1 1 . 1 1 . 1 1 1 1
                     ^tail                    ^sure
    before the tail: a fault    in between: alone      from `sure` on: a hit

Where few references fault, a bit costs more than all the rest: most stand in one word, the one that the reference before has just
changed. There no bit is written. The string itself tells: a position is alive if it is the last use of the page that stands there.
"""

from typing import NamedTuple

import numpy as np
from numba import uint64
from numpy.typing import NDArray

from ...jit import entry, inline, lowest, njit, prefetch, prefetch_to_read
from .. import bits, calm
from ..bits import FULL, ONE, ones, words
from ..calm import APART, MANY
from ..state import AHEAD, FAR, register
from ..string import ReferenceString

NOBODY = 0  # a position
FASTER = 8  # times as fast as places of the string, notes are read in their order


class State(NamedTuple):
    frames: NDArray[np.int64]
    now: NDArray[np.int64]  # position of the next reference
    tail: NDArray[np.int64]  # the lowest position alive
    last: NDArray[np.int32]  # for each page the position of its last use, or NOBODY
    alive: NDArray[np.int64]  # bitmap, of no account before the tail


def start(string: ReferenceString, frames: int) -> State:
    """Frames full of pages that are not in the string."""
    return State(
        register(frames),
        register(frames + 1),
        register(1),
        np.full(string.npages, NOBODY, np.int32),
        np.full(words(len(string) + frames + 1) + 1, FULL),
    )


@entry
def run(ids, s):
    """Replay `ids`; returns how many of them fault."""
    faults = 0
    first = 0
    few = False
    end = len(ids) - AHEAD  # the last ones have nothing to look ahead to
    while first < len(ids):
        if few or first >= end:
            found, first = rarely(ids, first, s)
            few = False
        else:
            stop = min(first + calm.BLOCK, end)
            found = often(ids, first, stop, s)
            few = calm.rare(found, stop - first)
            first = stop
        faults += found
    return faults


@njit
def often(ids, first, stop, s):
    """References from first to stop - 1, of which many fault: in groups, where that is possible."""
    faults = 0
    tail = lowest_alive(s, s.tail[0])
    i = max(first, 0)
    sure = left = 0  # position, and bits from the tail to there
    while i < stop:
        n = min(APART, stop - i)
        if left < APART and s.frames[0] >= MANY:
            sure, left = reach(s, tail)
        if left >= APART:
            done, missed = tell_apart(ids, i, n, tail, sure, s)
            left -= missed
            tail = further(s, tail, missed)
            faults += missed
            i += done
            n = min(n - done, 1)  # the one to a page last used between the tail and `sure`
        if n:
            missed, tail = one_by_one(ids, i, i + n, tail, s)
            left = 0
            i += n
            faults += missed
    s.tail[0] = tail
    return faults


@inline
def reach(s, tail):
    """(sure, left): a position so far from the tail that at least APART bits are between, and how many are. (MANY are set.)"""
    at = tail >> 6
    left = ones(s.alive[uint64(at)] & (FULL << (tail & 63)))
    while left < 2 * APART:
        at += 1
        left += ones(s.alive[uint64(at)])
    return (at + 1) << 6, left


@inline
def tell_apart(ids, first, n, tail, sure, s):
    """n references, or as many as come before one to a page last used between the tail and `sure`: (how many, how many faulted).

    The tail is left where it was. Bits before it are of no account.
    """
    missed = 0
    now = s.now[0]
    k = 0
    while k < n:
        prefetch_to_read(ids, uint64(first + k + FAR))
        prefetch(s.last, ids[uint64(first + k + AHEAD)])
        page = ids[uint64(first + k)]
        used = np.int64(s.last[page])
        if uint64(used - tail) < uint64(sure - tail):
            break
        s.last[page] = now + k
        held = ~((used - tail) >> 63)  # all ones, or 0
        missed += held + 1
        s.alive[uint64((used & held) >> 6)] &= ~(ONE << (used & 63) & held)  # a fault: no bit, of word 0
        k += 1
    s.now[0] = now + k
    return k, missed


@inline
def further(s, tail, n):
    """The tail after n faults: past n bits."""
    at = tail >> 6
    word = s.alive[uint64(at)] & (FULL << (tail & 63))
    here = ones(word)
    while here <= n:
        n -= here
        at += 1
        word = s.alive[uint64(at)]
        here = ones(word)
    for _ in range(n):
        word &= word - 1
    return (at << 6) + lowest(word)


@inline
def one_by_one(ids, first, stop, tail, s):
    """References from first to stop - 1: (how many faulted, the tail). Branches only where a word of the bitmap has no bit left."""
    missed = 0
    now = s.now[0]
    at = tail >> 6
    word = s.alive[uint64(at)] & (FULL << (tail & 63))
    for i in range(first, stop):
        prefetch_to_read(ids, uint64(i + FAR))
        prefetch(s.last, ids[uint64(i + AHEAD)])
        page = ids[uint64(i)]
        used = np.int64(s.last[page])
        s.last[page] = now
        fault = used < tail
        missed += np.int64(fault)
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
    return missed, tail


@njit
def rarely(ids, first, s):
    """References from the first on, as long as few fault: how many did, and where that ended. The last AHEAD are never left.

    What was used before stands in the bitmap. From there on the string is read: position base + i is that of ids[first + i].
    """
    faults = 0
    base = s.now[0]
    tail = s.tail[0]
    before = 0
    check = first + calm.BLOCK
    i = first
    while i < len(ids):
        prefetch_to_read(ids, uint64(i + FAR))
        if i + calm.GROUP <= len(ids) and calm.all_since(s.last, max(base, tail), ids, max(i, 0)):
            for k in range(calm.GROUP):
                s.last[ids[uint64(i + k)]] = base - first + i + k
            i += calm.GROUP
        else:
            for _ in range(min(calm.GROUP, len(ids) - i)):
                page = ids[uint64(i)]
                used = np.int64(s.last[page])
                if used < tail:
                    faults += 1
                    if tail < base:
                        tail = lowest_alive(s, tail)  # base, if all from before are gone
                    if tail < base:
                        bits.clear(s.alive, tail)
                    else:
                        tail = last_use(ids, s.last, first - base, tail)
                    tail += 1
                elif used < base:
                    bits.clear(s.alive, used)
                s.last[page] = base - first + i
                i += 1
        if i >= check:
            if i < len(ids) - AHEAD and not calm.rare(faults - before, calm.BLOCK):
                break
            before = faults
            check += calm.BLOCK
    s.now[0] = base - first + i
    s.tail[0] = tail
    bits.clear_range(s.alive, base, s.now[0])
    for position in range(max(base, tail), s.now[0]):
        if s.last[ids[uint64(first - base + position)]] == position:
            bits.put(s.alive, position)
    return faults, i


@njit
def last_use(ids, last, offset, tail):
    """The lowest position alive from the tail on, of which the pages are ids[position + offset]."""
    near = tail + len(last) // FASTER  # if it is not near, the notes on all pages tell it sooner
    while tail < near and tail + offset + calm.GROUP <= len(ids):
        if not calm.none_noted_in_order(last, tail, ids, max(tail + offset, 0)):
            break
        tail += calm.GROUP
    if tail >= near:
        tail = lowest_since(last, tail)
    while last[ids[uint64(tail + offset)]] != tail:
        tail += 1
    return tail


@njit
def lowest_since(last, position):
    """The lowest in `last` from a position on."""
    lowest = np.int32(0x7FFF_FFFF)
    for page in range(len(last)):
        lowest = min(lowest, last[page] if last[page] >= np.int32(position) else np.int32(0x7FFF_FFFF))
    return np.int64(lowest)


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
    s.last[:] = NOBODY
    s.last[order] = 1 + frames - len(order) + np.arange(len(order))
    s.alive[:] = FULL
    s.now[0] = frames + 1
    s.tail[0] = 1
