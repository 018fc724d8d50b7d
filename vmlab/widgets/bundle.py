"""Bundle: what many widgets have to say, in one message."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import anywidget
from ipywidgets import Widget

from . import assets


class Bundle(anywidget.AnyWidget):
    """Carries the messages of other widgets, so that a page gets them at once and paints once; it has no view of its own.

    A step changes two dozen widgets. Each message of its own is signed, sent through a server, parsed, and often painted alone:
    about half of the time from a click to the last paint. Where no page has said that it can unpack a bundle, each widget
    speaks for itself.
    """

    _esm = assets.script("bundle.js")

    def __init__(self, on_reader: Callable[[], object]) -> None:
        super().__init__()
        self._read, self._on_reader = False, on_reader
        self._gathering = False
        self.on_msg(self._told)

    def _told(self, _: Any, message: dict[str, Any], __: Any) -> None:
        """A page can unpack bundles now. If others could before, it has missed some while it was loading."""
        missed, self._read = self._read, message.get("event") == "ready"
        if missed:
            self._on_reader()

    @contextmanager
    def gather(self, widgets: Sequence[Widget]) -> Iterator[None]:
        """What changes in `widgets` within is sent at the end: in one message, or else in one for each widget."""
        messages: list[dict[str, Any]] = []
        parcel: list[Any] = []
        outermost, self._gathering = not self._gathering, True
        try:
            with ExitStack() as held:
                for w in dict.fromkeys(widgets):
                    if self._read and outermost:
                        w._send = partial(_note, messages, parcel, w.model_id)
                        held.callback(w.__dict__.pop, "_send")
                    held.enter_context(w.hold_sync())
                yield
        finally:
            if outermost:
                self._gathering = False
                if messages:
                    self.send({"messages": messages}, parcel)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def _note(messages: list[dict[str, Any]], parcel: list[Any], to: str, data: Any, buffers: Any = None) -> None:
    """In place of a widget's own sending: keep the message."""
    messages.append({"to": to, "data": data, "count": len(buffers or ())})
    parcel += buffers or ()
