"""Paths and files of the host."""

import errno
import os
import socket
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from vmlab import Machine, Map, PathError

from . import PAGE, row


def refused_path(name: str, path: object, words: str, make: Callable[[Path], object] = lambda lab: None) -> None:
    """A row in which a path is opened, and refused."""

    def act(m: Machine, lab: Path) -> Generator:
        make(lab)
        yield
        m.open(path)

    row(name, PathError, words)(act)


def bind(lab: Path) -> None:
    with socket.socket(socket.AF_UNIX) as s:
        s.bind("p")


refused_path(
    "path-05", "a", "too many levels of symbolic links: 'a'", lambda d: (os.symlink("b", "a"), os.symlink("a", "b"))
)
refused_path("path-09", "", "empty file name")
refused_path("path-10", ".", r"'\.' is a directory, not a regular file \(Linux mmap: ENODEV\)")
refused_path("path-11", "a\0b", "file name contains a NUL byte")
refused_path("path-12", "n" * 300, r"name too long \(255 bytes\)")
refused_path("path-15", "p", "'p' is a FIFO", lambda d: os.mkfifo("p"))
refused_path("path-16", "p", "'p' is a socket", bind)
refused_path("path-17 zero", "/dev/zero", "character device; only regular files")
refused_path("path-17 full", "/dev/full", "character device; only regular files")
refused_path("path-17 tty", "/dev/tty", "character device; only regular files")
refused_path("path-18", "/proc/self/mem", "file system .* whose pages are not those of a disk")


@row("path-07", FileNotFoundError, "'gone' is a link to 'nowhere', which does not exist")
def _(m: Machine, lab: Path) -> Generator:
    os.symlink("nowhere", "gone")
    yield
    m.open("gone")


@row("path-13")
def _(m: Machine, lab: Path) -> Generator:
    Path(os.fsdecode(b"bad\xff.bin")).write_bytes(b"ok")
    yield
    file = m.open(b"bad\xff.bin")
    assert (file.name, file.pread(2)) == ("bad\\xff.bin", b"ok")
    assert repr(file) == "File('bad\\\\xff.bin', 2 bytes, 'r')"


@row("path-14")
def _(m: Machine, lab: Path) -> Generator:
    Path("abc\u202egnp.exe\n").write_bytes(b"ok")
    yield
    file = m.open("abc\u202egnp.exe\n")
    assert file.name == "abc\\u202egnp.exe\\n"
    assert "\u202e" not in str(m.process("user").maps())


@row(
    "path-20",
    PermissionError,
    r"cannot read 'x' \(mode 0000, owner .*\): mmap needs read permission even for PROT_WRITE",
)
def _(m: Machine, lab: Path) -> Generator:
    os.chmod("x", 0)
    yield
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", denied)  # the superuser may read everything
        m.open("x")


def denied(path: str, *_: object, **__: object) -> int:
    raise PermissionError(errno.EACCES, "Permission denied", path)


@row("path-21", PermissionError, "'x' was opened read-only, a shared mapping cannot write it")
def _(m: Machine, lab: Path) -> Generator:
    yield
    m.process("user").mmap(PAGE, file=m.open("x"), flags=Map.SHARED)


@row("path-21 pwrite", OSError, "'x' is not open for writing")
def _(m: Machine, lab: Path) -> Generator:
    yield
    m.open("x").pwrite(b"!")


@row("path-21 truncate", OSError, "'x' is not open for writing")
def _(m: Machine, lab: Path) -> Generator:
    yield
    m.open("x").truncate(0)


@row("path-21 unlink", OSError, "'x' is a file of the host, which a simulated unlink does not delete")
def _(m: Machine, lab: Path) -> Generator:
    yield
    m.open("x").unlink()


@row("path-22", FileNotFoundError, "cannot write 'nowhere/out.npz': No such file or directory")
def _(m: Machine, lab: Path) -> Generator:
    yield
    m.save("nowhere/out.npz")


@row("path-22 a folder", IsADirectoryError, "cannot write '.*out'")
def _(m: Machine, lab: Path) -> Generator:
    Path("out").mkdir()
    yield
    m.save("out")


@row("path-23")
def _(m: Machine, lab: Path) -> Generator:
    p = m.process("user")
    text = p.mmap(2 * PAGE, file=m.open("x", "r+"), flags=Map.SHARED)
    before = Path("x").read_bytes()
    yield
    text[0:4] = b"mine"
    b = m.branch()
    b.process(p).msync(text.addr, text.length)
    b.sync()
    assert Path("x").read_bytes() == before
    p.msync(text)
    assert Path("x").read_bytes()[:6] == b"mineAA"
    m.undo()
    assert Path("x").read_bytes() == before


@row("path-24", PathError, "'lab.ipynb' is a notebook and is never written through a mapping; 'r' is fine")
def _(m: Machine, lab: Path) -> Generator:
    Path("lab.ipynb").write_text("{}")
    yield
    assert m.open("lab.ipynb").pread(2) == b"{}"
    m.open("lab.ipynb", "r+")


@row("path-25", PathError, "'x' has 2 names; writing it could change another file; 'r' is fine")
def _(m: Machine, lab: Path) -> Generator:
    os.link("x", "y")
    yield
    m.open("x", "r+")
