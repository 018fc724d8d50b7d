"""What must happen to file names from careless or hostile hands: a sentence, at once, and nothing touched."""

import errno
import hashlib
import os
import re
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from vmlab.device import HostFile, paths
from vmlab.errors import LimitError, PathError, shown

pty = pytest.importorskip("pty", reason="special files are of Linux and macOS")
linux = pytest.mark.skipif(sys.platform != "linux", reason="made-up file systems are Linux's")


def digest(top: Path) -> str:
    """Of every name below a folder, what it is, and the bytes and mtime of regular files."""
    h = hashlib.sha256()
    for folder, folders, files in os.walk(os.fsencode(top)):
        for name in sorted(folders + files):
            path = os.path.join(folder, name)
            at = os.lstat(path)
            h.update(b"%s %o %d\n" % (path, at.st_mode, at.st_mtime_ns))
            if os.path.isfile(path) and not os.path.islink(path):
                h.update(Path(os.fsdecode(path)).read_bytes())
    return h.hexdigest()


def nothing() -> None:
    """The folder as it is."""


def make_loop() -> None:
    os.symlink("b", "a")
    os.symlink("a", "b")


def make_socket() -> None:
    with socket.socket(socket.AF_UNIX) as s:
        s.bind("p")


def make_block_device() -> None:
    try:
        os.mknod("p", 0o60600, os.makedev(7, 99))
    except (OSError, AttributeError):
        pytest.skip("this host lets nobody make a block device")


def make_terminal() -> None:
    """A terminal called p, its other end open until the test process ends."""
    os.symlink(os.ttyname(pty.openpty()[1]), "p")


def make_below(folder: str) -> Callable[[], None]:
    def make() -> None:
        os.makedirs(folder)
        Path(folder, "config").write_text("x")

    return make


class Row(NamedTuple):
    """Opening `name` after `make()` raises `kind`, and the sentence has `words`."""

    id: str
    make: Callable[[], None]
    name: str | bytes
    words: str
    kind: type[Exception] = PathError
    mode: str = "r"


SEALED = "is never written through a mapping; 'r' is fine"
ROWS = [
    Row("path-05", make_loop, "a", "too many levels of symbolic links: 'a'"),
    Row(
        "path-07",
        lambda: os.symlink("gone", "l"),
        "l",
        "'l' is a link to 'gone', which does not exist",
        FileNotFoundError,
    ),
    Row("path-07 missing", nothing, "y", "there is no file 'y'", FileNotFoundError),
    Row("path-07 not a folder", nothing, "x/y", "'x/y' cannot be opened: Not a directory"),
    Row("path-09", nothing, "", "empty file name"),
    Row("path-10", nothing, ".", "'.' is a directory, not a regular file (Linux mmap: ENODEV)"),
    Row("path-10 r+", nothing, ".", "'.' is a directory, not a regular file", mode="r+"),
    Row("path-11", nothing, "a\0b", "file name contains a NUL byte: 'a\\x00b'"),
    Row("path-12", nothing, 300 * "a", "name too long (255 bytes)"),
    Row("path-12 whole", nothing, 3000 * "a/", "name too long"),
    Row("path-13 no bytes", nothing, "\ud800", "no file of this host can be called '\\ud800'"),
    Row("path-14", nothing, "abc\u202egnp.exe", "there is no file 'abc\\u202egnp.exe'", FileNotFoundError),
    Row("path-15", lambda: os.mkfifo("p"), "p", "'p' is a FIFO"),
    Row("path-15 r+", lambda: os.mkfifo("p"), "p", "'p' is a FIFO", mode="r+"),
    Row("path-16", make_socket, "p", "'p' is a socket"),
    Row("path-17 zero", nothing, "/dev/zero", "'/dev/zero' is a character device; only regular files"),
    Row("path-17 random", nothing, "/dev/random", "is a character device"),
    Row("path-17 tty", make_terminal, "p", "is a character device"),
    Row("path-17 disk", make_block_device, "p", "'p' is a block device"),
    Row("path-24 notebook", lambda: os.rename("x", "lab.ipynb"), "lab.ipynb", f"notebook and {SEALED}", mode="r+"),
    Row("path-24 link", lambda: os.symlink("../l.IPYNB", "x.ipynb"), "x.ipynb", "a notebook", mode="r+"),
    Row("path-24 git", make_below(".git"), ".git/config", f"below a .git folder and {SEALED}", mode="r+"),
    Row("path-24 ssh", make_below("a/.ssh/b"), "a/.ssh/b/config", "below a .ssh folder", mode="r+"),
    Row("path-24 vmlab", nothing, paths.__file__, f"a part of vmlab itself and {SEALED}", mode="r+"),
    Row("path-25", lambda: os.link("x", "z"), "x", "'x' has 2 names; writing it could change another file", mode="r+"),
    Row("mode", nothing, "x", "mode 'w': a file is opened 'r' or 'r+'", mode="w"),
]


def descriptors() -> list[str]:
    """What this process has open of the current folder, and of devices; tests that run beside open files too."""
    found = []
    for n in os.listdir("/dev/fd"):
        try:
            name = os.readlink(f"/dev/fd/{n}")
        except OSError:  # gone, or a system whose descriptors are no links
            name = os.getcwd() if sys.platform != "linux" else ""
        if name.startswith((os.getcwd(), "/dev/")) and name != os.devnull:
            found.append(name)
    return sorted(found)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_refused(lab: Path, row: Row) -> None:
    if row.id == "path-24 link":  # the name is harmless, what it leads to is not
        Path("../l.IPYNB").write_text("{}")
    row.make()
    before, opened = digest(lab), descriptors()
    with pytest.raises(row.kind, match=re.escape(row.words)) as caught:
        HostFile.open(row.name, row.mode)
    assert type(caught.value) is row.kind
    assert str(caught.value).isprintable()
    assert (digest(lab), descriptors()) == (before, opened)


def test_a_harmless_name_for_a_notebook(lab: Path) -> None:
    os.rename("x", "lab.IPYNB")
    os.symlink("lab.IPYNB", "data")
    with pytest.raises(PathError, match="is a notebook"):
        HostFile.open("data", "r+")


@pytest.mark.parametrize(
    "row", [r for r in ROWS if r.mode == "r+" and r.id[:7] in ("path-24", "path-25")], ids=lambda r: r.id
)
def test_reading_is_fine(lab: Path, row: Row) -> None:
    """path-24, path-25: what is never written may be read."""
    row.make()
    if not os.path.exists(row.name):
        Path("../l.IPYNB").write_text("{}")
    assert HostFile.open(row.name).read(0, 1)


MADE_UP = ["/proc/self/mem", "/proc/sys/vm/swappiness", "/sys/kernel/mm/transparent_hugepage/enabled"]


@linux
@pytest.mark.parametrize("name", MADE_UP)
def test_made_up_files(lab: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """path-18, path-19: refused by st_dev, also where only one of the two ways to know them is left, or by a link."""
    if not os.path.exists(name):
        pytest.skip(f"this kernel has no {name}")
    os.symlink(name, "l")
    with pytest.raises(PathError, match="'l' is regular by name, but on a file system"):
        HostFile.open("l")
    monkeypatch.setattr(os.path, "ismount", lambda path: False)
    with pytest.raises(PathError, match=r"regular by name, but on a file system \((proc|sysfs)\)"):
        HostFile.open(name)


@linux
def test_file_systems_below_sys(lab: Path) -> None:
    """path-19: what is mounted below /sys has an st_dev of its own."""
    top = os.stat("/sys").st_dev
    for folder, _, files in os.walk("/sys/fs/cgroup"):
        for name in files:
            path = os.path.join(folder, name)
            if os.stat(path).st_dev != top:
                with pytest.raises(PathError, match=r"file system \(cgroup2?\)"):
                    HostFile.open(path)
                return
    pytest.skip("nothing is mounted below /sys here")


@linux
def test_an_ordinary_folder_called_proc(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is mounted on /proc and /sys, they have the st_dev of all other files."""
    real = os.stat
    monkeypatch.setattr(os, "stat", lambda p, *a, **k: real("." if p in ("/proc", "/sys") else p, *a, **k))
    monkeypatch.setattr(os.path, "ismount", lambda path: False)
    assert HostFile.open("x").size() == 12288


@pytest.mark.parametrize(
    ("mode", "readable", "words"),
    [
        ("r", False, r"cannot read 'x' \(mode 0000, owner \w+\): mmap needs read permission even for PROT_WRITE"),
        ("r+", False, r"cannot read 'x' \(mode 0000, owner \w+\): mmap needs read permission"),
        ("r+", True, r"cannot write 'x' \(mode 0000, owner \w+\); 'r' is fine"),
    ],
)
def test_no_permission(lab: Path, monkeypatch: pytest.MonkeyPatch, mode: str, readable: bool, words: str) -> None:
    """path-20. Whoever runs this may be root, who can read all: the host's answers are set."""

    def denied(*_: object, **__: object) -> int:
        raise PermissionError(errno.EACCES, "no")

    os.chmod("x", 0)
    before = os.stat("x")
    monkeypatch.setattr(os, "open", denied)
    monkeypatch.setattr(os, "access", lambda *_: readable)
    with pytest.raises(PermissionError, match=words) as caught:
        HostFile.open("x", mode)
    assert caught.value.errno == errno.EACCES
    assert os.stat("x") == before


def test_a_folder_that_may_not_be_entered(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr(os, "stat", denied)
    with pytest.raises(PermissionError, match="cannot reach 'd/x': a folder on the way may not be entered"):
        HostFile.open("d/x")


@pytest.mark.parametrize(
    ("swap", "words"),
    [
        (lambda: os.mkfifo("x"), "'x' is a FIFO"),
        (lambda: os.mkdir("x"), "'x' is a directory"),
        (lambda: os.symlink("/dev/zero", "x"), "'x' is a character device"),
        (lambda: os.symlink("/proc/self/status", "x"), "'x' is regular by name"),
        (lambda: (make_socket(), os.rename("p", "x")), "'x' cannot be opened"),
        (lambda: os.symlink(__file__, "x"), "'x' is a symbolic link to outside the folder shown"),
    ],
    ids=["fifo", "directory", "device", "proc", "socket", "link to outside"],
)
def test_swapped_before_the_open(lab: Path, monkeypatch: pytest.MonkeyPatch, swap, words: str) -> None:
    """path-06: the opened descriptor decides, whatever the name led to before."""
    real = os.open

    def late(path, flags, *more, **named):
        if str(path).endswith("x"):
            os.unlink("x")
            swap()
        return real(path, flags, *more, **named)

    monkeypatch.setattr(os, "open", late)
    before = len(descriptors())
    with pytest.raises(PathError, match=re.escape(words)):
        paths.open_regular("x", folder=lab)
    assert len(descriptors()) == before


def test_devices_are_not_opened(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """path-17: to open some devices is to use them."""
    monkeypatch.setattr(os, "open", lambda *_: pytest.fail("opened"))
    with pytest.raises(PathError):
        HostFile.open("/dev/zero")


def outside_links(lab: Path) -> None:
    (lab / "out").symlink_to("/etc/passwd")
    (lab / "d").symlink_to("/")
    (lab / "../labrador").mkdir()
    (lab / "../labrador/y").write_text("y")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("../../../../../../../../etc/passwd", r"etc/passwd' leads outside the folder shown \(resolved: /etc/passwd\)"),
        ("/etc/hostname", "'/etc/hostname' is outside the folder shown"),
        ("out", "'out' is a symbolic link to outside the folder shown"),
        ("d/etc/passwd", r"'d/etc/passwd' leads outside the folder shown \(resolved: /etc/passwd\)"),
        ("../labrador/y", "'../labrador/y' leads outside the folder shown"),
        ("../no such file", "leads outside the folder shown"),
    ],
    ids=["path-01", "path-02", "path-03", "path-04", "path-08", "nothing there"],
)
def test_within_refuses(lab: Path, name: str, words: str) -> None:
    outside_links(lab)
    before = digest(lab)
    with pytest.raises(PathError, match=words):
        paths.within(lab, name)
    assert digest(lab) == before


def test_within_asks_the_descriptor(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """path-04: a folder on the way that is swapped after the name was looked at."""
    outside = lab / "../e"
    for folder in (lab / "e", outside):
        folder.mkdir()
        (folder / "f").write_text("f")
    real = os.open

    def late(path, flags, *more, **named):
        if str(path).endswith("f"):
            os.rename("e", "was")
            os.symlink("../e", "e")
        return real(path, flags, *more, **named)

    monkeypatch.setattr(os, "open", late)
    with pytest.raises(PathError, match="'e/f' leads outside the folder shown"):
        paths.within(lab, "e/f")


@pytest.mark.parametrize("proc", [True, False], ids=["/proc tells", "the name is asked"])
def test_within_accepts(lab: Path, monkeypatch: pytest.MonkeyPatch, proc: bool) -> None:
    if not proc:
        real = os.path.realpath
        monkeypatch.setattr(os.path, "realpath", lambda p, **k: "/nowhere" if "/fd/" in str(p) else real(p, **k))
    os.symlink("x", "inner")
    (lab / "sub").mkdir()
    here, before = os.path.realpath("x"), len(descriptors())
    assert {paths.within(lab, n) for n in ("x", "./x", "sub/../x", "inner", here)} == {here}
    assert len(descriptors()) == before
    assert HostFile.open("x", folder=lab).read(0, 2) == b"\0\1"


def test_moved_while_opened(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os.path, "samestat", lambda a, b: False)
    with pytest.raises(PathError, match="'x' was moved or replaced while it was being opened"):
        paths.within(lab, "x")


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        (b"bad\xff.bin", "bad\\xff.bin"),
        ("abc\u202egnp.exe", "abc\\u202egnp.exe"),
        ("two\nlines", "two\\nlines"),
        ("C:\\x", "C:\\x"),
        ("CON", "CON"),
        ("x.txt:stream", "x.txt:stream"),
    ],
    ids=["path-13", "path-14", "path-14 newline", "path-32 C:", "path-32 CON", "path-32 stream"],
)
@pytest.mark.skipif(sys.platform == "win32", reason="such names are Linux's and macOS's")
def test_odd_names_work(lab: Path, name: str | bytes, seen: str) -> None:
    try:
        Path(os.fsdecode(name)).write_text("odd")
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    f = HostFile.open(name)
    assert f.read(0, 9) == b"odd"
    assert f.name == shown(f.name) == seen
    f"{f!r} {f.name}".encode("ascii")
    Path(os.fsdecode(name)).write_text("changed")
    assert seen in (f.changed() or "")
    assert paths.regular_files(lab, 9) == sorted(["x", os.fsdecode(name)])


@pytest.mark.parametrize("name", ["CON", "sub\\nul.txt", "com1", "x.txt:stream", "C:\\a:b", "\\\\.\\PhysicalDrive0"])
def test_windows_names(name: str) -> None:
    """path-32"""
    with pytest.raises(PathError, match=r"names a (device|stream)"):
        paths._judge_windows(name)


@pytest.mark.parametrize("name", ["C:\\x", "console.txt", "com10", "C:x", "sub/x.txt"])
def test_ordinary_windows_names(name: str) -> None:
    paths._judge_windows(name)


def test_limit_of_open_files(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """path-33: refused before the host runs out; closing, or forgetting, makes room."""
    from vmlab.device import hostfile

    monkeypatch.setattr(hostfile, "limit", lambda: len(hostfile._open) + 8 - len(held))
    held: list[HostFile] = []

    def open_many() -> None:
        for _ in range(10_000):
            held.append(HostFile.open("x"))

    with pytest.raises(LimitError, match="host files are open, which is the limit: close some"):
        open_many()
    assert len(held) == 8
    held.pop().close()
    HostFile.open("x").close()
    before = len(descriptors())
    held.clear()
    assert len(descriptors()) == before - 7


def test_host_out_of_descriptors(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.EMFILE, "full")

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(LimitError, match="'x' cannot be opened: this host's limit of open files is reached"):
        HostFile.open("x")


def test_regular_files(lab: Path) -> None:
    outside_links(lab)
    for name in ("c", "b", ".hidden"):
        Path(name).touch()
    os.mkfifo("p")
    os.mkdir("e")
    assert paths.regular_files(lab, 9) == ["b", "c", "x"]
    assert paths.regular_files(lab, 2) == ["b", "c"]
    with pytest.raises(PathError, match="'nowhere' cannot be listed: No such file"):
        paths.regular_files("nowhere", 9)
