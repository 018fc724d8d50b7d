"""getrlimit(2) and setrlimit(2): how much a process may have. Every call that makes address space asks here.

Only soft limits: the hard ones are without end, so that a process may always raise a limit again. They come with fork.
"""

from enum import IntEnum

from ..core import vma
from ..core.state import Mark
from .check import page_size, refuse
from .enter import Kernel


class Limit(IntEnum):
    """RLIMIT_* of setrlimit(2), with Linux's numbers on x86-64."""

    DATA = 2  # bytes of private writable memory, and of the heap
    MEMLOCK = 8  # bytes that mlock may hold in memory
    AS = 9  # bytes of address space


RLIM_INFINITY = (1 << 64) - 1
FIELD = {Limit.DATA: "limit_data", Limit.MEMLOCK: "limit_memlock", Limit.AS: "limit_as"}  # in PROC
WRITE = 2  # of PROT_*


def setrlimit(k: Kernel, row: int, resource: int, limit: int) -> None:
    """Set a limit, in bytes; RLIM_INFINITY is none. What the process has already it keeps. EINVAL for an unknown resource."""
    signed = limit - (1 << 64) if limit >> 63 else limit  # RLIM_INFINITY is kept as -1
    k.state.procs[_field(k, row, "setrlimit", resource)][row] = signed


def getrlimit(k: Kernel, row: int, resource: int) -> int:
    """A limit, in bytes. EINVAL for an unknown resource."""
    return int(k.state.procs[_field(k, row, "getrlimit", resource)][row]) % (1 << 64)


def _field(k: Kernel, row: int, call: str, resource: int) -> str:
    try:
        return FIELD[Limit(resource)]
    except ValueError:
        known = ", ".join(f"{r.name} ({r})" for r in Limit)
        raise refuse(k, row, call)("EINVAL", f"resource {resource} is not one of {known}") from None


def is_data(prot: int, marks: int) -> bool:
    """Does RLIMIT_DATA count a mapping? If it is private, writable and no stack (mm/internal.h, is_data_mapping)."""
    return bool(prot & WRITE) and not marks & (Mark.SHARED | Mark.GROWSDOWN)


def over(k: Kernel, row: int, npages: int, data: bool) -> str:
    """Why a process may not have npages more pages of address space, or "" if it may (mm/mmap.c, may_expand_vm).

    data: will they count as data, is_data? A call that takes as many pages away, as MAP_FIXED does, asks for the difference.
    """
    size = page_size(k)
    areas = vma.of_process(k.state, row)
    limit = getrlimit(k, row, Limit.AS)
    total = sum(v.npages for v in areas)
    if total + npages > limit // size:
        return f"RLIMIT_AS is {limit} bytes, {total * size} are mapped and {npages * size} more are wanted"
    limit = getrlimit(k, row, Limit.DATA)
    total = sum(v.npages for v in areas if is_data(v.prot, v.marks))
    if data and limit and total + npages > limit // size:  # a limit of 0 binds brk alone: Linux does so for Valgrind
        return f"RLIMIT_DATA is {limit} bytes, {total * size} are in use and {npages * size} more are wanted"
    return ""


def locked(k: Kernel, row: int) -> int:
    """How many pages the process's locked mappings have: VmLck."""
    return sum(v.npages for v in vma.of_process(k.state, row) if v.marks & Mark.LOCKED)


def over_lock(k: Kernel, row: int, npages: int) -> str:
    """Why a process may not lock npages more pages, or "" if it may (mm/mmap.c, mlock_future_ok)."""
    size, limit = page_size(k), getrlimit(k, row, Limit.MEMLOCK)
    have = locked(k, row)
    if have + npages <= limit // size:
        return ""
    return f"RLIMIT_MEMLOCK is {limit} bytes, {have * size} are locked and {npages * size} more are wanted"
