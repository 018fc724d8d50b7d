"""The queue: references that processes have yet to make, in order."""

from typing import Any, NamedTuple

from ..core.state import Exit
from ..errors import Signal, Suspended
from .enter import CURSOR, REGISTER, Kernel
from .references import Given, in_one_go, make
from .suspend import stopped

QUEUE_AT, OTHERS = REGISTER["queue_at"], REGISTER["others"]


class Segment(NamedTuple):
    """References of one process. addresses: int64[n]. writes: uint8[n] or uint8[1]."""

    row: int
    pid: int
    addresses: Any
    writes: Any


def queue(k: Kernel, segments: tuple[Segment, ...]) -> int:
    """Append segments to the queue; how many references wait now."""
    m = k.state.machine[0]
    if m.queue_at == m.queue_length:  # all that waited were made: forget them
        k.queue, m.queue_at, m.queue_length = (), 0, 0
    k.queue += segments
    m.queue_length += sum(len(seg.addresses) for seg in segments)
    return int(m.queue_length - m.queue_at)


def position(k: Kernel) -> tuple[Segment, int] | None:
    """The segment whose turn it is and the reference in it, or None when nothing waits."""
    at = int(k.registers[QUEUE_AT])
    for seg in k.queue:
        if at < len(seg.addresses):
            return seg, at
        at -= len(seg.addresses)
    return None


def waits(k: Kernel, seg: Segment) -> bool:
    """Does a segment wait for its process to be resumed?"""
    procs = k.state.procs
    return bool(procs["alive"][seg.row] and procs["pid"][seg.row] == seg.pid and stopped(k, seg.row))


def others(k: Kernel, row: int) -> int:
    """1 if another process than the one in `row` has references to make now, else 0."""
    at = int(k.registers[QUEUE_AT])
    for seg in k.queue:
        if at < len(seg.addresses) and seg.row != row and not waits(k, seg):
            return 1
        at = max(0, at - len(seg.addresses))
    return 0


def let_pass(k: Kernel) -> bool:
    """The process whose turn it is is suspended: the next segment of one that runs goes first. False if there is none.

    What is left of the suspended one's segment stays where it is: it comes next, once its process is resumed.
    """
    at, i = int(k.registers[QUEUE_AT]), 0
    while at >= len(k.queue[i].addresses):
        at -= len(k.queue[i].addresses)
        i += 1
    j = next((j for j in range(i + 1, len(k.queue)) if len(k.queue[j].addresses) and not waits(k, k.queue[j])), None)
    if j is None:
        return False
    made, left = parts(k.queue[i], at)
    k.queue = (*k.queue[:i], made, k.queue[j], left, *k.queue[i + 1 : j], *k.queue[j + 1 :])
    return True


def parts(seg: Segment, n: int) -> tuple[Segment, Segment]:
    """A segment's first n references, and the others."""
    one = len(seg.writes) == 1
    return (
        seg._replace(addresses=seg.addresses[:n], writes=seg.writes if one else seg.writes[:n]),
        seg._replace(addresses=seg.addresses[n:], writes=seg.writes if one else seg.writes[n:]),
    )


class Waiting:
    """The waiting references being made, across segments. done: how many were; one that gets a signal counts.

    Those of a suspended process wait on, and the others go first. Suspended if there are only such.
    """

    def __init__(self, k: Kernel, until: int) -> None:
        self.kernel, self.until = k, until
        self.done = 0
        self._begun = False

    def advance(self, n: int) -> tuple[Exit, Signal | None]:
        """Make at most n, all of one segment: (why it stopped, signal). ProcessLookupError if their process is gone."""
        k = self.kernel
        if not self._begun:
            self._begun = True
            k.notice()
        place = position(k)
        if place is None:
            return Exit.DONE, None
        if waits(k, place[0]):
            if let_pass(k):
                place = position(k)
            elif self.done:
                return Exit.DONE, None
            else:
                raise Suspended("every reference that waits is of a suspended process: resume one first")
        assert place is not None
        seg, at = place
        if not k.state.procs["alive"][seg.row] or int(k.state.procs["pid"][seg.row]) != seg.pid:
            left = len(seg.addresses) - at
            k.registers[QUEUE_AT] += left
            raise ProcessLookupError(f"process {seg.pid} has ended; its {left:,} waiting references are dropped")
        refs = Given(seg.addresses, seg.writes).part(at, n)
        k.registers[OTHERS] = others(k, seg.row)
        k.registers[CURSOR] = 0
        failure = None
        try:
            why, failure = make(k, seg.row, refs, self.until, self.done)
        finally:  # also when a policy, Ctrl-C or the out-of-memory killer ended it
            made = int(k.registers[CURSOR]) + (failure is not None)
            self.done += made
            k.registers[QUEUE_AT] += made
        return why, failure

    def record(self, args: dict[str, Any]) -> bool:
        """The queue itself is the record."""
        return True


def run(k: Kernel, limit: int | None, until: int) -> None:
    """A recorded run, run again."""
    in_one_go(Waiting(k, until), k, limit, until)
