"""`check`: right or not yet, with the reason, and never the answer. What contradicts a wrong belief is computed as it is said."""

import linecache
import sys
import textwrap
import time
import traceback
from collections.abc import Callable
from typing import Any

import vmlab

from .lab import Exercise, Puzzle, exercise

WIDTH = 98  # of a line of feedback
SECONDS = 2.0  # a student's function may take for one case

_hints: dict[str, int] = {}  # how many of an exercise's hints were given


def check(name: str, answer: Any = ...) -> None:
    """Print whether an answer is right, and why; `...` is no answer yet."""
    asked = exercise(name)
    if answer is ...:
        text = "no answer yet. Put yours in place of the dots and run the cell again."
    elif isinstance(asked, Exercise):
        text = _judge_number(asked, answer)
    else:
        text = _judge_rule(asked, answer)
    print(_wrapped(f"{name}: {text}"))


def hint(name: str) -> None:
    """Print the next hint of an exercise; after the third the first comes again."""
    given = _hints.get(name, 0)
    hints = exercise(name).hints
    _hints[name] = given + 1
    at = given % len(hints)
    print(_wrapped(f"{name}, hint {at + 1} of {len(hints)}: {hints[at]}"))


def _judge_number(asked: Exercise, answer: Any) -> str:
    wanted = f"takes a whole number of {asked.unit}; you gave"
    if isinstance(answer, bool) or not hasattr(answer, "__index__"):
        return f"{wanted} {_what(answer)}."
    n = int(answer)
    if n < 0:
        return f"{wanted} {n}."
    truth = asked.truth()
    if n == truth:
        return f"right. {asked.reason}"
    if asked.unit == "pages" and n in (truth * 4, truth * 4096):
        unit = "kB" if n == truth * 4 else "bytes"
        return f"not yet, but only the unit is wrong: the question asks for pages, and {n} is their size in {unit}."
    for slip in asked.slips:
        if slip.answer == n:
            return f"not yet. {slip.belief}{shown(slip.code)}"
    way = f'labs.hint("{asked.name}") gives the first of three hints.'
    return f"not yet, and {n} is not one of the slips we know. {way}"


def _judge_rule(asked: Puzzle, answer: Any) -> str:
    if not callable(answer):
        return f"takes a function, such as {asked.example}; you gave {_what(answer)}."
    truths = {case: asked.truth(*case) for case in asked.cases}
    said: dict[tuple[int, ...], Any] = {}
    for case in asked.cases:
        call = ", ".join(f"{a}={v}" for a, v in zip(asked.arguments, case, strict=True))
        try:
            said[case] = within(SECONDS, answer, case)
        except TimeoutError:
            return f"your function has not come back after {SECONDS:g} seconds. It was called with {call}."
        except Exception as error:
            return f"your function failed when it was called with {call}: {type(error).__name__}: {error}{_line(error)}"
    wrong = [case for case in asked.cases if said[case] != truths[case]]
    if not wrong:
        return f"right, in all {len(truths)} cases. {asked.reason}"
    case = wrong[0]
    known = next((s for s in asked.slips if all(s.answer(*c) == said[c] for c in asked.cases)), None)
    belief = f"{known.belief} " if known else ""
    agree = len(truths) - len(wrong)
    return (
        f"not yet. {belief}One case in which they differ: {asked.said(*case)}. Your rule says {said[case]}, the machine made"
        f" {truths[case]}. ({agree} of {len(truths)} cases agree.)"
    )


def shown(code: str) -> str:
    """Lines of code and, after an arrow, what the last of them gives, computed now on machines of its own."""
    if not code:
        return ""
    *lines, last = code.strip().splitlines()
    names: dict[str, Any] = {name: getattr(vmlab, name) for name in vmlab.__all__}
    exec("\n".join(lines), names)
    value = eval(last, names)
    return "".join(f"\n    {line}" for line in [*lines, last, f"-> {value!r}"])


def within(seconds: float, call: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """call(*arguments), or TimeoutError once its Python has run for so long."""
    limit = time.monotonic() + seconds

    def look(frame: Any, event: str, arg: Any) -> Any:
        if time.monotonic() > limit:
            raise TimeoutError
        return look

    before = sys.gettrace()
    sys.settrace(look)
    try:
        return call(*arguments)
    finally:
        sys.settrace(before)


def _line(error: BaseException) -> str:
    """Where in the student's own code it failed."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename != __file__]
    text = linecache.getline(frames[-1].filename, frames[-1].lineno or 0).strip() if frames else ""
    return f"\n    {text}" if text else ""


def _what(answer: Any) -> str:
    kind = {str: "the text", float: "the number", bool: "the truth value", list: "the list", tuple: "the tuple"}
    return f"{kind.get(type(answer), 'the ' + type(answer).__name__)} {answer!r}"


def _wrapped(text: str) -> str:
    """Prose in lines of WIDTH; indented lines are code and stay as they are."""
    lines = text.splitlines()
    return "\n".join(line if line.startswith("    ") else textwrap.fill(line, WIDTH) for line in lines)
