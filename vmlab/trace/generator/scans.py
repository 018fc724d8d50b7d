"""Pages one after another: once, as a copy of a file does, or again and again, where LRU is at its worst."""

import numpy as np

from ..trace import Trace
from .sizes import count


def scan(pages: int) -> Trace:
    """Each page once, in order."""
    return Trace(np.arange(count("pages", pages), dtype=np.uint64), page_size=1, name=f"scan of {pages:,} pages")


def loop(pages: int, times: int) -> Trace:
    """The scan, `times` times over: with one frame too few, LRU and FIFO fault at every reference."""
    count("refs", count("pages", pages) * count("times", times))
    rounds = np.tile(np.arange(pages, dtype=np.uint64), times)
    return Trace(rounds, page_size=1, name=f"loop over {pages:,} pages, {times:,} times")
