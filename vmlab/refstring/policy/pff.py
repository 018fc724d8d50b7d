"""PFF, page fault frequency: the time between two faults says whether to grow or to shrink (Chu and Opderbeck, "The page fault
frequency replacement algorithm", AFIPS Fall Joint Computer Conference 1972; Silberschatz, 10.6.3).

At a fault that comes less than `interval` references after the last one the program gets a frame more. After a longer time it
first loses every page not used since the last fault. So all that is in memory is what was used since some fault, and one number
says it all: a page is in memory if its last use is not before `keep`.

    faults       f1          f2      f3                      at f3, after a long time, keep = f2:
    last uses     a      b    c   d   |                      a and b go, c and d stay
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import whole
from ...jit import entry, prefetch
from .. import bits
from ..state import AHEAD, register
from ..string import ReferenceString


class State(NamedTuple):
    interval: NDArray[np.int64]
    now: NDArray[np.int64]  # position of the next reference
    fault: NDArray[np.int64]  # that of the last fault
    since: NDArray[np.int64]  # references since then that `renew` struck out
    keep: NDArray[np.int64]
    space: NDArray[np.int64]  # sum over the references so far of the pages in memory just after each
    held: NDArray[np.int64]  # pages in memory now
    last: NDArray[np.int32]  # position of each page's last use, -1: none
    alive: NDArray[np.int64]  # bitmap: positions that are the last use of their page


def start(string: ReferenceString, interval: int) -> State:
    """Empty memory. ValueError."""
    if whole("interval", interval) < 1:
        raise ValueError(f"interval is at least 1 reference, not {interval}")
    return State(
        register(interval),
        register(),
        register(),
        register(),
        register(),
        register(),
        register(),
        np.full(string.npages, -1, np.int32),
        np.zeros(bits.words(len(string) + string.npages + 1), np.int64),
    )


@entry
def run(ids, s):
    """Replay `ids`; returns how many of them fault."""
    faults = 0
    now = s.now[0]
    last = len(ids) - 1
    for i in range(len(ids)):
        prefetch(s.last, ids[min(i + AHEAD, last)])
        page = ids[i]
        used = np.int64(s.last[page])
        if used < s.keep[0] or used < 0:
            faults += 1
            if now - s.fault[0] + s.since[0] >= s.interval[0]:
                for t in range(s.keep[0], s.fault[0]):
                    s.held[0] -= bits.get(s.alive, t)
                s.keep[0] = s.fault[0]
            s.fault[0] = now
            s.since[0] = 0
            s.held[0] += 1
        if used >= 0:
            bits.clear(s.alive, used)
        bits.put(s.alive, now)
        s.last[page] = now
        s.space[0] += s.held[0]
        now += 1
    s.now[0] = now
    return faults


def renew(s: State) -> None:
    """Count positions anew: those at which no page in memory was used last are struck out, but for the last fault's own."""
    held = np.flatnonzero(s.last >= s.keep[0])
    order = held[np.argsort(s.last[held])]
    positions = np.union1d(s.last[order], s.fault)
    s.last[s.last < s.keep[0]] = -1
    s.last[order] = np.searchsorted(positions, s.last[order])
    fault = int(np.searchsorted(positions, s.fault[0]))
    s.since[0] += (s.now[0] - s.fault[0]) - (len(positions) - fault)
    s.fault[0], s.keep[0], s.now[0] = fault, 0, len(positions)
    s.alive[:] = 0
    alive = s.last[order].astype(np.int64)
    np.bitwise_or.at(s.alive, alive >> 6, np.int64(1) << (alive & 63))
