"""Page frames: the free list, and what the hardware noted about the page in a frame."""

from ..jit import entry, inline, njit, prefetch
from . import tlb
from .state import DIRTY, FAILED, LAZYFREE, LOCKED, NONE, OFFLINE, A, D, Kind, W

IS_TAKEABLE, IS_ACCESSED, IS_DIRTY = 1, 2, 4  # what `look` answers


@inline
def take(s):
    """A frame off the free list, which must not be empty (reclaim.room)."""
    m = s.machine[0]
    f = m.free
    fr = s.frames[f]
    m.free = fr.next
    m.nfree -= 1
    fr.next = NONE
    fr.prev = NONE
    fr.marks = 0
    fr.slot = NONE
    fr.loaded = m.now
    fr.word = 0
    return f


@inline
def give(s, f):
    """Put a frame that nobody uses on the free list."""
    m = s.machine[0]
    s.frames[f].marks = 0
    s.frames[f].next = m.free
    m.free = f
    m.nfree += 1


@inline
def dirty(s, f):
    """Was the page in f changed since it was last written back? (The frame's own bit, or D of any PTE.)"""
    seen = s.frames[f].marks & DIRTY
    u = f
    while u != NONE:
        e = s.uses[u]
        if e.pte != NONE:
            seen |= s.tables[e.pte] & D
        u = e.next
    return seen != 0


@njit
def clean(s, f):
    """Forget that f is dirty: its bytes were written back. The TLB forgets too, so that the next store sets D again.

    With dirty tracking the page of a file loses W as well, so that the next store faults (mm/rmap.c, folio_mkclean).
    """
    s.frames[f].marks &= ~DIRTY
    tracked = s.machine[0].tracking != 0 and s.objects[s.uses[f].object].kind == Kind.FILE
    lost = D | W if tracked else D
    u = f
    while u != NONE:
        e = s.uses[u]
        if e.pte != NONE and s.tables[e.pte] & D:
            s.tables[e.pte] &= ~lost
            tlb.drop(s, e.tag)
        u = e.next


@inline
def accessed(s, f):
    """Was the page in f touched since its accessed bits were last cleared?"""
    u = f
    while u != NONE:
        e = s.uses[u]
        if e.pte != NONE and s.tables[e.pte] & A:
            return True
        u = e.next
    return False


@inline
def test_and_clear_accessed(s, f):
    """Was the page in f touched since the last call? Its TLB copies go too, so that the next touch is seen.

    Linux on x86-64 leaves the TLB alone here (mm/rmap.c, ptep_clear_flush_young) and so misses touches of pages that stay
    in the TLB; then CLOCK would not be the textbook's.
    """
    seen = False
    u = f
    while u != NONE:
        e = s.uses[u]
        if e.pte != NONE and s.tables[e.pte] & A:
            seen = True
            s.tables[e.pte] &= ~A
            tlb.drop(s, e.tag)
        u = e.next
    return seen


@inline
def takeable(s, f):
    """Does f hold a page that may be evicted?"""
    if s.uses[f].page == NONE or s.frames[f].marks & (LOCKED | FAILED | OFFLINE) or f == s.machine[0].pin:
        return False
    return not s.machine[0].noswap or not needs_slot(s, f)


@inline
def to_spare(s):
    """May a frame be taken for a page that nobody has asked for? A guess pushes nothing out.

    With watermarks it may as long as more than min are free: then kswapd makes room for the next fault, or that fault has to
    do it by itself (readahead_gfp_mask: __GFP_NORETRY). Without them one in eight frames stays free.
    """
    m = s.machine[0]
    return m.nfree > (m.least if m.least > 0 else m.online >> 3)


@inline
def needs_slot(s, f):
    """Would the page in f need a swap slot that it does not have yet? (It is anonymous, wanted, and not in the swap cache.)"""
    return s.frames[f].slot == NONE and s.objects[s.uses[f].object].kind != Kind.FILE and not given_up(s, f)


@inline
def given_up(s, f):
    """Has its process given the bytes in f up (MADV_FREE), and not stored to it since?"""
    return s.frames[f].marks & LAZYFREE != 0 and not dirty(s, f)


@njit
def any_takeable(s):
    """Is there a page that may be evicted?"""
    for f in range(s.frames.shape[0]):  # noqa: SIM110  numba compiles no generators
        if takeable(s, f):
            return True
    return False


@entry
def look(s, f, clear):
    """For Python: IS_TAKEABLE, IS_ACCESSED and IS_DIRTY of frame f, added up. `clear` then clears the accessed bits."""
    bits = IS_DIRTY if dirty(s, f) else 0
    if takeable(s, f):
        bits |= IS_TAKEABLE
    if accessed(s, f):
        bits |= IS_ACCESSED
    if clear:
        test_and_clear_accessed(s, f)
    return bits


@inline
def copy_bytes(to, i, source, j):
    """Copy row j of source over row i of to (a loop: a slice assignment would allocate)."""
    for k in range(to.shape[1]):
        to[i, k] = source[j, k]


@inline
def zero_bytes(to, i):
    """Zero row i."""
    for k in range(to.shape[1]):
        to[i, k] = 0


@inline
def ahead(s, f):
    """Ask the host for what emptying f will touch."""
    prefetch(s.tables, max(s.uses[f].pte, 0))
    prefetch(s.pages, max(s.uses[f].page, 0))
