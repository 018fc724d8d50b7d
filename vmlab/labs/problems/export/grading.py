"""How a grader that has no vmlab tells a right answer: one line of Python."""

from ..answers import NEAR, Form
from ..problem import Problem

HOW = "the answer, or the letter of a choice as text"


def assertion(p: Problem, name: str) -> str:
    """A statement that fails unless the variable holds the answer, however it is written, or its letter."""
    words = {p.letter, p.shown(p.answer)}
    if isinstance(p.answer, int):
        words |= {str(p.answer), f"{p.answer}.0"}
    said = f'" ".join(str({name}).split()).lower()'
    known = ", ".join(repr(" ".join(word.split()).lower()) for word in sorted(words))
    near = f" or abs(float({name}) - {p.answer!r}) < {NEAR}" if p.form is Form.TIME else ""
    return f"assert {said} in ({known}){near}"


def value(p: Problem) -> str:
    """The answer as Python writes it."""
    return p.shown(p.answer) if isinstance(p.answer, int) else repr(p.answer)
