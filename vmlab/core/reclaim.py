"""Reclaim: make a frame free by sending its page away."""

from ..jit import entry, inline, njit
from . import events, failing, frames, objects, policy, psi, swap, tlb
from .policy.number import LAST_PASTED, Policy
from .state import ALONE, ASID_SHIFT, COSLOT, DIRTY, EXCLUSIVE, NONE, RESIDENT, SHIFT, SWAPPED, A, D, Event, Exit, Kind


@inline
def room(s):
    """See to it that a frame is free, before one is taken. DONE, or why not: VICTIM or WRITE (ask Python, come again), OOM."""
    if s.machine[0].nfree >= s.machine[0].wake:
        return Exit.DONE
    return make(s)


@njit
def make(s):
    """Too few frames are free: empty some. As `room`.

    With no more than low free kswapd wakes and empties frames until more than high are; then it sleeps again. A process that
    finds no more than min free cannot wait for it and empties frames itself first (mm/page_alloc.c, __alloc_pages_slowpath;
    mm/vmscan.c, balance_pgdat). On Linux kswapd runs beside the process that woke it. Here it does all its work at the fault
    that woke it, so that a run is the same every time: only a burst of read-ahead leaves a process with less than min.

    Where nothing can be emptied kswapd gives up, and is woken again after a process's own reclaim had success. Linux kills for
    memory with min frames still free, its last reserve; here the last frame is given away first. Without watermarks all three
    are 0: a fault that finds no frame empties one.
    """
    m = s.machine[0]
    st = s.stat[0]
    why = Exit.DONE
    if m.fail_frame > 0:
        why = failing.frame(s)
        if why != Exit.DONE or (m.wake == failing.EVERY and m.nfree > m.low):
            return why
    while m.nfree < m.wake and why == Exit.DONE:
        direct = m.nfree <= m.least
        if direct and not m.stalled:
            st.allocstall += 1
            m.stalled = 1
        m.wake = m.high + 1
        m.scanned = 0
        written = st.pswpout + st.pgpgout
        why = one(s)
        steal = 1 if why == Exit.DONE else 0
        if direct:
            st.pgscan_direct += max(m.scanned, steal)
            st.pgsteal_direct += steal
            if st.pswpout + st.pgpgout > written:
                psi.stall(s, s.cost[0].write)
        else:
            st.pgscan_kswapd += max(m.scanned, steal)
            st.pgsteal_kswapd += steal
            m.reclaimed += steal
    if why == Exit.VICTIM or why == Exit.WRITE:
        return why
    m.wake = m.low + 1
    if why == Exit.OOM and m.free != NONE:
        m.wake = 1
        why = Exit.DONE
    if m.fail_frame > 0:
        m.wake = failing.EVERY
    if m.reclaimed > 0:
        events.emit(s, Event.KSWAPD, NONE, NONE, NONE, m.nfree, m.reclaimed)
    m.reclaimed = 0
    m.stalled = 0
    return why


@inline
def one(s):
    """Empty one frame. DONE, or why not, as `room`.

    A victim that would need a swap slot, when there is none to be had, is spared: the policy is asked again, now for pages
    that need none, of files or in the swap cache (mm/vmscan.c, can_reclaim_anon_pages).
    """
    m = s.machine[0]
    why = Exit.OOM
    while why == Exit.OOM:
        f = m.victim
        if f == NONE:
            f = policy.victim(s)
        if f == NONE:
            if m.policy == Policy.PYTHON and frames.any_takeable(s):
                return Exit.VICTIM
            break
        if m.fail_swap > 0 and failing.swap_write(s, f):
            continue
        why = evict(s, f)
        if why == Exit.OOM:
            m.victim = NONE
            m.noswap = 1
    if why != Exit.WRITE:
        m.noswap = 0
    return why


@inline
def evict(s, f):
    """Empty frame f: swap out or drop its page, forget every translation of it, free the frame. Unless DONE, changes nothing."""
    m = s.machine[0]
    st = s.stat[0]
    first = s.uses[f]
    fr = s.frames[f]
    tag = first.tag
    obj = first.object
    index = first.index
    if s.objects[obj].kind == Kind.FILE:
        if s.content.shape[1] > 0 and frames.dirty(s, f):
            m.victim = f
            m.io_object = obj
            m.io_index = index
            m.io_frame = f
            return Exit.WRITE
        changed = depart(s, f, policy.shadow(s, f))
        st.pgpgout += changed
        events.emit(s, Event.WRITEBACK if changed else Event.DROP, tag, f, obj, index, NONE)
    elif obj == m.swapper:  # read along from swap, and nobody asked for it
        s.shadows[fr.slot] = policy.shadow(s, f)
        depart(s, f, 0)
        events.emit(s, Event.DROP, tag, f, obj, index, fr.slot)
    elif frames.given_up(s, f):
        depart(s, f, 0)  # the page reads zero from now on
        events.emit(s, Event.DROP, tag, f, obj, index, NONE)
    else:
        slot = fr.slot
        fresh = slot == NONE
        if fresh:
            slot = swap.take(s)
            if slot == NONE:
                slot = swap.steal(s)
            if slot == NONE:
                return Exit.OOM
        word = (slot << SHIFT) | SWAPPED
        if first.next == NONE and fr.marks & EXCLUSIVE and not fr.marks & COSLOT:
            word |= ALONE  # one owner: its word takes the reference over
            if fresh:
                s.slots[slot].refs = 1
            elif m.cluster > 1:
                s.slots[slot].frame = NONE
            fr.slot = NONE
        elif fresh:
            fr.slot = slot  # the frame's own reference; dropped below, once the owners hold theirs
            s.slots[slot].refs = 1
        if m.policy > LAST_PASTED:
            s.shadows[slot] = policy.shadow(s, f)
        out = fresh | depart(s, f, word)  # else the slot still holds these bytes
        if s.content.shape[1] > 0 and out:
            frames.copy_bytes(s.swap, slot, s.content, f)
        st.pswpout += out
        events.emit(s, Event.SWAPOUT if out else Event.DROP, tag, f, obj, index, slot)
    policy.gone(s, f)
    if fr.slot != NONE:
        swap.uncache(s, f)
    frames.give(s, f)
    st.evictions += 1
    m.victim = NONE
    return Exit.DONE


@inline
def depart(s, f, word):
    """Clear and shoot down every PTE that maps f; every owner's page word becomes `word`; f has no uses left.

    Returns whether the page was dirty, without a branch on it: a coin toss costs the host a misprediction.
    """
    m = s.machine[0]
    changed = s.frames[f].marks & DIRTY
    u = f
    while u != NONE:
        e = s.uses[u]
        if e.pte != NONE:
            pte = s.tables[e.pte]
            changed |= pte & D
            s.tables[e.pte] = 0
            s.procs[e.tag >> ASID_SHIFT].rss -= 1
            if pte & A:
                tlb.drop(s, e.tag)  # a PTE without A is in no TLB: filling sets A, clearing A drops
        if e.page != NONE:
            s.pages[e.page] = word
            if word & SWAPPED:
                objects.note_swapped(s, e.object, 1)
                if not word & ALONE:
                    s.slots[word >> SHIFT].refs += 1
        after = e.next
        e.page = NONE
        e.pte = NONE
        e.tag = NONE
        e.object = NONE
        e.next = NONE
        if u != f:
            e.next = m.use_free
            m.use_free = u
        u = after
    return changed != 0


@entry
def written(s, f):
    """The caller has written frame f to its file: the answer to Exit.WRITE, or a writeback that was asked for."""
    frames.clean(s, f)
    e = s.uses[f]
    s.stat[0].pgpgout += 1
    if (
        s.machine[0].victim == f and s.machine[0].nfree <= s.machine[0].least
    ):  # a process that reclaims itself waits for it
        psi.stall(s, s.cost[0].write)
    events.emit(s, Event.WRITEBACK, e.tag, f, e.object, e.index, NONE)


@entry
def evict_page(s, obj, index):
    """Evict one page of an object, if it is in memory, may go and has a place to go to. DONE, or WRITE as reclaim."""
    page = objects.find(s, obj, index)
    if page == NONE or not s.pages[page] & RESIDENT:
        return Exit.DONE
    f = s.pages[page] >> SHIFT
    if not frames.takeable(s, f) or (s.machine[0].fail_swap > 0 and failing.swap_write(s, f)):
        return Exit.DONE
    why = evict(s, f)
    return Exit.DONE if why == Exit.OOM else why
