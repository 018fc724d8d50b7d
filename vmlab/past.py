"""The past of a machine, to go to: undo, redo, seek, bookmarks."""

from dataclasses import replace

from .errors import Busy, HistoryError
from .gate import Gate
from .history import Step, put_back, write_again
from .interrupt import Hold
from .kernel.enter import NEVENT


class Past(Gate):
    """A gate whose history can be walked."""

    def undo(self, n: int = 1) -> None:
        """Go n steps back. Bytes of host files that the steps overwrote are put back. HistoryError if it cannot."""
        within = self.history.part is not None  # a run undone in part: its beginning is the first step back
        self.seek(self.history.now - _steps(n) + within)

    def redo(self, n: int = 1) -> None:
        """Go n steps forward again, after an undo."""
        self.seek(self.history.now + _steps(n))

    def seek(self, moment: int, reference: int | None = None) -> None:
        """Go to a moment: after step `moment`. With `reference`, so many references into the bulk run that follows it.

        HistoryError, and nothing has changed, if that cannot be reached or somebody else changed a host file that the steps
        between wrote.
        """
        moment = _whole("moment", moment)
        with self._lock:
            if self._running or self._calling:
                raise Busy("a run is going: stop it first")
            step = None if reference is None else self._entered(moment, _whole("reference", reference))
            with Hold():
                self._go(moment)
                if step is not None:
                    self._enter(step)
            self.version += 1

    def _go(self, moment: int) -> None:
        h = self.history
        frame = h.before(moment)
        within = h.part.overwritten if h.part is not None else ()
        back = [*(c for n in range(moment + 1, h.now + 1) for c in h[n].overwritten), *within]
        put_back(back)
        try:
            write_again([c for n in range(h.now + 1, moment + 1) for c in h[n].overwritten])
        except HistoryError:
            write_again(back)
            raise
        if h.part is not None or not h.now <= moment or frame.n > h.now:
            self._restore(moment, frame)
        else:
            for n in range(h.now + 1, moment + 1):
                self._replay(h[n])
        h.now, h.part = moment, None

    def _entered(self, moment: int, reference: int) -> Step:
        """The step after a moment, ended after so many references."""
        h = self.history
        h.before(moment)
        if moment == h.last:
            raise HistoryError(f"there is no step after moment {moment}")
        return h[moment + 1].until(reference)

    def _enter(self, step: Step) -> None:
        """From the moment before a step to its end, where that is another end than it had."""
        h, k = self.history, self.kernel
        outside = self._replay(step)
        made = step.overwritten[: outside.changed]
        try:
            write_again(made)
        except HistoryError:
            self._restore(h.now, h.before(h.now))
            raise
        counts, events = (step.counts[0], k.counters.tobytes()), (step.events[0], int(k.registers[NEVENT]))
        h.part = replace(step, answers=outside.used, overwritten=made, counts=counts, events=events)

    def bookmark(self, name: str) -> None:
        """Name the present moment: m.seek(m.bookmarks["before fork"])."""
        self.history.bookmarks[str(name)] = self.history.now

    @property
    def bookmarks(self) -> dict[str, int]:
        """Names of moments."""
        return dict(self.history.bookmarks)


def _steps(n: int) -> int:
    if _whole("n", n) < 1:
        raise ValueError(f"n must be a number of steps from 1 up, not {n}")
    return n


def _whole(name: str, n: int) -> int:
    if isinstance(n, bool) or not hasattr(n, "__index__"):
        raise TypeError(f"{name} must be a whole number, not {n!r}")
    if name == "reference" and n < 0:
        raise ValueError(f"reference must be a number from 0 up, not {n}")
    return int(n)
