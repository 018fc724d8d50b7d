"""Answers of problems: how they are shown, and how what a student gives is read. Text is compared, never evaluated."""

import reprlib
from enum import Enum
from typing import Any

Value = int | float | str
FAULT = "page fault"
NEAR = 0.051  # ns: answers are told to one decimal


class Form(Enum):
    """What an answer is; the value says what is taken."""

    ADDRESS = 'a physical address such as 0x1a4, or "page fault"'
    COUNT = "a whole number"
    TIME = "a number of nanoseconds"
    WORD = "a word"
    LINES = "the lines as text"


def shown(form: Form, value: Value) -> str:
    """A value as it is printed."""
    if isinstance(value, float):
        return f"{value:.1f}".removesuffix(".0")
    return f"{value:#x}" if form is Form.ADDRESS and isinstance(value, int) else str(value)


def read(form: Form, given: Any) -> Value:
    """What was given, as a value of this form. ValueError that says what is taken."""
    if hasattr(given, "item") and getattr(given, "ndim", 1) == 0:
        given = given.item()  # numpy's numbers
    if isinstance(given, str):
        return _typed(form, given.strip(), given)
    if form in (Form.WORD, Form.LINES) or isinstance(given, bool) or not isinstance(given, int | float):
        raise _refusal(form, given)
    if isinstance(given, float) and form is not Form.TIME and not given.is_integer():
        raise _refusal(form, given)
    return float(given) if form is Form.TIME else int(given)


def same(form: Form, a: Value, b: Value) -> bool:
    """Are two values one answer?"""
    if form is Form.TIME:
        return abs(float(a) - float(b)) < NEAR
    return str(a).casefold() == str(b).casefold() if form is Form.WORD else a == b


def _typed(form: Form, text: str, given: str) -> Value:
    if form is Form.WORD:
        return text
    if form is Form.LINES:
        return "\n".join(" ".join(line.split()) for line in text.splitlines() if line.strip())
    if form is Form.ADDRESS and text.lower() == FAULT:
        return FAULT
    try:
        if form is Form.TIME:
            return float(text)
        return int(text, 16 if text.lower().startswith("0x") else 10)
    except ValueError:
        raise _refusal(form, given) from None


def _refusal(form: Form, given: Any) -> ValueError:
    return ValueError(f"takes {form.value}, or the letter of a choice; you gave {reprlib.repr(given)}")
