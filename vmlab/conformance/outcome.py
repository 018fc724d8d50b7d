"""What a raw call came to, and where two answers differ."""

import errno
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

Answer = dict[str, Any]  # as the record writes it: ok | errno | signal code done, and what the operation gives beside
FAULT_KEYS = {"min": 0, "maj": 1}  # of an expectation: place in `flt`


@dataclass(slots=True)
class Result:
    """What one raw call did.

    value: what it returned, unsigned. errno: the error's name, "" if it succeeded. signal, code: what it was sent.
    done: bytes loaded or stored before that. data: the bytes loaded. faults: its (minor, major), None if unknown.
    """

    value: int = 0
    errno: str = ""
    signal: str = ""
    code: int = 0
    done: int = 0
    data: bytes = b""
    faults: tuple[int, int] | None = None


class Mismatch(NamedTuple):
    """One thing that differs: its key, what Linux says, what was got."""

    key: str
    linux: Any
    got: Any


def error_name(number: int | None) -> str:
    """The name of an errno of this host. Of two names for one number the one that mmap(2) uses."""
    if number == errno.EOPNOTSUPP:
        return "EOPNOTSUPP"
    return errno.errorcode.get(number or 0, str(number))


def unequal(recorded: Mapping[str, Any], got: Mapping[str, Any]) -> Iterator[Mismatch]:
    """Every key in which an answer is not the recorded one, fault counts apart."""
    for key in recorded.keys() | got.keys():
        if key != "flt" and recorded.get(key) != got.get(key):
            yield Mismatch(key, recorded.get(key), got.get(key))


def unmet(expected: Mapping[str, Any], got: Mapping[str, Any]) -> Iterator[Mismatch]:
    """Every key of an expectation that an answer does not meet. What is not expected is not looked at.

    min, maj: fault counts. errno_in, bytes_in: one of several. any: everything.
    """
    for key, want in expected.items():
        if key == "any":
            continue
        if key in FAULT_KEYS:
            has = (got.get("flt") or [None, None])[FAULT_KEYS[key]]
        elif key in ("errno_in", "bytes_in"):
            has = got.get(key[:-3])
            if has in want:
                continue
        else:
            has = got.get(key)
        if has != want:
            yield Mismatch(key, want, has)
