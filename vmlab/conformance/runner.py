"""Plays the record and compares in stages; the Report.

An entry whose results differ is compared no further: what it left could not agree. An entry that meets a call that is
not built yet counts as that, unless something differed before.
"""

import json
import textwrap
import time
from collections import Counter
from collections.abc import Container, Iterable
from dataclasses import dataclass, field

from .outcome import Answer, Mismatch
from .player import Player
from .record import BESIDE_LOCKED, Case, Filesystem, Program, Stage, most_locked

REQUIRED = (Stage.RESULTS, Stage.BYTES, Stage.CHECKS)  # an entry agrees if these do
RECORDED = tuple(stage for stage in Stage if stage is not Stage.CHECKS)  # what Linux has answered


@dataclass(frozen=True)
class Difference:
    """Where an entry differs: the step's number and operation, or None for what was left at the end.

    recorded, answered: of a step, the whole answers.
    """

    entry: str
    stage: Stage
    step: int | None
    operation: str
    mismatch: Mismatch
    recorded: Answer = field(default_factory=dict)
    answered: Answer = field(default_factory=dict)

    def side_by_side(self, name: str = "here", width: int = 120) -> str:
        """Linux's word on the left, ours on the right."""
        where = "at the end" if self.step is None else f"step {self.step} {self.operation}"
        half = (width - 7) // 2
        left = textwrap.wrap(f"Linux {self.mismatch.linux}", half) or [""]
        right = textwrap.wrap(f"{name} {self.mismatch.got}", half) or [""]
        rows = max(len(left), len(right))
        left, right = left + [""] * (rows - len(left)), right + [""] * (rows - len(right))
        lines = [textwrap.shorten(f"{self.entry}, {where}", width), f"  {self.stage}: {self.mismatch.key}"]
        return "\n".join(lines + [f"    {a:<{half}} | {b}".rstrip() for a, b in zip(left, right, strict=True)])


@dataclass
class Tally:
    """How many of a stage's entries agree; recorded: how many have something to say in it."""

    agree: int = 0
    differ: int = 0
    recorded: int = 0


@dataclass(repr=False)
class Report:
    """What came of playing cases or programs.

    agree, differ: entries whose results, final bytes and invariants all agree, or not. stages: the same for each stage.
    calls: single operations whose fault counts agree. not_built: entries that met a call which does not exist; missing:
    those calls, with the number of entries that stopped there. skipped: entries that do not apply. recorded: entries that
    Linux answered on this filesystem. stopped: the step behind which an entry was compared no further. sharing: of each
    program that came to its end, who shares a frame, where the backend can tell.
    """

    kind: str
    agree: int = 0
    differ: int = 0
    not_built: int = 0
    skipped: int = 0
    recorded: int = 0
    stages: dict[Stage, Tally] = field(default_factory=dict)
    calls: Tally = field(default_factory=Tally)
    missing: Counter[str] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)
    stopped: dict[str, int] = field(default_factory=dict)
    sharing: dict[str, dict[str, str]] = field(default_factory=dict)
    seconds: float = 0.0

    def __repr__(self) -> str:
        return f"{self.kind}: {self.agree} agree, {self.differ} differ, {self.not_built} not built yet"

    def of(self, stage: Stage) -> list[Difference]:
        """The differences of one stage."""
        return [d for d in self.differences if d.stage is stage]


def run(
    player: Player,
    entries: Iterable[Case | Program],
    *,
    filesystem: Filesystem = Filesystem.EXT4,
    stages: Iterable[Stage] = RECORDED,
    without: Container[str] = (),
    frames: int | None = None,
) -> Report:
    """Play entries of one kind and report.

    stages: what to compare; invariants, which cost time, only if named. without: tags of entries to skip. frames: of the
    machine, where they may be few: entries that may lock too many of them are skipped.
    """
    report = Report("entries")
    wanted = set(stages)
    begin = time.perf_counter()
    for entry in entries:
        report.kind = "cases" if isinstance(entry, Case) else "programs"
        room = frames is None or most_locked(entry.ops) + BESIDE_LOCKED <= frames
        stands = entry.stands_on(filesystem)
        report.recorded += stands
        for stage in entry.stages(filesystem) & wanted if stands else ():
            report.stages.setdefault(stage, Tally()).recorded += 1
        if not room or not stands or any(tag in without for tag in entry.tags):
            report.skipped += 1
            continue
        _Play(player, entry, filesystem, wanted).into(report)
    report.seconds = time.perf_counter() - begin
    return report


class _Play:
    """One entry being played."""

    def __init__(self, player: Player, entry: Case | Program, filesystem: Filesystem, wanted: set[Stage]) -> None:
        self.player, self.entry, self.filesystem, self.wanted = player, entry, filesystem, wanted
        self.differences: list[Difference] = []
        self.calls = Tally()
        self.missing = ""
        self.step: int | None = None
        self.answered: Answer = {}
        self.sharing: dict[str, str] = {}
        self.compared = {Stage.RESULTS}
        try:
            self._play()
        except NotImplementedError as reason:
            self.missing = str(reason).removesuffix(" is not built yet") or str(self._op()["op"])
        except Exception as crash:  # a fault of the kernel under test is a difference, not the end of the run
            self._note(Stage.RESULTS, Mismatch("raised", "nothing", f"{type(crash).__name__}: {crash}"))

    def _play(self) -> None:
        entry, player = self.entry, self.player
        player.reset()
        for k, op in enumerate(entry.ops):
            self.step, self.answered = k, {}
            self.answered = answer = player.step(op)
            found = Counter(self._note(*difference) for difference in entry.differences(k, answer, self.filesystem))
            if isinstance(entry, Program) and entry.faults(k, self.filesystem) is not None:
                self.calls.differ += found[Stage.FAULTS]
                self.calls.agree += not found[Stage.FAULTS]
            if Stage.CHECKS in self.wanted:
                for sentence in player.backend.check():
                    found[self._note(Stage.CHECKS, Mismatch("check", "nothing", sentence))] += 1
            if found[Stage.RESULTS] or found[Stage.CHECKS]:
                return
        self.step = None
        stages = entry.stages(self.filesystem)
        if isinstance(entry, Program):
            left = player.final()
            self.sharing = {
                f"process {p} {symbol}": slot["fr"]
                for p, slots in left["procs"].items()
                for symbol, slot in slots.items()
                if "fr" in slot
            }
            if not self.sharing:
                stages.discard(Stage.FRAMES)
            for stage, mismatch in entry.differences_left(left):
                if stage in stages:
                    self._note(stage, mismatch)
        self.compared |= stages | {Stage.CHECKS}

    def _op(self) -> dict[str, object]:
        return self.entry.ops[self.step] if self.step is not None else {"op": "at the end"}

    def _note(self, stage: Stage, mismatch: Mismatch) -> Stage:
        if stage in self.wanted:
            operation, recorded, answered = json.dumps(self._op()), {}, {}
            if self.step is not None:
                recorded, answered = self.entry.answer(self.step, self.filesystem), self.answered
            difference = Difference(self.entry.id, stage, self.step, operation, mismatch, recorded, answered)
            self.differences.append(difference)
        return stage

    def into(self, report: Report) -> None:
        """Add what came of it."""
        stages = {difference.stage for difference in self.differences}
        if self.step is not None:
            report.stopped[self.entry.id] = self.step
        if self.sharing:
            report.sharing[self.entry.id] = self.sharing
        if self.missing and Stage.RESULTS not in stages:
            report.not_built += 1
            report.missing[self.missing] += 1
            return
        differs = not stages.isdisjoint(REQUIRED)
        report.differ += differs
        report.agree += not differs
        for stage in Stage:
            if stage in self.wanted and stage in self.compared | stages:
                tally = report.stages.setdefault(stage, Tally())
                tally.differ += stage in stages
                tally.agree += stage not in stages
        report.calls.agree += self.calls.agree
        report.calls.differ += self.calls.differ
        report.differences += self.differences
