"""Where the numbers of a problem come from: a generator of its own, for no version of Python may draw another problem.

splitmix64 (Steele, Lea and Flood 2014), begun from the SHA-256 of kind, seed and number.
"""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")
MASK = (1 << 64) - 1


class Draws:
    """Numbers drawn for one problem, always the same."""

    def __init__(self, kind: str, seed: int, number: int) -> None:
        self._state = int.from_bytes(hashlib.sha256(f"{kind}/{seed}/{number}".encode()).digest()[:8], "big")

    def below(self, n: int) -> int:
        """A whole number of 0..n-1."""
        self._state = self._state + 0x9E3779B97F4A7C15 & MASK
        z = self._state
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
        z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
        return (z ^ z >> 31) % n

    def between(self, least: int, most: int) -> int:
        """A whole number of least..most, both among them."""
        return least + self.below(most - least + 1)

    def one_of(self, among: Sequence[T]) -> T:
        """One of them."""
        return among[self.below(len(among))]

    def shuffled(self, among: Sequence[T]) -> list[T]:
        """All of them in another order."""
        left = list(among)
        return [left.pop(self.below(len(left))) for _ in among]

    def some_of(self, among: Sequence[T], n: int) -> list[T]:
        """n of them, none twice."""
        return self.shuffled(among)[:n]
