"""SLRU, segmented LRU: a page used once is on probation, one used again is protected (Karedla, Love, Wherry, "Caching
strategies to improve disk system performance", IEEE Computer 27(3), 1994).

    newest [ protected: at most `protected` frames ] oldest   -> newest [ probation: what is left ] oldest -> out
             ^ a hit in either segment                                    ^ a fault

With `segments` above 2 it is S4LRU and its kind (Huang et al., "An analysis of Facebook photo caching", SOSP 2013): as many
queues of equal length; a hit moves a page one queue up, a full queue sends its oldest one down. There, and as libCacheSim has
it, a page that comes while memory is not full goes to the lowest queue with room.
"""

from typing import NamedTuple

import numpy as np
from numba import uint64
from numpy.typing import NDArray

from ...errors import whole
from ...jit import entry, inline, prefetch
from .. import lists
from ..state import AHEAD, register
from ..string import ReferenceString

ABSENT = -1


class State(NamedTuple):
    frames: NDArray[np.int64]
    held: NDArray[np.int64]  # pages in memory
    spill: NDArray[np.int64]  # 1: a page that comes goes to the lowest queue with room
    most: NDArray[np.int64]  # of each queue: how many pages it may hold
    size: NDArray[np.int64]  # and does
    queue: NDArray[np.int8]  # of each page; ABSENT
    link: NDArray[np.int32]


def start(string: ReferenceString, frames: int, protected: float = 0.5, segments: int = 2) -> State:
    """Empty frames. protected: the protected segment's share of the frames, with two segments. ValueError."""
    if not 0 <= protected <= 1:
        raise ValueError(f"protected is a share of the frames, 0 to 1, not {protected!r}")
    if not 2 <= whole("segments", segments) <= 8:
        raise ValueError(f"there are 2 to 8 segments, not {segments}")
    most = [frames // segments] * segments if segments > 2 else [frames, int(frames * protected)]
    return State(
        register(frames),
        register(),
        register(int(segments > 2)),
        np.array(most),
        np.zeros(segments, np.int64),
        np.full(string.npages, ABSENT, np.int8),
        lists.circles(string.npages, segments),
    )


@entry
def run(ids, s):
    """Replay `ids`; returns how many of them fault."""
    faults = 0
    heads = len(s.queue)
    top = len(s.most) - 1
    last = len(ids) - 1
    for i in range(len(ids)):
        ahead = ids[uint64(min(i + AHEAD, last))]
        prefetch(s.queue, ahead)
        prefetch(s.link, 2 * np.int64(ahead))
        page = np.int64(ids[uint64(i)])
        queue = np.int64(s.queue[uint64(page)])
        if queue == ABSENT:
            faults += 1
            queue = 0
            if s.spill[0]:
                while queue <= top and s.size[queue] >= s.most[queue]:
                    queue += 1
                if queue > top:
                    queue = 0
            if s.held[0] == s.frames[0]:
                evict(s, heads)
            lists.push(s.link, heads + queue, page)
            s.queue[uint64(page)] = queue
            s.size[queue] += 1
            s.held[0] += 1
        elif page != lists.newest(s.link, heads + top):
            lists.remove(s.link, page)
            s.size[queue] -= 1
            queue = min(queue + 1, top)
            lists.push(s.link, heads + queue, page)
            s.queue[uint64(page)] = queue
            s.size[queue] += 1
            if s.size[queue] > s.most[queue]:  # one goes down, to where the page has left a place
                down = lists.oldest(s.link, heads + queue)
                lists.remove(s.link, down)
                s.size[queue] -= 1
                queue -= 1
                lists.push(s.link, heads + queue, down)
                s.queue[down] = queue
                s.size[queue] += 1
            while queue == 0 and s.size[0] > s.most[0]:  # only what comes down from above pushes out of it
                evict(s, heads)
    return faults


@inline
def evict(s, heads):
    """The oldest page of the lowest queue that has one goes."""
    queue = 0
    while s.size[queue] == 0:
        queue += 1
    victim = lists.oldest(s.link, heads + queue)
    lists.remove(s.link, victim)
    s.queue[victim] = ABSENT
    s.size[queue] -= 1
    s.held[0] -= 1
