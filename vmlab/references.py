"""References as users give them, for the queue and for a run."""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from .core.state import FAULTS, Event
from .errors import LimitError, number
from .kernel.program import Segment
from .kernel.references import given

MOST = 1_000_000  # references given one by one; arrays may be as long as memory allows


def segments(trace: Any, find: Callable[[Any], Any], process: Any = None) -> tuple[Segment, ...]:
    """A trace as the queue wants it: stretches of one process each, in arrays that nobody else has.

    `find` gives the process of a pid or name. TypeError, ValueError, LimitError.
    """
    if process is not None:
        addresses, writes = trace if isinstance(trace, tuple) and len(trace) == 2 else (trace, False)
        own = given(addresses if hasattr(addresses, "__len__") else _few(addresses), writes).own()
        return (Segment(process.row, process.pid, own.addresses, own.writes),)
    if hasattr(trace, "references"):
        raise TypeError("a Trace needs the process that makes its references: m.queue(trace, process)")
    stretches: list[tuple[Any, list[int], list[bool]]] = []
    for who, addr, *write in _few(trace):
        p = find(who)
        if not stretches or stretches[-1][0].pid != p.pid:
            stretches.append((p, [], []))
        stretches[-1][1].append(number("addr", addr))
        stretches[-1][2].append(bool(write and write[0]))
    owns = [(p, given(addresses, writes).own()) for p, addresses, writes in stretches]
    return tuple(Segment(p.row, p.pid, own.addresses, own.writes) for p, own in owns)


def _few(trace: Iterable[Any]) -> list[Any]:
    """The items of an iterable. LimitError if there are too many to hold as Python objects."""
    items = list(islice(trace, MOST + 1))
    if len(items) > MOST:
        raise LimitError(
            f"more than {MOST:,} references one by one: queue an array, m.queue(array, process), or, for a trace without "
            "end, use p.access(iterator, limit=n), which draws them as it goes"
        )
    return items


def mask(until: Event | int | None) -> int:
    """The events that end a run, as bits; Event.FAULT stands for every kind of fault. ValueError for what is no event."""
    if until is None:
        return 0
    return FAULTS if until == Event.FAULT else 1 << Event(until)
