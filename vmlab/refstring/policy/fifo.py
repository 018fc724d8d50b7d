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
from numba import uint64
from numpy.typing import NDArray

from ...jit import entry, inline, njit, prefetch, prefetch_to_read
from .. import calm
from ..state import AHEAD, FAR, register
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
    """References from first to stop - 1, of which many fault. No branch: a page that hits is given the number it has."""
    before = s.faults[0]
    faults = before
    frames = s.frames[0]
    for i in range(max(first, 0), stop):
        prefetch_to_read(ids, uint64(i + FAR))
        prefetch(s.came, ids[uint64(i + AHEAD)])
        page = ids[uint64(i)]
        came = np.int64(s.came[page])
        fault = came <= faults - frames
        faults += np.int64(fault)
        s.came[page] = faults if fault else came
    s.faults[0] = faults
    return faults - before


@njit
def rarely(ids, first, stop, s):
    """The same where few fault: while there is no fault nothing changes, so GROUP references are looked at together."""
    before = s.faults[0]
    faults = before
    frames = s.frames[0]
    i = max(first, 0)
    while i < stop:
        end = min(i + calm.GROUP, stop)
        prefetch_to_read(ids, uint64(i + FAR))
        if end == i + calm.GROUP and all_came_after(s.came, faults - frames, ids, i):
            i = end
            continue
        while i < end:
            page = ids[i]
            if s.came[page] <= faults - frames:
                faults += 1
                s.came[page] = faults
            i += 1
    s.faults[0] = faults
    return faults - before


@inline
def all_came_after(came, fault, ids, first):
    """Have the pages of GROUP references from `first` on all come later than fault number `fault`?"""
    later = True
    for k in range(calm.GROUP):
        later &= came[ids[first + k]] > fault
    return later


def renew(s: State) -> None:
    """Number the faults anew: the last one is number 0, and those of pages no longer in memory are all long ago."""
    s.came[:] = np.maximum(s.came - s.faults[0], -s.frames[0])
    s.faults[0] = 0
