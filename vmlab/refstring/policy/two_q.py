"""2Q, the full version: a page proves itself by coming back (Johnson and Shasha, "2Q: a low overhead high performance buffer
management replacement algorithm", VLDB 1994).

    A1in   FIFO of pages that came for the first time; more than Kin = a quarter of the frames, and its oldest goes
    A1out  only the numbers of the last Kout = half the frames' worth that went from A1in
    Am     LRU of pages that came while they were in A1out

A hit in A1in moves nothing: references in quick succession are one use. Where memory is full and A1in is not above Kin, the
oldest of Am goes; if Am is empty, which the paper leaves open, the oldest of A1in. The page that comes leaves A1out before
another one joins it.
"""

from typing import NamedTuple

import numpy as np
from numba import uint64
from numpy.typing import NDArray

from ...jit import entry, prefetch
from .. import lists
from ..state import AHEAD, register
from ..string import ReferenceString

ABSENT, A1IN, A1OUT, AM = -1, 0, 1, 2


class State(NamedTuple):
    frames: NDArray[np.int64]
    most: NDArray[np.int64]  # Kin, Kout
    size: NDArray[np.int64]  # of each queue
    queue: NDArray[np.int8]  # of each page; ABSENT
    link: NDArray[np.int32]


def start(string: ReferenceString, frames: int, kin: float = 0.25, kout: float = 0.5) -> State:
    """Empty frames. kin, kout: shares of the frames; at least one page. ValueError."""
    for name, share in (("kin", kin), ("kout", kout)):
        if not 0 <= share <= 1:
            raise ValueError(f"{name} is a share of the frames, 0 to 1, not {share!r}")
    return State(
        register(frames),
        np.array([max(1, int(frames * kin)), max(1, int(frames * kout))]),
        np.zeros(3, np.int64),
        np.full(string.npages, ABSENT, np.int8),
        lists.circles(string.npages, 3),
    )


@entry
def run(ids, s):
    """Replay `ids`; returns how many of them fault."""
    faults = 0
    heads = len(s.queue)
    last = len(ids) - 1
    for i in range(len(ids)):
        ahead = ids[uint64(min(i + AHEAD, last))]
        prefetch(s.queue, ahead)
        prefetch(s.link, 2 * np.int64(ahead))
        page = np.int64(ids[uint64(i)])
        queue = s.queue[uint64(page)]
        if queue == AM:
            if page != lists.newest(s.link, heads + AM):
                lists.remove(s.link, page)
                lists.push(s.link, heads + AM, page)
        elif queue != A1IN:
            faults += 1
            if queue == A1OUT:
                lists.remove(s.link, page)
                s.size[A1OUT] -= 1
            if s.size[A1IN] + s.size[AM] == s.frames[0]:
                if s.size[A1IN] > s.most[0]:
                    victim = lists.oldest(s.link, heads + A1IN)
                    lists.remove(s.link, victim)
                    s.size[A1IN] -= 1
                    if s.size[A1OUT] == s.most[1]:
                        forgotten = lists.oldest(s.link, heads + A1OUT)
                        lists.remove(s.link, forgotten)
                        s.queue[forgotten] = ABSENT
                        s.size[A1OUT] -= 1
                    lists.push(s.link, heads + A1OUT, victim)
                    s.queue[victim] = A1OUT
                    s.size[A1OUT] += 1
                else:
                    source = AM if s.size[AM] > 0 else A1IN
                    victim = lists.oldest(s.link, heads + source)
                    lists.remove(s.link, victim)
                    s.queue[victim] = ABSENT
                    s.size[source] -= 1
            target = AM if queue == A1OUT else A1IN
            lists.push(s.link, heads + target, page)
            s.queue[uint64(page)] = target
            s.size[target] += 1
    return faults
