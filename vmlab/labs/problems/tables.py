"""A table of words, as problems and their solutions show it."""

from dataclasses import dataclass
from html import escape

from ..table import aligned


@dataclass(frozen=True)
class Table:
    """A title, headings, and rows of as many words."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __repr__(self) -> str:
        return "\n".join([self.title, *aligned([self.columns, *self.rows])])

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(word)}</th>" for word in self.columns)
        rows = ("".join(f"<td>{escape(word)}</td>" for word in row) for row in self.rows)
        body = "".join(f"<tr>{cells}</tr>" for cells in rows)
        return (
            f"<table><caption>{escape(self.title)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        )
