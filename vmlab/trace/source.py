"""The bytes of a trace file: a regular file of the host, unfolded if it is packed, read from its beginning as often as asked.

Never mapped into memory: a mapped file that shrinks meanwhile kills the process that reads it. Whatever a packed file unfolds to
is read in bounded pieces, so that a bomb is a long file and nothing worse.
"""

import gzip
import os
import re
import stat
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from ..errors import TraceError, shown

HEAD = 1 << 16  # bytes in which the format must show itself
_WINDOW = 1 << 27  # bytes of history that a zstd file may ask the reader to keep: zstd's own limit
_PIECE = 1 << 10  # bytes of a zstd file unfolded at once
_FLAGS = ("O_NONBLOCK", "O_CLOEXEC", "O_BINARY")  # each where the host has it; a FIFO must not make us wait

# Magic numbers, and what the file is
_PACKED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_REFUSED = {b"\xfd7zXZ\x00": "xz -d", b"BZh": "bzip2 -d"}


class Opened(NamedTuple):
    """A file being read: its bytes, unfolded, and where we are in the file as it lies on disk."""

    file: Any
    raw: BinaryIO
    size: int

    @property
    def share(self) -> float:
        """How much of the file was read, 0..1."""
        return min(self.raw.tell() / self.size, 1.0) if self.size else 1.0


class Stamp(NamedTuple):
    """What tells a file from what it was before: its size, and when it was last changed."""

    nbytes: int
    changed_ns: int

    def text(self) -> str:
        """Both in words."""
        at = str(np.datetime64(self.changed_ns, "ns")).replace("T", " ")
        return f"{self.nbytes:,} bytes, last changed {at} UTC"


class Source:
    """A file by its path. `head`: how it begins, unfolded; `packed`: None, or by what; `size`: bytes on disk."""

    def __init__(self, path: Any) -> None:
        text = os.fsdecode(path)
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", text):
            raise TraceError(f"'{shown(text)}' is an address of the Web, which is not fetched: download it first")
        self.path = text
        self.name = shown(os.path.basename(text) or text)
        self.packed: str | None = None
        with self._raw() as raw:
            self.size = os.fstat(raw.fileno()).st_size
            magic = raw.read(6)
        for start, command in _REFUSED.items():
            if magic.startswith(start):
                raise TraceError(f"'{self.name}' is packed: unpack it first, {command} '{self.name}'")
        self.packed = next((by for start, by in _PACKED.items() if magic.startswith(start)), None)
        with self.open() as opened:
            self.head = opened.file.read(HEAD)
        if not self.head:
            raise TraceError(f"'{self.name}' is empty")

    def stamp(self) -> Stamp:
        """What tells the file, as it lies on disk now, from another one. TraceError if it is gone."""
        with self._raw() as raw:
            status = os.fstat(raw.fileno())
        return Stamp(status.st_size, status.st_mtime_ns)

    @contextmanager
    def open(self) -> Iterator[Opened]:
        """The file at its beginning. TraceError where what it holds cannot be unfolded or read."""
        with self._raw() as raw:
            size = os.fstat(raw.fileno()).st_size
            try:
                with self._unfolded(raw) as file:
                    yield Opened(file, raw, size)
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                raise TraceError(f"'{self.name}' is damaged: {error}") from None
            except OSError as error:
                raise TraceError(f"'{self.name}' cannot be read: {error.strerror or error}") from None
            except Exception as error:
                if type(error).__name__ != "ZstdError":  # of a library that may not be there to be named
                    raise
                raise TraceError(f"'{self.name}' is damaged: {error}") from None

    def _raw(self) -> BinaryIO:
        flags = os.O_RDONLY
        for flag in _FLAGS:
            flags |= getattr(os, flag, 0)
        try:
            fd = os.open(self.path, flags)
        except (OSError, ValueError) as error:
            raise TraceError(f"'{self.name}' cannot be opened: {getattr(error, 'strerror', None) or error}") from None
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise TraceError(f"'{self.name}' is no regular file: a trace is read from a file")
        return os.fdopen(fd, "rb")

    def _unfolded(self, raw: BinaryIO) -> Any:
        """The bytes of a packed file as a file."""
        if self.packed == "gzip":
            return gzip.GzipFile(fileobj=raw)
        if self.packed == "zstd":
            return unfold_zstd(raw, self.name)
        return raw


def unfold_zstd(raw: BinaryIO, name: str) -> Any:
    """A zstd file as a file of what it unfolds to: by the standard library from Python 3.14 on, before by `zstandard`."""
    try:
        from compression import zstd  # type: ignore[import-not-found,unused-ignore]

        return zstd.ZstdFile(raw)
    except ImportError:
        pass
    try:
        import zstandard
    except ImportError:
        raise TraceError(
            f"'{name}' is packed with zstd, which this Python cannot unfold: pip install 'vmlab[zstd]'"
        ) from None
    return _Frames(raw, lambda: zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj())


class _Frames:
    """A zstd file as a file of what its frames unfold to, one after the other. EOFError if the last one is cut off.

    The package's own reader takes a file that is cut off for one that ends. Read in pieces, for a KiB unfolds to 32 MiB at most:
    256 blocks of four bytes each, which stand for 128 KiB (RFC 8878, 3.1.1.2).
    """

    def __init__(self, raw: BinaryIO, start: Callable[[], Any]) -> None:
        self._raw, self._start = raw, start
        self._frame: Any = None
        self._folded, self._unfolded = b"", bytearray()

    def read(self, n: int) -> bytes:
        """The next n bytes, or fewer at the end."""
        while len(self._unfolded) < n:
            piece = self._folded or self._raw.read(_PIECE)
            if not piece and self._frame is not None:
                raise EOFError("it ended within a frame")
            if not piece:
                break
            self._frame, self._folded = self._frame or self._start(), b""
            self._unfolded += self._frame.decompress(piece)
            if self._frame.eof:
                self._folded, self._frame = self._frame.unused_data, None
        data = bytes(self._unfolded[:n])
        del self._unfolded[:n]
        return data

    def __enter__(self) -> "_Frames":
        return self

    def __exit__(self, *_: object) -> None:
        pass


def fold_zstd(raw: BinaryIO, name: str) -> Any:
    """A file that packs with zstd what is written to it."""
    try:
        from compression import zstd  # type: ignore[import-not-found,unused-ignore]

        return zstd.ZstdFile(raw, "wb", options={zstd.CompressionParameter.checksum_flag: True})
    except ImportError:
        pass
    try:
        import zstandard
    except ImportError:
        raise TraceError(
            f"'{name}' is to be packed with zstd, which this Python cannot do: pip install 'vmlab[zstd]'"
        ) from None
    return zstandard.ZstdCompressor(write_checksum=True).stream_writer(raw, closefd=False)
