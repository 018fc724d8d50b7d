"""mprotect(2): change what a range may be used for."""

from ..core import space, vma
from ..core.state import NONE, Mark
from .check import TOP, page_size, pages_in, refuse, tags, task_bytes
from .enter import Kernel
from .mmap import Prot, replace

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
    """Give pages start..stop-1 of VMA row i other rights: cut it, merge with what is alike, change the PTEs."""
    if v.prot == prot:
        return
    first, last = tags(row, start, stop)
    middle = vma.part(v, first, last)
    assert middle is not None
    marks = v.marks
    if prot & Prot.WRITE and not v.shared and not marks & Mark.NORESERVE:
        marks |= Mark.ACCOUNT
    elif (
        not prot & Prot.WRITE and v.object == NONE and not v.anon
    ):  # untouched anonymous memory: the promise is taken back
        marks &= ~Mark.ACCOUNT
    parts = [vma.part(v, v.first, first), middle._replace(prot=prot, marks=marks), vma.part(v, last, v.stop)]
    kept = [p for p in parts if p]
    if v.object != NONE:
        k.state.objects["refs"][v.object] += len(kept) - 1
    low, high = max(i - 1, 0), min(i + 2, int(k.state.machine["nvma"][0]))
    replace(k, low, high, vma.rows(k.state, low, i) + kept + vma.rows(k.state, i + 1, high))
    space.protect(k.state, row, start, stop, prot, not v.shared, v.object != NONE)
