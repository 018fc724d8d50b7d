"""Swap slots. refs counts the page words that name a slot, plus one while a frame caches it.

A page that came back keeps its slot (frames.slot): unchanged, it goes out again without a write. That is the swap cache.

Almost always one page word names a slot. Then the word says so (ALONE, Linux's exclusive bit of a swap PTE), refs stays 1
while that one reference passes from word to frame and back, and the row is not touched at all. With several owners, after
fork, slots.frame leads the others to the frame that the first of them brought in. A free slot's `frame` is the next free slot.

Where neighbours are read along with a slot (machine.cluster > 1), slots.frame names the frame of every cached slot, ALONE or
not: nothing else could tell that its page is in memory already. A frame that was read along belongs to no process: the swap
cache owns it (core/swapin.py), as page `slot` of the object machine.swapper.
"""

from ..jit import inline, njit
from .state import COSLOT, DIRTY, NONE


@inline
def take(s):
    """A free slot with no references, or NONE when swap is full."""
    m = s.machine[0]
    slot = m.slot_free
    if slot != NONE:
        m.slot_free = s.slots[slot].frame
        m.nslot_free -= 1
        s.slots[slot].frame = NONE
    return slot


@njit
def steal(s):
    """When swap is full: the slot of a page that is in memory anyway, or NONE. That page counts as changed from now on."""
    for f in range(s.frames.shape[0]):
        fr = s.frames[f]
        if fr.slot != NONE and not fr.marks & COSLOT and s.uses[f].page != NONE:
            slot = fr.slot
            fr.slot = NONE
            fr.marks |= DIRTY
            s.slots[slot].refs = 0
            s.slots[slot].frame = NONE
            return slot
    return NONE


@njit
def drop(s, slot):
    """One reference less; the last one frees the slot."""
    e = s.slots[slot]
    e.refs -= 1
    if e.refs == 0:
        m = s.machine[0]
        e.frame = m.slot_free
        m.slot_free = slot
        m.nslot_free += 1


@inline
def cache(s, f, slot, alone):
    """The page word that named slot is about to live in f: f takes its reference over."""
    s.frames[f].slot = slot
    if not alone and s.slots[slot].refs > 1:
        s.slots[slot].frame = f
        s.frames[f].marks |= COSLOT
    elif s.machine[0].cluster > 1:
        s.slots[slot].frame = f


@njit
def uncache(s, f):
    """Frame f no longer stands for its slot."""
    slot = s.frames[f].slot
    s.frames[f].slot = NONE
    s.slots[slot].frame = NONE
    drop(s, slot)


@inline
def coowned(s, f):
    """Do other page words still name the slot of f?"""
    if not s.frames[f].marks & COSLOT:
        return False
    e = s.slots[s.frames[f].slot]
    if e.refs > 1:
        return True
    if s.machine[0].cluster == 1:
        e.frame = NONE
    s.frames[f].marks &= ~COSLOT
    return False
