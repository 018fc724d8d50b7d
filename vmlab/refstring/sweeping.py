"""Many replays of one string: every policy with every number of frames, on several processors."""

import os
import threading
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from . import policy, shown
from .bar import Tell
from .filestring import near
from .own import Policy
from .pacing import AnyString
from .replaying import SHORT, Replay, begin, frame_count, replay, with_progress

TRIES = 3  # times a replay is begun whose worker dies
_DEAD = ("KilledWorker", "CommClosedError", "FutureCancelledError")  # what Dask says of one; it is not imported
_BRIDGE = "_cascade_future"  # distributed/cfexecutor.py

Work = tuple[str | Policy, int]  # a policy, and how many frames


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

    def faults(self, name: str | Policy, frames: int) -> int:
        """The faults of one replay. KeyError."""
        for r in self.replays:
            if (r.policy, r.frames) == (policy.name_of(name), frames):
                return r.faults
        raise KeyError(f"{policy.name_of(name)} with {frames} frames is not among the replays")

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


def sweep(
    pages: Any,
    policies: Iterable[str | Policy],
    frames: Iterable[int],
    executor: Executor | None = None,
    *,
    progress: Tell | None = None,
) -> Sweep:
    """Replay a string under every policy with every number of frames.

    policies : names, and policies of your own, as `replay` takes them
    pages : a reference string, as `replay` takes it. One in a file stays there where workers have memory of their own: they are
        sent its path, and open it themselves; TraceError if what they find there is another file. In threads it is held in memory
        if it fits
    executor : any concurrent.futures.Executor: a ProcessPoolExecutor, or a Dask client's `client.get_executor()` for many
        machines; None: threads, one for each processor (kernels release the GIL). An executor that the caller made stays open.
        A replay whose worker dies is begun again; where no worker is left, it is done here, with a warning
    progress : called after each replay with how much is done, 0..1; None: a bar on standard error, if it takes long

    Everything is checked before the first replay. TypeError, ValueError, LimitError, TraceError.

    >>> sweep("1 2 3 4 1 2 5 1 2 3 4 5", ["fifo", "lru"], [3, 4])
    miss ratios
    frames    fifo     lru
         3  0.7500  0.8333
         4  0.8333  0.6667
    """
    if (
        isinstance(policies, str)
        or callable(policies)
        or not isinstance(policies, Iterable)
        or not isinstance(frames, Iterable)
    ):
        raise TypeError("sweep takes a list of policies and a list of numbers of frames")
    names, sizes = list(policies), [frame_count(n) for n in frames]
    if not names or not sizes:
        raise ValueError("sweep needs at least one policy and one number of frames")
    called: dict[str, Any] = {}
    for name in names:
        begin(SHORT, name, 2, {})
        word = policy.name_of(name)
        if called.setdefault(word, name) is not name and not isinstance(name, str):
            raise ValueError(f"two policies are called {word}: give one another name")
    work = [(name, n) for name in names for n in sizes]
    return with_progress(pages, progress, "replaying", lambda s, tell: _sweep(s, work, executor, tell))


def _sweep(string: AnyString, work: list[Work], executor: Executor | None, tell: Tell) -> Sweep:
    if executor is None or isinstance(executor, ThreadPoolExecutor):
        faults = _by_threads(near(string), work, executor, tell)
    else:
        faults = _by_workers(string, work, executor, tell)
    return Sweep(
        tuple(Replay(policy.name_of(name), n, {}, f, None, string, name) for f, (name, n) in zip(faults, work))
    )


def _by_threads(string: AnyString, work: list[Work], executor: Executor | None, tell: Tell) -> list[int]:
    """The faults of each replay, by threads of this process. When one fails, or Ctrl-C comes, the others end between two parts."""
    for name in dict.fromkeys(name for name, _ in work):
        replay(SHORT, name, 2)  # compile once, not in each thread
    over = threading.Event()

    def go_on(share: float) -> None:
        if over.is_set():
            raise CancelledError

    threads = executor or ThreadPoolExecutor(os.cpu_count())
    futures = [threads.submit(_faults, string, name, n, go_on) for name, n in work]
    try:
        found = []
        for future in futures:
            found.append(future.result())
            tell(len(found) / len(work))
        return found
    finally:
        over.set()
        for future in futures:
            future.cancel()
        if executor is None:
            threads.shutdown()


def _by_workers(string: AnyString, work: list[Work], executor: Executor, tell: Tell) -> list[int]:
    """The same by workers that have memory of their own, and may die."""
    found: list[int] = []
    futures: list[Future[int]] = []
    try:
        futures += [executor.submit(_faults, string, *one) for one in work]
        while len(found) < len(work):
            found.append(_result(futures, len(found), lambda k: executor.submit(_faults, string, *work[k])))
            tell(len(found) / len(work))
    except BrokenExecutor as error:
        warnings.warn(
            f"the executor's workers died ({error}): {len(work) - len(found)} of {len(work)} replays are done here instead",
            RuntimeWarning,
            stacklevel=4,
        )
        found += _by_threads(near(string), work[len(found) :], None, lambda share: None)
    finally:
        for future in futures:
            future.cancel()  # those not begun, where one has failed
    return found


def _result(futures: list["Future[int]"], k: int, again: Callable[[int], "Future[int]"]) -> int:
    """The k-th result; begun again where its worker died. BrokenExecutor if there is none left, or the error of the replay."""
    for _ in range(TRIES - 1):
        try:
            return futures[k].result()
        except Exception as error:
            if not _died(error):
                raise
            futures[k] = again(k)
    return futures[k].result()


def _died(error: Exception) -> bool:
    """Did a worker die, rather than what it did fail?"""
    if isinstance(error, BrokenExecutor | CancelledError) or type(error).__name__ in _DEAD:
        return True
    # A worker that dies with results on it: Dask's bridge to Python's futures takes the value for an error, and trips over it.
    return traceback.extract_tb(error.__traceback__)[-1].name == _BRIDGE if error.__traceback__ else False


def _faults(string: AnyString, name: str | Policy, frames: int, tell: Tell = lambda share: None) -> int:
    """The faults of one replay: all that a worker sends back."""
    return replay(string, name, frames, progress=tell).faults
