"""Which cell of a notebook makes what: when it runs again, what it made before is closed.

A page drops the picture of a cell that runs again; the widgets behind it would stay for ever, in the page and in the kernel,
with the machine that they show.
"""

from typing import Any, Protocol
from weakref import WeakSet


class Closable(Protocol):
    """What a cell makes."""

    def close(self) -> None: ...


class _Made:
    """What one run of a cell has made."""

    def __init__(self, run: str) -> None:
        self.run = run
        self.things: WeakSet[Any] = WeakSet()


_made: dict[str, _Made] = {}


def makes(thing: Closable) -> None:
    """The cell that is running makes `thing`: close what its runs before this one have made."""
    cell, run = running()
    if not cell:
        return
    made = _made.get(cell)
    if made is None or made.run != run:
        for old in list(made.things) if made is not None else ():
            old.close()
        made = _made[cell] = _Made(run)
    made.things.add(thing)


def running() -> tuple[str, str]:
    """(the running cell's id, the id of this run of it), as the front end names them; empty where it does not."""
    try:
        from IPython import get_ipython

        parent = get_ipython().kernel.get_parent("shell")
    except (AttributeError, ImportError):  # no kernel: a script, a plain IPython
        return "", ""
    if parent.get("header", {}).get("msg_type") != "execute_request":
        return "", ""
    return str(parent.get("metadata", {}).get("cellId", "")), str(parent["header"].get("msg_id", ""))
