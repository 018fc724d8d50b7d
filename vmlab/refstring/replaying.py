"""Replay of a reference string under one policy, and what came of it."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import LimitError, whole
from ..trace import FileTrace
from . import pacing, policy, shown
from .bar import Bar, Tell
from .filestring import FileString
from .own import Policy
from .pacing import AnyString
from .string import MOST, reference_string
from .table import Table, draw, readable

ENOUGH = 8  # this many frames for each page: nothing is ever evicted, so that more would change nothing but take memory
Found = TypeVar("Found")
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
    string: AnyString = field(repr=False, compare=False)
    by: Any = field(repr=False, compare=False)  # the policy as it was given

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
        p, state = begin(self.string, self.by, self.frames, self.options)
        string = self.string.held() if policy.needs_future(p) else self.string
        feed = pacing.Feed(p, string, state)
        return np.array([feed(ids[i : i + 1]) for ids, _ in string.parts() for i in range(len(ids))], np.bool_)

    def table(self) -> Table:
        """The frames after each reference, as textbooks draw them. LimitError for long strings."""
        readable(len(self.string))
        few = self.string.held()
        return draw(few, *begin(few, self.by, self.frames, self.options))

    def to_frame(self) -> Any:
        """A pandas DataFrame of one row."""
        return shown.frame(*self._table())

    def _table(self) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        row = (self.policy, self.frames, self.references, self.string.distinct, self.faults, self.miss_ratio)
        more = dict(self.options) if self.space is None else self.options | {"mean pages": self.space}
        return (*COLUMNS, *more), [(*row, *more.values())]

    def __repr__(self) -> str:
        how = "" if isinstance(self.by, str) else f", {policy.find(self.by).how}"
        size = "" if self.frames is None else f", {self.frames:,} frame{'s' * (self.frames != 1)}"
        options = "".join(f", {name} {value}" for name, value in self.options.items())
        space = "" if self.space is None else f", {self.space:.1f} pages in memory on average"
        return (
            f"Replay({self.policy}{how}{size}{options}: {self.faults:,} faults of {self.references:,} references, "
            f"miss ratio {self.miss_ratio:.4f}{space})"
        )

    def _repr_html_(self) -> str:
        return shown.html(*self._table())


def replay(
    pages: Any, name: str | Policy = "lru", frames: int | None = None, *, progress: Tell | None = None, **options: Any
) -> Replay:
    """The faults of a reference string under a policy.

    pages : a reference string, as `reference_string` takes it: "1 2 3 4 1 2 5", an array of page numbers, a list, a Trace. One in
        a file (`read(path)`) is never held in memory: it is read twice, to number its pages and to replay, chunk by chunk, and
        what that takes grows with the pages only. opt needs the future, and so the whole string
    name : one of `POLICIES`; or one of your own: a function that names the frame to empty, as `def lru(used): return
        used.argmin()`, or a class with `fault(page)` (vmlab/refstring/own.py). It is compiled where numba compiles it; `broken`
        tells what is wrong with it
    frames : how many pages memory holds; working-set wants `window` instead, pff `interval`
    progress : called between chunks with how much is done, 0..1; None: a bar on standard error, if it takes long. What it raises
        ends the replay, as Ctrl-C does within a fifth of a second
    options : of the policy, for example seed= of random; see the docstring of its module

    TypeError, ValueError, LimitError, TraceError: what was wrong, in one sentence.

    >>> replay("1 2 3 4 1 2 5 1 2 3 4 5", "fifo", frames=3)
    Replay(fifo, 3 frames: 9 faults of 12 references, miss ratio 0.7500)
    """
    begin(SHORT, name, frames, options)  # what is wrong is said before a long file is read
    return with_progress(pages, progress, "replaying", lambda s, tell: _replay(s, name, frames, options, tell))


def with_progress(pages: Any, progress: Tell | None, what: str, work: Callable[[AnyString, Tell], Found]) -> Found:
    """What `work` finds in the reference string of pages. Progress is told to `progress`; None: on a bar, `what` is its name."""
    if progress is not None:
        read, run = halves(progress) if in_file(pages) else (progress, progress)
        return work(string_of(pages, read), run)
    with Bar("reading") as reading:
        string = string_of(pages, reading)
    with Bar(what) as bar:
        return work(string, bar)


def _replay(string: AnyString, name: str | Policy, frames: int | None, options: dict[str, Any], tell: Tell) -> Replay:
    p, state = begin(string, name, frames, options)
    faults = pacing.run(p, string.held() if policy.needs_future(p) else string, state, frames or 1, tell)
    space = float(state.space[0]) / len(string) if hasattr(state, "space") else None
    return Replay(policy.name_of(name), None if frames is None else int(frames), options, faults, space, string, name)


def in_file(pages: Any) -> bool:
    """Is this a trace that is to be read from its file?"""
    return isinstance(pages, FileTrace) and pages.loaded is None


def halves(tell: Tell) -> tuple[Tell, Tell]:
    """For work in two steps, what each step is to tell how much of it is done."""
    return lambda share: tell(share / 2), lambda share: tell((1 + share) / 2)


def string_of(pages: Any, tell: Tell = lambda share: None) -> AnyString:
    """The reference string of pages; one that lies in a file stays there. TypeError, ValueError, LimitError, TraceError."""
    if isinstance(pages, FileString):
        return pages
    return FileString(pages, tell) if in_file(pages) else reference_string(pages)


def begin(string: AnyString, given: str | Policy, frames: int | None, options: dict[str, Any]) -> tuple[Any, Any]:
    """The policy's module and its state before the first reference. TypeError, ValueError, LimitError."""
    p, name = policy.find(given), policy.name_of(given)
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
    if not policy.needs_future(p):
        return p, p.start(pacing.room(p, string), **options)
    try:
        return p, p.start(string.held(), **options)
    except LimitError as error:
        raise LimitError(f"{name} needs the future, and so the whole string in memory: {error}") from None


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


SHORT = reference_string([0, 1])  # to try a policy on
