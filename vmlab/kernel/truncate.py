"""ftruncate(2): the size of a file, and what a change of it does to every mapping (mm/truncate.c)."""

from typing import TYPE_CHECKING

from ..core import objects, space, vma
from ..core.state import ASID_SHIFT, NODE_BITS, NONE, RESIDENT, SHIFT, TALLEST
from ..errors import fail, refused

if TYPE_CHECKING:
    from .enter import Kernel


def truncate(k: "Kernel", obj: int, nbytes: int) -> None:
    """Make a file `nbytes` long, on its device and in memory. EINVAL, EFBIG for a size that no file can have."""
    must_be_size(k, k.file_name(obj), nbytes)
    try:
        k.outside.resize(k.devices[obj], nbytes)
    except OSError as error:
        raise refused(error, f"{k.file_name(obj)} cannot have {nbytes} bytes") from error
    resize(k, obj, nbytes)


def must_be_size(k: "Kernel", name: str, nbytes: int) -> None:
    """The largest file: what a signed 64-bit number can say, and what the tallest tree of page words can hold."""
    most = min((1 << 63) - 1, int(k.state.machine["page_size"][0]) << NODE_BITS * TALLEST)
    if nbytes >= 1 << 63:
        raise fail("EINVAL", f"{nbytes} bytes are no size of a file: sizes are 0 to 2**63-1")
    if nbytes > most:
        raise fail("EFBIG", f"{name} cannot have {nbytes} bytes, only {most}")


def resize(k: "Kernel", obj: int, nbytes: int) -> None:
    """Note a file's new size. Pages past a nearer end leave memory and every mapping, private copies too; the rest of the last
    page reads zero, save in private copies of it."""
    s = k.state
    before, old = int(s.objects["npages"][obj]), int(s.objects["length"][obj])
    k.set_size(obj, nbytes)
    after = int(s.objects["npages"][obj])
    size = int(s.machine["page_size"][0])
    end = min(
        old, nbytes
    )  # what stores left behind the old end is not part of a file that grows (pagecache_isize_extended)
    if end % size:
        page = objects.locate(s, obj, end // size)
        if page != NONE and int(s.pages[page]) & RESIDENT:
            s.content[int(s.pages[page]) >> SHIFT, end % size :] = 0
    if after >= before:
        return
    n = int(s.machine["nvma"][0])
    for i in (s.vmas["object"][:n] == obj).nonzero()[0].tolist():
        v = vma.rows(s, i, i + 1)[0]
        start = max(v.vpn, v.vpn + after - v.pgoff)
        if start < v.vpn + v.npages:
            space.unmap(s, v.row, start, v.vpn + v.npages)
            if not v.shared:
                mine = int(s.procs["private"][v.first >> ASID_SHIFT])
                objects.empty(s, mine, start, v.vpn + v.npages)
    objects.discard(s, obj, after, before)
