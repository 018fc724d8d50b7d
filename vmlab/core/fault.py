"""The page fault, from refusal to return. Read from top to bottom:

    may it?          a VMA covers the page and grants the access; else SIGSEGV
    where is it?     the process's own copy, else the object's page; past the end of a file: SIGBUS
    bring it         from a frame, a swap slot, a file, or as zeros
    whose is it?     a store to a page that is not the process's alone is copied first (copy-on-write)
    map it           write the PTE, and for a read of a file those of its neighbours that are in the page cache

Counted when it is done, as Linux does: a fault that fails is not a fault. An exit on the way (a page to read, a frame to make
free) leaves what was brought so far; the access runs again and goes further. machine.major remembers that a device was read.
"""

from ..jit import inline, njit
from . import events, frames, objects, pagetable, policy, psi, readahead, reclaim, rmap, swap, swapin, tlb, vma
from .state import (
    ALONE,
    COSLOT,
    DIRTY,
    EXCLUSIVE,
    EXT4,
    FRAME_MASK,
    LOCKED,
    NONE,
    NX,
    RESIDENT,
    SHIFT,
    SWAPPED,
    VPN_MASK,
    A,
    Access,
    Code,
    D,
    Event,
    Exit,
    Kind,
    Mark,
    P,
    U,
    W,
)


@njit
def handle(s, row, tag, access, at):
    """Make the page of `tag` accessible to the process in `row`. DONE, with the PTE's position in machine.leaf, or why not.

    `at` is the position of its PTE, NONE if there is no leaf table yet. Unless DONE nothing has changed, but for a frame made
    free or a page brought into memory.
    """
    m = s.machine[0]
    v = vma.find(s, tag)
    if v == NONE:
        return refuse(s, tag, Code.MAPERR, Exit.SEGV)
    area = s.vmas[v]
    if not allowed(area.prot, access):
        return refuse(s, tag, Code.ACCERR, Exit.SEGV)
    if m.guards and objects.guarded(s, s.procs[row].private, tag & VPN_MASK):
        return refuse(s, tag, Code.MAPERR, Exit.SEGV)
    write = access == Access.WRITE
    private = not area.marks & Mark.SHARED
    if private and area.anon == 0 and (write or (area.object == NONE and m.zero_frame == NONE)):
        ready(s, v)  # also where the store ends in SIGBUS: Linux readies the VMA first
    if not pagetable.room(s):
        return short_of(s, 0)
    if not objects.room(s):
        return short_of(s, 1)
    if not rmap.room(s, 1 + m.around):
        return short_of(s, 2)
    index = tag - area.first + area.pgoff
    backing = area.object
    if backing != NONE and index >= s.objects[backing].npages:
        if m.around > 1 and not write:
            around(s, row, v, tag)  # Linux fills the window before it looks at the page itself
        m.io_object = backing
        return refuse(s, tag, Code.ADRERR, Exit.BUS)

    vpn = tag & VPN_MASK
    mine = s.procs[row].private
    obj = backing
    page = NONE
    if private:  # the process's own page, if it has one; anonymous memory is nothing else
        page = objects.find(s, mine, vpn) if backing != NONE else objects.reach(s, mine, vpn)
        if backing == NONE or (page != NONE and s.pages[page] != 0):
            obj = mine
            index = vpn
    if m.zero_frame != NONE and private and obj == mine and not write and s.pages[page] == 0:
        return zero_page(s, row, tag, at, area.prot)
    foreign = private and obj != mine  # the page of a file, seen through a private mapping
    if obj != mine or not private:
        page = objects.reach(s, obj, index)

    tracked = m.tracking != 0 and not private and s.objects[obj].kind == Kind.FILE
    if tracked and write and m.dirty_room <= 0:
        # balance_dirty_pages, which Linux calls once the page is dirty (mm/memory.c, fault_dirty_shared_page)
        return Exit.THROTTLE
    if not s.pages[page] & RESIDENT:
        why = bring(s, obj, index, page, tag)
        if why != Exit.DONE:
            return why
        kind = NONE
    else:
        kind = Event.MAP
    f = s.pages[page] >> SHIFT

    if write and private:
        if foreign or (not s.frames[f].marks & EXCLUSIVE and rmap.shared(s, f)):
            why = copy_page(s, row, tag, page, foreign)
            if why != Exit.DONE:
                return why
            page = objects.reach(s, mine, vpn)
            f = s.pages[page] >> SHIFT
            foreign = False
            kind = NONE
        elif not s.frames[f].marks & EXCLUSIVE:
            kind = Event.REUSE
            s.stat[0].reuses += 1
            s.frames[f].marks |= EXCLUSIVE
        if s.frames[f].marks & COSLOT and swap.coowned(s, f):
            # Others will still read the slot. Linux copies the page here; leaving them the slot and keeping the frame is the
            # same to every program and saves a frame.
            swap.uncache(s, f)
            s.frames[f].marks = (s.frames[f].marks & ~COSLOT) | DIRTY

    if tracked and write:
        if at != NONE and s.tables[at] & P:
            kind = Event.MKWRITE
        if not frames.dirty(s, f):
            m.dirty_room -= 1
    if kind != NONE:
        events.emit(s, kind, tag, f, obj, index, NONE)
    if at == NONE:
        at = pagetable.reach(s, row, vpn)
    if s.tables[at] & P and (s.tables[at] >> SHIFT) & FRAME_MASK == m.zero_frame:
        rmap.drop_pte(s, tag, at)
    if not s.tables[at] & P:  # else: the same frame, with more rights
        rmap.link(s, f, page, at, tag)
        if area.marks & Mark.LOCKED:
            s.frames[f].marks |= LOCKED
    bits = rights(s, f, area.prot, private, foreign or (tracked and not write))
    if tracked and write:
        bits |= D
    s.tables[at] = (f << SHIFT) | bits | (s.tables[at] & (A | D))
    if m.around > 1 and not write and obj != mine:
        around(s, row, v, tag)
    counted(s, row, at)
    return Exit.DONE


@inline
def counted(s, row, at):
    """The fault is done, its PTE stands at `at`."""
    m = s.machine[0]
    m.leaf = at
    s.stat[0].minflt += 1 - m.major
    s.stat[0].majflt += m.major
    s.procs[row].minflt += 1 - m.major
    s.procs[row].majflt += m.major
    m.major = 0


@njit
def zero_page(s, row, tag, at, prot):
    """Map the shared zero page, read-only: memory that was never written takes no frame (mm/memory.c, do_anonymous_page)."""
    m = s.machine[0]
    if at == NONE:
        at = pagetable.reach(s, row, tag & VPN_MASK)
    s.tables[at] = (m.zero_frame << SHIFT) | rights(s, m.zero_frame, prot, True, True)
    events.emit(s, Event.ZEROPAGE, tag, m.zero_frame, s.procs[row].private, tag & VPN_MASK, NONE)
    counted(s, row, at)
    return Exit.DONE


@njit
def around(s, row, v, tag):
    """Fault-around: fill the empty PTEs of the window about `tag` whose page is in memory; nothing is read for them.

    The window starts at the PTE number rounded down to machine.around, not before the mapping, and ends with the mapping, the
    page-table page or the object (mm/memory.c, do_fault_around; mm/filemap.c, filemap_map_pages). rmap.room must hold.
    """
    m = s.machine[0]
    area = s.vmas[v]
    obj = area.object
    private = not area.marks & Mark.SHARED
    guarded = private or (m.tracking != 0 and s.objects[obj].kind == Kind.FILE)
    start = max(tag - (tag & (m.around - 1)), area.first)
    leaf = s.level[0].mask
    stop = min(start + m.around, start - (start & leaf) + leaf + 1, area.stop)
    stop = min(stop, area.first + s.objects[obj].npages - area.pgoff)
    if tag >= stop and stop - start == 1 and m.filesystem == EXT4:
        return  # past the end of a file that has one page in the window: Linux 6.18 was seen not to map it
    filled = 0
    for t in range(start, stop):
        page = objects.find(s, obj, t - area.first + area.pgoff)
        if t == tag or page == NONE or not s.pages[page] & RESIDENT:
            continue
        if m.guards and objects.guarded(s, s.procs[row].private, t & VPN_MASK):
            continue
        if private:  # a page of the process's own, in memory or in swap, stands before the file's
            own = objects.find(s, s.procs[row].private, t & VPN_MASK)
            if own != NONE and s.pages[own] != 0:
                continue
        at = pagetable.reach(s, row, t & VPN_MASK)
        if not s.tables[at] & P:
            f = s.pages[page] >> SHIFT
            rmap.link(s, f, page, at, t)
            if area.marks & Mark.LOCKED:
                s.frames[f].marks |= LOCKED
            s.tables[at] = (f << SHIFT) | rights(s, f, area.prot, private, guarded)
            filled += 1
    if filled > 0:
        events.emit(s, Event.AROUND, tag, NONE, obj, start - area.first + area.pgoff, filled)


@njit
def ready(s, v):
    """The VMA in row v is about to get its first private page: from now on fork copies its PTEs.

    A neighbour that could be one mapping with it but for its rights lends its identity, so that they may merge later
    (mm/rmap.c, __anon_vma_prepare; mm/vma.c, find_mergeable_anon_vma).
    """
    m = s.machine[0]
    area = s.vmas[v]
    for w in (v + 1, v - 1):
        if area.anon == 0 and w >= 0 and w < m.nvma:
            other = s.vmas[w]
            low = area if w > v else other
            high = other if w > v else area
            if (
                other.anon > 0
                and low.stop == high.first
                and low.object == high.object
                and low.file == high.file
                and low.marks == high.marks
                and low.name == high.name
                and low.pgoff + low.stop - low.first == high.pgoff
            ):
                area.anon = other.anon
    if area.anon == 0:
        m.last_anon += 1
        area.anon = m.last_anon


@inline
def allowed(prot, access):
    """Do the PROT_* bits of a VMA grant an access? On x86-64 whatever is mapped with any right can be read."""
    if access == Access.READ:
        return prot != 0
    return prot & access != 0


@inline
def rights(s, f, prot, private, guarded):
    """The P, U, W and NX bits of a PTE that maps frame f for a VMA. Stores to what is guarded must fault first: a page of the
    page cache or the zero page in a private mapping, a clean page whose first store is to be noticed."""
    bits = P
    if prot != 0:
        bits |= U
    if prot & Access.WRITE and not guarded and (not private or s.frames[f].marks & EXCLUSIVE):
        bits |= W
    if not prot & Access.EXEC:
        bits |= NX
    return bits


@inline
def refuse(s, tag, code, why):
    """Note what is wrong with tag, and pass `why` on."""
    s.machine[0].bad = tag & VPN_MASK
    s.machine[0].code = code
    s.machine[0].major = 0
    return why


@inline
def short_of(s, pool):
    """A pool must grow first."""
    s.machine[0].grow = pool
    return Exit.GROW


@inline
def bring(s, obj, index, page, tag):
    """Bring page `index` of obj into a frame: from another owner's frame, from its slot, from its file, or as zeros."""
    m = s.machine[0]
    st = s.stat[0]
    ahead = False
    along = NONE
    word = s.pages[page]
    if word & SWAPPED and (not word & ALONE or m.cluster > 1):
        slot = word >> SHIFT
        f = s.slots[slot].frame
        if f != NONE:  # another owner brought it back, or it was read along: a hit in the swap cache
            swap.drop(s, slot)
            objects.note_swapped(s, obj, -1)
            if swapin.read_along(s, f):
                swapin.claim(s, f, slot, word & ALONE)
            rmap.own(s, f, page, obj, index)
            events.emit(s, Event.MAP, tag, f, obj, index, slot)
            return Exit.DONE
    if m.nfree < m.wake:
        why = reclaim.room(s)
        if why != Exit.DONE:
            return why
    if word & SWAPPED:
        slot = word >> SHIFT
        f = frames.take(s)
        frames.copy_bytes(s.content, f, s.swap, slot)
        st.pswpin += 1
        m.major = 1
        if tag != NONE:
            psi.stall(s, s.cost[0].read)
        events.emit(s, Event.SWAPIN, tag, f, obj, index, slot)
        swap.cache(s, f, slot, word & ALONE)
        objects.note_swapped(s, obj, -1)
        if word & ALONE:
            s.frames[f].marks |= EXCLUSIVE
        if m.cluster > 1 and tag != NONE:
            along = slot
    elif s.objects[obj].kind == Kind.FILE:
        readahead.window(s, obj, index, tag)
        if s.content.shape[1] > 0:
            m.io_object = obj
            m.io_index = index
            return Exit.READ  # Python reads the page, calls page_in, and comes again
        st.pgpgin += 1
        m.major = 1
        f = frames.take(s)
        events.emit(s, Event.PAGEIN, tag, f, obj, index, NONE)
        ahead = True
    else:
        f = frames.take(s)
        frames.zero_bytes(s.content, f)
        st.zero += 1
        if s.objects[obj].kind == Kind.PRIVATE:
            s.frames[f].marks |= EXCLUSIVE
        events.emit(s, Event.ZERO, tag, f, obj, index, NONE)
    rmap.own(s, f, page, obj, index)
    policy.came(s, f, word)
    if ahead:
        if policy.restored(s, f):
            psi.stall(s, s.cost[0].read)
        if m.read_ahead > 1:
            readahead.bring_all(s, obj, tag)
    if along != NONE:
        swapin.cluster(s, along, tag)
    return Exit.DONE


@njit
def copy_page(s, row, tag, page, foreign):
    """Copy-on-write: give the process its own copy of the page that page word `page` has in memory. DONE or why not."""
    m = s.machine[0]
    source = s.pages[page] >> SHIFT
    m.pin = source  # making room must not take what is about to be copied
    why = reclaim.room(s)
    if why != Exit.VICTIM:  # a policy in plain Python is yet to choose: it must not name the source either
        m.pin = NONE
    if why != Exit.DONE:
        return why
    f = frames.take(s)
    frames.copy_bytes(s.content, f, s.content, source)
    vpn = tag & VPN_MASK
    at = pagetable.reach(s, row, vpn)
    if s.tables[at] & P:
        if s.tables[at] & D:
            s.frames[source].marks |= DIRTY
        rmap.unlink(s, source, at)
        s.tables[at] = 0
        tlb.drop(s, tag)
    mine = s.procs[row].private
    own = objects.reach(s, mine, vpn)
    if not foreign:
        rmap.disown(s, source, own)
    rmap.own(s, f, own, mine, vpn)
    s.frames[f].marks |= EXCLUSIVE
    policy.came(s, f, 0)
    s.stat[0].copies += 1
    events.emit(s, Event.COPY, tag, f, mine, vpn, source)
    return Exit.DONE
