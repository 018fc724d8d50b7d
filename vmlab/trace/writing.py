"""Trace files written."""

import os
import tempfile
from collections.abc import Iterator
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
    plain = target.name.removesuffix(_PACKED)
    if format is None:
        format = next((name for name, f in FORMATS.items() if plain.endswith(f.endings)), None)
        if format is None:
            known = ", ".join(f"{name} ({f.endings[0]})" for name, f in FORMATS.items())
            raise TraceError(f"the ending of '{shown(target.name)}' tells no format: give format=, one of {known}")
    elif format not in FORMATS:
        raise TraceError(f"format {format!r} is unknown; choose one of {', '.join(FORMATS)}")
    how = FORMATS[format]
    if not how.processes and next(iter(trace.chunks())).pids is not None:
        raise TraceError(f"a {format} file cannot tell processes apart, and '{trace.name}' has some: write csv or npz")
    temporary = None
    try:
        fd, temporary = tempfile.mkstemp(dir=target.parent, prefix=".vmlab-", suffix=".tmp")
        with os.fdopen(fd, "wb") as file:
            if plain == target.name:
                how.write(trace, file)
            else:
                with fold_zstd(file, shown(target.name)) as packed:
                    how.write(trace, packed)
        os.chmod(temporary, 0o644)
        os.replace(temporary, target)
    except BaseException as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise refused(error, f"cannot write '{shown(str(target))}'") from None
        raise


def byte_addresses(trace: Trace) -> Iterator[Chunk]:
    """The chunks of a trace with addresses of bytes: page numbers become addresses of 4096-byte pages. TraceError."""
    for chunk in trace.chunks():
        if trace.page_size == 1:
            if int(chunk.addresses.max()) >= (1 << 64) // PAGE:
                raise TraceError(f"page {int(chunk.addresses.max()):#x} of '{trace.name}' has no 64-bit address")
            chunk = chunk._replace(addresses=chunk.addresses * chunk.addresses.dtype.type(PAGE))
        yield chunk
