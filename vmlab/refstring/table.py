"""Frames over time, as textbooks draw them: a column for each reference, a row for each frame, a mark at each fault."""

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from ..errors import LimitError
from . import shown
from .string import ReferenceString

MOST = 200  # references that can be drawn


@dataclass(frozen=True)
class Table:
    """pages[i]: the page of reference i; columns[i][f]: the page in frame f after it, None: empty; missed[i]: it faulted."""

    pages: list[int]
    columns: list[list[int | None]]
    missed: list[bool]

    def rows(self) -> list[list[Any]]:
        """The lines of the drawing: the references, the frames, the faults."""
        frames = max(map(len, self.columns))
        held = [[c[f] if f < len(c) else None for c in self.columns] for f in range(frames)]
        return [
            ["page", *self.pages],
            *([f"frame {f}", *line] for f, line in enumerate(held)),
            ["fault", *("*" if m else "" for m in self.missed)],
        ]

    def __repr__(self) -> str:
        head, *lines = self.rows()
        return shown.text([str(v) for v in head], lines)

    def _repr_html_(self) -> str:
        head, *lines = self.rows()
        return shown.html([str(v) for v in head], lines)

    def to_frame(self) -> Any:
        """A pandas DataFrame: a row for each reference."""
        frames = max(map(len, self.columns))
        rows = [[p, *c, *[None] * (frames - len(c)), m] for p, c, m in zip(self.pages, self.columns, self.missed)]
        return shown.frame(["page", *(f"frame {f}" for f in range(frames)), "fault"], rows)


def readable(references: int) -> None:
    """LimitError if a table of so many references is too long to read."""
    if references > MOST:
        raise LimitError(f"a table of {references:,} references is no longer readable: at most {MOST}")


def draw(string: ReferenceString, p: ModuleType, state: Any) -> Table:
    """Replay the string one reference at a time and write down which pages are in memory after each.

    A policy is not asked what it holds, but tried: a page is in memory if a reference to it would hit, on a copy of the state.
    (OPT knows the references to come, and is asked.)
    A page stays in its frame from its fault to its eviction; a new one takes the frame that is free, the lowest of several.
    """
    columns: list[list[int | None]] = []
    missed = []
    frames: list[int | None] = []
    for i in range(len(string)):
        page = int(string.ids[i])
        missed.append(bool(p.run(string.ids[i : i + 1], state)))
        before = [held for held in frames if held is not None and held != page]
        here = {page, *(held for held, stays in zip(before, _held(string, p, state, before)) if stays)}
        frames = [held if held in here else None for held in frames]
        if page not in frames:
            if None not in frames:
                frames.append(None)
            frames[frames.index(None)] = page
        columns.append([None if held is None else string.label(held) for held in frames])
    return Table([string.label(i) for i in string.ids.tolist()], columns, missed)


def _held(string: ReferenceString, p: ModuleType, state: Any, pages: list[int]) -> list[bool]:
    """Which of the pages are in memory."""
    if hasattr(p, "held"):
        return [bool(held) for held in p.held(string, state, pages)]
    ids = np.array(pages, np.uint32)
    return [not p.run(ids[k : k + 1], type(state)(*(a.copy() for a in state))) for k in range(len(ids))]
