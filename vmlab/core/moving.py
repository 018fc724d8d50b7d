"""mremap moves pages without copying a byte: page words, PTEs and the reverse map say another address from now on."""

from ..jit import entry, njit
from . import objects, pagetable, tlb
from .state import ASID_SHIFT, FRAME_MASK, HELD, NONE, RESIDENT, SHIFT


@entry
def move(s, row, start, stop, to):
    """Pages start..stop-1 of a process, where it has them and where its PTEs map them, are at `to` from now on.

    Nothing may be at `to`, the ranges do not overlap, and capacity must have been made first. Frames, slots, A and D stay as
    they are, so that no access after it faults that would not have faulted before (mm/mremap.c, move_page_tables).
    """
    move_pages(s, s.procs[row].private, start, stop, to - start)
    move_ptes(s, row, start, stop, to - start)


@njit
def move_pages(s, mine, start, stop, away):
    """The process's own pages, in memory or in swap: object `mine` has them `away` pages further up."""
    i = objects.following(s, mine, start, stop, HELD)
    while i != NONE:
        page = objects.find(s, mine, i)
        there = objects.reach(s, mine, i + away)
        word = s.pages[page]
        s.pages[there] = word
        s.pages[page] = 0
        if word & RESIDENT:
            owner_moves(s, word >> SHIFT, page, there, i + away)
        i = objects.following(s, mine, i + 1, stop, HELD)


@njit
def owner_moves(s, f, page, there, index):
    """The use of frame f by page word `page` is one by page word `there`."""
    u = f
    while u != NONE:
        e = s.uses[u]
        if e.page == page:
            e.page = there
            e.index = index
            return
        u = e.next


@njit
def move_ptes(s, row, start, stop, away):
    """Every PTE of the range, as it stands, maps the page that lies `away` pages further up; the TLB forgets the old one."""
    root = s.procs[row].root
    v = pagetable.following(s, root, start, stop)
    while v != NONE:
        at = pagetable.walk(s, root, v)
        there = pagetable.reach(s, row, v + away)
        pte = s.tables[at]
        s.tables[there] = pte
        s.tables[at] = 0
        map_moves(s, (pte >> SHIFT) & FRAME_MASK, at, there, (row << ASID_SHIFT) | (v + away))
        tlb.drop(s, (row << ASID_SHIFT) | v)
        v = pagetable.following(s, root, v + 1, stop)


@njit
def map_moves(s, f, pte, there, tag):
    """The use of frame f by PTE position `pte` is one by `there`, for `tag`. (The zero page has no uses.)"""
    u = f if f != s.machine[0].zero_frame else NONE
    while u != NONE:
        e = s.uses[u]
        if e.pte == pte:
            e.pte = there
            e.tag = tag
            return
        u = e.next
