"""A folder with one file `x`, current during the test; a test that hangs is interrupted after two seconds."""

import signal
from pathlib import Path

import pytest


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = tmp_path / "lab"
    folder.mkdir()
    (folder / "x").write_bytes(bytes(range(256)) * 48)  # three pages
    monkeypatch.chdir(folder)

    def hung(*_: object) -> None:
        pytest.fail("two seconds have passed")

    if not hasattr(signal, "SIGALRM"):
        yield folder
        return
    before = signal.signal(signal.SIGALRM, hung)
    signal.setitimer(signal.ITIMER_REAL, 2, 0.2)  # again and again: within a finalizer an exception is lost
    yield folder
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)
