"""The past of a machine: the record of its calls, and keyframes of its state to start from.

    moment   0         1         2         3         4
             |--mmap---|--store--|--fork---|--store--|        step n leads from moment n-1 to moment n
             K                             K                  keyframes

A moment is reached by restoring the nearest keyframe before it and running the record forward; the machine is deterministic,
and what came from outside (bytes of host files, victims of a Python policy) is in the record. So a call costs its record,
microseconds, not a copy of the machine.
"""

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .core.state import State
from .errors import HistoryError
from .kernel.outside import Overwrite

BLOCK = 1 << 16  # bytes; keyframes share the blocks that did not change
WORK_BETWEEN = 0.05  # seconds of recorded work after which a keyframe is worth its copy


@dataclass
class Step:
    """One call: what was asked, what came from outside, what it did."""

    n: int
    call: str
    row: int | None
    args: dict[str, Any]
    error: str | None = None
    events: tuple[int, int] = (0, 0)  # numbers of its first event and of the one after its last
    before: tuple[int, ...] = ()  # counters
    after: tuple[int, ...] = ()
    answers: list[Any] = field(default_factory=list)
    overwritten: list[Overwrite] = field(default_factory=list)
    opaque: bool = False  # cannot be run again: a keyframe stands right after it
    nbytes: int = 0

    def __repr__(self) -> str:
        return f"Step({self.n}, {self.call!r})"


@dataclass
class Keyframe:
    """The machine at a moment: blocks of its arrays, and what the kernel keeps beside them."""

    n: int
    arrays: dict[str, tuple[Any, tuple[int, ...], list[Any]]]
    beside: Any
    nbytes: int  # held by this keyframe and no earlier one
    kind: type[Any] = np.ndarray


def freeze(n: int, s: State, beside: Any, earlier: Keyframe | None) -> Keyframe:
    """A keyframe of s that shares with `earlier` every block of bytes that is still the same."""
    arrays: dict[str, tuple[Any, tuple[int, ...], list[Any]]] = {}
    fresh = 0
    for name, a in zip(s._fields, s, strict=True):
        raw = a.reshape(-1).view(np.uint8) if a.size else np.zeros(0, np.uint8)
        old = earlier.arrays[name][2] if earlier else []
        blocks = []
        for i in range(0, len(raw), BLOCK):
            piece = raw[i : i + BLOCK]
            k = i // BLOCK
            if k < len(old) and len(old[k]) == len(piece) and np.array_equal(old[k], piece):
                blocks.append(old[k])
            else:
                blocks.append(piece.copy())
                fresh += len(piece)
        arrays[name] = (a.dtype, a.shape, blocks)
    return Keyframe(n, arrays, beside, fresh)


def thaw(frame: Keyframe, like: State) -> State:
    """The state of a keyframe, in arrays of its own."""
    out = []
    for name, now in zip(like._fields, like, strict=True):
        dtype, shape, blocks = frame.arrays[name]
        flat = np.concatenate(blocks) if blocks else np.zeros(0, np.uint8)
        a = flat.view(dtype).reshape(shape) if flat.size else np.zeros(shape, dtype)
        out.append(a.view(type(now)))
    return State(*out)


class History:
    """The steps and keyframes of one machine, within a budget of bytes; what no longer fits is dropped from the far end."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.steps: list[Step] = []  # step n is steps[n - first - 1]
        self.frames: list[Keyframe] = []
        self.first = 0  # the earliest moment that can be reached
        self.now = 0
        self.dropped = 0  # steps that are no longer in the record
        self.bookmarks: dict[str, int] = {}
        self._work = 0.0
        self._last_copy = 0.0
        self._held = 0

    @property
    def last(self) -> int:
        """The latest moment: now, or further on after an undo."""
        return self.first + len(self.steps)

    def __len__(self) -> int:
        return len(self.steps)

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
        return self.budget > 0

    def record(self, step: Step, seconds: float) -> bool:
        """Add a step at the present moment; what followed it before an undo is forgotten. Returns whether a keyframe is due."""
        if self.now < self.last:
            self._forget_future()
        self.steps.append(step)
        self.now = step.n
        self._held += step.nbytes
        self._work += seconds
        return step.opaque or self._work > max(WORK_BETWEEN, 4 * self._last_copy)

    def _forget_future(self) -> None:
        keep = self.now - self.first
        self._held -= sum(s.nbytes for s in self.steps[keep:])
        del self.steps[keep:]
        for f in self.frames:
            if f.n > self.now:
                self._held -= f.nbytes
        self.frames = [f for f in self.frames if f.n <= self.now]
        self.bookmarks = {name: n for name, n in self.bookmarks.items() if n <= self.now}

    def keep(self, s: State, beside: Any) -> None:
        """Make a keyframe of the present moment, then drop the far end of the past until everything fits the budget."""
        begin = time.perf_counter()
        frame = freeze(self.now, s, beside, self.frames[-1] if self.frames else None)
        self.frames.append(frame)
        self._held += frame.nbytes
        self._work, self._last_copy = 0.0, time.perf_counter() - begin
        while self._held > self.budget and len(self.frames) > 1:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        gone, heir = self.frames[0], self.frames[1]
        lost = self.steps[: heir.n - self.first]
        self.dropped += len(lost)
        self._held -= sum(s.nbytes for s in lost)
        del self.steps[: heir.n - self.first]
        del self.frames[0]
        self.first = heir.n
        # The heir now holds alone the blocks it shared with the one that goes.
        shared = {id(b) for _, _, blocks in gone.arrays.values() for b in blocks}
        kept = sum(len(b) for _, _, blocks in heir.arrays.values() for b in blocks if id(b) in shared)
        self._held -= gone.nbytes - kept
        heir.nbytes += kept
        self.bookmarks = {name: n for name, n in self.bookmarks.items() if n >= self.first}

    def before(self, n: int) -> Keyframe:
        """The nearest keyframe at or before moment n. HistoryError if the moment cannot be reached."""
        if not self.on:
            raise HistoryError("this machine keeps no history: give Machine(history=...) the bytes it may use for it")
        if n < self.first:
            lost = (
                f": {self.dropped} older steps were dropped to stay within {self.budget:,} bytes"
                if self.dropped
                else ""
            )
            raise HistoryError(f"cannot go back further than moment {self.first}{lost}")
        if n > self.last:
            raise HistoryError(f"there is no moment {n}; the last is {self.last}")
        return next(f for f in reversed(self.frames) if f.n <= n)


def undo_overwrites(steps: list[Step]) -> None:
    """Put back the bytes of host files that steps overwrote, latest first. HistoryError, with nothing changed, where a file
    no longer holds what was written: somebody else changed it."""
    _exchange([(o.device, o.offset, o.new, o.old) for s in reversed(steps) for o in reversed(s.overwritten)])


def redo_overwrites(steps: list[Step]) -> None:
    """Write again what steps wrote to host files, earliest first; as undo_overwrites."""
    _exchange([(o.device, o.offset, o.old, o.new) for s in steps for o in s.overwritten])


def _exchange(writes: list[tuple[Any, int, bytes, bytes]]) -> None:
    done = []
    for device, offset, expected, wanted in writes:
        try:
            found = device.read(offset, len(expected))
            if found == expected:
                device.write(offset, wanted)
                done.append((device, offset, expected))
                continue
            reason = "somebody else changed the file since"
        except OSError as error:
            reason = str(error)
        for device_, offset_, bytes_ in reversed(done):
            device_.write(offset_, bytes_)
        raise HistoryError(f"cannot put back bytes {offset} to {offset + len(wanted)} of '{device.name}': {reason}")
