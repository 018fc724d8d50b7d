"""The page cache: the pages of each file, in memory or only in the file, and where the two differ."""

from typing import Any

from ipywidgets import HTML

from .. import views
from ..core.state import NONE
from ..views import Look
from .cellgrid import BLANK, Cell, CellGrid
from .part import Part
from .theme import esc

WIDE = 16  # pages of a file in a row
ROWS = 4  # rows of a long file; the rest is a scroll of the selection away
BYTES = 24


class PageCache(Part):
    """A cell for each page of each file with its frame; below, the selected page in memory over the file's."""

    title = "Page cache"
    css = "cache"
    below = True
    key = ("file", "only on disk", "dirty", "accessed", "shared")
    columns = ("file", "pages", "in memory", "dirty")

    def body(self) -> list[Any]:
        self.grid = CellGrid("pages of files", self.guarded(self.picked))
        self.text = HTML()
        return [self.grid, self.text]

    def draw(self, look: Look) -> None:
        around = {self.screen.selection.object: self.screen.selection.index}
        self.files = views.page_cache(look, around, WIDE * ROWS)
        cols = min(WIDE, max([len(f.frame) for f in self.files] or [1]))
        cells: list[Cell] = []
        self.at: list[tuple[int, int]] = []
        labels = []
        for f in self.files:
            n = len(f.frame)
            rows = max(1, -(-n // cols))
            for k in range(rows * cols):
                self.at.append((f.object, f.first + k))
                cells.append(self.cell(look, f, k) if k < n else BLANK)
            more = f"{f.first}…" if f.npages > n else ""
            labels += [("", f.name if r == 0 else "", more if r == 0 else "") for r in range(rows)]
        several = len(self.files) > 1 or any(f.npages > len(f.frame) for f in self.files)
        self.grid.layout.display = None if cells else "none"
        self.look_as("named", several)
        self.grid.show(cells, cols, row_labels=labels if several else ())
        if len(self.files) == 1:
            f = self.files[0]
            self.facts = f"{f.name}, {f.resident} of {f.npages} pages"
        else:
            self.facts = f"{len(self.files)} files" if self.files else "no file is open"

    def cell(self, look: Look, f: views.CachedFile, k: int) -> Cell:
        """One page of a file."""
        tip = views.cache_sentence(look, f.object, f.first + k)
        if f.frame[k] == NONE:
            return Cell("", "disk", tip)
        marks = (("dirty", f.dirty[k]), ("acc", f.accessed[k]), ("pin", f.locked[k]), ("shr", f.sharers[k] > 1))
        kind = "file" if f.sharers[k] else "cachd"
        return Cell(str(int(f.frame[k])), " ".join([kind, *(n for n, on in marks if on)]), tip)

    def paint(self, look: Look, sel: views.Selection) -> None:
        page = (sel.object, sel.index)
        if sel.object != NONE and page not in self.at:
            self.draw(look)
        self.grid.mark([self.at.index(page)] if page in self.at else [])
        if not self.files:
            self.text.value, self.status = "", "A mapped file's pages appear here when they are first touched."
            return
        if page not in self.at:
            dirty = sum(f.ndirty for f in self.files)
            self.text.value, self.status = "", f"{dirty} page{'s wait' if dirty != 1 else ' waits'} for writeback."
            return
        memory, file = self.bytes_of(look, sel)
        differ = sum(a != b for a, b in zip(memory, file, strict=False)) if memory is not None else 0
        self.status = views.cache_sentence(look, *page, differ=differ)
        self.text.value = compared(memory, file)

    def bytes_of(self, look: Look, sel: views.Selection) -> tuple[bytes | None, bytes]:
        """The selected page in memory (None: it is not) and in its file."""
        size = look.page_size
        inside = max(0, min(size, look.object(sel.object, "length") - sel.index * size))
        try:
            file = self.screen.machine.device(sel.object).read(sel.index * size, inside)
        except (OSError, KeyError):
            file = b""
        frame = views.select_file(look, sel.object, sel.index).frame
        content = look.state.content
        if frame == NONE or not content.shape[1]:
            return None, file
        return content[frame, :inside].tobytes(), file

    def picked(self, i: int) -> None:
        """A page of a file was picked."""
        self.screen.select(views.select_file(self.screen.state, *self.at[i], row=self.screen.selection.row))

    def summary(self, look: Look) -> str:
        files = views.page_cache(look)
        parts = [f"{f.name}: {f.resident} of {f.npages} pages in memory, {f.ndirty} dirty" for f in files]
        return "; ".join(parts) or "no file"

    def rows(self, look: Look) -> list[tuple[Any, ...]]:
        return [(f.name, f.npages, f.resident, f.ndirty) for f in views.page_cache(look)]


def compared(memory: bytes | None, file: bytes) -> str:
    """Two lines of text, the bytes that differ marked; they begin shortly before the first difference."""
    first = next((i for i, (a, b) in enumerate(zip(memory or b"", file, strict=False)) if a != b), 0)
    begin = max(0, first - 4) if first > BYTES - 8 else 0

    def line(data: bytes, other: bytes) -> str:
        out = []
        for i in range(begin, min(begin + BYTES, len(data))):
            c = esc(chr(data[i])) if 32 <= data[i] < 127 else "·"
            out.append(f"<mark>{c}</mark>" if i >= len(other) or data[i] != other[i] else c)
        return "".join(out)

    above = line(memory, file) if memory is not None else "— not in memory"
    return f"<div class='vml-txt'>memory {above}\nfile   {line(file, file)}</div>"
