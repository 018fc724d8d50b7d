"""A machine that is never left alone: between any two steps something happens to it that no program may notice."""

import random
from pathlib import Path
from typing import Any

import numpy as np

from vmlab import Machine, Signal, VmlabError
from vmlab.conformance import Player
from vmlab.conformance.backend import UNMAPPED
from vmlab.conformance.record import Case, Program, most_locked
from vmlab.conformance.vmlab_backend import VmlabBackend
from vmlab.core import reclaim, tlb
from vmlab.core.state import NONE
from vmlab.file import File
from vmlab.kernel import writeback

PAGE = 4096
KILLED = "more is locked than there is: an errno or an out-of-memory kill"
HISTORY = 64 << 20


class RestlessBackend(VmlabBackend):
    """Disturbs its machine by `disturb`: the names of methods of this class. bulk: pages are first referenced in one run."""

    def __init__(self, disturb: tuple[str, ...], bulk: bool, seed: int, folder: Path, **arguments: Any) -> None:
        super().__init__(**arguments | {"history": HISTORY if "undo_redo" in disturb else None})
        self.disturb, self.bulk, self.folder = disturb, bulk, folder
        self.random = random.Random(seed)

    def between(self) -> None:
        """What happens between two steps."""
        for name in self.disturb:
            getattr(self, name)()

    def eviction(self) -> None:
        """Some pages leave memory, whosever they are."""
        s = self.machine.state
        held = (s.uses["page"][: len(s.frames)] != NONE).nonzero()[0].tolist()
        for f in self.random.sample(held, min(len(held), self.random.choice([0, 0, 1, 2, 5]))):
            if (use := self.machine.state.uses[f]).page != NONE:
                self.machine.kernel.run(reclaim.evict_page, int(use.object), int(use.index))

    def writeback(self) -> None:
        """Some dirty page of a file is written."""
        k = self.machine.kernel
        for obj in k.devices:
            if self.random.random() < 0.2:
                writeback.flush(k, obj, 0, int(k.state.objects["npages"][obj]), self.random.choice([1, 1 << 30]))

    def shootdown(self) -> None:
        """Every CPU forgets the translations of a process, or all."""
        tlb.flush(self.machine.state, self.random.choice([NONE, 0, 1, 2]))

    def save_load(self) -> None:
        """The machine goes on as one that was saved and loaded."""
        if self.random.random() < 0.05:
            self.machine.save(self.folder / "machine.npz")
            self.go_on(Machine.load(self.folder / "machine.npz", history=None))

    def branch(self) -> None:
        """The machine goes on as a branch of itself."""
        if self.random.random() < 0.2:
            self.go_on(self.machine.branch())

    def undo_redo(self) -> None:
        """The last calls are undone, and made again."""
        h = self.machine.history
        if h.now > h.first and self.random.random() < 0.2:
            n = self.random.randint(1, min(4, h.now - h.first))
            self.machine.undo(n)
            self.machine.redo(n)

    def go_on(self, machine: Machine) -> None:
        """From now on with another machine that is the same."""
        self.processes = {p: machine.process(process) for p, process in self.processes.items()}
        self.files = {key: File(machine, file.fd) for key, file in self.files.items()}
        self.machine = machine

    def reference(self, p: int, addr: int, n: int, write: bool) -> None:
        """Touch the pages of a range in one run."""
        if self.bulk and n and UNMAPPED < addr < 1 << 46:
            pages = np.arange(addr // PAGE, (addr + n - 1) // PAGE + 1, dtype=np.int64) * PAGE
            pages[0] = addr
            try:
                self.processes[p].access(pages, write)
            except Signal:
                pass  # the step itself will get it

    def load(self, p: int, addr: int, n: int) -> Any:
        self.reference(p, addr, n, False)
        return super().load(p, addr, n)

    def store(self, p: int, addr: int, data: bytes) -> Any:
        self.reference(p, addr, len(data), True)
        return super().store(p, addr, data)


class RestlessPlayer(Player):
    """Plays an entry on a RestlessBackend. frames: of its machine; where an entry may lock more it may end early, in words."""

    backend: RestlessBackend

    def play_on(self, entry: Case | Program, frames: int, beside_locked: int) -> None:
        """The next entry to be played."""
        self.may_end = most_locked(entry.ops) + beside_locked > frames

    def step(self, op: dict[str, Any]) -> Any:
        return self.unless_out_of_memory(lambda: super(RestlessPlayer, self).step(op))

    def final(self) -> Any:
        return self.unless_out_of_memory(super().final)

    def unless_out_of_memory(self, play: Any) -> Any:
        """What `play` gives; NotImplementedError, which ends an entry without a verdict, after a kill that it may end with."""
        try:
            self.backend.between()
            answer = play()
        except (OSError, VmlabError) as error:
            if self.may_end:
                raise NotImplementedError(KILLED) from error
            raise
        if self.may_end and self.backend.machine.vmstat().rows["oom_kill"]:
            raise NotImplementedError(KILLED)
        return answer


class Lenient:
    """An entry that lets depend on residency what Linux lets: what mincore says. `excused` counts."""

    excused = 0

    def differences(self, k: int, answer: Any, filesystem: Any) -> Any:
        for stage, mismatch in super().differences(k, answer, filesystem):  # type: ignore[misc]
            if mismatch.key == "vec":
                Lenient.excused += 1
            else:
                yield stage, mismatch


class LenientCase(Lenient, Case):
    pass


class LenientProgram(Lenient, Program):
    pass


def lenient(entry: Case | Program) -> Case | Program:
    """The same entry, lenient."""
    return (LenientCase if isinstance(entry, Case) else LenientProgram)(**vars(entry))
