"""Memory objects: each a radix tree of page words (RESIDENT frame, SWAPPED slot, or 0).

Three kinds. A FILE's tree is its page cache. A SHARED object is anonymous memory that several mappings see. A PRIVATE object
holds what one process has for itself, indexed by virtual page number: its anonymous memory and the pages it has copied from
files; Linux keeps the same in the PTEs themselves. All trees share one pool of nodes.
"""

from ..jit import entry, inline, njit, prefetch
from . import frames, policy, rmap, swap
from .state import (
    ALONE,
    EXCLUSIVE,
    FAN,
    GUARD,
    HELD,
    NODE,
    NODE_BITS,
    NONE,
    RESIDENT,
    SHADOW,
    SHIFT,
    SWAPPED,
    TALLEST,
    Kind,
)


@inline
def find(s, obj, index):
    """The position of a page word in s.pages, or NONE if its node was never made."""
    o = s.objects[obj]
    here = o.root
    if here == NONE:
        return NONE
    for k in range(o.height - 1, 0, -1):
        word = s.pages[here + ((index >> (NODE_BITS * k)) & (FAN - 1))]
        if word == 0:
            return NONE
        here = word >> SHIFT
    return here + (index & (FAN - 1))


@entry
def locate(s, obj, index):
    """find, for Python."""
    return find(s, obj, index)


@njit
def guarded(s, obj, index):
    """Does a guard close this page of a private object?"""
    at = find(s, obj, index)
    return at != NONE and s.pages[at] & GUARD != 0


@inline
def ahead(s, obj, index):
    """Ask the host for the line of a page word, if there is one."""
    at = find(s, obj, index)
    if at != NONE:
        prefetch(s.pages, at)


@inline
def room(s):
    """Are there nodes for a new path in two trees?"""
    return s.machine[0].node_top + (2 * TALLEST << NODE_BITS) <= s.pages.shape[0]


@njit
def make(s, obj):
    """A zeroed node, charged to obj. room() must hold."""
    m = s.machine[0]
    n = m.node_free
    if n != NONE:
        m.node_free = s.page_next[n]
    else:
        n = m.node_top >> NODE_BITS
        m.node_top += FAN
    s.page_next[n] = s.objects[obj].nodes
    s.objects[obj].nodes = n
    return n << NODE_BITS


@inline
def reach(s, obj, index):
    """The position of a page word, making the nodes on the way. room() must hold."""
    o = s.objects[obj]
    if o.root == NONE:
        o.root = make(s, obj)
    here = o.root
    for k in range(o.height - 1, 0, -1):
        at = here + ((index >> (NODE_BITS * k)) & (FAN - 1))
        if s.pages[at] == 0:
            s.pages[at] = (make(s, obj) << SHIFT) | NODE
        here = s.pages[at] >> SHIFT
    return here + (index & (FAN - 1))


@njit
def stretch(s, obj, index):
    """Pages from index to the end of the leaf or missing node that covers it: by this much can a range loop skip."""
    o = s.objects[obj]
    here = o.root
    for k in range(o.height - 1, 0, -1):
        word = s.pages[here + ((index >> (NODE_BITS * k)) & (FAN - 1))] if here != NONE else 0
        if word == 0:
            return (1 << NODE_BITS * k) - (index & ((1 << NODE_BITS * k) - 1))
        here = word >> SHIFT
    return FAN - (index & (FAN - 1))


@njit
def following(s, obj, start, stop, which):
    """The first page in start..stop-1 of obj whose word has a bit of `which`, or NONE."""
    i = start
    while i < stop:
        end = min(stop, i + stretch(s, obj, i))
        page = find(s, obj, i)
        if page != NONE:
            for k in range(end - i):
                if s.pages[page + k] & which:
                    return i + k
        i = end
    return NONE


@entry
def next_page(s, obj, start, stop, which):
    """following, for Python."""
    return following(s, obj, start, stop, which)


@njit
def forget(s, obj, page):
    """Drop what page word `page` of obj holds. No PTE may map it. A frame or slot that nobody owns any more is freed."""
    word = s.pages[page]
    if word & RESIDENT:
        f = word >> SHIFT
        if rmap.disown(s, f, page):
            policy.gone(s, f)
            if s.frames[f].slot != NONE:
                swap.uncache(s, f)
            frames.give(s, f)
    elif word & SWAPPED:
        swap.drop(s, word >> SHIFT)
        note_swapped(s, obj, -1)
        if s.machine[0].cluster > 1:
            uncache_orphan(s, word >> SHIFT)
    s.pages[page] = 0


@njit
def uncache_orphan(s, slot):
    """If a frame that was read along is all that still names a slot, it goes too (mm/swapfile.c, __try_to_reclaim_swap)."""
    f = s.slots[slot].frame
    if s.slots[slot].refs != 1 or f == NONE or s.uses[f].object != s.machine[0].swapper:
        return
    page = s.uses[f].page
    rmap.disown(s, f, page)
    s.pages[page] = 0
    policy.gone(s, f)
    swap.uncache(s, f)
    frames.give(s, f)


@inline
def note_swapped(s, obj, change):
    """Keep the owner's count of pages in swap (VmSwap)."""
    if s.objects[obj].kind == Kind.PRIVATE:
        s.procs[s.objects[obj].proc].nswap += change


@entry
def discard(s, obj, start, stop):
    """Drop pages start..stop-1 of obj, which no PTE may map, and what is remembered of those that were evicted."""
    sift(s, obj, start, stop, HELD | SHADOW)


@entry
def empty(s, obj, start, stop):
    """discard, but guards stay: only munmap and MADV_GUARD_REMOVE take them away (mm/memory.c, ZAP_FLAG_DROP_MARKER)."""
    sift(s, obj, start, stop, RESIDENT | SWAPPED)


@njit
def sift(s, obj, start, stop, which):
    """Drop what pages start..stop-1 of obj hold where their word has a bit of `which`."""
    i = following(s, obj, start, stop, which)
    while i != NONE:
        forget(s, obj, find(s, obj, i))
        i = following(s, obj, i + 1, stop, which)


@entry
def release(s, obj):
    """Give back the nodes of an object that ends. Its pages must be discarded already."""
    m = s.machine[0]
    o = s.objects[obj]
    n = o.nodes
    while n != NONE:
        for i in range(n << NODE_BITS, (n + 1) << NODE_BITS):
            s.pages[i] = 0
        after = s.page_next[n]
        s.page_next[n] = m.node_free
        m.node_free = n
        n = after
    o.nodes = NONE
    o.root = NONE


@njit
def clone(s, source, target, start, stop):
    """target's pages start..stop-1 share frames and slots with source's: all become copy-on-write."""
    i = start
    while i < stop:
        end = min(stop, i + stretch(s, source, i))
        page = find(s, source, i)
        if page != NONE:
            twin = reach(s, target, i)
            for k in range(end - i):
                word = s.pages[page + k]
                if word & RESIDENT:
                    f = word >> SHIFT
                    s.frames[f].marks &= ~EXCLUSIVE
                    rmap.own(s, f, twin + k, target, i + k)
                elif word & SWAPPED:
                    word &= ~ALONE
                    s.pages[page + k] = word
                    s.slots[word >> SHIFT].refs += 1
                    s.pages[twin + k] = word
                    note_swapped(s, target, 1)
                elif word & GUARD:
                    s.pages[twin + k] = word
        i = end


@entry
def next_dirty(s, obj, start, stop):
    """The first page in start..stop-1 of obj that is in memory and dirty, or NONE."""
    i = following(s, obj, start, stop, RESIDENT)
    while i != NONE and not frames.dirty(s, s.pages[find(s, obj, i)] >> SHIFT):
        i = following(s, obj, i + 1, stop, RESIDENT)
    return i
