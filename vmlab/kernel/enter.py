"""The door between the kernel and the core: run a core function, do what it asks for, run it again, until it is done."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..core import cpu, events, readahead, state
from ..core.state import FAILED, MACHINE, NONE, TMPFS, Event, Exit, Kind, State
from ..device import Device, OwnFile
from ..errors import shown
from . import guest, oom, stack, truncate, writeback
from .outside import Outside, is_host

REGISTER = {name: i for i, name in enumerate(MACHINE.names or ())}
NOW, STEP, CPU, CURSOR, UNTIL, NEVENT, CODE, OBJECT, FORGETFUL = (
    REGISTER[n] for n in ("now", "step", "cpu", "cursor", "until", "nevent", "code", "io_object", "forgetful")
)


class Kernel:
    """The simulated kernel: the State, the devices behind its files, and the outside of the call that is running."""

    def __init__(self, s: State) -> None:
        self.state = s  # also sets registers and counters
        self.devices: dict[int, Device] = {}  # by object
        self.policy: guest.PythonPolicy | None = None
        self.outside = Outside()
        self.queue: tuple[Any, ...] = ()  # program.Segment: references that wait
        self.io_error: OSError | None = None  # what the host last said when a page could not be moved
        self.caller: int | None = None  # row of the process whose call is running; None: a call from outside
        self.partial = False
        self.sealed = False  # a branch or a loaded machine: files of the host are opened under an overlay

    @property
    def state(self) -> State:
        """The arrays as they stand."""
        return self._state

    @state.setter
    def state(self, s: State) -> None:
        """Views of the registers and counters as plain words: reading one takes a twentieth of reading a record's field."""
        self._state = s
        self.registers = np.asarray(s.machine).view(np.ndarray).view(np.int64)
        self.counters = np.asarray(s.stat).view(np.ndarray).view(np.int64)
        self.running = np.asarray(s.cpus).view(np.ndarray).view(np.int64).reshape(len(s.cpus), -1)  # proc, root, asid
        self.processes = np.asarray(s.procs).view(np.ndarray).view(np.int64).reshape(len(s.procs), -1)  # as PROC has it

    def begin(self, caller: int | None, step: int, outside: Outside, partial: bool = False) -> None:
        """A call begins: what it is, what it may ask. partial: a run that is to stop within, before the flusher's turn."""
        self.caller = caller
        self.partial = partial
        self.registers[STEP] = step
        self.outside = outside
        self.io_error = None
        if (
            caller is not None and self.registers[FORGETFUL]
        ):  # a forgotten shootdown drops the entries of the caller's cpu
            self.registers[CPU] = caller % len(self.running)

    def finish(self) -> None:
        """A call has ended: the flusher has its turn."""
        if not self.partial:
            writeback.turn(self)
        events.finish(self._state)

    def switch(self, row: int) -> None:
        """Run the process in `row` on its cpu."""
        cpu_ = row % len(self.running)
        if self.running[cpu_, 0] == row and self.registers[CPU] == cpu_:  # as it was: what cpu.switch would find
            self.registers[CURSOR] = 0
        else:
            cpu.switch(self._state, row)

    def count(self) -> tuple[int, ...]:
        """The counters as plain ints, in the order of STAT."""
        return tuple(self.counters.tolist())

    # -- running the core ----------------------------------------------------------------------------------------------

    def run(self, step: Callable[..., int], *args: Any) -> Exit:
        """Call step(state, *args) until it ends: DONE, LIMIT, SEGV or BUS. All other exits are served here.

        Raises ENOMEM when nothing can be freed for nobody, Killed when the out-of-memory killer took the running process.
        """
        while True:
            why = step(self._state, *args)
            if why < Exit.SEGV:  # DONE, LIMIT
                return _EXITS[why]
            if why == Exit.SEGV:
                if not stack.grow(self):
                    return Exit.SEGV
                continue
            if why == Exit.BUS:
                if not self.grown(int(self.registers[OBJECT])):
                    return Exit.BUS
            elif not _SERVE[_EXITS[why]](self):
                return Exit.BUS

    def references(self, addresses: Any, writes: Any, limit: int) -> Exit:
        """Run a reference string from the cursor on (cpu.run)."""
        return self.run(cpu.perform, _RUN, addresses, writes, _NOTHING, 0, 0, limit, 0)

    def move(self, addr: int, buffer: Any, access: int) -> Exit:
        """Move bytes between the running process's memory and a buffer (cpu.move)."""
        return self.run(cpu.perform, _MOVE, _NOWHERE, buffer, buffer, 0, addr, 0, access)

    def transfer(self, obj: int, offset: int, buffer: Any, access: int) -> Exit:
        """Move bytes between an object's pages and a buffer (cpu.transfer)."""
        return self.run(cpu.perform, _TRANSFER, _NOWHERE, buffer, buffer, obj, offset, 0, access)

    def populate(self, row: int, start: int, stop: int, access: int) -> Exit:
        """Fault pages in ahead of use (space.populate)."""
        return self.run(cpu.perform, _POPULATE, _NOWHERE, _NOTHING, _NOTHING, row, start, stop, access)

    def serve_grow(self) -> bool:
        """A pool is full: lengthen it."""
        self.state = state.grow(self.state, int(self.state.machine["grow"][0]))
        return True

    def serve_read(self) -> bool:
        """Bring the page the core wants from its device into a frame. False if there is no such page, or no reading it: SIGBUS."""
        s = self.state
        m = s.machine[0]
        obj, index, size = int(m.io_object), int(m.io_index), int(m.page_size)
        due = min(size, int(s.objects["length"][obj]) - index * size)
        try:
            data = self.read(obj, index * size, due)
            if len(data) < due:  # the host file has become shorter
                truncate.resize(self, obj, self.outside.ask(self.devices[obj].size))
        except OSError as error:
            self.io_error = error
            return False
        s = self.state
        if index >= int(s.objects["npages"][obj]):
            return False
        device = self.devices[obj]
        # tmpfs has no device: what was never written there is not read from anywhere
        hole = m.filesystem == TMPFS and isinstance(device, OwnFile) and device.hole(index * size)
        f = int(cpu.page_in(s, int(not hole)))
        s.content[f, : len(data)] = np.frombuffer(data, np.uint8)
        s.content[f, len(data) :] = 0
        self.read_ahead(obj)
        return True

    def read_ahead(self, obj: int) -> None:
        """Fill what the core may bring of machine.io_first..io_stop-1. What the device will not give is left for later."""
        s = self.state
        m = s.machine[0]
        first, size, length = int(m.io_first), int(m.page_size), int(s.objects["length"][obj])
        stop = min(int(m.io_stop), int(s.objects["npages"][obj]))
        if stop - first <= 1:
            return
        try:
            data = self.read(obj, first * size, min(stop * size, length) - first * size)
        except OSError:
            return
        came = 0
        for k in range(min(stop - first, -(-len(data) // size))):
            f = int(readahead.bring(s, obj, first + k))
            if f != NONE:
                part = data[k * size : (k + 1) * size]
                s.content[f, : len(part)] = np.frombuffer(part, np.uint8)
                s.content[f, len(part) :] = 0
                came += 1
        if came:
            events.note(s, int(Event.READAHEAD), NONE, NONE, obj, first, came)

    def serve_write(self) -> bool:
        """The core wants to evict a dirty page of a file. A page that cannot be written stays in memory."""
        f = int(self.state.machine["io_frame"][0])
        try:
            writeback.page(self, f)
        except OSError:
            self.state.frames["marks"][f] |= FAILED
            self.state.objects["failed"][self.state.uses["object"][f]] = 1
            self.state.machine["victim"][0] = NONE
        return True

    def serve_victim(self) -> bool:
        """A policy in plain Python is to choose."""
        if self.policy is None:
            raise RuntimeError("the core asked for a Python policy and there is none")
        self.policy.choose(self.state, self.outside)
        return True

    def serve_throttle(self) -> bool:
        """A store comes upon too many dirty pages: some are written before it goes on."""
        writeback.throttle(self)
        return True

    # -- devices -------------------------------------------------------------------------------------------------------

    def read(self, obj: int, offset: int, n: int) -> bytes:
        """At most n bytes of a file's device."""
        device = self.devices[obj]
        if not is_host(device):
            return device.read(offset, n)
        return self.outside.ask(lambda: device.read(offset, n))

    def notice(self) -> None:
        """See which host files have become shorter since the machine last looked: their lost pages go, as by ftruncate."""
        if self.devices:
            for obj, size in self.outside.news(self._shorter):
                truncate.resize(self, obj, size)

    def _shorter(self) -> tuple[tuple[int, int], ...]:
        found = []
        for obj, device in self.devices.items():
            if is_host(device):
                try:
                    size = device.size()
                except OSError:
                    continue  # reading a page will tell
                if size < self._state.objects["length"][obj]:
                    found.append((obj, size))
        return tuple(found)

    def grown(self, obj: int) -> bool:
        """Has the host file behind an object become longer since the machine last looked? Then it is longer here too."""
        device = self.devices.get(obj)
        if device is None or not is_host(device):
            return False
        now = self.outside.ask(device.size)
        if now <= int(self.state.objects["length"][obj]):
            return False
        self.set_size(obj, now)
        return True

    # -- objects -------------------------------------------------------------------------------------------------------

    def new_object(self, kind: Kind, nbytes: int, name: str = "", row: int = NONE) -> int:
        """The number of a new memory object with one reference."""
        s = self.state
        obj = int(s.objects["used"].argmin())
        if s.objects["used"][obj]:
            obj = len(s.objects)
            s = s._replace(objects=state.longer(s.objects, obj, root=NONE, nodes=NONE))
        self.state, label = state.intern(s, name)
        s = self.state
        s.objects[obj] = (0, 0, NONE, NONE, kind, 1, 1, 1, label, row, 0, NONE, 0)
        self.set_size(obj, nbytes)
        height = int(s.machine["vpn_bits"][0]) if kind == Kind.PRIVATE else 54
        if kind == Kind.SHARED:
            height = max(1, int(s.objects["npages"][obj] - 1).bit_length())
        s.objects["height"][obj] = -(-height // state.NODE_BITS)
        return obj

    def set_size(self, obj: int, nbytes: int) -> None:
        """Note an object's size; nothing else changes."""
        o = self.state.objects[obj]
        o.length = nbytes
        o.npages = -(-nbytes // int(self.state.machine["page_size"][0]))

    def process(self, row: int) -> str:
        """How sentences call the process in a row."""
        p = self.state.procs[row]
        return f"process {int(p.pid)} ({shown(state.name_of(self.state, int(p.name)))})"

    def file_name(self, obj: int) -> str:
        """How sentences call a file."""
        return f"'{shown(state.name_of(self.state, int(self.state.objects['name'][obj])))}'"

    # -- moments -------------------------------------------------------------------------------------------------------

    def beside(self) -> "Beside":
        """What is kept beside the arrays, as it is now."""
        saved = {obj: d.save() for obj, d in self.devices.items()}
        return Beside(dict(self.devices), saved, self.queue, self.policy)

    def put_beside(self, then: "Beside") -> None:
        """Bring back the moment of `beside`."""
        self.devices = dict(then.devices)
        for obj, device in self.devices.items():
            device.restore(then.saved[obj])
        self.queue, self.policy = then.queue, then.policy


class Beside(NamedTuple):
    """What a kernel keeps beside its arrays, at one moment."""

    devices: dict[int, Device]
    saved: dict[int, Any]  # by object, what the device said: Device.save
    queue: tuple[Any, ...]
    policy: guest.PythonPolicy | None


_EXITS = tuple(Exit)
# plain ints: numba takes some 25 us to look at a member of an enum
_RUN, _MOVE, _TRANSFER, _POPULATE = (int(job) for job in cpu.Job)
_NOTHING = np.zeros(1, np.uint8)
_NOWHERE = np.zeros(0, np.int64)
_SERVE: dict[Exit, Callable[[Kernel], bool]] = {
    Exit.GROW: Kernel.serve_grow,
    Exit.READ: Kernel.serve_read,
    Exit.WRITE: Kernel.serve_write,
    Exit.VICTIM: Kernel.serve_victim,
    Exit.OOM: oom.kill,
    Exit.THROTTLE: Kernel.serve_throttle,
}
