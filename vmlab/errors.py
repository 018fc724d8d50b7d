"""Every exception of vmlab.

Two families. The *simulated* kernel answers as Linux does: a call that fails is an OSError with Linux's errno and one
sentence; an access that fails is a Signal. The *host's* side (arguments, files, traces, limits) is a VmlabError, which
says what was wrong, where, the limit, and what to do.
"""

import errno as _errno
import os
from typing import Any


class VmlabError(Exception):
    """Something outside the simulated machine is wrong; the machine is unchanged."""


class ConfigError(VmlabError):
    """A machine cannot be built or loaded as asked."""


class PathError(VmlabError, ValueError):
    """A host file cannot be used as a simulated file."""


class TraceError(VmlabError, ValueError):
    """A reference trace cannot be read."""


class LimitError(VmlabError):
    """More was asked for than vmlab allows; the message names the limit."""


class HistoryError(VmlabError):
    """A moment of the past cannot be reached; the message names the earliest that can."""


class Busy(VmlabError):
    """A run is going and the call would change the machine under it."""


class Suspended(VmlabError):
    """The process was stopped (SIGSTOP): it makes no call and no reference until it is resumed."""


class Signal(Exception):
    """The kernel sent a signal to the process; the process lives on, as with a handler.

    addr: the address that failed, or None where the hardware gives none. code: si_code. done: bytes done before it.
    data: the bytes read before it.
    """

    name = "signal"

    def __init__(
        self, sentence: str, *, addr: int | None = None, code: int = 0, done: int = 0, data: bytes = b""
    ) -> None:
        super().__init__(sentence)
        self.addr, self.code, self.done, self.data = addr, int(code), done, data


class SegmentationFault(Signal):
    """SIGSEGV: no mapping there (code 1), not with these rights (2), or an address that cannot be (128)."""

    name = "SIGSEGV"


class BusError(Signal):
    """SIGBUS: the mapping is there, the page of the file is not (code 2)."""

    name = "SIGBUS"


class Killed(Signal):
    """SIGKILL from the out-of-memory killer: the process is gone."""

    name = "SIGKILL"


def fail(name: str, sentence: str) -> OSError:
    """The OSError of Linux's errno `name`, the class Python gives it, with a sentence. To be raised by the caller."""
    number = getattr(_errno, name)
    return OSError(number, f"{sentence} ({name}: {os.strerror(number)})")


def refused(error: OSError, sentence: str) -> OSError:
    """What the host refused, in the machine's words: the same errno and class, a sentence, the host's reason."""
    number = error.errno or _errno.EIO
    return OSError(number, f"{sentence}: {error.strerror or error} ({_errno.errorcode.get(number, number)})")


def number(name: str, value: Any) -> int:
    """A whole number of 0..2**64-1, as a system call takes it. TypeError, ValueError."""
    n = whole(name, value)
    if not 0 <= n < 1 << 64:
        raise ValueError(f"{name} must be an int of 0..2**64-1, not {n}")
    return n


def whole(name: str, value: Any) -> int:
    """A whole number; whether it fits is for the call to say. TypeError."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{name} must be an int of 0..2**64-1, not {value!r}")
    return int(value)


def shown(name: str | bytes) -> str:
    """A name fit to print: control, bidirectional and undecodable characters are escaped, never acted on."""
    text = os.fsdecode(name)
    return "".join(c if c.isprintable() and not 0xDC80 <= ord(c) <= 0xDCFF else _escape(c) for c in text)


def _escape(c: str) -> str:
    n = ord(c)
    if 0xDC80 <= n <= 0xDCFF:  # a byte that is not UTF-8, as os.fsdecode hands it over
        return f"\\x{n - 0xDC00:02x}"
    return c.encode("unicode_escape").decode("ascii")
