"""Faults over time, by kind."""

from .. import views
from ..views import Axis, Look
from ..views.words import plural
from .chart import Chart, Line


class FaultsOverTime(Chart):
    """Minor faults, major faults and copies in the last so many references."""

    title = "Faults"
    unit = "faults"
    lines = (
        Line("minor", "var(--minor)"),
        Line("major", "var(--bad)"),
        Line("copies", "var(--cow)", "dashed"),
    )

    def series(self, look: Look, axis: Axis = Axis.REFERENCES) -> views.Series:
        return views.faults_over_time(look, axis)

    def draw(self, look: Look) -> None:
        super().draw(look)
        self.facts = f"in the last {int(self.series(look).window):,}"

    def paint(self, look: Look, sel: views.Selection) -> None:
        t = views.totals(look)
        copies = f" ({t['copies']:,} cop{'y' if t['copies'] == 1 else 'ies'})" if t["copies"] else ""
        self.status = f"So far {t['minflt']:,} minor{copies}, {t['majflt']:,} major."

    def summary(self, look: Look) -> str:
        t = views.totals(look)
        faults = f"{plural(t['minflt'], 'minor fault')}, {plural(t['majflt'], 'major fault')}"
        return f"{plural(t['refs'], 'reference')}: {faults}, {t['copies']} cop{'y' if t['copies'] == 1 else 'ies'}"
