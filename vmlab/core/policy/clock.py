"""CLOCK (Corbato, "A paging experiment with the Multics system", 1968): the hand sweeps the frames in a circle, sparing each
page touched since it last came by."""

from ...jit import inline
from .. import frames
from ..state import NONE

PREFETCH = 32  # frames ahead of the hand whose PTE and page word the host is asked for


@inline
def victim(s):
    """The next frame in the circle whose page was not touched since the last sweep; after two rounds, NONE."""
    m = s.machine[0]
    n = s.frames.shape[0]
    f = m.hand
    for k in range(2 * n + 1):
        f += 1
        if f >= n:
            f = 0
        frames.ahead(s, f + PREFETCH if f + PREFETCH < n else 0)
        if frames.takeable(s, f) and not frames.test_and_clear_accessed(s, f):
            m.hand = f
            m.scanned += k + 1
            return f
    m.scanned += 2 * n + 1
    return NONE
