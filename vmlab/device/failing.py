"""A device that fails on demand: for tests, and for labs that ask what msync says when the disk is full."""

import errno
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import Device


class Failing:
    """`device`, but its read number `read` and its write number `write` (from 1) raise OSError(error); the others pass.

    The counts belong to what is saved, so that a replay fails at the same place.
    """

    def __init__(
        self, device: "Device", *, read: int | None = None, write: int | None = None, error: int = errno.EIO
    ) -> None:
        self.device, self.error = device, error
        self.name, self.writable, self.key = device.name, device.writable, device.key
        self._fails = {"read": read, "write": write}
        self._done = {"read": 0, "write": 0}

    def size(self) -> int:
        return self.device.size()

    def read(self, offset: int, n: int) -> bytes:
        self._count("read")
        return self.device.read(offset, n)

    def write(self, offset: int, data: bytes) -> None:
        self._count("write")
        self.device.write(offset, data)

    def resize(self, nbytes: int) -> None:
        self.device.resize(nbytes)

    def sync(self) -> None:
        self.device.sync()

    def close(self) -> None:
        self.device.close()

    def save(self) -> object:
        return self.device.save(), dict(self._done)

    def restore(self, saved: object) -> None:
        assert isinstance(saved, tuple)
        below, done = saved
        self.device.restore(below)
        self._done = dict(done)

    def _count(self, what: str) -> None:
        self._done[what] += 1
        if self._done[what] == self._fails[what]:
            n = self._done[what]
            raise OSError(self.error, f"injected failure of {what} {n} of '{self.name}': {os.strerror(self.error)}")
