"""Where the pages of files come from and go to. The kernel uses devices; the core knows none."""

from typing import Protocol

from .failing import Failing
from .hostfile import HostFile
from .overlay import Overlay
from .ownfile import OwnFile

__all__ = ["Device", "Failing", "HostFile", "Overlay", "OwnFile"]


class Device(Protocol):
    """The bytes behind one file. The OSError of a host passes through every method."""

    @property
    def name(self) -> str:
        """The base name, fit to print."""

    @property
    def writable(self) -> bool:
        """Whether `write` and `resize` may be called."""

    @property
    def key(self) -> tuple[object, ...]:
        """Which file it is: ("host", st_dev, st_ino) or ("own", n). Two names of one file: one key, one page cache."""

    def size(self) -> int:
        """The length in bytes, now."""

    def read(self, offset: int, n: int) -> bytes:
        """n bytes from offset on; fewer, or none, where the file ends."""

    def write(self, offset: int, data: bytes) -> None:
        """Replace bytes at offset, never past the end: what lies there is left out; EIO if all of it does."""

    def resize(self, nbytes: int) -> None:
        """Make the file nbytes long; what is new reads zero."""

    def sync(self) -> None:
        """Return once what was written would survive a power loss."""

    def close(self) -> None:
        """Let go of what the host lends. Twice is once."""

    def save(self) -> object:
        """What `restore` needs to bring back this moment; None where the host keeps the bytes."""

    def restore(self, saved: object) -> None:
        """Bring back the moment of `save`."""
