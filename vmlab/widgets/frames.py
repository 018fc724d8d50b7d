"""The frame map: what is in each page frame, and whose it is."""

from typing import Any

import numpy as np

from .. import views
from ..core.state import NONE
from ..views import Look
from ..views.frames import ANON, FILE, FREE, GONE
from .cellgrid import ACCESSED, DIRTY, KINDS, MOST, SHARED, Cell, CellCanvas, CellGrid
from .part import Part

HANDS = ("clock", "nru", "wsclock")  # policies that go round
CLASSES = {FREE: "none", ANON: "anon", FILE: "file", GONE: "gone"}


class FrameMap(Part):
    """A cell for each frame with its owner's letter, 16 to a row; above 1,024 frames a canvas."""

    title = "Frames"
    css = "frames"
    below = True
    key = ("anonymous", "file", "untouched / free", "dirty", "accessed", "locked", "shared")
    columns = ("frame", "holds")

    def body(self) -> list[Any]:
        kind = CellGrid if len(self.screen.state.frames) <= MOST else CellCanvas
        self.grid = kind("page frames", self.guarded(self.picked), self.tip)
        return [self.grid]

    def draw(self, look: Look) -> None:
        f = views.frames(look)
        n = len(f.kind)
        if isinstance(self.grid, CellCanvas):
            code = np.array([KINDS.index(CLASSES[k]) for k in range(4)], np.uint8)[f.kind]
            code = code | f.dirty * DIRTY | f.accessed * ACCESSED | (f.sharers > 1) * SHARED
            self.grid.show(code, 64 if n <= 4096 else 128)
        else:
            cols = 16 if n <= 64 else 32 if n <= 256 else 64
            cells = [self.cell(look, f, i) for i in range(n)]
            labels = [("", str(i), "") for i in range(0, n, cols)]
            self.grid.show(cells, min(cols, n), row_labels=labels)
            self.look_as("half", 64 < n <= 256)
            self.look_as("dense", n > 256)
        policy = self.screen.machine.policy_name
        self.grid.hand = f.hand if policy in HANDS else NONE
        hand = f"; {policy.upper()}" + (f" hand at {f.hand}" if policy in HANDS else "")
        self.facts = f"{n:,}, {f.free:,} free{hand}"
        self.numbers = (n, int((f.kind == ANON).sum()), int((f.kind == FILE).sum()), f.free, int(f.dirty.sum()))

    def cell(self, look: Look, f: views.Frames, i: int) -> Cell:
        """One frame."""
        kind = int(f.kind[i])
        classes = [CLASSES[kind]]
        if kind in (ANON, FILE):
            marks = (("dirty", f.dirty[i]), ("acc", f.accessed[i]), ("pin", f.locked[i]), ("shr", f.sharers[i] > 1))
            classes += [name for name, on in marks if on]
        tip = views.frame_sentence(look, i) if kind != FREE else f"frame {i}: free."
        return Cell(views.frame_letters(look, i), " ".join(classes), tip)

    def tip(self, i: int) -> str:
        """What is in frame i."""
        return views.frame_sentence(self.screen.state, i)

    def paint(self, look: Look, sel: views.Selection) -> None:
        self.grid.mark([sel.frame] if sel.frame != NONE else [])
        if sel.frame != NONE:
            self.status = views.frame_sentence(look, sel.frame)
        else:
            anon, file, free, dirty = self.numbers[1:]
            self.status = f"{anon} anonymous, {file} file, {free} free; {dirty} dirty."

    def picked(self, i: int) -> None:
        """A frame was picked: the page in it."""
        self.screen.select(views.select_frame(self.screen.state, i, self.screen.selection.row))

    def summary(self, look: Look) -> str:
        n, anon, file, free, dirty = self.numbers
        return f"{n} frames: {anon} anonymous, {file} file, {free} free; {dirty} dirty"

    def rows(self, look: Look) -> list[tuple[Any, ...]]:
        held = np.flatnonzero(views.frames(look).kind != FREE)[:13].tolist()
        rows = [(i, views.frame_sentence(look, i).split(": ", 1)[1]) for i in held]
        return rows + [("", "")] * max(0, int((views.frames(look).kind != FREE).sum()) - len(rows))
