"""Limiter: draw at most so often, and always once more after the last change."""

import asyncio
import time
from collections.abc import Callable

PER_SECOND = 12
REST = 4  # at least one part in so many of the time between two drawings


class Limiter:
    """`mark()` draws at once if the last drawing is long enough ago, else as soon as it is; `flush()` draws now if due.

    So often from one beginning to the next; where a drawing takes nearly that long, a rest is left to whoever else has work.

    Where no event loop runs (a plain script) what is due stays due until `flush`, which whoever looks calls.
    """

    def __init__(self, draw: Callable[[], object], per_second: int = PER_SECOND) -> None:
        self.draw, self.pause = draw, 1 / per_second
        self.due = False
        self._last = -1.0  # when the last drawing ended
        self._next = -1.0  # when the next may begin
        self._timer: asyncio.TimerHandle | None = None
        self._loop = running_loop()

    def mark(self) -> None:
        """Something changed."""
        self.due = True
        wait = self._next - time.monotonic()
        if wait <= 0:
            self.flush()
        elif self._timer is None:
            here = running_loop()
            if here is not None:
                self._timer = here.call_later(wait, self.flush)
            elif self._loop is not None and self._loop.is_running():  # called from another thread
                self._loop.call_soon_threadsafe(self._later, wait)

    def _later(self, wait: float) -> None:
        if self._timer is None and self._loop is not None:
            self._timer = self._loop.call_later(wait, self.flush)

    def idle(self) -> float:
        """Seconds since the last drawing."""
        return time.monotonic() - self._last

    def flush(self) -> None:
        """Draw now what is due."""
        self.cancel()
        if self.due:
            self.due = False
            begin = time.monotonic()
            self.draw()
            self._last = time.monotonic()
            self._next = max(begin + self.pause, self._last + self.pause / REST)

    def cancel(self) -> None:
        """Forget a drawing that was put off (it stays due)."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop of this thread, None in a plain script."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
