"""Two futures of one machine, side by side: fork first or write first, FIFO or LRU."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ipywidgets import HTML, Box, Button, HBox, VBox

from .. import views
from ..views.words import plural
from . import cell, theme
from .limiter import Limiter
from .screen import close_tree
from .slots import Slots
from .workbench import Workbench

if TYPE_CHECKING:
    from ..machine import Machine

COUNTED = {
    "refs": "references",
    "minflt": "minor faults",
    "majflt": "major faults",
    "copies": "pages copied",
    "pswpout": "pages to swap",
    "pswpin": "pages from swap",
}
NOUNS = {"minflt": "minor fault", "majflt": "major fault", "copies": "copied page"}
NOTHING = "<div class='vml-ft'>Nothing has happened since: do something else on either side.</div>"
NAMES = ("left", "right")


class TwoFutures(VBox):
    """A machine and a branch of it, each with a Workbench, and what either has cost since they parted.

    machine : the left one; the right one is branched off now, and again at each *Branch here*
    show : parts of the two Workbenches, as of Workbench
    scale : size of text and cells: 1, 1.25, 1.5 or 2
    back : called by the button *One future*, which is there where something stands to go back to

    >>> from vmlab import KiB, Machine
    >>> m = Machine(frames=16)
    >>> area = m.spawn("p").mmap(16 * KiB)
    >>> both = TwoFutures(m)
    >>> area[0] = 1
    >>> both
    TwoFutures(since moment 2: left 1 minor fault, right nothing)
    >>> both.close()
    """

    def __init__(
        self,
        machine: "Machine",
        show: Sequence[str] = ("address spaces", "frames", "log"),
        scale: float = 1.0,
        back: Callable[[], object] | None = None,
    ) -> None:
        self.show, self.scale = list(show), scale
        self.machines = machine, machine.branch()
        self.benches = self.made()
        self.head, self.table = Slots(), HTML()
        self.again = Button(
            description="Branch here",
            tooltip="let the right one begin anew, as what the left one is now",
            layout={"width": "auto"},
        )
        self.again.add_class("vml-small").add_class("vml-fit")
        self.again.on_click(lambda _: self.branch())
        tools = [self.head, self.again]
        if back is not None:
            self.one = Button(
                description="One future", tooltip="go on with the left one alone", layout={"width": "auto"}
            )
            self.one.add_class("vml-small").add_class("vml-fit")
            self.one.on_click(lambda _: back())
            tools.append(self.one)
        self.sides = Box().add_class("vml-sides")
        super().__init__([theme.FuturesTheme(), HBox(tools).add_class("vml-top"), self.table, self.sides])
        for name in ("vml-part", "vml-futures", "vml-root"):
            self.add_class(name)
        self.limiter = Limiter(self.refresh)
        self.begin()
        cell.makes(self)

    def made(self) -> list[Workbench]:
        """A Workbench for each. Here the branches are two: *Branch here* stands above both."""
        benches = [Workbench(m, self.show, self.scale) for m in self.machines]
        for bench in benches:
            bench.transport.branch.layout.display = "none"
        return benches

    def begin(self) -> None:
        """The two part at this moment."""
        self.moment = self.machines[0].history.now
        self.before = [counted(m) for m in self.machines]
        self.sides.children = self.benches
        for m in self.machines:
            m.observe(self._changed, "version")
        self.refresh()

    def branch(self) -> None:
        """The right one begins anew, as a branch of what the left one is now."""
        try:
            other = self.machines[0].branch()
        except RuntimeError as error:  # a run is going
            self.head.put(("t", "Two futures", ""), ("err opt", f"✖ {error}", "alert"))
            return
        self.part()
        self.machines = self.machines[0], other
        self.benches = self.made()
        self.begin()

    def part(self) -> None:
        """Let go of both Workbenches."""
        self.limiter.cancel()
        for m in self.machines:
            m.unobserve(self._changed, "version")
        self.sides.children = []
        for bench in self.benches:
            bench.close()

    def _changed(self, _: Any) -> None:
        self.limiter.mark()

    def cost(self) -> list[dict[str, int]]:
        """What either machine has done since they parted, by counter."""
        return [
            {name: n - was[name] for name, n in counted(m).items()}
            for m, was in zip(self.machines, self.before, strict=True)
        ]

    def rows(self) -> list[tuple[str, ...]]:
        """The counters that moved: what, left, right, and how much more the right one has."""
        left, right = self.cost()
        moved = [name for name in left if left[name] or right[name]]
        return [
            (COUNTED.get(name, name), f"{left[name]:,}", f"{right[name]:,}", f"{right[name] - left[name]:+,}")
            for name in moved
        ]

    def refresh(self) -> None:
        """Put the costs side by side."""
        rows = self.rows()
        since = f"since moment {self.moment}"
        policies = [m.policy_name for m in self.machines]
        said = f"left {policies[0]}, right {policies[1]}" if len(set(policies)) > 1 else ""
        self.head.put(("t", "Two futures", ""), ("n", since, ""), ("st", said, "status"))
        html = theme.table("", ("", *NAMES, "difference"), rows) if rows else NOTHING
        if self.table.value != html:
            self.table.value = html

    def close(self) -> None:
        """Close both Workbenches and let go of the machines."""
        if self.comm is None:
            return
        self.part()
        close_tree(self)

    def __repr__(self) -> str:
        told = []
        for name, cost in zip(NAMES, self.cost(), strict=True):
            faults = [plural(cost[k], one) for k, one in NOUNS.items() if cost[k]]
            told.append(f"{name} {', '.join(faults) or 'nothing'}")
        return f"TwoFutures(since moment {self.moment}: {', '.join(told)})"

    def to_html(self) -> str:
        """The costs as a table."""
        return theme.table(repr(self), ("", *NAMES, "difference"), self.rows())

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return theme.with_text(self, super()._repr_mimebundle_(**kwargs))


def counted(machine: "Machine") -> dict[str, int]:
    """The counters that are compared, and simulated time."""
    totals = views.totals(machine.state)
    return {name: totals[name] for name in COUNTED} | {"simulated ns": machine.clock_ns}
