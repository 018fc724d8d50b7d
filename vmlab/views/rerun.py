"""The recorded past, run again: on a machine of another build, or with a call more."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from ..core.events import between
from ..core.state import ASID_SHIFT, FAULTS, NONE, VPN_MASK, Event, State
from ..gate import FAILURES
from ..history import Step
from ..kernel import calls
from ..kernel.outside import Outside
from ..machine import Machine

NOTHING, MINOR, SAME = "does not come", "comes as minor", "comes"
READS = (Event.PAGEIN, Event.SWAPIN)  # the major faults
SHARING = (Event.COPY, Event.REUSE, Event.MKWRITE)  # the page was in memory: it is the store that had to be noticed


class Wanted(NamedTuple):
    """The fault that is asked about."""

    tag: int
    now: int
    step: int
    kind: Event
    again: bool  # had the page been in memory before, and gone?
    event: tuple[int, ...]  # as in the ring


def last_fault(s: State, row: int, vpn: int, there: Wanted | None = None) -> Wanted | None:
    """The last fault on a page of a process that the ring of events still holds; of those at the reference of `there`, or in its
    step where `there.now` is NONE."""
    tag = (row << ASID_SHIFT) | vpn
    events = between(s, 0, int(s.machine["nevent"][0]))
    mine = events[(events["tag"] == tag) & ((1 << events["kind"]) & FAULTS != 0)]
    if there is not None:
        mine = mine[(mine["step"] == there.step) & ((mine["now"] == there.now) | (there.now == NONE))]
    if not len(mine):
        return None
    e = mine[-1]
    at = (events["now"] == e["now"]) & (events["step"] == e["step"])
    kinds = events["kind"][at & (events["object"] == e["object"]) & (events["index"] == e["index"])]
    # a page whose bytes Python has read is told twice: that it was read, for whichever page, and that it was mapped
    kind = Event.PAGEIN if Event.PAGEIN in kinds else Event(int(e["kind"]))
    again = kind == Event.SWAPIN or (kind not in SHARING and len(mine) > 1)
    return Wanted(tag, int(e["now"]), int(e["step"]), kind, again, e.tolist())


class Hooks(NamedTuple):
    """What is done besides the steps."""

    before: Callable[[Machine], None] | None = None  # just before the reference that faulted
    after: Callable[[Machine, Step], None] | None = None  # after each step


PLAIN = Hooks()


def run(
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
                make(twin, made.call, made.row, made.args, made.n)
            hooks.before(twin)
        make(twin, step.call, step.row, step.args, step.n)
        if hooks.after is not None:
            hooks.after(twin, step)
    came = last_fault(twin.state, wanted.tag >> ASID_SHIFT, wanted.tag & VPN_MASK, wanted)
    return outcome(twin, wanted, came)


def outcome(twin: Machine, wanted: Wanted, came: Wanted | None) -> tuple[str, int, int]:
    """(what comes in place of the wanted fault, faults, ns) on a machine that has run."""
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


def make(twin: Machine, call: str, row: int | None, args: dict[str, Any], n: int) -> Any:
    """Make one call as step n; its result, or the exception: as the first time, or this machine is too small or too full."""
    k = twin.kernel
    k.begin(row, n, Outside())
    try:
        return calls.perform(k, call, row, args)
    except FAILURES as error:
        return error
    finally:
        k.finish()
