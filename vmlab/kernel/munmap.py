"""munmap(2): take mappings away."""

from ..core import objects, pagetable, space, vma
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
    if reason := over_count(k, row, start, stop):
        raise no("ENOMEM", reason)
    take(k, row, start, stop)


def over_count(k: Kernel, row: int, start: int, stop: int) -> str:
    """Why pages start..stop-1 may not go, or "": in the middle of one mapping, they would leave two (max_map_count)."""
    first, last = tags(row, start, stop)
    i, j = vma.touching(k.state, first, last)
    if j - i != 1 or k.state.vmas["first"][i] >= first or last >= k.state.vmas["stop"][i]:
        return ""
    reason = limits.over_count(k, row, 1)
    return f"{reason}, and a hole makes one more" if reason else ""


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
    free_tables(k, row, start, stop)


def free_tables(k: Kernel, row: int, start: int, stop: int) -> None:
    """Give back the page tables of pages start..stop-1, which are unmapped: those that no neighbour needs (free_pgtables)."""
    s = k.state
    first, last = tags(row, start, stop)
    i, j = vma.touching(s, first, last)
    assert i == j
    before = vma.rows(s, i - 1, i)[0] if i > 0 else None
    after = vma.rows(s, i, i + 1)[0] if i < int(s.machine["nvma"][0]) else None
    floor = before.vpn + before.npages if before is not None and before.row == row else 0
    ceiling = after.vpn if after is not None and after.row == row else 1 << int(s.machine["vpn_bits"][0])
    pagetable.prune(s, row, start, stop, floor, ceiling, len(s.level))
