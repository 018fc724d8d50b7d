"""What madvise(2) and mincore(2) do to the pages of a range."""

from ..jit import entry, inline, njit
from . import fault, frames, objects, pagetable, policy, reclaim, rmap, swap
from .state import COSLOT, FAN, FRAME_MASK, GUARD, LAZYFREE, NODE_BITS, NONE, RESIDENT, SHIFT, SWAPPED, TALLEST, Exit, P


@entry
def ready(s, v):
    """The VMA in row v is about to get a private page, or a guard (fault.ready)."""
    fault.ready(s, v)


@entry
def next_word(s, obj, start, stop, which):
    """The first page in start..stop-1 of obj whose word has a bit of `which`, or NONE."""
    i = start
    while i < stop:
        end = min(stop, i + objects.stretch(s, obj, i))
        page = objects.find(s, obj, i)
        if page != NONE:
            for k in range(end - i):
                if s.pages[page + k] & which:
                    return i + k
        i = end
    return NONE


# -- MADV_FREE, MADV_COLD, MADV_PAGEOUT ------------------------------------------------------------------------------------


@entry
def free_lazily(s, mine, start, stop):
    """The bytes of private pages start..stop-1 may be forgotten, until they are stored to again (mm/madvise.c,
    madvise_free_pte_range). Swapped pages are forgotten at once; pages that another process shares stay as they are."""
    i = start
    while i < stop:
        end = min(stop, i + objects.stretch(s, mine, i))
        page = objects.find(s, mine, i)
        if page != NONE:
            for k in range(page, page + end - i):
                if s.pages[k] & SWAPPED:
                    objects.forget(s, mine, k)
                elif s.pages[k] & RESIDENT:
                    give_up(s, s.pages[k] >> SHIFT)
        i = end


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
    v = start
    while v < stop:
        end = min(stop, v + pagetable.stretch(s, root, v))
        at = pagetable.walk(s, root, v)
        if at != NONE:
            for k in range(end - v):
                if s.tables[at + k] & P and alone(s, (s.tables[at + k] >> SHIFT) & FRAME_MASK):
                    return v + k
        v = end
    return NONE


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
    if m.free != NONE:
        return True
    for f in range(s.frames.shape[0]):  # noqa: SIM110  numba compiles no generators
        if frames.takeable(s, f) and (m.slot_free != NONE or not frames.needs_slot(s, f)):
            return True
    return False


@entry
def punch(s, obj, start, stop):
    """Pages start..stop-1 of a file or of shared memory leave memory and every mapping, unwritten. Private copies stay."""
    i = start
    while i < stop:
        end = min(stop, i + objects.stretch(s, obj, i))
        page = objects.find(s, obj, i)
        if page != NONE:
            for k in range(page, page + end - i):
                if s.pages[k] & RESIDENT:
                    lose(s, s.pages[k] >> SHIFT)
                elif s.pages[k] & SWAPPED:
                    objects.forget(s, obj, k)
        i = end


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
