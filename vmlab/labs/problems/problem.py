"""A problem: what is asked, the choices with the belief behind each wrong one, and the solution a machine gave."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, NamedTuple

from ..checking import RIGHT, WIDTH, wrapped
from . import answers
from .answers import Form, Value
from .draws import Draws
from .tables import Table

WRONG = 3  # choices beside the right one
STYLE = "text-align:left;white-space:pre-wrap"


class Posed(NamedTuple):
    """What a kind's `pose` returns: a question and what the machine made of it."""

    text: str
    tables: tuple[Table, ...]
    question: str
    form: Form
    answer: Value
    wrong: Sequence[
        tuple[Value, str]
    ]  # what a belief leads to, and the belief; of two that lead to one, the first counts
    solution: Table
    reason: str


@dataclass(frozen=True)
class Choice:
    """One of the answers to choose from. belief: what leads to it, empty where it is right."""

    letter: str
    answer: Value
    belief: str


@dataclass(frozen=True)
class Solution:
    """The steps that the machine took, and the sentence that sums them up."""

    steps: Table
    reason: str

    def __repr__(self) -> str:
        return f"{self.steps!r}\n{textwrap.fill(self.reason, WIDTH)}"

    def _repr_html_(self) -> str:
        return f"{self.steps._repr_html_()}<p>{escape(self.reason)}</p>"


@dataclass(frozen=True, repr=False)
class Problem:
    """One problem. Equal kind, seed and number are equal problems."""

    kind: str
    seed: int
    number: int
    text: str
    tables: tuple[Table, ...]
    question: str
    form: Form
    answer: Value
    choices: tuple[Choice, ...]
    solution: Solution

    @property
    def name(self) -> str:
        """Its name: kind, seed and number."""
        return f"{self.kind} {self.seed}.{self.number}"

    @property
    def letter(self) -> str:
        """The letter of the right choice."""
        return next(c.letter for c in self.choices if not c.belief)

    def shown(self, value: Value) -> str:
        """An answer to this problem as it is printed."""
        return answers.shown(self.form, value)

    def check(self, answer: Any = ...) -> None:
        """Print whether an answer, or the letter of a choice, is right, and why; `...` is no answer yet."""
        print(wrapped(f"{self.name}: {self._judged(answer)}"))

    def _judged(self, answer: Any) -> str:
        if answer is ...:
            return "no answer yet. Put yours in place of the dots and run the cell again."
        try:
            value = self._read(answer)
        except ValueError as error:
            return f"{error}."
        if answers.same(self.form, value, self.answer):
            return f"{RIGHT}. {self.solution.reason}"
        for choice in self.choices:
            if answers.same(self.form, value, choice.answer):
                return f"not yet. {choice.belief}"
        return "not yet, and this is not one of the slips we know. `solution` shows the steps of the machine."

    def _read(self, answer: Any) -> Value:
        if isinstance(answer, str):
            for choice in self.choices:
                if answer.strip().lower() == choice.letter:
                    return choice.answer
        return answers.read(self.form, answer)

    def __repr__(self) -> str:
        head = f"{self.name}\n{textwrap.fill(self.text, WIDTH)}"
        choices = [
            textwrap.indent(self.shown(c.answer), "     ").replace("    ", f"  {c.letter} ", 1) for c in self.choices
        ]
        return "\n".join([head, *map(repr, self.tables), textwrap.fill(self.question, WIDTH), *choices])

    def _repr_html_(self) -> str:
        tables = "".join(t._repr_html_() for t in self.tables)
        choices = "".join(
            f"<div style='{STYLE}'><b>{c.letter}</b> <code>{escape(self.shown(c.answer))}</code></div>"
            for c in self.choices
        )
        return (
            f"<section><h4>{escape(self.name)}</h4><p>{escape(self.text)}</p>{tables}<p>{escape(self.question)}</p>{choices}"
            f"<details><summary>Solution</summary><p><b>{self.letter}</b> <code style='{STYLE}'>"
            f"{escape(self.shown(self.answer))}</code></p>{self.solution._repr_html_()}</details></section>"
        )


def made(kind: str, seed: int, number: int, posed: Posed, draws: Draws) -> Problem | None:
    """The problem with its choices, all different; None if the beliefs lead to too few answers."""
    wrong: list[tuple[Value, str]] = []
    for value, belief in posed.wrong:
        taken = [posed.answer, *(v for v, _ in wrong)]
        if not any(_alike(posed.form, value, other) for other in taken):
            wrong.append((value, belief))
    if len(wrong) < WRONG:
        return None
    order = draws.shuffled([(posed.answer, ""), *draws.some_of(wrong, WRONG)])
    choices = tuple(Choice(letter, value, belief) for letter, (value, belief) in zip("abcd", order))
    return Problem(
        kind,
        seed,
        number,
        posed.text,
        posed.tables,
        posed.question,
        posed.form,
        posed.answer,
        choices,
        Solution(posed.solution, posed.reason),
    )


def _alike(form: Form, a: Value, b: Value) -> bool:
    return answers.same(form, a, b) or answers.shown(form, a) == answers.shown(form, b)
