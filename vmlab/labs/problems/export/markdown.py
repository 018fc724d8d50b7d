"""Markdown, as GitHub and Jupyter read it."""

import re
from collections.abc import Sequence

from ..problem import Problem
from ..tables import Table

SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|$~])")


def text(problems: Sequence[Problem], solutions: bool) -> str:
    """The whole file: a heading for each problem."""
    parts = ["# Problems"]
    for i, p in enumerate(problems, 1):
        parts += [f"## {i}. {p.name}", problem(p), *([f"### Solution of {i}", solution(p)] if solutions else [])]
    return "\n\n".join(parts) + "\n"


def problem(p: Problem) -> str:
    """What is asked, and the choices."""
    choices = [f"**{c.letter}** {_code(p.shown(c.answer))}" for c in p.choices]
    return "\n\n".join([escaped(p.text), *map(_table, p.tables), escaped(p.question), *choices])


def solution(p: Problem) -> str:
    """The right choice, the machine's steps, and what each wrong choice comes from."""
    beliefs = [f"**{c.letter}**: {escaped(c.belief)}" for c in p.choices if c.belief]
    answer = f"**{p.letter}** {_code(p.shown(p.answer))}"
    return "\n\n".join([answer, _table(p.solution.steps), escaped(p.solution.reason), *beliefs])


def _table(table: Table) -> str:
    lines = [_row(table.columns), "|" + " --- |" * len(table.columns), *map(_row, table.rows)]
    return "\n".join([f"*{escaped(table.title)}*", "", *lines])


def _row(words: Sequence[str]) -> str:
    return "| " + " | ".join(map(escaped, words)) + " |"


def escaped(words: str) -> str:
    """Words in which no letter means anything to Markdown."""
    return SPECIAL.sub(r"\\\1", words)


def _code(words: str) -> str:
    """Words as they are: in a line, or in a block where they are several."""
    return f"\n\n```text\n{words}\n```" if "\n" in words else f"`{words}`"
