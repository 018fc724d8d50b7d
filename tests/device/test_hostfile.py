"""Real files: what is read and written, and what somebody else did to them."""

import errno
import os
from pathlib import Path

import pytest

from vmlab.device import Device, HostFile, Overlay, hostfile


def test_read(lab: Path) -> None:
    f = HostFile.open("x")
    assert (f.name, f.writable, f.size()) == ("x", False, 12288)
    assert f.read(4096, 4) == bytes(range(4))
    assert f.read(12286, 100) == b"\xfe\xff"
    assert f.read(12288, 1) == f.read(1 << 60, 1) == b""
    assert len(f.read(0, 1 << 62)) == 12288  # and takes no more memory than that
    assert repr(f) == "HostFile('x', 'r')"
    descriptor = f._fd
    f.close()
    f.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
    assert repr(f) == "HostFile('x', 'r', closed)"
    with pytest.raises(OSError, match="Bad file descriptor"):
        f.read(0, 1)


def test_read_in_parts(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.pread
    monkeypatch.setattr(os, "pread", lambda fd, n, offset: real(fd, min(n, 1000), offset))
    assert HostFile.open("x").read(1, 5000) == Path("x").read_bytes()[1:5001]


def test_write(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    f = HostFile.open("x", "r+")
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, offset: real(fd, data[:3], offset))
    f.write(10, b"abcdefgh")
    f.write(12280, bytes(4096))  # only what lies within
    f.write(0, b"")
    f.sync()
    was = bytes(range(256)) * 48
    assert Path("x").read_bytes() == was[:10] + b"abcdefgh" + was[18:12280] + bytes(8)
    with pytest.raises(OSError, match="cannot write 'x' at byte 12288: the file ends at byte 12288") as caught:
        f.write(12288, b"a")
    assert caught.value.errno == errno.EIO
    f.resize(20_000)
    assert f.read(12280, 20_000) == bytes(20_000 - 12280)
    f.resize(5)
    assert Path("x").read_bytes() == was[:5]
    assert f.changed() is None


def test_read_only_is_never_written(lab: Path) -> None:
    f = HostFile.open("x")
    with pytest.raises(OSError, match="Bad file descriptor"):
        f.write(0, b"a")
    with pytest.raises(OSError, match="Invalid argument"):
        f.resize(0)
    f.sync()
    assert Path("x").read_bytes() == bytes(range(256)) * 48


def test_shrinks(lab: Path) -> None:
    """path-27: less is read, and Python lives."""
    f = HostFile.open("x")
    os.truncate("x", 5000)
    assert (len(f.read(4096, 4096)), f.read(8192, 4096), f.size()) == (904, b"", 5000)


@pytest.mark.parametrize("error", [errno.EIO, errno.ESTALE])
def test_host_fails(lab: Path, monkeypatch: pytest.MonkeyPatch, error: int) -> None:
    """path-29: the host's own OSError."""

    def fail(*_: object) -> bytes:
        raise OSError(error, os.strerror(error))

    f = HostFile.open("x")
    monkeypatch.setattr(os, "pread", fail)
    with pytest.raises(OSError, match=os.strerror(error)) as caught:
        f.read(0, 1)
    assert caught.value.errno == error


def test_disk_full(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """path-30: what went before the error is our own change."""
    real, calls = os.pwrite, []

    def full(fd: int, data: bytes, offset: int) -> int:
        calls.append(offset)
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, "full")
        return real(fd, data[:2], offset)

    f = HostFile.open("x", "r+")
    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match="full"):
        f.write(100, b"abcd")
    assert Path("x").read_bytes()[99:105] == b"\x63abfgh"
    assert f.changed() is None


def later(path: str) -> None:
    """Put a file's mtime a second on: the host's clock may be coarse."""
    at = os.stat(path)
    os.utime(path, ns=(at.st_atime_ns, at.st_mtime_ns + 10**9))


def grow() -> None:
    with open("x", "ab") as f:
        f.write(b"more")


def replace() -> None:
    Path("y").write_bytes(Path("x").read_bytes())
    os.replace("y", "x")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (grow, "'x' changed on disk since it was mapped (size 12292, was 12288); f.refresh() to reread"),
        (lambda: os.truncate("x", 5), "'x' changed on disk since it was mapped (size 5, was 12288)"),
        (lambda: later("x"), "'x' changed on disk since it was mapped (mtime differs); f.refresh() to reread"),
        (lambda: os.unlink("x"), "'x' changed on disk since it was mapped (it was deleted or is out of reach)"),
        (replace, "'x' changed on disk since it was mapped (its name leads to another file)"),
    ],
    ids=["grown", "shrunk", "touched", "deleted", "replaced"],
)
def test_changed(lab: Path, change, words: str) -> None:
    """path-28"""
    f = HostFile.open("x")
    assert f.changed() is None
    change()
    os.chdir("/")  # the name is still that of the folder it was opened in
    assert (f.changed() or "").startswith(words)
    if f.size() == 12288:
        assert f.read(0, 4) == bytes(range(4))
    f.refresh()
    assert f.changed() is None


def test_own_write_hides_no_change(lab: Path) -> None:
    f = HostFile.open("x", "r+")
    f.write(0, b"mine")
    assert f.changed() is None
    grow()
    f.write(0, b"mine again")
    assert "size 12292" in (f.changed() or "")


def test_one_key_for_all_names(lab: Path) -> None:
    """path-31"""
    os.link("x", "hard")
    os.symlink("x", "soft")
    keys = {HostFile.open(name).key for name in ("x", "./x", "hard", "soft", lab / "x", b"x")}
    assert len(keys) == 1
    assert Overlay(HostFile.open("x")).key in keys


def test_sparse(lab: Path) -> None:
    """path-26: a page of 1 TiB is read as fast as any."""
    try:
        os.truncate("x", 1 << 40)
    except OSError:
        pytest.skip("this file system has no files of 1 TiB")
    f = HostFile.open("x", "r+")
    f.write((1 << 40) - 3, b"end and more")
    assert (f.read((1 << 40) - 4096, 8192)[-4:], f.read(1 << 30, 4096)) == (b"\0end", bytes(4096))


def test_limit() -> None:
    assert 0 < hostfile.limit() <= hostfile.MOST


def test_saves_nothing(lab: Path) -> None:
    f: Device = HostFile.open("x")
    f.restore(f.save())
    assert f.save() is None
