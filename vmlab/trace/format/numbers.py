"""Lists of numbers, as OSTEP's simulators take them (paging-policy.py --addresses and --addressfile): page numbers.

1,2,3,4 1 2 5       between commas, spaces or line ends; decimal, or 0x hexadecimal
7                   # and what follows on the line is a comment
"""

import io
import re
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import TraceError
from ...jit import entry
from .. import digits, lines
from ..source import Source
from ..trace import Trace
from .contract import Format, Reading, first_lines

_HASH = 35
_SEVERAL = re.compile(r"\s*[^\s,]+\s*(,\s*[^\s,]+\s*)+")


@entry
def _scan(text: Any, addresses: Any, done: Any) -> int:
    """Fill the column from the lines of a text; FINE, or BAD with done[AT] at the line."""
    at = n = count = skipped = 0
    status = digits.FINE
    while at < len(text):
        begin, before, found = at, n, True
        while text[at] != digits.NEWLINE:
            c = text[at]
            if c == _HASH:
                at = digits.rest(text, at) - 1
                found = at >= 0
            elif c in (digits.SPACE, digits.TAB, digits.COMMA) or (
                c == digits.RETURN and text[at + 1] == digits.NEWLINE
            ):
                at += 1
            else:
                addresses[n], at = digits.number(text, at)
                n += 1
                c = text[at]
                found = at >= 0 and (digits.ends_word(c) or c in (digits.COMMA, _HASH))
            if not found:
                break
        if not found or at - begin > digits.LINE:
            status, at = digits.BAD, begin
            break
        at += 1
        skipped += n == before
        count += 1
    digits.report(done, at, n, count, skipped)
    return status


def _why(line: str) -> str:
    """What is wrong with a line."""
    for word in re.split(r"[\s,]+", line.partition("#")[0]):
        if word and (said := lines.why_number("address", word)):
            return said
    return f"{lines.quoted(line)} is no list of numbers"


_LINES = lines.Lines(lambda text, c: _scan(text, c.addresses, c.done), _why, kinds=False)


def _fits(source: Source) -> bool:
    return bool(found := first_lines(source)) and found[0].lstrip()[0] in "0123456789#-"


def _read(source: Source) -> Reading:
    found = [line for line in first_lines(source) if not line.lstrip().startswith("#")]
    tables = [line for line in found if _SEVERAL.fullmatch(line)]
    columns = {line.count(",") + 1 for line in found}
    if tables and len(columns) == 1 and (len(found) > 1 or re.search("[A-Za-wyzA-WYZ]", tables[0])):
        raise TraceError(
            f"'{source.name}', line 1: {lines.quoted(found[0])} has {columns.pop()} columns and nothing names them: "
            "the first row of a csv file does, for example pid,op,addr,len"
        )
    return Reading(lambda: lines.stream(source, _LINES), 1)


def typed(text: str) -> npt.NDArray[np.uint64]:
    """The numbers of a text. TraceError that names the one that is none, or if there are none."""
    words = np.frombuffer(text.encode("utf-8", "replace") + b"\n", np.uint8)
    addresses, done = np.zeros(len(words), np.uint64), np.zeros(4, np.int64)
    for number_, line in enumerate(io.StringIO(text), 1):
        if len(line) > digits.LINE:
            raise TraceError(f"line {number_} of a reference string as typed is longer than {digits.LINE:,} characters")
    if _scan(words, addresses, done) == digits.BAD:
        raise TraceError(f"reference string: {_why(text[int(done[digits.AT]) :].splitlines()[0])}")
    if not done[digits.REFS]:
        raise TraceError("a reference string needs at least one page number")
    return addresses[: done[digits.REFS]].copy()


def _write(trace: Trace, file: Any) -> None:
    for pages in trace.page_chunks():
        file.write("".join(f"{page}\n" for page in pages.tolist()).encode())


FORMAT = Format("list", (".txt", ".list"), _fits, _read, _write)
