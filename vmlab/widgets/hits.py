"""TLB hit rate over time."""

from .. import views
from ..views import Axis, Look
from ..views.words import plural
from .chart import Chart, Line


class HitsOverTime(Chart):
    """How many of the last so many references found their translation in the TLB, in percent."""

    title = "TLB hit rate"
    unit = "%"
    lines = (Line("hits", "var(--anon)"),)

    def series(self, look: Look, axis: Axis = Axis.REFERENCES) -> views.Series:
        return views.hits_over_time(look, axis)

    def draw(self, look: Look) -> None:
        super().draw(look)
        self.facts = f"of the last {int(self.series(look).window):,}"

    def paint(self, look: Look, sel: views.Selection) -> None:
        t = views.totals(look)
        hits = t["refs"] - t["tlb_misses"]
        share = f", {100 * hits / t['refs']:.1f} %" if t["refs"] else ""
        self.status = f"So far {hits:,} of {t['refs']:,}{share}; {plural(t['tlb_misses'], 'miss')}."

    def summary(self, look: Look) -> str:
        t = views.totals(look)
        now = self.series(look).values["hits"][-1]
        told = f"{plural(t['refs'], 'reference')}: {plural(t['tlb_misses'], 'TLB miss')}"
        return f"{told}; of the last {int(self.series(look).window):,} {now:.1f} % hit"
