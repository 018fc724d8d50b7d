"""What a lab asks: predictions before it, exercises after it. A right answer is what a machine does, run when it is wanted."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

LABS = {
    "00": "meet_the_machine",
    "01": "addresses",
    "02": "trees",
    "03": "reach",
    "04": "drawing",
    "05": "demand",
    "06": "fork",
    "07": "files",
    "08": "victim",
    "09": "asleep",
    "10": "cached",
    "11": "thrashing",
    "12": "promises",
    "13": "pagesizes",
}


@dataclass(frozen=True)
class Prediction:
    """One number to guess. `cell` is the name of the cell that decides it, which stands in its first line as a comment."""

    key: str
    text: str
    cell: str
    truth: Callable[[], int]


@dataclass(frozen=True)
class Slip:
    """A wrong answer, the belief that leads to it, and lines of code that contradict it: the last one is an expression."""

    answer: Any
    belief: str
    code: str = ""


@dataclass(frozen=True)
class Exercise:
    """A question with a whole number for an answer. Nothing a student reads before he is right contains that number.

    `scene` makes anew what the notebook's cells made: the names that the code of a slip may use.
    """

    name: str
    unit: str  # "faults"
    truth: Callable[[], int]
    reason: str
    slips: tuple[Slip, ...]
    hints: tuple[str, str, str]
    scene: Callable[[], dict[str, Any]] = dict


@dataclass(frozen=True)
class Puzzle:
    """A question with a function for an answer, tried against the machine in every one of `cases`."""

    name: str
    example: str  # a function as the student should write one
    rule: str  # one that is right
    arguments: tuple[str, ...]
    cases: tuple[tuple[int, ...], ...]  # the telling ones first
    truth: Callable[..., int]
    reason: str
    slips: tuple[Slip, ...]  # answers: functions
    hints: tuple[str, str, str]
    said: Callable[..., str]  # a case in words
    steps: Callable[..., list[tuple[str, ...]]]  # what the machine does in a case, a row a step below a row of headings


@dataclass(frozen=True)
class Lab:
    """A notebook's questions."""

    number: str
    title: str
    predictions: tuple[Prediction, ...]
    exercises: tuple[Exercise | Puzzle, ...]
    recorded: dict[str, str] = field(
        default_factory=dict
    )  # by cell: what one on the reader's own kernel gave (host.py)


def lab(number: str) -> Lab:
    """The lab with a number. KeyError that names those there are."""
    if number not in LABS:
        raise KeyError(f"there is no lab {number!r}; there are: {', '.join(LABS)}")
    found = import_module(f"{__package__}.{LABS[number]}").LAB
    assert isinstance(found, Lab)
    return found


def exercise(name: str) -> Exercise | Puzzle:
    """The exercise with a name. KeyError that names those there are."""
    for e in exercises():
        if e.name == name:
            return e
    raise KeyError(f"there is no exercise {name!r}; there are: {', '.join(e.name for e in exercises())}")


def exercises() -> Iterator[Exercise | Puzzle]:
    """Every exercise of every lab."""
    for number in LABS:
        yield from lab(number).exercises
