"""mmap(2): map a file, or anonymous memory."""

from enum import IntFlag

from ..core import vma
from ..core.state import NONE, Access, Exit, Kind, Mark, intern
from ..core.vma import lowest_page
from ..errors import fail
from . import limits, munmap, overcommit, special, stack
from .check import page_size, refuse, tags, task_bytes
from .enter import Kernel


class Prot(IntFlag):
    """What a mapping may be used for: PROT_* of mmap(2), with Linux's numbers."""

    NONE = 0
    READ = 1
    WRITE = 2
    EXEC = 4


class Map(IntFlag):
    """How to map: MAP_* of mmap(2), with Linux's numbers on x86-64."""

    SHARED = 0x01
    PRIVATE = 0x02
    SHARED_VALIDATE = 0x03
    FIXED = 0x10
    ANONYMOUS = 0x20
    GROWSDOWN = 0x100
    DENYWRITE = 0x800
    EXECUTABLE = 0x1000
    LOCKED = 0x2000
    NORESERVE = 0x4000
    POPULATE = 0x8000
    NONBLOCK = 0x10000
    STACK = 0x20000
    FIXED_NOREPLACE = 0x100000


KNOWN = 0x7C07F9F3  # Linux's LEGACY_MAP_MASK (include/linux/mman.h): what SHARED_VALIDATE accepts; not FIXED_NOREPLACE
TYPE = 0x0F  # the bits that say shared or private
LARGEST_OFFSET = (1 << 63) - 1


def mmap(
    k: Kernel, row: int, addr: int, length: int, prot: int, flags: int, fd: int, offset: int, name: str = ""
) -> int:
    """The address of a new mapping. Checks in Linux's order (mm/mmap.c, ksys_mmap_pgoff and do_mmap)."""
    no = refuse(k, row, "mmap")
    size = page_size(k)
    if offset % size:
        raise no("EINVAL", f"offset {offset} is not a multiple of the page size {size}")
    anonymous = bool(flags & Map.ANONYMOUS)
    if not anonymous and not 0 <= fd < len(k.state.files):
        raise no("EBADF", f"{fd} is no open file")
    file = k.state.files[fd] if not anonymous else None
    if file is not None and not (file.used and file.mode):  # a descriptor opened O_PATH cannot be mapped either
        raise no("EBADF", f"file {fd} is not open")
    if length == 0:
        raise no("EINVAL", "the length is 0")
    npages = -(-length // size)
    if npages * size > task_bytes(k):
        raise no("ENOMEM", f"{length:#x} bytes are more than the address space has")
    if reason := limits.over_count(k, row, 0):
        raise no("ENOMEM", reason)
    start = _place(k, row, addr, npages, flags)
    lock = _lock(k, row, npages, flags)
    if not anonymous and offset + npages * size > LARGEST_OFFSET:
        raise no("EOVERFLOW", f"offset {offset:#x} + length {length:#x} is past the largest file offset")
    kind = flags & TYPE
    if kind == Map.SHARED_VALIDATE and not anonymous:
        if flags & ~KNOWN:
            raise no("EOPNOTSUPP", f"flags {flags & ~KNOWN:#x} are unknown, and SHARED_VALIDATE asks to be told")
    elif kind not in (Map.SHARED, Map.PRIVATE):
        raise no("EINVAL", "flags need exactly one of SHARED, SHARED_VALIDATE (files only) and PRIVATE")
    shared = kind != Map.PRIVATE
    prot &= 7  # mmap ignores unknown bits
    marks = lock | (int(Mark.SHARED) if shared else 0)
    reserve = not flags & Map.NORESERVE or k.state.machine["overcommit"][0] == overcommit.NEVER
    if not reserve:
        marks |= Mark.NORESERVE
    elif not shared and prot & Prot.WRITE:
        marks |= Mark.ACCOUNT
    if file is not None:
        if not file.mode & Access.READ:
            raise no("EACCES", f"{k.file_name(int(file.object))} was not opened for reading, which every mapping needs")
        if shared and not file.mode & Access.WRITE:
            if prot & Prot.WRITE:
                raise no(
                    "EACCES", f"{k.file_name(int(file.object))} was opened read-only, a shared mapping cannot write it"
                )
            marks |= Mark.MAYNOTWRITE
        if special.kind(k, int(file.object)) == special.PIPE:
            raise no("ENODEV", f"{k.file_name(int(file.object))} has no pages that could be mapped")
    if flags & Map.GROWSDOWN:
        if shared or file is not None:
            raise no("EINVAL", "MAP_GROWSDOWN is for private anonymous memory")
        marks |= Mark.GROWSDOWN
    first, stop = tags(row, start, start + npages)
    if reason := limits.over(k, row, npages - mapped(k, first, stop), limits.is_data(prot, marks)):
        raise no("ENOMEM", reason)
    promised = marks & Mark.ACCOUNT or (shared and anonymous and reserve)
    if promised and (reason := overcommit.refused(k, npages)):
        raise no("ENOMEM", reason)

    munmap.take(k, row, start, start + npages)  # FIXED replaces; elsewhere there is nothing
    obj, pgoff = NONE, start
    zero = file is not None and special.kind(k, int(file.object)) == special.ZERO
    if file is not None and not zero:
        obj, pgoff = int(file.object), offset // size
        k.state.objects["refs"][obj] += 1
    elif zero:  # anonymous memory; its offset is what the call said (drivers/char/mem.c, mmap_zero)
        obj, pgoff = (k.new_object(Kind.SHARED, npages * size, name) if shared else NONE), offset // size
    elif shared:
        obj, pgoff = k.new_object(Kind.SHARED, npages * size, name), 0
    k.state, label = intern(k.state, name)
    area = vma.Vma(first, stop, pgoff, obj, prot, marks, fd if file is not None else NONE, 0, label)
    insert(k, area)
    if lock or (flags & Map.POPULATE and not flags & Map.NONBLOCK):
        fill(k, row, start, start + npages)
    return start * size


def insert(k: Kernel, area: vma.Vma) -> None:
    """Add a VMA where nothing is mapped, merged with its neighbours where they may be one. Its object's references are kept."""
    s = k.state
    i, _ = vma.touching(s, area.first, area.first)
    n = int(s.machine["nvma"][0])
    low, high = max(i - 1, 0), min(i + 1, n)
    around = vma.rows(s, low, i), vma.rows(s, i, high)
    replace(k, low, high, [*around[0], area, *around[1]])


def replace(k: Kernel, i: int, j: int, new: list[vma.Vma]) -> None:
    """Put `new` in place of VMA rows i..j-1, neighbours merged; each merge drops one reference to the object."""
    out = vma.merged(new)
    for v in new:
        if v.object != NONE:
            k.state.objects["refs"][v.object] -= 1
    for v in out:
        if v.object != NONE:
            k.state.objects["refs"][v.object] += 1
    k.state = vma.splice(k.state, i, j, out)


def alter(k: Kernel, i: int, first: int, stop: int, **new: int) -> None:
    """Change fields of the part of VMA row i within tags first..stop-1: the VMA is cut, and the part merged with what is alike.

    A neighbour is looked at only where the part reaches it: equal VMAs that fork left apart stay apart. ENOMEM, and nothing is
    changed, where the cuts would make more VMAs than max_map_count.
    """
    v = vma.rows(k.state, i, i + 1)[0]
    cuts = (first > v.first) + (stop < v.stop)
    if cuts and (reason := limits.over_count(k, v.row, cuts)):
        raise fail("ENOMEM", f"{k.process(v.row)}: {reason}, and this would cut one of them")
    head, middle, tail = vma.part(v, v.first, first), vma.part(v, first, stop), vma.part(v, stop, v.stop)
    assert middle is not None
    kept = [p for p in (head, middle._replace(**new), tail) if p]
    if v.object != NONE:
        k.state.objects["refs"][v.object] += len(kept) - 1
    low = i if head else max(i - 1, 0)
    high = i + 1 if tail else min(i + 2, int(k.state.machine["nvma"][0]))
    replace(k, low, high, vma.rows(k.state, low, i) + kept + vma.rows(k.state, i + 1, high))


def mapped(k: Kernel, first: int, stop: int) -> int:
    """How many of the pages of tags first..stop-1 are mapped."""
    areas = vma.rows(k.state, *vma.touching(k.state, first, stop))
    return sum(min(v.stop, stop) - max(v.first, first) for v in areas)


def fill(k: Kernel, row: int, start: int, stop: int, stop_at_failure: bool = False) -> bool:
    """Fault pages start..stop-1 in ahead of use; were all mapped ones that should be? (mm/gup.c, __mm_populate)

    A mapping is left at its first page that cannot be brought; so are the mappings behind it where `stop_at_failure`. Then
    a frame that is not to be had is EAGAIN (mm/mlock.c, __mlock_posix_error_return); else nobody is told.
    """
    first, last = tags(row, start, stop)
    filled = True
    for v in vma.rows(k.state, *vma.touching(k.state, first, last)):
        part = vma.part(v, first, last)
        try:
            done = part is None or populate(k, part)
        except OSError as error:  # and nobody to kill for one
            if stop_at_failure:
                raise fail(
                    "EAGAIN", f"{k.process(row)} mlock: the pages are locked and not all in memory: {error}"
                ) from error
            done = False
        if not done:
            filled = False
            if stop_at_failure:
                break
    return filled


def populate(k: Kernel, area: vma.Vma) -> bool:
    """Fault the pages of a VMA, or of a part of one, in ahead of use; could all be? (mm/gup.c, populate_vma_page_range)

    Private pages that may be written are written, so that the process has its own; one locked on fault brings nothing.
    """
    if area.marks & Mark.ONFAULT:
        return True
    if not area.prot:
        return False
    access = Access.WRITE if area.prot & Prot.WRITE and not area.shared else Access.READ
    k.state.machine["cursor"][0] = 0
    why = k.populate(area.row, area.vpn, area.vpn + area.npages, int(access))
    assert why in (Exit.DONE, Exit.SEGV, Exit.BUS)
    return why == Exit.DONE


def _lock(k: Kernel, row: int, npages: int, flags: int) -> int:
    """The lock that a new mapping gets, in Mark bits. EPERM, EAGAIN where RLIMIT_MEMLOCK forbids it."""
    no = refuse(k, row, "mmap")
    lock = int(k.state.procs["future"][row])
    if flags & Map.LOCKED:
        lock |= Mark.LOCKED
        if not limits.getrlimit(k, row, limits.Limit.MEMLOCK):
            raise no("EPERM", "RLIMIT_MEMLOCK is 0: the process may lock nothing")
    if lock and (reason := limits.over_lock(k, row, npages)):
        raise no("EAGAIN", reason)
    return lock


def _place(k: Kernel, row: int, addr: int, npages: int, flags: int) -> int:
    """The page number at which to map: the one asked for, or the highest free range below the mapping base."""
    no = refuse(k, row, "mmap")
    size = page_size(k)
    task = int(k.state.machine["task_pages"][0])
    lowest = lowest_page(task)
    start = addr // size
    if flags & (Map.FIXED | Map.FIXED_NOREPLACE):
        if addr % size:
            raise no("EINVAL", f"MAP_FIXED needs an address that is a multiple of {size}, not {addr:#x}")
        if start + npages > task:
            raise no("ENOMEM", f"{addr:#x} + {npages * size:#x} lies past the end of the address space")
        if start < lowest:
            raise no("EPERM", f"address {addr:#x} lies below mmap_min_addr, {lowest * size:#x}")
        i, j = vma.touching(k.state, *tags(row, start, start + npages))
        if flags & Map.FIXED_NOREPLACE and i != j:
            raise no("EEXIST", f"something is mapped in {addr:#x}..{addr + npages * size:#x}")
        return start
    if addr and lowest <= start and start + npages <= task:
        i, j = vma.touching(k.state, *tags(row, start, start + npages))
        if i == j:
            return start
    found = free_range(k, row, npages)
    if found is None:
        raise no("ENOMEM", f"no free range of {npages} pages is left in the address space")
    return found


def mmap_base(task_pages: int) -> int:
    """The page below which the kernel places mappings, top-down; above it the stack would grow."""
    return task_pages - min(task_pages // 8, 1 << 15)


def free_range(k: Kernel, row: int, npages: int) -> int | None:
    """The highest range of npages free pages below the mapping base, else the lowest above it; None if there is none."""
    task = int(k.state.machine["task_pages"][0])
    areas = vma.of_process(k.state, row)
    top = mmap_base(task)
    for v in reversed(areas):
        if v.vpn < top:
            if v.vpn + v.npages <= top - npages:
                break
            top = stack.lowest_used(v)
    if top - npages >= lowest_page(task):
        return top - npages
    bottom = mmap_base(task)
    for v in areas:
        if v.vpn + v.npages > bottom:
            if stack.lowest_used(v) >= bottom + npages:
                break
            bottom = v.vpn + v.npages
    return bottom if bottom + npages <= task else None
