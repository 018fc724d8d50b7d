"""The look: the style sheet, the key, and text made safe for HTML. Colours are in theme.css, as custom properties."""

import html
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import anywidget
import traitlets
from ipywidgets import DOMWidget

from ..errors import shown
from . import assets

TAGS = {  # a step's word -> (its colour, the classes of its chip)
    "hit": ("var(--tabl)", "plain"),
    "walk": ("var(--tabl)", "walk"),
    "minor": ("var(--minor)", "minor"),
    "copy": ("var(--cow)", "cow"),
    "reuse": ("var(--cow)", "cow"),
    "MAJOR": ("var(--bad)", "bad"),
    "SEGV": ("var(--bad)", "bad"),
    "BUS": ("var(--bad)", "bad"),
    "OOM": ("var(--bad)", "bad"),
    "refused": ("var(--bad)", "bad"),
    "out": ("var(--swap)", "out"),
    "write": ("var(--file)", "walk"),
    "fork": ("var(--ink)", "inv"),
}
OTHER = ("var(--tabl)", "plain")
SCALES = {1.0: "", 1.25: "vml-x125", 1.5: "vml-x150", 2.0: "vml-x200"}  # sizes of a screen, and their classes
CROSS = ("SEGV", "BUS", "OOM", "refused")

KEY = (  # (classes, glyph, name), in the order shown
    ("anon", "7", "anonymous"),
    ("file", "7", "file"),
    ("cachd", "7", "cached, unmapped"),
    ("disk", "", "only on disk"),
    ("swap", "s7", "in swap"),
    ("none", "", "untouched / free"),
    ("anon dirty", "", "dirty"),
    ("anon acc", "", "accessed"),
    ("anon pin", "", "locked"),
    ("anon shr", "", "shared"),
)


def esc(x: object) -> str:
    """Any text as HTML text: control and bidirectional characters escaped first, then markup."""
    return html.escape(shown(str(x)), quote=True)


def key(*names: str) -> str:
    """The key as HTML: all of it, or the entries named."""
    entries = [k for k in KEY if not names or k[2] in names]
    cell = "<span><span class='c {}' aria-hidden='true'>{}</span>{}</span>"
    return "<div class='vml-key'>" + "".join(cell.format(c, g or "&nbsp;", esc(n)) for c, g, n in entries) + "</div>"


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[object]], most: int = 12) -> str:
    """A small HTML table, at most `most` rows, the rest counted."""
    rows = list(rows)
    body = "".join("<tr>" + "".join(f"<td>{esc(x)}</td>" for x in r) + "</tr>" for r in rows[:most])
    more = f"<tr><td colspan='{len(head)}'>and {len(rows) - most} more</td></tr>" if len(rows) > most else ""
    top = "".join(f"<th>{esc(h)}</th>" for h in head)
    return f"<table><caption>{esc(title)}</caption><thead><tr>{top}</tr></thead><tbody>{body}{more}</tbody></table>"


def with_text(widget: Any, data: Any) -> Any:
    """What ipywidgets gives for a widget to be shown, and beside it the widget as text and as a table."""
    bundle = data[0] if isinstance(data, tuple) else data
    bundle = {} if bundle is None else bundle
    bundle["text/plain"], bundle["text/html"] = repr(widget), widget.to_html()
    return data if data is not None else bundle


def resize(root: DOMWidget, scale: float) -> None:
    """Give the root of a screen its size, one of SCALES."""
    for size, name in SCALES.items():
        if name:
            (root.add_class if size == scale else root.remove_class)(name)


class Theme(anywidget.AnyWidget):
    """The style sheet of what it stands in, and a witness of whether anybody is looking."""

    _esm = """
    function render({ model, el }) {
      el.style.display = "none";
      model.send({ event: "shown" });
      return () => model.send({ event: "hidden" });
    }
    export default { render };
    """
    _css = assets.sheet("theme.css", "cellgrid.css")
    views = traitlets.Int(0, help="views on a page, as far as pages have said")

    def __init__(self, on_view: Callable[[], object] | None = None) -> None:
        super().__init__()
        self.on_msg(self._told)
        self._on_view = on_view

    def _told(self, _: Any, message: dict[str, Any], __: Any) -> None:
        self.views = max(0, self.views + (1 if message.get("event") == "shown" else -1))
        if self._on_view:
            self._on_view()

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class WorkbenchTheme(Theme):
    """The same, and what only the Workbench has. A class of its own: pages keep one style sheet for each class."""

    _css = assets.sheet("theme.css", "cellgrid.css", "workbench.css")


class RaceTheme(Theme):
    """The same, and what only the policy race has."""

    _css = assets.sheet("theme.css", "race.css")


class FuturesTheme(Theme):
    """The same, and how two futures stand side by side."""

    _css = assets.sheet("theme.css", "futures.css")
