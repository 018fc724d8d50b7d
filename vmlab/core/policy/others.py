"""The switches of the policies that stand beside the fault path, not in it: each a real call, so that they cost the others
nothing, neither in time nor in what the compiler has to optimise."""

from ...jit import njit
from ..state import NONE
from . import aging, lfu, linux, mglru, nru, queue, random, wsclock
from .number import Policy


@njit
def victim(s):
    """The frame to empty next, or NONE if none can be taken."""
    p = s.machine[0].policy
    if p == Policy.RANDOM:
        return random.victim(s)
    if p == Policy.NRU:
        return nru.victim(s)
    if p == Policy.LFU:
        return lfu.victim(s)
    if p == Policy.AGING:
        return aging.victim(s)
    if p == Policy.WSCLOCK:
        return wsclock.victim(s)
    if p == Policy.LINUX:
        return linux.victim(s)
    if p == Policy.MGLRU:
        return mglru.victim(s)
    return NONE


@njit
def came(s, f, word):
    """Frame f holds a new page, whose page word was `word` before."""
    p = s.machine[0].policy
    if p == Policy.LFU or p == Policy.AGING:
        queue.push(s, f)
    elif p == Policy.WSCLOCK:
        wsclock.used(s, f)
    elif p == Policy.LINUX:
        linux.came(s, f, word)
    elif p == Policy.MGLRU:
        mglru.came(s, f, word)


@njit
def gone(s, f):
    """The page in frame f has left."""
    p = s.machine[0].policy
    if p == Policy.LFU or p == Policy.AGING:
        queue.remove(s, f)
    elif p == Policy.LINUX:
        linux.gone(s, f)
    elif p == Policy.MGLRU:
        mglru.gone(s, f)


@njit
def cold(s, f):
    """The page in frame f is not needed soon."""
    p = s.machine[0].policy
    if p == Policy.LFU or p == Policy.AGING:
        s.frames[f].word = 0
        queue.remove(s, f)
        queue.push_last(s, f)
    elif p == Policy.WSCLOCK:
        wsclock.cold(s, f)
    elif p == Policy.LINUX:
        linux.cold(s, f)
    elif p == Policy.MGLRU:
        mglru.cold(s, f)


@njit
def used(s, f):
    """read(2) or write(2) has used the page in frame f."""
    p = s.machine[0].policy
    if p == Policy.WSCLOCK:
        wsclock.used(s, f)
    elif p == Policy.LINUX:
        linux.used(s, f)


@njit
def shadow(s, f):
    """What to remember of the page in frame f, which is being evicted."""
    p = s.machine[0].policy
    if p == Policy.LINUX:
        return linux.shadow(s, f)
    if p == Policy.MGLRU:
        return mglru.shadow(s, f)
    return 0


@njit
def tick(s):
    """A tick of the clock is due."""
    m = s.machine[0]
    if m.policy == Policy.AGING:
        aging.tick(s)
    m.tick_due += m.tick
