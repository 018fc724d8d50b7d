"""munmap(2): take mappings away."""

from ..core import objects, space, vma
from ..core.state import NONE
from . import limits
from .check import page_size, pages_in, refuse, tags, task_bytes
from .enter import Kernel
from .exit import put


def munmap(k: Kernel, row: int, addr: int, length: int) -> None:
    """Unmap the pages of addr..addr+length-1; holes in the range are no error. EINVAL: addr unaligned, length 0, past the end."""
    no = refuse(k, row, "munmap")
    if addr % page_size(k):
        raise no("EINVAL", f"address {addr:#x} is not a multiple of the page size {page_size(k)}")
    if length == 0:
        raise no("EINVAL", "the length is 0")
    if addr + length > task_bytes(k):
        raise no("EINVAL", f"{addr:#x} + {length:#x} lies past the end of the address space")
    start, stop = pages_in(k, addr, length)
    if _is_hole(k, row, start, stop) and (reason := limits.over_count(k, row, 1)):
        raise no("ENOMEM", f"{reason}, and a hole makes one more")
    take(k, row, start, stop)


def _is_hole(k: Kernel, row: int, start: int, stop: int) -> bool:
    """Do pages start..stop-1 lie in the middle of one mapping, of which two would be left?"""
    first, last = tags(row, start, stop)
    i, j = vma.touching(k.state, first, last)
    return j - i == 1 and bool(k.state.vmas["first"][i] < first and last < k.state.vmas["stop"][i])


def take(k: Kernel, row: int, start: int, stop: int) -> None:
    """Unmap pages start..stop-1: a VMA that lies across a border is cut, private pages are freed, PTEs dropped."""
    first, last = tags(row, start, stop)
    i, j = vma.touching(k.state, first, last)
    if i == j:
        return
    space.unmap(k.state, row, start, stop)
    kept: list[vma.Vma] = []
    for v in vma.rows(k.state, i, j):
        gone = vma.part(v, first, last)
        if gone:  # of shared mappings, too: their guards
            objects.discard(k.state, int(k.state.procs["private"][row]), gone.vpn, gone.vpn + gone.npages)
        rest = [p for p in (vma.part(v, v.first, first), vma.part(v, last, v.stop)) if p]
        kept += rest
        if v.object != NONE:
            if rest:
                k.state.objects["refs"][v.object] += len(rest) - 1
            else:
                put(k, v.object)
    k.state = vma.splice(k.state, i, j, kept)
