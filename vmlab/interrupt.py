"""Ctrl-C held back while the machine is being changed, so that it never stops half way."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class Interrupts:
    """Within `with Interrupts() as i`, Ctrl-C only sets i.pending; at the end it takes effect. Only the main thread gets Ctrl-C.

    `with i.allowed():` lets it through at once: around code of the user's, which may never return.
    """

    def __init__(self) -> None:
        self.pending = False
        self._before: Any = None

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.pending = True

    def __enter__(self) -> "Interrupts":
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is None:
            return
        signal.signal(signal.SIGINT, self._before)
        if self.pending and kind is None and callable(self._before):
            self._before(signal.SIGINT, None)

    def allowed(self) -> "_Allowed":
        """A context in which Ctrl-C interrupts at once."""
        return _Allowed(self)


class _Allowed:
    def __init__(self, held: Interrupts) -> None:
        self.held = held

    def __enter__(self) -> None:
        if self.held._before is not None:
            signal.signal(signal.SIGINT, self.held._before)
            if self.held.pending:
                self.held.pending = False
                raise KeyboardInterrupt

    def __exit__(self, *_: object) -> None:
        if self.held._before is not None:
            signal.signal(signal.SIGINT, self.held._note)
