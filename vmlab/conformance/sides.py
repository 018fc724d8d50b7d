"""What several kernels came to, side by side: one table, and one block for each difference."""

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence

from .record import Case, Program, Stage
from .runner import REQUIRED, Difference, Report

Sides = Mapping[str, Sequence[Report]]  # a kernel's name -> its reports, of the same kinds in the same order
HEADINGS = ("agree", "differ", "not asked")
WIDTH = 120


def table(sides: Sides) -> str:
    """A line for each kind of entry, and below it one for each stage; for each kernel, what it came to.

    record: entries that Linux answered. not asked: entries that met a call which is not built or cannot be made there.
    """
    first = next(iter(sides.values()))
    rows = [["", "record", *HEADINGS * len(sides)]]
    for k, leading in enumerate(first):
        reports = [reports[k] for reports in sides.values()]
        rows.append([leading.kind, str(leading.recorded)])
        for report in reports:
            rows[-1] += [str(report.agree), str(report.differ), str(report.not_built)]
        for stage in Stage:
            if any(stage in report.stages for report in reports):
                rows.append([f"  {stage}", _recorded(reports, stage)])
                for report in reports:
                    tally = report.stages.get(stage)
                    rows[-1] += [str(tally.agree), str(tally.differ), ""] if tally else ["", "", ""]
        if any(report.calls.agree + report.calls.differ for report in reports):
            rows.append(["  fault counts, single calls", ""])
            for report in reports:
                rows[-1] += [str(report.calls.agree), str(report.calls.differ), ""]
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return "\n".join([_names(sides, widths), *(_line(row, widths) for row in rows), *notes(sides)])


def notes(sides: Sides) -> Iterator[str]:
    """What does not fit into the table: what was not asked and why, who shares frames alike, the time."""
    for name, reports in sides.items():
        for report in reports:
            if report.missing:
                calls = ", ".join(f"{call} {n}" for call, n in report.missing.most_common())
                yield f"{name}: {report.kind} that stopped at a call that is not built yet or cannot be made: {calls}"
            said = f", {report.skipped} do not apply" if report.skipped else ""
            yield f"{name}: {report.kind} {report.seconds:.1f} s{said}"
    if len(sides) == 2:
        for one, other in zip(*sides.values(), strict=True):
            if both := one.sharing.keys() & other.sharing.keys():
                alike = sum(one.sharing[entry] == other.sharing[entry] for entry in both)
                yield f"the same pages share a frame at the end, {' and '.join(sides)}: {alike} of {len(both)} {one.kind}"


def differences(sides: Sides, entries: Sequence[Case | Program], show: int | None = None) -> list[str]:
    """Each difference with every kernel's answer beside the record's; of each stage at most `show` entries."""
    tags = {entry.id: sorted(tag for tag in entry.tags if "kernel" in tag) for entry in entries}
    blocks = []
    for k in range(len(next(iter(sides.values())))):
        reports = {name: reports[k] for name, reports in sides.items()}
        for stage in sorted(Stage, key=lambda stage: stage not in REQUIRED):
            shown: set[str] = set()
            for found in _union(reports, stage):
                if show is None or len(shown | {found[0].entry}) <= show:
                    shown.add(found[0].entry)
                    blocks.append(_block(found, reports, tags.get(found[0].entry, [])))
    return blocks


def _union(reports: Mapping[str, Report], stage: Stage) -> list[list[Difference]]:
    """The differences of a stage, those that are about the same thing together."""
    together: dict[tuple[str, int | None, str], list[Difference]] = {}
    for report in reports.values():
        for d in report.of(stage):
            together.setdefault((d.entry, d.step, d.mismatch.key), []).append(d)
    return list(together.values())


def _block(found: Sequence[Difference], reports: Mapping[str, Report], tags: Sequence[str]) -> str:
    """Entry and step, then a column for the record and one for each kernel."""
    first = found[0]
    where = "at the end" if first.step is None else f"step {first.step} {first.operation}"
    about = f" [{', '.join(tags)}]" if tags else ""
    columns = [f"record: {_shown(first.mismatch.linux)}"]
    for name, report in reports.items():
        own = [d.mismatch.got for d in found if d in report.differences]
        columns.append(f"{name}: {_shown(own[0]) if own else _otherwise(first, report)}")
    room = (WIDTH - 4 - 3 * (len(columns) - 1)) // len(columns)
    cells = [textwrap.wrap(column, room) or [""] for column in columns]
    lines = [
        " | ".join((cell[k] if k < len(cell) else "").ljust(room) for cell in cells).rstrip()
        for k in range(max(map(len, cells)))
    ]
    head = [textwrap.shorten(f"{first.entry}{about}, {where}", WIDTH), f"  {first.stage}: {first.mismatch.key}"]
    return "\n".join(head + [f"    {line}" for line in lines])


def _otherwise(difference: Difference, report: Report) -> str:
    """What a kernel that does not differ here answered."""
    stopped = report.stopped.get(difference.entry)
    if stopped is not None and (difference.step is None or difference.step >= stopped):
        return f"not asked, stopped at step {stopped}"
    return "as recorded"


def _shown(answer: object) -> str:
    return answer if isinstance(answer, str) else json.dumps(answer, default=str)


def _recorded(reports: Sequence[Report], stage: Stage) -> str:
    """How many entries the record has in a stage; nothing for invariants, which nobody recorded."""
    numbers = [report.stages[stage].recorded for report in reports if stage in report.stages]
    return str(max(numbers)) if any(numbers) else ""


def _names(sides: Sides, widths: Sequence[int]) -> str:
    """The kernels' names, each above its first column."""
    line = " " * (widths[0] + 2 + widths[1])
    for k, name in enumerate(sides):
        own = widths[2 + len(HEADINGS) * k :][: len(HEADINGS)]
        line += "  " + name.ljust(sum(own) + 2 * (len(own) - 1))
    return line.rstrip()


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
    return "  ".join([row[0].ljust(widths[0]), *cells]).rstrip()
