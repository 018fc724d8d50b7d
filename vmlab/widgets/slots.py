"""Slots: a line of texts that change in place: titles, facts, status sentences, errors, the headline."""

import anywidget
import traitlets

from . import assets


class Slots(anywidget.AnyWidget):
    """Texts side by side, each [classes, text, role]. Texts are texts: markup in a name is shown, not obeyed."""

    _esm = assets.script("slots.js")

    kind = traitlets.Unicode("vml-head").tag(sync=True)
    colour = traitlets.Unicode("", help="of the line's mark, a CSS colour").tag(sync=True)
    slots = traitlets.List(help="[classes, text, role] of each").tag(sync=True)

    def put(self, *slots: tuple[str, str, str]) -> None:
        """Show these texts."""
        self.slots = [list(s) for s in slots]

    def text(self, role: str) -> str:
        """The text that stands in the slot of a role."""
        return next((s[1] for s in self.slots if s[2] == role), "")

    def __repr__(self) -> str:
        return "Slots(" + " | ".join(s[1] for s in self.slots if s[1]) + ")"
