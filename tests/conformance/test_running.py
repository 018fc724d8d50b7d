"""The running kernel, asked what the recorded one was asked. Nothing that could be installed is needed: where a child
cannot be traced, or files have no /dev/shm, this is skipped with the command's own sentence, in CI too."""

import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from vmlab.conformance import Player, Result, cases, command, programs, run, running, tracee
from vmlab.conformance.record import Filesystem, Stage
from vmlab.conformance.running import RunningBackend, why_not
from vmlab.conformance.sides import differences, table
from vmlab.conformance.vocabulary import ARENA, MAP, PAGE

REASON = why_not()
pytestmark = pytest.mark.skipif(bool(REASON), reason=f"The running kernel is not asked: {REASON}")

TMPFS = Filesystem.TMPFS
KERNEL = "running kernel"
MOST = 0.9  # of the entries agree on a kernel that is not the recorded one
RECORDED = platform.release().startswith("6.18.")
BUSY_LOOP = bytes.fromhex("ebfe")  # jmp to itself
ANYWHERE = MAP["PRIVATE"] | MAP["ANON"]


@pytest.fixture
def directory() -> Iterator[str]:
    """A directory of our own on tmpfs, in which nothing may be left."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as path:
        yield path
        assert not os.listdir(path)


@pytest.fixture
def backend(directory: str) -> Iterator[RunningBackend]:
    backend = RunningBackend(directory)
    yield backend
    backend.close()


def test_the_running_kernel_agrees_with_the_record(backend: RunningBackend, say: Any) -> None:
    chosen = [list(islice(cases(), 0, None, 3)), list(islice(programs(), 0, None, 12))]
    sides = {KERNEL: [run(Player(backend), entries, filesystem=TMPFS) for entries in chosen]}
    say(f"A sample of the record on Linux {platform.release()}", table(sides))
    needed = 1.0 if RECORDED else MOST
    shown = "\n\n".join(differences(sides, [entry for entries in chosen for entry in entries])[:5])
    for report in sides[KERNEL]:
        assert report.agree >= needed * (report.agree + report.differ) > 0, shown
        assert report.stages[Stage.FAULTS].agree >= needed * report.stages[Stage.FAULTS].recorded - report.not_built, (
            shown
        )


def test_a_wrong_answer_is_shown_beside_the_right_ones(backend: RunningBackend) -> None:
    class Liar(RunningBackend):
        def munmap(self, p: int, addr: int, length: int) -> Result:
            return replace(super().munmap(p, addr, length), errno="EBUSY")

    entries = [case for case in cases() if case.id == "posix-munmap-1-1"]
    liar = Liar(str(backend.directory))
    sides = {
        "liar": [run(Player(liar), entries, filesystem=TMPFS)],
        KERNEL: [run(Player(backend), entries, filesystem=TMPFS)],
    }
    liar.close()
    (block,) = differences(sides, entries)
    assert block.startswith("posix-munmap-1-1, step ")
    assert "record: ok" in block
    assert "liar: EBUSY" in block
    assert f"{KERNEL}: as recorded" in block
    assert [sides[name][0].differ for name in sides] == [1, 0]


def test_a_child_killed_from_outside_is_a_sentence_and_the_run_goes_on(directory: str) -> None:
    class Shot(RunningBackend):
        shots = 1

        def store(self, p: int, addr: int, data: bytes) -> Result:
            if self.shots:
                self.shots = 0
                os.kill(self.processes[p].pid, signal.SIGKILL)
            return super().store(p, addr, data)

    begin = time.monotonic()
    entries = list(islice(programs(), 3))
    shot = Shot(directory)
    report = run(Player(shot), entries, filesystem=TMPFS)
    shot.close()
    assert (report.differ, report.agree) == (1, 2)
    assert re.search(
        r"Gone: process \d+ (is gone: killed from|was ended by SIGKILL)", differences({KERNEL: [report]}, entries)[0]
    )
    assert time.monotonic() - begin < tracee.PATIENCE


def test_a_child_that_does_not_come_back_is_killed(backend: RunningBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracee, "PATIENCE", 0.3)
    backend.reset()
    backend.mmap(0, ARENA, PAGE, 7, ANYWHERE, None, "rw", 0)
    backend.store(0, ARENA, BUSY_LOOP)
    pid = backend.processes[0].pid
    with pytest.raises(tracee.Gone, match=r"did not come back within 0.3 seconds"):
        backend.call(0, ARENA)
    backend.reset()
    assert backend.processes[0].pid != pid
    assert not Path(f"/proc/{pid}").exists()


def test_counts_are_of_the_step_alone_in_parent_and_child(backend: RunningBackend) -> None:
    backend.reset()
    backend.mmap(0, ARENA, 3 * PAGE, 3, ANYWHERE, None, "rw", 0)
    assert backend.store(0, ARENA, bytes(2 * PAGE)).faults == (2, 0)
    assert backend.munmap(0, 1, PAGE) == Result(errno="EINVAL", faults=(0, 0))
    backend.fork(0, 1)
    assert backend.load(1, ARENA, 2 * PAGE).faults == (0, 0)  # both entries came along
    assert backend.store(1, ARENA, b"x").faults == (1, 0)
    assert backend.store(0, ARENA, b"x").faults == (1, 0)
    assert backend.load(0, ARENA + 3 * PAGE - 2, 4) == Result(
        signal="SIGSEGV", code=1, done=2, data=bytes(2), faults=(1, 0)
    )
    assert len(backend.vmas(0)) == len(backend.vmas(1)) == 4  # ours, its two, and the vsyscall page


def test_nothing_is_left_behind(directory: str) -> None:
    backend = RunningBackend(directory)
    backend.reset()
    backend.create("a", bytes(PAGE))
    backend.fork(0, 1)
    pids = [child.pid for child in backend.processes.values()]
    backend.close()
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def test_ctrl_c_in_the_middle_of_cleaning_up(directory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between closing a file and taking its name away, twice; then everything is given back all the same."""
    backend = RunningBackend(directory)
    backend.reset()
    for f in "abc":
        backend.create(f, bytes(PAGE))

    def interrupted(self: RunningBackend, f: str) -> Path:
        raise KeyboardInterrupt

    for _ in range(2):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(RunningBackend, "_path", interrupted)
            backend.close()
    backend.close()
    assert backend.files == {} and not backend.directory.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_cleans_up(directory: str, number: int) -> None:
    """And so does a polite kill. The fixture looks whether a file is left."""
    arguments = [sys.executable, "-m", "vmlab.conformance", "--directory", directory]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    before = signal.signal(
        signal.SIGINT, signal.SIG_DFL
    )  # what a shell runs in the background ignores it, and hands that on
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    signal.signal(signal.SIGINT, before)
    deadline = time.monotonic() + 60
    while not list(Path(directory).glob("*/*")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == command.INTERRUPTED, said
    assert "stopped" in said


def test_the_command_prints_three_columns(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--only", "ltp-munmap"]) == 0
    said = capsys.readouterr().out
    assert f"Linux {platform.release()}" in said
    assert said.count("agree") == 2
    assert {"record", KERNEL, "vmlab"} <= {word.strip() for word in said.replace("  ", "\n").splitlines()}


def test_without_a_kernel_to_ask_it_says_why_and_prints_the_other_two(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*arguments: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(running.Tracee, "start", refused)
    assert command.main(["--only", "ltp-munmap"]) == 0
    said = capsys.readouterr().out
    assert "not asked: it traces a child of its own with ptrace(2), which does not work here" in said
    assert said.count("agree") == 1
    assert command.main(["--only", "ltp-munmap", "--no-running"]) == 0
    assert KERNEL not in capsys.readouterr().out


def test_why_not_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    assert why_not(Filesystem.EXT4, "/dev/shm").startswith(
        "its files would lie in /dev/shm, which is tmpfs and not ext4"
    )
    assert "cannot be written" in why_not(TMPFS, "/nonexistent")
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert "aarch64" in why_not()
    monkeypatch.setattr(sys, "platform", "darwin")
    assert why_not().startswith("it asks a Linux kernel")
