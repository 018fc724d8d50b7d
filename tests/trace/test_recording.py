"""Programs recorded under valgrind's lackey."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from needs import ROOT, need

from vmlab import LimitError, TraceError, cli
from vmlab.trace import Trace, record, recording


@pytest.fixture
def valgrind() -> str:
    return need("valgrind", "apt-get install valgrind")


def test_a_program_and_its_output(valgrind: str) -> None:
    """Twice the same addresses, and what the program prints is no part of the trace."""
    text = " L 04001090,8\n==1== and\n"
    first, again = (record(["printf", "%s", text]) for _ in range(2))
    assert (first.status, first.output, first.errors) == (0, text.encode(), b"")
    assert np.array_equal(first.addresses, again.addresses)
    assert np.array_equal(first.kinds, again.kinds)
    loads, stores, fetches = np.bincount(first.kinds, minlength=3).tolist()
    assert fetches > loads > stores > 1000
    assert first.name == "printf"


def test_limit(valgrind: str) -> None:
    """The program never ends by itself; the child does with the trace."""
    trace = record(["sh", "-c", "while :; do :; done"], limit=12_345)
    assert (len(trace), trace.status) == (12_345, None)
    assert not children()


def children() -> list[str]:
    """The children of this process that are called valgrind or are run by it."""
    ours = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [pid for pid in ours if "lackey" in Path(f"/proc/{pid}/cmdline").read_text()]


def test_a_program_that_fails_is_warned_of(valgrind: str) -> None:
    with pytest.warns(UserWarning, match="^'ls' ended with status 2: ls: cannot access '/no/such': No such file"):
        trace = record(["ls", "/no/such"])
    assert len(trace) > 100_000
    with pytest.warns(UserWarning, match="^'sh' was ended by SIGSEGV"):
        assert record(["sh", "-c", "kill -SEGV $$"]).status == -signal.SIGSEGV


def test_too_much_for_memory(valgrind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "memory_limit", lambda: 1 << 20)
    with pytest.raises(LimitError, match=r"'true' made .* references so far, .* the limit is 256 KiB.*limit= stops"):
        record(["true"])
    assert not children()


def test_what_cannot_be_recorded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="there is no program 'no-such-program'"):
        record(["no-such-program"])
    with pytest.raises(TypeError, match=r"a command is a list of its words, as .*, not 'ls -l'"):
        record("ls -l")
    with pytest.raises(TraceError, match="a command needs a program"):
        record([])
    with pytest.raises(TraceError, match="limit=0: it must be a whole number of 1 or more"):
        record(["true"], limit=0)
    (tmp_path / "true").write_text("#!/bin/sh\n")
    (tmp_path / "true").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TraceError, match=r"recording needs valgrind, which is not installed"):
        record(["true"])
    (tmp_path / "valgrind").write_text("#!/bin/sh\nexit 3\n")
    (tmp_path / "valgrind").chmod(0o755)
    with pytest.raises(TraceError, match="valgrind could not run 'true': it ended with status 3 before its first"):
        record(["true"])


def test_command_line(valgrind: str, tmp_path: Path) -> None:
    """The program's output is its own, the trace a file of the format that its name says, the status the program's."""

    def vmlab(*words: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "vmlab", "record", *words]
        env = os.environ | {"PYTHONPATH": str(ROOT)}
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL)

    done = vmlab("--limit", "5000", "-o", "out.din", "--", "sh", "-c", "while :; do :; done")
    assert (done.returncode, done.stdout) == (0, "")
    assert "out.din: Trace('sh', 5,000 references (" in done.stderr
    assert len(Trace.load(tmp_path / "out.din")) == 5000
    done = vmlab("--", "sh", "-c", "echo said; exit 7")
    assert (done.returncode, done.stdout) == (1, "said\n")
    assert done.stderr.splitlines()[-1] == "vmlab: 'sh' ended with status 7"
    assert len(Trace.load(tmp_path / "sh.npz")) > 10_000


def test_what_the_command_line_refuses(capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence, before the program runs."""
    for words, sentence in (
        (["no-such-program"], "there is no program 'no-such-program'"),
        (["-o", "t.unknown", "true"], "the ending of 't.unknown' tells no format: give one of npy (.npy), "),
        (["--limit", "0", "--", "true"], "limit=0: it must be a whole number of 1 or more"),
    ):
        assert cli.main(["record", *words]) == 1
        said = capsys.readouterr().err
        assert said.startswith(f"vmlab: {sentence}")
        assert said.count("\n") == 1
    with pytest.raises(SystemExit):
        cli.main(["record"])
    assert "usage: vmlab record" in capsys.readouterr().err


def test_ctrl_c_ends_the_program(valgrind: str, tmp_path: Path) -> None:
    mark = tmp_path / "running"
    program = ["sh", "-c", f"echo $$ > {mark}; while :; do :; done"]
    command = [sys.executable, "-m", "vmlab", "record", "-o", tmp_path / "t.npz", "--", *program]
    recorder = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE, text=True)
    while not (mark.exists() and mark.read_text()):
        assert recorder.poll() is None
        time.sleep(0.05)
    pid = int(mark.read_text())
    recorder.send_signal(signal.SIGINT)
    _, said = recorder.communicate(timeout=30)
    assert (recorder.returncode, said) == (130, "vmlab: stopped, nothing was written\n")
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not (tmp_path / "t.npz").exists()
