"""The table of bad inputs: a file for each kind, a row for each input. tests/machine/test_bad_inputs.py goes through it.

A row is a generator: what stands before its `yield` prepares, what comes after is the bad input. Its name is the row's in the
list of bad inputs, and a word where that has several cases. What it is given: a machine in use, with a process "user", and a
folder, which is the current one.
"""

from collections.abc import Callable, Generator
from pathlib import Path
from typing import NamedTuple

from vmlab import KiB, Machine

PAGE = 4 * KiB


class Row(NamedTuple):
    act: Callable[[Machine, Path], Generator]
    error: type[BaseException] | None
    words: str


ROWS: dict[str, Row] = {}


def row(name: str, error: type[BaseException] | None = None, words: str = "") -> Callable[[Callable], Callable]:
    """A row of the table: the error it must end with, and words (a pattern) of its sentence."""

    def note(act: Callable) -> Callable:
        assert name not in ROWS
        ROWS[name] = Row(act, error, words)
        return act

    return note


def program(m: Machine) -> list[object]:
    """A known program, and what it sees."""
    p = m.spawn("after")
    area = p.mmap(20 * PAGE)
    for i, page in enumerate(area.pages):
        p.store(page, bytes([i]))
    child = p.fork("child")
    child.at(area)[0] = 99
    seen = [area[:: 4 * PAGE], child.at(area)[0], area[0], p.stat.rss > 0]
    child.exit()
    p.exit()
    return seen
