"""Shorter strings with the same faults: SAD, safely allowed drop (Kaplan, Smaragdakis, Wilson, "Trace reduction for virtual memory
simulations", SIGMETRICS 1999).

A reference may be left out where no memory of at least `frames` frames, be it LRU or OPT, can tell the difference: of three uses
of a page within a stretch that touches no more than `frames` pages the middle one goes. Programs use the same few pages over
and over, so of a real trace often one reference in a hundred stays, and every further question costs a hundredth.

    frames 3      a  b  a  c  a  b  d             the second a stands between two others
    kept          a  b  .  c  a  b  d             within a stretch of 3 pages: a b c
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..jit import entry, prefetch
from . import bits
from .replaying import frame_count
from .state import AHEAD
from .string import ReferenceString, reference_string


@dataclass(frozen=True, eq=False, repr=False)
class Reduced:
    """`string`: what is left of `references` references; faults of LRU and OPT with at least `frames` frames are the same."""

    string: ReferenceString
    references: int
    frames: int

    def __repr__(self) -> str:
        return (
            f"Reduced({self.references:,} references to {len(self.string):,}, {self.references / len(self.string):.1f} times "
            f"shorter; exact for lru and opt from {self.frames:,} frames on)"
        )


def reduce(pages: Any, frames: int) -> Reduced:
    """A shorter string with the same faults under lru and opt, with `frames` frames or more.

    >>> reduce("1 2 1 3 1 2 4", frames=3).string
    ReferenceString(6 references to 4 pages: 1 2 3 1 2 4)
    """
    string = reference_string(pages)
    frames = min(frame_count(frames), string.npages)
    keep = np.ones(len(string), np.bool_)
    window = np.full(bits.words(len(string) + frames) + 1, bits.FULL)
    mark(string.ids, frames, np.full((string.npages, 2), -1, np.int32), window, keep)
    return Reduced(ReferenceString(string.ids[keep], string.npages, string.labels), len(string), frames)


@entry
def mark(ids, frames, uses, alive, keep):
    """Clear keep[i] for every reference that may go. uses[page]: its last two uses, without those that went; -1: none.

    The stretch before a reference goes back to `begin`: what LRU memory of `frames` frames has used since its last eviction's
    victim was last used, so it touches at most `frames` pages. The bitmap is that of policy/lru.py, positions from `frames` on.
    """
    begin = 0
    last = len(ids) - 1
    for i in range(len(ids)):
        prefetch(uses, 2 * np.int64(ids[min(i + AHEAD, last)]))
        page = ids[i]
        now = i + frames
        first = np.int64(uses[page, 0])
        second = np.int64(uses[page, 1])
        uses[page, 1] = now
        if second < begin:
            while not bits.get(alive, begin):
                begin += 1
            bits.clear(alive, begin)
            begin += 1
        else:
            bits.clear(alive, second)
        if first >= begin and second >= begin:
            keep[second - frames] = False
        else:
            uses[page, 0] = second
