"""The TLB: set-associative, tagged with the address space, the way unused for longest is replaced.

    tlb_tag    [ cpu 0: set 0: way way way way | set 1 ... | cpu 1 ... ]  tags that may LOAD
               [ the same again                                        ]  tags that may STORE: PTE writable and already dirty

A store to a clean page misses in the second half, walks, sets D, and hits from then on: x86-64's rule (Intel SDM vol. 3,
4.8 "Accessed and dirty flags"), at no cost per hit.
"""

from ..jit import LANES, entry, inline, lowest, match
from .state import ASID_SHIFT, NONE, D, W


@inline
def first_way(s, cpu, tag):
    """The first entry of the set in which tag may live on this cpu."""
    m = s.machine[0]
    return (cpu * m.tlb_sets + (tag & (m.tlb_sets - 1))) * m.tlb_ways


@inline
def find(s, first, ways, tag):
    """The entry in first..first+ways-1 that holds tag, or NONE."""
    e = first
    while e < first + ways:  # not range(.., LANES): numba divides to count the steps of a stepped range
        hits = match(s.tlb_tag, e, tag)
        if hits != 0:
            return e + lowest(hits)
        e += LANES
    return NONE


@inline
def fill(s, cpu, tag, pte):
    """Hold a copy of pte for tag in place of the way unused for longest. Returns 1: a miss, or 0 if tag was there already."""
    return fill_set(s, first_way(s, cpu, tag), s.machine[0].tlb_ways, tag, pte)


@inline
def fill_set(s, first, ways, tag, pte):
    """The same in the set whose first entry is `first`."""
    m = s.machine[0]
    e = find(s, first, ways, tag)
    missed = 0
    if e == NONE:
        missed = 1
        oldest = s.tlb_stamp[first] << 6  # (time, way) in one word: min() has no branch to mispredict
        for w in range(1, ways):
            oldest = min(oldest, (s.tlb_stamp[first + w] << 6) | w)
        e = first + (oldest & 63)
        if s.tlb_stamp[e] > m.now:
            return 1  # a lane of padding: this machine has no TLB
    s.tlb_tag[e] = tag
    s.tlb_tag[e + m.tlb_stores] = tag if (pte & (D | W)) == (D | W) else NONE
    s.tlb_pte[e] = pte
    s.tlb_stamp[e] = m.now
    return missed


@inline
def drop(s, tag):
    """Forget tag on every cpu (a shootdown). A forgetful machine does so on the running cpu alone, and tells no other one."""
    m = s.machine[0]
    for cpu in range(m.ncpu):
        if m.forgetful and cpu != m.cpu:
            continue
        e = find(s, first_way(s, cpu, tag), m.tlb_ways, tag)
        if e != NONE:
            clear(s, e)
            s.stat[0].shootdowns += 1


@inline
def clear(s, e):
    """Empty entry e."""
    s.tlb_tag[e] = NONE
    s.tlb_tag[e + s.machine[0].tlb_stores] = NONE
    s.tlb_stamp[e] = NONE
    s.tlb_pte[e] = 0


@entry
def flush(s, asid):
    """Forget every entry of an address space on every cpu; of all of them if asid is NONE."""
    for e in range(s.machine[0].tlb_stores):
        tag = s.tlb_tag[e]
        if tag != NONE and (asid == NONE or tag >> ASID_SHIFT == asid):
            clear(s, e)
