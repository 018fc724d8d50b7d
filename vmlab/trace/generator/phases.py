"""Phases: a program stays within a few pages for a while, then moves on (Denning, The Working Set Model, CACM 11(5), 1968)."""

import numpy as np

from ...errors import TraceError
from ..trace import Trace
from .sizes import count, random


def phases(refs: int, pages: int, *, working_set: int, length: int, stray: float = 0.0, seed: int = 0) -> Trace:
    """References in phases of `length` references; in each, a new working set of that many of the `pages` pages.

    Within a phase every page of its set is as likely. stray: the share of references, 0..1, that go to any page instead.
    """
    rng = random(seed)
    if count("working_set", working_set) > count("pages", pages):
        raise TraceError(f"working_set={working_set:,} of pages={pages:,}: a working set is a part of the pages")
    if not 0 <= stray <= 1:
        raise TraceError(f"stray={stray}: it must be of 0..1")
    made = np.empty(count("refs", refs), np.uint64)
    for begin in range(0, refs, count("length", length)):
        part = made[begin : begin + length]
        part[:] = rng.choice(pages, working_set, replace=False)[rng.integers(0, working_set, len(part))]
        away = rng.random(len(part)) < stray
        part[away] = rng.integers(0, pages, int(away.sum()), np.uint64)
    return Trace(made, page_size=1, name=f"phases of {length:,} references within {working_set:,} pages")
