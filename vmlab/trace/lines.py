"""A text file of references, line by line: blocks of whole lines go to a kernel, the line it stops at becomes a sentence."""

import bisect
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from ..errors import TraceError, shown
from .digits import AT, BAD, DIGITS, LINE, LINES, REFS, SKIPPED
from .source import Opened
from .trace import Chunk, Stream

BLOCK = 1 << 20  # bytes read at once
BOM = b"\xef\xbb\xbf"


class Columns(NamedTuple):
    """What a kernel writes to: columns for all references that a block may hold, and `done` (digits.py)."""

    addresses: npt.NDArray[np.uint64]
    kinds: npt.NDArray[np.uint8]
    pids: npt.NDArray[np.uint32]
    done: npt.NDArray[np.int64]


class Lines(NamedTuple):
    """How a format is read. scan: the kernel. why: what is wrong with a line that it stopped at. kinds, pids: does it note them?

    least: the fewest bytes that a reference takes. header: lines before the first reference.
    """

    scan: Callable[[npt.NDArray[np.uint8], Columns], int]
    why: Callable[[str], str]
    kinds: bool
    pids: bool = False
    least: int = 2
    header: int = 0


class Readable(Protocol):
    """Where lines come from: a file, or what a program writes."""

    name: str

    def open(self) -> AbstractContextManager[Opened]: ...


def stream(source: Readable, how: Lines) -> Stream:
    """The references of a file."""
    count = {"lines": 0, "skipped": 0}

    def chunks() -> Iterator[Chunk]:
        columns = _columns(how)
        with source.open() as opened:
            for block, at in _blocks(opened.file, source.name, count, how.header):
                text = np.frombuffer(block, np.uint8)
                status = how.scan(text, columns)
                done = columns.done
                count["lines"] += int(done[LINES])
                count["skipped"] += int(done[SKIPPED])
                if status == BAD:
                    raise _error(source.name, count["lines"] + 1, block[done[AT] :], at + int(done[AT]), how.why)
                n = int(done[REFS])
                if n:
                    yield Chunk(
                        columns.addresses[:n].copy(),
                        columns.kinds[:n].copy() if how.kinds else None,
                        columns.pids[:n].copy() if how.pids else None,
                        opened.share,
                    )

    def nothing() -> str:
        return "has a header and no rows" if how.header else f"holds no references in its {count['lines']:,} lines"

    return Stream(chunks(), lambda: count["skipped"], nothing, lambda k: f"line {_line_of(source, how, k):,}")


def _columns(how: Lines) -> Columns:
    """Columns with room for a block."""
    room = (BLOCK + LINE) // how.least + 2
    return Columns(
        np.zeros(room, np.uint64),
        np.zeros(room, np.uint8),
        np.zeros(room if how.pids else 0, np.uint32),
        np.zeros(4, np.int64),
    )


def _line_of(source: Readable, how: Lines, k: int) -> int:
    """The number of the line at which reference k stands, of a file that was read."""
    columns = _columns(how)
    count = {"lines": 0}

    def refs(text: npt.NDArray[np.uint8]) -> int:
        if len(text):
            how.scan(text, columns)
        return int(columns.done[REFS]) if len(text) else 0

    with source.open() as opened:
        for block, _ in _blocks(opened.file, source.name, count, how.header):
            text = np.frombuffer(block, np.uint8)
            if k < (n := refs(text)):
                ends = np.flatnonzero(text == ord("\n")) + 1
                after = bisect.bisect_right(range(len(ends)), k, key=lambda i: refs(text[: ends[i]]))
                return count["lines"] + after + 1
            k -= n
            count["lines"] += int(columns.done[LINES])
    raise IndexError(k)


def _blocks(file: Any, name: str, count: dict[str, int], header: int) -> Iterator[tuple[bytes, int]]:
    """Blocks of whole lines, each with the place of its first byte in the file; the last line is given an end if it has none."""
    left, at = b"", 0
    while True:
        read = file.read(BLOCK)
        text = left + read
        if at == 0 and text.startswith(BOM):
            text, at = text[len(BOM) :], len(BOM)
        if not read:
            text += b"\n" if text else b""
        cut = text.rfind(b"\n") + 1
        block, left = text[:cut], text[cut:]
        while header and block:
            end = block.find(b"\n") + 1
            block, at, header = block[end:], at + end, header - 1
            count["lines"] += 1
        if block:
            yield block, at
            at += len(block)
        if len(left) > LINE:
            raise TraceError(f"'{name}', line {count['lines'] + 1}: {_too_long(left)}")
        if not read:
            return


def _too_long(line: bytes) -> str:
    if re.search(rb"[0-9a-fA-F]{%d}" % (DIGITS + 1), line[:LINE]):
        return f"a number is too long: at most {DIGITS} characters are read"
    return f"longer than {LINE:,} bytes"


def _error(name: str, number: int, text: bytes, at: int, why: Callable[[str], str]) -> TraceError:
    """The error of a line, the first of a text that begins at byte `at` of the file."""
    line = text[: text.index(b"\n")]
    return TraceError(f"'{name}', line {number}: {_wrong(line, at, why)}")


def _wrong(line: bytes, at: int, why: Callable[[str], str]) -> str:
    if len(line) > LINE:
        return _too_long(line)
    try:
        words = line.removesuffix(b"\r").decode()
    except UnicodeDecodeError as error:
        return f"not UTF-8 at byte {at + error.start:,}"
    if "\0" in words:
        return f"a NUL byte at byte {at + line.index(0):,}: this is no text"
    if "\r" in words:
        return f"a line end of CR alone at byte {at + line.index(13):,}: lines end with LF or CR LF"
    return why(words)


def quoted(text: str) -> str:
    """What stands in a file, fit for a sentence."""
    return f"'{shown(text if len(text) <= DIGITS else text[:DIGITS] + '…')}'"


def why_number(what: str, text: str, base: int = 0) -> str:
    """What is wrong with a number of a line, or "" if nothing is. base: 16, or 0: decimal or 0x hexadecimal."""
    sort = "hexadecimal" if base == 16 else "decimal or 0x hexadecimal"
    if len(text) > DIGITS:
        return f"{what} {quoted(text)} is too long: {len(text):,} characters, at most {DIGITS}"
    plain, digits = text.removeprefix("-"), "0123456789"
    if base == 16 or plain[:2].lower() == "0x":
        digits += "abcdefABCDEF"
        plain = plain[2:] if plain[:2].lower() == "0x" else plain
    if not plain or not set(plain) <= set(digits):
        return f"{what} {quoted(text)} is not a number ({sort})"
    value = int(plain, 16 if len(digits) > 10 else 10)
    if text.startswith("-") or value >= 1 << 64:
        return f"{what} {text} does not fit in 64 bits (0..2**64-1)"
    return ""
