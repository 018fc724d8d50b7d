"""Files of the host while the machine uses them: what others do to them, what their disks do."""

import errno
import os
from collections.abc import Generator
from pathlib import Path

import pytest

from vmlab import BusError, HistoryError, LimitError, Machine, Map, Prot
from vmlab.device import Failing, hostfile

from . import PAGE, row


@row("path-26", LimitError, r"more than one read gives \(1073741824\): read it in parts, pread\(n, offset\)")
def _(m: Machine, lab: Path) -> Generator:
    Path("huge").touch()
    os.truncate("huge", 1 << 40)
    yield
    file = m.open("huge")
    text = m.process("user").mmap(file.size, file=file, prot=Prot.READ)
    assert text[(1 << 40) - 1] == 0
    file.pread(file.size)


@row("path-27", BusError, r"'x' has 5000 bytes, the page lies past its end \(SIGBUS, BUS_ADRERR\)")
def _(m: Machine, lab: Path) -> Generator:
    text = m.process("user").mmap(8 * PAGE, file=m.open("x"))
    text.touch()
    os.truncate("x", 5000)
    yield
    assert (text[4999], text[5000]) == (66, 0)
    text[2 * PAGE]


@row("path-27 in a run", BusError, "the page lies past its end")
def _(m: Machine, lab: Path) -> Generator:
    text = m.process("user").mmap(8 * PAGE, file=m.open("x"))
    text.touch()
    os.truncate("x", 5000)
    yield
    text.touch()


@row("path-27 undone")
def _(m: Machine, lab: Path) -> Generator:
    text = m.process("user").mmap(8 * PAGE, file=m.open("x"))
    text.touch()
    whole = m.digest()
    os.truncate("x", 5000)
    yield
    with pytest.raises(BusError):
        text[2 * PAGE]
    digest = m.digest()
    m.undo()
    assert m.digest() == whole
    m.redo()
    assert m.digest() == digest


@row("path-28 grows")
def _(m: Machine, lab: Path) -> Generator:
    file = m.open("x")
    text = m.process("user").mmap(10 * PAGE, file=file)
    with open("x", "ab") as f:
        f.write(b"I" * PAGE)
    yield
    assert text[8 * PAGE] == ord("I")
    assert "'x' changed on disk since it was mapped" in file.changed()


@row("path-28 replaced")
def _(m: Machine, lab: Path) -> Generator:
    file = m.open("x")
    text = m.process("user").mmap(8 * PAGE, file=file)
    Path("new").write_bytes(b"new" * 9 * PAGE)
    os.rename("new", "x")
    yield
    assert text[7 * PAGE] == ord("H")
    assert "its name leads to another file" in file.changed()


@row("path-28 deleted")
def _(m: Machine, lab: Path) -> Generator:
    file = m.open("x")
    text = m.process("user").mmap(8 * PAGE, file=file)
    os.unlink("x")
    yield
    assert text[7 * PAGE] == ord("H")
    assert "it was deleted or is out of reach" in file.changed()
    file.refresh()
    assert file.changed() is None


def failing(m: Machine, file: object, **how: object) -> None:
    m.kernel.devices[file.object] = Failing(m.kernel.devices[file.object], **how)


@row("path-29", BusError, r"reading 'x' failed: .*Stale file handle.*\(SIGBUS, BUS_ADRERR\)")
def _(m: Machine, lab: Path) -> Generator:
    file = m.open("x")
    text = m.process("user").mmap(8 * PAGE, file=file)
    failing(m, file, read=1, error=errno.ESTALE)
    yield
    text[0]


@row("path-29 pread", OSError, "reading 'x' failed: .*Input/output error")
def _(m: Machine, lab: Path) -> Generator:
    file = m.open("x")
    failing(m, file, read=2)
    yield
    file.pread(4 * PAGE)


@row("path-30", OSError, "disk full while writing 'x': 3 of 8 pages written, pages 3-7 stay dirty .EIO")
def _(m: Machine, lab: Path) -> Generator:
    file = m.open("x", "r+")
    text = m.process("user").mmap(8 * PAGE, file=file, flags=Map.SHARED)
    for i, page in enumerate(text.pages):
        text.process.store(page, bytes([65 + i]))  # the bytes that are there: dirty, and the folder stays as it was
    failing(m, file, write=4, error=errno.ENOSPC)
    yield
    text.flush()


@row("path-30 evicted")
def _(m: Machine, lab: Path) -> Generator:
    """What cannot be written stays in memory, and other pages go."""
    file = m.open("x", "r+")
    p = m.process("user")
    text = p.mmap(PAGE, file=file, flags=Map.SHARED)
    text[0] = 65
    failing(m, file, write=1, error=errno.EDQUOT)
    yield
    p.mmap(64 * PAGE).touch(True)
    assert p.pagemap(text).present.tolist() == [True]
    assert text[0] == 65


@row("path-31")
def _(m: Machine, lab: Path) -> Generator:
    a, b = m.open("./x", "r+"), m.open(lab / ".." / lab.name / "x")
    p = m.process("user")
    one = p.mmap(PAGE, file=a, flags=Map.SHARED)
    two = p.mmap(PAGE, file=b, flags=Map.SHARED, prot=Prot.READ)
    yield
    one[7] = 65
    assert two[7] == 65
    assert p.pagemap(one).pfn[0] == p.pagemap(two).pfn[0]


@row("path-32")
def _(m: Machine, lab: Path) -> Generator:
    for name in ("CON", "C:\\x", "x.txt:stream"):
        Path(name).write_bytes(b"ok")
    yield
    for name in ("CON", "C:\\x", "x.txt:stream"):
        assert m.open(name).pread(2) == b"ok"


@row("path-33", LimitError, "host files are open, which is the limit: close some of them first")
def _(m: Machine, lab: Path) -> Generator:
    for i in range(300):
        Path(f"f{i}").touch()
    yield
    for i in range(300):
        m.open(f"f{i}")


@row("path-33 closed")
def _(m: Machine, lab: Path) -> Generator:
    """Whoever closes may open again, though the history could reopen them."""
    for _ in range(hostfile.MOST):
        m.open("x").close()
    yield
    for _ in range(100):
        m.open("x").close()
    with pytest.raises(HistoryError, match="steps were dropped to let go of files that were closed"):
        m.seek(0)
