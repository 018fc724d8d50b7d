"""Files of the host: what mappings of them see, what the host's file sees, and what goes wrong there."""

import errno
import hashlib
import os
from pathlib import Path

import pytest

from vmlab import BusError, KiB, LimitError, Machine, Map, PathError, Prot
from vmlab.device import Failing

PAGE = 4 * KiB


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "book.txt"
    path.write_bytes(b"".join(bytes([65 + i]) * PAGE for i in range(8)))
    return path


def mapped(book: Path, mode: str = "r+", flags: int = Map.SHARED, **config: object):
    m = Machine(**{"frames": 16, **config})
    p = m.spawn("reader")
    file = m.open(book, mode)
    prot = Prot.READ | Prot.WRITE if mode == "r+" or flags == Map.PRIVATE else Prot.READ
    return m, p, file, p.mmap(file.size, file=file, flags=flags, prot=prot)


def test_the_host_file_changes_on_msync_and_not_before(book: Path) -> None:
    m, p, _, text = mapped(book)
    text[0:4] = b"mine"
    assert book.read_bytes()[:4] == b"AAAA"
    p.msync(text)
    assert book.read_bytes()[:4] == b"mine"
    m.undo()
    assert book.read_bytes()[:4] == b"AAAA"
    m.redo()
    assert book.read_bytes()[:4] == b"mine"


@pytest.mark.parametrize("how", ["close", "fsync", "sync", "evicted"])
def test_the_other_ways_to_the_host_file(book: Path, how: str) -> None:
    m, p, file, text = mapped(book, frames=4)
    text[0:4] = b"mine"
    if how == "evicted":
        p.mmap(6 * PAGE).touch(True)
    elif how == "sync":
        m.sync()
    else:
        getattr(file, how)()
    assert book.read_bytes()[:4] == b"mine"
    assert m.check() == []


def test_private_stores_never_reach_the_file(book: Path) -> None:
    _m, p, file, text = mapped(book, flags=Map.PRIVATE, frames=4)
    text.touch(True)
    text[0:4] = b"mine"
    p.msync(text)
    file.close()
    text.close()
    assert book.read_bytes() == b"".join(bytes([65 + i]) * PAGE for i in range(8))


def test_a_file_that_shrinks_gives_sigbus_and_python_lives(book: Path) -> None:
    m, _p, file, text = mapped(book)
    assert text[5 * PAGE] == ord("F")  # in memory, and still lost
    os.truncate(book, 2 * PAGE + 100)
    for page in (5, 6):
        with pytest.raises(BusError, match=r"'book.txt' has 8292 bytes, the page lies past its end") as caught:
            text[page * PAGE]
        assert caught.value.code == 2
    assert text[2 * PAGE + 99 : 2 * PAGE + 102] == b"C\0\0"
    assert file.size == 2 * PAGE + 100
    assert m.check() == []


def test_a_file_that_grows_gives_its_new_pages(book: Path) -> None:
    m, p, file, _ = mapped(book)
    wide = p.mmap(10 * PAGE, file=file, flags=Map.SHARED)
    with pytest.raises(BusError):
        wide[9 * PAGE]
    with book.open("ab") as f:
        f.write(b"I" * PAGE + b"J" * PAGE)
    assert wide[9 * PAGE] == ord("J")
    assert m.check() == []


@pytest.mark.parametrize("how", ["replaced", "deleted", "changed"])
def test_a_file_changed_by_others_is_told(book: Path, how: str) -> None:
    _, _, file, text = mapped(book)
    assert file.changed() is None
    if how == "replaced":
        (book.parent / "new").write_bytes(b"new" * PAGE)
        (book.parent / "new").rename(book)
    elif how == "deleted":
        book.unlink()
    else:
        with book.open("ab") as f:
            f.write(b"more")
    assert "changed on disk since it was mapped" in (file.changed() or "")
    assert text[0] == ord("A")  # the old file's bytes
    file.refresh()
    assert file.changed() is None


def test_two_names_share_one_page_cache(book: Path) -> None:
    m = Machine(frames=16)
    os.link(book, book.parent / "other")
    a, b = m.open(book), m.open(book.parent / "other")
    assert a.object == b.object
    p = m.spawn()
    one, two = p.mmap(PAGE, file=a, prot=Prot.READ), p.mmap(PAGE, file=b, prot=Prot.READ)
    one[0], two[0]
    assert p.pagemap(one).pfn[0] == p.pagemap(two).pfn[0]


def test_a_device_that_cannot_read_is_sigbus(book: Path) -> None:
    m, _p, file, text = mapped(book)
    m.kernel.devices[file.object] = Failing(m.kernel.devices[file.object], read=1)
    with pytest.raises(BusError, match=r"reading 'book.txt' failed: .*injected failure"):
        text[0]
    assert text[0] == ord("A")
    assert m.check() == []


def test_a_full_disk_is_eio_and_the_pages_stay_dirty(book: Path) -> None:
    m, p, file, text = mapped(book)
    text.touch(True)
    for i in range(8):
        text[i * PAGE] = 97 + i
    m.kernel.devices[file.object] = Failing(m.kernel.devices[file.object], write=4, error=errno.ENOSPC)
    with pytest.raises(OSError, match=r"disk full while writing 'book.txt': 3 of 8 pages written") as caught:
        p.msync(text)
    assert caught.value.errno == errno.EIO
    assert book.read_bytes()[::PAGE] == b"abcDEFGH"
    p.msync(text)
    assert book.read_bytes()[::PAGE] == b"abcdefgh"
    assert m.check() == []


def test_a_sparse_tebibyte_maps_at_once(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    path.touch()
    os.truncate(path, 1 << 40)
    m, p, file, text = mapped(path)
    assert text[(1 << 40) - 1] == text[1 << 39] == 0
    assert p.stat.majflt == 2
    with pytest.raises(LimitError, match="read it in parts"):
        file.pread(file.size)
    assert m.check() == []


REFUSED = {
    "a directory": (lambda d: d, "directory"),
    "a FIFO": (lambda d: (os.mkfifo(d / "p"), d / "p")[1], "FIFO"),
    "a device": (lambda d: "/dev/zero", "device"),
    "/proc/self/mem": (lambda d: "/proc/self/mem", "mem"),
    "an empty name": (lambda d: "", "empty"),
    "a name with NUL": (lambda d: "a\0b", "NUL"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_regular_file_is_refused_and_nothing_changes(tmp_path: Path, what: str) -> None:
    make, word = REFUSED[what]
    path = make(tmp_path)
    m = Machine()
    before = hashlib.sha256(
        b"".join(a.tobytes() for n, a in zip(m.state._fields, m.state, strict=True) if n not in ("machine", "samples"))
    )
    with pytest.raises(PathError, match=word):
        m.open(path)
    after = hashlib.sha256(
        b"".join(a.tobytes() for n, a in zip(m.state._fields, m.state, strict=True) if n not in ("machine", "samples"))
    )
    assert before.digest() == after.digest()
    assert m.files == []


def test_a_read_only_file_is_never_mapped_for_shared_writing(book: Path) -> None:
    m = Machine()
    p = m.spawn()
    file = m.open(book)
    with pytest.raises(PermissionError, match="opened read-only") as caught:
        p.mmap(PAGE, file=file, flags=Map.SHARED)
    assert caught.value.errno == errno.EACCES
    text = p.mmap(PAGE, file=file, flags=Map.SHARED, prot=Prot.READ)
    with pytest.raises(PermissionError):
        p.mprotect(text, prot=Prot.READ | Prot.WRITE)
    for name in ("lab.ipynb", "two names"):
        path = book.parent / name
        path.write_bytes(b"x")
        if name == "two names":
            os.link(path, book.parent / "second")
        with pytest.raises(PathError):
            m.open(path, "r+")
