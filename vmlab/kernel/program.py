"""The queue: references that processes have yet to make, in order."""

from typing import Any, NamedTuple

import numpy as np

from ..core import cpu
from ..core.state import Access, Exit
from ..errors import Signal
from . import memory
from .enter import Kernel


class Segment(NamedTuple):
    """References of one process. addresses: int64[n]. writes: uint8[n] or uint8[1]."""

    row: int
    pid: int
    addresses: Any
    writes: Any


def queue(k: Kernel, segments: tuple[Segment, ...]) -> int:
    """Append segments to the queue; how many references wait now."""
    k.queue += segments
    m = k.state.machine[0]
    m.queue_length += sum(len(seg.addresses) for seg in segments)
    return int(m.queue_length - m.queue_at)


def position(k: Kernel) -> tuple[Segment, int] | None:
    """The segment whose turn it is and the reference in it, or None when nothing waits."""
    at = int(k.state.machine["queue_at"][0])
    for seg in k.queue:
        if at < len(seg.addresses):
            return seg, at
        at -= len(seg.addresses)
    return None


def advance(k: Kernel, limit: int, until: int) -> tuple[int, Exit, Signal | None]:
    """Make at most `limit` of the waiting references, all of one segment: (made, why, signal).

    A reference that gets a signal counts as made, and the queue goes on after it. ProcessLookupError if its process is gone.
    """
    place = position(k)
    if place is None:
        return 0, Exit.DONE, None
    seg, at = place
    s = k.state
    if not s.procs["alive"][seg.row] or int(s.procs["pid"][seg.row]) != seg.pid:
        k.state.machine["queue_at"][0] += len(seg.addresses) - at
        raise ProcessLookupError(
            f"process {seg.pid} has ended; its {len(seg.addresses) - at:,} waiting references are dropped"
        )
    k.caller = seg.row
    cpu.switch(s, seg.row)
    m = s.machine
    m["cursor"][0], m["until"][0] = at, until
    inside = seg.addresses[: at + limit]
    writes = seg.writes if len(seg.writes) == 1 else seg.writes[: at + limit]
    if len(inside) == 1 and len(writes) != 1:
        writes = np.ascontiguousarray(writes[:1])
    why = k.references(inside, writes, limit)
    made = int(k.state.machine["cursor"][0]) - at
    k.state.machine["queue_at"][0] += made
    if why not in (Exit.SEGV, Exit.BUS):
        return made, Exit.DONE if made == limit and why == Exit.DONE else why, None
    k.state.machine["queue_at"][0] += 1
    write = bool(seg.writes[at + made if len(seg.writes) > 1 else 0])
    access = Access.WRITE if write else Access.READ
    failure = memory.signal(k, seg.row, why, int(seg.addresses[at + made]), access, made)
    return made + 1, why, failure
