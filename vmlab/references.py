"""References as users give them, made into the arrays that the core runs."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .core.state import FAULTS, Event
from .kernel.program import Segment


def arrays(addresses: Any, writes: Any) -> tuple[Any, Any]:
    """Addresses and writes as int64 and uint8 arrays, contiguous and writable: (n,), and (n,) or (1,). TypeError, ValueError."""
    a = np.asarray(addresses)
    if a.ndim != 1 or (a.dtype.kind not in "iu" and a.size):
        raise TypeError(f"addresses must be whole numbers in one dimension, not {a.dtype} of shape {a.shape}")
    a = a.view(np.int64) if a.dtype == np.uint64 else a.astype(np.int64, copy=False)
    w = np.asarray(writes)
    if w.dtype.kind not in "biu":
        raise TypeError(f"writes must be true or false, not {w.dtype}")
    if w.ndim == 0:
        w = w.reshape(1)
    elif w.shape != a.shape:
        raise ValueError(f"{len(a)} addresses and {len(w)} writes")
    w = (w != 0).view(np.uint8) if w.dtype != np.uint8 else w
    return _ours(a), _ours(w)


def _ours(x: Any) -> Any:
    return x if x.flags.c_contiguous and x.flags.writeable else x.copy()


def segments(trace: Any, find: Callable[[Any], Any], process: Any = None) -> tuple[Segment, ...]:
    """A trace as the queue wants it: stretches of one process each. `find` gives the process of a pid or name."""
    if process is not None:
        addresses, writes = trace if isinstance(trace, tuple) and len(trace) == 2 else (trace, False)
        return (Segment(process.row, process.pid, *arrays(addresses, writes)),)
    stretches: list[tuple[Any, list[int], list[bool]]] = []
    for who, addr, *write in trace:
        p = find(who)
        if not stretches or stretches[-1][0].pid != p.pid:
            stretches.append((p, [], []))
        stretches[-1][1].append(int(addr))
        stretches[-1][2].append(bool(write and write[0]))
    return tuple(Segment(p.row, p.pid, *arrays(addresses, writes)) for p, addresses, writes in stretches)


def mask(until: Event | int | None) -> int:
    """The events that end a run, as bits; Event.FAULT stands for every kind of fault."""
    if until is None:
        return 0
    return FAULTS if until == Event.FAULT else 1 << int(until)
