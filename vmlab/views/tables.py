"""The page tables of one process as a tree: which tables there are, and how full each of them is."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ..core import translation
from ..core.state import NONE, SHIFT, P, State
from .look import Look, look_at


class Table(NamedTuple):
    """One table: fanout entries, each of which leads to a table of the next level or, in a leaf, to a frame."""

    level: int  # 1 is the leaf level
    number: int
    index: int  # type: ignore[assignment]  # of the entry that leads to it; NONE for the root.  Hides tuple.index
    vpn: int  # first page number that it translates
    npages: int  # how many
    used: int  # entries that are present
    runs: tuple[tuple[int, int], ...]  # of these: (first, last + 1)


class PageTables(NamedTuple):
    row: int
    fanout: int
    tables: list[Table]  # the root first, each before those it leads to, by address
    nbytes: int  # of simulated memory that they take
    resident: int  # pages that they map


def page_tables(s: State | Look, row: int) -> PageTables:
    """The tables of the process in `row`."""
    look = look_at(s)
    fanout = int(look.state.machine["fanout"][0])
    root = int(look.state.procs["root"][row])
    tables = list(_below(look, fanout, root, len(look.levels), NONE, 0)) if root != NONE else []
    resident = int(look.state.procs["rss"][row])
    return PageTables(row, fanout, tables, len(tables) * translation.table_bytes(look.state), resident)


def _below(look: Look, fanout: int, at: int, level: int, index: int, vpn: int) -> Iterator[Table]:
    """The table at position `at`, and all below it."""
    shift, mask = look.levels[level - 1]
    entries = look.state.tables[at : at + mask + 1]
    present = np.flatnonzero(entries & P)
    yield Table(level, at // fanout, index, vpn, mask + 1 << shift, len(present), runs_of(present))
    if level > 1:
        for i in present.tolist():
            yield from _below(look, fanout, int(entries[i]) >> SHIFT, level - 1, i, vpn + (i << shift))


def runs_of(numbers: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> tuple[tuple[int, int], ...]:
    """Sorted numbers as runs of neighbours.

    >>> runs_of(np.array([3, 4, 5, 9]))
    ((3, 6), (9, 10))
    """
    if not len(numbers):
        return ()
    breaks = np.flatnonzero(np.diff(numbers) > 1)
    first = numbers[np.r_[0, breaks + 1]]
    last = numbers[np.r_[breaks, len(numbers) - 1]] + 1
    return tuple(zip(first.tolist(), last.tolist()))
