"""valgrind's lackey, `valgrind --tool=lackey --trace-mem=yes` (valgrind manual, chapter 15): what a real program touches.

    I  0401ab70,3        three bytes of an instruction fetched
     L 1ffefff7e8,8      loaded
     S 1ffefff7e0,8      stored
     M 04223c70,4        modified: a load and then a store, two references here
    ==1234== ...         valgrind's own words: skipped, and counted

A reference counts where it begins: that some bytes of it may lie in the next page is not kept.
"""

import re
from typing import Any

import numpy as np

from ...jit import entry, inline
from .. import digits, lines
from ..source import Source
from ..trace import PAGE, Kind, Trace
from ..writing import byte_addresses
from .contract import Format, Reading, first_lines

_LINE = re.compile(r"(I |[ ][LSM]) [0-9a-fA-F]+,\d+")
_NOISE = re.compile(r"(==|--|\*\*)\d+(==|--|\*\*)")
_I, _L, _M, _S, _EQUALS, _DASH, _STAR = b"ILMS=-*"
_HOW = {Kind.LOAD: " L ", Kind.STORE: " S ", Kind.FETCH: "I  "}


@inline
def _kind(first: Any, second: Any) -> int:
    """The kind of reference that a line with these two characters is; 3: valgrind's words, or an empty line; 4: neither."""
    if first == digits.SPACE:
        return 1 if second == _S else 0 if second in (_L, _M) else 4
    if first == _I and second == digits.SPACE:
        return 2
    return (
        3 if (first in (_EQUALS, _DASH, _STAR) and first == second) or first in (digits.NEWLINE, digits.RETURN) else 4
    )


@inline
def _address_and_size(text: Any, begin: int) -> Any:
    """(address, the place after the line), which begins at `begin` with a kind; -1 if that does not stand there."""
    if text[begin + 2] != digits.SPACE:
        return np.uint64(0), -1
    address, at = digits.hexadecimal(text, begin + 3)
    if at < 0 or text[at] != digits.COMMA:
        return address, -1
    _, at = digits.number(text, at + 1)
    return address, digits.line_end(text, begin, at) if at >= 0 else -1


@entry
def _scan(text: Any, addresses: Any, kinds: Any, done: Any) -> int:
    """Fill the columns from the lines of a text; FINE, or BAD with done[AT] at the line."""
    begin = n = count = skipped = 0
    status = digits.FINE
    while begin < len(text):
        second = text[begin + 1] if begin + 1 < len(text) else digits.NEWLINE
        kind, after = _kind(text[begin], second), -1
        if kind == 3:
            after = digits.rest(text, begin)
            skipped += 1
        elif kind < 3:
            addresses[n], after = _address_and_size(text, begin)
            kinds[n] = kind
            n += 1
            if second == _M:
                addresses[n], kinds[n] = addresses[n - 1], 1
                n += 1
        if after < 0:
            status = digits.BAD
            break
        begin = after
        count += 1
    digits.report(done, begin, n, count, skipped)
    return status


def _why(line: str) -> str:
    """What is wrong with a line."""
    parts = re.fullmatch(r"(?:I |[ ][LSM]) ([^,]*),(.*)", line)
    if parts is None:
        return f"{lines.quoted(line)} is no reference: 'I  address,size' or ' L', ' S', ' M' was expected"
    return (
        lines.why_number("address", parts[1], 16)
        or lines.why_number("size", parts[2])
        or f"{lines.quoted(line)} is no reference: 'I  address,size' was expected"
    )


def _fits(source: Source) -> bool:
    found = first_lines(source)
    return any(_LINE.fullmatch(line) for line in found) or any(_NOISE.match(line) for line in found[:1])


LINES = lines.Lines(lambda text, c: _scan(text, c.addresses, c.kinds, c.done), _why, kinds=True, least=3)


def _read(source: Source) -> Reading:
    return Reading(lambda: lines.stream(source, LINES), PAGE)


def _write(trace: Trace, file: Any) -> None:
    """Sizes are not known: 1 is written."""
    for chunk in byte_addresses(trace):
        kinds = np.zeros(len(chunk.addresses), np.uint8) if chunk.kinds is None else chunk.kinds
        rows = zip(kinds.tolist(), chunk.addresses.tolist())
        file.write("".join(f"{_HOW[kind]}{address:08x},1\n" for kind, address in rows).encode())  # type: ignore[index]


FORMAT = Format("lackey", (".lackey",), _fits, _read, _write)
