"""CLOCK, or second chance: FIFO that spares each page used since the hand last came by (Corbató, "A paging experiment with the
Multics system", 1968; Silberschatz, 10.4.5.2).

The circle of frames is touched by faults only; what a hit changes is the note on its page (hand.py). `loaded` says what a page's
accessed bit is when it comes. "accessed", the default, is what hardware does: the reference that faulted is made again and sets
the bit (Tanenbaum, Silberschatz, and vmlab's machine). "clear" is how libCacheSim has it: a page gets a second chance only once
it was used again.
"""

from typing import NamedTuple

import numpy as np
from numba import uint64
from numpy.typing import NDArray

from ...jit import entry, inline, njit, prefetch_to_read
from .. import calm
from ..calm import APART, MANY
from ..hand import ACCESSED, IN, NEAR, tell_apart
from ..state import AHEAD, FAR, register
from ..string import ReferenceString

LOADED = {"clear": IN, "accessed": IN | ACCESSED}
STEP = 16  # frames that are looked at together, ahead of the hand


class State(NamedTuple):
    loaded: NDArray[np.uint8]  # the note of a page that comes
    hand: NDArray[np.int64]
    used: NDArray[np.int64]  # frames that hold a page
    near: NDArray[np.int64]  # frames from the hand on whose pages are noted as NEAR
    victims: NDArray[np.int64]  # of these, that are not ACCESSED
    note: NDArray[np.uint8]  # of each page
    ring: NDArray[np.uint32]  # the page in each frame
    came: NDArray[np.uint32]  # the pages that faulted in a group


def start(string: ReferenceString, frames: int, loaded: str = "accessed") -> State:
    """Empty frames, the hand on the first. ValueError for what `loaded` cannot be."""
    if loaded not in LOADED:
        raise ValueError(f"loaded is one of {', '.join(LOADED)}, not {loaded!r}")
    return State(
        np.array([LOADED[loaded]], np.uint8),
        register(),
        register(),
        register(),
        register(),
        np.zeros(string.npages, np.uint8),
        np.zeros(frames, np.uint32),
        np.zeros(APART, np.uint32),
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
    """References from first to stop - 1, of which many fault: in groups, where that is possible."""
    faults = 0
    i = max(first, 0)
    while i < stop:
        n = min(APART, stop - i)
        if look_ahead(s):
            done, missed = tell_apart(ids, i, n, s.note, s.loaded[0], s.came)
            sweep(s, missed)
            faults += missed
            i += done
            n = min(n - done, 1)  # the one to a page that is NEAR
        faults += one_by_one(ids, i, i + n, s)
        i += n
    return faults


@inline
def look_ahead(s):
    """Note pages ahead of the hand as NEAR, until a group can find its victims among them. False if it cannot."""
    frames = len(s.ring)
    if s.used[0] < frames or frames < MANY:
        return False
    while s.victims[0] < APART:
        if s.near[0] + STEP > frames // 2:
            return False
        spared = 0
        for k in range(STEP):
            at = s.hand[0] + s.near[0] + k
            page = s.ring[uint64(at if at < frames else at - frames)]
            before = s.note[page]
            s.note[page] = before | NEAR
            spared += np.int64(before & ACCESSED != 0)
        s.near[0] += STEP
        s.victims[0] += STEP - spared
    return True


@inline
def sweep(s, n):
    """The hand goes on, past pages that are all NEAR, until those that came have taken the place of n of them."""
    hand = s.hand[0]
    k = 0
    steps = 0
    while k < n:
        page = s.ring[uint64(hand)]
        spared = np.int64(s.note[page] >> 1 & 1)
        s.note[page] = spared * IN
        came = s.came[uint64(k)]
        s.ring[uint64(hand)] = came ^ (came ^ page) & -spared
        k += 1 - spared
        steps += 1
        hand = hand + 1 if hand + 1 < len(s.ring) else 0
    s.hand[0] = hand
    s.near[0] -= steps
    s.victims[0] -= n


@njit
def rarely(ids, first, stop, s):
    """The same where few fault: while all pages are noted as ACCESSED nothing changes."""
    faults = 0
    i = max(first, 0)
    while i < stop:
        end = min(i + calm.GROUP, stop)
        prefetch_to_read(ids, uint64(i + FAR))
        if not (end == i + calm.GROUP and calm.all_noted(s.note, ACCESSED, ids, i)):
            faults += one_by_one(ids, i, end, s)
        i = end
    return faults


@njit
def one_by_one(ids, first, stop, s):
    """References from first to stop - 1, each after the other."""
    faults = 0
    for i in range(max(first, 0), stop):
        page = ids[uint64(i)]
        before = s.note[page]
        if before & IN:
            s.victims[0] -= np.int64(before == IN | NEAR)
            s.note[page] = before | ACCESSED
        else:
            faults += 1
            s.note[page] = s.loaded[0]
            s.ring[uint64(frame_for_one(s))] = page
    return faults


@inline
def frame_for_one(s):
    """A frame: an empty one, or that of the next page that is not ACCESSED."""
    if s.used[0] < len(s.ring):
        s.used[0] += 1
        return s.used[0] - 1
    while True:
        frame = s.hand[0]
        page = s.ring[uint64(frame)]
        before = s.note[page]
        s.note[page] = IN if before & ACCESSED else 0
        s.hand[0] = frame + 1 if frame + 1 < len(s.ring) else 0
        s.near[0] = max(s.near[0] - 1, 0)
        if not before & ACCESSED:
            s.victims[0] -= np.int64(before & NEAR != 0)
            return frame
