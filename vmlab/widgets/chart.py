"""Chart: lines over time, in bqplot; the base of all charts over time. What a view returns is drawn, nothing is kept."""

from collections.abc import Iterable
from typing import Any, ClassVar, NamedTuple

import bqplot as bq
import numpy as np
from ipywidgets import HTML, Box, Layout

from .. import views
from ..views import Axis, Look
from .part import Part
from .pointer import Pointer
from .theme import esc
from .timebar import TimeBar

PLAIN = {"grid_color": "rgba(127,127,127,.25)", "color": "var(--jp-ui-font-color1)"}  # of an axis
MARGIN = {"top": 6, "bottom": 20, "left": 30, "right": 22}


class Line(NamedTuple):
    """How one line looks, and what the legend calls it."""

    name: str
    colour: str
    style: str = "solid"
    width: float = 2.5


class Chart(Part):
    """Step lines over time, counted in references, events or simulated time. Subclasses: `lines`, `series` and `unit`.

    Drag to move, turn the wheel to zoom once the chart has the focus, click to go to that moment, point to read the values;
    from the keyboard: arrows read, Enter goes there, + and - zoom, Shift with an arrow moves, 0 shows the whole run.
    """

    css = "chart"
    lines: ClassVar[tuple[Line, ...]] = ()
    unit: ClassVar[str] = "pages"  # of the values
    below = True
    columns = ("references", "value")

    def body(self) -> list[Any]:
        time = self.screen.time
        self.legend = HTML()
        self.y = bq.LinearScale(min=0.0, max=2.0)
        self.marks = [self.mark(line) for line in self.lines]
        self.below_axis = bq.Axis(scale=time.scale, grid_lines="none", tick_values=np.array([0.0, 1.0]), **PLAIN)
        self.left_axis = bq.Axis(
            scale=self.y, side="left", tick_format="~s", tick_values=np.array([0.0, 1.0, 2.0]), **PLAIN
        )
        self.figure = figure(self.marks, [self.below_axis, self.left_axis], time.pan)
        self.pointer = Pointer(f"{self.title} over time", self.guarded(self.acted))
        time.charts.append(self)
        time.watchers.append(self.follow)
        bar = [TimeBar(self.screen)] if self.alone else []
        return [*bar, self.legend, Box([self.figure, self.pointer]).add_class("vml-plot")]

    def close(self) -> None:
        time = self.screen.time
        if self in time.charts:
            time.charts.remove(self)
            time.watchers.remove(self.follow)
        super().close()

    def resize(self, scale: float) -> None:
        super().resize(scale)
        self.figure.fig_margin = {side: round(room * scale) for side, room in MARGIN.items()}

    def mark(self, line: Line) -> bq.Lines:
        """The bqplot mark of one line."""
        return bq.Lines(
            x=np.zeros(1),
            y=np.zeros(1),
            scales={"x": self.screen.time.scale, "y": self.y},
            colors=[line.colour],
            line_style=line.style,
            stroke_width=line.width,
            interpolation="step-after",
        )

    def series(self, look: Look, axis: Axis = Axis.REFERENCES) -> views.Series:
        """What is drawn: as many values as there are lines, by name."""
        raise NotImplementedError

    def draw(self, look: Look) -> None:
        time = self.screen.time
        d = self.series(look, time.axis)
        names = list(d.values)
        for k, mark in enumerate(self.marks):
            y = d.values[names[k]] if k < len(names) else np.zeros(len(d.time))
            show(mark, x=d.time if k < len(names) else np.zeros(1), y=y if k < len(names) else np.zeros(1))
        top = self.top(look, d)
        fit(self.y, top)
        ticks(self.left_axis, [0.0, top / 2, top])
        time.fit(look)
        html = self.legend_of(d)
        if self.legend.value != html:
            self.legend.value = html
        self.follow()

    # -- what a person does ----------------------------------------------------------------------------------------------

    def follow(self) -> None:
        """Show the part of the time axis that is seen, and what the lines say where somebody points."""
        time = self.screen.time
        at = time.ticks()
        with self.below_axis.hold_sync():
            ticks(self.below_axis, list(at))
            labels = {f"{v:.0f}": text for v, text in at.items()}
            if self.below_axis.tick_labels != labels:
                self.below_axis.tick_labels = labels
        low, high = time.seen
        pointed = time.pointed
        self.pointer.line = -1.0 if pointed is None or not low <= pointed <= high else (pointed - low) / (high - low)
        if pointed is not None or self.reading:
            self._put()

    reading = False  # does the sentence tell what is pointed at?

    def _put(self) -> None:
        pointed, own = self.screen.time.pointed, self.status
        self.reading = pointed is not None
        if pointed is not None:
            self.status = self.read(pointed)
        super()._put()
        self.status = own

    def read(self, at: float) -> str:
        """What the lines say at a place of the time axis, in words."""
        drawn = [(line.name, m) for line, m in zip(self.named(), self.marks, strict=False)]
        time = self.screen.time
        if not drawn or at > drawn[0][1].x[-1]:
            return f"At {time.told(at)}: not yet."
        values = [f"{name} {self.number(m.y[max(0, np.searchsorted(m.x, at, 'right') - 1)])}" for name, m in drawn]
        return f"At {time.told(at)}: {', '.join(values)}."

    def named(self) -> list[Line]:
        """The lines that are drawn, with the names that the legend has for them."""
        names = self.series(self.screen.look).values
        return [line._replace(name=name) for line, name in zip(self.lines, names, strict=False)]

    def number(self, v: float) -> str:
        """A value of a line as text."""
        return f"{v:.1f} %" if self.unit == "%" else f"{v:,.0f}"

    def acted(self, event: str, share: float | None, key: str) -> None:
        """Somebody points, clicks or presses a key on the chart."""
        time = self.screen.time
        low, high = time.seen
        at = None if share is None else low + share * (high - low)
        if event == "point":
            time.point(at)
        elif event == "pick" and at is not None:
            time.go(at)
        elif event == "settled":
            time.settle()
        elif event == "key":
            self.pressed(key)

    def pressed(self, key: str) -> None:
        """A key on the chart."""
        time = self.screen.time
        low, high = time.seen
        x = self.marks[0].x if self.marks else np.zeros(1)
        here = time.pointed if time.pointed is not None else float(x[-1])
        seen = x[(x >= low) & (x <= high)]
        if key in ("+", "=", "Shift++", "Shift+="):
            time.zoom(0.5)
        elif key in ("-", "Shift+-"):
            time.zoom(2.0)
        elif key == "0":
            time.whole_run()
        elif key in ("Shift+ArrowLeft", "Shift+ArrowRight"):
            time.shift(-0.5 if key.endswith("Left") else 0.5)
        elif key == "Escape":
            time.point(None)
        elif key == "Enter":
            time.go(here)
        elif len(seen):
            past, later = seen[seen < here], seen[seen > here]
            to = {"ArrowLeft": past[-1:], "ArrowRight": later[:1], "Home": seen[:1], "End": seen[-1:]}.get(key, ())
            time.point(float(to[0]) if len(to) else here)

    # -- to take away ------------------------------------------------------------------------------------------------------

    def to_frame(self, axis: Axis | str | None = None) -> Any:
        """The lines as a pandas DataFrame: a column for each, and the time as its index.

        axis : "references", "events" or "simulated time" (whole ns); what the chart shows unless told

        Each row holds until the next. The values are in `.attrs["unit"]`: pages, faults, frames or % (0 to 100); rates are of
        the last `.attrs["window"]` references, where that is not 0. Rows are thinned to about a thousand: m.samples has all.
        """
        import pandas as pd  # comes with bqplot

        chosen = self.screen.time.axis if axis is None else Axis(axis)
        d = self.series(views.look_at(self.screen.state), chosen)
        frame = pd.DataFrame(d.values, pd.Index(d.time.astype(np.int64), name=str(chosen)))
        frame.attrs = {"unit": self.unit, "window": int(d.window)}
        return frame

    def save_png(self, filename: str = "") -> None:
        """Let the page that shows the chart save it as a picture."""
        self.figure.save_png(filename or f"{self.title.lower().replace(' ', '-')}.png")

    def save_svg(self, filename: str = "") -> None:
        """The same as SVG, which can be enlarged."""
        self.figure.save_svg(filename or f"{self.title.lower().replace(' ', '-')}.svg")

    # -- as text -----------------------------------------------------------------------------------------------------------

    def top(self, look: Look, d: views.Series) -> float:
        """Where the vertical axis ends."""
        return 100.0 if self.unit == "%" else views.ceiling(*d.values.values())

    def legend_of(self, d: views.Series) -> str:
        """The legend as HTML: bqplot's own would lie over the lines."""
        return legend(line._replace(name=name) for line, name in zip(self.lines, d.values, strict=False))

    def summary(self, look: Look) -> str:
        d = self.series(look)
        now = self.values(d, -1)
        return f"{int(d.now):,} references; now: {now}" if now else f"{int(d.now):,} references"

    def values(self, d: views.Series, i: int) -> str:
        """Every line's value at point i, as text."""
        return ", ".join(f"{name} {self.number(v[i])}" for name, v in d.values.items())

    def rows(self, look: Look) -> list[tuple[Any, ...]]:
        d = self.series(look)
        at = np.unique(np.linspace(0, len(d.time) - 1, 6).astype(int))
        return [(f"{int(d.time[i]):,}", self.values(d, i)) for i in at]


def figure(marks: list[bq.Mark], axes: list[bq.Axis], interaction: bq.PanZoom | None = None) -> bq.Figure:
    """A figure as low and plain as all charts are."""
    return bq.Figure(
        interaction=interaction,
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
