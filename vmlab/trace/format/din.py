"""Dinero's `din` (Hill and Edler, Dinero IV): a label and an address in hexadecimal.

    2 401b70           0 data read, 1 data write, 2 instruction fetch
    0 1ffefff7e8
    4 0                3 escape, 4 cache flush: no references, skipped and counted

What else stands on a line is a comment.
"""

import re
from typing import Any

import numpy as np

from ...jit import entry
from .. import digits, lines
from ..source import Source
from ..trace import PAGE, Trace
from ..writing import byte_addresses
from .contract import Format, Reading, first_lines

_LINE = re.compile(r"\s*[0-4]\s+(0[xX])?[0-9a-fA-F]+(\s+\D.*)?")


@entry
def _scan(text: Any, addresses: Any, kinds: Any, done: Any) -> int:
    """Fill the columns from the lines of a text; FINE, or BAD with done[AT] at the line."""
    at = n = count = skipped = 0
    status = digits.FINE
    while at < len(text):
        begin, at = at, digits.blanks(text, at)
        label = np.int64(text[at]) - digits.ZERO
        if text[at] in (digits.NEWLINE, digits.RETURN) or label in (3, 4):
            skipped += 1
            at = digits.rest(text, begin)
        elif 0 <= label <= 2 and (text[at + 1] in (digits.SPACE, digits.TAB)):
            at = digits.blanks(text, at + 1)
            if text[at] == digits.ZERO and text[at + 1] | 32 == digits.X:
                at += 2
            addresses[n], at = digits.hexadecimal(text, at)
            kinds[n] = label
            n += 1
            if at >= 0:
                at = digits.rest(text, begin) if digits.ends_word(text[at]) else -1
        else:
            at = -1
        if at < 0:
            status, at = digits.BAD, begin
            break
        count += 1
    digits.report(done, at, n, count, skipped)
    return status


def _why(line: str) -> str:
    """What is wrong with a line."""
    words = line.split()
    if len(words) < 2:
        return f"{lines.quoted(line)} has no address: a label (0 read, 1 write, 2 fetch) and an address were expected"
    if words[0] not in ("0", "1", "2"):
        return f"unknown label {lines.quoted(words[0])} (0 read, 1 write, 2 fetch)"
    return lines.why_number("address", words[1], 16)


def _fits(source: Source) -> bool:
    found = first_lines(source)
    return bool(found) and all(_LINE.fullmatch(line) for line in found)


_LINES = lines.Lines(lambda text, c: _scan(text, c.addresses, c.kinds, c.done), _why, kinds=True)


def _read(source: Source) -> Reading:
    return Reading(lambda: lines.stream(source, _LINES), PAGE)


def _write(trace: Trace, file: Any) -> None:
    for chunk in byte_addresses(trace):
        kinds = np.zeros(len(chunk.addresses), np.uint8) if chunk.kinds is None else chunk.kinds
        rows = zip(kinds.tolist(), chunk.addresses.tolist())
        file.write("".join(f"{kind} {address:x}\n" for kind, address in rows).encode())


FORMAT = Format("din", (".din",), _fits, _read, _write)
