"""TimeAxis: the time that all charts of a screen share: what it is counted in, which part of it is seen, and how to go there."""

from bisect import bisect_right
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import bqplot as bq
import numpy as np

from .. import views
from ..core import clock
from ..core.state import STAT
from ..views import Axis, Look
from ..views.readings import POSITION, Readings

if TYPE_CHECKING:
    from .chart import Chart
    from .screen import Screen

REFS = (STAT.names or ()).index("refs")
LEAST = 4.0  # of the axis, that can be seen alone
UNITS = ((1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs"), (1, "ns"))


class TimeAxis:
    """One bqplot scale, which PanZoom moves with the mouse and the methods here from buttons and keys. Zoomed, it stays where
    it is while the machine runs on; else it shows the whole run, to the end of the record if an undo has left some of it."""

    def __init__(self, screen: "Screen") -> None:
        self.screen = screen
        self.scale = bq.LinearScale(min=0.0, max=1.0)
        self.pan = bq.PanZoom(scales={"x": [self.scale]})
        self.axis = Axis.REFERENCES
        self.end = 1.0
        self.zoomed = False
        self.pointed: float | None = None  # where somebody points, on the axis
        self.charts: list[Chart] = []
        self.watchers: list[Callable[[], object]] = []  # told when another part is seen, or another place pointed at
        self._own = False
        self.scale.observe(self._moved, ["min", "max"])

    @property
    def seen(self) -> tuple[float, float]:
        """The part that is seen."""
        return float(self.scale.min), float(self.scale.max)

    # -- which part is seen --------------------------------------------------------------------------------------------

    def fit(self, look: Look) -> None:
        """The machine has changed: see the whole run, unless zoomed."""
        self.end = views.right_end(self.last(look))
        if not self.zoomed:
            self._set(0.0, self.end)

    def _set(self, low: float, high: float) -> None:
        if self.seen == (low, high):
            return
        self._own = True
        try:
            with self.scale.hold_sync():
                self.scale.min, self.scale.max = low, high
        finally:
            self._own = False

    def _moved(self, _: Any) -> None:
        """The page's PanZoom has moved it."""
        if not self._own:
            self.zoomed = True
            self.tell()

    def show(self, low: float, high: float) -> None:
        """See a part of the run, at least LEAST of it and nothing beside it."""
        width = min(max(high - low, LEAST), self.end)
        low = min(max(low, 0.0), self.end - width)
        self.zoomed = width < self.end
        self._set(low, low + width)
        self.tell()

    def settle(self) -> None:
        """The mouse has let go of it: no further than the run goes."""
        if self.zoomed:
            self.show(*self.seen)

    def zoom(self, factor: float) -> None:
        """See `factor` times as much, about where somebody points, else about the middle."""
        low, high = self.seen
        about = self.pointed if self.pointed is not None and low <= self.pointed <= high else (low + high) / 2
        self.show(about - (about - low) * factor, about + (high - about) * factor)

    def shift(self, share: float) -> None:
        """Move by a share of what is seen: to the right if it is positive."""
        low, high = self.seen
        self.show(low + share * (high - low), high + share * (high - low))

    def whole_run(self) -> None:
        """See everything."""
        self.show(0.0, self.end)

    def count_in(self, axis: Axis) -> None:
        """Count time in something else, and see the whole run."""
        self.axis, self.zoomed, self.pointed = Axis(axis), False, None
        self.screen.redraw()
        self.tell()

    def point(self, at: float | None) -> None:
        """Somebody points at a place, or at none any more."""
        self.pointed = at
        self.tell()

    def tell(self) -> None:
        """Bring what shows the axis up to date, in one message."""
        with self.screen.together():
            for watcher in list(self.watchers):
                watcher()

    # -- positions of moments ------------------------------------------------------------------------------------------

    def last(self, look: Look) -> float:
        """Where the run ends: now, or at the end of the record."""
        now, h = Readings(look, 1).current(POSITION[self.axis]), self.screen.machine.history
        return max(now, self.position(h.last)) if h.on and h.last > h.now else now

    def position(self, moment: int) -> float:
        """Where a moment of the record lies on the axis."""
        h = self.screen.machine.history
        if h.last == h.first:
            return 0.0
        step, k = (h[moment], 1) if moment > h.first else (h[moment + 1], 0)
        if self.axis == Axis.EVENTS:
            return float(step.events[k])
        counts = np.frombuffer(step.counts[k], STAT)[0]
        s = self.screen.state
        if self.axis == Axis.TIME:
            return float(clock.spent(counts, s.cost[0], int(s.machine["levels"][0])))
        return float(counts["refs"])

    def go(self, at: float) -> None:
        """Go to the moment at a place of the axis; within a run of references, to the reference. ValueError without a history."""
        m = self.screen.machine
        h = m.history
        if not h.on:
            raise ValueError("this machine keeps no history: there is no way back")
        if self.axis == Axis.REFERENCES:
            at = round(at)
        moments = range(h.first, h.last + 1)
        moment = max(h.first, h.first + bisect_right(moments, at, key=self.position) - 1)
        within = self.reference(moment, at) if moment < h.last else 0
        if within:
            m.seek(moment, reference=within)
        elif moment != h.now or h.part is not None:
            m.seek(moment)

    def reference(self, moment: int, at: float) -> int:
        """How many references into the step after a moment a place lies; 0 if that is no run of them, or cannot be entered."""
        step = self.screen.machine.history[moment + 1]
        before, after = step.before[REFS], step.after[REFS]
        if step.call not in ("access", "run") or step.opaque or after - before < 2:
            return 0
        if self.axis == Axis.REFERENCES:
            return int(at) - before
        r = Readings(self.screen.look)
        known = r.position(self.axis)
        if at <= known[-1]:
            refs = float(np.interp(at, known, r.line("now")))
        else:
            low, high = self.position(moment), self.position(moment + 1)
            refs = before + (after - before) * (at - low) / max(high - low, 1.0)
        return min(max(int(refs) - before, 0), after - before)

    # -- words ---------------------------------------------------------------------------------------------------------

    def ticks(self) -> dict[float, str]:
        """Where an axis has ticks, and what they read: few, and round."""
        low, high = self.seen
        if not self.zoomed:
            at = [0.0, self.end / 2, self.end]
        else:
            step = views.ceiling(np.array([(high - low) / 3])) if high - low > 6 else 2.0
            at = [float(v) for v in np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step]
        return {v: self.label(v) for v in at}

    def label(self, v: float) -> str:
        """A place in short."""
        if self.axis == Axis.TIME:
            size, unit = next((u for u in UNITS if self.seen[1] >= u[0]), UNITS[-1])
            return f"{v / size:,.10g} {unit}" if v else "0"
        for size, unit in ((1_000_000, "M"), (1_000, "k")):
            if v >= 10_000 and v % (size / 10) == 0 and v >= size:
                return f"{v / size:,.10g}{unit}"
        return f"{v:,.0f}"

    def told(self, v: float) -> str:
        """A place in words."""
        return f"{self.label(round(v))} of simulated time" if self.axis == Axis.TIME else f"{v:,.0f} {self.axis}"

    def close(self) -> None:
        """Close what no chart owns."""
        self.watchers.clear()
        self.pan.close()
        self.scale.close()
