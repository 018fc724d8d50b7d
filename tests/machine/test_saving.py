"""A machine in a file: it comes back equal; what is no machine is refused; a save is whole or not at all."""

import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from vmlab import ConfigError, HistoryError, KiB, Machine, Map, Prot
from vmlab.device import HostFile

PAGE = 4 * KiB


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "book.txt"
    path.write_bytes(b"".join(bytes([65 + i]) * PAGE for i in range(8)))
    return path


def furnished(book: Path) -> Machine:
    """A machine with everything that is kept in another place of the file."""
    m = Machine(frames=8, swap=64 * PAGE, mmu=(9, 9, 9), page_size=4096, tlb=(8, 2), costs="nvme", policy="lru", seed=3)
    p = m.spawn("first")
    heap = p.mmap(12 * PAGE)
    heap.touch(True)
    heap[0:5] = b"hello"
    file = m.open(book, "r+")
    text = p.mmap(file.size, file=file, flags=Map.SHARED)
    text[PAGE : PAGE + 4] = b"mine"
    m.create("own", 100_000, b"own bytes")
    m.queue((np.array(heap.pages), np.arange(12) % 2 == 0), p)
    m.step(5)
    return m


def test_everything_comes_back(book: Path, tmp_path: Path) -> None:
    m = furnished(book)
    m.save(tmp_path / "m.npz")
    back = Machine.load(tmp_path / "m.npz")
    assert (back.digest(), back.queue_left, back.mmu, back.check()) == (m.digest(), 7, (9, 9, 9), [])
    for machine in (m, back):
        machine.run()
        p = machine.process("first")
        p.sbrk(100)
        assert [f.name for f in machine.files] == ["book.txt", "own"]
        assert machine.files[1].pread(9) == b"own bytes"
    assert back.digest() == m.digest()


def test_a_loaded_machine_never_writes_to_the_host(book: Path, tmp_path: Path) -> None:
    before = book.read_bytes()
    m = furnished(book)
    m.save(tmp_path / "m.npz")
    back = Machine.load(tmp_path / "m.npz")
    for file in (back.files[0], back.open(book, "r+")):
        file.pwrite(b"theirs", 3 * PAGE)
        file.fsync()
        assert file.pread(6, 3 * PAGE) == b"theirs"
    back.files[0].truncate(PAGE)
    assert book.read_bytes() == before
    other = tmp_path / "other"
    other.write_bytes(b"was not open")
    for machine in (back, m.branch()):
        file = machine.open(other, "r+")
        file.pwrite(b"theirs")
        file.fsync()
        machine.undo(3)
        machine.redo(3)
        assert (machine.files[-1].pread(20), other.read_bytes()) == (b"theirst open", b"was not open")
        machine.undo()
    back.save(tmp_path / "again.npz")
    third = Machine.load(tmp_path / "again.npz")
    assert (third.digest(), third.files[0].size) == (back.digest(), PAGE)


def test_a_loaded_machine_has_a_past_of_its_own(book: Path, tmp_path: Path) -> None:
    m = furnished(book)
    m.save(tmp_path / "m.npz")
    back = Machine.load(tmp_path / "m.npz", history=50 << 20)
    moment = back.history.now
    assert (back.history.first, back.history.last, back.bookmarks) == (m.history.now, m.history.now, {})
    with pytest.raises(HistoryError, match=f"cannot go back further than moment {moment}"):
        back.undo()
    before = back.digest()
    back.open(book).pread(100, 5 * PAGE)
    after = back.digest()
    back.undo(2)
    assert back.digest() == before
    back.redo(2)
    assert back.digest() == after
    assert Machine.load(tmp_path / "m.npz", history=None).history.on is False


def test_the_file_of_the_host_is_gone(book: Path, tmp_path: Path) -> None:
    m = furnished(book)
    m.save(tmp_path / "m.npz")
    book.unlink()
    with pytest.warns(UserWarning, match=r"'book.txt' now reads zero: .*there is no file"):
        back = Machine.load(tmp_path / "m.npz")
    assert back.digest() == m.digest()
    assert back.files[0].pread(3, 6 * PAGE) == b"\0\0\0"


def test_the_permissions_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "m.npz"
    before = os.umask(0o027)
    try:
        Machine(frames=8).save(path)
        assert path.stat().st_mode & 0o777 == 0o640
        path.chmod(0o600)
        Machine(frames=8).save(str(path))
        assert path.stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(before)


# -- what is no saved machine ----------------------------------------------------------------------------------------


def rewritten(source: Path, target: Path, compressed: bool = False, **members: object) -> Path:
    """A copy of a saved machine with some members replaced: by bytes, or by an array."""
    kind = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", kind) as new:
        for name in old.namelist():
            value = members.get(name.removesuffix(".npy").replace(".", "_"))
            if value is None:
                value = old.read(name)
            elif not isinstance(value, bytes):
                buffer = io.BytesIO()
                np.save(buffer, value)
                value = buffer.getvalue()
            new.writestr(name, value)
    return target


def head_with(path: Path, **changed: object) -> np.ndarray:
    with np.load(path) as z:
        head = json.loads(z["head"].tobytes())
    return np.frombuffer(json.dumps(head | changed).encode(), np.uint8)


def promising(n: int) -> bytes:
    """An array's header that promises n bytes, and none of them."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "|u1", "fortran_order": False, "shape": (n, 4096)})
    return buffer.getvalue()


BAD = {
    "empty": lambda good, bad: bad.write_bytes(b""),
    "text": lambda good, bad: bad.write_text("not a machine\n" * 1000),
    "a zip cut short": lambda good, bad: bad.write_bytes(good.read_bytes()[:-5000]),
    "a zip that begins": lambda good, bad: bad.write_bytes(b"PK\x03\x04" + bytes(100)),
    "another npz": lambda good, bad: np.savez(bad, a=np.arange(5)),
    "an npy": lambda good, bad: np.save(bad.open("wb"), np.arange(5)),
    "pickled": lambda good, bad: np.savez(bad, head=np.array([{"a": 1}], object)),
    "a pickled array in it": lambda good, bad: rewritten(good, bad, state_slots=np.array([{"a": 1}], object)),
    "compressed": lambda good, bad: rewritten(good, bad, compressed=True),
    "a bomb": lambda good, bad: rewritten(
        good, bad, compressed=True, state_content=np.zeros((1 << 16, 4096), np.uint8)
    ),
    "a promise of 2 TiB": lambda good, bad: rewritten(good, bad, state_content=promising(1 << 29)),
    "another shape": lambda good, bad: rewritten(good, bad, state_swap=np.zeros(5, np.uint8)),
    "another type": lambda good, bad: rewritten(good, bad, state_pages=np.zeros(5, np.float64)),
    "other contents": lambda good, bad: rewritten(good, bad, state_content=np.ones((8, 4096), np.uint8)),
    "a head of nothing": lambda good, bad: rewritten(good, bad, head=np.frombuffer(b"[]", np.uint8)),
    "a deep head": lambda good, bad: rewritten(good, bad, head=np.frombuffer(b"[" * 500_000, np.uint8)),
    "a head without devices": lambda good, bad: rewritten(good, bad, head=head_with(good, devices=None)),
    "a FIFO": lambda good, bad: os.mkfifo(bad),
    "a folder": lambda good, bad: bad.mkdir(),
}


@pytest.mark.parametrize("what", BAD)
def test_refused(tmp_path: Path, what: str) -> None:
    good, bad = tmp_path / "good.npz", tmp_path / "bad.npz"
    Machine(frames=8).save(good)
    BAD[what](good, bad)
    begin = time.perf_counter()
    with pytest.raises(ConfigError, match=r"'.*bad.npz' is (not a saved machine, or is damaged|damaged)"):
        Machine.load(bad)
    assert time.perf_counter() - begin < 2


def test_another_version(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.npz", tmp_path / "bad.npz"
    Machine(frames=8).save(good)
    rewritten(good, bad, head=head_with(good, vmlab="9.9"))
    with pytest.raises(ConfigError, match=r"was saved by vmlab 9\.9, this is .*: it cannot be loaded"):
        Machine.load(bad)
    with pytest.raises(FileNotFoundError, match="there is no file"):
        Machine.load(tmp_path / "nowhere.npz")


# -- whole or not at all ---------------------------------------------------------------------------------------------

KILLED = """
import os, sys
from vmlab import Machine
m = Machine(frames=8)
m.save("m.npz")
print("saved", flush=True)
m.spawn("later")
fsync = os.fsync
def killed(fd):
    os.kill(os.getpid(), 9)
os.fsync = killed
m.save("m.npz")
"""


def test_killed_in_the_middle_of_a_save(tmp_path: Path) -> None:
    """limits-18."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED], cwd=tmp_path, capture_output=True, text=True, env=environment()
    )
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "saved\n"), done.stderr
    assert Machine.load(tmp_path / "m.npz").processes == []


READ_ONLY = """
import os
from vmlab import Machine
m = Machine(frames=8)
if os.getuid() == 0:
    os.setegid(65534)
    os.seteuid(65534)
try:
    m.save("m.npz")
except PermissionError as error:
    print(error.errno, error)
"""


def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    """path-22."""
    tmp_path.chmod(0o555)
    before = sorted(os.listdir(tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", READ_ONLY], cwd=tmp_path, capture_output=True, text=True, env=environment()
    )
    assert done.stdout == "13 [Errno 13] cannot write 'm.npz': Permission denied (EACCES)\n", done.stderr
    assert sorted(os.listdir(tmp_path)) == before
    tmp_path.chmod(0o755)


def environment() -> dict[str, str]:
    root = str(Path(__file__).resolve().parents[2])
    return os.environ | {"PYTHONPATH": os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])}


def test_a_branch_of_a_branch(book: Path) -> None:
    """Four machines, one file of the host: each sees its own bytes, undo and redo too; only the first writes the file."""
    m = Machine(frames=8)
    file = m.open(book, "r+")
    a = m.branch()
    a.files[0].pwrite(b"a", 0)
    b = a.branch()
    b.files[0].pwrite(b"b", 1)
    c = m.branch()
    for machine in (a, b, c):
        machine.sync()
        machine.files[0].evict()
    m.files[0].pwrite(b"parent", 0)
    file.pwrite(b"PARENT", 5 * PAGE)
    file.fsync()
    assert book.read_bytes()[:6] == b"parent"
    seen = [machine.files[0].pread(4) for machine in (m, a, b, c)]
    assert seen == [b"pare", b"aAAA", b"abAA", b"AAAA"]
    for machine in (a, b, c):
        digest = machine.digest()
        assert machine.files[0].pread(6, 5 * PAGE) == b"FFFFFF"
        machine.undo()
        machine.undo()
        machine.redo(2)
        assert machine.files[0].pread(6, 5 * PAGE) == b"FFFFFF"
        machine.undo(2)
        assert machine.digest() == digest
        assert machine.check() == []
    m.undo(2)  # the read, the fsync
    assert book.read_bytes()[:6] == b"AAAAAA"
    assert c.files[0].pread(4) == b"AAAA"


def test_undo_in_a_branch_after_its_parent_wrote(book: Path) -> None:
    """What the branch had read, and will read again in its replay, stays what it was."""
    m = Machine(frames=4, swap=64 * PAGE)
    p = m.spawn()
    file = m.open(book, "r+")
    text = p.mmap(file.size, file=file, prot=Prot.READ | Prot.WRITE, flags=Map.SHARED)
    b = m.branch()
    q = b.process(p)
    q.access(text.pages)
    q.store(text.addr + 2 * PAGE, b"branch")
    q.access(text.pages)
    digest = b.digest()
    text.touch(True)
    text[3 * PAGE : 3 * PAGE + 6] = b"parent"
    p.msync(text)
    HostFile.open(book, "r+").write(4 * PAGE, b"another descriptor of the same file")
    b.seek(b.history.first)
    b.seek(b.history.last)
    assert b.digest() == digest
    assert q.load(text.addr + 3 * PAGE, 6) == b"DDDDDD"
    assert q.load(text.addr + 4 * PAGE, 6) == b"EEEEEE"
