"""A race of policies on one reference string: frames by time as textbooks draw them, and faults by number of frames."""

from typing import Any

import bqplot as bq
import numpy as np
from ipywidgets import HTML, Dropdown, HBox, Layout, Text, VBox

from ..errors import VmlabError
from ..views import race
from . import cell, theme
from .chart import PLAIN, Line, figure, legend
from .screen import close_tree
from .slots import Slots
from .theme import esc

COLOURS = ("var(--bad)", "var(--anon)", "var(--file)", "var(--cow)", "var(--swap)", "var(--minor)", "var(--ink)")
STYLES = ("solid", "dashed", "dotted")
OWN = "your own"


class PolicyRace(VBox):
    """The same references under several policies with several numbers of frames, side by side.

    string : references as typed, "1 2 3 4 1 2 5"; at most 60
    policies, frames : names and numbers, in a sequence or as typed: "fifo lru opt", "3 4"
    scale : size of text and cells: 1, 1.25, 1.5 or 2

    Every field can be changed on the screen; what is wrong with it stands beside it.

    >>> PolicyRace("1 2 3 4 1 2 5 1 2 3 4 5", "fifo opt", "3 4")
    PolicyRace(12 references; fifo 3: 9 faults, fifo 4: 10, opt 3: 7, opt 4: 6)
    """

    def __init__(
        self,
        string: Any = race.STRINGS["Belady's anomaly"],
        policies: Any = "fifo lru opt",
        frames: Any = "3 4",
        scale: float = 1.0,
    ) -> None:
        self.head = Slots()
        known = {text: name for name, text in race.STRINGS.items()}
        typed = _typed(string)
        self.strings = Dropdown(
            options=[*race.STRINGS, OWN],
            value=known.get(typed, OWN),
            tooltip="strings from textbooks",
            layout=Layout(width="auto"),
        )
        self.string = _field("pages", "page numbers", typed, "1 1 320px")
        self.policies = _field("policies", f"of {', '.join(race.with_frames())}", _typed(policies), "1 1 200px")
        self.frames = _field("frames", "numbers of frames", _typed(frames), "0 1 130px")
        self.picture, self.counts, self.legend = HTML(), HTML(), HTML()
        self.x, self.y = bq.LinearScale(min=1.0), bq.LinearScale(min=0.0)
        self.figure = self._figure()
        super().__init__(
            [
                theme.RaceTheme(),
                self.head,
                HBox([self.strings, self.string, self.policies, self.frames]).add_class("vml-bar"),
                self.picture,
                HBox([self.counts, VBox([self.legend, self.figure])]).add_class("vml-curves"),
            ]
        )
        for name in ("vml-part", "vml-race", "vml-root"):
            self.add_class(name)
        theme.resize(self, scale)
        cell.makes(self)
        self.lanes: list[race.Lane] = []
        self.race()
        self.strings.observe(self._chosen, "value")
        for field in (self.string, self.policies, self.frames):
            field.observe(lambda _: self.race(), "value")

    def _figure(self) -> bq.Figure:
        self.below = bq.Axis(scale=self.x, grid_lines="none", tick_format="d", **PLAIN)
        self.left = bq.Axis(scale=self.y, side="left", tick_format="d", **PLAIN)
        return figure([], [self.below, self.left])

    def _chosen(self, change: Any) -> None:
        if change["new"] != OWN:
            self.string.value = race.STRINGS[change["new"]]

    def race(self) -> None:
        """Run it again with what the fields say; an error in words leaves the last picture."""
        try:
            names = self.policies.value.replace(",", " ").split()
            lanes = race.lanes(self.string.value, names, _numbers(self.frames.value))
            faults = race.curves(self.string.value, names)
        except (ValueError, TypeError, VmlabError) as error:
            self.head.put(("t", "Policy race", ""), ("err opt", f"✖ {error}", "alert"))
            return
        self.lanes = lanes
        strange = "; ".join(race.anomalies(faults))
        best = min(lanes, key=lambda lane: lane.faults)
        said = (
            strange
            or f"fewest: {best.policy} with {best.frames} frames, {best.faults} of {len(best.table.pages)} fault"
        )
        self.head.put(
            ("t", "Policy race", ""), ("n", f"{len(best.table.pages)} references", ""), ("st", said, "status")
        )
        self.picture.value = "".join(map(_drawn, lanes))
        self.counts.value = theme.table("", ["frames", *faults], _rows(faults))
        self._draw(faults)

    def _draw(self, faults: dict[str, list[int]]) -> None:
        most = max(len(counts) for counts in faults.values())
        top = max(max(counts) for counts in faults.values())
        self.x.max, self.y.max = float(max(most, 2)), float(top)
        self.below.tick_values = np.unique(np.linspace(1, max(most, 2), min(most, 8)).round())
        self.left.tick_values = np.array([0.0, top // 2, top])
        looks = [Line(name, COLOURS[k % len(COLOURS)], STYLES[k % len(STYLES)]) for k, name in enumerate(faults)]
        self.legend.value = legend(looks, "faults by number of frames")
        old = list(self.figure.marks)
        self.figure.marks = [
            bq.Lines(
                x=np.arange(1.0, len(faults[line.name]) + 1),
                y=np.array(faults[line.name], float),
                scales={"x": self.x, "y": self.y},
                colors=[line.colour],
                line_style=line.style,
                stroke_width=line.width,
            )
            for line in looks
        ]
        for mark in old:
            mark.close()

    def __repr__(self) -> str:
        told = [
            f"{lane.policy} {lane.frames}: {lane.faults}{' faults' * (k == 0)}" for k, lane in enumerate(self.lanes)
        ]
        return f"PolicyRace({len(self.lanes[0].table.pages) if self.lanes else 0} references; {', '.join(told)})"

    def to_html(self) -> str:
        """The race as small tables."""
        rows = [(lane.policy, lane.frames, lane.faults) for lane in self.lanes]
        return theme.table(repr(self), ("policy", "frames", "faults"), rows)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return theme.with_text(self, super()._repr_mimebundle_(**kwargs))

    def close(self) -> None:
        """Close every widget of the race."""
        if self.comm is not None:
            close_tree(self)


def _field(name: str, title: str, value: str, flex: str) -> Text:
    narrow, layout = {"description_width": "initial"}, Layout(width="auto", flex=flex)
    return Text(value=value, description=name, tooltip=title, continuous_update=False, style=narrow, layout=layout)


def _typed(value: Any) -> str:
    return value if isinstance(value, str) else " ".join(str(v) for v in value)


def _numbers(text: str) -> list[int]:
    words = text.replace(",", " ").split()
    if wrong := [word for word in words if not word.isdecimal()]:
        raise ValueError(f"{wrong[0]!r} is no number of frames: write whole numbers, as in 3 4")
    return [int(word) for word in words]


def _rows(faults: dict[str, list[int]]) -> list[list[Any]]:
    most = max(len(counts) for counts in faults.values())
    return [[n + 1, *(counts[n] for counts in faults.values())] for n in range(most)]


def _drawn(lane: race.Lane) -> str:
    """One lane as an HTML table. A fault is a filled cell and a mark in the last line; what went stands in the line above it."""
    pages, missed = lane.table.pages, lane.table.missed
    frames = max(map(len, lane.table.columns))
    lines = ["<tr><th scope='row'>page</th>" + "".join(f"<th scope='col'>{esc(page)}</th>" for page in pages) + "</tr>"]
    for f in range(frames):
        cells = []
        for i, column in enumerate(lane.table.columns):
            held = column[f] if f < len(column) else None
            kind = "f" if missed[i] and held == pages[i] else "h" if held == pages[i] else ""
            cells.append(f"<td class='{kind}'>{'' if held is None else esc(held)}</td>")
        lines.append(f"<tr><th scope='row'>frame {f}</th>{''.join(cells)}</tr>")
    out = [
        f"<td title='{esc(why)}'>{'' if gone is None else esc(gone)}</td>"
        for gone, why in zip(lane.gone, lane.why, strict=True)
    ]
    lines.append(f"<tr class='out'><th scope='row'>out</th>{''.join(out)}</tr>")
    marks = "".join(f"<td>{'✖' if m else '·'}</td>" for m in missed)
    lines.append(f"<tr class='mark'><th scope='row'>fault</th>{marks}</tr>")
    title = f"{lane.policy}, {lane.frames} frame{'s' * (lane.frames != 1)}: {lane.faults} faults, {len(pages) - lane.faults} hits"
    return f"<table class='vml-lane'><caption>{esc(title)}</caption>{''.join(lines)}</table>"
