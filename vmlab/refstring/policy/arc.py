"""ARC: two LRU lists whose shares follow what the string asks for (Megiddo and Modha, "ARC: a self-tuning, low overhead
replacement cache", FAST 2003; the cases of its figure 4 in the comments).

    T1  pages used once          B1  numbers of pages that went from T1      |T1| + |B1| <= frames
    T2  pages used more often    B2  numbers of pages that went from T2      all four <= 2 * frames

p is the size that T1 should have: a page that comes back from B1 says T1 was too small, one from B2 that it was too large.
"""

from typing import NamedTuple

import numpy as np
from numba import uint64
from numpy.typing import NDArray

from ...jit import entry, inline, prefetch
from .. import lists
from ..state import AHEAD, register
from ..string import ReferenceString

ABSENT, T1, T2, B1, B2 = -1, 0, 1, 2, 3


class State(NamedTuple):
    frames: NDArray[np.int64]
    p: NDArray[np.float64]
    size: NDArray[np.int64]  # of each list
    where: NDArray[np.int8]  # the list of each page; ABSENT
    link: NDArray[np.int32]


def start(string: ReferenceString, frames: int) -> State:
    """Empty lists, p = 0."""
    return State(
        register(frames),
        np.zeros(1),
        np.zeros(4, np.int64),
        np.full(string.npages, ABSENT, np.int8),
        lists.circles(string.npages, 4),
    )


@entry
def run(ids, s):
    """Replay `ids`; returns how many of them fault."""
    faults = 0
    c = s.frames[0]
    last = len(ids) - 1
    for i in range(len(ids)):
        ahead = ids[uint64(min(i + AHEAD, last))]
        prefetch(s.where, ahead)
        prefetch(s.link, 2 * np.int64(ahead))
        page = np.int64(ids[uint64(i)])
        where = s.where[uint64(page)]
        if where in (T1, T2):  # case I
            if page != lists.newest(s.link, len(s.where) + T2):
                move(s, page, T2)
            continue
        faults += 1
        if where == B1:  # case II
            s.p[0] = min(float(c), s.p[0] + max(s.size[B2] / s.size[B1], 1.0))
            replace(s, False)
            move(s, page, T2)
        elif where == B2:  # case III
            s.p[0] = max(0.0, s.p[0] - max(s.size[B1] / s.size[B2], 1.0))
            replace(s, True)
            move(s, page, T2)
        else:  # case IV
            if s.size[T1] + s.size[B1] == c:
                if s.size[T1] < c:
                    forget(s, B1)
                    replace(s, False)
                else:
                    forget(s, T1)
            elif s.size[T1] + s.size[T2] + s.size[B1] + s.size[B2] >= c:
                if s.size[T1] + s.size[T2] + s.size[B1] + s.size[B2] == 2 * c:
                    forget(s, B2)
                replace(s, False)
            lists.push(s.link, len(s.where) + T1, page)
            s.where[uint64(page)] = T1
            s.size[T1] += 1
    return faults


@inline
def move(s, page, to):
    """A page becomes the newest of another list."""
    s.size[s.where[uint64(page)]] -= 1
    lists.remove(s.link, page)
    lists.push(s.link, len(s.where) + to, page)
    s.where[uint64(page)] = to
    s.size[to] += 1


@inline
def forget(s, k):
    """The oldest of list k is forgotten."""
    page = lists.oldest(s.link, len(s.where) + k)
    lists.remove(s.link, page)
    s.where[uint64(page)] = ABSENT
    s.size[k] -= 1


@inline
def replace(s, from_b2):
    """The oldest of T1 goes if T1 is larger than p, else the oldest of T2; its number stays (the paper's REPLACE)."""
    t1 = s.size[T1]
    if t1 > 0 and (t1 > s.p[0] or (from_b2 and t1 == s.p[0]) or s.size[T2] == 0):
        move(s, lists.oldest(s.link, len(s.where) + T1), B1)
    else:
        move(s, lists.oldest(s.link, len(s.where) + T2), B2)
