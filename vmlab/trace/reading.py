"""Trace files read: which format a file has, found from what it holds, never from its name."""

import os
import re
from typing import Any

from ..errors import TraceError
from . import lines
from .format import FORMATS
from .format.contract import Format, first_lines
from .source import Source, Stamp
from .trace import FileTrace

_WEB_PAGE = re.compile(rb"\s*(<!--.*?-->\s*)*<(!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)


def read(path: Any, *, page_size: int | None = None) -> FileTrace:
    """A trace in a file, of any of FORMATS, plain or packed with gzip or zstd; read from disk as it is needed.

    page_size: how addresses become pages, where that is not what the format says: 4096 where a file holds addresses, and 1
    (page numbers) where it holds bare numbers or objects. Two numbers a line, the first of 0..4, are taken for din.
    TraceError for a file that is no trace; a line of it that is wrong is found when it is read.
    """
    source = Source(path)
    format = _format(source)
    reading = format.read(source)
    return FileTrace(
        source.name,
        format.name,
        reading.page_size if page_size is None else page_size,
        reading.stream,
        reading.refs,
        os.path.abspath(source.path),
        source.stamp,
    )


def read_again(path: str, page_size: int, stamp: Stamp) -> FileTrace:
    """A trace that was read before, here or by another process. TraceError if its file is not the one it was."""
    trace = read(path, page_size=page_size)
    if trace.stamp != stamp:
        raise TraceError(
            f"'{trace.name}' is not the file it was: it is {trace.stamp.text()}, and was {stamp.text()} where the trace was opened"
        )
    return trace


def _format(source: Source) -> Format:
    """The format of a file. TraceError for what looks like something else, or like nothing known."""
    head = source.head
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise TraceError(f"'{source.name}' is not UTF-8 at byte 0: it looks like UTF-16")
    text = head.removeprefix(lines.BOM)
    if _WEB_PAGE.match(text):
        raise TraceError(f"'{source.name}' looks like a web page, not a trace")
    if text.lstrip()[:1] in (b"{", b"["):
        raise TraceError(f"'{source.name}' looks like JSON, which is not read: {_KNOWN}")
    for format in FORMATS.values():
        if format.fits(source):
            return format
    first = (first_lines(source, 1) or [""])[0]
    raise TraceError(f"'{source.name}' is of no known format; line 1: {lines.quoted(first)}: {_KNOWN}")


_KNOWN = f"traces are {', '.join(FORMATS)}"
