"""What happened: the steps of the machine's history, or every event of its ring, in sentences."""

from collections.abc import Callable, Iterable
from typing import Any

from ipywidgets import Dropdown

from .. import views
from ..core.state import NONE
from ..views import Look
from ..views.sentences import Happening
from .cellgrid import Cell, CellGrid
from .part import Part
from .theme import CROSS, OTHER, TAGS

LINES = 10
SEARCHED = 400  # happenings looked through for those that are wanted
FAULTS = ("minor", "MAJOR", "copy", "reuse")
STEPS = ("steps", "signals and errors")  # whose lines are steps of the history
WANTED: dict[str, Callable[[Happening, views.Selection], bool]] = {  # whose lines are happenings, and which
    "faults and evictions": lambda h, sel: True,
    "faults": lambda h, sel: h.tag in FAULTS,
    "swap": lambda h, sel: "swap slot" in h.sentence,
    "copies": lambda h, sel: h.tag in ("copy", "reuse"),
    "this page": lambda h, sel: (
        (h.vpn != NONE and (h.row, h.vpn) == (sel.row, sel.vpn))
        or (h.object != NONE and (h.object, h.index) == (sel.object, sel.index))
    ),
}


SHORT = {  # calls whose name is too long for a chip
    "mprotect": "prot", "munmap": "unmap", "set_policy": "policy", "set_overcommit": "commit", "madvise": "advise",
    "mincore": "incore", "munlock": "unlock", "mlockall": "mlock", "munlockall": "unlock", "setrlimit": "limit",
    "remap_file_pages": "remap", "open_zero": "open", "pipe_read": "read", "pipe_write": "write", "pipe_get": "read",
    "set_dirty": "dirty", "suspend": "stop", "set_oom_score_adj": "adj", "set_max_map_count": "maps", "set_shootdowns": "shoot",
    "set_policy_knobs": "knobs", "set_failure": "fail",
    "pipe_put": "write", "truncate": "trunc", "refresh": "renew",
}  # fmt: skip


class EventLog(Part):
    """The newest lines, the last one the moment shown. Picking one goes there and selects its page; the tooltip has all of it."""

    title = "What happened"
    css = "log"
    columns = ("step", "what", "in words")

    def body(self) -> list[Any]:
        self.grid = CellGrid("what happened, oldest first", self.guarded(self.picked))
        return [self.grid]

    def tools(self) -> list[Any]:
        self.filter = Dropdown(options=[STEPS[0], *WANTED, STEPS[1]], layout={"width": "auto"}, tooltip="which lines")
        self.filter.add_class("vml-fit").add_class("vml-small")
        self.filter.observe(self.guarded(lambda _: self.refresh()), "value")
        return [self.filter]

    def draw(self, look: Look) -> None:
        h, shown = self.screen.machine.history, self.filter.value
        if shown in WANTED:
            found = [x for x in views.log(look, SEARCHED) if WANTED[shown](x, self.screen.selection)]
            cells = self.events(found[-LINES:])
        elif shown == "steps":
            cells = self.steps(range(max(h.first, h.now - LINES) + 1, h.now + 1))
        else:
            cells = self.steps([n for n in range(h.first + 1, h.now + 1) if h[n].error is not None][-LINES:])
        self.grid.show(cells, 1)
        self.look_as("told", shown in WANTED)

    def steps(self, moments: Iterable[int]) -> list[Cell]:
        """A line for each of these steps."""
        told = [self.screen.tell(n) for n in moments]
        self.lines: list[tuple[int, int, int]] = [(x.n, x.row, x.vpn) for x in told]
        return [
            Cell(f"{x.n}  {x.short}", chip_classes(x.tag), f"{x.n}: {x.headline} {x.second}", chip(x.tag)) for x in told
        ]

    def events(self, found: list[Happening]) -> list[Cell]:
        """A line for each of these."""
        self.lines = [(h.step, h.row, h.vpn) for h in found]
        return [Cell(f"{h.step}  {h.sentence}", chip_classes(h.tag), f"{h.sentence}.", chip(h.tag)) for h in found]

    def paint(self, look: Look, sel: views.Selection) -> None:
        if self.filter.value == "this page":
            self.draw(look)
        now = self.screen.machine.history.now
        at = [i for i, x in enumerate(self.lines) if x[0] == now]
        page = (sel.row, sel.vpn)
        self.grid.mark(at[-1:], [i for i, x in enumerate(self.lines) if x[2] != NONE and x[1:] == page])
        self.grid.layout.display = None if self.lines else "none"
        self.status = "" if self.lines else "Nothing yet."

    def picked(self, i: int) -> None:
        """A line was picked: go to the moment after that step, and select the page that the line is about."""
        step, row, vpn = self.lines[i]
        with self.screen.together():
            if step != self.screen.machine.history.now:
                self.screen.machine.seek(step)
                self.screen.limiter.flush()
            look = self.screen.look
            if any(a.first <= vpn < a.stop for a in look.areas.get(row, ())):
                self.screen.select(views.select_page(look, row, vpn))

    def summary(self, look: Look) -> str:
        h = self.screen.machine.history
        return f"moment {h.now} of {h.last}; {self.screen.story.headline}"

    def rows(self, look: Look) -> list[tuple[Any, ...]]:
        h = self.screen.machine.history
        first = max(h.first, h.now - LINES)
        told = [self.screen.tell(n) for n in range(first + 1, h.now + 1)]
        return [(x.n, x.tag, "; ".join(x.happened[:3]) or x.headline) for x in told]


def chip(tag: str) -> str:
    """The word before a line, short enough for its box."""
    if tag in CROSS:
        return "✖"
    return SHORT.get(tag, tag)[:6]


def chip_classes(tag: str) -> str:
    """How that box looks."""
    return TAGS.get(tag, OTHER)[1]
