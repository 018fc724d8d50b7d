"""Random: any page goes (Silberschatz, 10.4; OSTEP, 22.4). Nothing to keep, no worst case to fall into, and no use of the past.

The numbers are those of Park and Miller, "Random number generators: good ones are hard to find", CACM 31(10), 1988, with the
multiplier they recommended in 1993. Their state is machine.random, so that a run with the same seed is the same run.
"""

from ...jit import njit
from .. import frames
from ..state import NONE

MODULUS, MULTIPLIER = (1 << 31) - 1, 48271


@njit
def victim(s):
    """A frame drawn from all; if its page may not be taken, the next one whose page may."""
    m = s.machine[0]
    n = s.frames.shape[0]
    f = draw(s, n)
    for _ in range(n):
        m.scanned += 1
        if frames.takeable(s, f):
            return f
        f = f + 1 if f + 1 < n else 0
    return NONE


@njit
def draw(s, n):
    """A number from 0 to n - 1; n at most 2**31."""
    m = s.machine[0]
    x = m.random & MODULUS
    if x == 0 or x == MODULUS:  # a seed from which all numbers would be 0
        x = 1
    m.random = x * MULTIPLIER % MODULUS
    return m.random * n >> 31
