"""The gate: the one way in which a machine changes, its version, and its past.

Everything that changes a machine is a call with plain arguments: lock, record, call, raise, version += 1. The record is the
history. A long run is one step of it, made chunk by chunk; meanwhile every other change is refused in words.
"""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from traitlets import HasTraits, Int

from . import history
from .core import events
from .core.state import Exit, State
from .counts import Run
from .errors import Busy, Signal, VmlabError
from .history import History, Step
from .interrupt import Interrupts
from .kernel.calls import CALLS
from .kernel.enter import NEVENT, REGISTER, STEP, Kernel
from .kernel.outside import Outside

CHUNK_SECONDS = 0.02  # of a long run between two looks at Ctrl-C, Stop and progress
SEEN = REGISTER["seen"]


class Gate(HasTraits):
    """What a Machine is to itself: a kernel, a lock, a version and a history."""

    version = Int(0, help="counts changes of the machine: observe it to redraw").tag(sync=False)

    def _begin(self, kernel: Kernel, budget: int) -> None:
        self.kernel = kernel
        self.history = History(budget)
        self._lock = threading.RLock()
        self._running = False
        self._stop = False
        self._rate = 1e6  # references a second of the last chunk
        if self.history.on:
            self.history.keep(self.state, self._beside())

    @property
    def state(self) -> State:
        """The arrays, as they stand. Another tuple after a change: do not keep it."""
        return self.kernel.state

    # -- the gate --------------------------------------------------------------------------------------------------------

    def change(self, call: str, row: int | None = None, /, **args: Any) -> Any:
        """Everything that changes a machine goes through here: lock, record, call, version += 1. Raises what the call raises."""
        with self._lock, Interrupts() as interrupts:
            if self._running:
                raise Busy("a run is going: stop it first")
            step, begin = self._open(call, row, args)
            self.kernel.interrupts = interrupts
            try:
                return self._perform(step)
            except BaseException as error:
                self._note_error(step, error)
                raise
            finally:
                self._close(step, begin)
        # The version is raised in _close: observers see the machine as the call left it.

    def _open(self, call: str, row: int | None, args: dict[str, Any]) -> tuple[Step, float]:
        k = self.kernel
        step = Step(self.history.now + 1, call, row, args, before=k.count())
        n = int(k.registers[NEVENT])
        step.events = n, n
        k.registers[STEP] = step.n
        k.outside = Outside()
        return step, time.perf_counter()

    def _perform(self, step: Step) -> Any:
        verb = CALLS[step.call]
        self.kernel.caller = step.row
        return verb(self.kernel, **step.args) if step.row is None else verb(self.kernel, step.row, **step.args)

    def _note_error(self, step: Step, error: BaseException) -> None:
        step.error = str(error) or type(error).__name__
        if not isinstance(error, (OSError, Signal, VmlabError)):
            step.opaque = True  # Ctrl-C, or an error inside a Python policy: the record stops short

    def _close(self, step: Step, begin: float) -> None:
        k = self.kernel
        events.finish(k.state)
        step.after = k.count()
        step.events = step.events[0], int(k.registers[NEVENT])
        outside = k.outside
        step.answers, step.overwritten = outside.answers, outside.overwritten
        if self.history.on:
            step.nbytes = 400 + outside.nbytes + sum(_nbytes(a) for a in step.args.values())
            if step.nbytes > self.history.budget // 4:  # too large to keep: a keyframe stands for it
                step.args, step.answers, step.nbytes, step.opaque = {}, [], 400, True
            if self.history.record(step, time.perf_counter() - begin):
                self.history.keep(self.state, self._beside())
        self.version += 1

    def _beside(self) -> Any:
        """What the kernel keeps beside its arrays, by value."""
        k = self.kernel
        return dict(k.devices), {d.key: d.save() for d in k.devices.values()}, k.queue, k.policy, k.overcommit

    # -- long runs -------------------------------------------------------------------------------------------------------

    def chunks(self, call: str, row: int | None, args: dict[str, Any], advance: Callable[[int], tuple[int, Exit, Any]],
              limit: int) -> Iterator[tuple[int, Exit]]:  # fmt: skip
        """One step of the history, made chunk by chunk: yields (done so far, why) after each. No other change meanwhile."""
        with self._lock:
            if self._running:
                raise Busy("a run is going: stop it first")
            self._running, self._stop = True, False
            step, begin = self._open(call, row, args)
        done, failure = 0, None
        try:
            while True:
                with self._lock, Interrupts() as interrupts:
                    self.kernel.interrupts = interrupts
                    chunk = max(1, min(int(self._rate * CHUNK_SECONDS), limit - done))
                    start = time.perf_counter()
                    made, why, failure = advance(chunk)
                    self._rate = (
                        max(1e4, made / max(time.perf_counter() - start, 1e-6)) if made == chunk else self._rate
                    )
                    done += made
                    over = failure is not None or made == 0 or done >= limit or (why == Exit.LIMIT and made < chunk)
                    if interrupts.pending or self._stop:
                        step.args["limit"] = done
                        over = True
                    if why == Exit.LIMIT and made == chunk and self.kernel.registers[SEEN] & args.get("until", 0):
                        over = True
                yield done, why
                if over:
                    break
            if failure is not None:
                raise failure
        except BaseException as error:
            self._note_error(step, error)
            if isinstance(error, (GeneratorExit, KeyboardInterrupt)):
                step.args["limit"], step.opaque = done, True
            raise
        finally:
            with self._lock:
                self._running = False
                self._close(step, begin)

    def stop(self) -> None:
        """Ask the run that is going to stop after its chunk (about 20 ms)."""
        self._stop = True

    @property
    def running(self) -> bool:
        """Is a run going?"""
        return self._running

    def exhaust(
        self, run: Iterator[tuple[int, Exit]], total: int, progress: Callable[[int, int], object] | None
    ) -> Run:
        before = self.kernel.count()
        done, why = 0, Exit.DONE
        for made, reason in run:
            done, why = made, reason
            if progress is not None:
                progress(done, total)
        return self._run(done, why, before)

    def _run(self, done: int, why: Exit, before: tuple[int, ...]) -> Run:
        s = self.state
        return Run(done, why, before, self.kernel.count(), s.cost[0], len(s.level))

    # -- the past -------------------------------------------------------------------------------------------------------

    def undo(self, n: int = 1) -> None:
        """Go n steps back. Bytes of host files that the steps overwrote are put back. HistoryError if it cannot."""
        self.seek(self.history.now - n)

    def redo(self, n: int = 1) -> None:
        """Go n steps forward again, after an undo."""
        self.seek(self.history.now + n)

    def seek(self, moment: int, reference: int | None = None) -> None:
        """Go to a moment: after step `moment`. With `reference`, into the middle of the bulk run that follows it."""
        with self._lock, Interrupts():
            if self._running:
                raise Busy("a run is going: stop it first")
            h = self.history
            start = h.before(moment)
            steps_back = [h[n] for n in range(moment + 1, h.now + 1)]
            steps_on = [h[n] for n in range(h.now + 1, moment + 1)]
            history.undo_overwrites(steps_back)
            history.redo_overwrites(steps_on)
            if not h.now <= moment or start.n > h.now:
                self._restore(start)
            else:
                start = None  # type: ignore[assignment]
            for n in range((h.now if start is None else start.n) + 1, moment + 1):
                self._replay(h[n])
            h.now = moment
            if reference is not None:
                self._replay_part(h[moment + 1], reference)
            self.version += 1

    def _restore(self, frame: history.Keyframe) -> None:
        k = self.kernel
        k.state = history.thaw(frame, k.state)
        devices, saved, k.queue, k.policy, k.overcommit = frame.beside
        k.devices = dict(devices)
        for d in k.devices.values():
            d.restore(saved[d.key])

    def _replay(self, step: Step) -> None:
        """Run a recorded step again, with the answers it got from outside."""
        self.kernel.registers[STEP] = step.n
        self.kernel.outside = Outside(step.answers)
        try:
            self._perform(step)
        except Exception:
            pass
        events.finish(self.state)

    def _replay_part(self, step: Step, reference: int) -> None:
        if step.call not in ("access", "run"):
            raise ValueError(f"step {step.n} is {step.call}, which makes no run of references")
        self._replay(Step(step.n, step.call, step.row, {**step.args, "limit": reference}, answers=step.answers))

    def bookmark(self, name: str) -> None:
        """Name the present moment: m.seek(m.bookmarks["before fork"])."""
        self.history.bookmarks[str(name)] = self.history.now

    @property
    def bookmarks(self) -> dict[str, int]:
        """Names of moments."""
        return dict(self.history.bookmarks)


def _nbytes(a: Any) -> int:
    if isinstance(a, np.ndarray):
        return a.nbytes
    if isinstance(a, bytes):
        return len(a)
    return sum(_nbytes(x) for x in a) if isinstance(a, tuple) else 32
