"""The past of a machine: the record of its calls, and keyframes of its state to start from.

    moment   0         1         2         3         4
             |--mmap---|--store--|--fork---|--store--|        step n leads from moment n-1 to moment n
             K                             K                  keyframes

A moment is reached by restoring the nearest keyframe before it and running the record forward; the machine is deterministic,
and what came from outside (bytes of host files, victims of a Python policy) is in the record. So a call costs its record,
microseconds, not a copy of the machine.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from .core.state import State
from .errors import HistoryError
from .kernel.enter import Beside
from .kernel.outside import Overwrite, Resize

BLOCK = 1 << 16  # bytes; keyframes share the blocks that did not change
ZERO = bytes(BLOCK)
WORK_BETWEEN = 0.05  # seconds of recorded work after which a keyframe is worth its copy
COPIES_BETWEEN = 8  # and so many times as long as the last copy took
STEP_BYTES = 700  # of a step without arguments, about


@dataclass(slots=True)
class Step:
    """One call: what was asked, what came from outside, what it did."""

    n: int
    call: str
    row: int | None
    args: dict[str, Any]
    error: str | None = None
    events: tuple[int, int] = (0, 0)  # numbers of its first event and of the one after its last
    counts: tuple[bytes, bytes] = (b"", b"")  # the counters before and after, as `after` reads them
    answers: Sequence[Any] = ()
    overwritten: Sequence[Overwrite | Resize] = ()
    partial: bool = False  # ended in its middle, before the flusher's turn
    opaque: bool = False  # cannot be run again: a keyframe stands right after it
    nbytes: int = 0

    @property
    def before(self) -> tuple[int, ...]:
        """The counters before it, in the order of core.state.STAT."""
        return tuple(np.frombuffer(self.counts[0], np.int64).tolist())

    @property
    def after(self) -> tuple[int, ...]:
        """The counters after it."""
        return tuple(np.frombuffer(self.counts[1], np.int64).tolist())

    def until(self, reference: int) -> "Step":
        """The same step, ended after so many references. ValueError if it is no run of references; HistoryError if not kept."""
        if self.call not in ("access", "run"):
            raise ValueError(f"step {self.n} is {self.call}, which makes no run of references")
        if self.opaque:
            raise HistoryError(f"step {self.n} was too large to keep, or was broken off: its middle cannot be reached")
        limit = self.args["limit"]
        most = reference if limit is None else min(reference, limit)
        return replace(self, args={**self.args, "limit": most}, error=None, partial=True)

    def __repr__(self) -> str:
        return f"Step({self.n}, {self.call!r})"


class Array(NamedTuple):
    """An array in blocks of bytes."""

    dtype: Any
    shape: tuple[int, ...]
    kind: type[Any]
    blocks: list[bytes]


@dataclass(slots=True)
class Keyframe:
    """The machine at a moment: its arrays in blocks, and what the kernel keeps beside them."""

    n: int
    arrays: list[Array]
    beside: Beside
    nbytes: int  # held by this keyframe and no earlier one


def freeze(n: int, s: State, beside: Beside, earlier: Keyframe | None) -> Keyframe:
    """A keyframe of s that shares with `earlier` every block of bytes that is still the same."""
    arrays, fresh = [], 0
    for i, a in enumerate(s):
        raw = np.asarray(a).view(np.ndarray).reshape(-1).view(np.uint8) if a.size else np.zeros(0, np.uint8)
        old = earlier.arrays[i].blocks if earlier else []
        blocks = []
        for k, at in enumerate(range(0, len(raw), BLOCK)):
            block = raw[at : at + BLOCK].tobytes()
            if k < len(old) and block == old[k]:
                block = old[k]
            elif block == ZERO:
                block = ZERO
            else:
                fresh += len(block)
            blocks.append(block)
        arrays.append(Array(a.dtype, a.shape, type(a), blocks))
    return Keyframe(n, arrays, beside, fresh + _fresh_blocks(beside, earlier))


def _fresh_blocks(beside: Beside, earlier: Keyframe | None) -> int:
    """Bytes of the machine's own files that the earlier keyframe does not hold."""
    total = 0
    for obj, saved in beside.saved.items():
        new = getattr(saved, "blocks", {})
        old = getattr(earlier.beside.saved.get(obj), "blocks", {}) if earlier else {}
        if new is not old:
            total += sum(len(b) for k, b in new.items() if old.get(k) is not b)
    return total


def thaw(frame: Keyframe) -> State:
    """The state of a keyframe, in arrays of its own."""
    out = []
    for dtype, shape, kind, blocks in frame.arrays:
        a = np.zeros(shape, dtype)
        raw = a.reshape(-1).view(np.uint8) if a.size else a
        for k, block in enumerate(blocks):
            if block is not ZERO:
                raw[k * BLOCK : k * BLOCK + len(block)] = np.frombuffer(block, np.uint8)
        out.append(a.view(kind))
    return State(*out)


class History:
    """The steps and keyframes of one machine, within a budget of bytes; what no longer fits is dropped from the far end.

    now, first, last: numbers of moments. history[n] is step n, iterating gives the steps in the record.
    """

    def __init__(self, budget: int, moment: int = 0) -> None:
        self.budget = budget
        self.steps: list[Step] = []  # step n is steps[n - first - 1]
        self.frames: list[Keyframe] = []
        self.first = moment  # the earliest moment that can be reached
        self.now = moment
        self.part: Step | None = None  # the machine stands within the step after `now`: as much of it as was made
        self.dropped = 0  # steps that are no longer in the record
        self.why = f"to stay within {budget:,} bytes"
        self.bookmarks: dict[str, int] = {}
        self._work = 0.0
        self._last_copy = 0.0
        self._held = 0
        self._too_large = 0  # bytes of a copy of the machine, where not even one fits

    @property
    def last(self) -> int:
        """The latest moment: now, or further on after an undo."""
        return self.first + len(self.steps)

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def __getitem__(self, n: int) -> Step:
        """Step n, which led to moment n."""
        if not self.first < n <= self.last:
            raise IndexError(f"step {n} is not in the record ({self.first + 1} to {self.last})")
        return self.steps[n - self.first - 1]

    def __repr__(self) -> str:
        lost = f", {self.dropped} older steps dropped" if self.dropped else ""
        return f"History(moment {self.now} of {self.last}, from {self.first}{lost})"

    @property
    def on(self) -> bool:
        """Is a past kept?"""
        return self.budget > 0 and not self._too_large

    @property
    def nbytes(self) -> int:
        """Bytes that the record and the keyframes take, about."""
        return self._held

    def undone(self, step: Step) -> bool:
        """Does a step that was made no longer count: is it ahead of now, or did another take its place?"""
        return step.n > self.now or (step.n > self.first and self[step.n] is not step)

    def record(self, step: Step, seconds: float) -> bool:
        """Add a step at the present moment; what followed it before an undo is forgotten. Returns whether a keyframe is due."""
        if self.now < self.last:
            self._forget_future()
        self.part = None
        self.now = step.n
        if not self.on:
            self.first = step.n
            return False
        self.steps.append(step)
        self._held += step.nbytes
        self._work += seconds
        return (
            step.opaque or self._held > self.budget or self._work > max(WORK_BETWEEN, COPIES_BETWEEN * self._last_copy)
        )

    def _forget_future(self) -> None:
        keep = self.now - self.first
        self._held -= sum(s.nbytes for s in self.steps[keep:])
        del self.steps[keep:]
        self._held -= sum(f.nbytes for f in self.frames if f.n > self.now)
        self.frames = [f for f in self.frames if f.n <= self.now]
        self.bookmarks = {name: n for name, n in self.bookmarks.items() if n <= self.now}

    def keep(self, s: State, beside: Beside) -> None:
        """Make a keyframe of the present moment, then drop the far end of the past until everything fits the budget."""
        begin = time.perf_counter()
        frame = freeze(self.now, s, beside, self.frames[-1] if self.frames else None)
        self.frames.append(frame)
        self._held += frame.nbytes
        self._work, self._last_copy = 0.0, time.perf_counter() - begin
        while self._held > self.budget and len(self.frames) > 1:
            self._drop_oldest()
        if frame.nbytes > 0.9 * self.budget:  # then every step would drop the one before it, at the price of a copy
            self.dropped += self.now - self.first
            self.steps, self.frames, self.bookmarks, self.first = [], [], {}, self.now
            self._held, self._too_large = 0, frame.nbytes

    def forget(self, why: str, s: State, beside: Beside) -> None:
        """Let everything go but the present moment."""
        self.dropped += self.now - self.first
        self.steps, self.frames, self.first, self.part, self._held = [], [], self.now, None, 0
        self.bookmarks = {name: n for name, n in self.bookmarks.items() if n == self.now}
        self.why = why
        self.keep(s, beside)

    def _drop_oldest(self) -> None:
        gone, heir = self.frames[0], self.frames[1]
        lost = self.steps[: heir.n - self.first]
        self.dropped += len(lost)
        self._held -= sum(s.nbytes for s in lost)
        del self.steps[: heir.n - self.first]
        del self.frames[0]
        self.first = heir.n
        # The heir now holds alone the blocks it shared with the one that goes.
        shared = {id(b) for a in gone.arrays for b in a.blocks if b is not ZERO}
        kept = sum(len(b) for a in heir.arrays for b in a.blocks if id(b) in shared)
        self._held -= gone.nbytes - kept
        heir.nbytes += kept
        self.bookmarks = {name: n for name, n in self.bookmarks.items() if n >= self.first}

    def before(self, n: int) -> Keyframe:
        """The nearest keyframe at or before moment n. HistoryError if the moment cannot be reached."""
        if self._too_large:
            raise HistoryError(
                f"cannot go back further than moment {self.first}: a copy of this machine takes {self._too_large:,} bytes, its "
                f"history may take {self.budget:,} (history=)"
            )
        if not self.on:
            raise HistoryError("this machine keeps no history: give Machine(history=...) the bytes it may use for it")
        if n < self.first:
            lost = f": {self.dropped} older steps were dropped {self.why}" if self.dropped else ""
            raise HistoryError(f"cannot go back further than moment {self.first}{lost}")
        if n > self.last:
            raise HistoryError(f"there is no moment {n}; the last is {self.last}")
        return next(f for f in reversed(self.frames) if f.n <= n)


def put_back(changes: Sequence[Overwrite | Resize]) -> None:
    """Undo changes of host files, latest first. HistoryError, with nothing changed, where somebody else changed the file."""
    _all_or_nothing([(c, c.back, c.again) for c in reversed(changes)], "put back")


def write_again(changes: Sequence[Overwrite | Resize]) -> None:
    """Make changes of host files again, earliest first; else as put_back."""
    _all_or_nothing([(c, c.again, c.back) for c in changes], "write again")


def _all_or_nothing(work: list[tuple[Overwrite | Resize, Callable[[], None], Callable[[], None]]], verb: str) -> None:
    for i, (change, do, _) in enumerate(work):
        try:
            do()
        except (OSError, ValueError) as error:
            for _, _, revert in reversed(work[:i]):
                revert()
            what = (
                f"bytes {change.offset} to {change.offset + len(change.old)}"
                if isinstance(change, Overwrite)
                else "the size"
            )
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            raise HistoryError(f"cannot {verb} {what} of '{change.device.name}': {reason}") from None
