"""What a piece of work cost: differences of the machine's counters."""

from collections.abc import Callable
from typing import Any

from .core import clock
from .core.state import STAT, Exit
from .kernel.enter import Kernel

WORDS = {
    "refs": "references",
    "minflt": "minor",
    "majflt": "major",
    "copies": "copies",
    "pswpin": "swapped in",
    "pswpout": "swapped out",
    "pgpgin": "read",
    "pgpgout": "written",
    "tlb_misses": "TLB misses",
}
NAMES: tuple[str, ...] = tuple(STAT.names or ())


class Cost:
    """Counters of a stretch of work: .refs .minflt .majflt .copies .pswpin .pswpout .tlb_misses ... and .ns, simulated.

    Its repr is one line.
    """

    def __init__(
        self, before: tuple[int, ...], after: tuple[int, ...] | Callable[[], tuple[int, ...]], costs: Any, levels: int
    ) -> None:
        self._before, self._after, self._costs, self._levels = before, after, costs, levels

    @property
    def _counts(self) -> dict[str, int]:
        after = self._after if isinstance(self._after, tuple) else self._after()
        return {n: b - a for n, a, b in zip(NAMES, self._before, after, strict=True)}

    def __getattr__(self, name: str) -> int:
        if name in NAMES:
            return self._counts[name]
        raise AttributeError(f"a {type(self).__name__} has no {name!r}; it counts {', '.join(NAMES)} and ns")

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *NAMES]

    @property
    def ns(self) -> int:
        """Simulated nanoseconds."""
        return clock.spent(self._counts, self._costs, self._levels)

    @property
    def faults(self) -> int:
        """Minor and major faults together."""
        return self.minflt + self.majflt

    def _words(self) -> str:
        counts = self._counts
        parts = [
            f"{n} {word if n != 1 else word.removesuffix('s').replace('copie', 'copy').replace('misse', 'miss')}"
            for name, word in WORDS.items()
            if (n := counts[name]) or name in ("minflt", "majflt")
        ]
        return ", ".join(parts) + f", {self.ns:,} ns"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._words()})"


class Measure:
    """The context of `Machine.measure`: gives a Cost that within the block reads the work so far."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def __enter__(self) -> Cost:
        k = self._kernel
        self._cost = Cost(k.count(), k.count, k.state.cost[0].copy(), len(k.state.level))
        return self._cost

    def __exit__(self, *_: object) -> None:
        self._cost._after = self._kernel.count()


class Run(Cost):
    """A run of references: .done of them were made, .why it ended (Exit.DONE, or Exit.LIMIT), and what they cost."""

    def __init__(
        self, done: int, why: Exit, before: tuple[int, ...], after: tuple[int, ...], costs: Any, levels: int
    ) -> None:
        super().__init__(before, after, costs, levels)
        self.done, self.why = done, why

    def __repr__(self) -> str:
        return f"Run({self.done} done, {self._words()}, {self.why.name})"
