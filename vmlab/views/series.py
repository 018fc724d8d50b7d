"""The counters over time, from the machine's own thinned samples, on an axis of references, of events or of simulated time."""

import math
from typing import NamedTuple

import numpy as np

from ..core.state import SAMPLED_PROCS, State
from .look import Look, look_at
from .readings import Array, Axis, Readings, counted, windows_of, working_sets, working_sets_now


class Series(NamedTuple):
    """Step functions: values[i] holds from time[i] on. float64, the last at `now`. Time is in references, events or ns."""

    time: Array
    values: dict[str, Array]
    now: float
    window: float = 0.0  # references that a rate looks back on


def window_of(now: float, least: float = 8.0) -> float:
    """How many references a rate looks back on: a power of two, about a twentieth of the run."""
    while least * 24 < now:
        least *= 2
    return least


def _series(r: Readings, axis: Axis, values: dict[str, Array]) -> Series:
    time = r.position(axis)
    return Series(time, values, float(time[-1]))


def faults_over_time(s: State | Look, axis: Axis = Axis.REFERENCES) -> Series:
    """Faults by kind in the last `window` references: minor (copies among them), major, copies."""
    r = Readings(look_at(s))
    window = window_of(r.line("now")[-1])
    refs = np.concatenate([r.line("now"), r.leaving(window)])
    order = np.argsort(refs, kind="stable")
    here, back = r.before(refs), r.before(refs - window)
    here[: len(r.line("now"))] = np.arange(len(r.line("now")))  # several readings may be of one time
    rates = {}
    for name, field in (("minor", "minflt"), ("major", "majflt"), ("copies", "copies")):
        v = r.line(field)
        rates[name] = (v[here] - np.where(back >= 0, v[np.maximum(back, 0)], 0.0))[order]
    time = np.concatenate([r.position(axis), r.position(axis, r.leaving(window))])[order]
    return Series(time, rates, float(time[-1]), window)


def _rate(r: Readings, axis: Axis, names: dict[str, str], over: str) -> Series:
    """Of the last `window` references, what share of one counter others are, in percent; 0 where it has not risen yet."""
    window = window_of(r.line("now")[-1])
    refs = np.concatenate([r.line("now"), r.leaving(window)])
    order = np.argsort(refs, kind="stable")
    begun = np.maximum(refs - window, 0.0)
    n = len(r.line("now"))

    def risen(name: str) -> Array:
        """How much a counter has risen within the window."""
        here = r.between(name, refs)
        here[:n] = r.line(name)
        return here - np.where(refs > window, r.between(name, begun), 0.0)

    whole = risen(over)
    shares = {
        name: np.divide(100 * risen(field), whole, out=np.zeros(len(refs)), where=whole > 0)[order].clip(0, 100)
        for name, field in names.items()
    }
    time = np.concatenate([r.position(axis), r.position(axis, r.leaving(window))])[order]
    return Series(time, shares, float(time[-1]), window)


def hits_over_time(s: State | Look, axis: Axis = Axis.REFERENCES) -> Series:
    """How many of the last `window` references found their translation in the TLB, in percent."""
    r = Readings(look_at(s))
    d = _rate(r, axis, {"misses": "tlb_misses"}, "now")
    made = d.values["misses"].copy()
    first = int(np.searchsorted(r.line("now"), 1)) if r.line("now")[-1] else len(made)
    hits = 100 - made
    hits[:first] = 0.0  # no reference yet
    return d._replace(values={"hits": hits})


def pressure_over_time(s: State | Look, axis: Axis = Axis.REFERENCES) -> Series:
    """In what share of the simulated time of the last `window` references somebody waited for memory, and everybody; percent."""
    return _rate(Readings(look_at(s)), axis, {"some": "some", "full": "full"}, "ns")


def dirty_over_time(s: State | Look, axis: Axis = Axis.REFERENCES) -> Series:
    """Pages in memory that differ from what file or swap holds: of files, and anonymous. As counted last, where not each time."""
    r = Readings(look_at(s))
    dirty, files = counted(r.line("dirty")), counted(r.line("dirty_files"))
    return _series(r, axis, {"files": files, "anonymous": dirty - files})


def swap_over_time(s: State | Look, axis: Axis = Axis.REFERENCES) -> Series:
    """Pages swapped out and in since boot."""
    r = Readings(look_at(s))
    return _series(r, axis, {"out": r.line("pswpout"), "in": r.line("pswpin")})


def free_over_time(s: State | Look, axis: Axis = Axis.REFERENCES) -> Series:
    """Free frames; and the low and high watermark of a machine that has them, as they are now."""
    look = look_at(s)
    r, m = Readings(look), look.state.machine
    free = r.line("nfree", float(m["online"][0]))
    marks = {name: np.full(len(free), float(m[name][0])) for name in ("low", "high") if m["low"][0]}
    return _series(r, axis, {"free": free, **marks})


def sampled_rows(look: Look) -> list[int]:
    """The rows of the living processes that are sampled: of the first eight."""
    return [row for row in look.living if row < SAMPLED_PROCS]


def resident_over_time(s: State | Look, axis: Axis = Axis.REFERENCES) -> Series:
    """Pages resident of each living process that is sampled (the first eight rows), by letter."""
    look = look_at(s)
    r = Readings(look)
    rss, now = look.state.sample_rss, look.state.procs["rss"]
    lines = {
        look.letter[row]: r.whole(rss[r.at, row].astype(float), 0.0, float(now[row])) for row in sampled_rows(look)
    }
    return _series(r, axis, lines)


def working_sets_over_time(s: State | Look, axis: Axis = Axis.REFERENCES, window: int | None = None) -> Series:
    """Pages in the working set of each living process that is sampled, by letter: how many different ones it has touched within
    the last `window` references of the machine (Denning, CACM 11(5), 1968), evicted or not.

    `window`: one of working_set_windows, the middle one unless told. As counted last, where they were not counted each time.
    """
    look = look_at(s)
    r, known = Readings(look), windows_of(look)
    window = known[1] if window is None else window
    if window not in known:
        raise ValueError(
            f"window={window!r}: this machine counts working sets over {', '.join(map(str, known))} references"
        )
    lines = {look.letter[row]: working_sets(r, row, window) for row in sampled_rows(look)}
    return _series(r, axis, lines)._replace(window=float(window))


def working_set_windows(s: State | Look) -> list[int]:
    """The windows over which this machine counts working sets, in references, shortest first."""
    return windows_of(look_at(s))


def working_set_sizes(s: State | Look, window: int) -> dict[str, int]:
    """Pages in the working set of each living process now, by letter."""
    look = look_at(s)
    now = working_sets_now(look, window)
    return {look.letter[row]: now.get(row, 0) for row in look.living}


def totals(s: State | Look) -> dict[str, int]:
    """The counters a status line names."""
    s = look_at(s).state
    fields = ("refs", "minflt", "majflt", "copies", "pswpin", "pswpout", "pgpgin", "pgpgout", "tlb_misses")
    out = {f: int(s.stat[f][0]) for f in fields}
    out["nfree"] = int(s.machine["nfree"][0])
    return out


def right_end(now: float) -> float:
    """Where a time axis ends: at most a fifth beyond now, even, and the same for many steps, so that charts need not move."""
    step = 2.0
    while step * 40 < now:
        step *= 2 if step * 80 >= now else 4 if step * 160 >= now else 10
    return max(step, step * math.ceil(now / step)) if now else 2.0


def ceiling(*lines: Array) -> float:
    """The least of 2, 4, 6, 10, 16, 20, 40, ... that no value exceeds: the top of an axis, half of it whole."""
    top = max((float(v.max()) for v in lines if len(v)), default=0.0)
    scale = 1.0
    while True:
        for step in (2, 4, 6, 10, 16):
            if top <= step * scale:
                return step * scale
        scale *= 10
