"""What several kernels came to, side by side: one table, and one block for each difference."""

import json
import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence

from .outcome import Answer
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
    """The first difference of each entry in each stage, every kernel's answer beside the record's; of a stage at most `show`."""
    tags = {entry.id: sorted(tag for tag in entry.tags if "kernel" in tag) for entry in entries}
    blocks = []
    for k in range(len(next(iter(sides.values())))):
        reports = {name: reports[k] for name, reports in sides.items()}
        for stage in sorted(Stage, key=lambda stage: stage not in REQUIRED):
            by_entry: dict[str, list[Difference]] = {}
            for report in reports.values():
                for difference in report.of(stage):
                    by_entry.setdefault(difference.entry, []).append(difference)
            blocks += [_block(found, reports, tags[entry]) for entry, found in list(by_entry.items())[:show]]
    return blocks


def _block(found: Sequence[Difference], reports: Mapping[str, Report], tags: Sequence[str]) -> str:
    """Where an entry first differs in a stage, then a column for the record and one for each kernel."""
    first = min(found, key=lambda d: math.inf if d.step is None else d.step)
    here = [d for d in found if d.step == first.step and (d.step is not None or d.mismatch.key == first.mismatch.key)]
    columns = [f"record: {_words(first.recorded) or _shown(first.mismatch.linux)}"]
    for name, report in reports.items():
        own = next((d for d in here if any(d is other for other in report.differences)), None)
        columns.append(f"{name}: {_answered(own) if own else _otherwise(first, report)}")
    where = "at the end" if first.step is None else f"step {first.step} {first.operation}"
    about = f" [{', '.join(tags)}]" if tags else ""
    further = len({(d.step, d.mismatch.key if d.step is None else "") for d in found}) - 1
    more = f" (the first of {further + 1})" if further else ""
    keys = ", ".join(dict.fromkeys(d.mismatch.key for d in here))
    head = [textwrap.shorten(f"{first.entry}{about}, {where}", WIDTH), f"  {first.stage}: {keys}{more}"]
    return "\n".join(head + _columns(columns))


def _columns(texts: Sequence[str]) -> list[str]:
    """Lines that hold the texts beside each other."""
    room = (WIDTH - 4 - 3 * (len(texts) - 1)) // len(texts)
    cells = [textwrap.wrap(text, room) for text in texts]
    return [
        "    " + " | ".join((cell[k] if k < len(cell) else "").ljust(room) for cell in cells).rstrip()
        for k in range(max(map(len, cells)))
    ]


def _answered(difference: Difference) -> str:
    """What a kernel answered where it differs: to a step its whole answer, unless it gave none."""
    return _words(difference.answered) or _shown(difference.mismatch.got)


def _words(answer: Answer) -> str:
    """An answer in short: "SIGBUS ADRERR after 3 bytes, min 1"."""
    words = ["ok"] if answer.get("ok") else []
    if "errno" in answer:
        words.append(answer["errno"])
    if "signal" in answer:
        done = f" after {answer['done']} bytes" if "done" in answer else ""
        words.append(f"{answer['signal']} {answer.get('code', '')}{done}")
    beside = answer.keys() - {"ok", "errno", "signal", "code", "done"}
    return ", ".join(words + [f"{key} {_shown(answer[key])}" for key in sorted(beside) if answer[key] is not None])


def _otherwise(difference: Difference, report: Report) -> str:
    """What a kernel that does not differ here answered."""
    stopped = report.stopped.get(difference.entry)
    if stopped is not None and (difference.step is None or difference.step >= stopped):
        return f"stopped at step {stopped}"
    return "as recorded"


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


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
