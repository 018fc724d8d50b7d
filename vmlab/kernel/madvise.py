"""madvise(2): say what will become of a range, or what should."""

from collections.abc import Callable, Iterator
from enum import IntEnum

import numpy as np

from ..core import advise, objects, pagetable, reclaim, space, vma
from ..core.state import FRAME_MASK, NONE, SHIFT, SWAPPED, Access, Exit, Kind, Mark
from ..device import OwnFile
from ..errors import fail, refused
from .check import TOP, page_size, refuse, tags, task_bytes
from .enter import CURSOR, Kernel
from .mmap import Prot, alter

MOST_GUARDS = 1 << 22  # pages guarded by one call: as on Linux each takes a word, mapped or not
CHUNK = 1 << 20  # bytes of a file that are zeroed at once


class Advice(IntEnum):
    """MADV_* of madvise(2), with Linux's numbers."""

    NORMAL = 0
    RANDOM = 1
    SEQUENTIAL = 2
    WILLNEED = 3
    DONTNEED = 4
    FREE = 8
    REMOVE = 9
    DONTFORK = 10
    DOFORK = 11
    MERGEABLE = 12
    UNMERGEABLE = 13
    HUGEPAGE = 14
    NOHUGEPAGE = 15
    DONTDUMP = 16
    DODUMP = 17
    WIPEONFORK = 18
    KEEPONFORK = 19
    COLD = 20
    PAGEOUT = 21
    POPULATE_READ = 22
    POPULATE_WRITE = 23
    DONTNEED_LOCKED = 24
    COLLAPSE = 25
    HWPOISON = 100
    SOFT_OFFLINE = 101
    GUARD_INSTALL = 102
    GUARD_REMOVE = 103


KNOWN = frozenset(int(advice) for advice in Advice)
# Advice that a mapping remembers: marks set, marks cleared
REMEMBERED: dict[int, tuple[int, int]] = {
    Advice.NORMAL: (0, Mark.RANDOM | Mark.SEQUENTIAL),
    Advice.RANDOM: (Mark.RANDOM, Mark.SEQUENTIAL),
    Advice.SEQUENTIAL: (Mark.SEQUENTIAL, Mark.RANDOM),
    Advice.DONTFORK: (Mark.DONTFORK, 0),
    Advice.DOFORK: (0, Mark.DONTFORK),
    Advice.WIPEONFORK: (Mark.WIPEONFORK, 0),
    Advice.KEEPONFORK: (0, Mark.WIPEONFORK),
    Advice.DONTDUMP: (Mark.DONTDUMP, 0),
    Advice.DODUMP: (0, Mark.DONTDUMP),
    Advice.HUGEPAGE: (Mark.HUGEPAGE, Mark.NOHUGEPAGE),
    Advice.NOHUGEPAGE: (Mark.NOHUGEPAGE, Mark.HUGEPAGE),
}
ABSENT = (Advice.MERGEABLE, Advice.UNMERGEABLE)  # as a Linux built without CONFIG_KSM
PRIVILEGED = (Advice.HWPOISON, Advice.SOFT_OFFLINE)
POPULATES = {Advice.POPULATE_READ: Prot.READ, Advice.POPULATE_WRITE: Prot.WRITE}
NOT_LOCKED = (Advice.DONTNEED, Advice.FREE, Advice.COLD, Advice.PAGEOUT, Advice.REMOVE, Advice.GUARD_INSTALL)


def madvise(k: Kernel, row: int, addr: int, length: int, advice: int) -> None:
    """Follow an advice on the pages of addr..addr+length-1.

    A hole in the range is ENOMEM, after everything mapped in it was advised; any other error stops at its mapping
    (mm/madvise.c, madvise_walk_vmas).
    """
    no = refuse(k, row, "madvise")
    size = page_size(k)
    if advice not in KNOWN:
        raise no("EINVAL", f"advice {advice} is unknown")
    if advice in ABSENT:
        raise no("EINVAL", "this machine merges no equal pages")
    if addr % size:
        raise no("EINVAL", f"address {addr:#x} is not a multiple of the page size {size}")
    rounded = -(-length // size) * size % TOP
    if (length and not rounded) or addr + rounded >= TOP:
        raise no("EINVAL", f"{addr:#x} + {length:#x} wraps around")
    if not rounded:
        return
    if advice in PRIVILEGED:
        raise no("EPERM", f"{Advice(advice).name} takes memory out of service, which needs CAP_SYS_ADMIN")
    k.notice()
    hole = False
    at, stop = addr // size, (addr + rounded) // size
    while at < stop:
        found = _next(k, row, at, stop)
        start = found[1].vpn if found else stop
        if start > at:
            hole = True
            if advice in POPULATES:
                raise no("ENOMEM", f"nothing is mapped at {at * size:#x}; what lies before it was populated")
        if not found:
            break
        at = max(at, start)
        end = min(stop, start + found[1].npages)
        _advise(k, row, *found, at, end, advice)
        at = end
    if hole:
        raise no("ENOMEM", f"a part of {addr:#x}..{addr + length:#x} is not mapped; the rest was advised")


def _next(k: Kernel, row: int, at: int, stop: int) -> tuple[int, vma.Vma] | None:
    """(row in the table, VMA) of the first mapping that has pages of at..stop-1, or None."""
    last = min(stop, task_bytes(k) // page_size(k))
    if at >= last:
        return None
    i, j = vma.touching(k.state, *tags(row, at, last))
    return (i, vma.rows(k.state, i, i + 1)[0]) if i < j else None


def _advise(k: Kernel, row: int, i: int, v: vma.Vma, start: int, stop: int, advice: int) -> None:
    """Follow an advice on pages start..stop-1 of VMA row i."""
    no = refuse(k, row, "madvise")
    where, name = f"the mapping at {v.vpn * page_size(k):#x}", Advice(advice).name
    if advice in NOT_LOCKED and v.marks & Mark.LOCKED:
        raise no("EINVAL", f"{where} is locked in memory: {name} would take its pages away")
    if advice in (Advice.FREE, Advice.WIPEONFORK) and v.object != NONE:
        raise no("EINVAL", f"{where} is not private anonymous memory, which {name} is for")
    if advice == Advice.COLLAPSE:
        raise no("EINVAL", "this machine has no huge pages")
    if advice in REMEMBERED:
        on, off = REMEMBERED[advice]
        marks = v.marks & ~int(off) | int(on)
        if marks != v.marks:
            try:
                alter(k, i, *tags(row, start, stop), marks=marks)
            except OSError as error:  # ENOMEM is for holes: mm/madvise.c, madvise_vma_behavior
                raise fail("EAGAIN", str(error.strerror)) from None
    elif advice in POPULATES:
        _populate(k, row, v, start, stop, POPULATES[Advice(advice)])
    else:
        PAGES[Advice(advice)](k, row, v, start, stop)


# -- advice on pages -------------------------------------------------------------------------------------------------------


def _populate(k: Kernel, row: int, v: vma.Vma, start: int, stop: int, right: Prot) -> None:
    """POPULATE_READ, POPULATE_WRITE: fault the pages in now, and say what went wrong (mm/gup.c, faultin_page_range)."""
    no = refuse(k, row, "madvise")
    if not v.prot & right:
        raise no("EINVAL", f"the mapping at {v.vpn * page_size(k):#x} is {v.perms}, which does not allow it")
    k.registers[CURSOR] = 0
    why = k.populate(row, start, stop, int(Access.WRITE if right == Prot.WRITE else Access.READ))
    if why != Exit.DONE:
        at = (start + int(k.registers[CURSOR])) * page_size(k)
        reason = "a guard closes it" if why == Exit.SEGV else "it lies past the end of its object, or cannot be read"
        raise no("EFAULT", f"the page at {at:#x} cannot be populated: {reason}")


def _dontneed(k: Kernel, row: int, v: vma.Vma, start: int, stop: int) -> None:
    """DONTNEED: the process's pages are gone, what they were copied from shows again. Of shared memory only the PTEs go.

    A leaf table that is empty by it goes too, if all that it leads to was given up (mm/pt_reclaim.c, Linux 6.14).
    """
    space.unmap(k.state, row, start, stop)
    objects.empty(k.state, _mine(k, row), start, stop)
    pagetable.prune(k.state, row, start, stop, start, stop, 1)


def _free(k: Kernel, row: int, v: vma.Vma, start: int, stop: int) -> None:
    """FREE: the pages may go without being written to swap, until they are stored to again."""
    advise.free_lazily(k.state, _mine(k, row), start, stop)


def _cold(k: Kernel, row: int, v: vma.Vma, start: int, stop: int) -> None:
    """COLD: the policy finds these pages first."""
    advise.deactivate(k.state, row, start, stop)


def _pageout(k: Kernel, row: int, v: vma.Vma, start: int, stop: int) -> None:
    """PAGEOUT: send away the pages that nobody else maps. Those that have nowhere to go stay."""
    at = int(advise.next_alone(k.state, row, start, stop))
    while at != NONE:
        s = k.state
        pte = int(s.tables[pagetable.locate(s, int(s.procs["root"][row]), at)])
        owner = s.uses[pte >> SHIFT & FRAME_MASK]
        k.run(reclaim.evict_page, int(owner.object), int(owner.index))
        at = int(advise.next_alone(k.state, row, at + 1, stop))


def _willneed(k: Kernel, row: int, v: vma.Vma, start: int, stop: int) -> None:
    """WILLNEED: read a file's pages into the page cache, or anonymous pages from swap; no more than RAM holds. No fault, and
    what cannot be read is left for the fault that wants it."""
    obj, index, last = _mine(k, row), start, stop
    if v.object != NONE:
        obj, index = v.object, start - v.vpn + v.pgoff
        last = min(index + stop - start, int(k.state.objects["npages"][obj]))
    size, one = page_size(k), np.zeros(1, np.uint8)
    for _ in range(len(k.state.frames)):
        if k.state.objects["kind"][obj] != Kind.FILE:
            index = int(objects.next_page(k.state, obj, index, last, SWAPPED))
        if not 0 <= index < last or not advise.may_bring(k.state):
            break
        k.registers[CURSOR] = 0
        if k.transfer(obj, index * size, one, int(Access.READ)) != Exit.DONE:
            k.io_error = None
            break
        index += 1


def _remove(k: Kernel, row: int, v: vma.Vma, start: int, stop: int) -> None:
    """REMOVE: punch a hole into the object, for everybody: its pages read zero. Private copies of them stay."""
    no = refuse(k, row, "madvise")
    where = f"the mapping at {v.vpn * page_size(k):#x}"
    if v.object == NONE:
        raise no("EINVAL", f"{where} is private anonymous memory, REMOVE is for files and shared memory")
    if not v.shared or v.marks & Mark.MAYNOTWRITE:
        raise no("EACCES", f"{where} may not write its object, so it may not make a hole in it")
    obj, first = v.object, start - v.vpn + v.pgoff
    last = min(first + stop - start, int(k.state.objects["npages"][obj]))
    if obj in k.devices:
        try:
            for done in _zeroed(k, obj, first, last):
                advise.punch(k.state, obj, first, done)
        except OSError as error:
            raise refused(error, f"no hole can be made in {k.file_name(obj)}") from error
    if first < last:
        advise.punch(k.state, obj, first, last)


def _zeroed(k: Kernel, obj: int, first: int, last: int) -> Iterator[int]:
    """Make pages first..last-1 of a file read zero on its device, part by part: the page after each part.

    Python can ask no host for a real hole (fallocate), so there zeros are written, and only over what is not zero.
    """
    size, device = page_size(k), k.devices[obj]
    if type(device) is OwnFile:  # not an overlay: below its blocks lie those of another file
        device.punch(first * size, (last - first) * size)
        return
    step = max(1, CHUNK // size)
    for index in range(first, last, step):
        end = min(index + step, last)
        at, n = index * size, min(end * size, int(k.state.objects["length"][obj])) - index * size
        if k.outside.ask(lambda at=at, n=n: any(device.read(at, n))):  # type: ignore[misc]
            k.outside.write(device, at, bytes(n))
        yield end


def _guard(k: Kernel, row: int, v: vma.Vma, start: int, stop: int) -> None:
    """GUARD_INSTALL: what the pages held for this process is gone, and any access is SIGSEGV. The VMA stays as it is."""
    if stop - start > MOST_GUARDS:
        raise refuse(k, row, "madvise")(
            "ENOMEM", f"{stop - start} guards are more than one call installs ({MOST_GUARDS})"
        )
    if not v.anon:  # from now on fork copies what the range holds
        advise.ready(k.state, vma.touching(k.state, v.first, v.first + 1)[0])
    mine = _mine(k, row)
    space.unmap(k.state, row, start, stop)
    objects.discard(k.state, mine, start, stop)
    k.run(advise.guard, mine, start, stop)


def _unguard(k: Kernel, row: int, v: vma.Vma, start: int, stop: int) -> None:
    """GUARD_REMOVE: the pages are there again, untouched."""
    advise.unguard(k.state, _mine(k, row), start, stop)


def _mine(k: Kernel, row: int) -> int:
    """The object that holds a process's private pages."""
    return int(k.state.procs["private"][row])


PAGES: dict[int, Callable[[Kernel, int, vma.Vma, int, int], None]] = {
    Advice.WILLNEED: _willneed, Advice.DONTNEED: _dontneed, Advice.DONTNEED_LOCKED: _dontneed, Advice.FREE: _free,
    Advice.REMOVE: _remove, Advice.COLD: _cold, Advice.PAGEOUT: _pageout,
    Advice.GUARD_INSTALL: _guard, Advice.GUARD_REMOVE: _unguard,
}  # fmt: skip
