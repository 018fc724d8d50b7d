"""RunningBackend: the running kernel as a Backend. Processes are tracees, files lie in /dev/shm, counts come from /proc.

It translates names and types and holds no rule of the kernel, as VmlabBackend does: what a call answers, and how a load
ends, is what the kernel said.
"""

import os
import platform
import shutil
import struct
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from .backend import Backend, Frame
from .outcome import Result
from .record import Filesystem
from .tracee import BUFFER, BUFFER_SIZE, MEMLOCK, Gone, Tracee
from .vocabulary import ARENA, MAP, PAGE, PROT, RLIMIT

DIRECTORIES = {Filesystem.TMPFS: "/dev/shm", Filesystem.EXT4: "/var/tmp"}
NO_DESCRIPTOR = -1  # what mmap is given where it wants none
NOT_OPEN = 9999
AT_FDCWD = -100
MODES = {"rw": os.O_RDWR, "r": os.O_RDONLY, "w": os.O_WRONLY, "path": 0o10000000}  # the last is O_PATH
PIPE_ENDS = {"pipe_r": 0, "pipe_w": 1}

# An entry of /proc/PID/pagemap, Documentation/admin-guide/mm/pagemap.rst
PRESENT, OF_A_FILE, FRAME_NUMBER = 1 << 63, 1 << 61, (1 << 55) - 1


def why_not(filesystem: Filesystem = Filesystem.TMPFS, directory: str | None = None) -> str:
    """Why the running kernel cannot be asked here on files of this kind, in one sentence; "" if it can."""
    directory = directory or DIRECTORIES[filesystem]
    if sys.platform != "linux":
        return f"it asks a Linux kernel, and this is {platform.system()}."
    if platform.machine() != "x86_64" or sys.maxsize < 1 << 32:
        return f"it drives its child with x86-64 registers, and this is {platform.machine()} Python."
    if not os.access(directory, os.W_OK):
        return f"its files belong in {directory}, which cannot be written here."
    if (kind := _filesystem(directory)) != filesystem:
        return f"its files would lie in {directory}, which is {kind} and not {filesystem}; --directory names another place."
    try:
        Tracee.start().kill()
    except (OSError, Gone, AttributeError) as refusal:
        return f"it traces a child of its own with ptrace(2), which does not work here: {refusal}."
    return ""


class RunningBackend(Backend):
    """The kernel that runs this program, asked on files of one directory. Use it in one thread; close() it."""

    name = "running kernel"

    def __init__(self, directory: str = DIRECTORIES[Filesystem.TMPFS]) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="vmlab-conformance-", dir=directory))
        self.processes: dict[int, Tracee] = {}
        self.files: dict[str, int] = {}  # file -> our own descriptor: that of an outsider
        self.descriptors: dict[tuple[str, str], int] = {}  # (file, mode) -> the one that all processes share
        self.zero_frame = _zero_frame()

    def remarks(self) -> Iterator[str]:
        """What is special here and may make answers differ, a sentence each."""
        locked = int(_row(Path("/proc/self/limits"), "Max locked memory").split()[4].replace("unlimited", "-1"))
        if 0 <= locked < MEMLOCK:
            yield f"RLIMIT_MEMLOCK allows {locked >> 10} KiB here: what locks more fails."
        if self.zero_frame is None:
            yield "Frame numbers are hidden from all but root: who shares a frame is not compared."
        if Path("/proc/sys/vm/overcommit_memory").read_text().strip() == "2":
            yield "vm.overcommit_memory is 2 here: large mappings may fail."

    def reset(self) -> None:
        self._clear()
        self.processes[0] = Tracee.start()

    def close(self) -> None:
        self._clear()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _clear(self) -> None:
        """End every process and drop every file."""
        for tracee in self.processes.values():
            tracee.kill()
        while self.files:  # Ctrl-C may come in between, and then this is done again
            f, descriptor = self.files.popitem()
            os.close(descriptor)
            self._path(f).unlink(missing_ok=True)
        self.processes, self.descriptors = {}, {}

    def _path(self, f: str) -> Path:
        return self.directory / f

    # files, from outside
    def create(self, f: str, data: bytes) -> None:
        self.files[f] = os.open(self._path(f), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        for at in range(0, len(data), PAGE):  # page by page: one long write may make folios of many pages
            os.pwrite(self.files[f], data[at : at + PAGE], at)
        for mode, flags in MODES.items():
            self.descriptors[f, mode] = self._open(str(self._path(f)), flags)

    def unlink(self, f: str) -> None:
        self._path(f).unlink()

    def fread(self, f: str, offset: int, n: int) -> bytes:
        return os.pread(self.files[f], n, offset)

    def fwrite(self, f: str, offset: int, data: bytes) -> None:
        os.pwrite(self.files[f], data, offset)

    def ftruncate(self, f: str, nbytes: int) -> None:
        os.ftruncate(self.files[f], nbytes)

    def fsize(self, f: str) -> int:
        return os.fstat(self.files[f]).st_size

    def evict(self, f: str) -> None:
        os.fsync(self.files[f])
        os.posix_fadvise(self.files[f], 0, 0, os.POSIX_FADV_DONTNEED)

    # descriptors: the processes share their table, so any of them can open for all
    def _open(self, path: str, flags: int) -> int:
        """A new descriptor of the processes."""
        tracee = self._any()
        tracee.write(path.encode() + b"\0")
        return _value(tracee.syscall("openat", AT_FDCWD, BUFFER, flags), path)

    def _pipe(self) -> tuple[int, int]:
        """The ends of a new pipe. It does not block: what cannot go on comes back."""
        tracee = self._any()
        _value(tracee.syscall("pipe2", BUFFER, os.O_NONBLOCK), "a pipe")
        ends: tuple[int, int] = struct.unpack("<2i", tracee.read(8))
        return ends

    def _any(self) -> Tracee:
        return next(iter(self.processes.values()))

    def _descriptor(self, f: str | None, mode: str) -> int:
        if f is None:
            return NO_DESCRIPTOR
        if f == "bad":
            return NOT_OPEN
        if f in PIPE_ENDS:
            return self._pipe()[PIPE_ENDS[f]]
        if (f, mode) not in self.descriptors:
            self.descriptors[f, mode] = self._open(f, MODES[mode])
        return self.descriptors[f, mode]

    # system calls
    def _sys(self, p: int, name: str, *arguments: int) -> Result:
        return self._measure(p, lambda tracee: tracee.syscall(name, *arguments))

    def _measure(self, p: int, step: Callable[[Tracee], Result]) -> Result:
        """The step's result with the faults that process p took in it."""
        tracee = self.processes[p]
        minor, major = tracee.faults()
        result = step(tracee)
        after = tracee.faults()
        result.faults = (after[0] - minor, after[1] - major)
        return result

    def mincore(self, p: int, addr: int, length: int) -> Result:
        result = self._sys(p, "mincore", addr, length, BUFFER)
        npages = -(-length // PAGE)
        if not result.errno and npages <= BUFFER_SIZE:
            result.data = self.processes[p].read(npages)
        return result

    def rlimit(self, p: int, kind: int, limit: int) -> Result:
        tracee = self.processes[p]
        if limit >= 0 and kind == RLIMIT["AS"]:
            limit += int(Path(f"/proc/{tracee.pid}/statm").read_text().split()[0]) * PAGE
        tracee.limit(kind, limit)
        return Result(faults=(0, 0))

    def fork(self, p: int, child: int) -> Result:
        self.processes[child] = self.processes[p].fork()
        return Result()

    def exit(self, p: int) -> None:
        self.processes.pop(p).exit()

    def pipe_into(self, p: int, addr: int, data: bytes) -> Result:
        r, w = self._pipe()
        filling = self._any()
        filling.write(data)
        filling.syscall("write", w, BUFFER, len(data))
        return self._through(p, "read", (r, w), r, addr, len(data))

    def pipe_from(self, p: int, addr: int, n: int) -> Result:
        r, w = self._pipe()
        return self._through(p, "write", (r, w), w, addr, n)

    def _through(self, p: int, name: str, ends: tuple[int, int], *arguments: int) -> Result:
        """A call on a pipe, which is closed after it."""
        result = self._sys(p, name, *arguments)
        for end in ends:
            self._any().syscall("close", end)
        return result

    # the CPU
    def load(self, p: int, addr: int, n: int) -> Result:
        def step(tracee: Tracee) -> Result:
            data = b""
            while True:
                part = min(n - len(data), BUFFER_SIZE)
                result = tracee.copy(addr + len(data), BUFFER, part)
                data += tracee.read(result.done)
                result.data, result.done = data, len(data)
                if result.signal or len(data) == n:
                    return result

        return self._measure(p, step)

    def store(self, p: int, addr: int, data: bytes) -> Result:
        def step(tracee: Tracee) -> Result:
            done = 0
            while True:
                part = data[done : done + BUFFER_SIZE]
                tracee.write(part)
                result = tracee.copy(BUFFER, addr + done, len(part))
                done += result.done
                result.done = done
                if result.signal or done == len(data):
                    return result

        return self._measure(p, step)

    def call(self, p: int, addr: int) -> Result:
        return self._measure(p, lambda tracee: tracee.jump(addr))

    # what can be seen
    def vmas(self, p: int) -> list[tuple[int, int, str]]:
        rows = []
        for line in Path(f"/proc/{self.processes[p].pid}/maps").read_text().splitlines():
            addresses, perms = line.split()[:2]
            start, stop = (int(address, 16) for address in addresses.split("-"))
            rows.append((start, stop, perms))
        return rows

    def vmlck(self, p: int) -> int:
        return int(_row(Path(f"/proc/{self.processes[p].pid}/status"), "VmLck:").split()[1])

    def frames(self, p: int, addr: int, npages: int) -> list[Frame]:
        if self.zero_frame is None:
            raise NotImplementedError("frame numbers, which only root may see")
        entries = _pagemap(self.processes[p].pid, addr, npages)
        return [(entry & FRAME_NUMBER, bool(entry & OF_A_FILE)) if entry & PRESENT else None for entry in entries]


def _row(file: Path, head: str) -> str:
    """The line of a file in /proc that begins so."""
    return next(line for line in file.read_text().splitlines() if line.startswith(head))


def _value(result: Result, what: str) -> int:
    """What a call of our own returned; it must succeed."""
    if result.errno:
        raise OSError(f"the tracee cannot open {what}: {result.errno}")
    return result.value


def _pagemap(pid: int, addr: int, npages: int) -> tuple[int, ...]:
    """The entries of some pages."""
    with open(f"/proc/{pid}/pagemap", "rb", buffering=0) as pagemap:
        return struct.unpack(f"<{npages}Q", os.pread(pagemap.fileno(), 8 * npages, addr // PAGE * 8))


def _zero_frame() -> int | None:
    """The frame of the zero page: the one that a fresh anonymous page is read from. None if numbers are hidden from us."""
    tracee = Tracee.start()
    try:
        flags = MAP["PRIVATE"] | MAP["ANON"] | MAP["FIXED"]
        tracee.syscall("mmap", ARENA, PAGE, PROT["r"], flags, NO_DESCRIPTOR, 0)
        tracee.copy(ARENA, BUFFER, 1)
        (entry,) = _pagemap(tracee.pid, ARENA, 1)
    finally:
        tracee.kill()
    return entry & FRAME_NUMBER or None


def _filesystem(directory: str) -> str:
    """The type of the filesystem that a directory is on, proc_pid_mountinfo(5)."""
    device = os.stat(directory).st_dev
    mounted = f"{os.major(device)}:{os.minor(device)}"
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        if line.split()[2] == mounted:
            return line.rpartition(" - ")[2].split()[0]
    return "of a kind that /proc does not tell"
