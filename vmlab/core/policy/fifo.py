"""FIFO: the page that came first goes first (Silberschatz, 10.4.2; suffers Belady's anomaly, CACM 1969)."""

from ...jit import njit
from . import queue


@njit
def victim(s):
    """The page that came first."""
    return queue.oldest(s)
