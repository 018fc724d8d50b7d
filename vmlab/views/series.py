"""The counters over time, from the machine's own thinned samples. Time is counted in references."""

import math
from typing import Any, NamedTuple

import numpy as np

from ..core.state import SAMPLED_PROCS, State
from .look import Look, look_at

Array = np.ndarray[Any, Any]

POINTS = 1000  # that a line may have


class Series(NamedTuple):
    """Step functions: values[i] holds from time[i] on. float64, at most POINTS long, the last at `now`."""

    time: Array
    values: dict[str, Array]
    now: float
    window: float = 0.0  # references that a rate looks back on


def kept(s: State) -> Array:
    """The samples that make at most POINTS with the moment now: every k-th, the newest among them."""
    n = int(s.machine["nsample"][0])
    step = max(1, -(-n // (POINTS - 2)))
    return np.arange(n - 1, -1, -step)[::-1]


def sampled(s: State, *fields: str) -> tuple[Array, list[Array]]:
    """Times and values of some fields of the samples, and the moment now, thinned to POINTS."""
    keep = kept(s)
    time = s.samples["now"][keep].astype(float)
    lines = [s.samples[f][keep].astype(float) for f in fields]
    now = float(s.machine["now"][0])
    return np.append(time, now), [np.append(v, current(s, f)) for v, f in zip(lines, fields, strict=True)]


def current(s: State, field: str) -> float:
    """What a sample taken now would say."""
    source = s.stat if field in (s.stat.dtype.names or ()) else s.machine
    return float(source[field][0]) if field != "nfree" else float(s.machine["nfree"][0])


def from_zero(time: Array, lines: list[Array], start: float) -> tuple[Array, list[Array]]:
    """The same with a first point at time 0."""
    if len(time) and time[0] <= 0:
        return time, lines
    return np.concatenate([[0.0], time]), [np.concatenate([[start], v]) for v in lines]


def faults_over_time(s: State | Look) -> Series:
    """Faults by kind in the last `window` references: minor (copies among them), major, copies."""
    time, lines = sampled(look_at(s).state, "minflt", "majflt", "copies")
    time, lines = from_zero(time, lines, 0.0)
    now = float(time[-1])
    window = 8.0
    while window * 24 < now:
        window *= 2
    before = np.searchsorted(time, time - window, "right") - 1
    rates = [v - np.where(before >= 0, v[np.maximum(before, 0)], 0.0) for v in lines]
    return Series(time, dict(zip(("minor", "major", "copies"), rates, strict=True)), now, window)


def swap_over_time(s: State | Look) -> Series:
    """Pages swapped out and in since boot."""
    time, lines = from_zero(*sampled(look_at(s).state, "pswpout", "pswpin"), 0.0)
    return Series(time, dict(zip(("out", "in"), lines, strict=True)), float(time[-1]))


def free_over_time(s: State | Look) -> Series:
    """Free frames; and the low and high watermark of a machine that has them, as they are now."""
    s = look_at(s).state
    time, lines = from_zero(*sampled(s, "nfree"), float(s.machine["online"][0]))
    marks = {name: np.full(len(time), float(s.machine[name][0])) for name in ("low", "high") if s.machine["low"][0]}
    return Series(time, {"free": lines[0], **marks}, float(time[-1]))


def resident_over_time(s: State | Look) -> Series:
    """Pages resident of each living process that is sampled (the first eight rows), by letter."""
    look = look_at(s)
    s = look.state
    time, _ = sampled(s)
    keep = kept(s)
    rows = [r for r in look.living if r < SAMPLED_PROCS]
    lines = [np.append(s.sample_rss[keep, r].astype(float), float(s.procs["rss"][r])) for r in rows]
    time, lines = from_zero(time, lines, 0.0)
    return Series(time, {look.letter[r]: v for r, v in zip(rows, lines, strict=True)}, float(time[-1]))


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
