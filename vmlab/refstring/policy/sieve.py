"""SIEVE: a hand sweeps the queue from old to new, sparing visited pages where they stand (Zhang, Yang, Yue, Vigfusson, Rashmi,
"SIEVE is simpler than LRU", NSDI 2024). Visited is what an ACCESSED bit says (hand.py); a page comes without.

SIEVE never moves a page, so the queue is a log in order of arrival, with holes where pages were evicted. New pages are written
at its end; when it is full the holes are squeezed out, which happens once in at least `frames` faults.

    log     a  -  c  -  -  f  g  h      the hand goes right; from the end it goes on at the oldest
                  ^hand        ^end
"""

from typing import NamedTuple

import numpy as np
from numba import uint64
from numpy.typing import NDArray

from ...jit import entry, inline, njit, prefetch_to_read
from .. import calm
from ..calm import APART, MANY
from ..hand import ACCESSED, IN, NEAR, tell_apart
from ..state import AHEAD, FAR, register
from ..string import ReferenceString

HOLE = np.uint32(0xFFFF_FFFF)
STEP = 16  # entries that are looked at together, ahead of the hand


class State(NamedTuple):
    frames: NDArray[np.int64]
    used: NDArray[np.int64]  # frames that hold a page
    hand: NDArray[np.int64]
    near: NDArray[np.int64]  # entries from the hand to this one hold pages noted as NEAR
    victims: NDArray[np.int64]  # of these pages, that are not ACCESSED
    end: NDArray[np.int64]
    new: NDArray[np.uint8]  # the note of a page that comes
    note: NDArray[np.uint8]  # of each page
    log: NDArray[np.uint32]
    came: NDArray[np.uint32]  # the pages that faulted in a group


def start(string: ReferenceString, frames: int) -> State:
    """Empty frames and an empty log."""
    return State(
        register(frames),
        register(),
        register(),
        register(),
        register(),
        register(),
        np.array([IN], np.uint8),
        np.zeros(string.npages, np.uint8),
        np.full(2 * frames + APART, HOLE, np.uint32),
        np.zeros(APART, np.uint32),
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
    """References from first to stop - 1, of which many fault: in groups, where that is possible."""
    faults = 0
    i = max(first, 0)
    while i < stop:
        n = min(APART, stop - i)
        if look_ahead(s):
            done, missed = tell_apart(ids, i, n, s.note, s.new[0], s.came)
            if missed > 0:
                sweep(s, missed)
            faults += missed
            i += done
            n = min(n - done, 1)  # the one to a page that is NEAR
        faults += one_by_one(ids, i, i + n, s)
        i += n
    return faults


@inline
def look_ahead(s):
    """Note pages ahead of the hand as NEAR, until a group can find its victims among them. False if it cannot.

    If the hand is so close to the newest page that there are too few, those that come are NEAR as well: one for each that goes.
    """
    if s.used[0] < s.frames[0] or s.frames[0] < MANY:
        return False
    if s.end[0] + APART > len(s.log):
        squeeze(s)
    near = s.near[0]
    victims = s.victims[0]
    while victims < APART and near < s.end[0]:
        for k in range(near, min(near + STEP, s.end[0])):
            page = s.log[uint64(k)]
            if page != HOLE:
                before = s.note[page]
                s.note[page] = before | NEAR
                victims += np.int64(before & ACCESSED == 0)
        near = min(near + STEP, s.end[0])
    s.near[0] = near
    s.victims[0] = victims
    s.new[0] = IN if victims >= APART else IN | NEAR
    return victims > 1  # with one, the hand would begin anew within the group


@inline
def sweep(s, n):
    """Those that came are the newest; the hand goes on, past pages that are all NEAR, until n of these are gone."""
    for k in range(n):
        s.log[uint64(s.end[0] + k)] = s.came[uint64(k)]
    hand = s.hand[0]
    left = n
    while left > 0:
        page = s.log[uint64(hand)]
        if page != HOLE:
            spared = np.int64(s.note[page] >> 1 & 1)
            s.note[page] = spared * IN
            s.log[uint64(hand)] = page | spared - 1  # a hole has all bits set
            left -= 1 - spared
        hand += 1
    s.end[0] += n
    rest(s, hand)
    if s.new[0] & NEAR:
        s.near[0] = s.end[0]
    else:
        s.victims[0] -= n


@inline
def rest(s, hand):
    """The hand stops at the next page. If nothing is newer, the next sweep begins at the oldest, whatever comes until then."""
    end = s.end[0]
    while hand < end and s.log[uint64(hand)] == HOLE:
        hand += 1
    s.hand[0] = hand if hand < end else 0
    s.near[0] = max(s.near[0], hand) if hand < end else 0


@njit
def rarely(ids, first, stop, s):
    """The same where few fault: while all pages are noted as ACCESSED nothing changes."""
    faults = 0
    i = max(first, 0)
    while i < stop:
        end = min(i + calm.GROUP, stop)
        prefetch_to_read(ids, uint64(i + FAR))
        if not (end == i + calm.GROUP and calm.all_noted(s.note, ACCESSED, ids, i)):
            faults += one_by_one(ids, i, end, s)
        i = end
    return faults


@njit
def one_by_one(ids, first, stop, s):
    """References from first to stop - 1, each after the other."""
    faults = 0
    for i in range(max(first, 0), stop):
        page = ids[uint64(i)]
        before = s.note[page]
        if before & IN:
            s.victims[0] -= np.int64(before == IN | NEAR)
            s.note[page] = before | ACCESSED
        else:
            faults += 1
            if s.used[0] < s.frames[0]:
                s.used[0] += 1
            else:
                evict_one(s)
            if s.end[0] == len(s.log):
                squeeze(s)
            s.log[uint64(s.end[0])] = page
            s.end[0] += 1
            s.note[page] = IN
    return faults


@inline
def evict_one(s):
    """The hand goes on to the next page that is not ACCESSED, and that one goes."""
    hand = s.hand[0]
    while True:
        page = s.log[uint64(hand)]
        if page != HOLE:
            before = s.note[page]
            s.note[page] = IN if before & ACCESSED else 0
            if not before & ACCESSED:
                break
        hand += 1
        if hand == s.end[0]:
            hand = 0
            s.near[0] = 0
    s.victims[0] -= np.int64(before & NEAR != 0)
    s.log[uint64(hand)] = HOLE
    rest(s, hand)


@njit
def squeeze(s):
    """Take the holes out of the log."""
    hand = squeezed(s.log, 0, s.hand[0], 0)
    near = squeezed(s.log, s.hand[0], s.near[0], hand)
    end = squeezed(s.log, s.near[0], s.end[0], near)
    s.log[end : s.end[0]] = HOLE
    s.hand[0] = hand
    s.near[0] = near
    s.end[0] = end


@inline
def squeezed(log, first, stop, to):
    """Move the pages of log[first:stop] to `to` and on; returns where that ends. Every entry is written, a hole is written over."""
    for k in range(first, stop):
        page = log[uint64(k)]
        log[uint64(to)] = page
        to += np.int64(page != HOLE)
    return to
