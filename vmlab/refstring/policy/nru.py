"""NRU, not recently used: a page whose accessed bit is clear goes (Silberschatz, 10.4.5.3; Tanenbaum and Bos, Modern Operating
Systems, 3.4.2).

The textbooks' classes by accessed and dirty bit become two, for a reference string has no stores. As vmlab's machine has it: the
first page after the hand whose bit is clear goes, and no bit is cleared in passing; only when all are set, all are cleared.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...jit import entry, prefetch
from ..state import AHEAD, register
from ..string import ReferenceString

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
    hand = s.hand[0]
    used = s.used[0]
    clear = s.clear[0]
    frames = len(s.page)
    last = len(ids) - 1
    for i in range(len(ids)):
        prefetch(s.note, ids[min(i + AHEAD, last)])
        page = ids[i]
        note = s.note[page]
        if note == ABSENT:
            faults += 1
            if used < frames:
                s.page[used] = page
                used += 1
            else:
                if clear == 0:
                    for frame in range(frames):
                        s.note[s.page[frame]] = CLEAR
                    clear = frames
                hand = hand + 1 if hand + 1 < frames else 0
                while s.note[s.page[hand]] != CLEAR:
                    hand = hand + 1 if hand + 1 < frames else 0
                s.note[s.page[hand]] = ABSENT
                s.page[hand] = page
                clear -= 1
        elif note == CLEAR:
            clear -= 1
        s.note[page] = ACCESSED
    s.hand[0] = hand
    s.used[0] = used
    s.clear[0] = clear
    return faults
