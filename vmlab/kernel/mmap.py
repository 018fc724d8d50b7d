"""mmap(2): map a file, or anonymous memory."""

from enum import IntFlag

from ..core import vma
from ..core.state import NONE, Access, Exit, Kind, Mark, intern
from ..core.vma import lowest_page
from . import munmap, special, stack
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
NOT_BUILT = Map.LOCKED
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
    start = _place(k, row, addr, npages, flags)
    if not anonymous and offset + npages * size > LARGEST_OFFSET:
        raise no("EOVERFLOW", f"offset {offset:#x} + length {length:#x} is past the largest file offset")
    kind = flags & TYPE
    if kind == Map.SHARED_VALIDATE and not anonymous:
        if flags & ~KNOWN:
            raise no("EOPNOTSUPP", f"flags {flags & ~KNOWN:#x} are unknown, and SHARED_VALIDATE asks to be told")
    elif kind not in (Map.SHARED, Map.PRIVATE):
        raise no("EINVAL", "flags need exactly one of SHARED, SHARED_VALIDATE (files only) and PRIVATE")
    if flags & NOT_BUILT:
        raise NotImplementedError(f"mmap: {Map(flags & NOT_BUILT)!r} is not built yet")
    shared = kind != Map.PRIVATE
    prot &= 7  # mmap ignores unknown bits
    marks = int(Mark.SHARED) if shared else 0
    if flags & Map.NORESERVE:
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
    _may_commit(k, row, npages, prot, shared, anonymous, flags)

    first, stop = tags(row, start, start + npages)
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
    if flags & Map.POPULATE and not flags & Map.NONBLOCK:
        populate(k, row, start, start + npages, prot, shared)
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


def populate(k: Kernel, row: int, start: int, stop: int, prot: int, shared: bool) -> None:
    """Fault the pages of a range in ahead of use; what cannot be is left for later (mm/gup.c, populate_vma_page_range)."""
    if not prot:
        return
    access = Access.WRITE if prot & Prot.WRITE and not shared else Access.READ
    k.state.machine["cursor"][0] = 0
    why = k.populate(row, start, stop, int(access))
    assert why in (Exit.DONE, Exit.SEGV, Exit.BUS)


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


def _may_commit(k: Kernel, row: int, npages: int, prot: int, shared: bool, anonymous: bool, flags: int) -> None:
    """ENOMEM for a promise that RAM and swap together can never keep: overcommit mode 0 (mm/util.c, __vm_enough_memory)."""
    promised = (shared and anonymous) or (not shared and prot & Prot.WRITE)
    if not promised or flags & Map.NORESERVE or k.overcommit:
        return
    most = len(k.state.frames) + len(k.state.slots)
    if npages > most:
        raise refuse(k, row, "mmap")(
            "ENOMEM",
            f"{npages} pages are more than RAM and swap together have ({most}); MAP_NORESERVE promises nothing",
        )
