"""LFU, least frequently used: the page with the fewest references goes (Silberschatz, 10.4.6, counting-based replacement).

A page counts from 0 each time it comes in. What was used much long ago stays: that is what `aging` mends. As with exact LRU
no real MMU counts references. frames.word is the count.
"""

from ...jit import inline, njit
from .. import frames
from ..state import NONE


@njit
def victim(s):
    """The page with the fewest references; of several, the one that came first. It looks at every page."""
    m = s.machine[0]
    best = NONE
    f = m.tail
    while f != NONE:
        m.scanned += 1
        if frames.takeable(s, f) and (best == NONE or s.frames[f].word < s.frames[best].word):
            best = f
        f = s.frames[f].prev
    return best


@inline
def touched(s, f):
    """One reference more."""
    s.frames[f].word += 1
