"""Bad input, a row for each (tests/badinputs): it ends within two seconds and 200 MB as stated, machine and folder as before."""

import hashlib
import signal
import time
from pathlib import Path

import pytest
from badinputs import PAGE, ROWS, calls, hostfiles, limits, paths, program, traces

from vmlab import Machine

KINDS = (paths, hostfiles, calls, limits, traces)  # importing one fills the table
SECONDS = 2  # of this process's own time, for the computer may be busy; by the wall clock a hang ends after HANGS
HANGS = 60
MEMORY = 200 << 20  # bytes more than before


def contents(folder: Path) -> dict[str, str]:
    """What is in a folder, by name: kind, mode, and a hash of the bytes."""

    def told(path: Path) -> str:
        at = path.lstat()
        data = path.read_bytes() if path.is_file() and at.st_mode & 0o400 and at.st_size < 1 << 20 else b""
        return f"{at.st_mode:o} {at.st_size} {hashlib.sha256(data).hexdigest()}"

    return {path.name: told(path) for path in folder.iterdir()}


def most_memory() -> int:
    """The most bytes that this process held at once since this was last asked, proc(5); 0 where nobody counts them."""
    try:
        (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
        Path("/proc/self/clear_refs").write_text("5")
    except (OSError, ValueError):
        return 0
    return int(line.split()[1]) << 10


@pytest.fixture(autouse=True)
def hangs():
    """A call that never returns fails its row, not the whole run."""

    def hung(*_: object) -> None:
        pytest.fail(f"{HANGS} seconds have passed")

    if not hasattr(signal, "SIGALRM"):
        yield
        return
    before = signal.signal(signal.SIGALRM, hung)
    signal.alarm(HANGS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x").write_bytes(b"".join(bytes([65 + i]) * PAGE for i in range(8)))
    return tmp_path


@pytest.mark.parametrize("name", ROWS)
def test_bad_input(lab: Path, name: str) -> None:
    m = Machine(frames=16, swap=128 * PAGE)
    m.spawn("user").mmap(PAGE)[0:2] = b"ok"
    act, error, words = ROWS[name]
    doing = act(m, lab)
    next(doing)
    before = contents(lab)
    most_memory()  # what preparing took
    memory = most_memory()
    begin = time.process_time()
    if error is None:
        next(doing, None)
    else:
        with pytest.raises(error, match=words):
            next(doing)
    seconds, memory = time.process_time() - begin, most_memory() - memory
    assert contents(lab) == before
    assert m.check() == []
    assert m.process("user").load(m.process("user").vmas()[-1].start, 2) == b"ok"
    assert program(m) == program(Machine(frames=16, swap=128 * PAGE))
    assert seconds < SECONDS
    assert memory < MEMORY
