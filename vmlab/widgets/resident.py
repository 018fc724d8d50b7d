"""Resident pages over time, of each process."""

from .. import views
from ..core.state import SAMPLED_PROCS
from ..views import Axis, Look
from .chart import Chart, Line

STYLES = ("solid", "dashed", "dotted", "dash_dotted")


class ResidentOverTime(Chart):
    """Pages in RAM of each living process: letters by line style, not by colour."""

    title = "Resident pages"
    lines = tuple(Line(str(k), "var(--ink)", STYLES[k % 4], 2 if k < 4 else 1) for k in range(SAMPLED_PROCS))

    def series(self, look: Look, axis: Axis = Axis.REFERENCES) -> views.Series:
        return views.resident_over_time(look, axis)

    def paint(self, look: Look, sel: views.Selection) -> None:
        total = int(look.state.procs["rss"][look.living].sum())
        self.status = f"{total:,} mapped in all." if look.living else "No process yet."
