"""Dirty pages over time."""

from .. import views
from ..views import Axis, Look
from .chart import Chart, Line


class DirtyOverTime(Chart):
    """Pages in memory whose bytes are nowhere else: of files, for writeback or msync; and anonymous, for swap to take."""

    title = "Dirty pages"
    lines = (Line("files", "var(--file)"), Line("anonymous", "var(--anon)", "dashed"))

    def series(self, look: Look, axis: Axis = Axis.REFERENCES) -> views.Series:
        return views.dirty_over_time(look, axis)

    def paint(self, look: Look, sel: views.Selection) -> None:
        files, anonymous = (int(v[-1]) for v in self.series(look).values.values())
        self.status = f"{files:,} of files, {anonymous:,} anonymous."
