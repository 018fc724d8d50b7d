"""Scrub: a slider through the moments of a machine, with a tick at each bookmark."""

from collections.abc import Callable
from typing import Any

import anywidget
import traitlets

from . import assets


class Scrub(anywidget.AnyWidget):
    """`on_move(moment)` is called when a person moves it, never because Python did."""

    _esm = assets.script("scrub.js")

    min = traitlets.Int(0).tag(sync=True)
    max = traitlets.Int(0).tag(sync=True)
    value = traitlets.Int(0).tag(sync=True)
    marks = traitlets.List(help="moments with a bookmark").tag(sync=True)

    def __init__(self, on_move: Callable[[int], object]) -> None:
        super().__init__()
        self._on_move = on_move
        self.on_msg(self._told)

    def _told(self, _: Any, message: dict[str, Any], __: Any) -> None:
        if message.get("event") == "moment":
            self._on_move(max(self.min, min(self.max, int(message["moment"]))))

    def put(self, first: int, now: int, last: int, marks: list[int]) -> None:
        """Show where the machine is."""
        with self.hold_sync():
            self.min, self.max, self.value, self.marks = first, last, now, marks

    def __repr__(self) -> str:
        return f"Scrub(moment {self.value} of {self.max})"
