"""What comes back from swap beside the page that was asked for: the cluster of slots around it (mm/swap_state.c).

Pages that went out together most often lie side by side in swap, and a disk reads eight of them about as fast as one. So a
major fault reads the aligned cluster of 2**page_cluster slots around its own. The pages read along go into the swap cache:
in memory, mapped by nobody, found through their slot. A fault on one of them is minor.

This is Linux's swap_cluster_readahead with the whole window every time. Linux also shrinks the window while what it read
along goes unused (__swapin_nr_pages), and on a device without seeks looks at neighbours by address, not by slot
(swap_vma_readahead); neither is done here.
"""

from ..jit import inline, njit
from . import events, frames, objects, policy, rmap
from .state import COSLOT, EXCLUSIVE, FAN, NONE, SHIFT, SWAPPED, TALLEST, Event


@inline
def read_along(s, f):
    """Was the page in frame f read along with another, and has nobody asked for it yet?"""
    return s.machine[0].swapper != NONE and s.uses[f].object == s.machine[0].swapper


@njit
def cluster(s, slot, tag):
    """A fault of `tag` has read `slot` from swap: read the rest of its cluster along, as far as frames are to spare."""
    m = s.machine[0]
    first = slot & ~(m.cluster - 1)
    came = 0
    for k in range(first, min(first + m.cluster, s.slots.shape[0])):
        if wanted(s, k) and frames.to_spare(s) and m.node_top + TALLEST * FAN <= s.pages.shape[0]:
            place(s, k)
            came += 1
    if came > 0:
        s.stat[0].pswpin += came
        s.stat[0].swap_ra += came
        events.emit(s, Event.SWAPAHEAD, tag, NONE, m.swapper, first, came)


@inline
def wanted(s, slot):
    """Does `slot` hold a page that is not in memory? (Of a free slot `frame` is the next free one, so refs is looked at first.)"""
    return s.slots[slot].refs > 0 and s.slots[slot].frame == NONE


@inline
def place(s, slot):
    """Read `slot` into a frame of the swap cache, which holds a reference to the slot as any frame in it does."""
    m = s.machine[0]
    f = frames.take(s)
    frames.copy_bytes(s.content, f, s.swap, slot)
    s.frames[f].slot = slot
    s.frames[f].marks |= COSLOT
    s.slots[slot].refs += 1
    s.slots[slot].frame = f
    rmap.own(s, f, objects.reach(s, m.swapper, slot), m.swapper, slot)
    policy.came(s, f, (slot << SHIFT) | SWAPPED)


@njit
def claim(s, f, slot, alone):
    """A page that was read along is asked for: frame f leaves the swap cache's object, for a page word to own it.

    The word's own reference to the slot must be dropped already. (swap_cache_get_folio counts the hit.)
    """
    page = s.uses[f].page
    rmap.disown(s, f, page)
    s.pages[page] = 0
    s.stat[0].swap_ra_hit += 1
    if s.slots[slot].refs == 1:  # nobody else will read the slot
        s.frames[f].marks &= ~COSLOT
    if alone:
        s.frames[f].marks |= EXCLUSIVE
