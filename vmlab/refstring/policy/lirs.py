"""LIRS: who was used twice within a short time stays (Jiang and Zhang, "LIRS: an efficient low inter-reference recency set
replacement policy to improve buffer cache performance", SIGMETRICS 2002).

    S   by recency: the LIR pages, which hold nearly all frames, and every page used since the oldest LIR page was
    Q   the resident HIR pages, `hir` of the frames, in the order in which they go

A HIR page that is used while it stands in S was used twice within less time than the oldest LIR page, and takes its place; that
page becomes HIR, at the end of Q. S is then pruned: its oldest entry is always a LIR page.

`stack`: numbers that S may hold, in multiples of the frames; None, as in the paper, sets no limit. Above it the page that has
been out of memory for longest is forgotten (libCacheSim: 2).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...jit import entry, inline, prefetch
from .. import lists
from ..state import AHEAD
from ..string import ReferenceString

ABSENT, LIR, HIR, OUT = 0, 1, 2, 3  # OUT: not resident, but in S
S, Q, GONE = 0, 1, 2  # GONE: the OUT pages, the longest gone is the oldest


class State(NamedTuple):
    most: NDArray[np.int64]  # LIR pages, HIR pages, entries of S
    size: NDArray[np.int64]  # LIR pages, resident HIR pages, entries of S
    kind: NDArray[np.int8]  # of each page
    in_s: NDArray[np.int8]  # of each page: is it in S?
    stack: NDArray[np.int32]  # the links of S; npages is its head
    queue: NDArray[np.int32]  # the links of Q and GONE; their heads are npages + Q, npages + GONE


def start(string: ReferenceString, frames: int, hir: float = 0.01, stack: float | None = None) -> State:
    """Empty frames. hir: the share of the frames for HIR pages, at least one. ValueError."""
    if frames < 2:
        raise ValueError("lirs needs at least 2 frames: one for a LIR page and one for a HIR page")
    if not 0 <= hir < 1:
        raise ValueError(f"hir is a share of the frames, 0 to less than 1, not {hir!r}")
    if stack is not None and not stack >= 1:
        raise ValueError(f"stack is a multiple of the frames, at least 1, not {stack!r}")
    resident_hir = min(max(1, int(hir * frames)), frames - 1)
    n = string.npages
    return State(
        np.array([frames - resident_hir, resident_hir, n if stack is None else int(stack * frames)]),
        np.zeros(3, np.int64),
        np.zeros(n, np.int8),
        np.zeros(n, np.int8),
        lists.circles(n, 1),
        lists.circles(n, 3),
    )


@entry
def run(ids, s):
    """Replay `ids`; returns how many of them fault."""
    faults = 0
    n = len(s.kind)
    last = len(ids) - 1
    for i in range(len(ids)):
        ahead = np.int64(ids[min(i + AHEAD, last)])
        prefetch(s.kind, ahead)
        prefetch(s.stack, 2 * ahead)
        prefetch(s.queue, 2 * ahead)
        page = np.int64(ids[i])
        kind = s.kind[page]
        was_in_s = s.in_s[page]
        if kind == LIR and page == lists.newest(s.stack, n):
            continue
        if kind in (ABSENT, OUT):
            faults += 1
            if s.size[0] < s.most[0]:  # the first pages are LIR
                s.kind[page] = LIR
                s.size[0] += 1
                to_top(s, page)
                continue
            if s.size[1] == s.most[1]:
                evict(s)
        if was_in_s:
            to_top(s, page)
            if kind != LIR:
                if kind == HIR:
                    s.size[1] -= 1
                lists.remove(s.queue, page)  # from Q, or from GONE
                s.kind[page] = LIR
                oldest = lists.oldest(s.stack, n)
                s.kind[oldest] = HIR
                lists.push(s.queue, n + Q, oldest)
                s.size[1] += 1
            prune(s)
        else:
            if kind == HIR:
                lists.remove(s.queue, page)
            else:
                s.kind[page] = HIR
                s.size[1] += 1
            lists.push(s.queue, n + Q, page)
            to_top(s, page)
        while s.size[2] > s.most[2] and lists.oldest(s.queue, n + GONE) != n + GONE:
            forgotten = lists.oldest(s.queue, n + GONE)
            lists.remove(s.queue, forgotten)
            s.kind[forgotten] = ABSENT
            leave_s(s, forgotten)
    return faults


@inline
def to_top(s, page):
    """A page becomes the newest of S."""
    if s.in_s[page]:
        lists.remove(s.stack, page)
    else:
        s.in_s[page] = 1
        s.size[2] += 1
    lists.push(s.stack, len(s.kind), page)


@inline
def leave_s(s, page):
    """A page leaves S."""
    lists.remove(s.stack, page)
    s.in_s[page] = 0
    s.size[2] -= 1


@inline
def evict(s):
    """The first page of Q goes; if it is in S, its number stays there."""
    n = len(s.kind)
    victim = lists.oldest(s.queue, n + Q)
    lists.remove(s.queue, victim)
    s.size[1] -= 1
    if s.in_s[victim]:
        s.kind[victim] = OUT
        lists.push(s.queue, n + GONE, victim)
    else:
        s.kind[victim] = ABSENT


@inline
def prune(s):
    """Take HIR pages off the old end of S until a LIR page stands there."""
    n = len(s.kind)
    page = lists.oldest(s.stack, n)
    while s.kind[page] != LIR:
        if s.kind[page] == OUT:
            lists.remove(s.queue, page)
            s.kind[page] = ABSENT
        leave_s(s, page)
        page = lists.oldest(s.stack, n)
