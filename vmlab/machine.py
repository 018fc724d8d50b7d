"""The machine as users hold it: what it is built from, its processes, files and waiting references."""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from typing import Any

from traitlets import HasTraits

from . import config, proc, references, saving, warming
from .arguments import name_text
from .core import boot, clock, events, invariants, state
from .core import policy as policies
from .core.policy import POLICIES
from .core.policy.number import Policy
from .core.state import Event, Exit
from .counts import Measure, Run
from .device import Device, HostFile
from .errors import Busy, LimitError, number, shown
from .file import File
from .interrupt import Allowed, Hold
from .kernel import program
from .kernel.crash import Lost
from .kernel.enter import Kernel
from .kernel.guest import PythonPolicy
from .kernel.outside import twin
from .kernel.references import Work
from .process import Process
from .sysctl import MOST_MAPS, MOST_REFERENCES, MOST_SWAPPINESS, Sysctl

HISTORY = 256 << 20


class Machine(Sysctl):
    """A simulated computer: MMU, page tables, TLB, page frames, page cache, swap, and the kernel above them.

    Parameters
    ----------
    ram, frames : bytes, or number of page frames (default 256 KiB)
    swap : bytes of the swap device
    page_size : bytes; a power of two from 16 to 65536 where `mmu` is index bits, 4096 for a named MMU
    mmu : "x86-64", "x86-64-la57", "sv39", "sv48", "i386", or index bits, topmost level first, such as (2, 4)
    tlb : (entries, ways), or None for no TLB
    policy : who goes when memory is full: "clock", "fifo", "lru", "random", "nru" (CLOCK that looks at the dirty bit too),
        "lfu", "aging" (LRU from accessed bits), "wsclock" (working sets), "linux" (active and inactive lists), "mglru"
        (generations), or a function that names the frame to empty (see vmlab.Candidates). Each one's file in
        vmlab/core/policy tells its rules
    swappiness, tick, window : knobs of policies: of "linux" and "mglru", 0 to 200; how many references a tick of "aging"
        takes, and how many a working set of "wsclock" looks back: None, as many as there are frames
    cpus, asids : number of CPUs; whether TLB entries carry an address-space number (else a switch flushes)
    contents : False for a machine that only counts: no bytes, far larger memories
    filesystem : "ext4" or "tmpfs"
    preset : "classic", the textbook: one page a fault; or "linux": all of the following as Linux has them. Each can be set alone
    zero_page : reads of untouched anonymous memory map one shared page of zeros and take no frame
    fault_around : pages whose PTEs one read fault of a file fills, if they are in the page cache: 1 (off) to 16
    dirty_tracking : the first store to a clean page of a shared file mapping faults (always off on tmpfs)
    read_ahead : pages read from a file at once, as far as frames are free: 1 (off) or more
    page_cluster : a page that comes back from swap brings the 2**page_cluster slots around its own along, as far as frames are
        free; 0 (off) to 31
    min_free : the min watermark in frames, 0 (off) to a quarter of all: down at low, min * 5/4, kswapd wakes and empties
        frames until more than high, min * 3/2, are free; down at min a fault empties frames itself. preset "linux":
        sqrt(frames) / 4, an eighth of Linux's vm.min_free_kbytes
    dirty_background_ratio, dirty_ratio, dirty_expire_centisecs, dirty_writeback_centisecs : when dirty pages of files are
        written back, as in /proc/sys/vm, in simulated time (always off on tmpfs); 100, 100 and 0 are off
    max_map_count : mappings that a process may have
    shootdowns : False for a kernel that forgets to tell other CPUs when a translation changes, so that the harm can be seen
    costs : "hdd", "sata-ssd", "nvme", "zram", or a vmlab.Costs: what `clock_ns` is made of
    seed : of policy "random"
    history : bytes that the past may take (None or 0: none is kept)
    max_bytes : limit on the machine's own arrays (default: a quarter of this computer's memory)

    Every argument has a default. ConfigError says which two disagree, or what does not fit.

    >>> from vmlab import Machine, KiB
    >>> m = Machine(ram=64 * KiB, swap=64 * KiB)
    >>> p = m.spawn("editor")
    >>> heap = p.mmap(16 * KiB)
    >>> heap[0:5] = b"hello"
    >>> heap[0:5], p.stat.minflt
    (b'hello', 1)
    """

    def __init__(
        self,
        ram: int | None = None,
        *,
        frames: int | None = None,
        swap: int = 1 << 20,
        page_size: int | None = None,
        mmu: str | Sequence[int] = "x86-64",
        tlb: tuple[int, int] | None = (64, 4),
        policy: str | Callable[..., int] = "clock",
        swappiness: int = 60,
        tick: int | None = None,
        window: int | None = None,
        cpus: int = 1,
        asids: bool = True,
        contents: bool = True,
        filesystem: str = "ext4",
        preset: str = "classic",
        zero_page: bool | None = None,
        fault_around: int | None = None,
        dirty_tracking: bool | None = None,
        read_ahead: int | None = None,
        page_cluster: int | None = None,
        min_free: int | None = None,
        dirty_background_ratio: int | None = None,
        dirty_ratio: int | None = None,
        dirty_expire_centisecs: int | None = None,
        dirty_writeback_centisecs: int | None = None,
        max_map_count: int = 65530,
        shootdowns: bool = True,
        costs: str | clock.Costs | None = None,
        seed: int = 0,
        history: int | None = HISTORY,
        max_bytes: int | None = None,
    ) -> None:
        given = {name: value for name, value in locals().items() if name not in ("self", "__class__")}
        super().__init__()
        self.built_with: dict[str, Any] = given  # to build another one like it
        geometry = config.geometry(mmu, page_size, contents)
        nframes = config.frame_count(ram, frames, geometry.page_size)
        nslots = config.slot_count(swap, geometry.page_size)
        config.must_fit(nframes, nslots, geometry, contents, max_bytes)
        which = Policy.PYTHON if callable(policy) else config.choose("policy", policy, POLICIES)
        built = boot.boot(
            geometry,
            nframes,
            nslots,
            tlb=config.tlb_shape(tlb),
            ncpu=config.whole("cpus", cpus, 1, 64),
            asids=bool(asids),
            contents=bool(contents),
            costs=config.costs(costs),
            filesystem=config.choose("filesystem", filesystem, config.FILESYSTEMS),
            **config.knobs(
                preset,
                filesystem,
                zero_page,
                fault_around,
                dirty_tracking,
                read_ahead,
                page_cluster,
                (dirty_background_ratio, dirty_ratio, dirty_expire_centisecs, dirty_writeback_centisecs),
            ),
            min_free=config.min_free(preset, min_free, nframes),
            max_map_count=config.whole("max_map_count", max_map_count, 0, MOST_MAPS),
            forgetful=not shootdowns,
            swappiness=config.whole("swappiness", swappiness, 0, MOST_SWAPPINESS),
            tick=config.whole("tick", nframes if tick is None else tick, 1, MOST_REFERENCES),
            window=config.whole("window", nframes if window is None else window, 1, MOST_REFERENCES),
            seed=config.whole("seed", seed, -(1 << 63), (1 << 63) - 1),
        )
        policies.begin(built, which)
        budget = config.whole("history", history or 0, 0, 1 << 62)
        if not warming.going:
            warming.warm_machine()
        kernel = Kernel(built)
        kernel.policy = PythonPolicy(policy) if callable(policy) else None
        self.mmu = mmu if isinstance(mmu, str) else tuple(mmu)
        self._begin(kernel, budget)

    def __repr__(self) -> str:
        m = self.state.machine[0]
        return (
            f"Machine({m.online} frames of {m.page_size} bytes, {m.nfree} free; {len(self.state.slots)} swap slots, "
            f"{m.nslot_free} free; {self.policy_name}; {(n := len(self.processes))} process{'' if n == 1 else 'es'})"
        )

    # -- state -----------------------------------------------------------------------------------------------------------

    @property
    def clock_ns(self) -> int:
        """Simulated nanoseconds since boot."""
        return clock.now_ns(self.state)

    @property
    def page_size(self) -> int:
        """Bytes of a page."""
        return int(self.state.machine["page_size"][0])

    @property
    def events(self) -> Any:
        """The events the ring still holds, oldest first (record array: now, step, kind, tag, frame, object, index, arg)."""
        return events.between(self.state, 0, int(self.state.machine["nevent"][0]))

    @property
    def samples(self) -> Any:
        """The thinned time series of the counters (record array of core.state.SAMPLE)."""
        return self.state.samples[: int(self.state.machine["nsample"][0])].copy()

    @property
    def watermarks(self) -> proc.Watermarks:
        """(min, low, high) in free frames: where kswapd wakes and sleeps, and where faults reclaim themselves.

        >>> from vmlab import Machine
        >>> Machine(frames=256, preset="linux").watermarks
        Watermarks(min=4, low=5, high=6)
        """
        return proc.watermarks(self.state)

    def meminfo(self) -> proc.Text:
        """What memory holds, in KiB, with the names of /proc/meminfo; `.rows` holds it as a dict."""
        return proc.meminfo(self.state)

    def vmstat(self) -> proc.Text:
        """The machine's counters with the names of /proc/vmstat; `.rows` holds them as a dict."""
        return proc.vmstat(self.state)

    def pressure(self) -> proc.Text:
        """How long processes waited for memory, as /proc/pressure/memory tells it; `.rows` has .some and .full.

        >>> from vmlab import Machine
        >>> Machine().pressure()
        some avg10=0.00 avg60=0.00 avg300=0.00 total=0
        full avg10=0.00 avg60=0.00 avg300=0.00 total=0
        """
        return proc.pressure(self.state)

    def check(self) -> list[str]:
        """What is wrong with the machine, one sentence for each broken invariant. Empty, unless vmlab has a bug."""
        with self._lock:
            return invariants.check(self.state)

    def digest(self) -> str:
        """SHA-256 of the whole state: equal for equal machines."""
        with self._lock:
            return state.digest(self.state)

    def measure(self) -> Measure:
        """`with m.measure() as cost:` gives what the block cost: cost.minflt, .majflt, .copies, .pswpin, .ns ..."""
        return Measure(self.kernel)

    # -- processes and files ---------------------------------------------------------------------------------------------

    @property
    def processes(self) -> list[Process]:
        """The running processes, in order of their start."""
        procs = self.state.procs
        rows = sorted(procs["alive"].nonzero()[0].tolist(), key=lambda r: int(procs["pid"][r]))
        return [Process(self, r) for r in rows]

    def process(self, which: "int | str | Process") -> Process:
        """The running process with a pid or a name, or the one that a process of another machine (a branch) is here."""
        wanted = which.pid if isinstance(which, Process) else which
        for p in self.processes:
            if wanted in (p.pid, p.name):
                return p
        alive = ", ".join(str(p.pid) for p in self.processes) or "none"
        raise ProcessLookupError(f"no process {wanted!r} (running: {alive})")

    def spawn(self, name: str = "process") -> Process:
        """Start a process with an empty address space. EAGAIN at the limit of 64."""
        return Process(self, self.change("spawn", name=name_text(name)))

    @property
    def files(self) -> list[File]:
        """The open files."""
        return [File(self, fd) for fd in self.state.files["used"].nonzero()[0].tolist()]

    def open(self, path: Any, mode: str = "r") -> File:
        """Open a regular file of the host: "r" to read and map, "r+" to write too. Nothing is created or truncated.

        The file changes on msync, fsync, close, or eviction of a dirty page, never before. PathError for what is no regular
        file of a disk; FileNotFoundError, PermissionError.
        """
        if mode not in ("r", "r+"):
            raise ValueError(f"mode must be 'r' or 'r+', not {mode!r}")
        try:
            return File(self, self.change("open", path=path, mode=mode))
        except LimitError:
            if not self._let_files_go():
                raise
        return File(self, self.change("open", path=path, mode=mode))

    def _let_files_go(self) -> bool:
        """Forget the past if it keeps host files open that the machine has closed. Returns whether it did."""
        h, open_now = self.history, set(map(id, self.kernel.devices.values()))
        with self._lock, Hold():
            self._must_rest("open a file of")
            if not h.on or not any(
                id(d) not in open_now for step in h for d in step.answers if isinstance(d, HostFile)
            ):
                return False
            h.forget("to let go of files that were closed", self.state, self.kernel.beside())
            return True

    def create(self, name: str, size: int, data: bytes = b"") -> File:
        """A file of the machine's own: `size` bytes, the first of them `data`, the rest 0. The host sees nothing of it."""
        data = bytes(data)
        return File(
            self, self.change("create", name=name_text(name), nbytes=max(number("size", size), len(data)), data=data)
        )

    def zero(self, mode: str = "r+") -> File:
        """/dev/zero: reads give zeros, writes go nowhere, and a mapping of it is anonymous memory, private or shared."""
        if mode not in ("r", "r+"):
            raise ValueError(f"mode must be 'r' or 'r+', not {mode!r}")
        return File(self, self.change("open_zero", mode=mode))

    def pipe(self) -> tuple[File, File]:
        """The two ends of a pipe of 64 KiB: (to read from, to write to). p.sys.read, p.sys.write move memory through it."""
        r, w = self.change("pipe")
        return File(self, r), File(self, w)

    def device(self, obj: int) -> Device:
        """The device behind a file object, to look at its bytes. Not recorded: for displays only."""
        return self.kernel.devices[obj]

    # -- references ------------------------------------------------------------------------------------------------------

    def queue(self, trace: Any, process: "Process | None" = None) -> int:
        """Add references for later; how many wait now.

        `trace` is addresses (ints, an array or a Trace; pair with a process), a tuple (addresses, writes), or an iterable of
        (process, address) or (process, address, write) for several processes. LimitError for more than a million one by one.
        """
        return int(self.change("queue", segments=references.segments(trace, self.process, process)))

    @property
    def queue_left(self) -> int:
        """References that wait."""
        m = self.state.machine[0]
        return int(m.queue_length - m.queue_at)

    def step(self, n: int = 1) -> Run:
        """Make the next n waiting references. A Signal is raised after the reference that got it."""
        return self.run(n)

    def run(
        self,
        limit: int | None = None,
        until: Event | int | None = None,
        progress: Callable[[int, int], object] | None = None,
    ) -> Run:
        """Make waiting references: all, or at most `limit`, or until an event (`until=Event.FAULT`) has happened.

        Ctrl-C stops it within a fifth of a second, between two references. progress(done, total) is called between chunks.
        """
        return self.exhaust(self.run_chunks(limit, until), self._most(limit), progress)

    def run_chunks(
        self, limit: int | None = None, until: Event | int | None = None
    ) -> Generator[tuple[int, Exit], None, None]:
        """As `run`, for a caller that has other work to do between chunks of about 20 ms: yields (done, why)."""
        most, mask = self._most(limit), references.mask(until)
        return self.chunks("run", None, {"limit": limit, "until": mask}, program.Waiting(self.kernel, mask), most)

    def _most(self, limit: int | None) -> int:
        return self.queue_left if limit is None else min(number("limit", limit), self.queue_left)

    def access(self, row: int, args: dict[str, Any], work: Work, limit: int) -> Run:
        """What Process.access does."""
        return self.exhaust(self.chunks("access", row, args, work, limit), limit, None)

    def exhaust(
        self, run: Generator[tuple[int, Exit], None, None], total: int, progress: Callable[[int, int], object] | None
    ) -> Run:
        """Make a run to its end: what it was. progress(done, total) is called between chunks; Ctrl-C may end it."""
        s, before = self.state, self.kernel.count()
        done, why = 0, Exit.DONE
        try:
            # Held, or Ctrl-C could come between two chunks; closed, or an exception would keep the run going in its traceback.
            with Hold(), closing(run):
                for made, reason in run:
                    self.under_way = done = made
                    why = reason
                    if progress is not None:
                        with Allowed():
                            progress(done, total)
        finally:
            self.under_way = 0
        return Run(done, why, before, self.kernel.count(), s.cost[0].copy(), len(s.level))

    # -- policy ----------------------------------------------------------------------------------------------------------

    policies = tuple(POLICIES)

    @property
    def policy(self) -> str | Callable[..., int]:
        """The replacement policy; set it by name, or to a function that is given Candidates and names a frame."""
        which = int(self.state.machine["policy"][0])
        if which == Policy.PYTHON and self.kernel.policy is not None:
            return self.kernel.policy.function
        return Policy(which).name.lower()

    @policy.setter
    def policy(self, policy: str | Callable[..., int]) -> None:
        if not callable(policy):
            config.choose("policy", policy, POLICIES)
        self.change("set_policy", policy=policy)

    @property
    def policy_name(self) -> str:
        """The policy's name, also of a Python function."""
        return self.policy if isinstance(self.policy, str) else shown(getattr(self.policy, "__name__", "python"))

    def sync(self) -> int:
        """Write every dirty page of every file back; how many went.

        Never fails, as sync(2): a page that cannot be written stays dirty, and the next fsync or msync of its file says EIO.
        """
        return int(self.change("sync"))

    def crash(self) -> Lost:
        """Power fails: RAM and swap are lost, every process ends, and files keep what had been written back. What was lost.

        >>> from vmlab import Machine
        >>> m = Machine()
        >>> f = m.create("notes", 8192, b"old")
        >>> f.pwrite(b"safe") and f.fsync()
        1
        >>> f.pwrite(b"lost", 4096)
        4
        >>> m.crash()
        Lost(0 processes ended; not written back: 'notes' page 1)
        >>> f.pread(4), f.pread(4, 4096)
        (b'safe', b'\\x00\\x00\\x00\\x00')
        """
        lost: Lost = self.change("crash")
        return lost

    # -- copies ----------------------------------------------------------------------------------------------------------

    def branch(self) -> "Machine":
        """Another machine in the same state, with a future of its own. What it writes to files stays in it.

        Its history begins at this moment. Of a file it sees what the file held when it was branched off, as far as this
        Python changes it; what other programs write it sees until it has read the page.
        """
        with self._lock, Hold():
            self._must_rest("branch")
            k = Kernel(state.copy(self.state))
            k.queue, k.policy = self.kernel.queue, self.kernel.policy
            k.devices = {obj: twin(d) for obj, d in self.kernel.devices.items()}
            return _sealed(k, self.mmu, self.history.budget)

    def _must_rest(self, what: str) -> None:
        if self._running or self._calling:
            raise Busy(f"a run is going: stop it before you {what} the machine")

    def __deepcopy__(self, memo: dict[int, Any]) -> "Machine":
        return self.branch()

    def __reduce__(self) -> Any:
        raise TypeError("a Machine is not pickled: m.save(path) and Machine.load(path) keep it, m.branch() copies it")

    def save(self, path: Any) -> None:
        """Write the machine to a file (.npz; no pickle). Its past and a Python policy are not kept. Old file intact on failure."""
        with self._lock:
            self._must_rest("save")
            saving.save(self.kernel, self.mmu, path)

    @staticmethod
    def load(path: Any, history: int | None = HISTORY) -> "Machine":
        """The machine in a file. It writes to files in an overlay of its own, never to the host. ConfigError if it cannot be."""
        budget = config.whole("history", history or 0, 0, 1 << 62)
        return _sealed(*saving.load(path), budget)


def _sealed(kernel: Kernel, mmu: Any, budget: int) -> Machine:
    """A machine around a kernel that writes to no file of the host."""
    kernel.sealed = True
    m = Machine.__new__(Machine)
    HasTraits.__init__(m)
    m.mmu = mmu
    m.built_with = {}
    m._begin(kernel, budget)
    return m
