"""mremap(2): make a mapping longer or shorter, or move it, without copying a page (mm/mremap.c of Linux 6.17 and later)."""

from enum import IntFlag

from ..core import moving, space, state, vma
from ..core.state import FAN, NODE_BITS, NONE, Mark
from . import limits, mmap, munmap, overcommit
from .check import TOP, page_size, refuse, tags, task_bytes
from .enter import Kernel


class Remap(IntFlag):
    """How to remap: MREMAP_* of mremap(2), with Linux's numbers."""

    MAYMOVE = 1
    FIXED = 2
    DONTUNMAP = 4


def mremap(k: Kernel, row: int, addr: int, old_length: int, new_length: int, flags: int, new_addr: int) -> int:
    """The address of what was at addr..addr+old_length-1, now new_length bytes long.

    It stays where it is if it can. Else it moves: with MAYMOVE to a free place, with FIXED to new_addr, over what is there.
    """
    old, new = _checked(k, row, addr, old_length, new_length, flags, new_addr)
    size = page_size(k)
    start = addr // size
    if flags & Remap.FIXED and old == new:
        _move_all(k, row, start, old, new_addr // size, flags)
        return new_addr
    v = _mapping(k, row, start)
    _may_resize(k, row, v, start, old, new, flags)
    _may_be_at(k, row, new_addr, flags)
    if flags & Remap.FIXED:
        munmap.take(k, row, new_addr // size, new_addr // size + new)
    if new < old:
        if reason := munmap.over_count(k, row, start + new, start + old):
            raise refuse(k, row, "mremap")("ENOMEM", reason)
        munmap.take(k, row, start + new, start + old)
        old = new
    if flags & (Remap.FIXED | Remap.DONTUNMAP):
        at = _move_to(k, row, start, old, new_addr // size, new, flags)
    elif new == old:
        return addr
    else:
        at = _grow(k, row, v, start, old, new, flags)
    if v.marks & Mark.LOCKED and new > old:
        mmap.fill(k, row, at + old, at + new)
    return at * size


def _checked(
    k: Kernel, row: int, addr: int, old_length: int, new_length: int, flags: int, new_addr: int
) -> tuple[int, int]:
    """(old, new) lengths in pages. EINVAL for what makes no sense whatever is mapped (check_mremap_params)."""
    no = refuse(k, row, "mremap")
    size, end = page_size(k), task_bytes(k)
    old, new = (-(-n // size) * size % TOP for n in (old_length, new_length))  # as a 64-bit register rounds up
    if flags & ~7:
        raise no("EINVAL", f"flags {flags & ~7:#x} are unknown")
    if addr % size:
        raise no("EINVAL", f"address {addr:#x} is not a multiple of the page size {size}")
    if new == 0:
        raise no("EINVAL", "the new length is 0")
    if new > end:
        raise no("EINVAL", f"{new_length:#x} bytes are more than the address space has")
    if flags & (Remap.FIXED | Remap.DONTUNMAP):
        if new_addr + new > end:
            raise no("EINVAL", f"{new_addr:#x} + {new:#x} lies past the end of the address space")
        if new_addr % size:
            raise no("EINVAL", f"the new address {new_addr:#x} is not a multiple of the page size {size}")
        if not flags & Remap.MAYMOVE:
            raise no("EINVAL", "MREMAP_FIXED and MREMAP_DONTUNMAP need MREMAP_MAYMOVE")
        if flags & Remap.DONTUNMAP and old != new:
            raise no("EINVAL", "MREMAP_DONTUNMAP cannot change the length")
        if addr < new_addr + new and new_addr < (addr + old) % TOP:
            raise no("EINVAL", f"the new range at {new_addr:#x} and the old one at {addr:#x} overlap")
        if reason := limits.over_count(k, row, 6):  # what moving may need for a while; Linux counts so too
            raise no("ENOMEM", reason)
    return old // size, new // size


def _mapping(k: Kernel, row: int, vpn: int) -> vma.Vma:
    """The VMA that holds a page, EFAULT if there is none."""
    i = vma.at(k.state, row, vpn)
    if i == NONE:
        raise refuse(k, row, "mremap")("EFAULT", f"nothing is mapped at {vpn * page_size(k):#x}")
    return vma.rows(k.state, i, i + 1)[0]


def _may_resize(k: Kernel, row: int, v: vma.Vma, start: int, old: int, new: int, flags: int) -> None:
    """May pages start..start+old-1, whose first lies in v, become `new` pages, or move? (check_prep_vma.)"""
    no = refuse(k, row, "mremap")
    moves = flags & (Remap.FIXED | Remap.DONTUNMAP)
    if new > old or moves:
        if old == 0 and not v.shared:
            raise no("EINVAL", "an old length of 0 asks for a second view of the memory, which must be shared")
        if min(old, new) > v.vpn + v.npages - start:
            raise no("EFAULT", "the old range is more than one mapping: it can be moved, not made longer")
    if new < old and (start + old) * page_size(k) > task_bytes(k):
        raise no("EINVAL", "the old range lies past the end of the address space")
    more = new if flags & Remap.DONTUNMAP else new - old
    if more <= 0:
        return
    if v.marks & Mark.LOCKED and (reason := limits.over_lock(k, row, more)):
        raise no("EAGAIN", reason)
    if reason := limits.over(k, row, more, limits.is_data(v.prot, v.marks)):
        raise no("ENOMEM", reason)
    if v.marks & Mark.ACCOUNT and (reason := overcommit.refused(k, more)):
        raise no("ENOMEM", reason)


def _may_be_at(k: Kernel, row: int, new_addr: int, flags: int) -> None:
    """EPERM for an address as low as a null pointer's, where the call names one."""
    lowest = vma.lowest_page(int(k.state.machine["task_pages"][0])) * page_size(k)
    named = flags & Remap.FIXED or (flags & Remap.DONTUNMAP and new_addr)
    if named and new_addr < lowest:
        raise refuse(k, row, "mremap")("EPERM", f"address {new_addr:#x} lies below mmap_min_addr, {lowest:#x}")


def _grow(k: Kernel, row: int, v: vma.Vma, start: int, old: int, new: int, flags: int) -> int:
    """Make a range longer, where it is if nothing is in the way: the page number at which it is then."""
    no = refuse(k, row, "mremap")
    stop = start + new
    free = stop * page_size(k) <= task_bytes(k) and _is_free(k, row, start + old, stop)
    if v.vpn + v.npages == start + old and free:
        _lengthen(k, v, new - old)
    elif not flags & Remap.MAYMOVE:
        raise no("ENOMEM", "what lies behind the range is not free, and without MREMAP_MAYMOVE it must stay")
    else:
        if reason := limits.over_count(k, row, 4):  # prep_move_vma
            raise no("ENOMEM", reason)
        start = _move_to(k, row, start, old, 0, new, flags)
    return start


def _lengthen(k: Kernel, v: vma.Vma, more: int) -> None:
    """Let v end later; it merges with the mapping behind where they may be one, never with the one before (vma_merge_extend)."""
    i, j = vma.touching(k.state, v.first, v.stop + 1 + more)
    mmap.replace(k, i, j, [v._replace(stop=v.stop + more), *vma.rows(k.state, i + 1, j)])


def _move_all(k: Kernel, row: int, start: int, n: int, to: int, flags: int) -> None:
    """Move n pages, of as many mappings as they belong to. Holes between these stay holes, and spare what lies at `to`."""
    _mapping(k, row, start)
    first, last = tags(row, start, start + n)
    pieces = [vma.part(v, first, last) for v in vma.rows(k.state, *vma.touching(k.state, first, last))]
    for v in filter(None, pieces):
        _may_resize(k, row, v, v.vpn, v.npages, v.npages, flags)
    _may_be_at(k, row, to * page_size(k), flags)
    for v in filter(None, pieces):
        there = to + v.vpn - start
        munmap.take(k, row, there, there + v.npages)
        _move_to(k, row, v.vpn, v.npages, there, v.npages, flags)


def _move_to(k: Kernel, row: int, start: int, old: int, to: int, new: int, flags: int) -> int:
    """Move pages start..start+old-1 to `to`, which is free if FIXED, else a wish; `new` pages are mapped there. Where it is now.

    The pages themselves stay in their frames. With old = 0 nothing moves: a second view of shared memory.
    """
    v = _mapping(k, row, start)
    if not flags & Remap.FIXED:
        to = _place(k, row, to, new)
    _reserve(k, row, start, start + old, to)
    untouched = v.object == NONE and not v.anon  # then its offset follows it, which lets it merge where it comes to lie
    first, stop = tags(row, to, to + new)
    twin = _no_heap(v)._replace(first=first, stop=stop, pgoff=to if untouched else v.pgoff + start - v.vpn)
    if v.object != NONE:
        k.state.objects["refs"][v.object] += 1
    mmap.insert(k, twin)
    moving.move(k.state, row, start, start + old, to)
    if flags & Remap.DONTUNMAP:
        _leave_empty(k, row, start, old)
    elif old:
        munmap.take(k, row, start, start + old)
    return to


def _no_heap(v: vma.Vma) -> vma.Vma:
    """v as it is elsewhere: the heap is where brk put it."""
    return v._replace(marks=v.marks & ~Mark.HEAP, name=0) if v.marks & Mark.HEAP else v


def _leave_empty(k: Kernel, row: int, start: int, n: int) -> None:
    """What MREMAP_DONTUNMAP leaves: a mapping without pages, not locked, and new if all of it moved (dontunmap_complete)."""
    i, j = vma.touching(k.state, *tags(row, start, start + 1))
    v = vma.rows(k.state, i, j)[0]
    anon = 0 if (v.vpn, v.npages) == (start, n) else v.anon
    k.state = vma.splice(k.state, i, j, [v._replace(marks=v.marks & ~(Mark.LOCKED | Mark.ONFAULT), anon=anon)])


def _is_free(k: Kernel, row: int, start: int, stop: int) -> bool:
    i, j = vma.touching(k.state, *tags(row, start, stop))
    return i == j


def _place(k: Kernel, row: int, wish: int, n: int) -> int:
    """A free range of n pages, at page `wish` if that is one and not 0. ENOMEM."""
    if wish and _is_free(k, row, wish, wish + n):
        return wish
    found = mmap.free_range(k, row, n)
    if found is None:
        raise refuse(k, row, "mremap")("ENOMEM", f"no free range of {n} pages is left in the address space")
    return found


def _reserve(k: Kernel, row: int, start: int, stop: int, to: int) -> None:
    """Lengthen the pools until moving cannot run out of tables and nodes: capacity is checked before the first write."""
    s = k.state
    m = s.machine[0]
    leaf_nodes, leaf_tables, _ = (int(n) for n in space.need(s, row, start, stop))
    tables = _most_nodes(2 * leaf_tables, to, to + stop - start, [int(v.shift) for v in s.level[1:]])
    height = int(s.objects["height"][int(s.procs["private"][row])])
    nodes = _most_nodes(2 * leaf_nodes, to, to + stop - start, [NODE_BITS * h for h in range(1, height)])
    short = (
        int(m.table_top) + tables * int(m.fanout) - len(s.tables),
        int(m.node_top) + nodes * FAN - len(s.pages),
    )
    for pool, missing in enumerate(short):
        if missing > 0:
            k.state = state.grow(k.state, pool, missing)


def _most_nodes(leaves: int, start: int, stop: int, shifts: list[int]) -> int:
    """The most nodes of a radix tree that `leaves` leaves within start..stop-1 need, a node of each level covering 1 << shift."""
    return 1 + sum(min(leaves, (stop - 1 >> shift) - (start >> shift) + 1) for shift in shifts)
