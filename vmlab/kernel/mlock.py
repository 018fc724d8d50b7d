"""mlock(2): hold pages in memory. A lock is a mark of the mapping; the frames behind it carry it too, and are never evicted."""

from enum import IntFlag

from ..core import space, vma
from ..core.state import NONE, VPN_MASK, Mark
from . import limits, mmap
from .check import TOP, page_size, refuse, tags
from .enter import Kernel
from .limits import Limit


class Lock(IntFlag):
    """MCL_* of mlockall(2), with Linux's numbers."""

    CURRENT = 1
    FUTURE = 2
    ONFAULT = 4


MLOCK_ONFAULT = 1
BOTH = int(Mark.LOCKED | Mark.ONFAULT)


def mlock(k: Kernel, row: int, addr: int, length: int) -> None:
    """Bring the pages of a range into memory and hold them there."""
    _lock(k, row, "mlock", addr, length, int(Mark.LOCKED))


def mlock2(k: Kernel, row: int, addr: int, length: int, flags: int) -> None:
    """mlock; with MLOCK_ONFAULT, pages that are not in memory are held only once they are touched."""
    if flags & ~MLOCK_ONFAULT:
        raise refuse(k, row, "mlock2")("EINVAL", f"flags {flags:#x} are unknown")
    _lock(k, row, "mlock2", addr, length, BOTH if flags else int(Mark.LOCKED))


def munlock(k: Kernel, row: int, addr: int, length: int) -> None:
    """Let the pages of a range go again, however often they were locked: locks do not stack."""
    _mark(k, row, "munlock", *_whole_pages(k, addr, length), 0)


def _lock(k: Kernel, row: int, call: str, addr: int, length: int, lock: int) -> None:
    """mlock and mlock2 (mm/mlock.c, do_mlock). What is locked before an error stays locked: unlike what mlock(2) says."""
    no = refuse(k, row, call)
    _may_lock(k, row, call)
    start, npages = _whole_pages(k, addr, length)
    again = sum(
        part.npages
        for v in vma.of_process(k.state, row)
        if v.marks & Mark.LOCKED and (part := vma.part(v, *tags(row, *_clipped(start, start + npages))))
    )
    if reason := limits.over_lock(k, row, npages - again):
        raise no("ENOMEM", reason)
    _mark(k, row, call, start, npages, lock)
    if not mmap.fill(k, row, start, start + npages, stop_at_failure=True):
        raise no("ENOMEM", "a page of the range can not be brought into memory; it is locked for when it can")


def mlockall(k: Kernel, row: int, flags: int) -> None:
    """Lock all that is mapped (CURRENT), all that will be (FUTURE), or both; ONFAULT: as mlock2. Not what fork's child has."""
    no = refuse(k, row, "mlockall")
    if flags & ~7 or flags in (0, Lock.ONFAULT):
        raise no(
            "EINVAL", f"flags {flags:#x} do not say what to lock: CURRENT (1), FUTURE (2), either with ONFAULT (4)"
        )
    _may_lock(k, row, "mlockall")
    total = sum(v.npages for v in vma.of_process(k.state, row))
    limit = limits.getrlimit(k, row, Limit.MEMLOCK)
    if flags & Lock.CURRENT and total > limit // page_size(k):
        raise no("ENOMEM", f"RLIMIT_MEMLOCK is {limit} bytes, {total * page_size(k)} are mapped")
    lock = BOTH if flags & Lock.ONFAULT else int(Mark.LOCKED)
    k.state.procs["future"][row] = lock if flags & Lock.FUTURE else 0
    if flags & Lock.CURRENT:
        _mark_all(k, row, lock)
        mmap.fill(k, row, 0, int(k.state.machine["task_pages"][0]))


def munlockall(k: Kernel, row: int) -> None:
    """Unlock all that is mapped, and no longer lock what will be."""
    k.state.procs["future"][row] = 0
    _mark_all(k, row, 0)


def _may_lock(k: Kernel, row: int, call: str) -> None:
    """EPERM if the process may lock nothing at all."""
    if not limits.getrlimit(k, row, Limit.MEMLOCK):
        raise refuse(k, row, call)("EPERM", "RLIMIT_MEMLOCK is 0: the process may lock nothing")


def _whole_pages(k: Kernel, addr: int, length: int) -> tuple[int, int]:
    """(first page, pages) of a range: the address is rounded down, the end up, in 64 bits as Linux does (PAGE_ALIGN)."""
    size = page_size(k)
    return addr // size, -(-(length + addr % size) // size) % (TOP // size)


def _clipped(start: int, stop: int) -> tuple[int, int]:
    """The part of a range of pages that a tag can name; no process may map more."""
    return min(start, VPN_MASK), min(stop, VPN_MASK)


def _mark(k: Kernel, row: int, call: str, start: int, npages: int, lock: int) -> None:
    """Lock or unlock pages, mapping by mapping (mm/mlock.c, apply_vma_lock_flags).

    EINVAL where the range wraps, ENOMEM at a hole: what lies before the hole is marked.
    """
    no = refuse(k, row, call)
    size, stop = page_size(k), start + npages
    if stop >= TOP // size:
        raise no("EINVAL", f"{start * size:#x} + {npages * size:#x} wraps around")
    at = start
    while at < stop:
        i = vma.at(k.state, row, at)
        if i == NONE:
            raise no("ENOMEM", f"nothing is mapped at {at * size:#x}")
        v = vma.rows(k.state, i, i + 1)[0]
        end = min(stop, v.vpn + v.npages)
        _fix(k, i, v, at, end, lock)
        at = end


def _mark_all(k: Kernel, row: int, lock: int) -> None:
    """Lock or unlock every mapping."""
    for v in vma.of_process(k.state, row):  # rows may merge on the way: each is looked for again
        _fix(k, vma.at(k.state, row, v.vpn), v, v.vpn, v.vpn + v.npages, lock)


def _fix(k: Kernel, i: int, v: vma.Vma, start: int, stop: int, lock: int) -> None:
    """Give pages start..stop-1 of VMA row i the marks `lock`, and their frames (mm/mlock.c, mlock_fixup)."""
    marks = v.marks & ~BOTH | lock
    if marks == v.marks:
        return
    mmap.alter(k, i, *tags(v.row, start, stop), marks=marks)
    space.relock(k.state, v.row, start, stop)
