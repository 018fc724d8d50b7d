"""vmlab answers what Linux answered. The floors below only ever rise: a call that gets built raises them."""

import os
from itertools import islice
from typing import Any

import pytest

from vmlab import Machine
from vmlab.conformance import Player, cases, programs, run
from vmlab.conformance.record import RESIDENCY, TAIL, Filesystem, Stage
from vmlab.conformance.sides import table
from vmlab.conformance.vmlab_backend import VmlabBackend

LONG = bool(os.environ.get("VMLAB_LONG"))
COUNTS = {"cases": 317, "programs": 286}
FLOORS = {  # how many of them agree, at least: in results and final bytes; in fault counts
    "ext4": {"cases": (314, 23), "programs": (286, 284)},
    "tmpfs": {"cases": (311, 22), "programs": (286, 286)},
}
PARTITIONS = 281  # of ext4's programs in which the same pages share frames; the others read ahead over holes
MACHINES = {  # what must be invisible
    "one page a fault": {"preset": "classic"},
    # of 8 frames one dirty page is over dirty_background_ratio: written back at once, with zeros past the end of its file
    "8 frames": {"frames": 8, "dirty_background_ratio": 100, "dirty_ratio": 100},
    "16 frames, fifo": {"frames": 16, "policy": "fifo"},
    "32 frames, lru": {"frames": 32, "policy": "lru"},
    "4096 frames, no TLB": {"frames": 4096, "tlb": None},
    "TLB of one entry": {"tlb": (1, 1)},
    "a policy in Python": {"frames": 24, "policy": lambda candidates: candidates.frame[-1]},
}


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


@pytest.mark.slow
@pytest.mark.parametrize("machine", MACHINES)
def test_frames_policies_and_tlbs_are_invisible(machine: str) -> None:
    player = Player(VmlabBackend(**MACHINES[machine]))
    for entries in (cases, programs):
        few = MACHINES[machine].get("frames")
        report = run(player, entries(), stages=(Stage.RESULTS, Stage.BYTES), without=(TAIL, RESIDENCY), frames=few)
        assert not report.differ, _first(report)
        assert report.agree + report.not_built + report.skipped == COUNTS[report.kind]


@pytest.mark.slow
@pytest.mark.parametrize("frames", [8, 16])
@pytest.mark.parametrize("policy", Machine.policies)
def test_every_policy_is_invisible(policy: str, frames: int) -> None:
    """Each on an eighth of the record, another one each; VMLAB_LONG=1: on all of it."""
    player = Player(VmlabBackend(frames=frames, policy=policy, dirty_background_ratio=100, dirty_ratio=100))
    turn = Machine.policies.index(policy) + len(Machine.policies) * (frames // 8 - 1)
    for entries in (cases, programs):
        some = islice(entries(), 0 if LONG else turn % 8, None, 1 if LONG else 8)
        report = run(player, some, stages=(Stage.RESULTS, Stage.BYTES), without=(TAIL, RESIDENCY), frames=frames)
        assert not report.differ, _first(report)
        assert report.agree > 0


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
