"""A process as users hold it: its system calls, its memory, what /proc says of it."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from . import proc
from .arguments import address, as_python, memory_limit, name_text, rest, span
from .core import translation
from .core.state import NONE, PROC, name_of
from .counts import Run
from .errors import fail, number, shown, whole
from .file import File
from .kernel import limits, oom
from .kernel.madvise import Advice
from .kernel.mlock import MLOCK_ONFAULT, Lock
from .kernel.mmap import Map, Prot
from .kernel.mremap import Remap
from .kernel.msync import Sync
from .kernel.references import Access, Drawn, Given, given
from .mapping import ACCESS_DEFAULT, Mapping
from .proc import Area, Text
from .raw import Sys

if TYPE_CHECKING:
    from .machine import Machine

ALIVE, PID = PROC.names.index("alive"), PROC.names.index("pid")  # type: ignore[union-attr]


class Stat(NamedTuple):
    """Counters of a process, named as in proc(5)."""

    minflt: int
    majflt: int
    rss: int  # pages that its PTEs map
    nswap: int  # its pages in swap
    ntables: int  # page tables


class Pagemap(NamedTuple):
    """One row a page, as /proc/pid/pagemap: int64 and bool arrays. pfn is -1 where the page is not present, slot (its place
    in swap) where it is not swapped."""

    pfn: Any
    present: Any
    swapped: Any
    exclusive: Any
    shared: Any
    slot: Any


class Process:
    """A handle on a process: two handles on one are equal. A call on a process that has ended is ProcessLookupError."""

    def __init__(self, machine: "Machine", row: int) -> None:
        self.machine = machine
        self._row = row
        self.pid = int(machine.state.procs["pid"][row])
        self.name = shown(name_of(machine.state, int(machine.state.procs["name"][row])))

    def __repr__(self) -> str:
        return f"Process({self.pid}, {self.name!r}{'' if self.alive else ', ended'})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Process) and (self.machine, self.pid) == (other.machine, other.pid)

    def __hash__(self) -> int:
        return hash((id(self.machine), self.pid))

    @property
    def sys(self) -> Sys:
        """Its raw system calls. Not kept: in a ring with it they would hold a dropped machine until Python looks for rings."""
        return Sys(self)

    @property
    def alive(self) -> bool:
        """Is it running?"""
        words = self.machine.kernel.processes[self._row]
        return bool(words[ALIVE] and words[PID] == self.pid)

    @property
    def row(self) -> int:
        """Its row in state.procs. ProcessLookupError if it has ended."""
        if not self.alive:
            procs = self.machine.state.procs
            when = f" at step {int(procs['gone'][self._row])}" if int(procs["pid"][self._row]) == self.pid else ""
            alive = ", ".join(str(p.pid) for p in self.machine.processes) or "none"
            raise ProcessLookupError(f"process {self.pid} ({self.name}) has ended{when} (running: {alive})")
        return self._row

    @property
    def letter(self) -> str:
        """Its letter on the screen: A for the first process of the machine, after Z the pid."""
        return chr(ord("A") + self.pid - 1) if self.pid <= 26 else str(self.pid)

    # -- system calls ----------------------------------------------------------------------------------------------------

    def mmap(
        self,
        length: int | None = None,
        *,
        addr: "int | Mapping" = 0,
        prot: int | None = None,
        flags: int | None = None,
        file: File | None = None,
        offset: int = 0,
        name: str | None = None,
        access: int = ACCESS_DEFAULT,
    ) -> Mapping:
        """Map `length` bytes of a file from `offset` on, or anonymous memory; mmap(2).

        length None is the rest of the file. prot None is READ | WRITE, flags None PRIVATE; ANONYMOUS is added where there is no
        file. addr is a hint unless flags has FIXED. access, instead of prot and flags: ACCESS_READ, _WRITE or _COPY of Python's
        mmap, and the mapping refuses what mmap.mmap refuses. Raises OSError with Linux's errno: EINVAL, ENOMEM, EACCES, EBADF,
        EEXIST, EOVERFLOW, EOPNOTSUPP, EPERM.

        >>> import mmap
        >>> from vmlab import Machine
        >>> m = Machine()
        >>> text = m.spawn("p").mmap(file=m.create("f", 5, b"hello"), access=mmap.ACCESS_READ)
        >>> text[:]
        b'hello'
        """
        prot, flags = as_python(access, prot, flags)
        offset = number("offset", offset)
        length = rest(file, offset) if length is None else number("length", length)
        if file is None:
            flags |= Map.ANONYMOUS
        start = self.machine.change(
            "mmap", self.row, addr=address(addr), length=length, prot=prot, flags=flags,
            fd=NONE if file is None else file.fd, offset=offset, name=name_text(name or ""),
        )  # fmt: skip
        return Mapping(self, start, length, access)

    def munmap(self, addr: "int | Mapping", length: int | None = None) -> None:
        """Take the mappings of a range away; munmap(2)."""
        self.machine.change("munmap", self.row, **span(addr, length))

    def mprotect(self, addr: "int | Mapping", length: int | None = None, prot: int = Prot.READ) -> None:
        """Change what a range may be used for; mprotect(2)."""
        self.machine.change("mprotect", self.row, **span(addr, length), prot=number("prot", prot))

    def msync(self, addr: "int | Mapping", length: int | None = None, flags: int = Sync.SYNC) -> None:
        """Write a range's changes to its file; msync(2)."""
        self.machine.change("msync", self.row, **span(addr, length), flags=number("flags", flags))

    def mlock(self, addr: "int | Mapping", length: int | None = None, onfault: bool = False) -> None:
        """Bring a range into memory and hold it there; mlock(2). onfault: hold each page only once it is touched; mlock2(2).

        Locks do not stack, and a child of fork has none. ENOMEM, EPERM: RLIMIT_MEMLOCK; ENOMEM also at a hole and for PROT_NONE,
        but what is locked before that stays locked.

        >>> from vmlab import Machine, KiB
        >>> p = Machine(ram=64 * KiB).spawn("editor")
        >>> heap = p.mmap(8 * KiB)
        >>> p.mlock(heap)
        >>> p.status().rows["VmLck"], p.stat.rss
        (8, 2)
        """
        if onfault:
            self.machine.change("mlock2", self.row, **span(addr, length), flags=MLOCK_ONFAULT)
        else:
            self.machine.change("mlock", self.row, **span(addr, length))

    def munlock(self, addr: "int | Mapping", length: int | None = None) -> None:
        """Let a range go again: its pages may be evicted; munlock(2)."""
        self.machine.change("munlock", self.row, **span(addr, length))

    def mlockall(self, flags: int = Lock.CURRENT) -> None:
        """Lock all that is mapped (Lock.CURRENT), all that will be (Lock.FUTURE), or both; with Lock.ONFAULT as mlock's onfault.

        >>> from vmlab import Lock, Machine, KiB
        >>> p = Machine(ram=64 * KiB).spawn("editor")
        >>> p.mlockall(Lock.FUTURE)
        >>> heap = p.mmap(8 * KiB)
        >>> p.stat.rss
        2
        """
        self.machine.change("mlockall", self.row, flags=number("flags", flags))

    def munlockall(self) -> None:
        """Unlock everything, what will be mapped too; munlockall(2)."""
        self.machine.change("munlockall", self.row)

    def rlimit(self, resource: int, limit: int | None = None, hard: int | None = None) -> int:
        """The soft limit of a resource in bytes, as it was before it is set to `limit` (None: it stays); prlimit(2).

        RLIM_INFINITY is no limit. A process begins without limits, but for a stack of 8 MiB. It may raise a soft limit again, up
        to the hard one; that can only be lowered (EPERM). EINVAL for an unknown resource, and for a soft limit above the hard.

        >>> from vmlab import RLIM_INFINITY, Limit, Machine, KiB
        >>> p = Machine(ram=64 * KiB).spawn("editor")
        >>> p.rlimit(Limit.AS, 16 * KiB) == RLIM_INFINITY
        True
        >>> p.rlimit(Limit.AS)
        16384
        """
        resource = number("resource", resource)
        before = limits.getrlimit(self.machine.kernel, self.row, resource)
        if limit is not None or hard is not None:
            top = None if hard is None else number("hard", hard)
            soft = before if limit is None else number("limit", limit)
            self.machine.change("setrlimit", self.row, resource=resource, limit=soft, hard=top)
        return before

    def hard_rlimit(self, resource: int) -> int:
        """The hard limit of a resource in bytes: up to this rlimit may set the soft one."""
        return limits.hard_limit(self.machine.kernel, self.row, number("resource", resource))

    def madvise(self, addr: "int | Mapping", length: int | None = None, advice: int = Advice.NORMAL) -> None:
        """Say what will become of a range, or what should; madvise(2).

        >>> from vmlab import Advice, Machine
        >>> p = Machine(frames=8).spawn("p")
        >>> heap = p.mmap(4096)
        >>> heap[0] = 65
        >>> p.madvise(heap, advice=Advice.DONTNEED)
        >>> heap[0]
        0
        """
        self.machine.change("madvise", self.row, **span(addr, length), advice=number("advice", advice))

    def mincore(self, addr: "int | Mapping", length: int | None = None) -> Any:
        """Which pages of a range are in memory: a bool array, an entry a page; mincore(2).

        >>> from vmlab import Machine
        >>> p = Machine(frames=8).spawn("p")
        >>> heap = p.mmap(3 * 4096)
        >>> heap[4096] = 65
        >>> p.mincore(heap).tolist()
        [False, True, False]
        """
        answers = self.machine.change("mincore", self.row, **span(addr, length), vec=None)
        return np.frombuffer(answers, np.uint8).astype(bool)

    def mremap(
        self,
        addr: "int | Mapping",
        new_length: int,
        old_length: int | None = None,
        *,
        to: "int | Mapping | None" = None,
        flags: int = Remap.MAYMOVE,
    ) -> Mapping:
        """Make a range longer or shorter, or move it, over what is at `to` if that is given; mremap(2). No page is copied.

        >>> from vmlab import Machine
        >>> p = Machine().spawn()
        >>> area = p.mmap(8192)
        >>> area[0] = 7
        >>> p.mremap(area, 16384, to=0x7000_0000)[0]
        7

        Raises OSError: EINVAL, EFAULT where the old range is not one mapping, ENOMEM where it must stay and cannot grow.
        """
        where = span(addr, old_length)
        new_length, flags = number("new_length", new_length), number("flags", flags)
        if to is not None:
            flags |= Remap.FIXED
        start = self.machine.change(
            "mremap", self.row, addr=where["addr"], old_length=where["length"], new_length=new_length, flags=flags,
            new_addr=0 if to is None else address(to),
        )  # fmt: skip
        return Mapping(self, start, new_length)

    def fork(self, name: str | None = None) -> "Process":
        """A copy of this process: the same memory, shared copy-on-write; fork(2). EAGAIN at the limit of processes."""
        return Process(
            self.machine, self.machine.change("fork", self.row, name=self.name if name is None else name_text(name))
        )

    def exit(self, status: int = 0) -> None:
        """End the process: all it had goes back."""
        self.machine.change("exit", self.row, status=number("status", status))

    def suspend(self) -> None:
        """Stop this process, as SIGSTOP does: its references in the queue wait, and every call it makes is refused (Suspended).

        >>> from vmlab import Machine, Suspended
        >>> p = Machine(frames=8).spawn("p")
        >>> heap = p.mmap(4096)
        >>> p.suspend()
        >>> p.load(heap)
        Traceback (most recent call last):
        vmlab.errors.Suspended: process 1 (p) is suspended and cannot load: resume it first (SIGCONT)
        >>> p.resume()
        >>> p.load(heap)
        b'\\x00'
        """
        self.machine.change("suspend", self.row)

    def resume(self) -> None:
        """Let this process go on, as SIGCONT does."""
        self.machine.change("resume", self.row)

    @property
    def suspended(self) -> bool:
        """Is it stopped?"""
        return bool(self.machine.state.procs["stopped"][self.row])

    def brk(self, addr: "int | Mapping") -> None:
        """Set the end of the heap. ENOMEM if it cannot be there; brk(2)."""
        wanted = address(addr)
        if self.machine.change("brk", self.row, addr=wanted) != wanted:
            raise fail("ENOMEM", f"process {self.pid} ({self.name}) brk: the heap cannot end at {wanted:#x}")

    def sbrk(self, n: int) -> int:
        """Move the end of the heap by n bytes; the address at which it was."""
        before = int(self.machine.state.procs["brk"][self.row])
        if n:
            self.brk(before + n)
        return before

    # -- memory ----------------------------------------------------------------------------------------------------------

    def load(self, addr: "int | Mapping", n: int = 1) -> bytes:
        """n bytes from addr on. SegmentationFault or BusError, with .addr, .code, .done and the .data read before."""
        n = number("n", n)
        memory_limit(n)
        return bytes(self.machine.change("load", self.row, addr=address(addr), n=n))

    def store(self, addr: "int | Mapping", data: bytes) -> None:
        """Store bytes from addr on, upwards. SegmentationFault or BusError; the bytes before it are stored."""
        data = bytes(data)
        memory_limit(len(data))
        self.machine.change("store", self.row, addr=address(addr), data=data)

    def load_int(self, addr: "int | Mapping", size: int = 8) -> int:
        """A little-endian unsigned integer of `size` bytes."""
        return int.from_bytes(self.load(addr, size), "little")

    def store_int(self, addr: "int | Mapping", value: int, size: int = 8) -> None:
        """Store a little-endian integer of `size` bytes."""
        self.store(addr, value.to_bytes(size, "little", signed=value < 0))

    def call(self, addr: "int | Mapping") -> None:
        """Fetch an instruction at addr, as a jump there would. SegmentationFault where it may not be executed."""
        self.machine.change("fetch", self.row, addr=address(addr))

    def read(self, file: File, addr: "int | Mapping", n: int, offset: int = 0) -> int:
        """Read n bytes of a file into memory, as pread(2): the number read. A bad address is EFAULT, not a signal."""
        where = {"addr": address(addr), "n": number("n", n), "offset": whole("offset", offset)}
        return int(self.machine.change("read", self.row, fd=file.fd, **where))

    def write(self, file: File, addr: "int | Mapping", n: int, offset: int = 0) -> int:
        """Write n bytes of memory to a file, as pwrite(2): the number written. A bad address is EFAULT, not a signal."""
        where = {"addr": address(addr), "n": number("n", n), "offset": whole("offset", offset)}
        return int(self.machine.change("write", self.row, fd=file.fd, **where))

    def access(self, addresses: Any, writes: Any = False, limit: int | None = None) -> Run:
        """Make references at full speed: loads of addresses[i], stores where writes[i]. Contents stay as they are.

        addresses: ints or an integer array, shape (n,), bytes; or a Trace, which brings its writes; or an iterator of ints, which
        may be endless: it is drawn from as the run goes. writes: bool, or a bool array of the same shape. limit: at most so
        many. Raises a Signal with .done, the number of references made before it. Ctrl-C and m.stop() end it between two
        references.
        """
        m, row = self.machine, self.row
        most = 1 << 62 if limit is None else number("limit", limit)
        args: dict[str, Any] = {"limit": limit}
        source: Given | Drawn
        if hasattr(addresses, "__next__"):
            source = Drawn(addresses, bool(writes), m.history.budget // 4)
            args["writes"] = np.array([bool(writes)], np.uint8)
        else:
            source = given(addresses, writes)
            most = min(most, len(source.addresses))
            if m.history.on and source.nbytes <= m.history.budget // 4:
                source = source.own()
                args |= {"addresses": source.addresses, "writes": source.writes}
        return m.access(row, args, Access(m.kernel, row, source), most)

    def at(self, addr: "int | Mapping", length: int | None = None) -> Mapping:
        """A view of any range of this process's memory: of a mapping of another process, the same addresses here."""
        where = span(addr, length)
        return Mapping(self, where["addr"], where["length"])

    # -- what /proc says -------------------------------------------------------------------------------------------------

    def translate(self, addr: "int | Mapping") -> "translation.Translation":
        """How the MMU translates an address now: each level, the PTE, the frame, the cost. Changes nothing."""
        return translation.translate(self.machine.state, self.row, address(addr))

    def vmas(self) -> list[Area]:
        """The VMAs, by address."""
        return proc.vmas(self.machine.kernel, self.row)

    def vma(self, addr: "int | Mapping") -> Area | None:
        """The VMA that holds an address, or None."""
        a = address(addr)
        return next((v for v in self.vmas() if v.start <= a < v.stop), None)

    def maps(self) -> Text:
        """The mappings as /proc/pid/maps prints them; `.rows` holds them as Area tuples."""
        return proc.maps(self.machine.kernel, self.row)

    def smaps(self) -> Text:
        """What each mapping holds, as /proc/pid/smaps prints it; `.rows` has the numbers in KiB, a tuple a mapping.

        >>> from vmlab import Machine
        >>> p = Machine(frames=8).spawn("p")
        >>> heap = p.mmap(4 * 4096)
        >>> heap[0:16384] = bytes(16384)
        >>> child = p.fork()
        >>> child.smaps().rows[0].Rss, child.smaps().rows[0].Pss
        (16.0, 8.0)
        """
        return proc.smaps(self.machine.kernel, self.row)

    def pagemap(self, addr: "int | Mapping", length: int | None = None) -> Pagemap:
        """Where each page of a range is, as /proc/pid/pagemap says: arrays, one entry a page."""
        where = span(addr, length)
        found: Pagemap = translation.pagemap(self.machine.state, self.row, where["addr"], where["length"], Pagemap)
        return found

    def status(self) -> Text:
        """Sizes as in /proc/pid/status: VmSize, VmLck, VmRSS, VmSwap, VmPTE in kB."""
        return proc.status(self.machine.kernel, self.row)

    @property
    def oom_score(self) -> int:
        """Its share of RAM and swap in thousandths, plus oom_score_adj: who has the highest is killed when memory runs out."""
        return oom.score(self.machine.kernel, self.row)

    @property
    def oom_score_adj(self) -> int:
        """What is added to oom_score, -1000 (never killed) to 1000; a child of fork has its parent's. EINVAL for any other.

        >>> from vmlab import Machine
        >>> p = Machine(frames=8, swap=0).spawn("p")
        >>> p.oom_score_adj = 300
        >>> p.oom_score
        300
        """
        return int(self.machine.state.procs["oom_score_adj"][self.row])

    @oom_score_adj.setter
    def oom_score_adj(self, adj: int) -> None:
        self.machine.change("set_oom_score_adj", self.row, adj=whole("oom_score_adj", adj))

    @property
    def stat(self) -> Stat:
        """Its counters now."""
        p = self.machine.state.procs[self.row]
        return Stat(int(p.minflt), int(p.majflt), int(p.rss), int(p.nswap), int(p.ntables))
