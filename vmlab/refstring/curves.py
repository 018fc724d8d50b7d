"""Whole miss-ratio curves, histograms of reuse distances, sizes of working sets over time."""

import itertools
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import LimitError, whole
from . import pacing, shown
from .bar import Tell
from .curve import distances, optimal, shards
from .pacing import AnyString
from .policy import working_set
from .replaying import frame_count, with_progress
from .string import ReferenceString, reference_string

ROWS = 12  # of a table
POINTS = 1000  # of a sampled curve
STEPS = 50_000_000_000  # of the exact OPT curve: about a minute


@dataclass(frozen=True, eq=False, repr=False)
class MissRatioCurve:
    """Miss ratios of a policy for sizes of memory.

    frames: the sizes, rising; miss_ratios: one for each. Exact curves have every size up to the number of pages, above which the
    curve is level, and `faults`. Sampled ones have `error`, a standard error for each size, computed when it is first asked for.
    """

    policy: str
    references: int
    frames: NDArray[np.int64]
    miss_ratios: NDArray[np.float64]
    faults: NDArray[np.int64] | None = None
    sample: float | None = None
    part: ReferenceString | None = None  # the references that were sampled

    @cached_property
    def error(self) -> NDArray[np.float64] | None:
        """The standard error of each miss ratio; None of an exact curve."""
        if self.part is None or self.sample is None:
            return None
        return shards.errors(self.part, self.sample, self.references, self.frames)

    def miss_ratio(self, frames: int) -> float:
        """The miss ratio with that many frames; of a sampled curve that of the nearest smaller size."""
        at = int(np.searchsorted(self.frames, frame_count(frames), side="right")) - 1
        return 1.0 if at < 0 else float(self.miss_ratios[at])

    def __repr__(self) -> str:
        error = "" if self.error is None else f", standard error {float(np.mean(self.error)):.4f}"
        how = "exact" if self.sample is None else f"sampled at {self.sample:g}{error}"
        return (
            f"MissRatioCurve({self.policy}, {how}: {self.references:,} references, miss ratio "
            f"{self.miss_ratios[0]:.4f} with {_frames(self.frames[0])}, {self.miss_ratios[-1]:.4f} with {_frames(self.frames[-1])})"
        )

    def _table(self, rows: int | None) -> tuple[list[str], list[list[Any]]]:
        at = np.arange(len(self.frames)) if rows is None else spread(len(self.frames), rows)
        columns: dict[str, NDArray[Any]] = {"frames": self.frames}
        if self.faults is not None:
            columns["faults"] = self.faults
        columns["miss ratio"] = self.miss_ratios
        if self.error is not None:
            columns["error"] = self.error
        return list(columns), [list(row) for row in zip(*(column[at].tolist() for column in columns.values()))]

    def _repr_html_(self) -> str:
        return shown.html(*self._table(ROWS))

    def to_frame(self) -> Any:
        """A pandas DataFrame with a row for each size."""
        return shown.frame(*self._table(None))


def _frames(n: int) -> str:
    return f"{n:,} frame" if n == 1 else f"{n:,} frames"


def spread(n: int, rows: int) -> NDArray[np.int64]:
    """Up to `rows` indices below n: all, or those close together at first, where a curve is steep."""
    if n <= rows:
        return np.arange(n)
    return np.unique(np.geomspace(1, n, min(n, rows)).astype(np.int64) - 1)


def miss_ratio_curve(
    pages: Any, policy: str = "lru", sample: float | None = None, *, progress: Tell | None = None
) -> MissRatioCurve:
    """The miss ratios for all sizes of memory, in one pass.

    pages : a reference string, as `replay` takes it. One in a file is read twice, chunk by chunk; only opt needs all of it at once
    policy : "lru" or "opt", for which one pass is enough (stack algorithms); for others see `sweep`
    sample : None, exact; or the share of the pages to look at, for example 0.01 (SHARDS, LRU only)
    progress : as in `replay`

    TypeError, ValueError, LimitError, TraceError: what was wrong, in one sentence.

    >>> miss_ratio_curve("1 2 3 4 1 2 5 1 2 3 4 5").faults.tolist()
    [12, 12, 10, 8, 5]
    """
    if policy not in ("lru", "opt"):
        raise ValueError(
            f"whole curves in one pass are those of lru and opt, not of {policy!r}: use sweep() with some sizes"
        )
    if sample is not None:
        _check_sample(sample, policy)
    return with_progress(pages, progress, "measuring", lambda s, tell: _curve(s, policy, sample, tell))


def _check_sample(sample: Any, policy: str) -> None:
    """TypeError, ValueError."""
    if isinstance(sample, bool) or not isinstance(sample, int | float | np.floating):
        raise TypeError(f"sample is a share of the pages, for example 0.01, not {sample!r}")
    if not 0 < sample <= 1:
        raise ValueError(f"sample is a share of the pages, above 0 and at most 1, not {sample!r}")
    if policy == "opt":
        raise ValueError("sampled curves are those of lru")


def _curve(string: AnyString, policy: str, sample: float | None, tell: Tell) -> MissRatioCurve:
    if sample is not None:
        return _sampled(string, float(sample), tell)
    hits = _lru(string, tell) if policy == "lru" else _opt(string.held())
    faults = len(string) - np.cumsum(hits)
    return MissRatioCurve(policy, len(string), np.arange(1, len(faults) + 1), faults / len(string), faults)


def _sampled(string: AnyString, sample: float, tell: Tell) -> MissRatioCurve:
    sizes = np.unique(np.linspace(1, string.npages, min(POINTS, string.npages)).astype(np.int64))
    part = shards.sample(string, sample, tell)
    if not len(part):
        raise ValueError(f"no page is in a sample of {sample:g} of {string.distinct:,} pages: take a larger one")
    ratios = shards.miss_ratios(part, sample, len(string), sizes)
    return MissRatioCurve("lru", len(string), sizes, ratios, sample=sample, part=part)


def _lru(string: AnyString, tell: Tell) -> NDArray[np.int64]:
    """[d]: references that hit with more than d frames and not with d."""
    state = distances.start(pacing.room(distances, string))
    pacing.run(distances, string, state, 1, tell)
    return state.histogram[: int(state.distinct[0])]


def _opt(string: ReferenceString) -> NDArray[np.int64]:
    """The same under OPT."""
    if len(string) * string.distinct > STEPS:
        raise LimitError(
            f"the exact OPT curve of {len(string):,} references to {string.distinct:,} pages takes too many steps (references "
            f"times pages; at most {STEPS:,}): ask for some sizes with sweep(), or for a shorter string"
        )
    state = optimal.start(string)
    optimal.run(0, len(string), state)
    return state.depths[: int(state.height[0])]


@dataclass(frozen=True, eq=False, repr=False)
class ReuseDistances:
    """counts[d]: references whose page was last used with d different other pages since; cold: first uses."""

    references: int
    counts: NDArray[np.int64]
    cold: int

    @property
    def mean(self) -> float:
        """The mean distance of all but first uses; NaN if there are none."""
        n = self.references - self.cold
        return float(np.dot(np.arange(len(self.counts)), self.counts) / n) if n else float("nan")

    def __repr__(self) -> str:
        return (
            f"ReuseDistances({self.references:,} references, {self.cold:,} first uses, mean distance {self.mean:.1f})"
        )

    def _table(self) -> tuple[list[str], list[list[Any]]]:
        """By powers of two."""
        edges = [0, 1]
        while edges[-1] < len(self.counts):
            edges.append(2 * edges[-1])
        rows = [
            [a if b - a == 1 else f"{a:,}..{b - 1:,}", int(self.counts[a:b].sum())]
            for a, b in itertools.pairwise(edges)
        ]
        return ["distance", "references"], [*rows, ["first use", self.cold]]

    def _repr_html_(self) -> str:
        return shown.html(*self._table())

    def to_frame(self) -> Any:
        """A pandas DataFrame with a row for each distance."""
        return shown.frame(["distance", "references"], [[d, int(n)] for d, n in enumerate(self.counts.tolist())])


def reuse_distances(pages: Any) -> ReuseDistances:
    """How many different pages are used between two uses of the same one: the histogram behind the LRU curve.

    >>> reuse_distances("1 2 3 1 1 2").counts.tolist()
    [1, 0, 2]
    """
    return with_progress(pages, None, "measuring", _distances)


def _distances(string: AnyString, tell: Tell) -> ReuseDistances:
    counts = _lru(string, tell)
    return ReuseDistances(len(string), counts, len(string) - int(counts.sum()))


@dataclass(frozen=True, eq=False, repr=False)
class WorkingSetSizes:
    """pages[k]: pages used within the last `window` references, after reference at[k]."""

    window: int
    at: NDArray[np.int64]
    pages: NDArray[np.int64]
    mean: float = field(default=0.0)  # over all references

    def __repr__(self) -> str:
        return f"WorkingSetSizes(window {self.window:,}: {self.mean:.1f} pages on average, {int(self.pages.max()):,} at most)"

    def _table(self, rows: int | None) -> tuple[list[str], list[list[int]]]:
        n = len(self.at)
        at = np.arange(n) if rows is None else np.unique(np.linspace(0, n - 1, min(n, rows)).astype(np.int64))
        return ["reference", "pages"], [list(row) for row in zip(self.at[at].tolist(), self.pages[at].tolist())]

    def _repr_html_(self) -> str:
        return shown.html(*self._table(ROWS))

    def to_frame(self) -> Any:
        """A pandas DataFrame with a row for each point."""
        return shown.frame(*self._table(None))


def working_set_sizes(pages: Any, window: int, every: int | None = None) -> WorkingSetSizes:
    """The size of the working set over time (Denning, CACM 11(5), 1968), after each `every` references (None: 1000 points).

    >>> working_set_sizes("1 2 3 1 1 1", window=3).pages.tolist()
    [1, 2, 3, 3, 2, 1]
    """
    string = reference_string(pages)
    step = max(1, len(string) // POINTS) if every is None else whole("every", every)
    if step < 1:
        raise ValueError(f"every is at least 1 reference, not {step}")
    state = working_set.start(string, window)
    sizes = []
    for first in range(0, len(string), step):
        working_set.run(string.ids[first : first + step], state)
        sizes.append(int(state.held[0]))
    at = np.minimum(np.arange(step - 1, step - 1 + step * len(sizes), step), len(string) - 1)
    return WorkingSetSizes(int(window), at, np.array(sizes), float(state.space[0]) / len(string))
