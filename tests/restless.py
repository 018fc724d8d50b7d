"""A machine that is never left alone: between any two steps something happens to it that no program may notice.

What Linux itself lets depend on residency is excused, and counted:

    mincore               which pages are in memory
    past the end          bytes stored past the end of a file, in its last page: zero once the page is written back, which a machine
                          with few frames does when it pleases (fs/ext4/page-io.c, ext4_bio_write_folio; mmap(2), BUGS)
    after MADV_FREE       pages given up: what they held, or zeros (madvise(2))
    locked too much       an entry ends where more is locked than there is: the errno of a call that locks, or an
                          out-of-memory kill in words

Fault counts, and who shares a frame, are not compared. Everything else is.
"""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vmlab import Machine, Signal
from vmlab.conformance import Player, run
from vmlab.conformance.backend import UNMAPPED
from vmlab.conformance.outcome import Mismatch
from vmlab.conformance.record import BESIDE_LOCKED, Case, Filesystem, Program, Stage, most_locked
from vmlab.conformance.runner import Report
from vmlab.conformance.vmlab_backend import VmlabBackend
from vmlab.core import reclaim, tlb, vma
from vmlab.core.state import NONE, Mark
from vmlab.file import File
from vmlab.kernel import enter, writeback
from vmlab.views.sentences import happenings

PAGE = 4096
KILLED = "more is locked than there is: an errno or an out-of-memory kill"
PAST_END, FREED, MINCORE, LOCKED = "past the end", "after MADV_FREE", "mincore", "locked too much"
HISTORY = 64 << 20
# Before how many of an entry's steps the machine has a past, where it is not each: its price decides. On machines of 16 frames, a
# step of the record takes 1.9 ms; with a branch before each 3, with undo and redo 12, saved and loaded 31 (4096 frames: 126).
SOME = {"save_load": 0.02, "undo_redo": 0.1, "branch": 0.25}
# Calls that may be refused with these where more is locked than there is
LOCKING = {"mlock", "mlock2", "mlockall", "mmap", "mremap", "brk"}
REFUSED = {"ENOMEM", "EAGAIN"}


class RestlessBackend(VmlabBackend):
    """Disturbs its machine by `disturb`: the names of methods of this class. bulk: pages are first referenced in one run."""

    def __init__(self, disturb: tuple[str, ...], bulk: bool, seed: int, folder: Path, **arguments: Any) -> None:
        super().__init__(**arguments | {"history": HISTORY if "undo_redo" in disturb else None})
        self.disturb, self.bulk, self.folder = disturb, bulk, folder
        self.random = random.Random(seed)
        self.each_step = False  # else SOME of them

    def reset(self) -> None:
        super().reset()
        self.past_end: set[int] = set()  # values of the bytes that writeback took from behind the ends of files

    def between(self) -> None:
        """What happens between two steps."""
        for name in self.disturb:
            if self.each_step or self.random.random() < SOME.get(name, 1.0):
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
        self.machine.save(self.folder / "machine.npz")
        self.go_on(Machine.load(self.folder / "machine.npz", history=None))

    def branch(self) -> None:
        """The machine goes on as a branch of itself."""
        self.go_on(self.machine.branch())

    def undo_redo(self) -> None:
        """The last calls are undone, and made again."""
        h = self.machine.history
        if h.now > h.first:
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
    """Plays entries on a RestlessBackend. excused: what was, by reason."""

    backend: RestlessBackend

    def __init__(self, backend: RestlessBackend) -> None:
        super().__init__(backend)
        self.excused: Counter[str] = Counter()

    def play(self, entry: Case | Program, each_step: bool) -> Report:
        """What comes of one entry. each_step: all that happens to the machine happens between any two of its steps."""
        self.entry, self.may_end = entry, most_locked(entry.ops) + BESIDE_LOCKED > self.frames
        self.backend.each_step = each_step
        report = run(self, [_lenient(entry, self)], stages=(Stage.RESULTS, Stage.BYTES))
        self.excused[LOCKED] += report.missing[KILLED]
        return report

    @property
    def frames(self) -> int:
        """Of its machines."""
        return int(self.backend.arguments["frames"])

    def reset(self) -> None:
        super().reset()
        self.made, self.freed = 0, False

    def step(self, op: dict[str, Any]) -> Any:
        recorded = self.entry.answer(self.made, Filesystem.EXT4)
        self.made += 1
        answer = self.unless_killed(op, lambda: super(RestlessPlayer, self).step(op))
        self.freed |= op["op"] == "madvise" and op["advice"] in ("FREE", 8) and "ok" in answer
        refused = answer.get("errno") in REFUSED - {recorded.get("errno"), *recorded.get("errno_in", ())}
        if refused and op["op"] in LOCKING and self.over:
            raise NotImplementedError(KILLED)
        return answer

    def final(self) -> Any:
        return self.unless_killed({}, super().final)

    def unless_killed(self, op: dict[str, Any], play: Callable[[], Any]) -> Any:
        """What `play` gives; NotImplementedError, which ends an entry without a verdict, where more is locked than there is and
        somebody was killed for it, in words."""
        self.over = self.may_end and self.locked() + self.asked(op) + BESIDE_LOCKED > self.frames
        self.backend.between()
        first = self.events()
        try:
            answer = play()
        except ProcessLookupError as error:  # of the one that was killed in its call
            if self.over and self.killed(first):
                raise NotImplementedError(KILLED) from error
            raise
        if self.over and self.killed(first):
            raise NotImplementedError(KILLED)
        return answer

    def killed(self, first: int) -> bool:
        """Was a process killed since event `first`, as the machine tells it in words?"""
        state = self.backend.machine.state
        return bool(state.stat["oom_kill"][0]) and any(
            h.tag == "OOM" and "out of memory" in h.sentence for h in happenings(state, first, self.events())
        )

    def events(self) -> int:
        """How many there were."""
        return int(self.backend.machine.kernel.registers[enter.NEVENT])

    def locked(self) -> int:
        """Pages of mappings that are locked."""
        s = self.backend.machine.state
        alive = s.procs["alive"].nonzero()[0].tolist()
        return sum(v.npages for row in alive for v in vma.of_process(s, row) if v.marks & Mark.LOCKED)

    def asked(self, op: dict[str, Any]) -> int:
        """Pages that an operation might lock beside those, at most."""
        s = self.backend.machine.state
        if op.get("op") == "mlockall":
            return sum(v.npages for v in vma.of_process(s, self.backend.processes[op["p"]].row))
        if op.get("op") not in LOCKING:
            return 0
        return -(-max(op.get(name, 0) for name in ("len", "new", "delta")) // PAGE) + 1

    def excuses(self, mismatch: Mismatch) -> bool:
        """Does Linux let this depend on residency? Then it is counted. Of bytes, those that became zero."""
        linux, got, reason = mismatch.linux, mismatch.got, ""
        if mismatch.key == "vec":
            reason = MINCORE if len(linux) == len(got) else ""
        elif (mismatch.key == "bytes" or " page " in mismatch.key) and len(a := _bytes(linux)) == len(b := _bytes(got)):
            gone = {x for x, y in zip(a, b, strict=True) if x != y}
            if gone and all(y in (x, 0) for x, y in zip(a, b, strict=True)):
                reason = PAST_END if gone <= self.backend.past_end else FREED if self.freed else ""
        self.excused[reason] += bool(reason)
        return bool(reason)


def _bytes(text: str | None) -> bytes:
    """The bytes that an answer shows, in hex or as run lengths; nothing of what it does not show."""
    if not text or text.startswith("crc:") or text in "-xB":
        return b""
    if "*" in text:
        return b"".join(bytes.fromhex(byte) * int(n) for n, byte in (run.split("*") for run in text.split(",")))
    return bytes.fromhex(text)


def noting_what_writeback_takes(backend: RestlessBackend) -> Callable[..., None]:
    """writeback.page, to be put in its place: the backend hears which bytes past the end of a file go."""
    page = writeback.page

    def noting(k: Any, f: int) -> None:
        use = k.state.uses[f]
        outside = max(0, int(k.state.objects["length"][use.object]) - int(use.index) * PAGE)
        backend.past_end |= set(k.state.content[f, outside:].tolist())
        page(k, f)

    return noting


@dataclass(frozen=True)
class Lenient:
    """An entry that lets depend on residency what Linux lets."""

    player: Any = None

    def differences(self, k: int, answer: Any, filesystem: Any) -> Any:
        found = super().differences(k, answer, filesystem)  # type: ignore[misc]
        return [(stage, mismatch) for stage, mismatch in found if not self.player.excuses(mismatch)]

    def differences_left(self, left: Any) -> Any:
        found = super().differences_left(left)  # type: ignore[misc]
        return [
            (stage, mismatch)
            for stage, mismatch in found
            if stage is not Stage.BYTES or not self.player.excuses(mismatch)
        ]


@dataclass(frozen=True)
class LenientCase(Lenient, Case):
    pass


@dataclass(frozen=True)
class LenientProgram(Lenient, Program):
    pass


def _lenient(entry: Case | Program, player: RestlessPlayer) -> Case | Program:
    """The same entry, lenient."""
    return (LenientCase if isinstance(entry, Case) else LenientProgram)(**vars(entry), player=player)
