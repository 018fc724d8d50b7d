"""The command `python -m vmlab.conformance`: plays the record on a vmlab machine and prints one table."""

import argparse
from collections.abc import Iterable, Sequence
from typing import Any

from .player import Player
from .record import RESIDENCY, TAIL, Case, Filesystem, Program, Stage, cases, programs
from .runner import RECORDED, REQUIRED, Difference, Report, run

HEADINGS = ("", "agree", "differ", "not built yet", "skipped")


def main(argv: Sequence[str] | None = None) -> int:
    """Play the record, print the table, and return 0 if nothing that exists differs in results or final bytes."""
    arguments = _parser().parse_args(argv)
    filesystem = Filesystem(arguments.filesystem)
    from .vmlab_backend import VmlabBackend  # here, so that the record can be read without a machine

    player = Player(VmlabBackend(filesystem=str(filesystem), **_machine(arguments)))
    without, frames = ((TAIL, RESIDENCY), arguments.frames) if "frames" in arguments else ((), None)
    wanted = tuple(Stage) if arguments.check else RECORDED
    reports = [
        run(player, chosen, filesystem=filesystem, stages=wanted, without=without, frames=frames)
        for chosen in (_only(cases(), arguments.only), _only(programs(), arguments.only))
    ]
    player.backend.close()
    reports = [report for report in reports if report.kind != "entries"]
    for report in reports:
        for difference in _first(report, arguments.show):
            print(difference + "\n")
    print(table(reports))
    return int(not reports or any(report.differ for report in reports))


def table(reports: Iterable[Report]) -> str:
    """The reports as one table: a line for each kind of entry, and below it one for each stage."""
    rows: list[tuple[str, ...]] = [HEADINGS]
    notes = []
    for report in reports:
        rows.append((report.kind, *(str(n) for n in (report.agree, report.differ, report.not_built, report.skipped))))
        for stage in Stage:
            if tally := report.stages.get(stage):
                rows.append((f"  {stage}", str(tally.agree), str(tally.differ), "", ""))
        if report.calls.agree or report.calls.differ:
            rows.append(("  fault counts, single calls", str(report.calls.agree), str(report.calls.differ), "", ""))
        if report.missing:
            calls = ", ".join(f"{call} {n}" for call, n in report.missing.most_common())
            notes.append(f"{report.kind} that stopped at a call that is not built yet: {calls}")
        notes.append(f"{report.kind}: {report.seconds:.1f} s")
    widths = [max(len(row[k]) for row in rows) for k in range(len(HEADINGS))]
    lines = [
        "  ".join([row[0].ljust(widths[0])] + [cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True)])
        for row in rows
    ]
    return "\n".join([line.rstrip() for line in lines] + notes)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vmlab conformance", description="Ask a vmlab machine what Linux was asked, and compare the answers."
    )
    parser.add_argument("--show", type=int, default=0, metavar="N", help="print the first N differences of each stage")
    parser.add_argument("--only", default="", metavar="ID", help="only entries whose id contains ID")
    parser.add_argument("--filesystem", default="ext4", choices=list(map(str, Filesystem)), help="whose answers (ext4)")
    parser.add_argument("--check", action="store_true", help="look at every invariant after every step")
    machine = parser.add_argument_group("the machine, which must not matter to results and bytes")
    unset = argparse.SUPPRESS
    machine.add_argument(
        "--frames",
        type=int,
        default=unset,
        metavar="N",
        help="page frames; page tails, mincore, and what locks too many, are left out",
    )
    machine.add_argument("--policy", default=unset, metavar="NAME", help="replacement policy")
    machine.add_argument("--tlb", type=_tlb, default=unset, metavar="E,W", help="TLB entries and ways; 0 for none")
    return parser


def _tlb(text: str) -> tuple[int, int] | None:
    entries, _, ways = text.partition(",")
    return (int(entries), int(ways or entries)) if int(entries) else None


def _machine(arguments: argparse.Namespace) -> dict[str, Any]:
    """The machine's arguments that were given."""
    return {name: value for name, value in vars(arguments).items() if name in ("frames", "policy", "tlb")}


def _only(entries: Iterable[Any], text: str) -> list[Case | Program]:
    return [entry for entry in entries if text in entry.id]


def _first(report: Report, n: int) -> list[str]:
    """The first n differences of each stage, one an entry, required stages first."""
    shown = []
    for stage in sorted(Stage, key=lambda stage: stage not in REQUIRED):
        entries: dict[str, Difference] = {}
        for difference in report.of(stage):
            entries.setdefault(difference.entry, difference)
        shown += [difference.side_by_side("vmlab") for difference in list(entries.values())[:n]]
    return shown
