"""The recorded past on a machine of larger pages, in the same memory: the same program, which uses what mmap gives it.

Two machines make the record side by side, one built as this one was, one with larger pages. A mapping may lie elsewhere on the
second, so an address is moved as far as its mapping was:

    as it was      ....|AAAAAAAA|....        addr
    larger pages   |AAAAAAAA|........        addr - (start of A as it was) + (start of A there)

That is exact while both do the same. Where a call cuts a mapping within a larger page, or one of the two refuses what the
other does, it is given up: there the program would have had to be another.
"""

from typing import Any

import numpy as np

from ..core import vma
from ..core.state import ASID_SHIFT, NONE, VPN_MASK
from ..errors import ConfigError
from ..history import Step
from ..kernel.mmap import Map
from ..machine import Machine
from . import rerun
from .rerun import Wanted

RANGES = ("munmap", "mprotect", "msync", "mlock", "mlock2", "munlock", "madvise", "mincore")  # they take whole pages
WITHIN = ("load", "store", "fetch", "read", "write", *RANGES)  # they take an address
REFUSED = ("mremap", "remap_file_pages")  # they move pages about: not followed
LARGEST = 1 << 16  # bytes of a page that holds bytes


class Differs(Exception):
    """The same calls are not the same thing with larger pages."""


class Moved:
    """Where the mappings of each process lie on the machine with larger pages."""

    def __init__(self) -> None:
        self.ranges: dict[
            int, list[tuple[int, int, int]]
        ] = {}  # row -> (start, stop, how far it is moved), the newest last

    def add(self, row: int, start: int, length: int, there: int) -> None:
        """A mapping was made."""
        self.ranges.setdefault(row, []).append((start, start + length, there - start))

    def fork(self, row: int, child: int) -> None:
        """A child has its parent's mappings."""
        self.ranges[child] = list(self.ranges.get(row, ()))

    def holding(self, row: int, addr: int) -> int:
        """Where the mapping ends that holds an address, 0 where none does."""
        return next((stop for start, stop, _ in reversed(self.ranges.get(row, [])) if start <= addr < stop), 0)

    def address(self, row: int, addr: int) -> int:
        """An address there; one that no mapping holds is as it was."""
        return next((addr + by for start, stop, by in reversed(self.ranges.get(row, [])) if start <= addr < stop), addr)

    def addresses(self, row: int, addresses: Any) -> Any:
        """An array of addresses there."""
        out, todo = addresses.copy(), np.ones(len(addresses), bool)
        for start, stop, by in reversed(self.ranges.get(row, [])):
            inside = todo & (addresses >= start) & (addresses < stop)
            out[inside] += by
            todo &= ~inside
        return out


def pages_of(machine: Machine, times: int) -> tuple[int, int]:
    """(bytes of a page, frames) of a machine with pages so many times as large, in no more memory."""
    return machine.page_size * times, len(machine.state.frames) // times


def run(machine: Machine, steps: list[Step], wanted: Wanted, times: int) -> tuple[str, int, int] | None:
    """Make the steps with pages `times` as large: (what comes in place of the fault, faults, ns). None: it cannot be done."""
    size, frames = pages_of(machine, times)
    if not frames or (size > LARGEST and machine.state.content.shape[1]):
        return None
    try:
        was, twin = _built(machine, {}), _built(machine, _larger(machine, size, frames))
        return _side_by_side(was, twin, steps, wanted)
    except (ConfigError, Differs):
        return None


def _built(machine: Machine, changed: dict[str, Any]) -> Machine:
    built = Machine(**{**machine.built_with, "history": None, **changed})
    built.kernel.sealed = True
    return built


def _larger(machine: Machine, size: int, frames: int) -> dict[str, Any]:
    """What another machine is built with. A named MMU has one page size, its index bits have any."""
    bits = tuple(int(mask).bit_length() for mask in machine.state.level["mask"][::-1])
    swap = machine.built_with["swap"] // size * size
    return {"mmu": bits, "page_size": size, "frames": frames, "ram": None, "swap": swap}


def _side_by_side(was: Machine, twin: Machine, steps: list[Step], wanted: Wanted) -> tuple[str, int, int]:
    moved, row, vpn = Moved(), wanted.tag >> ASID_SHIFT, wanted.tag & VPN_MASK
    for step in steps:
        began = int(was.state.machine["now"][0]), int(twin.state.machine["now"][0])
        args = _moved(was, twin, moved, step)
        old_brk = int(was.state.procs["start_brk"][step.row]) if step.call == "brk" else 0
        first = rerun.make(was, step.call, step.row, step.args, step.n)
        second = rerun.make(twin, step.call, step.row, args, step.n)
        if isinstance(first, BaseException) != isinstance(second, BaseException):
            raise Differs
        if step.row is None or isinstance(first, BaseException):
            continue
        if step.call == "mmap":
            moved.add(step.row, first, -(-step.args["length"] // was.page_size) * was.page_size, second)
        elif step.call == "brk":
            moved.add(step.row, old_brk, max(0, first - old_brk), int(twin.state.procs["start_brk"][step.row]))
        elif step.call == "fork":
            moved.fork(step.row, first)
    there = moved.address(row, vpn * was.page_size) // twin.page_size
    # each address of a run of references is one reference on both; bytes that span pages are fewer with larger ones
    now = wanted.now - began[0] + began[1] if steps[-1].call in ("access", "run") else NONE
    tag = row << ASID_SHIFT | there
    came = rerun.last_fault(twin.state, row, there, wanted._replace(tag=tag, now=now))
    return rerun.outcome(twin, wanted, came)


def _moved(was: Machine, twin: Machine, moved: Moved, step: Step) -> dict[str, Any]:
    """The arguments of a step for the machine with larger pages. Differs if there are none."""
    args, row = step.args, step.row
    if step.call in REFUSED:
        raise Differs
    if step.call == "queue":
        return {"segments": tuple(x._replace(addresses=moved.addresses(x.row, x.addresses)) for x in args["segments"])}
    if row is None:
        return args
    if step.call == "access":
        return {**args, "addresses": moved.addresses(row, args["addresses"])}
    if step.call == "brk":
        start = (int(m.state.procs["start_brk"][row]) for m in (was, twin))
        return {**args, "addr": args["addr"] - next(start) + next(start)}
    if step.call == "mmap" and args["flags"] & (Map.FIXED | Map.FIXED_NOREPLACE):
        there = moved.address(row, args["addr"])
        _whole(moved, was, twin, row, args["addr"], args["length"], there)
        return {**args, "addr": there}
    if step.call in WITHIN:
        there = moved.address(row, args["addr"])
        if step.call in RANGES:
            _whole(moved, was, twin, row, args["addr"], args["length"], there)
        return {**args, "addr": there}
    return args


def _whole(moved: Moved, was: Machine, twin: Machine, row: int, addr: int, length: int, there: int) -> None:
    """Differs unless a range begins with a larger page and ends with one, with its mapping, or where nothing follows."""
    size, small = twin.page_size, was.page_size
    stop = -(-(addr + length) // small) * small
    if there % size:
        raise Differs
    if not length or (there + length) % size == 0:
        return
    held = moved.holding(row, stop - 1)
    if stop < held if held else vma.at(twin.state, row, (there + length) // size) != NONE:
        raise Differs
