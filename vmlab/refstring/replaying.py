"""Replay of a reference string under one policy, and what came of it."""

import inspect
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import whole
from . import policy, shown
from .string import MOST, ReferenceString, reference_string
from .table import Table, draw

ENOUGH = 8  # this many frames for each page: nothing is ever evicted, so that more would change nothing but take memory
COLUMNS = ("policy", "frames", "references", "pages", "faults", "miss ratio")


@dataclass(frozen=True)
class Replay:
    """Faults of a reference string under a policy.

    faults count every page's first use. frames: None for policies that have a window or an interval in place of frames; then
    `space` is the mean number of pages in memory.
    """

    policy: str
    frames: int | None
    options: dict[str, Any]
    faults: int
    space: float | None
    string: ReferenceString = field(repr=False, compare=False)

    @property
    def references(self) -> int:
        """The length of the string."""
        return len(self.string)

    @property
    def hits(self) -> int:
        """References that found their page in memory."""
        return self.references - self.faults

    @property
    def miss_ratio(self) -> float:
        """Faults per reference."""
        return self.faults / self.references

    def missed(self) -> NDArray[np.bool_]:
        """For each reference whether it faulted. The string is replayed once more, one reference at a time."""
        p, state = begin(self.string, self.policy, self.frames, self.options)
        ids = self.string.ids
        return np.array([p.run(ids[i : i + 1], state) for i in range(len(ids))], np.bool_)

    def table(self) -> Table:
        """The frames after each reference, as textbooks draw them. LimitError for long strings."""
        return draw(self.string, *begin(self.string, self.policy, self.frames, self.options))

    def to_frame(self) -> Any:
        """A pandas DataFrame of one row."""
        return shown.frame(*self._table())

    def _table(self) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        row = (self.policy, self.frames, self.references, self.string.distinct, self.faults, self.miss_ratio)
        more = dict(self.options) if self.space is None else self.options | {"mean pages": self.space}
        return (*COLUMNS, *more), [(*row, *more.values())]

    def __repr__(self) -> str:
        size = "" if self.frames is None else f", {self.frames:,} frame{'s' * (self.frames != 1)}"
        options = "".join(f", {name} {value}" for name, value in self.options.items())
        space = "" if self.space is None else f", {self.space:.1f} pages in memory on average"
        return (
            f"Replay({self.policy}{size}{options}: {self.faults:,} faults of {self.references:,} references, "
            f"miss ratio {self.miss_ratio:.4f}{space})"
        )

    def _repr_html_(self) -> str:
        return shown.html(*self._table())


def replay(pages: Any, name: str = "lru", frames: int | None = None, **options: Any) -> Replay:
    """The faults of a reference string under a policy.

    pages : a reference string, as `reference_string` takes it: "1 2 3 4 1 2 5", an array of page numbers, a list
    name : one of `POLICIES`
    frames : how many pages memory holds; working-set wants `window` instead, pff `interval`
    options : of the policy, for example seed= of random; see the docstring of its module

    TypeError, ValueError, LimitError: what was wrong, in one sentence.

    >>> replay("1 2 3 4 1 2 5 1 2 3 4 5", "fifo", frames=3)
    Replay(fifo, 3 frames: 9 faults of 12 references, miss ratio 0.7500)
    """
    string = reference_string(pages)
    p, state = begin(string, name, frames, options)
    faults = int(p.run(string.ids, state))
    space = float(state.space[0]) / len(string) if hasattr(state, "space") else None
    return Replay(name.lower(), None if frames is None else int(frames), options, faults, space, string)


def begin(string: ReferenceString, name: str, frames: int | None, options: dict[str, Any]) -> tuple[Any, Any]:
    """The policy's module and its state before the first reference. TypeError, ValueError."""
    p = policy.find(name)
    known = policy.parameters(p)
    for option in options:
        if option not in known:
            has = ", ".join(k for k in known if k != "frames") or "none"
            raise TypeError(f"policy {name!r} has no option {option!r}; its options: {has}")
    if "frames" in known:
        options = options | {"frames": min(frame_count(frames), ENOUGH * string.npages)}
    elif frames is not None:
        raise TypeError(f"policy {name!r} has no frames, it takes as many as it needs; give {_missing(known, {})}")
    if missing := _missing(known, options):
        raise TypeError(f"policy {name!r} needs {missing}")
    return p, p.start(string, **options)


def _missing(known: dict[str, Any], given: dict[str, Any]) -> str:
    return ", ".join(f"{k}=" for k, default in known.items() if default is inspect.Parameter.empty and k not in given)


def frame_count(frames: Any) -> int:
    """A number of frames. TypeError, ValueError."""
    if frames is None:
        raise TypeError("frames= is missing: how many pages does memory hold?")
    if isinstance(frames, bool | np.bool_) or not hasattr(frames, "__index__"):
        raise TypeError(f"frames must be a whole number, not {frames!r}")
    if not 1 <= whole("frames", frames) <= MOST:
        raise ValueError(f"frames must be 1..{MOST:,}, not {int(frames)}")
    return int(frames)
