"""vmlab answers what Linux answered. The floors below only ever rise: a call that gets built raises them."""

import os
import random
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pytest
from fixedprogram import oldest
from restless import (
    FREED,
    KILLED,
    LOCKED,
    MINCORE,
    PAST_END,
    RestlessBackend,
    RestlessPlayer,
    noting_what_writeback_takes,
)

from vmlab import Machine
from vmlab.conformance import Player, cases, programs, run
from vmlab.conformance.record import RESIDENCY, TAIL, Case, Filesystem, Stage
from vmlab.conformance.sides import table
from vmlab.conformance.vmlab_backend import VmlabBackend
from vmlab.kernel import writeback

SWAP, PAGE = 4 << 20, 4096
COUNTS = {"cases": 317, "programs": 286}
FLOORS = {  # how many of them agree, at least: in results and final bytes; in fault counts
    "ext4": {"cases": (314, 23), "programs": (286, 284)},
    "tmpfs": {"cases": (311, 22), "programs": (286, 286)},
}
# All that is not modelled: the entry, what of it, and why. Nothing else may differ, and what is mended leaves the table.
HOLES = "reads ahead over the holes of a sparse file, where the window of Linux is not followed to the page"
NOT_MODELLED: dict[str, dict[tuple[str, str], str]] = {
    "ext4": {
        ("ltp-mprotect04-exec", "results"): "jumps into the bytes of a page: no instruction of x86-64 is run here",
        ("fuzz-459", "fault counts"): HOLES,
        ("fuzz-1320", "fault counts"): HOLES,
        ("fuzz-669", "frame sharing"): HOLES,
        ("fuzz-1152", "frame sharing"): HOLES,
        ("fuzz-1446", "frame sharing"): HOLES,
        ("fuzz-1838", "frame sharing"): HOLES,
    },
    "tmpfs": {
        ("ltp-mprotect04-exec", "results"): "jumps into the bytes of a page: no instruction of x86-64 is run here",
    },
}
PYTHON = "a policy in Python"
MOST = 4096  # frames: more than any entry needs
# What must be invisible: every value of each axis.
AXES: dict[str, list[Any]] = {
    "frames": [8, 16, 64, MOST],
    "policy": [*Machine.policies, PYTHON],
    "tlb": [None, (1, 1), (4, 4), (64, 4)],
    "cpus": [1, 2, 3, 4],
    "preset": ["linux", "classic"],
    "between": [(), ("eviction",), ("writeback",), ("shootdown",), ("eviction", "writeback", "shootdown")],
    "past": [(), ("save_load",), ("undo_redo",), ("branch",)],
    "bulk": [False, True],
}
LONG = bool(os.environ.get("VMLAB_LONG"))
PARTS = 1 if LONG else 16  # a combination plays one of so many parts of the record
EACH = (
    15  # of so many entries one has its past after each step: all of the record over the longer setting's combinations
)
# The record gives up no page that it looks at again, since there Linux has two answers. This does, and wants the one that Linux
# has with memory in plenty (linux-semantics 98).
AFTER_FREE = Case(
    "after MADV_FREE",
    "madvise(2)",
    [
        {"op": "mmap", "p": 0, "as": "m", "len": 8 * PAGE, "prot": "rw", "flags": ["PRIVATE", "ANON"]},
        {"op": "memset", "p": 0, "at": ["m", 0], "n": 8 * PAGE, "byte": "aa"},
        {"op": "madvise", "p": 0, "at": ["m", PAGE], "len": 6 * PAGE, "advice": "FREE"},
        *({"op": "store", "p": 0, "at": ["m", k * PAGE + 7], "bytes": "bb"} for k in (2, 4)),
        *({"op": "load", "p": 0, "at": ["m", k * PAGE + 6], "n": 3} for k in (*range(8), *range(8))),
    ],
    [{"ok": True}] * 5 + [{"ok": True, "bytes": "aabbaa" if k in (2, 4) else "aaaaaa"} for k in (*range(8), *range(8))],
)


def combinations(n: int) -> list[dict[str, Any]]:
    """n of them, at least as many as the longest axis has values: each value of each axis is in some, drawn with one seed."""
    draw = random.Random(6)
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


def counts(player: RestlessPlayer) -> str:
    """What was excused, in words."""
    return ", ".join(f"{reason} {player.excused[reason]}" for reason in (MINCORE, PAST_END, FREED, LOCKED))


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
    found = {(d.entry, str(d.stage)) for report in reports for d in report.differences}
    found |= {(name, str(Stage.RESULTS)) for report in reports for name in report.stopped}
    assert found == set(NOT_MODELLED[filesystem])


COMBINATIONS = combinations(64 if LONG else max(8, *map(len, AXES.values())))


def test_the_combinations_cover_each_axis() -> None:
    for name, values in AXES.items():
        assert all(any(c[name] == value for c in COMBINATIONS) for value in values), name
    for past in AXES["past"]:  # swap is part of it, which a machine with many frames never uses
        assert any(c["past"] == past and c["frames"] <= 16 for c in COMBINATIONS), past


@pytest.mark.slow
@pytest.mark.parametrize("turn", range(len(COMBINATIONS)), ids=lambda turn: named(COMBINATIONS[turn]))
def test_only_what_linux_lets_depend_on_residency_shows(
    turn: int, tmp_path: Path, say: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Results and final bytes are Linux's on every machine, whatever happens to it between two steps.

    What is excused, and counted, is in restless.py. The machine is saved and loaded, undone and redone, or branched after some
    steps; in one of EACH entries after every step. Which one differs between combinations: over the 64 of the longer setting
    (VMLAB_LONG=1), which play the whole record, it is each entry once.

    Without the compiler and with bounds checks: ways_in/test_modes.py. Bounds are checked under the whole record, undisturbed, in
    every run; this test's short setting is played in either mode with VMLAB_LONG=1, and takes an hour.
    """
    c, name = dict(COMBINATIONS[turn]), named(COMBINATIONS[turn])
    between, past = c.pop("between"), c.pop("past")
    if c["policy"] == PYTHON:
        c["policy"] = oldest
    # of few frames one dirty page would be over the usual ratios
    c |= {"swap": SWAP, "dirty_background_ratio": 100, "dirty_ratio": 100}
    backend = RestlessBackend((*between, *past), c.pop("bulk"), turn, tmp_path, **c)
    monkeypatch.setattr(writeback, "page", noting_what_writeback_takes(backend))
    player = RestlessPlayer(backend)
    nth = sum(earlier["past"] == past for earlier in COMBINATIONS[:turn])
    played = islice(chain(cases(), [AFTER_FREE] * PARTS, programs()), turn % PARTS, None, PARTS)
    agree, each, called, n = 0, 0, 0, 0
    for k, entry in enumerate(played):
        each_step = k % EACH == nth % EACH
        report = player.play(entry, each_step)
        assert not report.differ, _first(report)
        assert set(report.missing) <= {KILLED, "call"}  # no instruction is run here: see the README
        n += not report.skipped
        agree += report.agree
        called += report.missing["call"]
        each += each_step
    assert agree + player.excused[LOCKED] + called == n > 300 // PARTS
    say(
        name,
        f"{agree} of {n} agree, {called} runs an instruction; {each} with a past after each step; excused: {counts(player)}",
    )
    if c["frames"] == MOST and not {"eviction", "writeback"} & set(between):
        # Nothing leaves such a machine. On a classic one more may be there: it has no zero page, so that a load gives a page of
        # one's own, and fork copies its entry where Linux copies none.
        assert set(+player.excused) <= ({MINCORE} if c["preset"] == "classic" else set())


@pytest.mark.slow
def test_invariants_hold_after_every_step() -> None:
    player = Player(VmlabBackend(frames=48))
    for entries in (cases(), islice(programs(), 0, None, 8)):  # each step looks at everything: an eighth must do
        wanted = (Stage.RESULTS, Stage.BYTES, Stage.CHECKS)
        report = run(player, entries, stages=wanted, without=(TAIL, RESIDENCY), frames=48)
        assert not report.differ, _first(report)


def _first(report: Any) -> str:
    required = (Stage.RESULTS, Stage.BYTES, Stage.CHECKS)
    shown = [d.side_by_side("vmlab") for d in report.differences if d.stage in required]
    return "\n\n".join([repr(report), *shown[:5]])
