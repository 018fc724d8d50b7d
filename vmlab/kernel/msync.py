"""msync(2): write a mapping's changes to its file."""

from enum import IntFlag

from ..core import vma
from ..core.state import ASID_SHIFT, Kind, Mark
from . import writeback
from .check import TOP, page_size, pages_in, refuse, tags, task_bytes
from .enter import Kernel


class Sync(IntFlag):
    """MS_* of msync(2), with Linux's numbers."""

    ASYNC = 1
    INVALIDATE = 2
    SYNC = 4


def msync(k: Kernel, row: int, addr: int, length: int, flags: int) -> None:
    """Write the dirty pages of shared file mappings in a range (SYNC); ASYNC and 0 start nothing since Linux 2.6.19.

    A hole is ENOMEM, after everything mapped in the range was written (mm/msync.c).
    """
    no = refuse(k, row, "msync")
    size = page_size(k)
    if flags & ~7:
        raise no("EINVAL", f"flags {flags:#x} are unknown")
    if addr % size:
        raise no("EINVAL", f"address {addr:#x} is not a multiple of the page size {size}")
    if flags & Sync.ASYNC and flags & Sync.SYNC:
        raise no("EINVAL", "SYNC and ASYNC exclude one another")
    if addr + -(-length // size) * size >= TOP:
        raise no("ENOMEM", f"{addr:#x} + {length:#x} wraps around")
    start, stop = pages_in(k, addr, length)
    if start == stop:
        return
    if addr >= task_bytes(k):
        raise no("ENOMEM", f"nothing is mapped at {addr:#x}, past the end of the address space")
    first, last = tags(row, start, min(stop, 1 << ASID_SHIFT))
    at, hole = first, False
    for v in vma.rows(k.state, *vma.touching(k.state, first, last)):
        hole |= v.first > at
        at = v.stop
        if flags & Sync.INVALIDATE and v.marks & Mark.LOCKED:
            raise no("EBUSY", f"the mapping at {v.vpn * size:#x} is locked in memory")
        if flags & Sync.SYNC and v.shared and k.state.objects["kind"][v.object] == Kind.FILE:
            part = vma.part(v, first, last)
            assert part is not None
            writeback.flush(k, v.object, part.pgoff, part.pgoff + part.npages)
            writeback.tell(k, v.object)
    if hole or at < last:
        raise no("ENOMEM", f"a part of {addr:#x}..{addr + length:#x} is not mapped; the rest was written")
