"""Many replays of one string: every policy with every number of frames, on several processors."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from . import shown
from .replaying import Replay, begin, frame_count, replay
from .string import ReferenceString, reference_string


@dataclass(frozen=True, repr=False)
class Sweep(Sequence[Replay]):
    """The replays, policy by policy. `faults(policy, frames)` finds one's; `to_frame()` is a table of pandas."""

    replays: tuple[Replay, ...]

    def __len__(self) -> int:
        return len(self.replays)

    def __getitem__(self, at: Any) -> Any:
        return self.replays[at]

    def __iter__(self) -> Iterator[Replay]:
        return iter(self.replays)

    def faults(self, name: str, frames: int) -> int:
        """The faults of one replay. KeyError."""
        for r in self.replays:
            if (r.policy, r.frames) == (name.lower(), frames):
                return r.faults
        raise KeyError(f"{name} with {frames} frames is not among the replays")

    def _table(self) -> tuple[list[str], list[list[Any]]]:
        """Miss ratios: a row for each number of frames, a column for each policy."""
        names = list(dict.fromkeys(r.policy for r in self.replays))
        sizes = list(dict.fromkeys(r.frames for r in self.replays))
        found = {(r.policy, r.frames): r.miss_ratio for r in self.replays}
        return ["frames", *names], [[size, *(found[name, size] for name in names)] for size in sizes]

    def __repr__(self) -> str:
        return "miss ratios\n" + shown.text(*self._table())

    def _repr_html_(self) -> str:
        return shown.html(*self._table())

    def to_frame(self) -> Any:
        """A pandas DataFrame with a row for each replay."""
        columns = ["policy", "frames", "references", "faults", "miss ratio"]
        return shown.frame(columns, [[r.policy, r.frames, r.references, r.faults, r.miss_ratio] for r in self.replays])


def sweep(pages: Any, policies: Iterable[str], frames: Iterable[int], executor: Executor | None = None) -> Sweep:
    """Replay a string under every policy with every number of frames.

    executor : any concurrent.futures.Executor; None: threads, one for each processor (kernels release the GIL). An executor
        that the caller made stays open.

    Everything is checked before the first replay. TypeError, ValueError, LimitError.
    """
    string = reference_string(pages)
    if isinstance(policies, str) or not isinstance(policies, Iterable) or not isinstance(frames, Iterable):
        raise TypeError("sweep takes a list of policies and a list of numbers of frames")
    names, sizes = list(policies), [frame_count(n) for n in frames]
    if not names or not sizes:
        raise ValueError("sweep needs at least one policy and one number of frames")
    for name in names:
        begin(SHORT, name, 2, {})
    work = [(name, n) for name in names for n in sizes]
    if executor is None:
        for name in dict.fromkeys(names):
            replay(SHORT, name, 2)  # compile once, not in each thread
        with ThreadPoolExecutor() as threads:
            return _sweep(string, work, threads)
    return _sweep(string, work, executor)


SHORT = reference_string([0, 1])


def _sweep(string: ReferenceString, work: list[tuple[str, int]], executor: Executor) -> Sweep:
    futures = [executor.submit(_faults, string, name, n) for name, n in work]
    try:
        return Sweep(
            tuple(Replay(name.lower(), n, {}, f.result(), None, string) for f, (name, n) in zip(futures, work))
        )
    finally:
        for future in futures:
            future.cancel()  # those not begun, where one has failed


def _faults(string: ReferenceString, name: str, frames: int) -> int:
    """The faults of one replay: all that a worker sends back."""
    return replay(string, name, frames).faults
