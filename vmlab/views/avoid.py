"""Could this fault have been avoided? The recorded past is run again on machines that differ in one thing.

    "1 frame more"       a machine of another build makes every step of the record
    "MAP_POPULATE"       the machine as it was makes them, and one call more

A reference has the same number in all of them: machine.now counts references, whatever they cost. So the fault is the event
with its page and its time; where no such event comes, it was avoided. Host files are read again and never written to.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from ..core import vma
from ..core.events import between
from ..core.state import ASID_SHIFT, FAULTS, NONE, STAT, VPN_MASK, Access, Event, State
from ..gate import FAILURES
from ..history import Step
from ..kernel import calls
from ..kernel.madvise import Advice
from ..kernel.outside import Outside
from ..machine import Machine
from . import sentences
from .look import look_at
from .words import plural

NOTHING, MINOR, SAME = "does not come", "comes as minor", "comes"
READS = (Event.PAGEIN, Event.SWAPIN)  # the major faults
SHARING = (Event.COPY, Event.REUSE, Event.MKWRITE)  # the page was in memory: it is the store that had to be noticed
SECONDS = 4.0  # that all trials may take
MOST_MORE = 4  # times the machine's frames are added, at most
MOST_REFERENCES = 1_000_000  # of a past that is run again
EXTRA = 0  # the number of a step that the record does not hold
POLICIES_TRIED = ("lru", "clock", "fifo", "linux")


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


class Wanted(NamedTuple):
    """The fault that is asked about."""

    tag: int
    now: int
    step: int
    kind: Event
    again: bool  # had the page been in memory before, and gone?
    event: tuple[int, ...]  # as in the ring


def could_avoid(machine: Machine, row: int, vpn: int) -> Avoided:
    """Try what could have spared the process in `row` the last fault on its page number `vpn`. The machine is not changed.

    Faults are counted, times are simulated nanoseconds. Raises nothing: what cannot be tried is told in the answer.

    >>> from vmlab import Machine, KiB
    >>> from vmlab.views import could_avoid
    >>> m = Machine(frames=3, policy="fifo")
    >>> p = m.spawn("p")
    >>> area = p.mmap(16 * KiB)
    >>> for page in (0, 1, 2, 3, 0):
    ...     area[page * 4096] = 1
    >>> could_avoid(m, 0, area.addr >> 12).sentence
    'Yes, with 1 frame more: 4 faults up to then, not 5.'
    """
    s, h = machine.state, machine.history
    wanted = last_fault(s, row, vpn)
    if wanted is None:
        return Avoided("No fault on this page is on record.", 0, 0, (), "There is no fault to avoid.")
    told = _told(s, wanted)
    if reason := _out_of_reach(machine, wanted):
        return Avoided(told, 0, 0, (), f"It cannot be tried: {reason}.")
    steps = [h[n] for n in range(1, wanted.step + 1)]
    begin = time.perf_counter()
    came, faults, ns = _run(machine, steps, wanted)
    took = time.perf_counter() - begin
    if came != SAME:
        return Avoided(
            told, faults, ns, (), "It cannot be tried: run again, the fault does not come (a file has changed)."
        )
    trials, late = [], ""
    for knob, changed, hooks in _knobs(machine, wanted):
        if time.perf_counter() - begin + took > SECONDS:
            late = "The rest would take too long."
            break
        trials.append(Trial(knob, *_run(machine, steps, wanted, changed, hooks)))
    if not late and wanted.again and all(t.came != NOTHING for t in trials):
        trials.append(_fewest(machine, steps, wanted, begin + SECONDS - took))
    return Avoided(told, faults, ns, tuple(trials), late)


def last_fault(s: State, row: int, vpn: int, there: Wanted | None = None) -> Wanted | None:
    """The last fault on a page of a process that the ring of events still holds; of those at the reference of `there`."""
    tag = (row << ASID_SHIFT) | vpn
    events = between(s, 0, int(s.machine["nevent"][0]))
    mine = events[(events["tag"] == tag) & ((1 << events["kind"]) & FAULTS != 0)]
    if there is not None:
        mine = mine[(mine["now"] == there.now) & (mine["step"] == there.step)]
    if not len(mine):
        return None
    e = mine[-1]
    at = (events["now"] == e["now"]) & (events["step"] == e["step"])
    kinds = events["kind"][at & (events["object"] == e["object"]) & (events["index"] == e["index"])]
    # a page whose bytes Python has read is told twice: that it was read, for whichever page, and that it was mapped
    kind = Event.PAGEIN if Event.PAGEIN in kinds else Event(int(e["kind"]))
    again = kind == Event.SWAPIN or (kind not in SHARING and len(mine) > 1)
    return Wanted(tag, int(e["now"]), int(e["step"]), kind, again, e.tolist())


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


class Hooks(NamedTuple):
    """What is done besides the steps."""

    before: Callable[[Machine], None] | None = None  # just before the reference that faulted
    after: Callable[[Machine, Step], None] | None = None  # after each step


PLAIN = Hooks()


def _run(
    machine: Machine,
    steps: list[Step],
    wanted: Wanted,
    changed: dict[str, Any] | None = None,
    hooks: Hooks = PLAIN,
) -> tuple[str, int, int]:
    """Make the steps on a machine that is built like this one, but for `changed`: (what comes, faults, ns)."""
    twin = Machine(**{**machine.built_with, "history": None, **(changed or {})})
    twin.kernel.sealed = True
    for step in steps:
        if step.call == "set_policy" and changed and "policy" in changed:
            continue  # another policy is tried throughout
        if step.n == wanted.step and hooks.before is not None:
            made, step = _halves(step, wanted.now - int(twin.state.machine["now"][0]))
            if made is not None:
                _make(twin, made.call, made.row, made.args, made.n)
            hooks.before(twin)
        _make(twin, step.call, step.row, step.args, step.n)
        if hooks.after is not None:
            hooks.after(twin, step)
    came = last_fault(twin.state, wanted.tag >> ASID_SHIFT, wanted.tag & VPN_MASK, wanted)
    counters = twin.state.stat[0]
    kind = NOTHING if came is None else MINOR if wanted.kind in READS and came.kind not in READS else SAME
    return kind, int(counters.minflt + counters.majflt), twin.clock_ns


def _halves(step: Step, made: int) -> tuple[Step | None, Step]:
    """A step as its first `made` references and the others; None where it makes none before."""
    if step.call not in ("access", "run") or made <= 0:
        return None, step
    limit = step.args["limit"]
    rest = {**step.args, "limit": None if limit is None else limit - made}
    if step.call == "access":
        writes = step.args["writes"]
        rest |= {"addresses": step.args["addresses"][made:], "writes": writes[made:] if len(writes) > 1 else writes}
    return step.until(made), replace(step, args=rest)


def _make(twin: Machine, call: str, row: int | None, args: dict[str, Any], n: int) -> None:
    """Make one call as step n."""
    k = twin.kernel
    k.begin(row, n, Outside())
    try:
        calls.perform(k, call, row, args)
    except FAILURES:
        pass  # as it was the first time; or this machine is too small or too full for it
    k.finish()


def _knobs(machine: Machine, wanted: Wanted) -> Iterator[tuple[str, dict[str, Any], Hooks]]:
    """What is tried, but for frames, in the order of what it asks for."""
    row, vpn, size = wanted.tag >> ASID_SHIFT, wanted.tag & VPN_MASK, machine.page_size

    def advise(twin: Machine, row: int, first: int, npages: int, advice: Advice) -> None:
        args = {"addr": first * size, "length": npages * size, "advice": advice}
        _make(twin, "madvise", row, args, EXTRA)

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
        return Trial(f"{plural(more, 'frame')} more", *_run(machine, steps, wanted, changed))

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
