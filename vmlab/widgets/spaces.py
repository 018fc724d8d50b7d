"""The address spaces of all processes, over one address axis: what each page is, and where."""

from typing import Any

import numpy as np
from ipywidgets import HTML, Dropdown

from .. import views
from ..core.state import NONE
from ..views import Look
from ..views.spaces import BEYOND, BLANK, CACHED, COLUMNS, DISK, MAPPED, SWAP, UNTOUCHED
from .cellgrid import BLANK as NO_CELL
from .cellgrid import Cell, CellGrid
from .part import Part
from .theme import esc

ALSO = ("pages", "maps", "smaps", "status")  # files of /proc/pid below the pages; the first is none
ROWS = 6  # processes shown at once
LENS = 32  # pages shown one by one about the selected page where the axis is in buckets


class AddressSpaces(Part):
    """A ribbon of pages for each process. The number in a cell is the frame; s6 is swap slot 6."""

    title = "Address spaces"
    css = "spaces"
    key = (
        *("anonymous", "file", "cached, unmapped", "only on disk", "in swap"),
        *("untouched / free", "dirty", "accessed", "locked", "shared"),
    )
    columns = ("process", "area", "pages", "in RAM", "in swap")

    def body(self) -> list[Any]:
        pick = self.guarded(self.picked)
        self.grid = CellGrid("address spaces: a row for each process, a column for each page", pick)
        self.lens = CellGrid("the pages about the selected one", self.guarded(self.looked))
        self.lens.layout.display = "none"
        self.text = HTML(layout={"display": "none"})
        return [self.grid, self.lens, self.text]

    def tools(self) -> list[Any]:
        self.also = Dropdown(options=ALSO, layout={"width": "auto"}, tooltip="what /proc says of the selected process")
        self.also.add_class("vml-fit").add_class("vml-small")
        self.also.observe(self.guarded(lambda _: self.read_proc(self.screen.selection)), "value")
        return [self.also]

    def draw(self, look: Look) -> None:
        alive = views.living(look)
        self.shown = chosen(alive, self.screen.selection.row)
        v = self.seen = views.address_spaces(look, self.shown)
        n = len(v.vpn)
        cells, labels = [], []
        for k, r in enumerate(v.ribbons):
            below = v.ribbons[k + 1].cells if k + 1 < len(v.ribbons) else None
            cells += [self.cell(look, r, i, below) for i in range(n)]
            name = f"{r.name}, stopped" if r.stopped else r.name
            labels.append((r.letter, name, f"{r.resident} in RAM · {r.swapped} in swap"))
        if not n and alive:
            cells = [NO_CELL] * len(labels)
        heads = [self.head_of(look, h) for h in v.headings]
        gaps = [h.column for h in v.headings[1:]]
        self.grid.show(cells, max(n, 1), gaps=gaps, heads=heads, row_labels=labels, corner="address →" if n else "")
        hidden = len(alive) - len(self.shown)
        facts = [f"+{hidden} more"] if hidden else []
        if n and v.npages.max() > 1:
            facts.append(f"a column is up to {v.npages.max():,} pages")
        self.facts = " · ".join(facts)

    def head_of(self, look: Look, h: views.Heading) -> list[Any]:
        """The heading of one stretch of the axis."""
        addr = h.vpn << look.page_shift
        several = len({(name, perms) for _, name, perms in h.labels}) > 1
        labels = [[letters if several else "", name, perms] for letters, name, perms in h.labels]
        who = "; ".join(f"{letters} {name} {perms}" for letters, name, perms in h.labels)
        return [h.column, h.span, labels, f"{addr:#x}, {h.npages:,} pages: {who}"]

    def cell(self, look: Look, r: views.Ribbon, i: int, below: views.Cells | None) -> Cell:
        """One page, or one bucket of pages."""
        v, c = self.seen, r.cells
        state = int(c.state[i])
        if state == BLANK:
            return NO_CELL
        if v.npages[i] > 1:
            return bucket(r, c, i, int(v.npages[i]), int(v.vpn[i]) << look.page_shift)
        return page_cell(look, r.row, int(v.vpn[i]), c, i, below)

    def paint(self, look: Look, sel: views.Selection) -> None:
        if sel.row != NONE and sel.row not in self.shown and sel.row in views.living(look):
            self.draw(look)
        self.grid.mark(self.places([(sel.row, sel.vpn)]), self.places(views.kin(look, sel)))
        self.zoom(look, sel)
        self.read_proc(sel)
        if not self.shown:
            self.status = "No process yet: spawn one."
        elif sel.row != NONE and sel.vpn != NONE:
            self.status = views.sentence(look, views.page(look, sel.row, sel.vpn))
        else:
            self.status = "Pick a page to follow it everywhere."

    def places(self, pages: list[tuple[int, int]]) -> list[int]:
        """The cells of some pages."""
        v = self.seen
        out = []
        for row, vpn in pages:
            if row in self.shown and len(v.vpn):
                i = int(v.vpn.searchsorted(vpn, "right")) - 1
                if i >= 0 and vpn < v.vpn[i] + v.npages[i]:
                    out.append(self.shown.index(row) * len(v.vpn) + i)
        return out

    def zoom(self, look: Look, sel: views.Selection) -> None:
        """Where the axis is in buckets: the pages about the selected one, each by itself."""
        coarse = len(self.seen.npages) > 0 and self.seen.npages.max() > 1
        area = views.area(look, sel.row, sel.vpn) if coarse and sel.row != NONE and sel.vpn != NONE else None
        self.lens.layout.display = "none" if area is None else None
        if area is None:
            return
        first = max(area.first, min(sel.vpn - LENS // 2, area.stop - LENS))
        vpn = np.arange(first, min(first + LENS, area.stop), dtype=np.int64)
        c = views.cells_of(look, sel.row, vpn, np.ones(len(vpn), np.int64))
        self.lens_first = first
        cells = [page_cell(look, sel.row, int(v), c, i, None) for i, v in enumerate(vpn)]
        number = first - area.first + area.number
        label = (views.letter(look, sel.row), area.name, f"pages {number} to {number + len(vpn) - 1}")
        self.lens.show(cells, len(vpn), row_labels=[label])
        self.lens.mark([sel.vpn - first])

    def read_proc(self, sel: views.Selection) -> None:
        """Below the pages: the file of /proc that was asked for, of the selected process or else the first."""
        row = sel.row if sel.row in self.shown else self.shown[0] if self.shown else NONE
        process = next((p for p in self.screen.machine.processes if p.row == row), None)
        name = self.also.value
        if name == ALSO[0] or process is None:
            self.text.layout.display = "none"
            return
        text = str(getattr(process, name)()).expandtabs()  # status has tabs, which esc would show as such
        lines = "\n".join(esc(line) for line in text.splitlines())
        html = f"<pre class='vml-proc' aria-label='/proc/{process.pid}/{name}'>{lines}</pre>"
        if self.text.value != html:
            self.text.value = html
        self.text.layout.display = None

    def picked(self, i: int) -> None:
        """A cell was picked."""
        n = len(self.seen.vpn)
        row, vpn = self.shown[i // n], int(self.seen.vpn[i % n])
        if self.seen.npages[i % n] > 1:
            here = self.screen.selection
            if here.row == row and vpn <= here.vpn < vpn + self.seen.npages[i % n]:
                vpn = here.vpn
        self.screen.select(views.select_page(self.screen.state, row, vpn))

    def looked(self, i: int) -> None:
        """A cell of the lens was picked."""
        self.screen.select(views.select_page(self.screen.state, self.screen.selection.row, self.lens_first + i))

    def summary(self, look: Look) -> str:
        procs = look.state.procs
        parts = [f"{look.process[r]} {procs['rss'][r]} in RAM, {procs['nswap'][r]} in swap" for r in look.living]
        return "; ".join(parts) or "no process"

    def rows(self, look: Look) -> list[tuple[Any, ...]]:
        out = []
        for row in look.living:
            i = views.address_spaces(look, [row], COLUMNS)
            for a in views.areas(look, row):
                mine = [k for k, v in enumerate(i.vpn) if a.first <= v < a.stop]
                c = i.ribbons[0].cells
                ram = round(sum(float(c.shares[k, 0] * i.npages[k]) for k in mine))
                swap = round(sum(float(c.shares[k, 2] * i.npages[k]) for k in mine))
                out.append((views.process(look, row), f"{a.name} {a.perms}", a.stop - a.first, ram, swap))
        return out


def chosen(alive: list[int], selected: int) -> list[int]:
    """The processes shown: the first ROWS, and the selected one in place of the last."""
    rows = alive[:ROWS]
    if selected in alive and selected not in rows:
        rows[-1] = selected
    return rows


def page_cell(look: Look, row: int, vpn: int, c: views.Cells, i: int, below: views.Cells | None) -> Cell:
    """The cell of one page."""
    state, number, file = int(c.state[i]), int(c.number[i]), bool(c.file[i])
    kind = {
        UNTOUCHED: "none",
        DISK: "disk",
        BEYOND: "beyond",
        CACHED: "cachd" if file else "held",
        SWAP: "swap",
        MAPPED: "file" if file else "anon",
    }[state]
    classes = [kind]
    if state in (MAPPED, CACHED):
        classes += [name for name, on in (("dirty", c.dirty[i]), ("acc", c.accessed[i])) if on and state == MAPPED]
    if c.locked[i]:
        classes.append("pin")
    if c.sharers[i] > 1 and state in (MAPPED, SWAP):
        classes.append("shr")
    if below is not None and state in (MAPPED, SWAP) and below.state[i] == state and below.number[i] == number:
        classes.append("link")
    p = views.page(look, row, vpn)
    if p.state == "zero":
        glyph = "z"
    else:
        glyph = "" if number == NONE else f"s{number}" if state == SWAP else str(number)
    return Cell(glyph, " ".join(classes), views.sentence(look, p))


def bucket(r: views.Ribbon, c: views.Cells, i: int, npages: int, addr: int) -> Cell:
    """The cell of many pages: filled from below by what is in RAM, cached, in swap."""
    ram, cached, swap = (float(x) for x in c.shares[i])
    colour = "var(--file)" if c.file[i] else "var(--anon)"
    stops, at = [], 0.0
    for share, paint in (
        (ram, colour),
        (cached, f"color-mix(in srgb,{colour} 40%,transparent)"),
        (swap, "var(--swap)"),
    ):
        if share:
            stops.append(f"{paint} {at * 100:.1f}% {(at + share) * 100:.1f}%")
            at += share
    fill = f"linear-gradient(to top,{','.join(stops)},transparent {at * 100:.1f}%)" if stops else ""
    n = [round(x * npages) for x in (ram, cached, swap)]
    tip = f"{r.letter} {r.name} {addr:#x}, {npages:,} pages: {n[0]:,} in RAM, {n[1]:,} cached, {n[2]:,} in swap"
    return Cell("", "many", tip, "", fill)
