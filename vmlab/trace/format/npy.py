"""numpy's .npy (numpy.lib.format): one array of whole numbers, page numbers unless `page_size` says that they are addresses.

    \x93NUMPY  1 0  118 0  {'descr': '<u8', 'fortran_order': False, 'shape': (20000000,), }  7f 3a 00 ...
    magic     version length  what follows                                                   the numbers

The header is a stranger's: nothing is allocated because it says so. Arrays of Python objects are pickles, and are not read.
"""

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import TraceError, shown
from ..source import Source
from ..trace import CHUNK, Chunk, Stream, Trace
from .contract import Format, Reading

MAGIC = b"\x93NUMPY"
_LONGEST = 10_000  # bytes of a header: numpy's own limit


def header(file: Any, name: str) -> tuple[int, np.dtype[Any], int]:
    """(rows, type, bytes read): what the header says, once it is known to be one of a trace. TraceError."""
    begin = file.read(10)
    if begin[:6] != MAGIC or len(begin) < 10:
        raise TraceError(f"'{name}' is no .npy file")
    major = begin[6]
    if major not in (1, 2, 3):
        raise TraceError(f"'{name}' is a .npy file of version {major}, which nobody knows")
    if major > 1:
        begin += file.read(2)
    length = int.from_bytes(begin[8:], "little")
    if length > _LONGEST:
        raise TraceError(f"'{name}' has a header of {length:,} bytes; at most {_LONGEST:,} are read")
    text = io.BytesIO(begin[8:] + file.read(length))
    read = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
    try:
        shape, _, dtype = read(text)
    except Exception as error:  # whatever a stranger's text makes the parser raise
        raise TraceError(f"'{name}' has a header that is none: {shown(str(error).splitlines()[0])[:200]}") from None
    if dtype.hasobject:
        raise TraceError(f"'{name}' holds Python objects; only arrays of whole numbers are read")
    if dtype.kind not in "iuf" or dtype.itemsize > 8:
        raise TraceError(f"'{name}' holds {shown(str(dtype))}; only arrays of whole numbers are read")
    if len(shape) != 1:
        raise TraceError(f"'{name}' has the shape {shape}; a trace has one dimension: save it with .ravel()")
    return int(shape[0]), dtype, len(begin) + length


def values(file: Any, name: str, rows: int, dtype: np.dtype[Any], most: int) -> Iterator[npt.NDArray[np.uint64]]:
    """The numbers of a file whose header was read, CHUNK at a time, as far as they are exact and of 0..most. TraceError."""
    done = 0
    while done < rows:
        wanted = min(CHUNK, rows - done)
        data = exactly(file, wanted * dtype.itemsize)
        if len(data) < wanted * dtype.itemsize:
            found = done + len(data) // dtype.itemsize
            raise TraceError(f"'{name}': its header says {rows:,} rows, the file holds {found:,}")
        a = np.frombuffer(data, dtype)
        if dtype.kind == "f":
            wrong = ~((a >= 0) & (a < 2.0**64) & (np.floor(a) == a))
        else:
            wrong = (a < 0) | (a > most) if most < 1 << 64 else a < 0
        if wrong.any():
            k = int(np.argmax(wrong))
            raise TraceError(f"'{name}', row {done + k:,}: {a[k]} is no whole number of 0..{most:,}")
        yield a.astype(np.uint64)
        done += wanted
    if file.read(1):
        raise TraceError(f"'{name}': its header says {rows:,} rows, the file holds more")


def exactly(file: Any, nbytes: int) -> bytes:
    """That many bytes, or fewer at the end of the file: a packed file gives them in pieces."""
    data = file.read(nbytes)
    while len(data) < nbytes and (more := file.read(nbytes - len(data))):
        data += more
    return bytes(data)


def _read(source: Source) -> Reading:
    with source.open() as opened:
        rows, dtype, begin = header(opened.file, source.name)
    held = (source.size - begin) // dtype.itemsize
    if source.packed is None and source.size - begin != rows * dtype.itemsize:
        raise TraceError(f"'{source.name}': its header says {rows:,} rows, the file holds {held:,}")

    def chunks() -> Iterator[Chunk]:
        with source.open() as opened:
            header(opened.file, source.name)
            for addresses in values(opened.file, source.name, rows, dtype, (1 << 64) - 1):
                yield Chunk(addresses, None, None, opened.share)

    return Reading(lambda: Stream(chunks()), 1, rows)


def _write(trace: Trace, file: Any) -> None:
    """Page numbers: there is no place for the size of a page."""
    pages = trace.page_numbers()
    np.lib.format.write_array_header_1_0(file, {"descr": "<u8", "fortran_order": False, "shape": pages.shape})
    file.write(pages.astype("<u8", copy=False).tobytes())


FORMAT = Format("npy", (".npy",), lambda source: source.head.startswith(MAGIC), _read, _write)
