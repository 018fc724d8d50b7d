"""What the machine's samples say, as arrays: counters at many moments, and where these lie on a time axis.

A sample is noted at each TLB miss that is due and at the end of a call (core/events.py): the counters between two samples are
known where at most one miss lies between them, which is the later sample's own; elsewhere they are taken to rise evenly.
"""

from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np

from ..core import clock, recent
from ..core.state import ASID_SHIFT, NONE, SAMPLED_PROCS, Kind
from .look import Look

Array = np.ndarray[Any, Any]

POINTS = 1000  # that a line may have


class Axis(StrEnum):
    """What time is counted in. The values are what people choose from."""

    REFERENCES = "references"
    EVENTS = "events"  # of the machine's ring: faults, evictions, writes, forks, ...
    TIME = "simulated time"  # in ns


POSITION = {Axis.REFERENCES: "now", Axis.EVENTS: "nevent", Axis.TIME: "ns"}  # fields of a sample


class Readings:
    """The samples of a machine, thinned, and after them the moment now; the first is at time 0.

    `at` is the index of each in State.samples, without the first and the last. `names` below are fields of SAMPLE.
    """

    def __init__(self, look: Look, most: int = POINTS - 2) -> None:
        self.look = look
        n = int(look.state.machine["nsample"][0])
        step = max(1, -(-n // most))
        self.at = np.arange(n - 1, -1, -step)[::-1]
        self._known: dict[str, Array] = {}
        self.zero = bool(
            n and look.state.samples["now"][self.at[0]] > 0
        )  # is there a first point to be put before them?

    def line(self, name: str, start: float = 0.0) -> Array:
        """The values of a field, float64; `start` is what it was at time 0."""
        if name not in self._known:
            v = self.look.state.samples[name][self.at].astype(float)
            self._known[name] = self.whole(v, start, self.current(name))
        return self._known[name]

    def whole(self, v: Array, start: float, now: float) -> Array:
        """Values of the samples with one for time 0, where there is no sample of it, and one for now."""
        return np.concatenate([[start], v, [now]] if self.zero else [v, [now]])

    def current(self, name: str) -> float:
        """What a sample taken now would say."""
        s = self.look.state
        if name == "ns":
            return float(clock.now_ns(s))
        if name in ("some", "full"):
            return float(s.pressure["total"][("some", "full").index(name)])
        if name in ("dirty", "dirty_files"):
            return float(dirty_now(self.look)[("dirty", "dirty_files").index(name)])
        return float((s.stat if name in (s.stat.dtype.names or ()) else s.machine)[name][0])

    @cached_property
    def exact(self) -> Array:
        """Is what lies between a reading and the next known?"""
        return np.append(np.diff(self.line("tlb_misses")) <= 1, True)

    def before(self, refs: Array) -> Array:
        """The index of the last reading at or before each time in references; -1 before the first."""
        return np.searchsorted(self.line("now"), refs, "right") - 1

    def between(self, name: str, refs: Array) -> Array:
        """A counter that only rises, at any time in references from 0 on."""
        if name == "now":
            return refs
        t, v = self.line("now"), self.line(name)
        k = np.maximum(self.before(refs), 0)
        then = np.minimum(k + 1, len(t) - 1)
        share = (refs - t[k]) / np.maximum(t[then] - t[k], 1)
        passing = float(self.look.state.cost["tlb"][0]) * (refs - t[k]) if name == "ns" else 0.0
        return v[k] + np.where(self.exact[k], passing, (v[then] - v[k]) * share)

    def position(self, axis: Axis, refs: Array | None = None) -> Array:
        """Where the readings lie on an axis; or where times in references do."""
        x = self.line(POSITION[axis])
        return x if refs is None else np.interp(refs, self.line("now"), x)

    def leaving(self, window: float) -> Array:
        """Times in references at which a reading leaves the window that looks back so far, where no other reading is near."""
        t = self.line("now")
        later = t + window
        k = self.before(later)
        then = np.minimum(k + 1, len(t) - 1)
        return np.unique(later[(then > k) & (t[then] - t[k] >= window / 2) & (later > t[k])])


def dirty_now(look: Look) -> tuple[int, int]:
    """Dirty pages in memory, and how many of them are of files."""
    s = look.state
    n = len(s.frames)
    dirty = (look.facts.dirty > 0) & (s.uses["page"][:n] != NONE)
    files = s.objects["kind"][s.uses["object"][:n]] == Kind.FILE
    return int(dirty.sum()), int((dirty & files).sum())


def working_sets_now(look: Look, window: int) -> dict[int, int]:
    """How many different pages each process, by row, has among the last `window` references; of those that are remembered."""
    s = look.state
    now, n = int(s.machine["now"][0]), len(s.recent)
    tags = np.unique(s.recent[np.arange(max(0, now - min(window, n)), now) & (n - 1)])
    rows, counts = np.unique((tags[tags > 0] - 1) >> ASID_SHIFT, return_counts=True)
    return dict(zip(rows.tolist(), counts.tolist(), strict=True))


def windows_of(look: Look) -> list[int]:
    """The windows over which the machine counts working sets, in references, shortest first."""
    return recent.windows(len(look.state.recent))


def working_sets(r: Readings, row: int, window: int) -> Array:
    """The pages in a process's working set at each reading; where none were counted, as counted last."""
    k = windows_of(r.look).index(window)
    v = r.look.state.sample_wss[r.at, k * SAMPLED_PROCS + row].astype(float)
    return counted(r.whole(v, 0.0, float(working_sets_now(r.look, window).get(row, 0))))


def counted(v: Array) -> Array:
    """Values in which NONE says "not counted": each such becomes the one before it, or 0."""
    last = np.maximum.accumulate(np.where(v != NONE, np.arange(len(v)), -1))
    return np.where(last >= 0, v[np.maximum(last, 0)], 0.0)
