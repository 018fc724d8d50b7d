"""NRU, not recently used: CLOCK that looks at the dirty bit too (Silberschatz, 10.4.5.3, the enhanced second-chance algorithm;
Stallings, 8.2, as the Macintosh had it). Four classes, the first that has a page gives the victim:

    not accessed, clean     not accessed, dirty     accessed, clean     accessed, dirty

A dirty page must be written before its frame is free, so a clean one is the better choice.
"""

from ...jit import njit
from .. import frames
from ..state import NONE


@njit
def victim(s):
    """From the hand on: a page of the first class; else one of the second, sparing those passed by of their accessed bit; and
    both once more, for now no page is accessed. NONE if none may be taken."""
    for _ in range(2):
        f = untouched_and_clean(s)
        if f != NONE:
            return f
        f = untouched(s)
        if f != NONE:
            return f
    return NONE


@njit
def untouched_and_clean(s):
    """The first page after the hand that is neither accessed nor dirty, or NONE. Changes no bit."""
    m = s.machine[0]
    n = s.frames.shape[0]
    f = m.hand
    for _ in range(n):
        f = f + 1 if f + 1 < n else 0
        m.scanned += 1
        if frames.takeable(s, f) and not frames.accessed(s, f) and not frames.dirty(s, f):
            m.hand = f
            return f
    return NONE


@njit
def untouched(s):
    """The first page after the hand that is not accessed, or NONE. Those before it are not accessed from now on."""
    m = s.machine[0]
    n = s.frames.shape[0]
    f = m.hand
    for _ in range(n):
        f = f + 1 if f + 1 < n else 0
        m.scanned += 1
        if frames.takeable(s, f) and not frames.test_and_clear_accessed(s, f):
            m.hand = f
            return f
    return NONE
