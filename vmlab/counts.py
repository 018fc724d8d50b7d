"""What a piece of work cost: differences of the machine's counters."""

from typing import Any

from .core import clock
from .core.state import STAT, Exit
from .kernel.enter import Kernel

NAMES: tuple[str, ...] = tuple(STAT.names or ())


class Cost:
    """Counters of a stretch of work: .refs .minflt .majflt .copies .pswpin .pswpout .tlb_misses ... and .ns, simulated.

    Its repr is one line. Within `with m.measure() as cost:` it reads the work so far.
    """

    def __init__(self, before: tuple[int, ...], after: tuple[int, ...], costs: Any, levels: int) -> None:
        self._set(before, after, costs, levels)

    def _set(self, before: tuple[int, ...], after: tuple[int, ...], costs: Any, levels: int) -> None:
        self._counts = {n: b - a for n, a, b in zip(NAMES, before, after, strict=True)}
        self.ns = clock.spent(self._counts, costs, levels)

    def __getattr__(self, name: str) -> int:
        counts = self.__dict__.get("_counts", {})
        if name in counts:
            return int(counts[name])
        raise AttributeError(name)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *NAMES]

    @property
    def faults(self) -> int:
        """Minor and major faults together."""
        return self.minflt + self.majflt

    def _words(self) -> str:
        shown = {
            "refs": "references", "minflt": "minor", "majflt": "major", "copies": "copies", "pswpin": "swapped in",
            "pswpout": "swapped out", "pgpgin": "read", "pgpgout": "written", "tlb_misses": "TLB misses",
        }  # fmt: skip
        parts = [
            f"{self._counts[n]} {word}" for n, word in shown.items() if self._counts[n] or n in ("minflt", "majflt")
        ]
        return ", ".join(parts) + f", {self.ns:,} ns"

    def __repr__(self) -> str:
        return f"Cost({self._words()})"


class Run(Cost):
    """A run of references: .done of them were made, .why it ended (Exit.DONE, or Exit.LIMIT), and what they cost."""

    def __init__(
        self, done: int, why: Exit, before: tuple[int, ...], after: tuple[int, ...], costs: Any, levels: int
    ) -> None:
        super().__init__(before, after, costs, levels)
        self.done, self.why = done, why

    def __repr__(self) -> str:
        return f"Run({self.done} done, {self._words()}, {self.why.name})"


class Measure:
    """`with m.measure() as cost:` reads the counters before and after the block."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def _read(self) -> tuple[tuple[int, ...], Any, int]:
        s = self._kernel.state
        return self._kernel.count(), s.cost[0], len(s.level)

    def __enter__(self) -> Cost:
        self._before, costs, levels = self._read()
        self._cost = Cost(self._before, self._before, costs, levels)
        return self._cost

    def __exit__(self, *_: object) -> None:
        after, costs, levels = self._read()
        self._cost._set(self._before, after, costs, levels)
