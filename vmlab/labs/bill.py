"""`bill`: what a step of the machine costs, and whom it is charged to."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from .. import Event, Machine
from ..core import events
from ..core.state import ASID_SHIFT, name_of

COUNTERS = {"minor faults": "minflt", "major faults": "majflt"}  # what a process counts
COPIED = "pages copied"  # the machine counts them; its event log says whose they are
COLUMNS = ("minor faults", COPIED)


class Reading(NamedTuple):
    """The counters of a machine at an instant."""

    procs: Any
    names: dict[int, str]  # by pid, of the running processes
    nevent: int
    copies: int
    data: int
    tables: int


@contextmanager
def bill(machine: Machine, columns: tuple[str, ...] = COLUMNS) -> Iterator[None]:
    """`with labs.bill(m): ...` prints what the block cost: a line a process, and how the frames in use changed.

    Columns: minor faults, major faults, pages copied. Nothing is printed if the block fails.
    """
    unknown = [c for c in columns if c not in COUNTERS and c != COPIED]
    if unknown:
        raise ValueError(f"a bill has no column {unknown[0]!r}; it has: {', '.join((*COUNTERS, COPIED))}")
    before = _read(machine)
    yield
    print(_printed(machine, before, _read(machine), columns))


def _read(machine: Machine) -> Reading:
    s = machine.state
    alive = s.procs["alive"].nonzero()[0].tolist()
    return Reading(
        s.procs.copy(),
        {int(s.procs["pid"][row]): name_of(s, int(s.procs["name"][row])) for row in alive},
        int(s.machine["nevent"][0]),
        int(s.stat["copies"][0]),
        len(s.frames) - int(s.machine["nfree"][0]),
        sum(int(s.procs["ntables"][row]) for row in alive),
    )


def _printed(machine: Machine, before: Reading, after: Reading, columns: tuple[str, ...]) -> str:
    names = before.names | after.names
    labels = {pid: name if list(names.values()).count(name) == 1 else f"{name} ({pid})" for pid, name in names.items()}
    counts = {c: _copied(machine, before, after) if c == COPIED else _counted(c, before, after) for c in columns}
    copies = after.copies - before.copies
    lost = COPIED in columns and copies != sum(counts[COPIED].values())
    wide = max(8, *map(len, labels.values())) if labels else 8
    lines = [" " * wide + "".join(f"  {c:>12}" for c in columns)]
    for pid in sorted(names):
        row = ("?" if lost and c == COPIED else counts[c].get(pid, 0) for c in columns)
        lines.append(f"{labels[pid]:<{wide}}" + "".join(f"  {n:>{max(12, len(c))}}" for n, c in zip(row, columns)))
    if lost:
        lines.append(f"the event log is too short to say whose: {copies} pages copied in all")
    data, tables = (f"{a} -> {b}" for a, b in ((before.data, after.data), (before.tables, after.tables)))
    return "\n".join([*lines, f"data frames {data}, page-table frames {tables}"])


def _counted(column: str, before: Reading, after: Reading) -> dict[int, int]:
    """By pid. A process that ended keeps its row until another takes it."""
    field = COUNTERS[column]
    earlier, later = ({int(p["pid"]): int(p[field]) for p in reading.procs if p["pid"]} for reading in (before, after))
    return {pid: n - earlier.get(pid, 0) for pid, n in later.items()}


def _copied(machine: Machine, before: Reading, after: Reading) -> dict[int, int]:
    """By pid, as far back as the event log reaches."""
    log = events.between(machine.state, before.nevent, after.nevent)
    rows = Counter((log["tag"][log["kind"] == Event.COPY] >> ASID_SHIFT).tolist())
    return {int(after.procs["pid"][row]): n for row, n in rows.items()}
