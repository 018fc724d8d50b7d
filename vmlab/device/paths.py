"""Which files of the host may be used. Every refusal comes at once and is one sentence.

    name  ->  stat: a device is not even opened  ->  open, waiting for nothing  ->  fstat: the opened file decides

What a name leads to can change between two looks (a race), so all that matters is asked of the descriptor.
"""

import errno
import ntpath
import os
import re
import stat
import sys
from contextlib import suppress
from heapq import nsmallest

from ..errors import LimitError, PathError, shown

Path = str | bytes | os.PathLike[str] | os.PathLike[bytes]

_PACKAGE = os.path.realpath(os.path.join(os.path.dirname(__file__), os.pardir))
_FLAGS = ("O_NONBLOCK", "O_CLOEXEC", "O_NOCTTY", "O_BINARY")  # each where the host has it

# File systems whose files are made up as they are read (proc(5), sysfs(5), and what is mounted below them)
_MADE_UP = re.compile(
    "proc|sysfs|cgroup2?|debugfs|tracefs|securityfs|configfs|bpf|pstore|efivarfs|binfmt_misc|fusectl|selinuxfs|smackfs"
    "|resctrl|nsfs|devpts|rpc_pipefs|nfsd|fuse.lxcfs"
)
_KINDS = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}
_DEVICES = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", *(f"{d}{n}" for d in ("COM", "LPT") for n in "123456789")}


def open_regular(path: Path, writable: bool = False, folder: Path | None = None) -> int:
    """A descriptor of the regular file `path` names; with `folder`, a file within it, and path is relative to it.

    Raises PathError, FileNotFoundError, PermissionError or LimitError with a sentence, and waits for nothing: no
    other end of a FIFO, no terminal.
    """
    name = _text(path)
    full, home = name, None
    if folder is not None:
        home = os.path.realpath(_text(folder))
        full = os.path.join(home, name)
        _confine(home, os.path.realpath(full), full, name)  # before the open, so that no answer tells what is outside
    flags = os.O_RDWR if writable else os.O_RDONLY
    for flag in _FLAGS:
        flags |= getattr(os, flag, 0)
    try:
        _judge(os.stat(full), name)  # opening a device may do something: rewind a tape, arm a watchdog
        fd = os.open(full, flags)
    except OSError as error:
        raise _refusal(error, full, name, writable) from None
    try:
        at = os.fstat(fd)
        _judge(at, name)
        if home is not None:
            _confine(home, _real(fd, full, name), full, name)
        if writable:
            _protect(at, _real(fd, full, name), full, name)
    except BaseException:
        os.close(fd)
        raise
    return fd


def within(folder: Path, name: Path) -> str:
    """The real path of the regular file `name` in or below `folder`. PathError if it leads outside, whatever is there.

    What the path leads to may change later: `open_regular(name, folder=folder)` checks the descriptor it returns.
    """
    fd = open_regular(name, folder=folder)
    try:
        return _real(fd, os.path.join(os.path.realpath(_text(folder)), _text(name)), _text(name))
    finally:
        os.close(fd)


def regular_files(folder: Path, limit: int) -> list[str]:
    """The first `limit` names, sorted, of regular files directly in `folder`; hidden ones and links are left out."""
    text = _text(folder)
    try:
        with os.scandir(text) as entries:
            return nsmallest(
                limit, (e.name for e in entries if not e.name.startswith(".") and e.is_file(follow_symlinks=False))
            )
    except OSError as error:
        raise PathError(f"'{shown(text)}' cannot be listed: {os.strerror(error.errno or 0)}") from None


def _text(path: Path) -> str:
    """A name as text, or PathError if no file can have it."""
    name = os.fsdecode(path)
    if not name:
        raise PathError("empty file name")
    if "\0" in name:
        raise PathError(f"file name contains a NUL byte: '{shown(name)}'")
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        raise PathError(f"no file of this host can be called '{shown(name)}'") from None
    if sys.platform == "win32":
        _judge_windows(name)
    return name


def _judge_windows(name: str) -> None:
    """PathError if Windows takes the name for a device or a stream of a file (learn.microsoft.com, "Naming Files")."""
    drive, rest = ntpath.splitdrive(name)
    if ":" in rest:
        raise PathError(f"'{shown(name)}' names a stream of a file; only whole files can be opened")
    parts = rest.replace("/", "\\").split("\\")
    if drive[:4] in ("\\\\.\\", "//./") or any(p.split(".")[0].rstrip().upper() in _DEVICES for p in parts):
        raise PathError(f"'{shown(name)}' names a device; only regular files can be opened")


def _judge(at: os.stat_result, name: str) -> None:
    """PathError unless this is a regular file whose bytes are kept somewhere."""
    kind = stat.S_IFMT(at.st_mode)
    if kind == stat.S_IFDIR:
        raise PathError(f"'{shown(name)}' is a directory, not a regular file (Linux mmap: ENODEV)")
    if kind != stat.S_IFREG:
        raise PathError(f"'{shown(name)}' is {_KINDS.get(kind, 'something else')}; only regular files can be opened")
    system = _made_up(at.st_dev)
    if system:
        raise PathError(
            f"'{shown(name)}' is regular by name, but on a file system ({system}) whose pages are not those of a disk"
        )


def _made_up(device: int) -> str | None:
    """The kind of file system that st_dev `device` is, if the kernel makes its files up; else None."""
    for root in ("/proc", "/sys"):
        if os.path.ismount(root) and os.stat(root).st_dev == device:
            return root[1:]
    with suppress(OSError), open("/proc/self/mountinfo", "rb") as table:  # macOS has none
        for line in table:  # proc(5): id parent major:minor root point .. - type ..
            left, _, right = line.partition(b" - ")
            kind = os.fsdecode(right.split(b" ")[0])
            major, minor = left.split(b" ")[2].split(b":")
            if _MADE_UP.fullmatch(kind) and os.makedev(int(major), int(minor)) == device:
                return kind
    return None


def _refusal(error: OSError, full: str, name: str, writable: bool) -> Exception:
    """What to raise when the host does not open `full`, which the user called `name`."""
    quoted, number = f"'{shown(name)}'", error.errno or 0
    if number == errno.ENOENT:
        if not os.path.islink(full):
            return FileNotFoundError(number, f"there is no file {quoted}; opening makes none")
        return FileNotFoundError(number, f"{quoted} is a link to '{shown(_target(full))}', which does not exist")
    if number == errno.ELOOP:
        return PathError(f"too many levels of symbolic links: {quoted}")
    if number == errno.ENAMETOOLONG:
        longest = max(len(os.fsencode(part)) for part in name.split(os.sep))
        if longest > 255:
            return PathError(f"name too long (255 bytes): '{shown(name[:20])}...' has a part of {longest}")
        return PathError(f"name too long: '{shown(name[:20])}...' has {len(os.fsencode(full))} bytes in all")
    if number in (errno.EACCES, errno.EPERM):
        return PermissionError(errno.EACCES, _rights(full, quoted, writable))
    if number in (errno.EMFILE, errno.ENFILE):
        return LimitError(f"{quoted} cannot be opened: this host's limit of open files is reached; close some")
    return PathError(f"{quoted} cannot be opened{' to be written' * writable}: {os.strerror(number)}")


def _target(link: str) -> str:
    """What the last of a chain of links says."""
    for _ in range(40):  # as many as Linux follows
        said = os.readlink(link)
        link = os.path.join(os.path.dirname(link), said)
        if not os.path.islink(link):
            break
    return said


def _rights(full: str, quoted: str, writable: bool) -> str:
    try:
        at = os.stat(full)
    except OSError:
        return f"cannot reach {quoted}: a folder on the way may not be entered"
    owner = str(at.st_uid)
    if sys.platform != "win32":
        import pwd

        with suppress(KeyError):  # a user of another host
            owner = pwd.getpwuid(at.st_uid).pw_name
    whose = f"{quoted} (mode {stat.S_IMODE(at.st_mode):04o}, owner {owner})"
    if writable and os.access(full, os.R_OK):
        return f"cannot write {whose}; 'r' is fine"
    return f"cannot read {whose}: mmap needs read permission even for PROT_WRITE"


def _real(fd: int, full: str, name: str) -> str:
    """The path, free of links, of an opened file: as the host tells, or as the name says if it still leads there."""
    at = os.fstat(fd)
    for link in (f"/proc/self/fd/{fd}", full):
        with suppress(OSError):
            path = os.path.realpath(link)
            if os.path.samestat(os.stat(path), at):
                return path
    raise PathError(f"'{shown(name)}' was moved or replaced while it was being opened; try again")


def _contains(folder: str, path: str) -> bool:
    try:
        return os.path.commonpath([folder, path]) == folder
    except ValueError:  # Windows: another drive
        return False


def _confine(home: str, real: str, full: str, name: str) -> None:
    """PathError unless `real` is in or below `home`; both are free of links."""
    if _contains(home, real):
        return
    if os.path.islink(full):
        raise PathError(f"'{shown(name)}' is a symbolic link to outside the folder shown")
    if os.path.isabs(name):
        raise PathError(f"'{shown(name)}' is outside the folder shown")
    raise PathError(f"'{shown(name)}' leads outside the folder shown (resolved: {shown(real)})")


def _protect(at: os.stat_result, real: str, full: str, name: str) -> None:
    """PathError if writing the file could hurt more than an exercise; both what it is called and what it is count."""
    end = "and is never written through a mapping; 'r' is fine"
    parts = [part.lower() for path in (real, os.path.abspath(full)) for part in path.split(os.sep)]
    if any(path.lower().endswith(".ipynb") for path in (real, full)):
        raise PathError(f"'{shown(name)}' is a notebook {end}")
    for folder in (".git", ".ssh"):
        if folder in parts:
            raise PathError(f"'{shown(name)}' is below a {folder} folder {end}")
    if _contains(_PACKAGE, real):
        raise PathError(f"'{shown(name)}' is a part of vmlab itself {end}")
    if at.st_nlink > 1:
        raise PathError(f"'{shown(name)}' has {at.st_nlink} names; writing it could change another file; 'r' is fine")
