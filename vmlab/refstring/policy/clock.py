"""CLOCK, or second chance: FIFO that spares each page used since the hand last came by (Corbató, "A paging experiment with the
Multics system", 1968; Silberschatz, 10.4.5.2).

One byte a page, so that the notes on a million pages fit a processor's second-level cache; the circle of frames is touched by
faults only. `loaded` says what a page's accessed bit is when it comes. "accessed", the default, is what hardware does: the
reference that faulted is made again and sets the bit (Tanenbaum, Silberschatz, and vmlab's machine). "clear" is how
libCacheSim has it: a page gets a second chance only once it was used again.
"""

from typing import NamedTuple

import numpy as np
from numba import uint64
from numpy.typing import NDArray

from ...jit import entry, inline, njit, prefetch
from .. import calm
from ..state import AHEAD, register
from ..string import ReferenceString

ABSENT, CLEAR, ACCESSED = 0, 1, 2
LOADED = {"clear": CLEAR, "accessed": ACCESSED}
ZERO, ONE = np.uint64(0), np.uint64(1)
SWEEP = 16  # frames ahead of the hand whose page's note is asked for


class State(NamedTuple):
    loaded: NDArray[np.uint8]
    hand: NDArray[np.int64]
    used: NDArray[np.int64]  # frames that hold a page
    note: NDArray[np.uint8]  # of each page: ABSENT, CLEAR or ACCESSED
    ring: NDArray[np.uint32]  # the page in each frame; then the first SWEEP frames' worth of padding


def start(string: ReferenceString, frames: int, loaded: str = "accessed") -> State:
    """Empty frames, the hand on the first. ValueError for what `loaded` cannot be."""
    if loaded not in LOADED:
        raise ValueError(f"loaded is one of {', '.join(LOADED)}, not {loaded!r}")
    return State(
        np.array([LOADED[loaded]], np.uint8),
        register(),
        register(),
        np.zeros(string.npages, np.uint8),
        np.zeros(frames + SWEEP, np.uint32),
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
    """References from first to stop - 1, of which many fault."""
    faults = 0
    for i in range(max(first, 0), stop):
        prefetch(s.note, ids[uint64(i + AHEAD)])
        faults += refer(s, ids[uint64(i)])
    return faults


@njit
def rarely(ids, first, stop, s):
    """The same where few fault: while all pages are noted as accessed nothing changes."""
    faults = 0
    i = max(first, 0)
    while i < stop:
        end = min(i + calm.GROUP, stop)
        if end == i + calm.GROUP and calm.all_noted(s.note, ACCESSED, ids, i):
            i = end
            continue
        while i < end:
            faults += refer(s, ids[i])
            i += 1
    return faults


@inline
def refer(s, page):
    """One reference; returns 1 if it faults."""
    if s.note[page] != ABSENT:
        s.note[page] = ACCESSED
        return 0
    hand = uint64(s.hand[0])
    frames = uint64(len(s.ring) - SWEEP)
    if s.used[0] < np.int64(frames):
        s.ring[s.used[0]] = page
        s.used[0] += 1
    else:
        while s.note[s.ring[hand]] == ACCESSED:
            s.note[s.ring[hand]] = CLEAR
            hand = hand + ONE if hand + ONE < frames else ZERO
        s.note[s.ring[hand]] = ABSENT
        s.ring[hand] = page
        hand = hand + ONE if hand + ONE < frames else ZERO
        prefetch(s.note, s.ring[hand + uint64(SWEEP)])
        s.hand[0] = np.int64(hand)
    s.note[page] = s.loaded[0]
    return 1
