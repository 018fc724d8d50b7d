"""The one gate: everything that changes a machine goes through `Gate.change`, or, where it takes long, `Gate.chunks`.

    lock -> hold Ctrl-C back -> record -> call -> keyframe if one is due -> version += 1 -> raise

A call that fails as calls do (OSError, a signal, VmlabError, an error of a policy's own) is a step of the history like any
other. One that fails as no call should (MemoryError, a bug) is rolled back: it never happened.
"""

import threading
import time
from collections.abc import Generator
from typing import Any

from traitlets import HasTraits, Int

from .core import invariants
from .core.state import Exit, State
from .errors import Busy, HistoryError, Signal, VmlabError
from .history import STEP_BYTES, History, Keyframe, Step, put_back, thaw
from .interrupt import Hold
from .kernel import calls
from .kernel.enter import NEVENT, REGISTER, Kernel
from .kernel.outside import Outside
from .kernel.references import Work

CHUNK_SECONDS = 0.02  # of a long run between two looks at Ctrl-C, Stop and progress
FIRST_CHUNK = 256  # references: a policy in plain Python takes milliseconds for one
GROWTH = 16  # times as many in the next chunk, at most
SEEN = REGISTER["seen"]
FAILURES = (OSError, Signal, VmlabError, NotImplementedError)  # what calls raise


class Gate(HasTraits):
    """A kernel, its history, and the one way to change them."""

    version = Int(0, help="counts changes of the machine: observe it to redraw").tag(sync=False)
    under_way = Int(0, help="references made of a run that goes on; 0 when none does").tag(sync=False)

    def _begin(self, kernel: Kernel, budget: int) -> None:
        self.kernel = kernel
        self.history = History(budget, int(kernel.registers[REGISTER["step"]]))
        self._lock = threading.RLock()
        self._running = False  # is a long run going?
        self._calling = False  # is a call being made?
        self._stop = False
        self._broken = ""
        if self.history.on:
            self.history.keep(kernel.state, kernel.beside())

    @property
    def state(self) -> State:
        """The arrays, as they stand. Another tuple after a change: do not keep it."""
        return self.kernel.state

    # -- one call --------------------------------------------------------------------------------------------------------

    def change(self, call: str, row: int | None = None, /, **args: Any) -> Any:
        """Make a call (kernel.calls), of the process in `row` or of the machine. Raises what the call raises; Busy."""
        self._refuse_in_a_run()  # before the lock too: a run takes it again and again
        with self._lock:
            step = None
            try:
                with Hold():
                    step = self._open(call, row, args)
                    begin = time.perf_counter()
                    try:
                        return calls.perform(self.kernel, call, row, args)
                    except BaseException as error:
                        self._failed(step, error)
                        raise
                    finally:
                        self._close(step, begin)
            finally:
                if step is not None:
                    self.version += 1  # observers see the machine as the call left it

    def _refuse_in_a_run(self) -> None:
        if self._running:
            raise Busy("a run is going: stop it first")

    def _open(self, call: str, row: int | None, args: dict[str, Any]) -> Step:
        """Begin a step. The lock is held."""
        self._refuse_in_a_run()
        if self._calling:
            raise Busy("a call is being made: what it asks may look at the machine, not change it")
        if self._broken:
            raise VmlabError(self._broken)
        h, k = self.history, self.kernel
        if h.part is not None:
            h.record(h.part, 0)  # the machine stands within a run that was undone in part: this much of it stays
        registers = k.registers
        n = int(registers[NEVENT])
        step = Step(h.now + 1, call, row, args, None, (n, n), (k.counters.tobytes(), b""))
        k.begin(row, step.n, Outside())
        self._calling = True
        return step

    def _failed(self, step: Step, error: BaseException) -> None:
        """Note why a call failed, or take it back."""
        step.error = str(error) or type(error).__name__
        if isinstance(error, FAILURES) or error is self.kernel.outside.error:
            return
        step.opaque = True  # Ctrl-C in the middle: run again it would go further
        if not isinstance(error, KeyboardInterrupt | GeneratorExit):
            self._roll_back(step, error)

    def _roll_back(self, step: Step, error: BaseException) -> None:
        h = self.history
        try:
            frame = h.before(h.now)
            put_back(self.kernel.outside.overwritten)
            self._restore(h.now, frame)
            step.n = h.now  # recorded nowhere
        except (HistoryError, MemoryError) as failure:
            if invariants.broken(self.state):
                reason = f"{type(error).__name__} in the middle of {step.call}"
                self._broken = f"the machine broke ({reason}) and could not be taken back ({failure}): build a new one"

    def _close(self, step: Step, begin: float) -> None:
        """End a step: record it."""
        self._calling = False
        k, h = self.kernel, self.history
        if step.n == h.now:  # rolled back
            return
        k.finish()
        step.counts = step.counts[0], k.counters.tobytes()
        step.events = step.events[0], int(k.registers[NEVENT])
        outside = k.outside
        if h.on:
            if outside.answers:
                step.answers, step.nbytes = outside.answers, outside.nbytes
            if outside.overwritten:
                step.overwritten = outside.overwritten
            for value in step.args.values():
                step.nbytes += _nbytes(value)
            if step.nbytes > h.budget // 4:  # too large to keep: a keyframe stands for it
                step.args, step.answers, step.opaque = _small(step.args), (), True
                step.nbytes = sum(o.nbytes for o in step.overwritten)
            step.nbytes += STEP_BYTES
        if h.record(step, time.perf_counter() - begin):
            h.keep(k.state, k.beside())

    # -- work that takes long --------------------------------------------------------------------------------------------

    def chunks(
        self, call: str, row: int | None, args: dict[str, Any], work: Work, limit: int
    ) -> Generator[tuple[int, Exit], None, None]:
        """Make at most `limit` references in chunks: one step of the history. Yields (done so far, why) after each chunk.

        Meanwhile every other change is refused. Ctrl-C and Stop take effect between two chunks.
        """
        step, failure, begin = None, None, time.perf_counter()
        try:
            with self._lock, Hold():
                step = self._open(call, row, args)
                self._running, self._calling, self._stop = True, False, False
            chunk, over = FIRST_CHUNK, False
            while not over:
                with self._lock, Hold() as hold:
                    asked = min(chunk, limit - work.done)
                    made, seconds, why, failure = self._chunk(work, asked)
                    over = failure is not None or made == 0 or work.done >= limit
                    over = over or bool(self.kernel.registers[SEEN] & args.get("until", 0))
                    if not over and (hold.pending or self._stop):
                        args["limit"], over = work.done, True
                    if made == asked:
                        chunk = max(FIRST_CHUNK, min(GROWTH * chunk, int(CHUNK_SECONDS * made / max(seconds, 1e-6))))
                yield work.done, why
            if failure is not None:
                raise failure
        except BaseException as error:
            if step is not None and (self._calling or failure is not None):  # in a chunk, or the signal that ended it
                if failure is None and isinstance(error, Signal):
                    error.done = work.done
                self._failed(step, error)
            elif step is not None:  # between two chunks: all is well
                args["limit"] = work.done
            raise
        finally:
            if step is not None:
                with self._lock:
                    with Hold():
                        self._running = False
                        step.opaque |= not work.record(args)
                        self._close(step, begin)
                    self.version += 1
            del failure  # this frame is in its traceback, and holds the machine (kernel.memory._raise)

    def _chunk(self, work: Work, n: int) -> tuple[int, float, Exit, Signal | None]:
        """(how many were made, seconds, why it stopped, the signal). _calling stays set where this raises."""
        self._calling = True
        before, begin = work.done, time.perf_counter()
        why, failure = work.advance(n)
        self._calling = False
        return work.done - before, time.perf_counter() - begin, why, failure

    def stop(self) -> None:
        """Ask the run that is going to stop after its chunk (about 20 ms)."""
        self._stop = True

    @property
    def running(self) -> bool:
        """Is a run going?"""
        return self._running

    # -- moments ---------------------------------------------------------------------------------------------------------

    def _restore(self, moment: int, frame: Keyframe) -> None:
        """Bring the arrays and what is beside them to a moment, from a keyframe before it. Host files are left alone."""
        then = thaw(frame)  # all the memory that this takes, before the first change
        self.kernel.state = then
        self.kernel.put_beside(frame.beside)
        for n in range(frame.n + 1, moment + 1):
            self._replay(self.history[n])

    def _replay(self, step: Step) -> Outside:
        """Run a recorded step again, with the answers it got from outside."""
        k = self.kernel
        outside = Outside(step.answers)
        k.begin(step.row, step.n, outside, step.partial)
        try:
            calls.perform(k, step.call, step.row, step.args)
        except FAILURES:
            pass  # what it raised the first time; the machine is what counts
        except Exception as error:
            if error is not outside.error:
                raise
        k.finish()
        return outside


def _nbytes(a: Any) -> int:
    """About how much memory an argument takes."""
    if isinstance(a, tuple):
        return sum(_nbytes(x) for x in a)
    if isinstance(a, bytes):
        return len(a)
    return int(getattr(a, "nbytes", 32))


def _small(args: dict[str, Any]) -> dict[str, Any]:
    """The arguments that take little memory, for those who read the record."""
    return {name: a for name, a in args.items() if _nbytes(a) <= 4096}
