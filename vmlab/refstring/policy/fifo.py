"""FIFO: the page that came first goes first (Belady, "A study of replacement algorithms", IBM Systems Journal 5(2), 1966;
Silberschatz, Operating System Concepts, 10.4.2). More frames can mean more faults: Belady's anomaly.

No queue is needed. FIFO keeps exactly the pages that the last `frames` faults brought:

    fault            1   2   3   4   5   6   7            a page is in memory if and only if the number of
    brought page     a   b   c   d   a   e   f            the fault that brought it > faults - frames
    3 frames                         [---------]          b: 2 > 7 - 3? no: a fault

so one number for each page decides, and eviction takes no work at all.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...jit import entry, prefetch
from ..state import AHEAD, register
from ..string import ReferenceString


class State(NamedTuple):
    frames: NDArray[np.int64]
    faults: NDArray[np.int64]
    came: NDArray[np.int32]  # for each page the number of the fault that brought it last


def start(string: ReferenceString, frames: int) -> State:
    """Empty frames. Fault number -frames, long ago, brought every page."""
    return State(register(frames), register(), np.full(string.npages, -frames, np.int32))


@entry
def run(ids, s):
    """Replay `ids`; returns how many of them fault.

    No branch: whether a reference hits is a coin toss on many strings, and a branch guessed wrong costs 20 references' time.
    """
    before = s.faults[0]
    faults = before
    frames = s.frames[0]
    last = len(ids) - 1
    for i in range(len(ids)):
        prefetch(s.came, ids[min(i + AHEAD, last)])
        page = ids[i]
        came = np.int64(s.came[page])
        fault = came <= faults - frames
        faults += np.int64(fault)
        s.came[page] = faults if fault else came
    s.faults[0] = faults
    return faults - before
