"""SIEVE: a hand sweeps the queue from old to new, sparing visited pages where they stand (Zhang, Yang, Yue, Vigfusson, Rashmi,
"SIEVE is simpler than LRU", NSDI 2024).

SIEVE never moves a page, so the queue is a log in order of arrival, with holes where pages were evicted. New pages are written
at its end; when it is full the holes are squeezed out, which happens once in at least `frames` faults.

    log     a  -  c  -  -  f  g  h      the hand goes right; from the end it goes on at the oldest
                  ^hand        ^end
"""

from typing import NamedTuple

import numpy as np
from numba import uint64
from numpy.typing import NDArray

from ...jit import entry, inline, njit, prefetch
from .. import calm
from ..state import AHEAD, register
from ..string import ReferenceString

ABSENT, RESIDENT, VISITED = 0, 1, 2
HOLE = np.uint32(0xFFFF_FFFF)
SWEEP = 16  # entries ahead of the hand whose page's note is asked for


class State(NamedTuple):
    frames: NDArray[np.int64]
    hand: NDArray[np.int64]
    end: NDArray[np.int64]
    used: NDArray[np.int64]  # frames that hold a page
    note: NDArray[np.uint8]  # of each page: ABSENT, RESIDENT or VISITED
    log: NDArray[np.uint32]


def start(string: ReferenceString, frames: int) -> State:
    """Empty frames and an empty log."""
    return State(
        register(frames),
        register(),
        register(),
        register(),
        np.zeros(string.npages, np.uint8),
        np.full(2 * frames + SWEEP, HOLE, np.uint32),
    )


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
    """References from first to stop - 1, of which many fault."""
    faults = 0
    for i in range(max(first, 0), stop):
        prefetch(s.note, ids[uint64(i + AHEAD)])
        faults += refer(s, ids[uint64(i)])
    return faults


@njit
def rarely(ids, first, stop, s):
    """The same where few fault: while all pages are noted as visited nothing changes."""
    faults = 0
    i = max(first, 0)
    while i < stop:
        end = min(i + calm.GROUP, stop)
        if end == i + calm.GROUP and calm.all_noted(s.note, VISITED, ids, i):
            i = end
            continue
        while i < end:
            faults += refer(s, ids[i])
            i += 1
    return faults


@inline
def refer(s, page):
    """One reference; returns 1 if it faults."""
    if s.note[page] != ABSENT:
        s.note[page] = VISITED
        return 0
    hand = s.hand[0]
    end = s.end[0]
    if s.used[0] < s.frames[0]:
        s.used[0] += 1
    else:
        while True:
            victim = s.log[hand]
            if victim != HOLE:
                if s.note[victim] != VISITED:
                    break
                s.note[victim] = RESIDENT
            hand = hand + 1 if hand + 1 < end else 0
        s.note[victim] = ABSENT
        s.log[hand] = HOLE
        while hand < end and s.log[hand] == HOLE:
            hand += 1
        if hand == end:  # nothing newer: the next sweep begins at the oldest, whatever comes until then
            hand = 0
        ahead = s.log[hand + SWEEP]
        if ahead != HOLE:
            prefetch(s.note, ahead)
    if end == len(s.log) - SWEEP:
        hand, end = squeeze(s.log, hand, end)
    s.log[end] = page
    s.hand[0] = hand
    s.end[0] = end + 1
    s.note[page] = RESIDENT
    return 1


@njit
def squeeze(log, hand, end):
    """Take the holes out of the log; returns the hand and the end, moved along."""
    to = 0
    moved = 0
    for k in range(end):
        if k == hand:
            moved = to
        if log[k] != HOLE:
            log[to] = log[k]
            to += 1
    for k in range(to, end):
        log[k] = HOLE
    return moved, to
