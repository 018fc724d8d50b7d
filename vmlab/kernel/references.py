"""References in bulk: what may be given as such, and making them, chunk by chunk or all at once."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..core import state
from ..core.state import Exit
from ..errors import Signal
from ..interrupt import Allowed
from . import memory, suspend
from .check import TOP, task_bytes
from .enter import CURSOR, REGISTER, Kernel

SEEN = REGISTER["seen"]
DRAW = 1 << 16  # references drawn from an iterator at once, at most


class Given(NamedTuple):
    """References as arrays. addresses: whole numbers of any width, shape (n,). writes: true or false, (n,), or (1,) for all."""

    addresses: Any
    writes: Any

    def part(self, at: int, n: int) -> "Given":
        """References at..at+n-1 as the core takes them: int64 and uint8, contiguous and writable."""
        w = self.writes if len(self.writes) == 1 else self.writes[at : at + n]
        return Given(np.require(self.addresses[at : at + n], np.int64, ["C", "W"]), (w != 0).view(np.uint8))

    def own(self) -> "Given":
        """A copy as the core takes them, nobody else's to change."""
        return Given(self.addresses.astype(np.int64), (self.writes != 0).view(np.uint8))

    @property
    def nbytes(self) -> int:
        """Bytes that `own` takes."""
        return 8 * len(self.addresses) + len(self.writes)

    def write(self, i: int) -> bool:
        """Is reference i a store?"""
        return bool(self.writes[i if len(self.writes) > 1 else 0])


def given(addresses: Any, writes: Any = False) -> Given:
    """References as a user gives them, or those of a Trace. TypeError, ValueError. The arrays stay the user's."""
    if hasattr(addresses, "references"):
        addresses, writes = addresses.references()
    a = np.asarray(addresses)
    if a.ndim != 1 or (a.dtype.kind not in "iu" and a.size):
        raise TypeError(f"addresses must be whole numbers in one dimension, not {a.dtype} of shape {a.shape}")
    a = a.view(np.int64) if a.dtype == np.uint64 else a.astype(np.int64) if not a.size else a
    w = np.asarray(writes)
    if w.dtype.kind not in "biu":
        raise TypeError(f"writes must be true or false, not {w.dtype}")
    if w.ndim == 0:
        w = w.reshape(1)
    elif w.shape != a.shape:
        raise ValueError(f"{len(a)} addresses and {w.shape[0] if w.ndim == 1 else w.shape} writes")
    return Given(a, w)


class Drawn:
    """References drawn from an iterator as they are needed. taken: what was drawn, None once it was more than `most` bytes."""

    def __init__(self, addresses: Iterable[Any], write: bool, most: int) -> None:
        self.source: Iterator[Any] = iter(addresses)
        self.write, self.most = write, most
        self.taken: list[Any] | None = []

    def draw(self, k: Kernel, n: int) -> Given:
        """The next references, at most n; none at the end. What the iterator raises comes from outside."""
        try:
            with Allowed():
                drawn = given(list(islice(self.source, min(n, DRAW))), self.write).own()
        except Exception as error:
            k.outside.error = error
            raise
        if self.taken is not None:
            self.taken.append(drawn.addresses)
            self.most -= drawn.nbytes
            if self.most < 0:
                self.taken = None
        return drawn


class Work(Protocol):
    """References being made. done: how many were."""

    done: int

    def advance(self, n: int) -> tuple[Exit, Signal | None]:
        """Make at most n more: (why it stopped, the signal that the last one got). None made: there are no more."""

    def record(self, args: dict[str, Any]) -> bool:
        """Put what the record needs to make them again into the call's arguments; False if that is too much."""


class Access:
    """The references of one process, of one call. source: Given or Drawn."""

    def __init__(self, k: Kernel, row: int, source: Given | Drawn) -> None:
        self.kernel, self.row, self.source = k, row, source
        self.done = 0
        self._begun = False

    def advance(self, n: int) -> tuple[Exit, Signal | None]:
        k = self.kernel
        if not self._begun:
            self._begun = True
            suspend.must_run(k, self.row, "access")
            k.notice()
        k.registers[CURSOR] = 0
        before = self.done
        refs = self.source.part(before, n) if isinstance(self.source, Given) else self.source.draw(k, n)
        try:
            return make(k, self.row, refs, 0, before)
        finally:  # also when a policy, Ctrl-C or the out-of-memory killer ended it
            self.done = before + int(k.registers[CURSOR])

    def record(self, args: dict[str, Any]) -> bool:
        if isinstance(self.source, Given):
            return "addresses" in args
        taken, self.source.taken = self.source.taken, None
        if taken is None:
            return False
        args["addresses"] = np.concatenate([np.zeros(0, np.int64), *taken])
        return True


def make(k: Kernel, row: int, refs: Given, until: int, done: int) -> tuple[Exit, Signal | None]:
    """Make references, as parts give them: (why it stopped, signal). machine.cursor says how many were made, `done` before."""
    inside = _first_outside(refs.addresses, task_bytes(k))
    k.registers[CURSOR], why = 0, Exit.DONE
    if inside:
        part = refs if inside == len(refs.addresses) else refs.part(0, inside)
        why = memory.access(k, row, part.addresses, part.writes, inside, until)
    i = int(k.registers[CURSOR])
    if why not in (Exit.SEGV, Exit.BUS):
        if i < inside or inside == len(refs.addresses):
            return why, None
        cause, why = Exit.DONE, Exit.SEGV  # no address of the machine
    else:
        cause = why
    access = state.Access.WRITE if refs.write(i) else state.Access.READ
    return why, memory.signal(k, row, cause, int(refs.addresses[i]) % TOP, access, done + i)


def in_one_go(work: Work, k: Kernel, limit: int | None, until: int = 0) -> None:
    """Make references as a run that was recorded made them: to its end, to `limit`, or until an event."""
    left = limit if limit is not None else 1 << 62
    while left > 0:
        before = work.done
        _, failure = work.advance(left)
        made = work.done - before
        left -= made
        if failure is not None or made == 0 or k.registers[SEEN] & until:
            return


def access(k: Kernel, row: int, addresses: Any, writes: Any, limit: int | None) -> None:
    """A recorded access, run again."""
    in_one_go(Access(k, row, Given(addresses, writes)), k, limit)


def _first_outside(addresses: Any, task: int) -> int:
    """The index of the first address that no program may use; the length if there is none."""
    if not len(addresses) or (int(addresses.max()) < task and int(addresses.min()) >= 0):
        return len(addresses)
    return int(np.flatnonzero((addresses < 0) | (addresses >= task))[0])
