"""The Workbench: the whole machine on one screen. Top to bottom it is the one picture: VMA, PTE, TLB, frames, time."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ipywidgets import HTML, Box, VBox

from .. import views
from ..views import Look
from ..views.words import plural
from . import cell, theme
from .chart import Chart
from .controls import Command
from .part import Part
from .screen import Screen, close_tree
from .slots import Slots
from .timebar import TimeBar
from .transport import Transport

if TYPE_CHECKING:
    from ..machine import Machine
    from .futures import TwoFutures


class Workbench(VBox):
    """Controls, headline, and the parts named in `show`, over one machine and one selection; the default is all but some charts,
    which can be chosen on the screen.

    `scale` enlarges letters, cells and charts together: 1, 1.25, 1.5 or 2. A cell of a notebook that runs again closes the
    Workbench it made before. *Branch* puts two futures in its place, side by side, until *One future* takes them away.

    >>> from vmlab import Machine
    >>> Workbench(Machine(frames=16, swap=0), show=["frames"])
    Workbench(16 frames, 16 free; 0 processes; moment 0 of 0)
    """

    def __init__(self, machine: "Machine", show: Sequence[str] | None = None, scale: float = 1.0) -> None:
        from . import ON_REQUEST, PARTS

        names = [n for n in PARTS if n not in ON_REQUEST] if show is None else list(show)
        unknown = [n for n in names if n not in PARTS]
        if unknown:
            raise ValueError(f"there is no part {unknown[0]!r}; choose from {', '.join(map(repr, PARTS))}")
        self.screen = Screen(machine)
        self.screen.follow()
        self.theme = theme.WorkbenchTheme(lambda: self.screen.wake(self.theme.views > 0))
        self.command = Command(self.screen)
        self.transport = Transport(self.screen)
        self.transport.branch.on_click(self.screen.guard(lambda _: self.branch(), self.complain))
        self.futures: TwoFutures | None = None  # in its place, while there are two
        self.headline = Slots(kind="vml-say")
        self.parts: dict[str, Part] = {name: PARTS[name](self.screen) for name in names}
        self.key = HTML(theme.key())
        self.stage = Box(list(self.parts.values())).add_class("vml-stage")
        self.over_time()
        self.whole: list[Any] = [self.theme, self.command, self.transport, self.headline, self.key, self.stage]
        super().__init__(self.whole)
        self.add_class("vml-root")
        cell.makes(self)
        self.screen.join(self)  # type: ignore[arg-type]
        self.refresh()
        self.screen.resize(scale)

    def over_time(self) -> None:
        """Put the bar of the time axis over the charts, if there are any."""
        charts = [part for part in self.parts.values() if isinstance(part, Chart)]
        if charts:
            self.time = TimeBar(self.screen)
            at = self.stage.children.index(charts[0])
            self.stage.children = [*self.stage.children[:at], self.time, *self.stage.children[at:]]
            self._offer()

    def _offer(self) -> None:
        from . import PARTS

        self.time.offer([n for n, kind in PARTS.items() if issubclass(kind, Chart) and n not in self.parts], self.add)

    def add(self, name: str) -> None:
        """Show a further chart, after those that are shown."""
        from . import PARTS

        if name in self.parts:
            return
        part = PARTS[name](self.screen)
        part.resize(self.screen.scale)
        after = 1 + max(i for i, w in enumerate(self.stage.children) if isinstance(w, Chart))
        self.parts[name] = part
        self.stage.children = [*self.stage.children[:after], part, *self.stage.children[after:]]
        self._offer()

    def announce(self) -> None:
        """The headline, before the pictures."""
        self.tell(self.screen.story)

    def refresh(self) -> None:
        """The machine changed."""
        self.repaint(self.screen.look)
        self.command.refresh()
        self.transport.refresh()

    def drawn(self) -> list[Any]:
        """The widgets of its own that a redraw may change."""
        return [self.headline, self.command.code, *self.command.field.values(), *self.transport.children]

    def repaint(self, look: Look) -> None:
        """The selection changed, or all."""
        self.tell(self.screen.story)
        self.command.follow(self.screen.selection)

    def resize(self, scale: float) -> None:
        """The size of the screen is another."""
        theme.resize(self, scale)
        self.command.size.value = scale

    def complain(self, text: str) -> None:
        """An error of the Workbench itself, in the bar of the transport."""
        self.transport.complain(text)

    def tell(self, story: views.Story) -> None:
        """The headline."""
        colour, classes = theme.TAGS.get(story.tag, theme.OTHER)
        look = {"plain": "k plain", "minor": "k dark", "out": "k dark", "inv": "k inv"}.get(classes, "k")
        cross = "✖ " if story.tag in theme.CROSS else ""
        role = "alert" if story.alert else "status"
        cost = f"{story.ns:,} ns" if story.n else ""
        said, lesson = ("h tip", story.headline, role), ("s tip", story.second, "")
        with self.headline.hold_sync():
            self.headline.colour = colour
            self.headline.put((look, cross + story.tag, ""), said, lesson, ("ns", cost, ""))

    # -- two futures ---------------------------------------------------------------------------------------------------

    def branch(self) -> None:
        """Show the machine and a branch of it, side by side, with the same parts in the same size."""
        from .futures import TwoFutures  # made of Workbenches

        if self.futures is not None:
            return
        self.transport.stop()
        self.futures = TwoFutures(self.screen.machine, list(self.parts), self.screen.scale, self.unite)
        theme.resize(self, 1.0)  # its place only: each side has its own size
        self.set_trait("children", [self.futures])

    def unite(self) -> None:
        """Show the machine alone again; what its branch did is gone."""
        if self.futures is None:
            return
        self.set_trait("children", self.whole)
        self.futures.close()
        self.futures = None
        theme.resize(self, self.screen.scale)

    def close(self) -> None:
        """Close every widget of it and let go of the machine."""
        if self.comm is None:
            return
        self.unite()
        self.transport.stop()
        self.screen.leave(self)  # type: ignore[arg-type]
        for part in self.parts.values():
            part.close()
        self.command.close()
        self.screen.close()
        close_tree(self)

    # -- as text -------------------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        if not self.screen.open:
            return "Workbench(closed)"
        m, s = self.screen.machine, self.screen.state
        n, free = len(s.frames), int(s.machine["nfree"][0])
        h = m.history
        return f"Workbench({n} frames, {free} free; {plural(len(m.processes), 'process')}; moment {h.now} of {h.last})"

    def to_html(self) -> str:
        """What each part shows, a line each."""
        if not self.screen.open:
            return theme.esc(repr(self))
        self.screen.limiter.flush()
        look = views.look_at(self.screen.state)
        rows = [(self.screen.story.tag, self.screen.story.headline)]
        rows += [(p.title, p.summary(look)) for p in self.parts.values()]
        return theme.table(repr(self), ("part", "shows"), rows, most=len(rows))

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return theme.with_text(self, super()._repr_mimebundle_(**kwargs))
