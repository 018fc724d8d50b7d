"""Replacement policies: one file each, one line in POLICIES, one line in each switch. Every hook is (s, frame):

victim(s) -> frame    a frame is needed: name one that is takeable, or NONE    the only hook a policy must have
                      (machine.scanned counts the frames it looked at)
came(s, f, word)      a page was put into frame f; its page word was `word` before
gone(s, f)            the page in f has left
cold(s, f)            the page in f is not needed soon, by its process's word (madvise)
touched(s, f)         a reference to the page in f; only for policies in TOUCHES (exact LRU needs it, CLOCK does not)
used(s, f)            read(2) or write(2) has used the page in f; no PTE tells of that
shadow(s, f) -> word  the page in f is being evicted: what to remember of it, 0 nothing
tick(s)               a tick of the clock, each machine.tick references; only for policies in TICKS

FIFO, CLOCK and LRU are pasted into the fault path. The switches of the others stand in others.py and are called.
"""

from ...jit import inline
from ..state import NONE, State
from . import clock, fifo, lfu, linux, lists, lru, mglru, others, queue, workingset, wsclock
from .number import LAST_PASTED, Policy

POLICIES = {p.name.lower(): p for p in Policy if p != Policy.PYTHON}
TOUCHES = {Policy.LRU, Policy.LFU}
TICKS = {Policy.AGING}
QUEUES = {Policy.PYTHON, Policy.FIFO, Policy.LRU, Policy.LFU, Policy.AGING}  # every page stands in queue.py's queue
LISTS = {
    Policy.LINUX: linux.enlist,
    Policy.MGLRU: mglru.enlist,
}  # every page is on one of lists.py's lists; how a policy begins
NEVER = 1 << 62


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
    if p > LAST_PASTED:
        return others.victim(s)
    return NONE


@inline
def came(s, f, word):
    """Frame f holds a new page, whose page word was `word` before."""
    p = s.machine[0].policy
    if p > LAST_PASTED:
        others.came(s, f, word)
    elif p != Policy.CLOCK:
        queue.push(s, f)


@inline
def gone(s, f):
    """The page in frame f has left."""
    p = s.machine[0].policy
    if p > LAST_PASTED:
        others.gone(s, f)
    elif p != Policy.CLOCK:
        queue.remove(s, f)


@inline
def cold(s, f):
    """The page in frame f is not needed soon: look at it first. (CLOCK has no first; it sees the accessed bit clear.)"""
    p = s.machine[0].policy
    if p > LAST_PASTED:
        others.cold(s, f)
    elif p != Policy.CLOCK:
        queue.remove(s, f)
        queue.push_last(s, f)


@inline
def touched(s, f):
    """The page in frame f was referenced. Nobody evicts the zero page, so its frame is on no list.

    Nor is a free frame, to which a stale TLB entry of a forgetful machine may still lead.
    """
    m = s.machine[0]
    if f != m.zero_frame and not (m.forgetful and s.uses[f].page == NONE):
        if m.policy == Policy.LFU:
            lfu.touched(s, f)
        else:
            lru.touched(s, f)


@inline
def used(s, f):
    """read(2) or write(2) has used the page in frame f. Policies that live by accessed bits do not hear of it."""
    m = s.machine[0]
    if m.touches:
        touched(s, f)
    elif m.policy > LAST_PASTED:
        others.used(s, f)


@inline
def shadow(s, f):
    """The page in frame f is being evicted: the word to find when it comes back, 0 if nothing is remembered of it."""
    if s.machine[0].policy > LAST_PASTED:
        return others.shadow(s, f)
    return 0


@inline
def restored(s, f):
    """Has the page in frame f just come back, having been active before it went? To wait for it is to wait for memory
    (mm/filemap.c, folio_wait_bit_common: PG_workingset)."""
    return s.machine[0].policy == Policy.LINUX and s.frames[f].word & workingset.WORKINGSET != 0


@inline
def tick(s):
    """A tick of the clock is due."""
    others.tick(s)


def begin(s: State, number: Policy) -> None:
    """Another policy from now on, which finds the pages in memory in the order in which they came."""
    m = s.machine[0]
    if not m.policy == number == Policy.PYTHON:
        s.frames["word"][:] = 0  # else another function of the user's goes on with the notes of the last
    m.policy, m.touches = number, number in TOUCHES
    m.tick_due = m.now + m.tick if number in TICKS else NEVER
    queue.dissolve(s)
    lists.dissolve(s)
    if number in QUEUES:
        queue.rebuild(s)
    elif number in LISTS:
        LISTS[number](s)
    elif number == Policy.WSCLOCK:
        wsclock.begin(s)


def set_tick(s: State, tick: int) -> None:
    """Another length of a tick, from the next reference on."""
    m = s.machine[0]
    m.tick = tick
    if m.policy in TICKS:
        m.tick_due = m.now + tick
