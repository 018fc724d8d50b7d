"""Free frames over time."""

from .. import views
from ..views import Axis, Look
from .chart import Chart, Line


class FreeOverTime(Chart):
    """Frames that hold nothing; and, where there are any, the watermarks between which kswapd works."""

    title = "Free frames"
    unit = "frames"
    lines = (
        Line("free", "var(--file)"),
        Line("low", "var(--swap)", "dashed", 2),
        Line("high", "var(--swap)", "dotted", 2),
    )

    def series(self, look: Look, axis: Axis = Axis.REFERENCES) -> views.Series:
        return views.free_over_time(look, axis)

    def top(self, look: Look, d: views.Series) -> float:
        return float(len(look.state.frames))

    def paint(self, look: Look, sel: views.Selection) -> None:
        machine = look.state.machine[0]
        n, free = int(machine.online), int(machine.nfree)
        self.status = f"{free:,} of {n:,}."
        if machine.low:
            self.status += f" kswapd wakes at {int(machine.low):,} and sleeps above {int(machine.high):,}."
