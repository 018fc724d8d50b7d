"""The machine as users hold it: what it is built from, its one gate for changes, its past."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from traitlets import HasTraits, Int

from . import config, history, saving, warming
from .core import clock, events, invariants, state
from .core.policy import POLICIES, TOUCHES, Policy, queue
from .core.state import FAULTS, Event, Exit, State
from .counts import Cost, Run
from .device import Device
from .errors import Busy, ConfigError, Signal, VmlabError
from .file import File
from .history import History, Step
from .interrupt import Interrupts
from .kernel import brk, exit, files, fork, memory, mmap, mprotect, msync, munmap, program, truncate
from .kernel.enter import NEVENT, REGISTER, STEP, Kernel
from .kernel.guest import PythonPolicy
from .kernel.outside import Outside, twin
from .process import Process

CHUNK_SECONDS = 0.02  # of a long run between two looks at Ctrl-C, Stop and progress
HISTORY = 256 << 20
SEEN = REGISTER["seen"]


class Machine(HasTraits):
    """A simulated computer: MMU, page tables, TLB, page frames, page cache, swap, and the kernel above them.

    Parameters
    ----------
    ram, frames : bytes, or number of page frames (default 256 KiB)
    swap : bytes of the swap device
    page_size : bytes; a power of two from 16 to 65536 where `mmu` is index bits, 4096 for a named MMU
    mmu : "x86-64", "x86-64-la57", "sv39", "sv48", "i386", or index bits, topmost level first, such as (2, 4)
    tlb : (entries, ways), or None for no TLB
    policy : "clock", "fifo", "lru", or a function that names the frame to empty (see vmlab.Candidates)
    cpus, asids : number of CPUs; whether TLB entries carry an address-space number (else a switch flushes)
    contents : False for a machine that only counts: no bytes, far larger memories
    filesystem : "ext4" or "tmpfs"
    costs : "hdd", "sata-ssd", "nvme", "zram", or a vmlab.Costs: what `clock_ns` is made of
    seed : for policies that draw
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

    version = Int(0, help="counts changes of the machine: observe it to redraw").tag(sync=False)

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
        cpus: int = 1,
        asids: bool = True,
        contents: bool = True,
        filesystem: str = "ext4",
        costs: str | clock.Costs | None = None,
        seed: int = 0,
        history: int | None = HISTORY,
        max_bytes: int | None = None,
    ) -> None:
        super().__init__()
        geometry = config.geometry(mmu, page_size, contents)
        nframes = config.frame_count(ram, frames, geometry.page_size)
        nslots = config.slot_count(swap, geometry.page_size)
        config.must_fit(nframes, nslots, geometry.page_size, contents, max_bytes)
        if not isinstance(cpus, int) or not 1 <= cpus <= 64:
            raise ConfigError(f"cpus={cpus!r}: from 1 to 64")
        number = Policy.PYTHON if callable(policy) else config.choose("policy", policy, POLICIES)
        built = state.boot(
            geometry,
            nframes,
            nslots,
            tlb=config.tlb_shape(tlb),
            ncpu=cpus,
            asids=asids,
            policy=int(number),
            touches=number in TOUCHES,
            contents=contents,
            costs=config.costs(costs),
            filesystem=config.choose("filesystem", filesystem, config.FILESYSTEMS),
            seed=seed,
        )
        if not warming.going:
            warming.warm()
        self._begin(Kernel(built), history or 0)
        self.mmu = mmu if isinstance(mmu, str) else tuple(mmu)
        if callable(policy):
            self.kernel.policy = PythonPolicy(policy)

    def _begin(self, kernel: Kernel, budget: int) -> None:
        self.kernel = kernel
        self.history = History(budget)
        self._lock = threading.RLock()
        self._running = False
        self._stop = False
        self._rate = 1e6  # references a second of the last chunk
        self.mmu = "x86-64"
        if self.history.on:
            self.history.keep(self.state, self._beside())

    def __repr__(self) -> str:
        m = self.state.machine[0]
        return (
            f"Machine({m.online} frames of {m.page_size} bytes, {m.nfree} free; {len(self.state.slots)} swap slots, "
            f"{m.nslot_free} free; {self.policy_name}; {len(self.processes)} processes)"
        )

    # -- the gate --------------------------------------------------------------------------------------------------------

    def change(self, call: str, row: int | None = None, /, **args: Any) -> Any:
        """Everything that changes a machine goes through here: lock, record, call, version += 1. Raises what the call raises."""
        with self._lock, Interrupts() as interrupts:
            if self._running:
                raise Busy("a run is going: stop it first")
            step, begin = self._open(call, row, args)
            self.kernel.interrupts = interrupts
            try:
                return self._perform(step)
            except BaseException as error:
                self._note_error(step, error)
                raise
            finally:
                self._close(step, begin)
        # The version is raised in _close: observers see the machine as the call left it.

    def _open(self, call: str, row: int | None, args: dict[str, Any]) -> tuple[Step, float]:
        k = self.kernel
        step = Step(self.history.now + 1, call, row, args, before=k.count())
        n = int(k.registers[NEVENT])
        step.events = n, n
        k.registers[STEP] = step.n
        k.outside = Outside()
        return step, time.perf_counter()

    def _perform(self, step: Step) -> Any:
        verb = CALLS[step.call]
        self.kernel.caller = step.row
        return verb(self.kernel, **step.args) if step.row is None else verb(self.kernel, step.row, **step.args)

    def _note_error(self, step: Step, error: BaseException) -> None:
        step.error = str(error) or type(error).__name__
        if not isinstance(error, (OSError, Signal, VmlabError)):
            step.opaque = True  # Ctrl-C, or an error inside a Python policy: the record stops short

    def _close(self, step: Step, begin: float) -> None:
        k = self.kernel
        events.finish(k.state)
        step.after = k.count()
        step.events = step.events[0], int(k.registers[NEVENT])
        outside = k.outside
        step.answers, step.overwritten = outside.answers, outside.overwritten
        if self.history.on:
            step.nbytes = 400 + outside.nbytes + sum(_nbytes(a) for a in step.args.values())
            if step.nbytes > self.history.budget // 4:  # too large to keep: a keyframe stands for it
                step.args, step.answers, step.nbytes, step.opaque = {}, [], 400, True
            if self.history.record(step, time.perf_counter() - begin):
                self.history.keep(self.state, self._beside())
        self.version += 1

    def _beside(self) -> Any:
        """What the kernel keeps beside its arrays, by value."""
        k = self.kernel
        return dict(k.devices), {d.key: d.save() for d in k.devices.values()}, k.queue, k.policy, k.overcommit

    # -- long runs -------------------------------------------------------------------------------------------------------

    def _long(self, call: str, row: int | None, args: dict[str, Any], advance: Callable[[int], tuple[int, Exit, Any]],
              limit: int) -> Iterator[tuple[int, Exit]]:  # fmt: skip
        """One step of the history, made chunk by chunk; yields (done so far, why) after each. Other changes are refused meanwhile."""
        with self._lock:
            if self._running:
                raise Busy("a run is going: stop it first")
            self._running, self._stop = True, False
            step, begin = self._open(call, row, args)
        done, failure = 0, None
        try:
            while True:
                with self._lock, Interrupts() as interrupts:
                    self.kernel.interrupts = interrupts
                    chunk = max(1, min(int(self._rate * CHUNK_SECONDS), limit - done))
                    start = time.perf_counter()
                    made, why, failure = advance(chunk)
                    self._rate = max(1e4, made / max(time.perf_counter() - start, 1e-6)) if made == chunk else self._rate
                    done += made
                    over = failure is not None or made == 0 or done >= limit or (why == Exit.LIMIT and made < chunk)
                    if interrupts.pending or self._stop:
                        step.args["limit"] = done
                        over = True
                    if why == Exit.LIMIT and made == chunk and self.kernel.registers[SEEN] & args.get("until", 0):
                        over = True
                yield done, why
                if over:
                    break
            if failure is not None:
                raise failure
        except BaseException as error:
            self._note_error(step, error)
            if isinstance(error, (GeneratorExit, KeyboardInterrupt)):
                step.args["limit"], step.opaque = done, True
            raise
        finally:
            with self._lock:
                self._running = False
                self._close(step, begin)

    def stop(self) -> None:
        """Ask the run that is going to stop after its chunk (about 20 ms)."""
        self._stop = True

    @property
    def running(self) -> bool:
        """Is a run going?"""
        return self._running

    def _exhaust(self, run: Iterator[tuple[int, Exit]], total: int, progress: Callable[[int, int], object] | None) -> Run:
        before = self.kernel.count()
        done, why = 0, Exit.DONE
        for done, why in run:
            if progress is not None:
                progress(done, total)
        return self._run(done, why, before)

    def _run(self, done: int, why: Exit, before: tuple[int, ...]) -> Run:
        s = self.state
        return Run(done, why, before, self.kernel.count(), s.cost[0], len(s.level))

    # -- state -----------------------------------------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """The arrays, as they stand. Another tuple after a change: do not keep it."""
        return self.kernel.state

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

    def vmstat(self) -> "saving.Text":
        """The machine's counters with the names of /proc/vmstat; `.rows` holds them as a dict."""
        return saving.vmstat(self.state)

    def check(self) -> list[str]:
        """What is wrong with the machine, one sentence for each broken invariant. Empty, unless vmlab has a bug."""
        with self._lock:
            return invariants.check(self.state)

    def digest(self) -> str:
        """SHA-256 of the whole state: equal for equal machines."""
        with self._lock:
            return state.digest(self.state)

    def measure(self) -> "_Measure":
        """`with m.measure() as cost:` gives what the block cost: cost.minflt, .majflt, .copies, .pswpin, .ns ..."""
        return _Measure(self)

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
        if not isinstance(name, str):
            raise TypeError(f"name must be a string, not {type(name).__name__}")
        return Process(self, self.change("spawn", name=name))

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
        return File(self, self.change("open", path=path, mode=mode))

    def create(self, name: str, size: int, data: bytes = b"") -> File:
        """A file of the machine's own: `size` bytes, the first of them `data`, the rest 0. The host sees nothing of it."""
        if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < 1 << 60:
            raise ValueError(f"size must be an int from 0 to 2**60, not {size!r}")
        return File(self, self.change("create", name=name, nbytes=max(size, len(data)), data=bytes(data)))

    def device(self, obj: int) -> Device:
        """The device behind a file object, to look at its bytes. Not recorded: for displays only."""
        return self.kernel.devices[obj]

    # -- references ------------------------------------------------------------------------------------------------------

    def queue(self, trace: Any, process: "Process | None" = None) -> int:
        """Add references for later; how many wait now.

        `trace` is addresses (ints or an array; pair with a process), a tuple (addresses, writes), or an iterable of
        (process, address) or (process, address, write) for several processes.
        """
        return int(self.change("queue", segments=_segments(self, trace, process)))

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
        total = self.queue_left if limit is None else min(limit, self.queue_left)
        return self._exhaust(self.run_chunks(limit, until), total, progress)

    def run_chunks(self, limit: int | None = None, until: Event | int | None = None) -> Iterator[tuple[int, Exit]]:
        """As `run`, for a caller that has other work to do between chunks of about 20 ms: yields (done, why)."""
        mask = _mask(until)
        most = self.queue_left if limit is None else limit
        args = {"limit": limit, "until": mask}
        return self._long("run", None, args, lambda n: program.advance(self.kernel, n, mask), min(most, self.queue_left))

    # -- policy ----------------------------------------------------------------------------------------------------------

    policies = tuple(POLICIES)

    @property
    def policy(self) -> str | Callable[..., int]:
        """The replacement policy; set it by name, or to a function that is given Candidates and names a frame."""
        number = int(self.state.machine["policy"][0])
        if number == Policy.PYTHON and self.kernel.policy is not None:
            return self.kernel.policy.function
        return Policy(number).name.lower()

    @policy.setter
    def policy(self, policy: str | Callable[..., int]) -> None:
        if not callable(policy):
            config.choose("policy", policy, POLICIES)
        self.change("set_policy", policy=policy)

    @property
    def policy_name(self) -> str:
        """The policy's name, also of a Python function."""
        return self.policy if isinstance(self.policy, str) else getattr(self.policy, "__name__", "python")

    def sync(self) -> int:
        """Write every dirty page of every file back; how many there were."""
        return int(self.change("sync"))

    # -- the past --------------------------------------------------------------------------------------------------------

    def undo(self, n: int = 1) -> None:
        """Go n steps back. Bytes of host files that the steps overwrote are put back. HistoryError if it cannot."""
        self.seek(self.history.now - n)

    def redo(self, n: int = 1) -> None:
        """Go n steps forward again, after an undo."""
        self.seek(self.history.now + n)

    def seek(self, moment: int, reference: int | None = None) -> None:
        """Go to a moment: after step `moment`. With `reference`, into the middle of the bulk run that follows it."""
        with self._lock, Interrupts():
            if self._running:
                raise Busy("a run is going: stop it first")
            h = self.history
            start = h.before(moment)
            steps_back = [h[n] for n in range(moment + 1, h.now + 1)]
            steps_on = [h[n] for n in range(h.now + 1, moment + 1)]
            history.undo_overwrites(steps_back)
            history.redo_overwrites(steps_on)
            if not h.now <= moment or start.n > h.now:
                self._restore(start)
            else:
                start = None  # type: ignore[assignment]
            for n in range((h.now if start is None else start.n) + 1, moment + 1):
                self._replay(h[n])
            h.now = moment
            if reference is not None:
                self._replay_part(h[moment + 1], reference)
            self.version += 1

    def _restore(self, frame: history.Keyframe) -> None:
        k = self.kernel
        k.state = history.thaw(frame, k.state)
        devices, saved, k.queue, k.policy, k.overcommit = frame.beside
        k.devices = dict(devices)
        for d in k.devices.values():
            d.restore(saved[d.key])

    def _replay(self, step: Step) -> None:
        """Run a recorded step again, with the answers it got from outside."""
        self.kernel.registers[STEP] = step.n
        self.kernel.outside = Outside(step.answers)
        try:
            self._perform(step)
        except Exception:
            pass
        events.finish(self.state)

    def _replay_part(self, step: Step, reference: int) -> None:
        if step.call not in ("access", "run"):
            raise ValueError(f"step {step.n} is {step.call}, which makes no run of references")
        self._replay(Step(step.n, step.call, step.row, {**step.args, "limit": reference}, answers=step.answers))

    def bookmark(self, name: str) -> None:
        """Name the present moment: m.seek(m.bookmarks["before fork"])."""
        self.history.bookmarks[str(name)] = self.history.now

    @property
    def bookmarks(self) -> dict[str, int]:
        """Names of moments."""
        return dict(self.history.bookmarks)

    def branch(self) -> "Machine":
        """Another machine in the same state, with a future of its own. What it writes to files stays in it."""
        with self._lock:
            k = Kernel(state.copy(self.state))
            k.queue, k.policy, k.overcommit = self.kernel.queue, self.kernel.policy, self.kernel.overcommit
            k.devices = {obj: twin(d) for obj, d in self.kernel.devices.items()}
            b = Machine.__new__(Machine)
            HasTraits.__init__(b)
            b._begin(k, self.history.budget)
            b.mmu = self.mmu
            return b

    def __deepcopy__(self, memo: dict[int, Any]) -> "Machine":
        return self.branch()

    def __reduce__(self) -> Any:
        raise TypeError("a Machine is not pickled: m.save(path) and Machine.load(path) keep it, m.branch() copies it")

    def save(self, path: Any) -> None:
        """Write the machine to a file (.npz; no pickle). Its past and a Python policy are not kept. Old file intact on failure."""
        with self._lock:
            saving.save(self, path)

    @staticmethod
    def load(path: Any, history: int | None = HISTORY) -> "Machine":
        """The machine in a file. It writes to files in an overlay of its own, never to the host. ConfigError if it cannot be."""
        m = Machine.__new__(Machine)
        HasTraits.__init__(m)
        kernel, mmu = saving.load(path)
        m._begin(kernel, history or 0)
        m.mmu = mmu
        return m


class _Measure:
    """The context of Machine.measure."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def __enter__(self) -> Cost:
        s = self.machine.state
        self.before = self.machine.kernel.count()
        self.cost = Cost(self.before, self.before, s.cost[0], len(s.level))
        return self.cost

    def __exit__(self, *_: object) -> None:
        s = self.machine.state
        self.cost._set(self.before, self.machine.kernel.count(), s.cost[0], len(s.level))


def _mask(until: Event | int | None) -> int:
    if until is None:
        return 0
    return FAULTS if until == Event.FAULT else 1 << int(until)


def _nbytes(a: Any) -> int:
    if isinstance(a, np.ndarray):
        return a.nbytes
    if isinstance(a, bytes):
        return len(a)
    return sum(_nbytes(x) for x in a) if isinstance(a, tuple) else 32


def _segments(m: Machine, trace: Any, process: Process | None) -> tuple[program.Segment, ...]:
    """A trace as the queue wants it: stretches of one process each."""
    if process is not None:
        addresses, writes = trace if isinstance(trace, tuple) and len(trace) == 2 else (trace, False)
        a, w = process._reference_arrays(addresses, writes)
        return (program.Segment(process.row, process.pid, a, w),)
    out: list[tuple[Process, list[int], list[bool]]] = []
    for who, addr, *write in trace:
        p = who if isinstance(who, Process) else m.process(who)
        if not out or out[-1][0].pid != p.pid:
            out.append((p, [], []))
        out[-1][1].append(int(addr))
        out[-1][2].append(bool(write and write[0]))
    segments = []
    for p, addresses, writes in out:
        a, w = p._reference_arrays(addresses, writes)
        segments.append(program.Segment(p.row, p.pid, a, w))
    return tuple(segments)


def _access(k: Kernel, row: int, addresses: Any, writes: Any, limit: int | None, until: int = 0) -> None:
    """A recorded `access`, run again: in one go."""
    made, why = memory.access(k, row, addresses, writes, len(addresses) if limit is None else limit, until)


def _rerun(k: Kernel, limit: int | None, until: int) -> None:
    """A recorded `run`, run again: segment after segment."""
    left = limit if limit is not None else int(k.state.machine["queue_length"][0] - k.state.machine["queue_at"][0])
    while left > 0:
        made, why, failure = program.advance(k, left, until)
        left -= made
        if failure is not None or made == 0 or k.registers[SEEN] & until:
            return


def _set_policy(k: Kernel, policy: str | Callable[..., int]) -> None:
    """Another policy from now on; the order in which pages came is kept for it."""
    number = Policy.PYTHON if callable(policy) else POLICIES[policy]
    k.policy = PythonPolicy(policy) if callable(policy) else None
    m = k.state.machine[0]
    m.policy, m.touches = number, number in TOUCHES
    if number == Policy.CLOCK:
        queue.dissolve(k.state)
    else:
        queue.rebuild(k.state)


def _sync(k: Kernel) -> int:
    return sum(files.fsync(k, fd) for fd in k.state.files["used"].nonzero()[0].tolist())


CALLS: dict[str, Callable[..., Any]] = {
    "spawn": fork.spawn, "fork": fork.fork, "exit": exit.exit,
    "mmap": mmap.mmap, "munmap": munmap.munmap, "mprotect": mprotect.mprotect, "msync": msync.msync, "brk": brk.brk,
    "load": memory.load, "store": memory.store, "fetch": memory.fetch, "access": _access,
    "open": files.open_host, "create": files.create, "reopen": files.reopen, "close": files.close, "fsync": files.fsync,
    "pread": files.pread, "pwrite": files.pwrite, "read": files.read, "write": files.write,
    "unlink": files.unlink, "refresh": files.refresh, "evict": files.evict, "truncate": lambda k, fd, nbytes: truncate.truncate(k, files.of(k, fd), nbytes),
    "queue": program.queue, "run": _rerun, "set_policy": _set_policy, "sync": _sync,
}  # fmt: skip

