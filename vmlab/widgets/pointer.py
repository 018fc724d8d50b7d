"""Pointer: the layer over a chart that says where a person points, clicks, or which key was pressed."""

from collections.abc import Callable
from typing import Any

import anywidget
import traitlets

from . import assets


class Pointer(anywidget.AnyWidget):
    """`on_act(event, at, key)`: "point" (at: share of the plot's width, None if nowhere), "pick", "settled" or "key".

    A key is told by its name in the browser, after "Shift+" where that is held.
    """

    _esm = assets.script("pointer.js")

    label = traitlets.Unicode("", help="what the chart is called, for screen readers").tag(sync=True)
    line = traitlets.Float(-1.0, help="where its line stands, as a share of the plot's width; -1: nowhere").tag(
        sync=True
    )

    def __init__(self, label: str, on_act: Callable[[str, float | None, str], object]) -> None:
        super().__init__(label=label)
        self._on_act = on_act
        self.on_msg(self._told)

    def _told(self, _: Any, message: dict[str, Any], __: Any) -> None:
        at, key = message.get("at"), str(message.get("key", ""))
        place = None if at is None else min(1.0, max(0.0, float(at)))
        self._on_act(str(message.get("event", "")), place, f"Shift+{key}" if message.get("shift") else key)

    def __repr__(self) -> str:
        return f"Pointer({self.label!r})"
