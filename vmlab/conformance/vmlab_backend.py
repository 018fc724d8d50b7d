"""VmlabBackend: a vmlab machine as a Backend. It translates names and types and holds no rule of the kernel."""

from collections.abc import Callable
from typing import Any

from ..errors import Signal
from ..file import File
from ..machine import Machine
from ..process import Process
from .backend import Backend, Frame
from .outcome import Result, error_name
from .vocabulary import PAGE, RLIMIT, WORD

FRAMES = 1024  # more than any entry of the record needs
SWAP = 32 << 20
NO_DESCRIPTOR = -1  # what mmap is given where it wants none
NOT_OPEN = 9999
MODES = {"rw": "r+", "r": "r", "w": "w", "path": "path"}
PIPE_ENDS = {"pipe_r": 0, "pipe_w": 1}


class VmlabBackend(Backend):
    """Machines made with `arguments` of Machine, e.g. frames=8, policy="lru", tlb=None: the record must not notice."""

    name = "vmlab"

    def __init__(self, **arguments: Any) -> None:
        self.arguments = {"frames": FRAMES, "swap": SWAP, "history": None, "preset": "linux"} | arguments

    def reset(self) -> None:
        self.machine = Machine(**self.arguments)
        zero = int(self.machine.state.machine["zero_frame"][0])
        self.zero_frame = zero if zero >= 0 else None
        self.processes: dict[int, Process] = {0: self.machine.spawn("0")}
        self.files: dict[tuple[str, str], File] = {}  # (file, mode) -> its one open file description

    def check(self) -> list[str]:
        return list(self.machine.check())

    # files, from outside
    def create(self, f: str, data: bytes) -> None:
        file = self.files[f, "rw"] = self.machine.create(f, len(data))
        file.pwrite(data, 0)

    def unlink(self, f: str) -> None:
        self.files[f, "rw"].unlink()

    def fread(self, f: str, offset: int, n: int) -> bytes:
        return self.files[f, "rw"].pread(n, offset)

    def fwrite(self, f: str, offset: int, data: bytes) -> None:
        self.files[f, "rw"].pwrite(data, offset)

    def ftruncate(self, f: str, nbytes: int) -> None:
        self.files[f, "rw"].truncate(nbytes)

    def fsize(self, f: str) -> int:
        return self.files[f, "rw"].size

    def evict(self, f: str) -> None:
        self.files[f, "rw"].evict()

    def _descriptor(self, f: str | None, mode: str) -> int:
        if f is None:
            return NO_DESCRIPTOR
        if f == "bad":
            return NOT_OPEN
        if (f, "rw") not in self.files:
            return self._special(f).fd
        if (f, mode) not in self.files:
            self.files[f, mode] = self.files[f, "rw"].reopen(MODES[mode])
        return self.files[f, mode].fd

    def _special(self, f: str) -> File:
        if f == "/dev/zero":
            return self.machine.zero()
        if f in PIPE_ENDS:
            return self.machine.pipe()[PIPE_ENDS[f]]
        raise NotImplementedError(f"file {f}")

    # system calls
    def _sys(self, p: int, name: str, *arguments: Any) -> Result:
        """p.sys.<name>(*arguments), its error and its faults."""
        call: Callable[..., Any] | None = getattr(self.processes[p].sys, name, None)
        if call is None:
            raise NotImplementedError(name)
        return self._measure(p, call, *arguments)

    def _measure(self, p: int, call: Callable[..., Any], *arguments: Any) -> Result:
        stat = self.processes[p].stat
        minor, major = stat.minflt, stat.majflt
        value: Any = 0
        result = Result()
        try:
            value = call(*arguments)
        except OSError as error:
            result.errno = error_name(error.errno)
        except Signal as signal:
            result.signal, result.code, result.done, result.data = signal.name, signal.code, signal.done, signal.data
        if isinstance(value, bytes):
            result.data = value
        else:
            result.value = int(value or 0)
        stat = self.processes[p].stat
        result.faults = (stat.minflt - minor, stat.majflt - major)
        return result

    def mincore(self, p: int, addr: int, length: int) -> Result:
        return self._sys(p, "mincore", addr, length, None)

    def rlimit(self, p: int, resource: int, limit: int) -> Result:
        if limit < 0:
            limit = WORD  # RLIM_INFINITY
        elif resource == RLIMIT["AS"]:
            limit += sum(stop - start for start, stop, _ in self.vmas(p))
        return self._sys(p, "setrlimit", resource, limit)

    def fork(self, p: int, child: int) -> Result:
        result = self._sys(p, "fork")
        if not result.errno:
            self.processes[child] = self.machine.process(result.value)
        return result

    def exit(self, p: int) -> None:
        self.processes.pop(p).sys.exit(0)

    def pipe_into(self, p: int, addr: int, data: bytes) -> Result:
        r, w = self.machine.pipe()
        w.write(data)
        return self._sys(p, "read", r.fd, addr, len(data))

    def pipe_from(self, p: int, addr: int, n: int) -> Result:
        _, w = self.machine.pipe()
        return self._sys(p, "write", w.fd, addr, n)

    # the CPU
    def load(self, p: int, addr: int, n: int) -> Result:
        result = self._measure(p, self.processes[p].load, addr, n)
        result.done = len(result.data)
        return result

    def store(self, p: int, addr: int, data: bytes) -> Result:
        return self._measure(p, self.processes[p].store, addr, data)

    def call(self, p: int, addr: int) -> Result:
        result = self._measure(p, self.processes[p].call, addr)
        if not result.signal:
            raise NotImplementedError("call")  # the machine fetches the instruction and has no x86-64 to run it
        return result

    # what can be seen
    def vmas(self, p: int) -> list[tuple[int, int, str]]:
        return [(row.start, row.stop, row.perms) for row in self.processes[p].vmas()]

    def vmlck(self, p: int) -> int:
        locked = dict(self.processes[p].status().rows).get("VmLck")
        if locked is None:
            raise NotImplementedError("VmLck")
        return int(locked)

    def frames(self, p: int, addr: int, npages: int) -> list[Frame]:
        map_ = self.processes[p].pagemap(addr, npages * PAGE)
        rows = zip(map_.present, map_.pfn, map_.shared, strict=True)
        return [(int(frame), bool(shared)) if present else None for present, frame, shared in rows]
