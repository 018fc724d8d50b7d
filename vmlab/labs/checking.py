"""`check`: right or not yet, with the reason, and never the answer. What contradicts a wrong belief is computed as it is said."""

import linecache
import re
import sys
import textwrap
import time
import traceback
from collections.abc import Callable
from typing import Any

import vmlab

from . import standing
from .lab import Exercise, Puzzle, exercise
from .table import aligned

WIDTH = 98  # of a line of feedback
SECONDS = 2.0  # a student's function may take for one case
RIGHT = "right"
OTHER_UNITS = {"pages": ((4, "kB"), (4096, "bytes")), "kB": ((1024, "bytes"),)}  # how many of them make one


def check(name: str, answer: Any = ...) -> None:
    """Print whether an answer is right, and why; `...` is no answer yet. An answer is a value, never text to be evaluated."""
    asked = exercise(name)
    if answer is ...:
        text = "no answer yet. Put yours in place of the dots and run the cell again."
    else:
        text = _judge_number(asked, answer) if isinstance(asked, Exercise) else _judge_rule(asked, answer)
        standing.tried(name, text.startswith(RIGHT))
    print(wrapped(f"{name}: {text}"))


def hint(name: str) -> None:
    """Print the next hint of an exercise; after the third the first comes again."""
    hints = exercise(name).hints
    at = standing.hinted(name) % len(hints)
    print(wrapped(f"{name}, hint {at + 1} of {len(hints)}: {hints[at]}"))


def answer(name: str) -> None:
    """Print the answer of an exercise and its reason. The line of progress says that it was shown; nothing is taken away."""
    asked = exercise(name)
    said = f"{asked.truth()} {asked.unit}" if isinstance(asked, Exercise) else asked.rule
    standing.showed(name)
    print(wrapped(f"{name}: the answer is {said}. {asked.reason}\n{standing.line(name.partition('.')[0])}"))


def step(name: str, **case: int) -> None:
    """Print what the machine does in one case of a puzzle, step by step: step("06.4", k=2, w=2)."""
    asked = exercise(name)
    if not isinstance(asked, Puzzle):
        raise ValueError(f"{name} has one case only: build its machine as its text says")
    values = tuple(case.get(argument) for argument in asked.arguments)
    if values not in asked.cases or len(case) != len(asked.arguments):
        most = ", ".join(f"{a} from {min(of)} to {max(of)}" for a, of in zip(asked.arguments, zip(*asked.cases)))
        raise ValueError(f"{name} is tried with {most}, not with {_call(case)}")
    rows = asked.steps(*values)
    print("\n".join([f"{name} with {_call(case)}: {asked.said(*values)}", *aligned(rows, range(1, len(rows[0])))]))


def _judge_number(asked: Exercise, answer: Any) -> str:
    wanted = f"takes a whole number of {asked.unit}; you gave"
    if isinstance(answer, bool) or not hasattr(answer, "__index__"):
        return f"{wanted} {_what(answer)}."
    n = int(answer)
    if n < 0:
        return f"{wanted} {n}."
    truth = asked.truth()
    if n == truth:
        return f"{RIGHT}. {asked.reason}"
    for times, unit in OTHER_UNITS.get(asked.unit, ()):
        if n == truth * times:
            return (
                f"not yet, but only the unit is wrong: the question asks for {asked.unit}, and {n} is that in {unit}."
            )
    for slip in asked.slips:
        if slip.answer == n:
            return f"not yet. {slip.belief}{shown(slip.code, asked.scene())}"
    way = f'labs.hint("{asked.name}") gives the first of three hints.'
    return f"not yet, and {n} is not one of the slips we know. {way}"


def _judge_rule(asked: Puzzle, answer: Any) -> str:
    if not callable(answer):
        return f"takes a function, such as {asked.example}; you gave {_what(answer)}."
    truths = {case: asked.truth(*case) for case in asked.cases}
    said: dict[tuple[int, ...], Any] = {}
    for case in asked.cases:
        call = _call(dict(zip(asked.arguments, case, strict=True)))
        try:
            said[case] = within(SECONDS, answer, case)
        except TimeoutError:
            return f"your function has not come back after {SECONDS:g} seconds. It was called with {call}."
        except Exception as error:
            return f"your function failed when it was called with {call}: {type(error).__name__}: {error}{_line(error)}"
    wrong = [case for case in asked.cases if said[case] != truths[case]]
    if not wrong:
        return f"{RIGHT}, in all {len(truths)} cases. {asked.reason}"
    case = wrong[0]
    known = next((s for s in asked.slips if all(s.answer(*c) == said[c] for c in asked.cases)), None)
    belief = f" {known.belief}" if known else ""
    call = f'labs.step("{asked.name}", {_call(dict(zip(asked.arguments, case, strict=True)))})'
    return (
        f"not yet.{belief}\n    {call}      # {asked.said(*case)}\n    -> your rule says {said[case]}, the machine made"
        f" {truths[case]}\n    ({len(truths) - len(wrong)} of {len(truths)} cases agree)"
    )


def shown(code: str, scene: dict[str, Any]) -> str:
    """Lines of code and, after an arrow, what the last of them gives, computed now on machines of its own.

    `scene` has the names of the notebook that the code uses, made anew: the student's own machines are left alone. If one of
    them is something else in the notebook by now, or gone, that is said.
    """
    if not code:
        return ""
    *lines, last = code.strip().splitlines()
    names: dict[str, Any] = {name: getattr(vmlab, name) for name in vmlab.__all__} | scene
    exec("\n".join(lines), names)
    value = eval(last, names)
    value = value.item() if hasattr(value, "item") else value  # numpy's numbers print otherwise in each version
    lost = ", ".join(name for name in _overwritten(scene) if re.search(rf"\b{name}\b", code))
    note = f"\nThis was run on a scene of its own; in the notebook {lost} is another thing now." if lost else ""
    return "".join(f"\n    {line}" for line in [*lines, last, f"-> {value!r}"]) + note


def _overwritten(scene: dict[str, Any]) -> list[str]:
    """The names of a scene that do not mean in the notebook what they mean there."""
    try:
        from IPython.core.getipython import get_ipython
    except ImportError:
        return []
    shell = get_ipython()
    return [] if shell is None else [n for n, value in scene.items() if type(shell.user_ns.get(n)) is not type(value)]


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


def _call(case: dict[str, Any]) -> str:
    """A case as the arguments of a call."""
    return ", ".join(f"{name}={value}" for name, value in case.items())


def _what(answer: Any) -> str:
    kind = {str: "the text", float: "the number", bool: "the truth value", list: "the list", tuple: "the tuple"}
    return f"{kind.get(type(answer), 'the ' + type(answer).__name__)} {answer!r}"


def wrapped(text: str) -> str:
    """Prose in lines of WIDTH; indented lines are code and stay as they are."""
    lines = text.splitlines()
    return "\n".join(line if line.startswith("    ") else textwrap.fill(line, WIDTH) for line in lines)
