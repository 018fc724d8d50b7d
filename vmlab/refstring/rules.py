"""The rules every replacement policy keeps, and which of them one of the user's own breaks, with a small string that shows it.

memory is full and a page comes     it names a page that is in memory, and no other
there is room                       it names none
always                              it ends, raises nothing, and does the same again from the same string
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import VmlabError
from ..jit import PACKAGE
from . import policy
from .own import ClassPolicy, FunctionPolicy, OwnPolicy, turns
from .string import ReferenceString

LONGEST = 6  # references of the strings that are all tried
FRAMES = (1, 2, 3)
RANDOM = 120  # longer strings
STEPS = 20  # of Python, to a turn of a loop
DICE = 20  # times a policy is run again whose compiled form does something else
OURS = str(PACKAGE)


@dataclass(frozen=True, repr=False)
class Finding:
    """What `broken` found. sentence: the rule that was broken, "" for none; pages, frames: what shows it. False if none was."""

    policy: str
    sentence: str
    pages: tuple[int, ...]
    frames: int
    tried: int

    def __bool__(self) -> bool:
        return bool(self.sentence)

    def __repr__(self) -> str:
        if not self:
            return f"{self.policy} kept every rule, in {self.tried:,} short strings"
        pages = " ".join(map(str, self.pages))
        return f"{self.sentence} (the string {pages}, {self.frames} frame{'s' * (self.frames != 1)})"


def broken(mine: Any) -> Finding:
    """Which rule a policy of one's own breaks, if any: a sentence, with the shortest string that shows it.

    mine : a function or a class, as `replay` takes it. It is run interpreted, and given up where it does not end; if it compiles,
        what was compiled must name the same pages.

    TypeError: what is no policy of one's own.

    >>> def past_the_end(used):
    ...     return len(used)
    >>> broken(past_the_end)
    the policy past_the_end named 1 at reference 2; it must name one of the frames 0..0 (the string 0 1, 1 frame)
    """
    p = policy.find(mine)
    if not isinstance(p, FunctionPolicy | ClassPolicy):
        raise TypeError(f"{mine!r} is one of vmlab's own policies: broken() looks at a function or a class of yours")
    tried = 0
    for pages, frames in _cases():
        tried += 1
        if sentence := _breach(p, pages, frames):
            pages, sentence = _shortened(p, pages, frames, sentence)
            return Finding(p.name, sentence, tuple(pages), frames, tried)
    return Finding(p.name, "", (), 0, tried)


def _cases() -> Iterator[tuple[list[int], int]]:
    """Strings and numbers of frames: every short string, but for the names of pages, then some longer ones."""
    for length in range(1, LONGEST + 1):
        for pages in _named(length, max(FRAMES) + 2):
            for frames in FRAMES:
                yield pages, frames
    rng = np.random.default_rng(1)
    for k in range(RANDOM):
        frames = int(rng.integers(2, 9))
        yield (rng.zipf(1.3, 20 + k // 2) % (2 * frames + 1)).tolist(), frames


def _named(length: int, most: int) -> Iterator[list[int]]:
    """Strings whose pages are numbered in order of first use."""
    if length == 0:
        yield []
        return
    for start in _named(length - 1, most):
        for page in range(min(max(start, default=-1) + 2, most)):
            yield [*start, page]


def _shortened(p: OwnPolicy, pages: list[int], frames: int, sentence: str) -> tuple[list[int], str]:
    """A string from which no reference can be left out, and what it shows."""
    at = 0
    while at < len(pages):
        fewer = pages[:at] + pages[at + 1 :]
        shows = _breach(p, fewer, frames) if fewer else ""
        if shows:
            pages, sentence = fewer, shows
        else:
            at += 1
    return pages, sentence


def _breach(p: OwnPolicy, pages: list[int], frames: int) -> str:
    """The rule that is broken on this string, as a sentence; "" if none is."""
    string = ReferenceString(np.array(pages, np.uint32), max(pages) + 1)
    first = _history(p, p.play, string, frames)
    if isinstance(first, str):
        return first
    for run, how in ((p.play, "run again"), (p.run, "compiled")):
        held = _history(p, run, string, frames)
        if held == first:
            continue
        if how == "compiled":  # or does it throw dice, which fell alike the first two times?
            for _ in range(DICE):
                again = _history(p, p.play, string, frames)
                if again != first:
                    held, how = again, "run again"
                    break
        return held if isinstance(held, str) else _differs(p, how, first, held)
    return ""


def _history(p: OwnPolicy, run: Any, string: ReferenceString, frames: int) -> list[set[int]] | str:
    """The pages in memory after each reference; or, as a sentence, the rule that was broken on the way."""
    held: list[set[int]] = []
    try:
        with _bounded(STEPS * turns(frames)):
            state: Any = p.start(string, frames)
            for k in range(len(string)):
                run(string.ids[k : k + 1], state)
                held.append(p.resident(state))
    except VmlabError as error:
        return str(error)
    except _EndlessError:
        return (
            f"the policy {p.name} was not done after {STEPS * turns(frames):,} steps at reference {len(held) + 1}: does a loop "
            "never end?"
        )
    except Exception as error:
        return f"the policy {p.name} raised {type(error).__name__} at reference {len(held) + 1}: {error}"
    return held


def _differs(p: OwnPolicy, how: str, first: list[set[int]], held: list[set[int]]) -> str:
    """Where two histories part."""
    k = next(k for k, (a, b) in enumerate(zip(first, held)) if a != b)
    return (
        f"the policy {p.name} did not do the same when it was {how}: after reference {k + 1} memory held "
        f"{_listed(first[k] - held[k])}, then {_listed(held[k] - first[k])}"
    )


def _listed(pages: set[int]) -> str:
    return f"page {', '.join(map(str, sorted(pages)))}" if pages else "nothing else"


class _EndlessError(BaseException):
    """Not an Exception: what the policy catches must not be this."""


@contextmanager
def _bounded(steps: int) -> Iterator[None]:
    """Of the code that is not vmlab's own no more instructions are run within than so many; then _EndlessError is raised there.

    Instructions, not lines: `while True: pass` never comes to a new line.
    """
    left = steps
    before = sys.gettrace()

    def trace(frame: Any, event: str, argument: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise _EndlessError
        if frame.f_code.co_filename.startswith(OURS):
            return None
        frame.f_trace_opcodes = True
        return trace

    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)
