"""How far a reader is, exercise by exercise, as long as the notebook's Python runs.

The notebook keeps the rest itself: the answers stand in its cells, and running them again says what they said.
"""

from dataclasses import dataclass

from .lab import LABS, exercise, lab
from .table import aligned


@dataclass
class Standing:
    """Of one exercise."""

    hints: int = 0
    tries: int = 0
    right: bool = False
    shown: bool = False  # labs.answer was asked

    def __str__(self) -> str:
        n = f"{self.tries} answer{'s' if self.tries != 1 else ''}"
        words = [f"right, after {n}" if self.right else f"not yet, after {n}" if self.tries else "no answer yet"]
        if self.hints:
            words.append(f"{self.hints} hint{'s' if self.hints != 1 else ''}")
        return ", ".join([*words, *(["answer shown"] if self.shown else [])])


_kept: dict[str, Standing] = {}


def of(name: str) -> Standing:
    """How an exercise stands."""
    return _kept.setdefault(exercise(name).name, Standing())


def tried(name: str, right: bool) -> None:
    """An answer was given. What was right stays so."""
    its = of(name)
    its.tries += not its.right
    its.right = its.right or right


def hinted(name: str) -> int:
    """A hint is given: how many were before."""
    its = of(name)
    its.hints += 1
    return its.hints - 1


def showed(name: str) -> None:
    """The answer is shown."""
    of(name).shown = True


def line(number: str) -> str:
    """A lab's progress in one line."""
    standings = {e.name: of(e.name) for e in lab(number).exercises}
    shown = [name for name, standing in standings.items() if standing.shown]
    told = f"; answer shown: {', '.join(shown)}" if shown else ""
    return f"Lab {number}: {sum(s.right for s in standings.values())} of {len(standings)} right{told}."


def progress(number: str | None = None) -> None:
    """Print how far you are: in a lab, a line an exercise; without a number in all of them, a line a lab."""
    if number is None:
        print("\n".join(map(line, LABS)))
        return
    rows = [(e.name, str(of(e.name))) for e in lab(number).exercises]
    print("\n".join([line(number), *aligned(rows)]))
