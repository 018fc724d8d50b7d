"""How results show themselves: tables as text, as HTML, and as pandas data frames where pandas is installed."""

from collections.abc import Sequence
from html import escape
from importlib import import_module
from typing import Any


def word(value: Any) -> str:
    """A value as people read it."""
    if isinstance(value, float):
        return f"{value:.4f}"
    if isinstance(value, int):
        return f"{value:,}"
    return "" if value is None else str(value)


def text(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table with its numbers to the right."""
    cells = [list(columns)] + [[word(v) for v in row] for row in rows]
    widths = [max(len(row[k]) for row in cells) for k in range(len(columns))]
    return "\n".join("  ".join(cell.rjust(w) for cell, w in zip(row, widths)).rstrip() for row in cells)


def html(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """The same in HTML."""
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    body = "".join("<tr>" + "".join(f"<td>{escape(word(v))}</td>" for v in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def frame(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Any:
    """The same as a pandas DataFrame. ImportError with a sentence if there is no pandas."""
    try:
        pandas = import_module("pandas")
    except ImportError:
        raise ImportError("to_frame() needs pandas: pip install pandas") from None
    return pandas.DataFrame([list(row) for row in rows], columns=list(columns))
