"""Replacement policies: one file each, one line in POLICIES, one line in each switch below. Every hook is (s, frame):

victim(s) -> frame    a frame is needed: name one that is takeable, or NONE    the only hook a policy must have
                      (machine.scanned counts the frames it looked at)
came(s, f)            a page was put into frame f
gone(s, f)            the page in f has left
cold(s, f)            the page in f is not needed soon, by its process's word (madvise)
touched(s, f)         a reference to the page in f; only for policies in TOUCHES (exact LRU needs it, CLOCK does not)
"""

from enum import IntEnum

from ...jit import inline
from ..state import NONE
from . import clock, fifo, lru, queue


class Policy(IntEnum):
    """The machine's policies; PYTHON asks a function of the user's (Exit.VICTIM)."""

    PYTHON = 0
    FIFO = 1
    CLOCK = 2
    LRU = 3


POLICIES = {p.name.lower(): p for p in Policy if p != Policy.PYTHON}
TOUCHES = {Policy.LRU}


@inline
def victim(s):
    """The frame to empty next, or NONE: none can be taken, or a policy in plain Python decides."""
    p = s.machine[0].policy
    if p == Policy.CLOCK:
        return clock.victim(s)
    if p == Policy.FIFO:
        return fifo.victim(s)
    if p == Policy.LRU:
        return lru.victim(s)
    return NONE


@inline
def came(s, f):
    """Frame f holds a new page."""
    if s.machine[0].policy != Policy.CLOCK:
        queue.push(s, f)


@inline
def gone(s, f):
    """The page in frame f has left."""
    if s.machine[0].policy != Policy.CLOCK:
        queue.remove(s, f)


@inline
def cold(s, f):
    """The page in frame f is not needed soon: look at it first. (CLOCK has no first; it sees the accessed bit clear.)"""
    if s.machine[0].policy != Policy.CLOCK:
        queue.remove(s, f)
        queue.push_last(s, f)


@inline
def touched(s, f):
    """The page in frame f was referenced. Nobody evicts the zero page, so its frame is on no list.

    Nor is a free frame, to which a stale TLB entry of a forgetful machine may still lead.
    """
    m = s.machine[0]
    if f != m.zero_frame and not (m.forgetful and s.uses[f].page == NONE):
        lru.touched(s, f)
