"""Could this fault have been avoided? The recorded past is run again on machines that differ in one thing.

    "1 frame more"       a machine of another build makes every step of the record
    "MAP_POPULATE"       the machine as it was makes them, and one call more
    "pages of 8 KiB"     the same program on a machine of larger pages, as far as it is the same (larger.py)

A reference has the same number in all of them: machine.now counts references, whatever they cost. So the fault is the event
with its page and its time; where no such event comes, it was avoided. Host files are read again and never written to.
"""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from ..arguments import address
from ..core import vma
from ..core.state import ASID_SHIFT, NONE, STAT, VPN_MASK, Access, State
from ..history import Step
from ..kernel.madvise import Advice
from ..machine import Machine
from ..process import Process
from . import larger, sentences
from .look import look_at
from .rerun import MINOR, NOTHING, PLAIN, READS, SAME, Hooks, Wanted, last_fault, make, run
from .words import plural, size_text

if TYPE_CHECKING:
    from ..mapping import Mapping

SECONDS = 4.0  # that all trials may take
MOST_MORE = 4  # times the machine's frames are added, at most
MOST_REFERENCES = 1_000_000  # of a past that is run again
EXTRA = 0  # the number of a step that the record does not hold
POLICIES_TRIED = ("lru", "clock", "fifo", "linux")
TIMES_LARGER = (2, 4, 8, 16)


class Trial(NamedTuple):
    """One thing that could have been otherwise, and what came of it."""

    knob: str
    came: str  # in place of the fault: NOTHING, MINOR for a major one, or the same, SAME
    faults: int  # of all processes, from the start to the end of the step of the fault
    ns: int  # simulated, likewise


class Avoided(NamedTuple):
    """The answer. `trials` are in the order of what they ask for: a hint, a flag, a policy, memory."""

    fault: str  # what happened, in a sentence
    faults: int  # as it was: of all processes, up to the end of that step
    ns: int
    trials: tuple[Trial, ...]
    left_out: str = ""  # why nothing, or not everything, was tried

    @property
    def cheapest(self) -> Trial | None:
        """The first trial without the fault; if there is none, the first where it is minor instead of major."""
        for came in (NOTHING, MINOR):
            for trial in self.trials:
                if trial.came == came:
                    return trial
        return None

    @property
    def sentence(self) -> str:
        """The answer in words."""
        best = self.cheapest
        if best is not None:
            less = "Yes" if best.came == NOTHING else "Only made minor"
            others = (
                ""
                if best.faults == self.faults
                else f": {plural(best.faults, 'fault')} up to then, not {self.faults:,}"
            )
            return f"{less}, with {best.knob}{others}."
        if not self.trials:
            return self.left_out
        tried = ", ".join(t.knob for t in self.trials)
        return f"Not by any of: {tried}." + (f" {self.left_out}" if self.left_out else "")

    def __repr__(self) -> str:
        rows = [*self.trials, Trial("as it was", SAME, self.faults, self.ns)] if self.trials else []
        table = [f"  {t.knob:<32} {t.came:<16} {t.faults:>6,} faults  {t.ns:>14,} ns" for t in rows]
        return "\n".join([self.fault, self.sentence, *table])


def could_avoid(process: Process, addr: "int | Mapping") -> Avoided:
    """Try what could have spared a process the last fault on the page at `addr`. The machine is not changed.

    Faults are counted, times are simulated nanoseconds. What cannot be tried is told in the answer. Raises ProcessLookupError
    of a process that has ended.

    >>> from vmlab import Machine, KiB
    >>> from vmlab.views import could_avoid
    >>> m = Machine(frames=3, policy="fifo")
    >>> p = m.spawn("p")
    >>> area = p.mmap(16 * KiB)
    >>> for page in (0, 1, 2, 3, 0):
    ...     area[page * 4096] = 1
    >>> could_avoid(p, area).sentence
    'Yes, with 1 frame more: 4 faults up to then, not 5.'
    """
    machine = process.machine
    s, h = machine.state, machine.history
    wanted = last_fault(s, process.row, address(addr) // machine.page_size)
    if wanted is None:
        return Avoided("No fault on this page is on record.", 0, 0, (), "There is no fault to avoid.")
    told = _told(s, wanted)
    if reason := _out_of_reach(machine, wanted):
        return Avoided(told, 0, 0, (), f"It cannot be tried: {reason}.")
    steps = [h[n] for n in range(1, wanted.step + 1)]
    begin = time.perf_counter()
    came, faults, ns = run(machine, steps, wanted)
    took = time.perf_counter() - begin
    if came != SAME:
        return Avoided(
            told, faults, ns, (), "It cannot be tried: run again, the fault does not come (a file has changed)."
        )
    trials, late = [], "The rest would take too long."
    for trial in _trials(machine, steps, wanted, begin + SECONDS - took):
        if trial is None:
            break
        trials.append(trial)
    else:
        late = ""
    return Avoided(told, faults, ns, tuple(trials), late)


def _trials(machine: Machine, steps: list[Step], wanted: Wanted, deadline: float) -> Iterator[Trial | None]:
    """One trial after another, in the order of what they ask for; None when there is no time for the next."""
    spared = False
    for knob, changed, hooks in _knobs(machine, wanted):
        if time.perf_counter() > deadline:
            yield None
        trial = Trial(knob, *run(machine, steps, wanted, changed, hooks))
        spared |= trial.came == NOTHING
        yield trial
    if wanted.again and not spared:
        if time.perf_counter() > deadline:
            yield None
        yield _fewest(machine, steps, wanted, deadline)
    for times in TIMES_LARGER:
        if time.perf_counter() > deadline:
            yield None
        found = larger.run(machine, steps, wanted, times)
        if found is None:
            return
        size, frames = larger.pages_of(machine, times)
        yield Trial(f"pages of {size_text(size)} ({plural(frames, 'frame')})", *found)
        if found[0] == NOTHING:
            return


def _told(s: State, wanted: Wanted) -> str:
    row = sentences.Row(*wanted.event)
    return f"Step {wanted.step}: {sentences.arrival(look_at(s), 0, row, wanted.kind, []).sentence}"


def _out_of_reach(machine: Machine, wanted: Wanted) -> str:
    h = machine.history
    if not machine.built_with:
        return "this machine is a branch, or was loaded; its past does not reach back to where it was built"
    if h.first > 0 or not h.on:
        return "the record does not reach back to the start of the machine"
    if wanted.step > h.last or any(h[n].opaque for n in range(1, wanted.step + 1)):
        return "a step on the way was too large to keep, or was broken off"
    refs = h[wanted.step].after[REFS]
    if refs > MOST_REFERENCES:
        return f"{refs:,} references led here, and at most {MOST_REFERENCES:,} are run again"
    return ""


REFS = (STAT.names or ()).index("refs")


def _knobs(machine: Machine, wanted: Wanted) -> Iterator[tuple[str, dict[str, Any], Hooks]]:
    """What is tried, but for frames, in the order of what it asks for."""
    row, vpn, size = wanted.tag >> ASID_SHIFT, wanted.tag & VPN_MASK, machine.page_size

    def advise(twin: Machine, row: int, first: int, npages: int, advice: Advice) -> None:
        args = {"addr": first * size, "length": npages * size, "advice": advice}
        make(twin, "madvise", row, args, EXTRA)

    if wanted.kind in READS:
        yield "MADV_WILLNEED just before", {}, Hooks(lambda twin: advise(twin, row, vpn, 1, Advice.WILLNEED))
    owners = _lineage(machine.state, row)
    mapped: list[int] = []

    def populate(twin: Machine, step: Step) -> None:
        if mapped or step.row not in owners or step.call not in ("mmap", "brk"):
            return
        v = vma.at(twin.state, step.row, vpn)
        if v != NONE:
            area = vma.rows(twin.state, v, v + 1)[0]
            store = area.prot & Access.WRITE and area.object == NONE
            mapped.append(v)
            advise(twin, step.row, area.vpn, area.npages, Advice.POPULATE_WRITE if store else Advice.POPULATE_READ)

    yield "MAP_POPULATE when it was mapped", {}, Hooks(after=populate)
    if wanted.again:
        for policy in POLICIES_TRIED:
            if policy != machine.policy:
                yield f"policy {policy}", {"policy": policy}, PLAIN


def _lineage(s: State, row: int) -> list[int]:
    """The rows of a process and of those it was forked from: one of them has made its mappings."""
    rows = [row]
    while True:
        parent = (s.procs["pid"] == s.procs["parent"][rows[-1]]).nonzero()[0].tolist()
        if not parent or parent[0] in rows:
            return rows
        rows.append(parent[0])


def _fewest(machine: Machine, steps: list[Step], wanted: Wanted, deadline: float) -> Trial:
    """The fewest further frames with which the fault does not come: doubled until it stays away, then halved."""
    given = len(machine.state.frames)

    def trial(more: int) -> Trial:
        changed = {"frames": given + more, "ram": None}
        return Trial(f"{plural(more, 'frame')} more", *run(machine, steps, wanted, changed))

    few, more, best = 0, 1, trial(1)
    while best.came != NOTHING and 2 * more <= MOST_MORE * given and time.perf_counter() < deadline:
        few, more = more, 2 * more
        best = trial(more)
    while best.came == NOTHING and more - few > 1 and time.perf_counter() < deadline:
        middle = (few + more) // 2
        found = trial(middle)
        if found.came == NOTHING:
            best, more = found, middle
        else:
            few = middle
    return best
