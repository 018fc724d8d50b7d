"""numpy's .npz: a zip archive of .npy files, `addresses` and, if noted, `kinds`, `pids` and `page_size`; or one array only.

Its members are read in memory by their names, side by side, and nothing is put on disk. A zip's own lists can lie, so sizes are
checked while unfolding, and how long the list of members is before zipfile reads it:

    member  member  ...  [list of members]  [zip64: its length and place]  [end: the same, if it fits]
"""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...errors import TraceError, shown
from ..source import Source
from ..trace import PAGE, Chunk, Kind, Stream, Trace
from . import npy
from .contract import Format, Reading

MOST_MEMBERS = 16
_LIST = 1 << 14  # bytes of their list, at most
_END, _END64 = b"PK\x05\x06", b"PK\x06\x06"
_TOP = {"addresses": (1 << 64) - 1, "kinds": max(Kind), "pids": (1 << 32) - 1, "page_size": 1 << 48}


def _archive(file: Any, source: Source) -> zipfile.ZipFile:
    """The archive, once it is known to be small and plain. TraceError."""
    file.seek(max(0, source.size - (1 << 16) - 100))
    tail = file.read()
    end = tail.rfind(_END)
    if end < 0 or len(tail) < end + 22:
        raise TraceError(f"'{source.name}' is cut off: a zip archive ends with its list of members")
    members, length = struct.unpack_from("<HI", tail, end + 10)
    if end >= 76 and tail[end - 76 : end - 72] == _END64:
        members, length = struct.unpack_from("<QQ", tail, end - 76 + 32)
    if members > MOST_MEMBERS or length > _LIST:
        raise TraceError(
            f"'{source.name}' lists {members:,} members in {length:,} bytes; at most {MOST_MEMBERS} are read"
        )
    try:
        z = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise TraceError(f"'{source.name}' is damaged: {error}") from None
    before = 0
    for member in sorted(z.infolist(), key=lambda m: m.header_offset):
        name = shown(member.filename)
        if member.header_offset < before:
            raise TraceError(f"'{source.name}': member '{name}' overlaps another")
        before = member.header_offset + 30 + len(member.orig_filename.encode()) + member.compress_size
        if not member.filename.endswith(".npy"):
            raise TraceError(f"'{source.name}': member '{name}' is no .npy file; nested archives are not read")
        if member.flag_bits & 1 or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise TraceError(f"'{source.name}': member '{name}' is encrypted, or packed by other means than deflate")
    return z


class _Member:
    """A member being read: damage becomes a sentence."""

    def __init__(self, z: zipfile.ZipFile, source: Source, key: str) -> None:
        self.name = f"{source.name}, member {shown(key)}.npy"
        self._file: Any = self._guarded(lambda: z.open(f"{key}.npy"))
        self.rows, self.dtype, begin = npy.header(self, self.name)
        size = z.getinfo(f"{key}.npy").file_size
        if size != begin + self.rows * self.dtype.itemsize:
            held = (size - begin) // self.dtype.itemsize
            raise TraceError(f"'{self.name}': its header says {self.rows:,} rows, the file holds {held:,}")

    def read(self, n: int) -> bytes:
        return bytes(self._guarded(lambda: self._file.read(n)))

    def values(self, most: int) -> Iterator[Any]:
        return npy.values(self, self.name, self.rows, self.dtype, most)

    def _guarded(self, act: Any) -> Any:
        try:
            return act()
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise TraceError(f"'{self.name}' is damaged: {error}") from None


def _read(source: Source) -> Reading:
    if source.packed is not None:
        raise TraceError(f"'{source.name}' is a packed archive; nested archives are not read: unpack it first")
    with source.open() as opened:
        z = _archive(opened.file, source)
        keys = [name.removesuffix(".npy") for name in z.namelist()]
        if "addresses" not in keys and len(keys) != 1:
            found = ", ".join(shown(key) for key in keys) or "nothing"
            raise TraceError(f"'{source.name}' holds {found}: an array called addresses was expected, or one alone")
        names = {"addresses": keys[0]} if len(keys) == 1 else {key: key for key in _TOP if key in keys}
        members = {what: _Member(z, source, key) for what, key in names.items()}
        page_size = 1 if len(keys) == 1 else PAGE
        if "page_size" in members:
            if (size := members.pop("page_size")).rows != 1:
                raise TraceError(f"'{size.name}' has {size.rows:,} rows; one was expected")
            page_size = int(next(size.values(_TOP["page_size"]))[0])
        rows = members["addresses"].rows
        for member in members.values():
            if member.rows != rows:
                raise TraceError(f"'{member.name}' has {member.rows:,} rows for {rows:,} addresses: each needs one")

    def chunks() -> Iterator[Chunk]:
        with source.open() as opened:
            z = _archive(opened.file, source)
            columns = {what: _Member(z, source, names[what]).values(_TOP[what]) for what in members}
            done = 0
            for addresses in columns["addresses"]:
                done += len(addresses)
                kinds = next(columns["kinds"]).astype(np.uint8) if "kinds" in columns else None
                pids = next(columns["pids"]).astype(np.uint32) if "pids" in columns else None
                yield Chunk(addresses, kinds, pids, done / rows)

    return Reading(lambda: Stream(chunks()), page_size, rows)


def _write(trace: Trace, file: Any) -> None:
    held = trace.held()
    columns = {"addresses": held.addresses, "kinds": held.kinds, "pids": held.pids}
    columns = {name: column for name, column in columns.items() if column is not None}
    np.savez_compressed(file, page_size=np.array([trace.page_size]), **columns)  # type: ignore[arg-type]


def _fits(source: Source) -> bool:
    return source.head[:4] in (b"PK\x03\x04", _END)


FORMAT = Format("npz", (".npz",), _fits, _read, _write, processes=True)
