"""Many problems at once: drawn, shown, and written to files."""

from collections.abc import Iterator, Sequence
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import Any, Protocol, overload

from . import export
from .draws import Draws
from .problem import Posed, Problem, made

KINDS = {
    "translation": "translation",
    "walk": "walk",
    "tlb": "tlb",
    "replacement": "replacement",
    "fork": "fork",
    "mmap": "mmap",
    "maps": "maps",
    "access-time": "access_time",
}  # kind: its file
MOST = 100  # problems of a kind on a sheet
ATTEMPTS = 200  # a problem whose wrong answers coincide is drawn again


class Kind(Protocol):
    """The file of a kind."""

    def draw(self, draws: Draws) -> Any:
        """The numbers of a problem."""

    def pose(self, case: Any) -> Posed:
        """The problem they make: a machine is built and asked."""


class Sheet(Sequence[Problem]):
    """Problems in their order."""

    def __init__(self, of: Sequence[Problem]) -> None:
        self._of = tuple(of)

    @overload
    def __getitem__(self, i: int) -> Problem: ...
    @overload
    def __getitem__(self, i: slice) -> "Sheet": ...
    def __getitem__(self, i: int | slice) -> "Problem | Sheet":
        return Sheet(self._of[i]) if isinstance(i, slice) else self._of[i]

    def __len__(self) -> int:
        return len(self._of)

    def __iter__(self) -> Iterator[Problem]:
        return iter(self._of)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sheet) and self._of == other._of

    def __hash__(self) -> int:
        return hash(self._of)

    def export(self, path: "str | PathLike[str]", *, solutions: bool = False, format: str | None = None) -> Path:
        """Write a new file and return its path: .ipynb, .md or .tex, with the solutions or without.

        format="nbgrader" and format="otter" write the teacher's notebook of an assignment, which holds the answers: make from it
        what students get with `nbgrader generate_assignment` or `otter assign`. A notebook without solutions still names kind and
        seed, so that it can check answers; whoever asks vmlab for `.solution` has them.

        ValueError, TypeError, PathError: what was wrong, in one sentence, and nothing was written.
        """
        return export.write(self, path, solutions, format)

    def __repr__(self) -> str:
        return "\n\n".join(map(repr, self._of))

    def _repr_html_(self) -> str:
        return "".join(p._repr_html_() for p in self._of)


def problems(kind: str | Sequence[str], seed: int = 0, n: int = 1) -> Sheet:
    """n problems of a kind, or n of each of several kinds, drawn from a seed.

    TypeError, ValueError: what was wrong, in one sentence.

    >>> problems("translation", seed=7, n=5)[3] == problems("translation", seed=7, n=4)[3]
    True
    """
    kinds = [kind] if isinstance(kind, str) else _listed(kind)
    for name in kinds:
        if not isinstance(name, str) or name not in KINDS:
            raise ValueError(f"there are no problems of kind {name!r}; there are: {', '.join(KINDS)}")
    seed, n = _whole("seed", seed), _whole("n", n)
    if not 1 <= n <= MOST:
        raise ValueError(f"n={n:,}: a sheet has 1 to {MOST} problems of a kind")
    return Sheet([_problem(name, seed, number) for name in kinds for number in range(1, n + 1)])


def _problem(kind: str, seed: int, number: int) -> Problem:
    file: Kind = import_module(f"{__package__}.{KINDS[kind]}")
    draws = Draws(kind, seed, number)
    for _ in range(ATTEMPTS):
        if (found := made(kind, seed, number, file.pose(file.draw(draws)), draws)) is not None:
            return found
    raise AssertionError(f"{kind}: no {ATTEMPTS} draws in a row have too few wrong answers")


def _listed(kinds: Any) -> list[Any]:
    try:
        listed = list(kinds)
    except TypeError:
        raise TypeError(f"kind must be one of {', '.join(KINDS)}, or a list of them, not {kinds!r}") from None
    if not listed:
        raise ValueError(f"no kind is asked for; there are: {', '.join(KINDS)}")
    return listed


def _whole(what: str, given: Any) -> int:
    if isinstance(given, bool) or not hasattr(given, "__index__"):
        raise TypeError(f"{what} must be a whole number, not {given!r}")
    return int(given)
