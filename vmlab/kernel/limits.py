"""getrlimit(2) and setrlimit(2): how much a process may have. Every call that makes address space asks here.

The soft limit is the one that binds; the process may move it, up to the hard limit. The hard limit it can only lower: no process
here is privileged. Both come with fork.
"""

from enum import IntEnum

from ..core import vma
from ..core.state import ASID_SHIFT, Mark
from .check import page_size, refuse, tags
from .enter import Kernel


class Limit(IntEnum):
    """RLIMIT_* of setrlimit(2), with Linux's numbers on x86-64."""

    DATA = 2  # bytes of private writable memory, and of the heap
    STACK = 3  # bytes to which a mapping that grows downwards may grow
    MEMLOCK = 8  # bytes that mlock may hold in memory
    AS = 9  # bytes of address space


RLIM_INFINITY = (1 << 64) - 1
STACK = (
    8 << 20
)  # the soft limit that a process begins with (include/uapi/linux/resource.h, _STK_LIM); the others are none
FIELD = {r: f"limit_{r.name.lower()}" for r in Limit}  # in PROC
HARD = {r: f"hard_{r.name.lower()}" for r in Limit}
WRITE = 2  # of PROT_*


def setrlimit(k: Kernel, row: int, resource: int, limit: int, hard: int | None = None) -> None:
    """Set a soft limit, in bytes, and the hard one unless that is None; RLIM_INFINITY is none.

    What the process has already it keeps. EINVAL: unknown resource, soft above hard. EPERM: a higher hard limit than it has
    (kernel/sys.c, do_prlimit).
    """
    no = refuse(k, row, "setrlimit")
    which = _known(k, row, "setrlimit", resource)
    most = hard_limit(k, row, which)
    hard = most if hard is None else hard
    if limit > hard:
        raise no("EINVAL", f"the soft limit {limit} is above the hard limit {hard}")
    if hard > most:
        raise no("EPERM", f"the hard limit of {which.name} is {most} and can only be lowered")
    for field, value in ((FIELD[which], limit), (HARD[which], hard)):
        k.state.procs[field][row] = value - (1 << 64) if value >> 63 else value  # RLIM_INFINITY is kept as -1


def getrlimit(k: Kernel, row: int, resource: int) -> int:
    """A soft limit, in bytes. EINVAL for an unknown resource."""
    return int(k.state.procs[FIELD[_known(k, row, "getrlimit", resource)]][row]) % (1 << 64)


def hard_limit(k: Kernel, row: int, resource: int) -> int:
    """A hard limit, in bytes. EINVAL for an unknown resource."""
    return int(k.state.procs[HARD[_known(k, row, "getrlimit", resource)]][row]) % (1 << 64)


def _known(k: Kernel, row: int, call: str, resource: int) -> Limit:
    try:
        return Limit(resource)
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


# -- the number of mappings ----------------------------------------------------------------------------------------------


def set_max_map_count(k: Kernel, most: int) -> None:
    """vm.max_map_count: how many VMAs a process may have. Those that are there stay."""
    k.state.machine["max_map_count"][0] = most


def over_count(k: Kernel, row: int, more: int) -> str:
    """Why a process may not have `more` more VMAs, or "" if it may: vm.max_map_count. A cut adds one for each new border.

    A new mapping asks for 0: Linux lets it be one more than the limit, and cuts not (do_mmap and __split_vma, mm/vma.c).
    """
    i, j = vma.touching(k.state, *tags(row, 0, 1 << ASID_SHIFT))
    most = int(k.state.machine["max_map_count"][0])
    if j - i + more <= most:
        return ""
    return f"the process has {j - i} mappings, max_map_count is {most}"
