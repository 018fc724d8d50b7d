"""Lists of frames, for policies that keep more than one: s.lists[k], linked through frames.prev and frames.next.

The lowest bits of frames.word say on which list a frame is; the bits above are the policy's.
"""

from typing import Any

from ...jit import njit
from ..state import NONE, SHADOW, State
from . import queue

WHICH = 7  # the bits of frames.word that name the list


@njit
def push(s, k, f):
    """Frame f, which is on no list, becomes the newest of list k."""
    fr = s.frames[f]
    of = s.lists[k]
    fr.word = (fr.word & ~WHICH) | k
    fr.prev = NONE
    fr.next = of.head
    if of.head != NONE:
        s.frames[of.head].prev = f
    else:
        of.tail = f
    of.head = f
    of.length += 1


@njit
def remove(s, f):
    """Frame f leaves its list."""
    fr = s.frames[f]
    of = s.lists[fr.word & WHICH]
    if fr.prev != NONE:
        s.frames[fr.prev].next = fr.next
    else:
        of.head = fr.next
    if fr.next != NONE:
        s.frames[fr.next].prev = fr.prev
    else:
        of.tail = fr.prev
    fr.prev = NONE
    fr.next = NONE
    of.length -= 1


@njit
def move(s, f, k):
    """Frame f leaves its list and becomes the newest of list k."""
    remove(s, f)
    push(s, k, f)


@njit
def move_last(s, f, k):
    """Frame f leaves its list and becomes the oldest of list k."""
    remove(s, f)
    fr = s.frames[f]
    of = s.lists[k]
    fr.word = (fr.word & ~WHICH) | k
    fr.next = NONE
    fr.prev = of.tail
    if of.tail != NONE:
        s.frames[of.tail].next = f
    else:
        of.head = f
    of.tail = f
    of.length += 1


def fill(s: State, k: int, order: Any) -> None:
    """Put frames that are on no list onto the empty list k, oldest first."""
    tail, head = queue.link(s, order)
    s.lists[k] = (head, tail, len(order))
    s.frames["word"][order] |= k


def dissolve(s: State) -> None:
    """Take every frame off its list, and forget what is remembered of pages that were evicted."""
    s.lists["head"] = s.lists["tail"] = NONE
    s.lists["length"] = 0
    s.shadows[:] = 0
    s.pages[s.pages & SHADOW != 0] = 0
