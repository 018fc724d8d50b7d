"""LRU, exact: every reference moves its page to the head (Silberschatz, 10.4.4).

No real MMU tells the kernel of every reference, so no real kernel does this; hence CLOCK. It is the yardstick.
"""

from ...jit import inline, njit
from . import queue


@njit
def victim(s):
    """The page not referenced for longest."""
    return queue.oldest(s)


@inline
def touched(s, f):
    """Frame f is the most recent."""
    if s.machine[0].head != f:
        queue.remove(s, f)
        queue.push(s, f)
