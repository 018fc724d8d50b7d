"""Aging: LRU from accessed bits (Tanenbaum and Bos, Modern Operating Systems, 3.4.7).

At every tick of the clock each page's register of 8 bits is shifted right, its accessed bit comes in on the left and is cleared.
The lowest register goes; of several equal ones, the page that came first. It looks at every frame at each fault and tick, as a
kernel would: not for a million frames.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import whole
from ...jit import entry, njit, prefetch
from ..state import AHEAD, register
from ..string import ReferenceString

LOOKS_AT_ALL = True
BITS = 8
ORDER = 40  # a frame's key is register << 40 | number of the fault that filled it: of equal registers the first


class State(NamedTuple):
    tick: NDArray[np.int64]  # in references
    due: NDArray[np.int64]  # references until the next tick
    faults: NDArray[np.int64]
    used: NDArray[np.int64]  # frames that hold a page
    frame: NDArray[np.int32]  # of each page, -1: not in memory
    page: NDArray[np.uint32]  # in each frame
    accessed: NDArray[np.uint8]  # of each frame
    key: NDArray[np.int64]  # of each frame


def start(string: ReferenceString, frames: int, tick: int | None = None) -> State:
    """Empty frames. tick: references between two ticks; None: as many as there are frames. ValueError."""
    if tick is not None and whole("tick", tick) < 1:
        raise ValueError(f"tick is at least 1 reference, not {tick}")
    length = tick or frames
    return State(
        register(length),
        register(length),
        register(),
        register(),
        np.full(string.npages, -1, np.int32),
        np.zeros(frames, np.uint32),
        np.zeros(frames, np.uint8),
        np.zeros(frames, np.int64),
    )


@entry
def run(ids, s):
    """Replay `ids`; returns how many of them fault."""
    before = s.faults[0]
    used = s.used[0]
    due = s.due[0]
    last = len(ids) - 1
    for i in range(len(ids)):
        prefetch(s.frame, ids[min(i + AHEAD, last)])
        if due == 0:
            shift(s, used)
            due = s.tick[0]
        due -= 1
        page = ids[i]
        frame = np.int64(s.frame[page])
        if frame < 0:
            s.faults[0] += 1
            if used < len(s.page):
                frame = used
                used += 1
            else:
                frame = lowest(s.key)
                s.frame[s.page[frame]] = -1
            s.frame[page] = frame
            s.page[frame] = page
            s.key[frame] = s.faults[0]
        s.accessed[frame] = 1
    s.used[0] = used
    s.due[0] = due
    return s.faults[0] - before


@njit
def shift(s, used):
    """A tick: every accessed bit goes into its register."""
    order = (1 << ORDER) - 1
    for f in range(used):
        register = (s.key[f] >> ORDER >> 1) | (np.int64(s.accessed[f]) << (BITS - 1))
        s.key[f] = (register << ORDER) | (s.key[f] & order)
        s.accessed[f] = 0


@njit
def lowest(key):
    """The frame with the lowest key."""
    best = 0
    for f in range(1, len(key)):
        if key[f] < key[best]:
            best = f
    return best
