"""NRU, not recently used: a page whose accessed bit is clear goes (Silberschatz, 10.4.5.3; Tanenbaum and Bos, Modern Operating
Systems, 3.4.2).

The textbooks' classes by accessed and dirty bit become two, for a reference string has no stores. As vmlab's machine has it: the
first page after the hand whose bit is clear goes, and no bit is cleared in passing; only when all are set, all are cleared.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...jit import entry, inline, njit, prefetch
from .. import calm
from ..state import AHEAD, register
from ..string import ReferenceString

LOOKS_AT_ALL = True
ABSENT, CLEAR, ACCESSED = 0, 1, 2


class State(NamedTuple):
    hand: NDArray[np.int64]  # the frame filled last
    used: NDArray[np.int64]  # frames that hold a page
    clear: NDArray[np.int64]  # of these, how many with a clear bit
    note: NDArray[np.uint8]  # of each page: ABSENT, CLEAR or ACCESSED
    page: NDArray[np.uint32]  # in each frame


def start(string: ReferenceString, frames: int) -> State:
    """Empty frames, the hand before the first."""
    return State(
        register(frames - 1),
        register(),
        register(),
        np.zeros(string.npages, np.uint8),
        np.zeros(frames, np.uint32),
    )


@entry
def run(ids, s):
    """Replay `ids`; returns how many of them fault."""
    faults = 0
    calm_before = False
    for first in range(0, len(ids), calm.BLOCK):
        stop = min(first + calm.BLOCK, len(ids))
        found = rarely(ids, first, stop, s) if calm_before else often(ids, first, stop, s)
        calm_before = calm.rare(found, stop - first)
        faults += found
    return faults


@njit
def often(ids, first, stop, s):
    """References from first to stop - 1, of which many fault."""
    faults = 0
    last = len(ids) - 1
    for i in range(max(first, 0), stop):
        prefetch(s.note, ids[min(i + AHEAD, last)])
        faults += refer(s, ids[i])
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
    note = s.note[page]
    s.note[page] = ACCESSED
    if note != ABSENT:
        s.clear[0] -= note == CLEAR
        return 0
    frames = len(s.page)
    if s.used[0] < frames:
        s.page[s.used[0]] = page
        s.used[0] += 1
        return 1
    if s.clear[0] == 0:
        for frame in range(frames):
            s.note[s.page[frame]] = CLEAR
        s.clear[0] = frames
    hand = s.hand[0] + 1 if s.hand[0] + 1 < frames else 0
    while s.note[s.page[hand]] != CLEAR:
        hand = hand + 1 if hand + 1 < frames else 0
    s.note[s.page[hand]] = ABSENT
    s.page[hand] = page
    s.hand[0] = hand
    s.clear[0] -= 1
    return 1
