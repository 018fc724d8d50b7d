"""The swap device, slot by slot: who sleeps where."""

from typing import Any

import numpy as np

from .. import views
from ..core.state import NONE
from ..views import Look
from .cellgrid import KINDS, MOST, SHARED, Cell, CellCanvas, CellGrid
from .part import Part


class SwapMap(Part):
    """A cell for each slot with its sleeper's letter; outlined, with a frame's number, where only a copy is kept."""

    title = "Swap"
    css = "swap"
    below = True
    columns = ("slot", "holds")

    def body(self) -> list[Any]:
        kind = CellGrid if len(self.screen.state.slots) <= MOST else CellCanvas
        self.grid = kind("swap slots", self.guarded(self.picked), self.tip)
        return [self.grid]

    def draw(self, look: Look) -> None:
        w = self.seen = views.swap(look)
        if isinstance(self.grid, CellCanvas):
            code = np.array([KINDS.index("slot" if x else "none") for x in w.letters], np.uint8)
            self.grid.show(code | ((w.sleepers > 1) * SHARED).astype(np.uint8))
        else:
            cols = 16 if w.total <= 128 else 20 if w.total <= 300 else 64
            cells = [self.cell(look, i) for i in range(w.total)]
            self.grid.show(cells, cols, row_labels=[("", str(i), "") for i in range(0, w.total, cols)])
        self.facts = f"{w.total:,} slots, {w.used:,} used" if w.total else "none"

    def cell(self, look: Look, i: int) -> Cell:
        """One slot."""
        w = self.seen
        if w.letters[i]:
            return Cell(w.letters[i], "slot shr" if w.sleepers[i] > 1 else "slot", self.said_of(look, i))
        if w.cached[i] != NONE:
            return Cell(str(int(w.cached[i])), "kept", self.said_of(look, i))
        return Cell("", "none", f"swap slot {i}: free.")

    def tip(self, i: int) -> str:
        """Who sleeps in slot i."""
        return self.said_of(self.screen.look, i)

    def said_of(self, look: Look, i: int) -> str:
        """The same, at a moment."""
        return views.slot_sentence(look, i, self.seen.who.get(i, []))

    def paint(self, look: Look, sel: views.Selection) -> None:
        self.grid.mark([sel.slot] if sel.slot != NONE else [])
        w = self.seen
        if not w.total:
            self.status = "This machine has no swap: anonymous pages cannot leave."
        elif sel.slot != NONE:
            self.status = views.slot_sentence(look, sel.slot)
        else:
            asleep = sum(bool(x) for x in w.letters)
            self.status = f"{asleep} slot{'s' if asleep != 1 else ''} with a page asleep; {w.swapped_in:,} came back."

    def picked(self, i: int) -> None:
        """A slot was picked: the page that sleeps in it."""
        self.screen.select(views.select_slot(self.screen.state, i, self.screen.selection.row))

    def summary(self, look: Look) -> str:
        w = views.swap(look)
        return f"{w.total} slots, {w.used} used; {w.swapped_out} pages swapped out, {w.swapped_in} in"

    def rows(self, look: Look) -> list[tuple[Any, ...]]:
        w = views.swap(look)
        used = [i for i in range(w.total) if w.letters[i] or w.cached[i] != NONE]
        told = [views.slot_sentence(look, i, w.who.get(i, [])).split(": ", 1)[1] for i in used[:13]]
        return [*zip(used, told), *((i, "") for i in used[13:])]
