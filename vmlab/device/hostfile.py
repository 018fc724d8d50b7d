"""A real file of the host, read and written page by page through one descriptor.

Never through a mapping: when somebody shortens the file, a real mapping kills the notebook's Python with SIGBUS; a
pread returns less.
"""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self
from weakref import WeakSet, finalize

from ..errors import LimitError, PathError, shown
from . import paths
from .ownfile import inside

MOST = 256  # host files open at once, in all machines of this Python

_open: "WeakSet[HostFile]" = WeakSet()


def limit() -> int:
    """How many host files may be open at once: half of what the host allows this Python, at most MOST."""
    if sys.platform == "win32":
        return MOST
    import resource

    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return MOST if soft == resource.RLIM_INFINITY else min(MOST, soft // 2)


class HostFile:
    """A regular file of the host, "r" or "r+". It is closed by `close`, or when nothing refers to it any more."""

    def __init__(self, fd: int, path: paths.Path, writable: bool) -> None:
        self._fd = fd
        self._closer = finalize(self, os.close, fd)
        self.path = os.path.abspath(os.fsdecode(path))
        self.name = shown(os.path.basename(self.path))
        self.writable = writable
        at = os.fstat(fd)
        self.key: tuple[object, ...] = ("host", at.st_dev, at.st_ino)
        self._named: tuple[object, ...] | None = self.key  # the file its name led to when last looked at
        self._seen = (at.st_size, at.st_mtime_ns)  # when last looked at, or written by us
        # Branches: they keep what is about to change here, through whichever of the descriptors on this file.
        self.overlays: WeakSet[Any] = [*(f.overlays for f in _open if f.key == self.key), WeakSet()][0]
        _open.add(self)

    @classmethod
    def open(cls, path: paths.Path, mode: str = "r", folder: paths.Path | None = None) -> Self:
        """The file `path` names, within `folder` if one is given. It must exist: neither mode creates or truncates.

        PathError, FileNotFoundError or PermissionError say in a sentence why not; LimitError when too many are open.
        """
        if mode not in ("r", "r+"):
            raise PathError(f"mode {mode!r}: a file is opened 'r' or 'r+', which neither create nor truncate it")
        most = limit()
        if len(_open) >= most:
            gc.collect()  # machines nobody refers to any more may still hold some
        if len(_open) >= most:
            raise LimitError(f"{most} host files are open, which is the limit: close some of them first")
        fd = paths.open_regular(path, mode == "r+", folder)
        return cls(fd, path if folder is None else os.path.join(os.fsdecode(folder), os.fsdecode(path)), mode == "r+")

    def __repr__(self) -> str:
        return f"HostFile('{self.name}', {'r+' if self.writable else 'r'!r}{', closed' if self._fd < 0 else ''})"

    def size(self) -> int:
        return os.fstat(self._fd).st_size

    def read(self, offset: int, n: int) -> bytes:
        left = min(n, self.size() - offset)  # pread takes memory for all it is asked for, before it finds the end
        parts = []
        while left > 0 and (part := self._pread(left, offset)):  # one pread gives at most 2 GiB
            parts.append(part)
            offset += len(part)
            left -= len(part)
        return b"".join(parts)

    def write(self, offset: int, data: bytes) -> None:
        data = inside(self.name, self.size(), offset, data)
        for overlay in self.overlays:
            overlay.keep(offset, len(data))
        with self._ours():
            while data:
                done = self._pwrite(data, offset)
                offset += done
                data = data[done:]

    def resize(self, nbytes: int) -> None:
        for overlay in self.overlays:
            overlay.keep(nbytes, max(0, self.size() - nbytes))
        with self._ours():
            os.ftruncate(self._fd, nbytes)

    def sync(self) -> None:
        if self.writable:
            os.fsync(self._fd)

    def close(self) -> None:
        self._fd = -1
        _open.discard(self)
        self._closer()

    def save(self) -> None:
        """None: the host keeps the bytes."""

    def restore(self, saved: object) -> None:
        """Nothing: what was overwritten is put back from the history's record."""

    def changed(self) -> str | None:
        """What somebody else has done to the file or its name since it was opened or refreshed, as a sentence; or None.

        Seen by inode, size and mtime: a change of the same length within one tick of the host's clock is not.
        """
        named, (nbytes, mtime) = self._leads_to(), self._look()
        begin = f"'{self.name}' changed on disk since it was mapped"
        if named != self._named:
            why = "it was deleted or is out of reach" if named is None else "its name leads to another file"
            return f"{begin} ({why}); the mapping keeps the old file, f.refresh() to go on with that"
        if nbytes != self._seen[0]:
            return f"{begin} (size {nbytes}, was {self._seen[0]}); f.refresh() to reread"
        if mtime != self._seen[1]:
            return f"{begin} (mtime differs); f.refresh() to reread"
        return None

    def refresh(self) -> None:
        """Take the file as it is now: `changed` speaks of later changes only."""
        self._named, self._seen = self._leads_to(), self._look()

    def _look(self) -> tuple[int, int]:
        at = os.fstat(self._fd)
        return at.st_size, at.st_mtime_ns

    def _leads_to(self) -> tuple[object, ...] | None:
        try:
            at = os.stat(self.path)
        except OSError:
            return None
        return ("host", at.st_dev, at.st_ino)

    @contextmanager
    def _ours(self) -> Iterator[None]:
        """Changes made within are not news, unless there was news before: that stays to be told."""
        before = self._look()
        try:
            yield
        finally:
            if before == self._seen:
                self._seen = self._look()

    def _pread(self, n: int, offset: int) -> bytes:
        if sys.platform == "win32":
            os.lseek(self._fd, offset, os.SEEK_SET)
            return os.read(self._fd, n)
        return os.pread(self._fd, n, offset)

    def _pwrite(self, data: bytes, offset: int) -> int:
        if sys.platform == "win32":
            os.lseek(self._fd, offset, os.SEEK_SET)
            return os.write(self._fd, data)
        return os.pwrite(self._fd, data, offset)
