"""How far long work is, on one line: `replaying big.lackey [#######.......]  48%`."""

import sys
import time
from collections.abc import Callable

WIDTH = 30  # characters
PATIENCE = 0.5  # seconds before it shows
PAUSE = 1 / 12  # seconds between two drawings

Tell = Callable[[float], object]  # takes how much of the work is done, 0..1


class Bar:
    """A line on standard error, for work that takes longer than half a second; gone when the work is done.

    `with Bar("replaying") as bar: ... bar(0.48)`. Nothing is drawn where nobody looks: standard error must be a terminal, or
    the output of a notebook's cell.
    """

    def __init__(self, what: str) -> None:
        self._what, self._drawn = what, 0
        self._next = time.monotonic() + PATIENCE

    def __enter__(self) -> "Bar":
        return self

    def __call__(self, share: float) -> None:
        """So much is done."""
        now = time.monotonic()
        if now < self._next or share >= 1 or not _seen():  # what is done needs no bar, however long it took
            return
        self._next = now + PAUSE
        done = round(WIDTH * share)
        self._draw(f"{self._what} [{'#' * done}{'.' * (WIDTH - done)}] {share:4.0%}")

    def __exit__(self, *_: object) -> None:
        if self._drawn:
            self._draw("")
            self._drawn = 0

    def _draw(self, line: str) -> None:
        print(f"\r{line.ljust(self._drawn)}", end="" if line else "\r", file=sys.stderr, flush=True)
        self._drawn = len(line)


def _seen() -> bool:
    """Does somebody see what is written to standard error?"""
    return sys.stderr is not None and (sys.stderr.isatty() or type(sys.stderr).__module__.startswith("ipykernel"))
