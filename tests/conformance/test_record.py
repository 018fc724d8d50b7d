"""vmlab answers what Linux answered. The floors below only ever rise: a call that gets built raises them."""

import os
import random
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from fixedprogram import oldest
from restless import KILLED, Lenient, RestlessBackend, RestlessPlayer, lenient

from vmlab import Machine
from vmlab.conformance import Player, cases, programs, run
from vmlab.conformance.record import BESIDE_LOCKED, RESIDENCY, TAIL, Filesystem, Stage
from vmlab.conformance.sides import table
from vmlab.conformance.vmlab_backend import VmlabBackend

SWAP = 4 << 20
COUNTS = {"cases": 317, "programs": 286}
FLOORS = {  # how many of them agree, at least: in results and final bytes; in fault counts
    "ext4": {"cases": (314, 23), "programs": (286, 284)},
    "tmpfs": {"cases": (311, 22), "programs": (286, 286)},
}
PARTITIONS = 281  # of ext4's programs in which the same pages share frames; the others read ahead over holes
PYTHON = "a policy in Python"
# What must be invisible: every value of each axis.
AXES: dict[str, list[Any]] = {
    "frames": [8, 16, 64, 4096],
    "policy": [*Machine.policies, PYTHON],
    "tlb": [None, (1, 1), (4, 4), (64, 4)],
    "cpus": [1, 2, 3, 4],
    "preset": ["linux", "classic"],
    "between": [(), ("eviction",), ("writeback",), ("shootdown",), ("eviction", "writeback", "shootdown")],
    "past": [(), ("save_load",), ("undo_redo",), ("branch",)],
    "bulk": [False, True],
}
LONG = bool(os.environ.get("VMLAB_LONG"))
PARTS = 1 if LONG else 8  # a combination plays one of so many parts of the record


def combinations(n: int) -> list[dict[str, Any]]:
    """n of them, at least as many as the longest axis has values: each value of each axis is in some, drawn with one seed."""
    draw = random.Random(3)
    columns = []
    for values in AXES.values():
        column = (values * n)[:n]
        draw.shuffle(column)
        columns.append(column)
    return [possible(**dict(zip(AXES, row, strict=True))) for row in zip(*columns, strict=True)]


def possible(**c: Any) -> dict[str, Any]:
    """A combination without what a policy in Python is not made for: it is not saved, and what it named in the past was the
    answer to the questions of then."""
    if c["policy"] == PYTHON:
        c["past"] = tuple(set(c["past"]) - {"save_load"})
        c["between"] = () if "undo_redo" in c["past"] else c["between"]
    return c


def named(combination: dict[str, Any]) -> str:
    """It in words."""
    c = combination
    words = [f"{c['frames']} frames", c["policy"], f"tlb {c['tlb'] and c['tlb'][0]}", f"{c['cpus']} cpus", c["preset"]]
    return ", ".join([*words, *c["between"], *c["past"], *["bulk"] * c["bulk"]])


@pytest.mark.parametrize("filesystem", Filesystem)
def test_nothing_that_exists_differs_from_linux(filesystem: Filesystem, say: Any) -> None:
    player = Player(VmlabBackend(filesystem=str(filesystem)))
    reports = [run(player, entries(), filesystem=filesystem) for entries in (cases, programs)]
    say(f"Linux's answers, {filesystem}", table({"vmlab": reports}))
    for report in reports:
        assert not report.differ, _first(report)
        assert report.agree + report.not_built + report.skipped == COUNTS[report.kind]
        agree, faults = FLOORS[filesystem][report.kind]
        assert report.agree >= agree
        assert report.stages[Stage.FAULTS].agree >= faults
        if (filesystem, report.kind) == (Filesystem.EXT4, "programs"):
            assert report.stages[Stage.FRAMES].agree >= PARTITIONS


COMBINATIONS = combinations(64 if LONG else max(8, *map(len, AXES.values())))


def test_the_combinations_cover_each_axis() -> None:
    for name, values in AXES.items():
        assert all(any(c[name] == value for c in COMBINATIONS) for value in values), name


@pytest.mark.slow
@pytest.mark.parametrize("turn", range(len(COMBINATIONS)), ids=lambda turn: named(COMBINATIONS[turn]))
def test_only_what_linux_lets_depend_on_residency_shows(turn: int, tmp_path: Path, say: Any) -> None:
    """Results and final bytes are Linux's on every machine, whatever happens to it between two steps.

    Not compared: fault counts, and who shares a frame. Excused, counted and printed: mincore, bytes past the end of a file
    (they go at writeback), and the end of an entry that locks more than there is.
    """
    c, name = dict(COMBINATIONS[turn]), named(COMBINATIONS[turn])
    between, past = c.pop("between"), c.pop("past")
    if c["policy"] == PYTHON:
        c["policy"] = oldest
    # of few frames one dirty page would be over the usual ratios
    c |= {"swap": SWAP, "dirty_background_ratio": 100, "dirty_ratio": 100}
    backend = RestlessBackend((*between, *past), c.pop("bulk"), turn, tmp_path, **c)
    player = RestlessPlayer(backend)
    Lenient.excused, tails, ended, agree = 0, 0, 0, 0
    for entries in (cases, programs):
        for entry in islice(entries(), turn % PARTS, None, PARTS):
            if TAIL in entry.tags or entry.id == "gv-NoSigBus-rws":  # a case that loads what it stored past the end
                tails += 1
                continue
            player.play_on(entry, c["frames"], BESIDE_LOCKED)
            report = run(player, [lenient(entry)], stages=(Stage.RESULTS, Stage.BYTES))
            assert not report.differ, _first(report)
            assert set(report.missing) <= {KILLED, "call"}  # no instruction is run here: see the README
            ended += report.missing[KILLED]
            agree += report.agree
    assert agree > 300 // PARTS
    say(name, f"{agree} agree; mincore {Lenient.excused} times, bytes past an end {tails}, locked too much {ended}")


@pytest.mark.slow
def test_invariants_hold_after_every_step() -> None:
    player = Player(VmlabBackend(frames=48))
    for entries in (cases(), islice(programs(), 0, None, 4)):  # each step looks at everything: a quarter must do
        wanted = (Stage.RESULTS, Stage.BYTES, Stage.CHECKS)
        report = run(player, entries, stages=wanted, without=(TAIL, RESIDENCY), frames=48)
        assert not report.differ, _first(report)


def _first(report: Any) -> str:
    required = (Stage.RESULTS, Stage.BYTES, Stage.CHECKS)
    shown = [d.side_by_side("vmlab") for d in report.differences if d.stage in required]
    return "\n\n".join([repr(report), *shown[:5]])
