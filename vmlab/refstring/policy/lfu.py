"""LFU: the page with the fewest references goes; it counts from 1 each time it comes in (Silberschatz, 10.4.6, counting-based
replacement; Robinson and Devarakonda, "Data cache management using frequency-based replacement", SIGMETRICS 1990).

The pages stand in a heap by count, which is mended only where it matters: a hit adds to the page's count and leaves the heap
as it is. Counts only grow, so a key in the heap is never higher than the page's true one; when a page comes to the top with an
old key it is given the true one and sinks, and the first page on top with its true key is the victim.

`ties` says which of several pages with the fewest references goes: "first", the one that came first (vmlab's machine, and
Silberschatz's FIFO among equals), or "recent", the one not used for longest (libCacheSim, and the lists of Shah, Mitra, Matani,
"An O(1) algorithm for implementing the LFU cache eviction scheme", 2010).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...jit import entry, inline, njit, prefetch
from ..state import AHEAD, register
from ..string import ReferenceString

TIES = {"first": 0, "recent": 1}
COUNT = 32  # a key is count << 32 | position of the tie's reference


class State(NamedTuple):
    recent: NDArray[np.int64]  # of TIES
    now: NDArray[np.int64]  # position of the next reference
    used: NDArray[np.int64]  # frames that hold a page
    true: NDArray[np.int64]  # of each page: its key, 0: not in memory
    key: NDArray[np.int64]  # the heap: key[k] <= key[2k + 1], key[2k + 2]
    page: NDArray[np.int64]  # whose key it is


def start(string: ReferenceString, frames: int, ties: str = "first") -> State:
    """Empty frames. ValueError for what `ties` cannot be."""
    if ties not in TIES:
        raise ValueError(f"ties is one of {', '.join(TIES)}, not {ties!r}")
    return State(
        register(TIES[ties]),
        register(),
        register(),
        np.zeros(string.npages, np.int64),
        np.zeros(frames, np.int64),
        np.zeros(frames, np.int64),
    )


@entry
def run(ids, s):
    """Replay `ids`; returns how many of them fault."""
    faults = 0
    now = s.now[0]
    used = s.used[0]
    frames = len(s.key)
    recent = s.recent[0]
    last = len(ids) - 1
    for i in range(len(ids)):
        prefetch(s.true, ids[min(i + AHEAD, last)])
        page = np.int64(ids[i])
        key = s.true[page]
        if key != 0:
            key += 1 << COUNT
            s.true[page] = ((key >> COUNT) << COUNT) | now if recent else key
        else:
            faults += 1
            key = (1 << COUNT) | now
            s.true[page] = key
            if used < frames:
                rise(s, used, key, page)
                used += 1
            else:
                while s.key[0] != s.true[s.page[0]]:
                    sink(s, s.true[s.page[0]], s.page[0])
                s.true[s.page[0]] = 0
                sink(s, key, page)
        now += 1
    s.now[0] = now
    s.used[0] = used
    return faults


@inline
def rise(s, k, key, page):
    """Put a page into the free place k at the end of the heap."""
    while k > 0 and s.key[(k - 1) >> 1] > key:
        s.key[k] = s.key[(k - 1) >> 1]
        s.page[k] = s.page[(k - 1) >> 1]
        k = (k - 1) >> 1
    s.key[k] = key
    s.page[k] = page


@njit
def sink(s, key, page):
    """Put a page into the heap in place of the one on top."""
    n = len(s.key)
    k = 0
    while 2 * k + 1 < n:
        child = 2 * k + 1
        if child + 1 < n and s.key[child + 1] < s.key[child]:
            child += 1
        if s.key[child] >= key:
            break
        s.key[k] = s.key[child]
        s.page[k] = s.page[child]
        k = child
    s.key[k] = key
    s.page[k] = page


def renew(s: State) -> None:
    """Count positions anew: those in the keys become their ranks, so that every comparison comes out as before."""
    low = (1 << COUNT) - 1
    keys = s.key[: s.used[0]]
    resident = np.flatnonzero(s.true)
    true = s.true[resident]
    positions = np.unique(np.concatenate([keys & low, true & low]))
    for part in (keys, true):
        part[:] = part - (part & low) + np.searchsorted(positions, part & low)
    s.true[resident] = true
    s.now[0] = len(positions)
