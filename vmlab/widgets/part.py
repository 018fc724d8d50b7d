"""Part: one picture of a machine, on its own or on a Workbench; the base of every chart.

A part holds no counters and no history: `draw` asks the views for everything, each time. It is used as

    FrameMap(machine)        alone: with its own screen, key and style
    FrameMap(machine, scale=1.5)   the same, larger
    FrameMap(screen)         among others: selection and redraw are the screen's

A cell of a notebook that runs again closes what it made before.
"""

from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import bqplot
from ipywidgets import HTML, HBox, Text, VBox, Widget

from .. import views
from ..views import Look
from . import cell, theme
from .cellgrid import Cells
from .pointer import Pointer
from .screen import Screen, close_tree, tree
from .slots import Slots

if TYPE_CHECKING:
    from ..machine import Machine


DRAWN = (Cells, Slots, Pointer, HTML, Text, bqplot.Lines, bqplot.Axis, bqplot.LinearScale)


class Part(VBox):
    """A title line with a status sentence, and a picture. Subclasses: `body`, `draw`, `paint`, `summary`, `rows`."""

    title: ClassVar[str] = ""
    css: ClassVar[str] = ""  # its class, vml-<css>
    key: ClassVar[tuple[str, ...]] = ()  # the entries of the key that it uses
    below: ClassVar[bool] = False  # does its sentence stand below the picture?
    columns: ClassVar[tuple[str, ...]] = ()  # of its table

    def __init__(self, machine: "Machine | Screen", scale: float = 1.0) -> None:
        self.alone = alone = not isinstance(machine, Screen)
        self.screen = machine if isinstance(machine, Screen) else Screen(machine)
        self.facts, self.status, self.alert = "", "", ""
        self.head = Slots()
        self.said = Slots(kind="vml-said") if self.below else self.head
        body, tools = self.body(), self.tools()
        top: Widget = HBox([self.head, *tools]).add_class("vml-top") if tools else self.head
        kids = [top, *body, *([self.said] if self.below else [])]
        if alone:
            self.theme = theme.Theme(lambda: self.screen.wake(self.theme.views > 0))
            kids = [self.theme, *kids, *([HTML(theme.key(*self.key))] if self.key else [])]
        super().__init__(kids)
        self.add_class("vml-part").add_class(f"vml-{self.css}")
        if alone:
            cell.makes(self)
            self.add_class("vml-root")
            self.screen.follow()
        self.screen.join(self)
        self.refresh()
        if alone:
            self.screen.resize(scale)

    # -- what a part is ------------------------------------------------------------------------------------------------

    def body(self) -> list[Widget]:
        """The widgets of the picture, made once."""
        return []

    def tools(self) -> list[Widget]:
        """Controls at the right of the title line."""
        return []

    def draw(self, look: Look) -> None:
        """Bring the picture up to date, and `facts`."""

    def paint(self, look: Look, sel: views.Selection) -> None:
        """Show what is selected, and set `status`. No picture is rebuilt."""

    def summary(self, look: Look) -> str:
        """One line that says what the picture shows: deterministic, a test output."""
        return self.facts

    def rows(self, look: Look) -> list[tuple[Any, ...]]:
        """The picture as a table under `columns`."""
        return []

    @cached_property
    def _drawn(self) -> list[Widget]:
        return [w for w in tree(self) if isinstance(w, DRAWN)]

    def drawn(self) -> list[Widget]:
        """The widgets that a redraw may change."""
        return self._drawn

    # -- the rest ------------------------------------------------------------------------------------------------------

    def announce(self) -> None:
        """Say what can be said before anything is drawn."""

    def refresh(self) -> None:
        """Draw and paint from the machine as it is."""
        look = self.screen.look
        self.draw(look)
        self.paint(look, self.screen.selection)
        self.say(self.status)

    def repaint(self, look: Look) -> None:
        """Paint the selection only."""
        self.paint(look, self.screen.selection)
        self.say(self.status)

    def say(self, text: str) -> None:
        """The status sentence."""
        self.status = text
        self._put()

    def complain(self, text: str) -> None:
        """An error in words, beside the title; an empty text takes it away."""
        self.alert = f"✖ {text}" if text else ""
        self._put()

    def _put(self) -> None:
        title, facts = ("t", self.title, ""), ("n", self.facts, "")
        status, alert = ("st", self.status, "status"), ("err opt", self.alert, "alert")
        if self.below:
            self.head.put(title, facts)
            self.said.put(status, alert)
        else:
            self.head.put(title, facts, status, alert)

    def look_as(self, name: str, on: bool) -> None:
        """Have a class of the style sheet or not."""
        if on != (name in self._dom_classes):
            (self.add_class if on else self.remove_class)(name)

    def resize(self, scale: float) -> None:
        """The size of the screen is another."""
        if "vml-root" in self._dom_classes:
            theme.resize(self, scale)

    def guarded(self, call: Any) -> Any:
        """A callback whose exceptions stand beside the title."""
        return self.screen.guard(call, self.complain)

    def close(self) -> None:
        """Close every widget of the part and let go of the machine."""
        if self.comm is None:
            return
        self.screen.leave(self)
        close_tree(self)

    # -- as text -------------------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        if not self.screen.open:
            return f"{type(self).__name__}(closed)"
        self.screen.limiter.flush()
        return f"{type(self).__name__}({self.summary(views.look_at(self.screen.state))})"

    def to_html(self) -> str:
        """The picture as a small table."""
        if not self.screen.open:
            return theme.esc(repr(self))
        self.screen.limiter.flush()
        look = views.look_at(self.screen.state)
        return theme.table(f"{self.title}: {self.summary(look)}", self.columns, self.rows(look))

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return theme.with_text(self, super()._repr_mimebundle_(**kwargs))
