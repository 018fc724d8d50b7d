"""The last references, and how many pages of each process are among them: working sets, W(t, window) of Denning (CACM 11(5), 1968).

    recent   [ .. | t-3 | t-2 | t-1 | oldest .. ]   a ring by time: tag + 1 of each reference, 0 where there is none to tell

The TLB and the accessed bits forget what was used when, and a page that was evicted is in neither; references are few enough to
be remembered. A bulk run notes its last ones when it ends or is sampled, so the loop of the hits knows nothing of this.
"""

from ..jit import inline, njit
from .state import ASID_SHIFT, SAMPLED_PROCS, WINDOWS, State

SHORTEST, LONGEST = 64, 1 << 13  # references that the longest window may look back


def length(nframes: int) -> int:
    """How far the longest window looks back: so many references that a working set may be several times the RAM."""
    return min(max(SHORTEST, 1 << (8 * nframes - 1).bit_length()), LONGEST)


def windows(longest: int) -> list[int]:
    """The windows in references, shortest first, each four times the one before."""
    return [longest >> 2 * (WINDOWS - 1 - k) for k in range(WINDOWS)]


@inline
def remember(s, time, tag):
    """Reference number `time` was to the page of `tag`."""
    s.recent[time & (s.recent.shape[0] - 1)] = tag + 1


@njit
def remember_run(s, addresses, start, stop, then, asid):
    """References start..stop-1 of a run were made; reference i at time then + i."""
    shift = s.machine[0].page_shift
    for i in range(max(start, stop - s.recent.shape[0]), stop):
        remember(s, then + i, asid | (addresses[i] >> shift))


def forget(s: State, row: int) -> None:
    """The process in a row has ended: who comes into that row has no part in what it did."""
    s.recent[(s.recent - 1) >> ASID_SHIFT == row] = 0


@njit
def note(s):
    """Write into the newest sample how many pages each sampled process has among the last references, for each window."""
    m = s.machine[0]
    m.wanted = 0
    n = s.recent.shape[0]
    at = m.nsample - 1
    now = s.samples[at].now
    for k in range(WINDOWS * SAMPLED_PROCS):
        s.sample_wss[at, k] = 0
    for back in range(min(n, now)):  # newest first: where a tag is met first decides which windows it is in
        tag = s.recent[(now - 1 - back) & (n - 1)]
        if tag != 0 and mark(s, tag):
            row = (tag - 1) >> ASID_SHIFT
            if row < SAMPLED_PROCS:
                for w in range(WINDOWS):
                    if back < n >> (2 * (WINDOWS - 1 - w)):
                        s.sample_wss[at, w * SAMPLED_PROCS + row] += 1
    for k in range(s.marked.shape[0]):
        s.marked[k] = 0


@inline
def mark(s, tag):
    """Put a tag into the set `marked`, which is twice as large as what it may hold. Was it new?"""
    mask = s.marked.shape[0] - 1
    at = (tag ^ (tag >> ASID_SHIFT) * 0x9E3779B1) & mask
    while s.marked[at] != 0:
        if s.marked[at] == tag:
            return False
        at = (at + 1) & mask
    s.marked[at] = tag
    return True
