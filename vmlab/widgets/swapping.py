"""Swap-out and swap-in over time."""

from .. import views
from ..views import Axis, Look
from ..views.words import plural
from .chart import Chart, Line


class SwapOverTime(Chart):
    """Pages written to swap and read back since boot."""

    title = "Swap traffic"
    lines = (Line("out", "var(--swap)"), Line("in", "var(--bad)", "dashed"))

    def series(self, look: Look, axis: Axis = Axis.REFERENCES) -> views.Series:
        return views.swap_over_time(look, axis)

    def paint(self, look: Look, sel: views.Selection) -> None:
        t = views.totals(look)
        self.facts = "pages, in total"
        self.status = f"{t['pswpout']:,} out, {t['pswpin']:,} in."

    def summary(self, look: Look) -> str:
        t = views.totals(look)
        return f"{plural(t['refs'], 'reference')}: {plural(t['pswpout'], 'page')} swapped out, {t['pswpin']} in"
