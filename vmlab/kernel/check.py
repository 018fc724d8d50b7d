"""Checks that system calls share, and the words of their refusals."""

from collections.abc import Callable

from ..core.state import ASID_SHIFT
from ..errors import fail
from .enter import REGISTER, Kernel

PAGE_SIZE, TASK_PAGES = REGISTER["page_size"], REGISTER["task_pages"]
TOP = 1 << 64  # addresses and lengths are unsigned 64-bit numbers


def refuse(k: Kernel, row: int, call: str) -> Callable[[str, str], OSError]:
    """A function that makes the OSError of a call: refuse(k, row, "mmap")("EINVAL", "the length is 0")."""
    return lambda name, reason: fail(name, f"{k.process(row)} {call}: {reason}")


def page_size(k: Kernel) -> int:
    """Bytes of a page."""
    return int(k.registers[PAGE_SIZE])


def task_bytes(k: Kernel) -> int:
    """The first address past what a program may use."""
    return int(k.registers[TASK_PAGES] * k.registers[PAGE_SIZE])


def pages_in(k: Kernel, addr: int, length: int) -> tuple[int, int]:
    """(first, stop) page numbers of a range; the length is rounded up to whole pages."""
    size = page_size(k)
    return addr // size, -(-(addr + length) // size)


def tags(row: int, first: int, stop: int) -> tuple[int, int]:
    """Page numbers of a process as tags."""
    return row << ASID_SHIFT | first, row << ASID_SHIFT | stop
