"""What happened: the steps of the machine's history, or every event of its ring, in sentences."""

from typing import Any

from ipywidgets import Dropdown

from .. import views
from ..core.state import NONE
from ..views import Look
from .cellgrid import Cell, CellGrid
from .part import Part
from .theme import CROSS, OTHER, TAGS

LINES = 10
SHOWN = ("steps", "faults and evictions", "this page")


SHORT = {  # calls whose name is too long for a chip
    "mprotect": "prot", "munmap": "unmap", "set_policy": "policy", "set_overcommit": "commit", "madvise": "advise",
    "mincore": "incore", "munlock": "unlock", "mlockall": "mlock", "munlockall": "unlock", "setrlimit": "limit",
    "remap_file_pages": "remap", "open_zero": "open", "pipe_read": "read", "pipe_write": "write", "pipe_get": "read",
    "set_dirty": "dirty", "suspend": "stop", "set_oom_score_adj": "adj", "set_max_map_count": "maps", "set_shootdowns": "shoot",
    "set_policy_knobs": "knobs", "set_failure": "fail",
    "pipe_put": "write", "truncate": "trunc", "refresh": "renew",
}  # fmt: skip


class EventLog(Part):
    """The newest lines, the last one the moment shown. Picking a step goes there; the whole sentence is the tooltip."""

    title = "What happened"
    css = "log"
    columns = ("step", "what", "in words")

    def body(self) -> list[Any]:
        self.grid = CellGrid("what happened, oldest first", self.guarded(self.picked))
        return [self.grid]

    def tools(self) -> list[Any]:
        self.filter = Dropdown(options=SHOWN, layout={"width": "auto"}, tooltip="which lines")
        self.filter.add_class("vml-fit").add_class("vml-small")
        self.filter.observe(self.guarded(lambda _: self.refresh()), "value")
        return [self.filter]

    def draw(self, look: Look) -> None:
        if self.filter.value == "steps":
            cells = self.steps()
        else:
            cells = self.events(look)
        self.grid.show(cells, 1)
        self.look_as("told", self.filter.value != SHOWN[0])

    def steps(self) -> list[Cell]:
        """A line for each of the last steps."""
        h = self.screen.machine.history
        first = max(h.first, h.now - LINES)
        self.stories = [self.screen.tell(n) for n in range(first + 1, h.now + 1)]
        self.lines: list[tuple[int, int, int]] = [(x.n, x.row, x.vpn) for x in self.stories]
        return [
            Cell(f"{x.n}  {x.short}", chip_classes(x.tag), f"{x.n}: {x.headline} {x.second}", chip(x.tag))
            for x in self.stories
        ]

    def events(self, look: Look) -> list[Cell]:
        """A line for each of the last faults and evictions; of the selected page only, if so chosen."""
        found = views.log(look, 4 * LINES)
        sel = self.screen.selection
        if self.filter.value == "this page":
            mine = ((sel.row, sel.vpn), (sel.object, sel.index))
            found = [h for h in views.log(look, 400) if (h.row, h.vpn) == mine[0] or (h.object, h.index) == mine[1]]
        found = found[-LINES:]
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
        """A line was picked: go to the moment after that step."""
        step = self.lines[i][0]
        if step != self.screen.machine.history.now:
            self.screen.machine.seek(step)

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
