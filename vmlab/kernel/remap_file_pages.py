"""remap_file_pages(2): let part of a shared mapping show other pages of its object. Since Linux 4.0 a disguised mmap."""

from itertools import pairwise

from ..core import vma
from ..core.state import Mark
from . import mmap, munmap
from .check import TOP, page_size, refuse, tags
from .enter import Kernel

KEPT = Mark.SHARED | Mark.LOCKED | Mark.ONFAULT


def remap_file_pages(k: Kernel, row: int, addr: int, size: int, prot: int, pgoff: int, flags: int) -> None:
    """Map pages pgoff, pgoff + 1, ... of the object that is mapped at addr over addr..addr+size-1, with its rights.

    EINVAL where that range is not all of one object, shared and writable by its descriptor (mm/mmap.c).
    """
    no = refuse(k, row, "remap_file_pages")
    page = page_size(k)
    start, n = addr // page, size // page  # both rounded down
    if prot:
        raise no("EINVAL", "prot must be 0: the pages keep the rights of the mapping")
    if not n or (start + n) * page >= TOP:
        raise no("EINVAL", f"{size:#x} bytes at {addr:#x} are no range of pages")
    if pgoff + n >= TOP:
        raise no("EINVAL", f"page {pgoff:#x} of the object is too far")
    areas = _areas(k, row, start, n)
    if not areas or not areas[0].shared or areas[0].marks & Mark.MAYNOTWRITE:
        raise no("EINVAL", f"at {addr:#x} is no shared mapping that could be written")
    if _not_one_object(areas, *tags(row, start, start + n)):
        raise no("EINVAL", f"the mappings in {addr:#x}..{addr + size:#x} are not all of one object and alike")
    if (pgoff + n) * page > mmap.LARGEST_OFFSET:
        raise no("EOVERFLOW", f"page {pgoff:#x} is past the largest file offset")
    v = areas[0]
    k.state.objects["refs"][v.object] += 1  # the object must outlive the mapping that is replaced
    munmap.take(k, row, start, start + n)
    first, stop = tags(row, start, start + n)
    mmap.insert(k, v._replace(first=first, stop=stop, pgoff=pgoff, marks=v.marks & KEPT))
    if not flags & mmap.Map.NONBLOCK:
        mmap.fill(k, row, start, start + n)


def _areas(k: Kernel, row: int, start: int, n: int) -> list[vma.Vma]:
    """The VMAs of a range from the one that holds its first page on; none if nothing is mapped there."""
    first, stop = tags(row, start, start + n)
    areas = vma.rows(k.state, *vma.touching(k.state, first, stop))
    return areas if areas and areas[0].first <= first else []


def _not_one_object(areas: list[vma.Vma], first: int, stop: int) -> bool:
    """Is there a hole in first..stop-1, or a VMA of another object, description or with other rights or marks?"""
    alike = {(v.object, v.file, v.prot, v.marks) for v in areas}
    holes = any(a.stop != b.first for a, b in pairwise(areas))
    return len(alike) > 1 or holes or areas[-1].stop < stop
