"""What reaches the machine from outside during a call: recorded as it comes, and given back when the call is run again."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from ..device import Device, Failing, HostFile, Overlay, OwnFile

T = TypeVar("T")


class Overwrite(NamedTuple):
    """Bytes of a host file that a call changed: enough to put the old ones back."""

    device: Device
    offset: int
    old: bytes
    new: bytes


class Outside:
    """Inputs of one call (bytes of host files, their sizes, victims a Python policy named) and what it overwrote.

    Live, `ask` puts a question to the outside and remembers the answer, be it an exception. Replaying, it gives the
    remembered answers back in order and asks nobody: the machine is deterministic, so it puts the same questions.
    """

    def __init__(self, answers: list[Any] | None = None) -> None:
        self.replaying = answers is not None
        self.answers: list[Any] = answers if answers is not None else []
        self.overwritten: list[Overwrite] = []
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
                answer = error
            self.answers.append(answer)
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]

    def write(self, device: Device, offset: int, data: bytes) -> None:
        """Write to a device. A host file's old bytes are remembered first; in a replay it is left alone."""
        if not is_host(device):
            device.write(offset, data)
            return

        def overwrite() -> None:
            old = device.read(offset, len(data))
            device.write(offset, data)
            self.overwritten.append(Overwrite(device, offset, old, data[: len(old)]))

        self.ask(overwrite)

    @property
    def nbytes(self) -> int:
        """About how much memory the record of this call takes."""
        held = sum(len(a) if isinstance(a, bytes) else 64 for a in self.answers)
        return held + sum(2 * len(o.new) + 64 for o in self.overwritten)


def is_host(device: Device) -> bool:
    """Is what it holds part of the outside? (The machine's own files and overlays are part of the machine.)"""
    return isinstance(device, HostFile) or (isinstance(device, Failing) and is_host(device.device))


def twin(device: Device) -> Device:
    """A device with the same bytes, for a branch: what is written to it stays in it."""
    if isinstance(device, Overlay):
        copy: OwnFile = Overlay(device.base)
    elif isinstance(device, OwnFile):
        copy = OwnFile(int(str(device.key[1])), device.name, 0)
    else:
        return Overlay(device)
    copy.restore(device.save())
    return copy
