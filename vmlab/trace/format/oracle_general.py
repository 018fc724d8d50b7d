"""libCacheSim's oracleGeneral (traceReader/customizedReader/oracle/oracleGeneralBin.h): objects, as a cache sees them.

     0        4                12        16                24     little-endian
    +--------+----------------+---------+------------------+
    | time   | object         | size    | next request     |     next: the number of the request that asks for the same
    +--------+----------------+---------+------------------+     object again, -1 if there is none

An object is a page here; times and sizes are not used. There is no magic number: the first records must make sense.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...errors import TraceError
from ..source import Source
from ..trace import CHUNK, Chunk, Stream, Trace
from .contract import Format, Reading
from .npy import exactly

RECORD = np.dtype([("time", "<u4"), ("object", "<u8"), ("size", "<u4"), ("next", "<i8")])
_NEVER = (1 << 63) - 1  # what some writers put for -1


def binary(head: bytes) -> bool:
    """Is this no text? A text may hold a wrong byte, not many."""
    begin = head[:4096]
    odd = sum(begin.count(bytes([c])) for c in range(32) if c not in b"\t\n\r\f")
    return odd > len(begin) // 10


def _makes_sense(head: bytes) -> bool:
    """Do times not run backwards, and does each next request come later?"""
    r = np.frombuffer(head[: len(head) // RECORD.itemsize * RECORD.itemsize], RECORD)
    later = (r["next"] == -1) | (r["next"] == _NEVER) | (r["next"] > np.arange(len(r)))
    return len(r) > 0 and bool((np.diff(r["time"].astype(np.int64)) >= 0).all() and later.all())


def _fits(source: Source) -> bool:
    return binary(source.head)


def _read(source: Source) -> Reading:
    each = RECORD.itemsize
    if not _makes_sense(source.head) and len(source.head) >= each:
        raise TraceError(
            f"'{source.name}' is binary, of no known format: traces are npy, npz or oracleGeneral, or text"
        )
    plain = source.packed is None
    if plain and source.size % each:
        raise _cut_off(source.name, source.size)

    def chunks() -> Iterator[Chunk]:
        done = 0
        with source.open() as opened:
            while data := exactly(opened.file, CHUNK * each):
                done += len(data)
                if len(data) % each:
                    raise _cut_off(source.name, done)
                yield Chunk(np.frombuffer(data, RECORD)["object"].astype(np.uint64), None, None, opened.share)

    return Reading(lambda: Stream(chunks()), 1, source.size // each if plain else None)


def _cut_off(name: str, size: int) -> TraceError:
    each = RECORD.itemsize
    return TraceError(
        f"'{name}': {size:,} bytes is no multiple of {each} (oracleGeneral); last record cut off at byte {size // each * each:,}"
    )


def _write(trace: Trace, file: Any) -> None:
    """Times are 0 and sizes 1, so that a cache's size is a number of pages."""
    pages = trace.page_numbers()
    records = np.zeros(len(pages), RECORD)
    records["object"], records["size"], records["next"] = pages, 1, -1
    # The references in order of page, then time: where the next has the same page, it is the next request
    order = np.argsort(pages, kind="stable")
    again = pages[order[1:]] == pages[order[:-1]]
    records["next"][order[:-1][again]] = order[1:][again]
    file.write(records.tobytes())


FORMAT = Format("oracleGeneral", (".oracleGeneral", ".oracleGeneral.bin"), _fits, _read, _write)
