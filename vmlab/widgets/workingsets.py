"""Working sets over time, of each process."""

from typing import Any

from ipywidgets import Dropdown

from .. import views
from ..views import Axis, Look
from .chart import Chart
from .resident import ResidentOverTime


class WorkingSetsOverTime(Chart):
    """How many different pages each process has touched within the last so many references, in RAM or not (Denning 1968).

    `window` : these references; can be set to one of `windows`
    """

    title = "Working sets"
    lines = ResidentOverTime.lines

    def tools(self) -> list[Any]:
        self.windows = views.working_set_windows(self.screen.state)
        self.choice = Dropdown(
            options=[(f"{w:,}", w) for w in self.windows],
            value=self.windows[1],
            tooltip="how many references the working sets look back",
            layout={"width": "auto"},
        )
        self.choice.add_class("vml-fit").add_class("vml-small")
        self.choice.observe(self.guarded(lambda _: self.refresh()), "value")
        return [self.choice]

    @property
    def window(self) -> int:
        """How many references a working set looks back."""
        return int(self.choice.value) if hasattr(self, "choice") else views.working_set_windows(self.screen.state)[1]

    @window.setter
    def window(self, references: int) -> None:
        if references not in self.windows:
            raise ValueError(f"window={references!r}: choose from {', '.join(map(str, self.windows))}")
        self.choice.value = references

    def series(self, look: Look, axis: Axis = Axis.REFERENCES) -> views.Series:
        return views.working_sets_over_time(look, axis, self.window)

    def draw(self, look: Look) -> None:
        super().draw(look)
        self.facts = "in the last"

    def paint(self, look: Look, sel: views.Selection) -> None:
        sizes = views.working_set_sizes(look, self.window)
        each = ", ".join(f"{letter} {n:,}" for letter, n in sizes.items())
        online = int(look.state.machine["online"][0])
        self.status = f"{each}: {sum(sizes.values()):,} pages; {online:,} frames." if each else "No process yet."

    def summary(self, look: Look) -> str:
        return f"{super().summary(look)}; in windows of {self.window:,}"
