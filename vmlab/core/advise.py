"""What madvise(2) and mincore(2) do to the pages of a range."""

from ..jit import entry, inline, njit
from . import failing, fault, frames, objects, pagetable, policy, reclaim, rmap, swap
from .state import (
    COSLOT,
    FAN,
    FRAME_MASK,
    GUARD,
    LAZYFREE,
    NODE_BITS,
    NONE,
    RESIDENT,
    SHADOW,
    SHIFT,
    SWAPPED,
    TALLEST,
    Exit,
    P,
)


@entry
def ready(s, v):
    """The VMA in row v is about to get a private page, or a guard (fault.ready)."""
    fault.ready(s, v)


# -- MADV_FREE, MADV_COLD, MADV_PAGEOUT ------------------------------------------------------------------------------------


@entry
def free_lazily(s, mine, start, stop):
    """The bytes of private pages start..stop-1 may be forgotten, until they are stored to again (mm/madvise.c,
    madvise_free_pte_range). Swapped pages are forgotten at once; pages that another process shares stay as they are."""
    i = objects.following(s, mine, start, stop, SWAPPED | RESIDENT)
    while i != NONE:
        page = objects.find(s, mine, i)
        if s.pages[page] & SWAPPED:
            objects.forget(s, mine, page)
        else:
            give_up(s, s.pages[page] >> SHIFT)
        i = objects.following(s, mine, i + 1, stop, SWAPPED | RESIDENT)


@njit
def give_up(s, f):
    """Mark frame f clean and LAZYFREE, if its process is its only owner, in swap too."""
    if rmap.shared(s, f) or swap.coowned(s, f):
        return
    if s.frames[f].slot != NONE:
        swap.uncache(s, f)
    s.frames[f].marks = (s.frames[f].marks & ~COSLOT) | LAZYFREE
    frames.clean(s, f)  # D goes, everywhere: the next store sets it again, and so takes the page back
    cool(s, f)


@inline
def cool(s, f):
    """Frame f is not needed soon."""
    frames.test_and_clear_accessed(s, f)
    policy.cold(s, f)


@njit
def alone(s, f):
    """Is frame f evictable and mapped by one PTE only? Pages that others map are not a process's to send away."""
    if f == s.machine[0].zero_frame:
        return False
    n = 0
    u = f
    while u != NONE:
        if s.uses[u].pte != NONE:
            n += 1
        u = s.uses[u].next
    return n == 1 and frames.takeable(s, f)


@entry
def next_alone(s, row, start, stop):
    """The first page in start..stop-1 of a process whose frame it alone maps and that may be evicted, or NONE."""
    root = s.procs[row].root
    v = pagetable.following(s, root, start, stop)
    while v != NONE and not alone(s, (s.tables[pagetable.walk(s, root, v)] >> SHIFT) & FRAME_MASK):
        v = pagetable.following(s, root, v + 1, stop)
    return v


@entry
def deactivate(s, row, start, stop):
    """MADV_COLD: the pages of start..stop-1 that the process alone maps are not needed soon."""
    v = next_alone(s, row, start, stop)
    while v != NONE:
        cool(s, (s.tables[pagetable.walk(s, s.procs[row].root, v)] >> SHIFT) & FRAME_MASK)
        v = next_alone(s, row, v + 1, stop)


# -- MADV_WILLNEED, MADV_REMOVE --------------------------------------------------------------------------------------------


@entry
def may_bring(s):
    """Can a page be brought into memory without killing anybody for it?"""
    m = s.machine[0]
    if m.fail_frame == 1:
        failing.frame(s)
        m.fail_frame = 0  # answered: nobody is killed for advice
        return False
    m.noswap = 1 if m.slot_free == NONE else 0
    found = m.free != NONE or frames.any_takeable(s)
    m.noswap = 0
    return found


@entry
def punch(s, obj, start, stop):
    """Pages start..stop-1 of a file or of shared memory leave memory and every mapping, unwritten. Private copies stay."""
    i = objects.following(s, obj, start, stop, SWAPPED | RESIDENT | SHADOW)
    while i != NONE:
        page = objects.find(s, obj, i)
        if s.pages[page] & RESIDENT:
            lose(s, s.pages[page] >> SHIFT)
        else:
            objects.forget(s, obj, page)
        i = objects.following(s, obj, i + 1, stop, SWAPPED | RESIDENT | SHADOW)


@njit
def lose(s, f):
    """Free frame f, whoever maps it, and forget its bytes."""
    reclaim.depart(s, f, 0)
    policy.gone(s, f)
    if s.frames[f].slot != NONE:
        swap.uncache(s, f)
    frames.give(s, f)


# -- guards ----------------------------------------------------------------------------------------------------------------


@entry
def guard(s, mine, start, stop):
    """Put a guard in place of private pages start..stop-1, which must hold nothing. DONE, or GROW: come again."""
    m = s.machine[0]
    i = start
    while i < stop:
        if m.node_top + (TALLEST << NODE_BITS) > s.pages.shape[0]:
            return fault.short_of(s, 1)
        page = objects.reach(s, mine, i)
        end = min(stop, (i | (FAN - 1)) + 1)
        for k in range(page, page + end - i):
            s.pages[k] = GUARD
        i = end
    m.guards = 1
    return Exit.DONE


@entry
def unguard(s, mine, start, stop):
    """Take the guards of start..stop-1 away; what is no guard stays."""
    objects.sift(s, mine, start, stop, GUARD)


@entry
def clone_guards(s, parent, child, start, stop):
    """fork, one shared range: the child has its guards too (mm/memory.c, copy_pte_marker). Capacity as for space.clone."""
    objects.clone(s, s.procs[parent].private, s.procs[child].private, start, stop)


# -- mincore ---------------------------------------------------------------------------------------------------------------


@entry
def incore(s, row, start, stop, private, obj, index, vec):
    """vec[i] becomes 1 where page start + i of a process is in memory, 0 elsewhere; `index` is the page of obj at start.

    A PTE says so; without one, the process's own page or, where it has none, the page cache; of a swapped page the swap cache.
    """
    root = s.procs[row].root
    mine = s.procs[row].private
    for i in range(stop - start):
        at = pagetable.walk(s, root, start + i)
        if at != NONE and s.tables[at] & P:
            vec[i] = 1
            continue
        word = word_of(s, mine, start + i) & ~GUARD if private else 0
        if word == 0 and obj != NONE and index + i < s.objects[obj].npages:
            word = word_of(s, obj, index + i)
        cached = word & SWAPPED and s.slots[word >> SHIFT].frame != NONE
        vec[i] = 1 if word & RESIDENT or cached else 0


@inline
def word_of(s, obj, index):
    """A page word, 0 if its node was never made."""
    at = objects.find(s, obj, index)
    return s.pages[at] if at != NONE else 0
