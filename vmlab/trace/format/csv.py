"""Comma-separated values, one reference a row; the first row names the columns, in any order.

    pid,op,addr,len
    12,r,0x7ffe0010,8       op: r read, w written, i instruction fetched; numbers decimal or 0x hexadecimal
    12,w,2147352592,8       `page` in place of `addr`: page numbers. `len` is not used; pid and op may be missing

No quotes: there is nothing to be quoted, and a quoted cell is where spreadsheets hide formulas.
"""

import difflib
import re
from typing import Any

import numpy as np

from ...errors import TraceError
from ...jit import entry
from .. import digits, lines
from ..source import Source
from ..trace import PAGE, Kind, Trace
from .contract import Format, Reading, first_lines

_NAMES = ("addr", "page", "op", "pid", "len")
_ADDRESS, _OP, _PID, _UNUSED = range(4)
_ROLES = {"addr": _ADDRESS, "page": _ADDRESS, "op": _OP, "pid": _PID, "len": _UNUSED}
_OPS = {Kind.LOAD: "r", Kind.STORE: "w", Kind.FETCH: "i"}


@entry
def _scan(text: Any, roles: Any, addresses: Any, kinds: Any, pids: Any, done: Any) -> int:
    """Fill the columns from the rows of a text; FINE, or BAD with done[AT] at the row."""
    at = n = count = skipped = 0
    status = digits.FINE
    while at < len(text):
        begin = at
        at = digits.blanks(text, at)
        if text[at] == digits.NEWLINE or (text[at] == digits.RETURN and text[at + 1] == digits.NEWLINE):
            at = digits.line_end(text, begin, at)
            skipped += 1
        else:
            for k in range(len(roles)):
                role = roles[k]
                at = digits.blanks(text, at)
                if role == 1:
                    op = text[at] | 32
                    at += 1
                    if op == 114:  # r
                        kinds[n] = 0
                    elif op == 119:  # w
                        kinds[n] = 1
                    elif op == 105:  # i
                        kinds[n] = 2
                    else:
                        at = -1
                else:
                    value, at = digits.number(text, at)
                    if role == 0:
                        addresses[n] = value
                    elif role == 2:
                        pids[n] = value
                        at = at if value >> np.uint64(32) == 0 else -1
                if at < 0:
                    break
                at = digits.blanks(text, at)
                if k < len(roles) - 1:
                    at = at + 1 if text[at] == digits.COMMA else -1
                    if at < 0:
                        break
            if at >= 0:
                at = digits.line_end(text, begin, at)
            n += 1
        if at < 0:
            status, at = digits.BAD, begin
            break
        count += 1
    digits.report(done, at, n, count, skipped)
    return status


def _why(names: list[str], row: str) -> str:
    """What is wrong with a row."""
    if '"' in row or "'" in row:
        return "quotes: cells are plain numbers and letters"
    cells = [cell.strip(" \t") for cell in row.split(",")]
    if len(cells) != len(names):
        return f"{len(cells)} field{'s' * (len(cells) != 1)}, expected {len(names)} ({','.join(names)})"
    for name, cell in zip(names, cells):
        if name == "op":
            if cell.lower() not in _OPS.values():
                return f"unknown operation {lines.quoted(cell)} (r, w, i)"
            continue
        what = {"addr": "address", "len": "length"}.get(name, name)
        if said := lines.why_number(what, cell):
            return said
        if name == "pid" and int(cell, 0) >> 32:
            return f"pid {cell} does not fit in 32 bits"
    return f"{lines.quoted(row)} is no row of {','.join(names)}"


def _fits(source: Source) -> bool:
    found = first_lines(source, 1)
    return bool(found) and bool(re.fullmatch(r"[\"' \tA-Za-z_][\w\"' \t.]*(,[\w\"' \t.]*)*", found[0]))


def _columns(source: Source) -> list[str]:
    """The names of the first row. TraceError if they are not what they should be."""
    row = first_lines(source, 1)[0]
    if '"' in row or "'" in row:
        raise TraceError(f"'{source.name}', line 1: quotes: names of columns are plain words, {', '.join(_NAMES)}")
    names = [name.strip().lower() for name in row.split(",")]
    for k, name in enumerate(names):
        if name not in _NAMES:
            near = difflib.get_close_matches(name, _NAMES, 1)
            hint = f"did you mean '{near[0]}'?" if near else f"columns are {', '.join(_NAMES)}"
            raise TraceError(f"'{source.name}', line 1: unknown column {lines.quoted(name)}; {hint}")
        if name in names[:k]:
            raise TraceError(f"'{source.name}', line 1: two columns '{name}'")
    if ("addr" in names) == ("page" in names):
        raise TraceError(f"'{source.name}', line 1: one column 'addr' or 'page' is needed, in {lines.quoted(row)}")
    return names


def _read(source: Source) -> Reading:
    names = _columns(source)
    roles = np.array([_ROLES[name] for name in names], np.int64)
    how = lines.Lines(
        lambda text, c: _scan(text, roles, c.addresses, c.kinds, c.pids, c.done),
        lambda row: _why(names, row),
        kinds="op" in names,
        pids="pid" in names,
        header=1,
    )
    return Reading(lambda: lines.stream(source, how), 1 if "page" in names else PAGE)


def _write(trace: Trace, file: Any) -> None:
    """Numbers and letters only, so that no cell can be a spreadsheet's formula."""
    names = None
    for chunk in trace.chunks():
        cells: dict[str, list[str]] = {}
        if chunk.pids is not None:
            cells["pid"] = [str(pid) for pid in chunk.pids.tolist()]
        if chunk.kinds is not None:
            cells["op"] = [_OPS[kind] for kind in chunk.kinds.tolist()]
        cells["page" if trace.page_size == 1 else "addr"] = [
            str(a) if trace.page_size == 1 else hex(a) for a in chunk.addresses.tolist()
        ]
        if names is None:
            names = ",".join(cells)
            file.write(f"{names}\n".encode())
        file.write("".join(f"{','.join(row)}\n" for row in zip(*cells.values())).encode())


FORMAT = Format("csv", (".csv",), _fits, _read, _write, processes=True)
