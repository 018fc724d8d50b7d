"""What reaches the machine from outside during a call: recorded as it comes, and given back when the call is run again."""

import copy
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from ..device import Device, Failing, HostFile, Overlay, OwnFile

T = TypeVar("T")
MOST_LOST = 64 << 20  # bytes cut off a host file that are kept for undo; a file that loses more stays as it is then


class Overwrite(NamedTuple):
    """Bytes of a host file that a call changed: enough to put the old ones back."""

    device: Device
    offset: int
    old: bytes
    new: bytes

    def back(self) -> None:
        """Put the old bytes back. ValueError if the file does not hold the new ones; OSError."""
        self._exchange(self.new, self.old)

    def again(self) -> None:
        """Write the new bytes again. ValueError if the file does not hold the old ones; OSError."""
        self._exchange(self.old, self.new)

    def _exchange(self, expected: bytes, wanted: bytes) -> None:
        if self.device.read(self.offset, len(expected)) != expected:
            raise ValueError("somebody else changed the file since")
        self.device.write(self.offset, wanted)

    @property
    def nbytes(self) -> int:
        """About how much memory this takes."""
        return len(self.old) + len(self.new) + 64


class Resize(NamedTuple):
    """A host file that a call made longer or shorter. lost: the bytes it lost, None if they were too many to keep."""

    device: Device
    before: int
    after: int
    lost: bytes | None

    def back(self) -> None:
        """Give the file its old size, and what it lost. ValueError if its size is another by now, or too much was lost."""
        if self.lost is None:
            raise ValueError(f"more than {MOST_LOST:,} bytes were cut off, too many to keep")
        self._resize(self.after, self.before)
        if self.lost:
            self.device.write(self.after, self.lost)

    def again(self) -> None:
        """Give the file its new size again. ValueError if it does not have the old one."""
        self._resize(self.before, self.after)

    def _resize(self, expected: int, wanted: int) -> None:
        found = self.device.size()
        if found != expected:
            raise ValueError(f"somebody else changed the file since: it has {found} bytes, not {expected}")
        self.device.resize(wanted)

    @property
    def nbytes(self) -> int:
        """About how much memory this takes."""
        return len(self.lost or b"") + 64


class Shorter(NamedTuple):
    """Host files that were found shorter than the machine knew them: (object, bytes now)."""

    sizes: tuple[tuple[int, int], ...]


class Outside:
    """Inputs of one call (bytes of host files, their sizes, victims a Python policy named) and what it overwrote.

    Live, `ask` puts a question to the outside and remembers the answer, be it an exception. Replaying, it gives the
    remembered answers back in order and asks nobody: the machine is deterministic, so it puts the same questions.
    """

    __slots__ = ("_next", "answers", "changed", "error", "overwritten", "replaying")

    def __init__(self, answers: Sequence[Any] | None = None) -> None:
        self.replaying = answers is not None
        self.answers: list[Any] = [] if answers is None else list(answers)
        self.overwritten: list[Overwrite | Resize] = []
        self.changed = 0  # changes of host files, also those of a replay
        self.error: Exception | None = None  # the last one that came from outside
        self._next = 0

    def ask(self, question: Callable[[], T]) -> T:
        """The answer to a question, from the outside or from the record. An exception is an answer too."""
        if self.replaying:
            answer = self.answers[self._next]
            self._next += 1
        else:
            try:
                answer = question()
            except Exception as error:
                self.error = error
                self.answers.append(bare(error))
                raise
            self.answers.append(answer)
        if isinstance(answer, Exception):
            self.error = bare(answer)
            raise self.error
        return answer  # type: ignore[no-any-return]

    def news(self, look: Callable[[], tuple[tuple[int, int], ...]]) -> tuple[tuple[int, int], ...]:
        """What `look` finds, which most often is nothing and then takes no place in the record."""
        if self.replaying:
            answer = self.answers[self._next] if self._next < len(self.answers) else None
            if not isinstance(answer, Shorter):
                return ()
            self._next += 1
            return answer.sizes
        found = look()
        if found:
            self.answers.append(Shorter(found))
        return found

    def write(self, device: Device, offset: int, data: bytes) -> None:
        """Write to a device. A host file's old bytes are remembered first; in a replay it is left alone."""
        if not is_host(device):
            device.write(offset, data)
            return

        def overwrite() -> None:
            old = device.read(offset, len(data))
            try:
                device.write(offset, data)
            except OSError:
                now = device.read(offset, len(old))  # a part may have gone through
                if now != old:
                    self.overwritten.append(Overwrite(device, offset, old, now))
                raise
            self.overwritten.append(Overwrite(device, offset, old, data[: len(old)]))

        self.ask(overwrite)
        self.changed += 1

    def resize(self, device: Device, nbytes: int) -> None:
        """Change the size of a device. What a host file loses is remembered first; in a replay it is left alone."""
        if not is_host(device):
            device.resize(nbytes)
            return

        def resize() -> None:
            before = device.size()
            cut = max(0, before - nbytes)
            lost = device.read(nbytes, cut) if cut <= MOST_LOST else None
            device.resize(nbytes)
            self.overwritten.append(Resize(device, before, nbytes, lost))

        self.ask(resize)
        self.changed += 1

    @property
    def used(self) -> list[Any]:
        """The answers that a replay has used so far."""
        return self.answers[: self._next]

    @property
    def nbytes(self) -> int:
        """About how much memory the record of this call takes."""
        return sum(_nbytes(a) for a in self.answers) + sum(o.nbytes for o in self.overwritten)


def _nbytes(answer: Any) -> int:
    if isinstance(answer, tuple):
        return 64 + sum(_nbytes(a) for a in answer)
    return 64 + int(getattr(answer, "nbytes", 0) or (len(answer) if isinstance(answer, bytes | list) else 0))


def bare(error: Exception) -> Exception:
    """The same error without the frames it came through: they would keep the arrays of their moment alive."""
    try:
        return copy.copy(error).with_traceback(None)
    except Exception:  # a class of the user's that cannot be copied
        return error


def is_host(device: Device) -> bool:
    """Is what it holds part of the outside? (The machine's own files and overlays are part of the machine.)"""
    return isinstance(device, HostFile) or (isinstance(device, Failing) and is_host(device.device))


def twin(device: Device) -> Device:
    """A device with the same bytes, for a branch: what is written to it stays in it."""
    if isinstance(device, Overlay):
        return device.twin()
    if not isinstance(device, OwnFile):
        return Overlay(device)
    copied = OwnFile(int(str(device.key[1])), device.name, 0, kind=str(device.key[0]))
    copied.restore(device.save())
    return copied
