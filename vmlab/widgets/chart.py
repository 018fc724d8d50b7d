"""Chart: lines over time, in bqplot; the base of the four charts. What a view returns is drawn, nothing is kept."""

from collections.abc import Iterable
from typing import Any, ClassVar, NamedTuple

import bqplot as bq
import numpy as np
from ipywidgets import HTML, Layout

from .. import views
from ..views import Look
from .part import Part
from .theme import esc

PLAIN = {"grid_color": "rgba(127,127,127,.25)", "color": "var(--jp-ui-font-color1)"}  # of an axis
MARGIN = {"top": 6, "bottom": 20, "left": 30, "right": 14}


class Line(NamedTuple):
    """How one line looks, and what the legend calls it."""

    name: str
    colour: str
    style: str = "solid"
    width: float = 2.5


class Chart(Part):
    """Step lines over time, counted in references. Subclasses: `lines` and `series`."""

    css = "chart"
    lines: ClassVar[tuple[Line, ...]] = ()
    below = True
    columns = ("references", "value")

    def body(self) -> list[Any]:
        self.legend = HTML()
        x = self.screen.time_scale
        self.y = bq.LinearScale(min=0.0, max=2.0)
        self.marks = [self.mark(line) for line in self.lines]
        self.below_axis = bq.Axis(
            scale=x, grid_lines="none", tick_format="d", tick_values=np.array([0.0, 1.0]), **PLAIN
        )
        self.left_axis = bq.Axis(
            scale=self.y, side="left", tick_format="~s", tick_values=np.array([0.0, 1.0, 2.0]), **PLAIN
        )
        self.figure = figure(self.marks, [self.below_axis, self.left_axis])
        return [self.legend, self.figure]

    def resize(self, scale: float) -> None:
        super().resize(scale)
        self.figure.fig_margin = {side: round(room * scale) for side, room in MARGIN.items()}

    def mark(self, line: Line) -> bq.Lines:
        """The bqplot mark of one line."""
        return bq.Lines(
            x=np.zeros(1),
            y=np.zeros(1),
            scales={"x": self.screen.time_scale, "y": self.y},
            colors=[line.colour],
            line_style=line.style,
            stroke_width=line.width,
            interpolation="step-after",
        )

    def series(self, look: Look) -> views.Series:
        """What is drawn: as many values as there are lines, by name."""
        raise NotImplementedError

    def draw(self, look: Look) -> None:
        d = self.series(look)
        names = list(d.values)
        for k, mark in enumerate(self.marks):
            y = d.values[names[k]] if k < len(names) else np.zeros(len(d.time))
            show(mark, x=d.time if k < len(names) else np.zeros(1), y=y if k < len(names) else np.zeros(1))
        top, end = self.top(look, d), views.right_end(d.now)
        fit(self.y, top)
        fit(self.screen.time_scale, end)
        ticks(self.left_axis, [0.0, top / 2, top])
        ticks(self.below_axis, [0.0, end / 2, end])
        html = self.legend_of(d)
        if self.legend.value != html:
            self.legend.value = html

    def to_frame(self) -> Any:
        """The lines as a pandas DataFrame, the time in references as its index."""
        import pandas as pd  # comes with bqplot

        d = self.series(views.look_at(self.screen.state))
        return pd.DataFrame(d.values, pd.Index(d.time.astype(np.int64), name="references"))

    def save_png(self, filename: str = "") -> None:
        """Let the page that shows the chart save it as a picture."""
        self.figure.save_png(filename or f"{self.title.lower().replace(' ', '-')}.png")

    def save_svg(self, filename: str = "") -> None:
        """The same as SVG, which can be enlarged."""
        self.figure.save_svg(filename or f"{self.title.lower().replace(' ', '-')}.svg")

    def top(self, look: Look, d: views.Series) -> float:
        """Where the vertical axis ends."""
        return views.ceiling(*d.values.values())

    def legend_of(self, d: views.Series) -> str:
        """The legend as HTML: bqplot's own would lie over the lines."""
        return legend(line._replace(name=name) for line, name in zip(self.lines, d.values, strict=False))

    def summary(self, look: Look) -> str:
        d = self.series(look)
        now = ", ".join(f"{name} {int(v[-1]):,}" for name, v in d.values.items())
        return f"{int(d.now):,} references; now: {now}" if now else f"{int(d.now):,} references"

    def rows(self, look: Look) -> list[tuple[Any, ...]]:
        d = self.series(look)
        at = np.unique(np.linspace(0, len(d.time) - 1, 6).astype(int))
        return [(f"{int(d.time[i]):,}", ", ".join(f"{n} {int(v[i]):,}" for n, v in d.values.items())) for i in at]


def figure(marks: list[bq.Mark], axes: list[bq.Axis]) -> bq.Figure:
    """A figure as low and plain as all charts are."""
    return bq.Figure(
        marks=marks,
        axes=axes,
        fig_margin=MARGIN,
        layout=Layout(width="100%", height="112px"),
        display_toolbar=False,
        animation_duration=0,
        padding_x=0.0,
        padding_y=0.0,
        min_aspect_ratio=0.01,
        max_aspect_ratio=100,
        background_style={"fill": "transparent"},
    )


def legend(lines: Iterable[Line], before: str = "") -> str:
    """A legend as HTML, after a word on what is drawn."""
    entries = "".join(
        f"<span><i style='border-top-color:{line.colour};border-top-style:{line.style}'></i>{esc(line.name)}</span>"
        for line in lines
    )
    return f"<div class='vml-ct'>{esc(before)}{entries}</div>"


def show(mark: bq.Lines, x: Any, y: Any) -> None:
    """Give a line its points, in one message, if they are others: an equal array would be sent and drawn again."""
    if np.array_equal(mark.x, x) and np.array_equal(mark.y, y):
        return
    with mark.hold_sync():
        mark.x, mark.y = np.asarray(x, np.float64), np.asarray(y, np.float64)


def fit(scale: bq.LinearScale, top: float) -> None:
    """Let a scale end at `top`."""
    if scale.max != top:
        scale.max = top


def ticks(axis: bq.Axis, values: list[float]) -> None:
    """Give an axis its ticks, if they are others."""
    if not np.array_equal(axis.tick_values, values):
        axis.tick_values = np.array(values, np.float64)
