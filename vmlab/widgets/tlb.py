"""The TLB: which translations it holds, set by set."""

from typing import Any

from .. import views
from ..core.state import NONE
from ..views import Look
from ..views.words import plural
from .cellgrid import BLANK, Cell, CellGrid
from .part import Part

WIDE = 32  # entries in a row


class TlbMap(Part):
    """A cell for each entry: whose page, and the frame it leads to. Sets stand apart."""

    title = "TLB"
    css = "tlbmap"
    columns = ("set", "way", "page", "frame", "may")

    def body(self) -> list[Any]:
        self.grid = CellGrid("TLB entries, set by set", self.guarded(self.picked))
        return [self.grid]

    def draw(self, look: Look) -> None:
        t = self.seen = views.tlb(look)
        if not t.ways:
            self.grid.show([], 1)
            self.facts = "none: every reference walks the tables"
            return
        per_row = max(1, WIDE // t.ways) * t.ways
        cells = [entry_cell(look, e) for e in t.entries]
        if len(cells) > per_row:
            cells += [BLANK] * (-len(cells) % per_row)
        cols = min(per_row, len(cells))
        self.grid.show(cells, cols, gaps=list(range(t.ways, cols, t.ways)))
        sets = len(t.entries) // t.ways
        self.facts = f"{len(t.entries)} entries: {plural(sets, 'set')} × {plural(t.ways, 'way')}"

    def paint(self, look: Look, sel: views.Selection) -> None:
        t = self.seen
        one = [i for i, e in enumerate(t.entries) if e.row != NONE and (e.row, e.vpn) == (sel.row, sel.vpn)]
        same = [i for i, e in enumerate(t.entries) if e.row != NONE and e.frame == sel.frame and i not in one]
        rate = f"{100 * t.hits / t.refs:.0f} % of {t.refs:,} references hit" if t.refs else "no reference yet"
        if one:
            self.status = views.tlb_sentence(look, t.entries[one[0]]) + "."
        elif not t.ways:
            self.status = ""
        elif sel.row != NONE and sel.vpn != NONE:
            cpu, at_set = views.tlb_set(look, sel.row, sel.vpn)
            same += [i for i, e in enumerate(t.entries) if (e.cpu, e.set) == (cpu, at_set) and i not in same]
            where = f"{views.process(look, sel.row)} {views.where(look, sel.row, sel.vpn)}"
            self.status = f"{where} belongs in set {at_set} and is not there; {rate}."
        else:
            self.status = f"{t.used} in use; {rate}."
        self.grid.mark(one, same)

    def picked(self, i: int) -> None:
        """An entry was picked: the page it translates."""
        e = self.seen.entries[i] if i < len(self.seen.entries) else None
        if e is not None and e.row != NONE:
            self.screen.select(views.select_page(self.screen.state, e.row, e.vpn))

    def summary(self, look: Look) -> str:
        t = views.tlb(look)
        return f"{len(t.entries)} entries, {t.ways} ways; {t.used} in use; {t.hits} hits of {t.refs} references"

    def rows(self, look: Look) -> list[tuple[Any, ...]]:
        used = [e for e in views.tlb(look).entries if e.row != NONE]
        return [
            (
                e.set,
                e.way,
                f"{views.process(look, e.row)} {views.where(look, e.row, e.vpn)}",
                e.frame,
                "load, store" if e.may_store else "load",
            )
            for e in sorted(used, key=lambda e: (e.set, e.way))
        ]


def entry_cell(look: Look, e: views.TlbEntry) -> Cell:
    """The cell of one entry: `A15` is a page of A in frame 15."""
    if e.row == NONE:
        return Cell("", "none", views.tlb_sentence(look, e))
    owners = look.owners_of(e.frame)
    file = bool(owners) and look.is_file(owners[0][0])
    classes = ("file" if file else "anon") + (" dirty" if e.may_store else "")
    return Cell(f"{look.letter[e.row]}{e.frame}", classes, views.tlb_sentence(look, e))
