"""S3-FIFO: three FIFO queues, since most pages are used once (Yang, Zhang, Qiu, Yue, Rashmi, "FIFO queues are all you need for
cache eviction", SOSP 2023, algorithm 1).

    S  small, a tenth of the frames: what comes; its oldest goes to M if it was used twice more, else its number goes to G
    M  main, the others: its oldest is spared as long as it was used since, one use less for each time
    G  ghost: numbers of as many pages as M may hold; a page that comes while its number is there goes to M

A page counts up to 3 uses, and begins anew where it goes to M (section 4.1). variant "paper" is the algorithm line by line: room
is made before G is asked, which may forget the very page that comes; and where a page that goes from S to M is one too many there,
one of M goes too, which may be that page. "libcachesim": G is asked first; M takes the frame that S gives up; and until memory is
full for the first time, what comes while S is full goes to M.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...jit import entry, inline, prefetch
from .. import lists
from ..state import AHEAD, register
from ..string import ReferenceString

ABSENT, S, M, G = -1, 0, 1, 2
MOST_USES = 3
VARIANTS = {"paper": 0, "libcachesim": 1}


class State(NamedTuple):
    variant: NDArray[np.int64]  # of VARIANTS
    filled: NDArray[np.int64]  # 1: memory has been full
    most: NDArray[np.int64]  # of S, M and G
    size: NDArray[np.int64]
    where: NDArray[np.int8]  # the queue of each page; ABSENT
    uses: NDArray[np.int8]  # of each page since it came, or since it was spared
    link: NDArray[np.int32]


def start(string: ReferenceString, frames: int, small: float = 0.1, variant: str = "paper") -> State:
    """Empty queues. small: the share of S, at least one frame. ValueError."""
    if not 0 <= small <= 1:
        raise ValueError(f"small is a share of the frames, 0 to 1, not {small!r}")
    if variant not in VARIANTS:
        raise ValueError(f"variant is one of {', '.join(VARIANTS)}, not {variant!r}")
    s = max(1, int(frames * small))
    return State(
        register(VARIANTS[variant]),
        register(),
        np.array([s, frames - s, int(frames * (1 - small))]),
        np.zeros(3, np.int64),
        np.full(string.npages, ABSENT, np.int8),
        np.zeros(string.npages, np.int8),
        lists.circles(string.npages, 3),
    )


@entry
def run(ids, s):
    """Replay `ids`; returns how many of them fault."""
    faults = 0
    frames = s.most[S] + s.most[M]
    last = len(ids) - 1
    for i in range(len(ids)):
        ahead = ids[min(i + AHEAD, last)]
        prefetch(s.where, ahead)
        prefetch(s.uses, ahead)
        page = np.int64(ids[i])
        if s.where[page] in (S, M):
            s.uses[page] = min(s.uses[page] + 1, MOST_USES)
            continue
        faults += 1
        prefetch(s.link, 2 * page)
        known = False
        if s.variant[0] and s.where[page] == G:
            take(s, page)
            known = True
        while s.size[S] + s.size[M] >= frames:
            s.filled[0] = 1
            if s.size[S] >= s.most[S] or s.size[M] == 0:
                evict_small(s)
            else:
                evict_main(s)
        if s.where[page] == G:
            take(s, page)
            known = True
        early = s.variant[0] and not s.filled[0] and s.size[S] >= s.most[S]
        put(s, page, M if known or early else S)
    return faults


@inline
def put(s, page, k):
    """A page becomes the newest of queue k, with no uses."""
    lists.push(s.link, len(s.where) + k, page)
    s.where[page] = k
    s.uses[page] = 0
    s.size[k] += 1


@inline
def take(s, page):
    """A page leaves its queue."""
    lists.remove(s.link, page)
    s.size[s.where[page]] -= 1
    s.where[page] = ABSENT


@inline
def evict_small(s):
    """From S, the oldest first: those used twice or more go to M, the first other one goes, and G remembers it."""
    evicted = False
    while not evicted and s.size[S] > 0:
        page = lists.oldest(s.link, len(s.where) + S)
        take(s, page)
        if s.uses[page] > 1:
            put(s, page, M)
            if not s.variant[0] and s.size[M] > s.most[M]:
                evict_main(s)
        else:
            evicted = True
            if s.most[G] > 0:
                if s.size[G] == s.most[G]:
                    take(s, lists.oldest(s.link, len(s.where) + G))
                put(s, page, G)


@inline
def evict_main(s):
    """From M, the oldest first: those used since are spared and lose a use, the first other one goes."""
    evicted = False
    while not evicted and s.size[M] > 0:
        page = lists.oldest(s.link, len(s.where) + M)
        uses = s.uses[page]
        take(s, page)
        if uses > 0:
            put(s, page, M)
            s.uses[page] = uses - 1
        else:
            evicted = True
