"""Tests that wait for another Python: it runs beside the other tests, on a core that they leave idle.

A test marked `beside` takes parameters but no fixtures. They start with the first test, one after the other: those that take
minutes, `beside(minutes=True)`, then the others, the last one first. Each is waited for in its turn, and one that has not begun by
then runs at once, as other tests do. So the two meet somewhere in the middle, and neither waits long for the other.
"""

import os
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest


def _give_way() -> None:
    """What this thread starts does not hold the other tests up (on Linux niceness is a thread's own)."""
    if sys.platform == "linux":
        os.nice(5)


_started: dict[str, Future[None]] = {}
_pool = ThreadPoolExecutor(1, initializer=_give_way)


def start(items: Sequence[pytest.Item]) -> None:
    """Begin with those of the tests that are marked."""
    marked = [
        item for item in reversed(items) if isinstance(item, pytest.Function) and item.get_closest_marker("beside")
    ]
    for item in sorted(marked, key=lambda item: not item.get_closest_marker("beside").kwargs.get("minutes")):
        _started[item.nodeid] = _pool.submit(item.function, **_parameters(item))


def _parameters(item: pytest.Function) -> dict[str, Any]:
    return item.callspec.params if hasattr(item, "callspec") else {}


def ended(item: pytest.Item) -> bool:
    """Was it begun so? Then it is over now, and its failure is raised here."""
    if item.nodeid not in _started or _started[item.nodeid].cancel():
        return False
    _started[item.nodeid].result()
    return True


def stop() -> None:
    """The session ends, perhaps early: nothing goes on without it."""
    import psutil  # comes with ipykernel

    _pool.shutdown(wait=False, cancel_futures=True)
    for future in _started.values():
        if not future.done():
            for child in psutil.Process().children(recursive=True):
                child.kill()
