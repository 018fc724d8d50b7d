"""Text that DynamoRIO's drmemtrace prints, `drrun -t drmemtrace -tool view` (DynamoRIO manual, drcachesim's view tool).

    record  instr:    thread  what
        16      1:    342625  ifetch       3 byte(s) @ 0x00007f3b5e1ba090 48 89 e7    mov    %rsp -> %rdi
        17      1:    342625  write        8 byte(s) @ 0x00007ffe6ea6b7e8 by PC 0x00007f3b5e1ba093
        18      2:    342625  <marker: ...>                    no reference: skipped and counted, as all other lines are

Its threads share one address space, so they are no processes here. A reference counts where it begins.
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

_LINE = re.compile(r"\s*\d+\s+\d+:\s+\S+\s+(ifetch|read|write)\s+(.*)")
_REFERENCE = re.compile(r"(\S+) byte\(s\) @ (\S+)(\s.*)?")
_WORDS = {Kind.LOAD: "read  ", Kind.STORE: "write ", Kind.FETCH: "ifetch"}
_HEAD = "Output format:\n<--record#-> <--instr#->: <---tid---> <record details>\n" + "-" * 60 + "\n"
_READ, _WRITE, _FETCH, _BYTES = (
    np.frombuffer(w, np.uint8) for w in (b"read ", b"write ", b"ifetch ", b" byte(s) @ 0x")
)


@inline
def _stands(text: Any, at: int, word: Any) -> bool:
    """Does the word stand there?"""
    if at + len(word) > len(text):
        return False
    for k in range(len(word)):  # noqa: SIM110 (no generator is compiled)
        if text[at + k] != word[k]:
            return False
    return True


@inline
def _after_word(text: Any, at: int) -> int:
    """The place after blanks, and what is not blank."""
    at = digits.blanks(text, at)
    while not digits.ends_word(text[at]):
        at += 1
    return at


@entry
def _scan(text: Any, addresses: Any, kinds: Any, done: Any, read: Any, write: Any, fetch: Any, size_and_at: Any) -> int:
    """Fill the columns from the lines of a text; FINE, or BAD with done[AT] at the line."""
    at = n = count = skipped = 0
    status = digits.FINE
    while at < len(text):
        begin, kind = at, 3
        at = digits.blanks(text, at)
        if 0 <= np.int64(text[at]) - digits.ZERO <= 9:
            for _ in range(3):  # record, instr:, thread
                at = _after_word(text, at)
            at = digits.blanks(text, at)
            if _stands(text, at, read):
                kind = 0
            elif _stands(text, at, write):
                kind = 1
            elif _stands(text, at, fetch):
                kind = 2
        if kind == 3:
            skipped += 1
            at = digits.rest(text, begin)
        else:
            _, at = digits.number(text, digits.blanks(text, _after_word(text, at)))
            if at >= 0 and _stands(text, at, size_and_at):
                addresses[n], at = digits.hexadecimal(text, at + len(size_and_at))
                kinds[n] = kind
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
    found = _LINE.fullmatch(line)
    parts = found and _REFERENCE.fullmatch(found[2])
    if not parts:
        return f"{lines.quoted(line.strip())} is no reference: '... read 8 byte(s) @ 0x7ffe...' was expected"
    return lines.why_number("size", parts[1]) or lines.why_number("address", parts[2], 16)


def _fits(source: Source) -> bool:
    return any(line.startswith("Output format:") or _LINE.fullmatch(line) for line in first_lines(source))


_LINES = lines.Lines(
    lambda text, c: _scan(text, c.addresses, c.kinds, c.done, _READ, _WRITE, _FETCH, _BYTES), _why, kinds=True, least=16
)


def _read(source: Source) -> Reading:
    return Reading(lambda: lines.stream(source, _LINES), PAGE)


def _write(trace: Trace, file: Any) -> None:
    """Sizes are not known: 1 is written."""
    file.write(_HEAD.encode())
    record = instruction = 0
    for chunk in byte_addresses(trace):
        kinds = np.zeros(len(chunk.addresses), np.uint8) if chunk.kinds is None else chunk.kinds
        rows = []
        for kind, address in zip(kinds.tolist(), chunk.addresses.tolist()):
            record, instruction = record + 1, instruction + (kind == Kind.FETCH)
            rows.append(f"{record:12} {instruction:11}: {1:11} {_WORDS[kind]}       1 byte(s) @ 0x{address:016x}\n")
        file.write("".join(rows).encode())


FORMAT = Format("drmemtrace", (".drmemtrace",), _fits, _read, _write)
