"""CellGrid: a picture made of cells that can be pointed at, in one widget. It shows what it is given."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import anywidget
import numpy as np
import traitlets

from . import assets

MOST = 1024  # cells that are elements; more are drawn on a canvas
KINDS = ("none", "anon", "file", "slot", "gone", "disk")  # of a canvas's cells, in the order of cellcanvas.js
DIRTY, ACCESSED, SHARED = 8, 16, 32


class Cell(NamedTuple):
    """What one cell looks like: text, classes (cellgrid.css), sentence; a chip before the text, a fill of its own."""

    glyph: str = ""
    classes: str = ""
    tip: str = ""
    chip: str = ""
    fill: str = ""


BLANK = Cell(classes="v0")


class Cells(anywidget.AnyWidget):
    """A grid of cells: one Tab stop, arrow keys within, Enter, Space or a click pick a cell.

    `on_pick(index)` is called with the number of the cell, counted row by row.
    """

    label = traitlets.Unicode("", help="what the picture is called, for screen readers").tag(sync=True)
    cols = traitlets.Int(1).tag(sync=True)
    count = traitlets.Int(0, help="number of cells").tag(sync=True)
    selected = traitlets.List(traitlets.Int()).tag(sync=True)
    kin = traitlets.List(traitlets.Int(), help="cells that are the same thing elsewhere").tag(sync=True)
    hand = traitlets.Int(-1, help="the cell CLOCK's hand points at").tag(sync=True)

    def __init__(
        self, label: str, on_pick: Callable[[int], object], tip_of: Callable[[int], str] | None = None
    ) -> None:
        super().__init__(label=label)
        self._on_pick, self._tip_of = on_pick, tip_of
        self.on_msg(self._told)

    def _told(self, _: Any, message: dict[str, Any], __: Any) -> None:
        event, index = message.get("event"), int(message.get("index", -1))
        if not 0 <= index < self.count:
            return
        if event == "pick":
            self._on_pick(index)
        elif event == "tip" and self._tip_of is not None:
            self.send({"tip": index, "text": self._tip_of(index)})

    def mark(self, selected: Sequence[int], kin: Sequence[int] = ()) -> None:
        """Paint the selection; no cell is rebuilt."""
        with self.hold_sync():
            self.selected = [i for i in selected if 0 <= i < self.count]
            self.kin = [i for i in kin if 0 <= i < self.count]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.label!r}, {self.count} cells)"


class CellGrid(Cells):
    """Cells that are elements of the page: text, marks and a sentence each. At most MOST of them."""

    _esm = assets.script("cellgrid.js")

    gaps = traitlets.List(help="columns with a gap before them").tag(sync=True)
    heads = traitlets.List(help="[column, span, [[letters, name, code], ...], tip] of each heading").tag(sync=True)
    corner = traitlets.Unicode("").tag(sync=True)
    row_labels = traitlets.List(help="[badge, name, small print] of each row").tag(sync=True)
    glyphs = traitlets.List().tag(sync=True)
    classes = traitlets.List().tag(sync=True)
    tips = traitlets.List().tag(sync=True)
    chips = traitlets.List().tag(sync=True)
    fills = traitlets.List().tag(sync=True)

    def show(
        self,
        cells: Sequence[Cell],
        cols: int,
        *,
        gaps: Sequence[int] = (),
        heads: Sequence[Any] = (),
        row_labels: Sequence[tuple[str, str, str]] = (),
        corner: str = "",
    ) -> None:
        """Show `cells`, `cols` to a row. Only what differs from what is shown already is sent."""
        with self.hold_sync():
            self.count, self.cols = len(cells), max(1, cols)
            self.gaps, self.corner = list(gaps), corner
            self.heads, self.row_labels = list(heads), [list(x) for x in row_labels]
            self.glyphs = [c.glyph for c in cells]
            self.classes = [c.classes for c in cells]
            self.tips = [c.tip for c in cells]
            self.chips = [c.chip for c in cells] if any(c.chip for c in cells) else []
            self.fills = [c.fill for c in cells] if any(c.fill for c in cells) else []


class CellCanvas(Cells):
    """Any number of cells, drawn: a colour and marks each. What is in one is asked of `tip_of` when it is pointed at."""

    _esm = assets.script("cellcanvas.js")

    codes = traitlets.Bytes(b"", help="a byte a cell: kind and marks").tag(sync=True)

    def show(self, codes: np.ndarray[Any, Any]) -> None:
        """Show one uint8 a cell: an index of KINDS plus DIRTY, ACCESSED, SHARED. The picture is about as high as it is wide."""
        n = len(codes)
        with self.hold_sync():
            self.count, self.cols = n, 64 if n <= 4096 else 128 if n <= 16384 else 256
            self.codes = np.ascontiguousarray(codes, np.uint8).tobytes()
