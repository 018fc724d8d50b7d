"""WSClock: CLOCK that keeps working sets (Carr and Hennessy, "WSClock: a simple and effective algorithm for virtual memory
management", SOSP 1981; Tanenbaum and Bos, Modern Operating Systems, 3.4.9).

A page belongs to the working set while it was used within the last machine.window references. The hand notes the time at each
page whose accessed bit it finds set, and clears it; a page that was last seen longer ago than the window has left the working
set. frames.word is when the page was last seen in use. Carr and Hennessy count the time of each process for itself; here one
clock, the machine's references, runs for all.
"""

from typing import Any

from ...jit import njit
from .. import frames
from ..state import NONE, State


@njit
def victim(s):
    """From the hand on: the first clean page outside the working set; else the first dirty one outside of it, whose write would
    have begun first and so be done first. If all are in the working set, the first clean page, else the first. NONE if none
    may be taken."""
    m = s.machine[0]
    n = s.frames.shape[0]
    outside = NONE  # the first page of each kind
    clean = NONE
    first = NONE
    f = m.hand
    for _ in range(n):
        f = f + 1 if f + 1 < n else 0
        m.scanned += 1
        if not frames.takeable(s, f):
            continue
        dirty = frames.dirty(s, f)
        if frames.test_and_clear_accessed(s, f):
            s.frames[f].word = m.now
        elif m.now - s.frames[f].word > m.window:
            if not dirty:
                m.hand = f
                return f
            if outside == NONE:
                outside = f
        if first == NONE:
            first = f
        if not dirty and clean == NONE:
            clean = f
    if outside == NONE:
        outside = clean if clean != NONE else first
    if outside != NONE:
        m.hand = outside
    return outside


@njit
def used(s, f):
    """The page in frame f is in use now."""
    s.frames[f].word = s.machine[0].now


@njit
def cold(s, f):
    """The page in frame f has left the working set."""
    s.frames[f].word = s.machine[0].now - s.machine[0].window - 1


def begin(s: State) -> None:
    """Of the pages in memory it is known when they came."""
    words: Any = s.frames["word"]
    words[:] = s.frames["loaded"]
