"""A policy run over a string, part by part: long runs say how far they are, and Ctrl-C ends them between two parts.

A kernel that counts references keeps positions from where its state was made, in 32 bits or in a bitmap. So that it needs no room
for all the references of a file, its policy has `renew(state)`: positions are counted anew from the pages in memory, and memory
stays as it is. It is called in time.
"""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .bar import Tell
from .filestring import FileString
from .string import ReferenceString

FIRST = 1 << 10  # references of the first part
SECONDS = 0.05  # that a part should take
FASTER = 8  # times as long as the part before it a part is at most
LOOKS = 1 << 26  # at frames, in a part of a policy that may look at every frame at each fault: about 0.1 s
REACH = 1 << 24  # references between two renewals, at least: a bitmap of 2 MiB
FARTHEST = 1 << 29  # and at most

AnyString = ReferenceString | FileString


@dataclass(frozen=True)
class Room:
    """What a policy's `start` is given in place of a string in a file: its length is that between two renewals."""

    npages: int
    references: int  # of the whole string
    between: int
    labels: NDArray[np.uint64] | None = None

    def __len__(self) -> int:
        return self.between


def room(p: Any, string: AnyString) -> "ReferenceString | Room":
    """What `start` of policy p is given: a string in memory itself, or the room that one in a file needs."""
    return (
        string
        if isinstance(string, ReferenceString)
        else Room(string.npages, len(string), _between(p, string), string.labels)
    )


def _between(p: Any, string: AnyString) -> int:
    """References that may be replayed before the state is renewed."""
    if isinstance(string, ReferenceString) or not hasattr(p, "renew"):
        return len(string)
    return min(max(REACH, 4 * string.npages), FARTHEST, len(string))


class Feed:
    """Hands references to policy p, whose state it is given: `feed(ids)` returns how many of them fault."""

    def __init__(self, p: Any, string: AnyString, state: Any) -> None:
        self._p, self._state = p, state
        self.most = self._left = _between(p, string)

    def __call__(self, ids: NDArray[np.uint32]) -> int:
        """At most `most` references."""
        if self._left < len(ids):
            self._p.renew(self._state)
            self._left = self.most
        self._left -= len(ids)
        return int(self._p.run(ids, self._state))


def run(p: Any, string: AnyString, state: Any, frames: int, tell: Tell) -> int:
    """The faults of the whole string. tell(share) is called between two parts; what it raises ends the run."""
    feed = Feed(p, string, state)
    most = min(feed.most, max(1, LOOKS // frames)) if getattr(p, "LOOKS_AT_ALL", False) else feed.most
    faults, size, before = 0, min(FIRST, most), 0.0
    for ids, share in string.parts():
        at = 0
        while at < len(ids):
            part = ids[at : at + size]
            began = time.perf_counter()
            faults += feed(part)
            taken = time.perf_counter() - began
            at += len(part)
            if len(part) == size:
                size = min(max(1, int(size * SECONDS / max(taken, 1e-9))), size * FASTER, most)
            tell(before + (share - before) * at / len(ids))
        before = share
    return faults
