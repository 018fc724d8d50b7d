"""Aging: LRU from accessed bits (Tanenbaum and Bos, Modern Operating Systems, 3.4.7).

At every tick each page's register is shifted right, its accessed bit comes in on the left and is cleared. The smallest
register has not been used for most ticks. Two pages that were both used within one tick look alike, and so do two that were
not for BITS ticks: that is how it differs from LRU. frames.word is the register, machine.tick the tick, in references.
"""

from ...jit import njit
from .. import frames
from ..state import NONE
from . import lfu

BITS = 8


@njit
def tick(s):
    """Shift every page's accessed bit into its register."""
    for f in range(s.frames.shape[0]):
        if s.uses[f].page != NONE:
            seen = 1 if frames.test_and_clear_accessed(s, f) else 0
            s.frames[f].word = (s.frames[f].word >> 1) | (seen << (BITS - 1))


@njit
def victim(s):
    """The page with the smallest register; of several, the one that came first: as LFU with its counter."""
    return lfu.victim(s)
