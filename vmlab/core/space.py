"""What system calls do to the PTEs of a range: unmap, protect, clone. Work per page, called from Python per call."""

from ..jit import entry, njit
from . import fault, objects, pagetable, rmap, tlb
from .state import (
    ASID_SHIFT,
    DIRTY,
    EXCLUSIVE,
    FRAME_MASK,
    NONE,
    NX,
    RESIDENT,
    SHIFT,
    A,
    Access,
    D,
    Exit,
    Kind,
    P,
    U,
    W,
)


@entry
def unmap(s, row, start, stop):
    """Drop the translations of pages start..stop-1 of a process."""
    root = s.procs[row].root
    v = pagetable.following(s, root, start, stop)
    while v != NONE:
        rmap.drop_pte(s, (row << ASID_SHIFT) | v, pagetable.walk(s, root, v))
        v = pagetable.following(s, root, v + 1, stop)


@entry
def protect(s, row, start, stop, prot, private, obj):
    """Give the PTEs of pages start..stop-1 the rights that `prot` grants. No PTE comes or goes: the frames stay mapped.

    A private page is writable again at once only if it is the process's alone, which a page of the page cache never is; a page
    whose first store is to be noticed only if it is dirty already (mm/mprotect.c, can_change_pte_writable). Else the next store
    faults and decides.
    """
    tracked = s.machine[0].tracking != 0 and not private and s.objects[obj].kind == Kind.FILE
    root = s.procs[row].root
    v = pagetable.following(s, root, start, stop)
    while v != NONE:
        at = pagetable.walk(s, root, v)
        pte = s.tables[at]
        f = (pte >> SHIFT) & FRAME_MASK
        guarded = f == s.machine[0].zero_frame
        if tracked:
            guarded = pte & D == 0
        s.tables[at] = (pte & ~(NX | U | W)) | fault.rights(s, f, prot, private, guarded)
        tlb.drop(s, (row << ASID_SHIFT) | v)
        v = pagetable.following(s, root, v + 1, stop)


@entry
def relock(s, row, start, stop):
    """The locks of the mappings of pages start..stop-1 have changed: mark the frames behind them accordingly."""
    root = s.procs[row].root
    v = pagetable.following(s, root, start, stop)
    while v != NONE:
        f = (s.tables[pagetable.walk(s, root, v)] >> SHIFT) & FRAME_MASK
        if f != s.machine[0].zero_frame:
            rmap.relock(s, f)
        v = pagetable.following(s, root, v + 1, stop)


@entry
def need(s, row, start, stop):
    """What cloning a private range may take: (leaf nodes of pages, leaf tables, further uses)."""
    mine = s.procs[row].private
    root = s.procs[row].root
    nodes = 0
    leaves = 0
    links = 0
    v = start
    while v < stop:
        end = min(stop, v + objects.stretch(s, mine, v))
        if objects.find(s, mine, v) != NONE:
            nodes += 1
        v = end
    v = start
    while v < stop:
        end = min(stop, v + pagetable.stretch(s, root, v))
        at = pagetable.walk(s, root, v)
        if at != NONE:
            leaves += 1
            for k in range(end - v):
                if s.tables[at + k] & P:
                    links += 1
        v = end
    v = start
    while v < stop:  # pages in memory without a PTE
        end = min(stop, v + objects.stretch(s, mine, v))
        page = objects.find(s, mine, v)
        if page != NONE:
            for k in range(end - v):
                if s.pages[page + k] & RESIDENT:
                    links += 1
        v = end
    return nodes, leaves, links


@entry
def clone(s, parent, child, start, stop):
    """fork, one private range: the child shares the parent's pages, PTEs are copied, and both sides lose W.

    Capacity must have been made first (need). The child starts with clean TLB entries, the parent's are dropped where W went.
    """
    objects.clone(s, s.procs[parent].private, s.procs[child].private, start, stop)
    mine = s.procs[child].private
    root = s.procs[parent].root
    v = start
    while v < stop:
        end = min(stop, v + pagetable.stretch(s, root, v))
        at = pagetable.walk(s, root, v)
        if at != NONE:
            to = pagetable.reach(s, child, v)
            for k in range(end - v):
                pte = s.tables[at + k]
                if pte & P:
                    f = (pte >> SHIFT) & FRAME_MASK
                    if f == s.machine[0].zero_frame:
                        s.tables[to + k] = pte & ~A
                        continue
                    s.frames[f].marks &= ~EXCLUSIVE
                    if pte & W:
                        s.tables[at + k] = pte & ~W
                        tlb.drop(s, (parent << ASID_SHIFT) | (v + k))
                    if pte & D:
                        s.frames[f].marks |= DIRTY
                    s.tables[to + k] = pte & ~(W | D | A)
                    own = objects.find(s, mine, v + k)
                    page = own if own != NONE and s.pages[own] & RESIDENT else NONE
                    rmap.link(s, f, page, to + k, (child << ASID_SHIFT) | (v + k))
        v = end


@entry
def count_free(s, enough):
    """Free rows for further uses, counted up to `enough`."""
    n = 0
    u = s.machine[0].use_free
    while u != NONE and n < enough:
        n += 1
        u = s.uses[u].next
    return n


@njit
def populate(s, row, start, stop, access):
    """Fault in pages start + machine.cursor .. stop-1 of a process, as MAP_POPULATE does. DONE, or what the fault needs.

    Its faults are minor, those that read a device too (mm/gup.c, __get_user_pages: VM_FAULT_RETRY is not counted).
    """
    m = s.machine[0]
    while start + m.cursor < stop:
        vpn = start + m.cursor
        at = pagetable.walk(s, s.procs[row].root, vpn)
        if at == NONE or not s.tables[at] & P or (access == Access.WRITE and not s.tables[at] & W):
            major = s.procs[row].majflt
            why = fault.handle(s, row, (row << ASID_SHIFT) | vpn, access, at)
            if why != Exit.DONE:
                return why
            if s.procs[row].majflt != major:  # Linux waits for the read and tries again: by then the fault is minor
                s.procs[row].majflt -= 1
                s.procs[row].minflt += 1
                s.stat[0].majflt -= 1
                s.stat[0].minflt += 1
        m.cursor += 1
    return Exit.DONE
