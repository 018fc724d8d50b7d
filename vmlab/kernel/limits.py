"""getrlimit(2) and setrlimit(2): how much a process may have. Every call that makes address space asks here.

Only soft limits: the hard ones are without end, so that a process may always raise a limit again. They come with fork.
"""

from enum import IntEnum

from ..core import vma
from ..core.state import Kind, Mark, State
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
HEURISTIC, ALWAYS, NEVER = 0, 1, 2  # vm.overcommit_memory


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


def over_commit(k: Kernel, npages: int) -> str:
    """Why npages more pages cannot be promised, or "" (mm/util.c, __vm_enough_memory).

    Mode 0 refuses only what RAM and swap together could never hold, mode 1 nothing, mode 2 what goes over the commit limit.
    """
    m = k.state.machine[0]
    if m.overcommit == ALWAYS:
        return ""
    if m.overcommit == HEURISTIC:
        most = len(k.state.frames) + len(k.state.slots)
        if npages <= most:
            return ""
        return f"{npages} pages are more than RAM and swap together have ({most}); MAP_NORESERVE promises nothing"
    most, have = commit_limit(k.state), committed(k.state)
    if have + npages <= most:
        return ""
    return f"{have} pages are promised, {npages} more would go over the commit limit of {most} (overcommit mode 2)"


def commit_limit(s: State) -> int:
    """How many pages may be promised in mode 2: overcommit_ratio percent of RAM, and swap (CommitLimit of /proc/meminfo)."""
    return len(s.frames) * int(s.machine["overcommit_ratio"][0]) // 100 + len(s.slots)


def committed(s: State) -> int:
    """How many pages are promised: writable private memory, and shared anonymous memory (Committed_AS)."""
    areas = s.vmas[: int(s.machine["nvma"][0])]
    private = areas[(areas["marks"] & Mark.ACCOUNT) != 0]
    shared = s.objects[(s.objects["used"] != 0) & (s.objects["kind"] == Kind.SHARED)]
    return int((private["stop"] - private["first"]).sum() + shared["npages"].sum())


def set_overcommit(k: Kernel, mode: int, ratio: int) -> None:
    """vm.overcommit_memory and vm.overcommit_ratio. What was promised already stays so."""
    m = k.state.machine[0]
    m.overcommit, m.overcommit_ratio = mode, ratio
