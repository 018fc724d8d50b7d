"""A queue of frames through frames.prev and frames.next: head is the newest, tail the oldest."""

from typing import Any

import numpy as np

from ...jit import inline
from .. import frames
from ..state import NONE, State


@inline
def push(s, f):
    """Frame f becomes the newest."""
    m = s.machine[0]
    fr = s.frames[f]
    fr.prev = NONE
    fr.next = m.head
    if m.head != NONE:
        s.frames[m.head].prev = f
    else:
        m.tail = f
    m.head = f


@inline
def push_last(s, f):
    """Frame f becomes the oldest."""
    m = s.machine[0]
    fr = s.frames[f]
    fr.prev = m.tail
    fr.next = NONE
    if m.tail != NONE:
        s.frames[m.tail].next = f
    else:
        m.head = f
    m.tail = f


@inline
def remove(s, f):
    """Frame f leaves the queue."""
    m = s.machine[0]
    fr = s.frames[f]
    if fr.prev != NONE:
        s.frames[fr.prev].next = fr.next
    else:
        m.head = fr.next
    if fr.next != NONE:
        s.frames[fr.next].prev = fr.prev
    else:
        m.tail = fr.prev
    fr.prev = NONE
    fr.next = NONE


@inline
def oldest(s):
    """The oldest frame that may be taken, or NONE."""
    m = s.machine[0]
    f = m.tail
    m.scanned += 1
    while f != NONE and not frames.takeable(s, f):
        f = s.frames[f].prev
        m.scanned += 1
    if f != NONE and s.frames[f].prev != NONE:
        frames.ahead(s, s.frames[f].prev)  # the next victim, most likely
    return f


def arrived(s: State) -> Any:
    """The frames that hold a page, in order of arrival."""
    held = np.flatnonzero(s.uses["page"][: len(s.frames)] != NONE)
    return held[np.argsort(s.frames["loaded"][held], kind="stable")]


def link(s: State, order: Any) -> tuple[int, int]:
    """Link frames that are on no list, oldest first. (The oldest, the newest)."""
    if not len(order):
        return NONE, NONE
    s.frames["prev"][order] = np.append(order[1:], NONE)
    s.frames["next"][order] = np.append(NONE, order[:-1])
    return int(order[0]), int(order[-1])


def rebuild(s: State) -> None:
    """Queue every frame that holds a page, in order of arrival: for a policy chosen while the machine runs."""
    s.machine["tail"][0], s.machine["head"][0] = link(s, arrived(s))


def dissolve(s: State) -> None:
    """Take every frame that holds a page out of the queue, or off its list."""
    held = arrived(s)
    for field in ("prev", "next"):
        s.frames[field][held] = NONE
    for register in ("head", "tail", "hand"):
        s.machine[register][0] = NONE
