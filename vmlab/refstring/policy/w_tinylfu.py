r"""W-TinyLFU: a page gets into main memory only if it is used more often than the one it would push out (Einziger, Friedman,
Manes, "TinyLFU: a highly efficient cache admission policy", ACM Transactions on Storage 13(4), 2017).

    fault -> [ window: LRU, 1 % of the frames ] -> oldest: the candidate
                                                      |  more often used than the victim?   no: the candidate goes
    [ main: SLRU, 80 % protected ] oldest: the victim <-+  yes: it takes the victim's place

How often is asked of a sketch, not of a count for each page: four rows of counters, in each of which the page's hash names one;
the lowest of the four is the estimate (count-min; Cormode and Muthukrishnan, 2005). Only the lowest are counted up, to 15 at
most, and when `sample` times as many references as frames were counted all counters are halved, so that old fame fades.

    reference -> [ doorkeeper: seen in this sample? ] -> no: now it is      estimate = the sketch's, and 1 if the doorkeeper
                                                      \-> yes: the sketch               has seen the page

Most pages are used once; the doorkeeper, a Bloom filter of three hashes (Bloom, CACM 13(7), 1970) that is emptied where the
counters are halved, keeps them out of the sketch (section 3.4.2). It has at least 4 bits for each reference of a sample.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...jit import entry, inline, njit, prefetch
from .. import bits, lists
from ..state import AHEAD
from ..string import ReferenceString

ABSENT, WINDOW, PROBATION, PROTECTED = -1, 0, 1, 2
ROWS, MOST = 4, 15
# One odd multiplier for each row, then for each hash of the doorkeeper: multiplicative hashing (Knuth)
ODD = (0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D, 0x27D4EB2F, 0x165667B1, 0xCC9E2D51, 0x1B873593)
WIDEST = 1 << 30  # bits of the doorkeeper


class State(NamedTuple):
    most: NDArray[np.int64]  # of WINDOW, main, PROTECTED, and references until the counters are halved
    size: NDArray[np.int64]  # of WINDOW, PROBATION, PROTECTED, and references counted
    where: NDArray[np.int8]  # the list of each page; ABSENT
    sketch: NDArray[np.uint8]  # [row, counter]; a row's length is a power of two
    odd: NDArray[np.int64]
    door: NDArray[np.int64]  # a bitmap, whose length is a power of two
    link: NDArray[np.int32]


def start(
    string: ReferenceString, frames: int, window: float = 0.01, protected: float = 0.8, sample: int = 10
) -> State:
    """Empty lists. window: its share of the frames, at least one; protected: the share of what is left. ValueError."""
    for name, share in (("window", window), ("protected", protected)):
        if not 0 <= share <= 1:
            raise ValueError(f"{name} is a share, 0 to 1, not {share!r}")
    if sample < 1:
        raise ValueError(f"sample is at least 1, not {sample!r}")
    w = max(1, int(frames * window))
    main = frames - w
    width = 1 << max(4, (frames - 1).bit_length())
    return State(
        np.array([w, main, int(main * protected), sample * frames]),
        np.zeros(4, np.int64),
        np.full(string.npages, ABSENT, np.int8),
        np.zeros((ROWS, width), np.uint8),
        np.array(ODD),
        np.zeros(min(max(64, 1 << (4 * sample * frames - 1).bit_length()), WIDEST) >> 6, np.int64),
        lists.circles(string.npages, 3),
    )


@entry
def run(ids, s):
    """Replay `ids`; returns how many of them fault."""
    faults = 0
    heads = len(s.where)
    last = len(ids) - 1
    for i in range(len(ids)):
        ahead = np.int64(ids[min(i + AHEAD, last)])
        prefetch(s.where, ahead)
        prefetch(s.link, 2 * ahead)
        for row in range(ROWS):
            prefetch(s.sketch, row * s.sketch.shape[1] + place(s, row, ahead))
        for k in range(ROWS, len(ODD)):
            prefetch(s.door, knock(s, k, ahead) >> 6)
        page = np.int64(ids[i])
        count_up(s, page)
        where = s.where[page]
        if where == ABSENT:
            faults += 1
            lists.push(s.link, heads + WINDOW, page)
            s.where[page] = WINDOW
            s.size[WINDOW] += 1
            if s.size[WINDOW] > s.most[0]:
                admit(s)
        elif where == WINDOW:
            lists.remove(s.link, page)
            lists.push(s.link, heads + WINDOW, page)
        else:
            move(s, page, PROTECTED)
            if s.size[PROTECTED] > s.most[2]:
                move(s, lists.oldest(s.link, heads + PROTECTED), PROBATION)
    return faults


@inline
def admit(s):
    """The window's oldest goes to main memory, in the place of a page that is used less; if there is none it leaves."""
    heads = len(s.where)
    candidate = lists.oldest(s.link, heads + WINDOW)
    if s.size[PROBATION] + s.size[PROTECTED] >= s.most[1]:
        victim = lists.oldest(s.link, heads + (PROBATION if s.size[PROBATION] > 0 else PROTECTED))
        if s.most[1] == 0 or estimate(s, candidate) <= estimate(s, victim):
            leave(s, candidate)
            return
        leave(s, victim)
    move(s, candidate, PROBATION)


@inline
def move(s, page, to):
    """A page becomes the newest of another list."""
    s.size[s.where[page]] -= 1
    lists.remove(s.link, page)
    lists.push(s.link, len(s.where) + to, page)
    s.where[page] = to
    s.size[to] += 1


@inline
def leave(s, page):
    """A page leaves memory."""
    s.size[s.where[page]] -= 1
    lists.remove(s.link, page)
    s.where[page] = ABSENT


@inline
def place(s, row, page):
    """The page's counter in a row: the high bits of its number times the row's odd multiplier, modulo 2**32."""
    return (((page + 1) * s.odd[row]) & 0xFFFF_FFFF) * s.sketch.shape[1] >> 32


@inline
def knock(s, k, page):
    """The page's bit of the doorkeeper by hash k, in the same way."""
    return (((page + 1) * s.odd[k]) & 0xFFFF_FFFF) * (len(s.door) << 6) >> 32


@inline
def seen(s, page):
    """Does the doorkeeper say that the page was used in this sample? It may be wrong if so, never if not."""
    known = True
    for k in range(ROWS, len(ODD)):
        known &= bits.get(s.door, knock(s, k, page)) != 0
    return known


@inline
def lowest(s, page):
    """The lowest of the page's counters."""
    low = MOST
    for row in range(ROWS):
        low = min(low, np.int64(s.sketch[row, place(s, row, page)]))
    return low


@inline
def estimate(s, page):
    """How often the page was used of late: never too low, but for halving."""
    return lowest(s, page) + np.int64(seen(s, page))


@inline
def count_up(s, page):
    """One use more: at the doorkeeper, or in those rows whose counter is the lowest. After a sample's worth all are halved."""
    if seen(s, page):
        low = lowest(s, page)
        if low < MOST:
            for row in range(ROWS):
                if s.sketch[row, place(s, row, page)] == low:
                    s.sketch[row, place(s, row, page)] = low + 1
    else:
        for k in range(ROWS, len(ODD)):
            bits.put(s.door, knock(s, k, page))
    s.size[3] += 1
    if s.size[3] == s.most[3]:
        halve(s)


@njit
def halve(s):
    """Old fame fades."""
    s.size[3] = 0
    for row in range(s.sketch.shape[0]):
        for k in range(s.sketch.shape[1]):
            s.sketch[row, k] >>= 1
    for word in range(len(s.door)):
        s.door[word] = 0
