"""Pressure over time."""

from .. import views
from ..views import Axis, Look
from .chart import Chart, Line


class PressureOverTime(Chart):
    """In what share of simulated time somebody waited for memory (some), and nobody else had work to do meanwhile (full)."""

    title = "Pressure"
    unit = "%"
    lines = (Line("some", "var(--bad)"), Line("full", "var(--ink)", "dashed", 2))

    def series(self, look: Look, axis: Axis = Axis.REFERENCES) -> views.Series:
        return views.pressure_over_time(look, axis)

    def draw(self, look: Look) -> None:
        super().draw(look)
        self.facts = f"of the last {int(self.series(look).window):,}"

    def paint(self, look: Look, sel: views.Selection) -> None:
        some, full = look.state.pressure["total"].tolist()
        if some:
            self.status = f"Waited for memory so far: {told(some)}; {told(full)} of it with nothing else to do."
        else:
            self.status = "Nobody has waited for memory yet."


def told(ns: int) -> str:
    """Nanoseconds as people read them."""
    for unit, name in ((1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs")):
        if ns >= unit:
            return f"{ns / unit:.2f} {name}"
    return f"{ns} ns"
