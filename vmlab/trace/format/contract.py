"""What a format of trace files is: how its files begin, how they are read and written."""

from collections.abc import Callable
from typing import Any, NamedTuple

from ..source import Source
from ..trace import Stream, Trace


class Reading(NamedTuple):
    """A file about to be read: a stream of it, again at each call; how addresses become pages; references, where it tells."""

    stream: Callable[[], Stream]
    page_size: int
    refs: int | None = None


class Format(NamedTuple):
    """A format. endings: of its files, for those that are written. processes: does it keep them apart?

    fits: does this file begin as one of these? read: TraceError if it only seems so. write: all of a trace to a file.
    """

    name: str
    endings: tuple[str, ...]
    fits: Callable[[Source], bool]
    read: Callable[[Source], Reading]
    write: Callable[[Trace, Any], None]
    processes: bool = False


def first_lines(source: Source, most: int = 50) -> list[str]:
    """The first whole lines of a text file that hold anything, for a look at them."""
    text = source.head.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    whole = text if len(source.head) < 4096 or "\n" not in text else text[: text.rindex("\n")]
    return [line.rstrip() for line in whole.split("\n") if line.strip()][:most]
