"""Ctrl-C held back while the machine is being changed, so that it never stops half way.

Python runs the handler of SIGINT between any two bytecodes of the main thread. `_Gatekeeper` stands before the handler that was
there (the notebook's, the interpreter's): while something is held it only takes note, else it passes the signal on at once.
It is put there when first needed and left there, for a change of handlers is two system calls and a change of the machine
should cost less; who sets another handler finds everything as usual, and the next change puts a new one before it.
"""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

try:
    from _signal import getsignal  # type: ignore[import-not-found]  # without the search for an enum's member: 3 us
except ImportError:
    from signal import getsignal

_SIGINT = int(signal.SIGINT)
_depth = 0  # how many Hold are entered in the main thread
_pending = False  # did Ctrl-C come meanwhile?


class _Gatekeeper:
    """The handler before `behind`."""

    def __init__(self, behind: Any) -> None:
        self.behind = behind

    def __call__(self, number: int, frame: FrameType | None) -> Any:
        global _pending
        if _depth:
            _pending = True
            return None
        return self.behind(number, frame)


class Hold:
    """Within `with Hold() as hold`, Ctrl-C only sets hold.pending; at the end of the outermost it takes effect.

    Only the main thread gets Ctrl-C: in others this does nothing.
    """

    __slots__ = ("_before",)

    def __enter__(self) -> "Hold":
        global _depth
        self._before = -1
        if threading.get_ident() == threading.main_thread().ident:
            handler = getsignal(_SIGINT)
            if type(handler) is not _Gatekeeper and callable(handler):
                signal.signal(signal.SIGINT, _Gatekeeper(handler))
            self._before, _depth = _depth, _depth + 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        global _depth
        if self._before >= 0:
            _depth = self._before
            if kind is not KeyboardInterrupt:
                _deliver()

    @property
    def pending(self) -> bool:
        """Did Ctrl-C come?"""
        return self._before >= 0 and _pending


class Allowed:
    """Within `with Allowed()`, Ctrl-C takes effect at once, whatever is held: around code of the user's, which may never end."""

    __slots__ = ("_before",)

    def __enter__(self) -> None:
        global _depth
        self._before = -1
        if threading.get_ident() == threading.main_thread().ident:
            self._before, _depth = _depth, 0
            try:
                _deliver()
            except BaseException:
                _depth = self._before  # __exit__ is not called when this raises
                raise

    def __exit__(self, *_: object) -> None:
        global _depth
        if self._before >= 0:
            _depth = self._before


def _deliver() -> None:
    """Let the Ctrl-C that came take effect, if nothing is held any more."""
    global _pending
    if _pending and not _depth:
        _pending = False
        signal.raise_signal(signal.SIGINT)
