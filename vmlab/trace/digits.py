"""Numbers and line ends in the bytes of a text, for the kernels that go through it.

A kernel is given a block of whole lines and fills columns with what it finds. Where a line is not as it should be it stops there:
what is wrong with it is found out by Python, which may take its time.

Each step here takes the text and a place, and returns the place after what it read, or -1 if that is not there.
"""

from typing import Any

import numpy as np

from ..jit import inline

LINE = 4096  # bytes of a line, at most
DIGITS = 64  # characters of a number, at most
FINE, BAD = 0, 1  # what a kernel returns: all lines read, or stopped before a line that it cannot read
AT, REFS, LINES, SKIPPED = range(4)  # what it leaves in `done`: bytes, references, lines, lines that are no references

NEWLINE, RETURN, SPACE, TAB, COMMA, ZERO, X = 10, 13, 32, 9, 44, 48, 120


@inline
def digit(text: Any, at: int) -> Any:
    """The hexadecimal digit there, or 99."""
    c = np.int64(text[at])
    if 48 <= c <= 57:
        return c - 48
    c |= 32
    return c - 87 if 97 <= c <= 102 else 99


@inline
def hexadecimal(text: Any, at: int) -> Any:
    """(value, the place after it): hexadecimal digits of at most 64 bits."""
    value, begin = np.uint64(0), at
    d = digit(text, at)
    while d < 16:
        if value >> np.uint64(60) != 0 or at - begin >= DIGITS:
            return value, -1
        value = value << np.uint64(4) | np.uint64(d)
        at += 1
        d = digit(text, at)
    return value, (at if at > begin else -1)


@inline
def number(text: Any, at: int) -> Any:
    """(value, the place after it): decimal digits, or 0x and hexadecimal ones, of at most 64 bits."""
    if text[at] == ZERO and text[at + 1] | 32 == X:
        return hexadecimal(text, at + 2)
    value, begin = np.uint64(0), at
    d = digit(text, at)
    while d < 10:
        # 2**64 - 1 = 18446744073709551615
        if value > np.uint64(1844674407370955161) or at - begin >= DIGITS:
            return value, -1
        if value == np.uint64(1844674407370955161) and d > 5:
            return value, -1
        value = value * np.uint64(10) + np.uint64(d)
        at += 1
        d = digit(text, at)
    return value, (at if at > begin and d > 15 else -1)


@inline
def ends_word(c: Any) -> bool:
    """Is this a space, a tab, or how a line ends?"""
    return c in (SPACE, TAB, NEWLINE, RETURN)


@inline
def blanks(text: Any, at: int) -> int:
    """The place after spaces and tabs, if any."""
    while text[at] in (SPACE, TAB):
        at += 1
    return at


@inline
def line_end(text: Any, begin: int, at: int) -> int:
    """The place after the end of the line that began at `begin`, LF or CR LF."""
    if text[at] == RETURN:
        at += 1
    return at + 1 if text[at] == NEWLINE and at - begin <= LINE else -1


@inline
def rest(text: Any, begin: int) -> int:
    """The place after the line that begins there, whatever it holds."""
    at = begin
    while text[at] != NEWLINE:
        at += 1
    return at + 1 if at - begin <= LINE else -1


@inline
def report(done: Any, at: int, refs: int, lines: int, skipped: int) -> None:
    """Leave in `done` how far a kernel came."""
    done[AT], done[REFS], done[LINES], done[SKIPPED] = at, refs, lines, skipped
