"""mprotect(2): change what a range may be used for."""

from ..core import space, vma
from ..core.state import NONE, Mark
from . import limits, overcommit
from .check import TOP, page_size, pages_in, refuse, tags, task_bytes
from .enter import Kernel
from .mmap import Prot, alter, fill

GROWSDOWN, GROWSUP = 0x01000000, 0x02000000


def mprotect(k: Kernel, row: int, addr: int, length: int, prot: int) -> None:
    """Give the pages of addr..addr+length-1 the rights `prot`.

    A hole in the range is ENOMEM: the mappings before it have changed then, those after it have not (mm/mprotect.c).
    """
    no = refuse(k, row, "mprotect")
    size = page_size(k)
    if prot & (GROWSDOWN | GROWSUP) == GROWSDOWN | GROWSUP:
        raise no("EINVAL", "PROT_GROWSDOWN and PROT_GROWSUP exclude one another")
    if addr % size:
        raise no("EINVAL", f"address {addr:#x} is not a multiple of the page size {size}")
    if length == 0:
        return
    if addr + -(-length // size) * size >= TOP:
        raise no("ENOMEM", f"{addr:#x} + {length:#x} lies past the end of the address space")
    if prot & ~(7 | GROWSDOWN | GROWSUP):
        raise no("EINVAL", f"protection bits {prot:#x} are unknown")
    start, stop = pages_in(k, addr, length)
    if addr >= task_bytes(k):
        raise no("ENOMEM", f"nothing is mapped at {addr:#x}, past the end of the address space")
    stop = min(stop, task_bytes(k) // size + 1)
    at = start
    while at < stop:
        i, j = vma.touching(k.state, *tags(row, at, at + 1))
        if i == j:
            raise no("ENOMEM", f"nothing is mapped at {at * size:#x}")
        v = vma.rows(k.state, i, i + 1)[0]
        if prot & GROWSUP or (prot & GROWSDOWN and not v.marks & Mark.GROWSDOWN):
            raise no("EINVAL", f"the mapping at {at * size:#x} does not grow that way")
        if prot & GROWSDOWN:  # from its lowest page on
            at, prot = v.vpn, prot & ~GROWSDOWN
        if prot & Prot.WRITE and v.marks & Mark.MAYNOTWRITE:
            raise no(
                "EACCES", f"the file mapped at {at * size:#x} was opened read-only, a shared mapping cannot write it"
            )
        end = min(stop, v.vpn + v.npages)
        _change(k, row, i, v, at, end, prot & 7)
        at = end


def _change(k: Kernel, row: int, i: int, v: vma.Vma, start: int, stop: int, prot: int) -> None:
    """Give pages start..stop-1 of VMA row i other rights (mm/mprotect.c, mprotect_fixup)."""
    if v.prot == prot:
        return
    if prot & Prot.WRITE:
        _may_write(k, row, v, stop - start, prot)
    marks = v.marks
    if prot & Prot.WRITE and not v.shared and not marks & Mark.NORESERVE:
        marks |= Mark.ACCOUNT
    elif (
        not prot & Prot.WRITE and v.object == NONE and not v.anon
    ):  # untouched anonymous memory: the promise is taken back
        marks &= ~Mark.ACCOUNT
    alter(k, i, *tags(row, start, stop), prot=prot, marks=marks)
    space.protect(k.state, row, start, stop, prot, not v.shared, v.object)
    if v.marks & Mark.LOCKED and not v.shared and not v.prot & Prot.WRITE and prot & Prot.WRITE:
        fill(k, row, start, stop)  # a locked page is to cost no fault later: it is copied now


def _may_write(k: Kernel, row: int, v: vma.Vma, npages: int, prot: int) -> None:
    """ENOMEM where npages of v may not become writable: they would count as data, or be a promise that cannot be kept."""
    reason = limits.over(k, row, npages, limits.is_data(prot, v.marks))
    if limits.over(k, row, npages, limits.is_data(v.prot, v.marks)):
        reason = ""  # no more than they are now
    if not reason and not v.prot & Prot.WRITE and not v.marks & (Mark.ACCOUNT | Mark.SHARED | Mark.NORESERVE):
        reason = overcommit.refused(k, npages)
    if reason:
        raise refuse(k, row, "mprotect")("ENOMEM", reason)
