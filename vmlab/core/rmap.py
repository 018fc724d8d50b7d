"""The reverse map: who uses a frame.

A use is a row (page, pte, tag): the page word that owns the frame and the PTE that maps it; either may be NONE. Row f of
s.uses IS the first use of frame f, so a frame with one user (almost all) costs no link and no search; further uses are rows
above nframes, chained.

    two owners           copy-on-write after fork: two private page words name one frame
    one owner, many PTEs shared memory, or clean private mappings of a file page

Resident set sizes are counted here, the one place where a PTE begins or ends to map a frame.
"""

from ..jit import inline, njit
from . import tlb, vma
from .state import ASID_SHIFT, DIRTY, FRAME_MASK, LOCKED, NONE, RESIDENT, SHIFT, D, Mark


@inline
def room(s, n):
    """Is there room for n further uses?"""
    u = s.machine[0].use_free
    while u != NONE and n > 1:
        u = s.uses[u].next
        n -= 1
    return u != NONE


@njit
def add(s, f):
    """A new use of f, right after the first."""
    m = s.machine[0]
    u = m.use_free
    m.use_free = s.uses[u].next
    s.uses[u].next = s.uses[f].next
    s.uses[f].next = u
    return u


@njit
def remove(s, f, u, before):
    """Take use u, which follows `before` (NONE: it is the first), off frame f. The first row stays an owner if there is one."""
    m = s.machine[0]
    e = s.uses[u]
    if before == NONE:
        n = e.next
        if n == NONE:
            e.page = NONE
            e.pte = NONE
            e.tag = NONE
            e.object = NONE
            return
        before = u
        while s.uses[n].page == NONE and s.uses[n].next != NONE:
            before = n
            n = s.uses[n].next
        heir = s.uses[n]
        e.page = heir.page
        e.pte = heir.pte
        e.tag = heir.tag
        e.index = heir.index
        e.object = heir.object
        u = n
        e = heir
    s.uses[before].next = e.next
    e.page = NONE
    e.pte = NONE
    e.tag = NONE
    e.object = NONE
    e.next = m.use_free
    m.use_free = u


@inline
def own(s, f, page, obj, index):
    """Page word `page` (page `index` of `obj`) now lives in frame f."""
    u = f
    if s.uses[f].page != NONE:
        u = add(s, f)
    e = s.uses[u]
    e.page = page
    e.object = obj
    e.index = index
    if u != f:
        e.pte = NONE
        e.tag = NONE
    s.pages[page] = (f << SHIFT) | RESIDENT


@njit
def disown(s, f, page):
    """Page word `page`, unmapped by now, no longer lives in f. True if nobody owns f any more."""
    before = NONE
    u = f
    while s.uses[u].page != page:
        before = u
        u = s.uses[u].next
    remove(s, f, u, before)
    return s.uses[f].page == NONE


@inline
def link(s, f, page, pte, tag):
    """PTE position `pte` now maps frame f for `tag`, on behalf of page word `page`."""
    s.procs[tag >> ASID_SHIFT].rss += 1
    u = f
    while u != NONE:
        e = s.uses[u]
        if e.page == page and e.pte == NONE:
            e.pte = pte
            e.tag = tag
            return
        u = e.next
    u = add(s, f)
    e = s.uses[u]
    e.page = NONE
    e.object = NONE
    e.pte = pte
    e.tag = tag


@njit
def unlink(s, f, pte):
    """PTE position `pte` no longer maps f."""
    before = NONE
    u = f
    while s.uses[u].pte != pte:
        before = u
        u = s.uses[u].next
    s.procs[s.uses[u].tag >> ASID_SHIFT].rss -= 1
    if s.uses[u].page == NONE:
        remove(s, f, u, before)
    else:
        s.uses[u].pte = NONE
        s.uses[u].tag = NONE
    if s.frames[f].marks & LOCKED:
        relock(s, f)


@njit
def relock(s, f):
    """A frame is locked while a PTE maps it for a locked mapping: see whether that is so for f."""
    s.frames[f].marks &= ~LOCKED
    u = f
    while u != NONE:
        e = s.uses[u]
        if e.pte != NONE:
            v = vma.find(s, e.tag)
            if v != NONE and s.vmas[v].marks & Mark.LOCKED:
                s.frames[f].marks |= LOCKED
        u = e.next


@njit
def drop_pte(s, tag, at):
    """The PTE at `at` no longer maps anything for `tag`; what the hardware noted goes to the frame."""
    pte = s.tables[at]
    f = (pte >> SHIFT) & FRAME_MASK
    s.tables[at] = 0
    if f != s.machine[0].zero_frame:
        if pte & D:
            s.frames[f].marks |= DIRTY
        unlink(s, f, at)
    tlb.drop(s, tag)


@inline
def shared(s, f):
    """Has f more than one owner?"""
    u = s.uses[f].next
    while u != NONE:
        if s.uses[u].page != NONE:
            return True
        u = s.uses[u].next
    return False
