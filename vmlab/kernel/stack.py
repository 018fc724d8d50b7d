"""Mappings that grow downwards, as stacks do (MAP_GROWSDOWN): a touch below one lengthens it (mm/mmap.c, expand_downwards)."""

from typing import TYPE_CHECKING

from ..core import vma
from ..core.state import ASID_SHIFT, Code, Mark

if TYPE_CHECKING:
    from .enter import Kernel

GUARD_GAP = 256  # pages between a stack and what lies below it: a large frame must not step over them


def grow(k: "Kernel") -> bool:
    """The running process touched machine.bad, where nothing is mapped. Lengthen the mapping above it down to there?

    No, if that does not grow, would be too long, or would come too close to memory below that can be used.
    """
    m = k.state.machine[0]
    if k.caller is None or m.code != Code.MAPERR:
        return False
    tag = k.caller << ASID_SHIFT | int(m.bad)
    i, _ = vma.touching(k.state, tag, tag)
    around = vma.rows(k.state, max(i - 1, 0), min(i + 1, int(m.nvma)))
    above = [v for v in around if v.row == k.caller and v.first > tag]
    below = [v for v in around if v.row == k.caller and v.stop <= tag]
    if not above or not above[0].marks & Mark.GROWSDOWN:
        return False
    v = above[0]
    too_long = _too_long(k, k.caller, v, v.first - tag)
    if int(m.bad) < vma.lowest_page(int(m.task_pages)) or too_long or (below and _too_close(below[0], tag)):
        return False
    anon = v.anon
    if not anon:
        m.last_anon += 1
        anon = int(m.last_anon)
    k.state = vma.splice(k.state, i, i + 1, [v._replace(first=tag, pgoff=v.pgoff - (v.first - tag), anon=anon)])
    return True


def _too_long(k: "Kernel", row: int, v: vma.Vma, more: int) -> bool:
    """May v not grow by `more` pages? RLIMIT_STACK, RLIMIT_AS and, locked, RLIMIT_MEMLOCK (mm/vma.c, acct_stack_growth)."""
    from . import limits  # which needs enter, which needs this module

    size = int(k.state.machine["page_size"][0])
    if (v.npages + more) * size > limits.getrlimit(k, row, limits.Limit.STACK) or more > v.pgoff:
        return True
    locked = v.marks & Mark.LOCKED and limits.over_lock(k, row, more)
    return bool(limits.over(k, row, more, False) or locked)


def _too_close(below: vma.Vma, tag: int) -> bool:
    """Would a stack that begins at tag come too close to the mapping below? What nobody may access is guard enough itself."""
    return bool(below.prot) and not below.marks & Mark.GROWSDOWN and tag - below.stop < GUARD_GAP


def lowest_used(v: vma.Vma) -> int:
    """The page number from which on v keeps others away: those that choose their place leave the gap free (vm_start_gap)."""
    return max(v.vpn - GUARD_GAP, 0) if v.marks & Mark.GROWSDOWN else v.vpn
