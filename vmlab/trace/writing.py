"""Trace files written."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..errors import TraceError, refused, shown
from .source import fold_zstd
from .trace import PAGE, Chunk, Trace

_PACKED = ".zst"


def write(trace: Trace, path: Any, format: str | None) -> None:
    """Write a trace to a file, whole or not at all: to a temporary file beside it, then renamed. TraceError, OSError."""
    from .format import FORMATS

    target = Path(os.fsdecode(path))
    if format is None:
        format = format_of(target)
    elif format not in FORMATS:
        raise TraceError(f"format {format!r} is unknown; choose one of {', '.join(FORMATS)}")
    how = FORMATS[format]
    first = next(iter(trace.chunks()), None)
    if first is None:
        raise TraceError(f"'{trace.name}' holds no references: there is nothing to write")
    if not how.processes and first.pids is not None:
        raise TraceError(f"a {format} file cannot tell processes apart, and '{trace.name}' has some: write csv or npz")
    part = target.with_name(f".{target.name}.part")
    try:
        with open(part, "wb") as file:
            if target.suffix != _PACKED:
                how.write(trace, file)
            else:
                with fold_zstd(file, shown(target.name)) as packed:
                    how.write(trace, packed)
        os.replace(part, target)
    except BaseException as error:
        with suppress(OSError):
            part.unlink()
        if isinstance(error, OSError):
            raise refused(error, f"cannot write '{shown(str(target))}'") from None
        raise


def format_of(path: Any) -> str:
    """The name of the format that the ending of a path tells. TraceError if it tells none."""
    from .format import FORMATS

    name = Path(os.fsdecode(path)).name
    for format in FORMATS.values():
        if name.removesuffix(_PACKED).endswith(format.endings):
            return format.name
    known = ", ".join(f"{format.name} ({format.endings[0]})" for format in FORMATS.values())
    raise TraceError(f"the ending of '{shown(name)}' tells no format: give one of {known}")


def byte_addresses(trace: Trace) -> Iterator[Chunk]:
    """The chunks of a trace with addresses of bytes: page numbers become addresses of 4096-byte pages. TraceError."""
    for chunk in trace.chunks():
        if trace.page_size == 1:
            if int(chunk.addresses.max()) >= (1 << 64) // PAGE:
                raise TraceError(f"page {int(chunk.addresses.max()):#x} of '{trace.name}' has no 64-bit address")
            chunk = chunk._replace(addresses=chunk.addresses * chunk.addresses.dtype.type(PAGE))
        yield chunk
