"""MRU: the page used last goes; right for loops longer than memory (Chou and DeWitt, "An evaluation of buffer management
strategies for relational database systems", VLDB 1985).

The page used last is the one of the reference before: no order need be kept.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...jit import entry, prefetch
from ..state import AHEAD, register
from ..string import ReferenceString


class State(NamedTuple):
    frames: NDArray[np.int64]
    used: NDArray[np.int64]  # frames that hold a page
    before: NDArray[np.int64]  # the page of the last reference
    resident: NDArray[np.uint8]  # of each page


def start(string: ReferenceString, frames: int) -> State:
    """Empty frames."""
    return State(register(frames), register(), register(), np.zeros(string.npages, np.uint8))


@entry
def run(ids, s):
    """Replay `ids`; returns how many of them fault."""
    faults = 0
    used = s.used[0]
    before = s.before[0]
    last = len(ids) - 1
    for i in range(len(ids)):
        prefetch(s.resident, ids[min(i + AHEAD, last)])
        page = np.int64(ids[i])
        if s.resident[page] == 0:
            faults += 1
            if used < s.frames[0]:
                used += 1
            else:
                s.resident[before] = 0
            s.resident[page] = 1
        before = page
    s.used[0] = used
    s.before[0] = before
    return faults
