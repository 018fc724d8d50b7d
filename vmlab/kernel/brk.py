"""brk(2): move the end of the heap."""

from ..core import vma
from ..core.state import NONE, Mark, intern
from . import limits, mmap, munmap, overcommit, stack
from .check import page_size, tags
from .enter import Kernel


def brk(k: Kernel, row: int, addr: int) -> int:
    """Set the end of the heap; its new place, or the old one where it cannot be set (the raw system call never fails)."""
    p = k.state.procs[row]
    size = page_size(k)
    old, floor = int(p.brk), int(p.start_brk)
    if addr < floor or addr - floor > limits.getrlimit(k, row, limits.Limit.DATA):
        return old
    last, new = -(-old // size), -(-addr // size)
    if new < last:
        munmap.take(k, row, new, last)
    elif new > last:
        if new > int(k.state.machine["task_pages"][0]) or overcommit.refused(k, new - last):
            return old
        marks = Mark.HEAP | Mark.ACCOUNT | int(k.state.procs["future"][row])
        if _in_the_way(k, row, last, new) or limits.over(k, row, new - last, True) or limits.over_count(k, row, 0):
            return old
        if marks & Mark.LOCKED and limits.over_lock(k, row, new - last):
            return old
        k.state, label = intern(k.state, "[heap]")
        first, stop = tags(row, last, new)
        mmap.insert(
            k,
            vma.Vma(first, stop, last, NONE, mmap.Prot.READ | mmap.Prot.WRITE, marks, NONE, 0, label),
        )
    k.state.procs["brk"][row] = addr
    if new > last and k.state.procs["future"][row]:
        mmap.fill(k, row, last, new)
    return addr


def _in_the_way(k: Kernel, row: int, last: int, new: int) -> bool:
    """Is there a mapping on pages last..new-1, or so close that no page would stay free before it, or before a stack's gap?"""
    i, j = vma.touching(k.state, *tags(row, last, new + 1 + stack.GUARD_GAP))
    return any(stack.lowest_used(v) <= new for v in vma.rows(k.state, i, j))
