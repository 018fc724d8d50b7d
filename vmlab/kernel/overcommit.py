"""Overcommit: how much memory may be promised, to all processes together (proc(5), vm.overcommit_memory).

A promise is a page that a store may need one day: of private memory that can be written, and of shared anonymous memory. It
costs nothing until it is kept. Every call that makes promises asks here.
"""

from ..core.state import Kind, Mark, State
from .enter import Kernel

HEURISTIC, ALWAYS, NEVER = 0, 1, 2  # the modes


def refused(k: Kernel, npages: int) -> str:
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


def set_mode(k: Kernel, mode: int, ratio: int) -> None:
    """vm.overcommit_memory and vm.overcommit_ratio. What was promised already stays so."""
    m = k.state.machine[0]
    m.overcommit, m.overcommit_ratio = mode, ratio
