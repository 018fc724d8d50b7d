"""The frame map: what is in each page frame, and whose it is; and in which order the policy in force looks at them."""

from typing import Any

import numpy as np
from ipywidgets import HTML, Dropdown

from .. import views
from ..core.state import NONE
from ..views import Look
from ..views.frames import ANON, FILE, FREE, GONE
from ..views.order import label, places
from ..views.words import plural
from .cellgrid import ACCESSED, BLANK, DIRTY, KINDS, MOST, SHARED, Cell, CellCanvas, CellGrid
from .part import Part
from .theme import esc

HANDS = ("clock", "nru", "wsclock")  # policies that go round
CLASSES = {FREE: "none", ANON: "anon", FILE: "file", GONE: "gone"}
LABELS = ("owner", "number", "order", "age")  # what a cell is labelled with
FEW = 64  # frames whose cells tell all there is to know
WIDE = 16  # frames in a row of the policy's lists


class FrameMap(Part):
    """A cell for each frame with its owner's letter, 16 to a row; above 1,024 frames a canvas. A disc with a triangle stands at
    the frames that the policy in force looks at first, and below are its lists, if it keeps any."""

    title = "Frames"
    css = "frames"
    below = True
    key = ("anonymous", "file", "untouched / free", "dirty", "accessed", "locked", "shared")
    columns = ("frame", "holds", "what is known of it")

    def body(self) -> list[Any]:
        kind = CellGrid if len(self.screen.state.frames) <= MOST else CellCanvas
        self.grid = kind("page frames", self.guarded(self.picked), self.tip)
        self.lists = CellGrid("frames in the order in which the policy looks at them", self.guarded(self.listed))
        self.lists.add_class("vml-order")
        self.standing: list[int] = []  # the frame of each cell of the lists, NONE where there is none
        self.rule = HTML().add_class("vml-said")
        return [self.grid, self.rule, self.lists]

    def tools(self) -> list[Any]:
        tip = "what stands in a cell: owner, frame number, the policy's note, references since the page came"
        self.label = Dropdown(options=LABELS, layout={"width": "auto"}, tooltip=tip)
        self.label.add_class("vml-fit").add_class("vml-small")
        self.label.observe(self.guarded(lambda _: self.refresh()), "value")
        return [self.label]

    def draw(self, look: Look) -> None:
        f = views.frames(look)
        n = len(f.kind)
        self.order = views.order(look)
        if isinstance(self.grid, CellCanvas):
            self.label.layout.display = "none"
            code = np.array([KINDS.index(CLASSES[k]) for k in range(4)], np.uint8)[f.kind]
            code = code | f.dirty * DIRTY | f.accessed * ACCESSED | (f.sharers > 1) * SHARED
            self.grid.show(code)
        else:
            cols = 16 if n <= 64 else 32 if n <= 256 else 64
            glyphs = self.glyphs(look, f)
            cells = [self.cell(look, f, i, glyphs[i]) for i in range(n)]
            labels = [("", str(i), "") for i in range(0, n, cols)]
            self.grid.show(cells, min(cols, n), row_labels=labels)
            self.look_as("half", 64 < n <= 256)
            self.look_as("dense", n > 256)
        policy = self.screen.machine.policy_name
        self.grid.hand = f.hand if policy in HANDS else NONE
        where = f" hand at {f.hand}" if policy in HANDS else ""
        if self.order.first:
            where = f" looks at {' and '.join(map(str, self.order.first))} first"
        self.facts = f"{n:,}, {f.free:,} free; {policy.upper()}{where}"
        self.numbers = (n, int((f.kind == ANON).sum()), int((f.kind == FILE).sum()), f.free, int(f.dirty.sum()))
        self.queue(look, f)

    def glyphs(self, look: Look, f: views.Frames) -> list[str]:
        """What is to stand in each cell."""
        what, every = self.label.value, range(len(f.kind))
        if what == "owner":
            return [views.frame_letters(look, i) for i in every]
        if what == "number":
            return [str(i) for i in every]
        place = places(look)
        now = int(look.state.machine["now"][0])
        held = [k in (ANON, FILE) for k in f.kind.tolist()]
        if what == "age":
            return [str(now - int(f.loaded[i])) if held[i] else "" for i in every]
        return [label(look, i, place) if held[i] else "" for i in every]

    def cell(self, look: Look, f: views.Frames, i: int, glyph: str, mark: str = "next") -> Cell:
        """One frame. `mark`: the class of one that is looked at first."""
        kind = int(f.kind[i])
        classes = [CLASSES[kind], *([mark] if mark and i in self.order.first else [])]
        if kind in (ANON, FILE):
            marks = (("dirty", f.dirty[i]), ("acc", f.accessed[i]), ("pin", f.locked[i]), ("shr", f.sharers[i] > 1))
            classes += [name for name, on in marks if on]
        if kind == FREE:
            return Cell(glyph, " ".join(classes), f"frame {i}: free.")
        # of many frames every sentence is sent again at each step: the short one; the status has the rest of what is selected
        tip = told(look, i) if len(f.kind) <= FEW else views.frame_sentence(look, i)
        return Cell(glyph, " ".join(classes), tip)

    def queue(self, look: Look, f: views.Frames) -> None:
        """The lists of the policy, a row or two each, the frame that is looked at first at the left."""
        cells, labels, self.standing = [], [], []
        for x in self.order.lists:
            rows = max(1, -(-len(x.frames) // WIDE))
            blanks = rows * WIDE - len(x.frames)
            cells += [self.cell(look, f, i, str(i), "") for i in x.frames] + [BLANK] * blanks
            if x.length > len(x.frames):
                cells[-1] = cells[-1]._replace(glyph="…", tip=f"{x.name}: {x.length:,} in all")
            self.standing += [*x.frames, *[NONE] * blanks]
            labels += [("", f"{x.name} {x.length:,}", ""), *[("", "", "")] * (rows - 1)]
        empty = all(i == NONE for i in self.standing)
        for w in (self.lists, self.rule):
            w.layout.display = "none" if empty else None
        text = esc(f"{self.order.policy.name}: {self.order.heading}.")
        if self.rule.value != text:
            self.rule.value = text
        self.lists.show([] if empty else cells, WIDE, row_labels=labels)

    def tip(self, i: int) -> str:
        """What is in frame i."""
        return told(views.look_at(self.screen.state), i)

    def paint(self, look: Look, sel: views.Selection) -> None:
        self.grid.mark([sel.frame] if sel.frame != NONE else [])
        self.lists.mark([k for k, i in enumerate(self.standing) if i == sel.frame != NONE])
        if sel.frame != NONE:
            self.status = told(look, sel.frame) + self.turn(look, sel.frame)
        else:
            anon, file, free, dirty = self.numbers[1:]
            self.status = f"{anon} anonymous, {file} file, {free} free; {dirty} dirty."

    def turn(self, look: Look, frame: int) -> str:
        """How old the page in a frame is, and its place among those that may go."""
        if not look.owners_of(frame):
            return ""
        age = int(look.state.machine["now"][0]) - int(look.state.frames["loaded"][frame])
        place = places(look).get(frame)
        held = len(look.held)
        where = f"; for {self.order.policy.name} number {place} of {held} to go" if place else ""
        return f" {plural(age, 'reference')} old{where}."

    def picked(self, i: int) -> None:
        """A frame was picked: the page in it."""
        self.screen.select(views.select_frame(self.screen.state, i, self.screen.selection.row))

    def listed(self, k: int) -> None:
        """A frame was picked in a list."""
        if self.standing[k] != NONE:
            self.picked(self.standing[k])

    def summary(self, look: Look) -> str:
        n, anon, file, free, dirty = self.numbers
        return f"{n} frames: {anon} anonymous, {file} file, {free} free; {dirty} dirty"

    def rows(self, look: Look) -> list[tuple[Any, ...]]:
        held = np.flatnonzero(views.frames(look).kind != FREE)
        some = held[:13].tolist()
        rows = [
            (i, views.frame_sentence(look, i).removeprefix(f"frame {i}: "), views.frame_facts(look, i)) for i in some
        ]
        return rows + [("", "", "")] * (len(held) - len(rows))


def told(look: Look, frame: int) -> str:
    """What is in a frame, and what is known of it: as long as no time passes the same."""
    return f"{views.frame_sentence(look, frame)} {views.frame_facts(look, frame)}".rstrip()
