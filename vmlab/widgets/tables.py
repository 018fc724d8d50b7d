"""The page tables of the selected process as a tree, with the memory that they take themselves."""

from typing import Any

from .. import views
from ..core.state import NONE
from ..views import Look
from ..views.words import plural, size_text
from .cellgrid import Cell, CellGrid
from .part import Part

LINES = 12
STRIP = 45  # per cent of a line's width, at its right: the table's entries, those present filled


class PageTables(Part):
    """A line for each table, indented by level; at its right the table itself, from entry 0 to the last."""

    title = "Page tables"
    css = "tables"
    columns = ("table", "level", "entries in use", "first address")

    def body(self) -> list[Any]:
        self.grid = CellGrid("page tables, the root first", self.guarded(self.picked))
        return [self.grid]

    def draw(self, look: Look) -> None:
        row = self.screen.selection.row
        self.row = row if row in look.living else look.living[0] if look.living else NONE
        self.lines: list[views.Table] = []
        self.facts, self.cut = "", 0
        if self.row != NONE:
            seen = views.page_tables(look, self.row)
            self.lines = some(seen.tables, self.screen.selection.vpn)
            self.facts, self.cut = told(look, seen), len(seen.tables) - len(self.lines)
        self.grid.show([line(look, t) for t in self.lines], 1)
        self.grid.layout.display = None if self.lines else "none"

    def paint(self, look: Look, sel: views.Selection) -> None:
        if (sel.row in look.living and sel.row != self.row) or self.cut:
            self.draw(look)
        way = [i for i, t in enumerate(self.lines) if sel.row == self.row and covers(t, sel.vpn)]
        self.grid.mark(way[-1:], way)
        if not self.lines:
            self.status = "No table yet: the first access makes them."
        elif not way:
            self.status = "Pick a page to see through which of them its walk goes."
        elif len(way) < len(look.levels):
            self.status = "The walk of the selected page ends here: no leaf table covers it yet."
        else:
            self.status = f"The walk to {views.where(look, sel.row, sel.vpn)} reads the {len(way)} marked ones."
        if self.cut:
            self.status += f" {self.cut} more are not shown."

    def picked(self, i: int) -> None:
        """A table was picked: the first page that it translates."""
        t = self.lines[i]
        look = views.look_at(self.screen.state)
        mapped = [a.first for a in look.areas.get(self.row, ()) if t.vpn <= a.first < t.vpn + t.npages]
        inside = [t.vpn for a in look.areas.get(self.row, ()) if a.first <= t.vpn < a.stop]
        if inside or mapped:
            self.screen.select(views.select_page(look, self.row, (inside or mapped)[0]))

    def summary(self, look: Look) -> str:
        return "; ".join(told(look, views.page_tables(look, row)) for row in look.living) or "no process"

    def rows(self, look: Look) -> list[tuple[Any, ...]]:
        return [
            (f"{look.letter[row]} t{t.number}", f"L{t.level}", t.used, f"{t.vpn << look.page_shift:#x}")
            for row in look.living
            for t in views.page_tables(look, row).tables
        ]


def told(look: Look, seen: views.PageTables) -> str:
    """ "B spell: 6 tables = 24 KiB, for 31 resident pages"."""
    size = size_text(seen.nbytes)
    return f"{look.process[seen.row]}: {plural(len(seen.tables), 'table')} = {size}, for {plural(seen.resident, 'resident page')}"


def covers(t: views.Table, vpn: int) -> bool:
    """Does a table stand on the way to a page? (None does to NONE.)"""
    return t.vpn <= vpn < t.vpn + t.npages


def some(tables: list[views.Table], vpn: int) -> list[views.Table]:
    """At most LINES of them: those on the way to the selected page, and the first of the others."""
    if len(tables) <= LINES:
        return tables
    way = [t for t in tables if covers(t, vpn)]
    others = [t for t in tables if t not in way][: LINES - len(way)]
    return [t for t in tables if t in way or t in others]


def line(look: Look, t: views.Table) -> Cell:
    """The line of one table."""
    depth = len(look.levels) - t.level
    entries = look.levels[t.level - 1][1] + 1
    came = f"[{t.index}] → " if t.index != NONE else "root "
    addr = t.vpn << look.page_shift
    text = " " * 3 * depth + f"{came}t{t.number}, {t.used} of {entries}"
    tip = (
        f"table {t.number}, level {t.level}: {t.used:,} of {entries:,} entries in use; it translates from {addr:#x} on"
    )
    return Cell(text, "tab", tip, f"L{t.level}", strip(t, entries))


def strip(t: views.Table, entries: int) -> str:
    """The entries of a table as a bar, as the layers of a CSS background."""
    begin, stops = 100 - STRIP, []
    for first, stop in t.runs:
        a, b = (begin + STRIP * x / entries for x in (first, max(stop, first + entries / 128)))
        stops.append(f"transparent {a:.2f}%,var(--tabl) {a:.2f}%,var(--tabl) {b:.2f}%,transparent {b:.2f}%")
    return f"linear-gradient(90deg,{','.join(stops)})" if stops else ""
