"""TimeBar: what time is counted in, zoom, and export, for all charts of a screen."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ipywidgets import Button, Dropdown, HBox

from ..views import Axis
from .slots import Slots

if TYPE_CHECKING:
    from .screen import Screen

BUTTONS = (  # text, what it says when it is pointed at, what it does to the time axis
    ("+", "zoom in (key: +)", lambda t: t.zoom(0.5)),
    ("−", "zoom out (key: -)", lambda t: t.zoom(2.0)),
    ("◀", "earlier (key: Shift+Left)", lambda t: t.shift(-0.5)),
    ("▶", "later (key: Shift+Right)", lambda t: t.shift(0.5)),
    ("Whole run", "see everything (key: 0)", lambda t: t.whole_run()),
)
SAVE, MORE = "save …", "more charts …"


class TimeBar(HBox):
    """Over the charts of a screen. `offer(names, show)` lets a person choose further charts by name."""

    def __init__(self, screen: "Screen") -> None:
        self.screen = screen
        self.said = Slots(kind="vml-head")
        narrow = {"description_width": "initial"}
        self.axis = Dropdown(
            options=[(f"time in {a}" if a != Axis.TIME else a, a) for a in Axis],
            value=screen.time.axis,
            tooltip="what time is counted in",
            layout={"width": "auto"},
        )
        self.save = Dropdown(
            options=[SAVE], tooltip="save a chart as a picture", layout={"width": "90px"}, style=narrow
        )
        self.more = Dropdown(
            options=[MORE], tooltip="show a further chart", layout={"width": "auto", "display": "none"}
        )
        self.buttons = [Button(description=text, tooltip=tip, layout={"width": "auto"}) for text, tip, _ in BUTTONS]
        controls = [self.axis, *self.buttons, self.save, self.more]
        for w in controls:
            w.add_class("vml-small").add_class("vml-fit")
        super().__init__([self.said, *controls])
        self.add_class("vml-timebar")
        for button, (_, _, act) in zip(self.buttons, BUTTONS, strict=True):
            button.on_click(self._guard(lambda _, act=act: act(screen.time)))
        self.axis.observe(self._guard(lambda change: screen.time.count_in(change["new"])), "value")
        self.save.observe(self._guard(self._saved), "value")
        self.more.observe(self._guard(self._chosen), "value")
        self._show: Callable[[str], object] | None = None
        screen.time.watchers.append(self.refresh)
        self.refresh()

    def _guard(self, call: Any) -> Any:
        return self.screen.guard(call, self.complain)

    def refresh(self, wrong: str = "") -> None:
        """Say what is seen, and which charts there are to save."""
        t = self.screen.time
        low, high = t.seen
        part = f"{t.label(round(low))} to {t.told(high)}, of {t.label(t.end)}" if t.zoomed else "the whole run"
        alert = ("err opt", f"✖ {wrong}" if wrong else "", "alert")
        self.said.put(("t", "Over time", ""), ("n", part, ""), alert)
        options = [SAVE, *(f"{c.title} as {kind}" for c in t.charts for kind in ("PNG", "SVG"))]
        if list(self.save.options) != options:
            self.save.options = options

    def complain(self, text: str) -> None:
        """An error in words; an empty text takes it away."""
        self.refresh(text)

    def offer(self, names: list[str], show: Callable[[str], object]) -> None:
        """Let `show(name)` be called for a chart that is chosen."""
        self._show = show
        self.more.options = [MORE, *names]
        self.more.layout.display = None if names else "none"

    def _saved(self, change: Any) -> None:
        if change["new"] != SAVE:
            title, _, kind = change["new"].rpartition(" as ")
            self.save.value = SAVE
            chart = next(c for c in self.screen.time.charts if c.title == title)
            (chart.save_png if kind == "PNG" else chart.save_svg)()

    def _chosen(self, change: Any) -> None:
        if change["new"] != MORE and self._show is not None:
            self._show(change["new"])
