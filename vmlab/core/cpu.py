"""The CPU's side: translate one address, run a reference string, move bytes."""

from enum import IntEnum

from numba import uint64

from ..jit import LANES, entry, inline, lowest, match, njit
from . import events, fault, objects, pagetable, policy, psi, readahead, recent, rmap, space, tlb
from .state import (
    ASID_SHIFT,
    DIRTY,
    FRAME_MASK,
    NONE,
    NX,
    RESIDENT,
    SHIFT,
    VPN_MASK,
    A,
    Access,
    D,
    Event,
    Exit,
    P,
    U,
    W,
)


class Job(IntEnum):
    """What `perform` does."""

    RUN = 0
    MOVE = 1
    TRANSFER = 2
    POPULATE = 3


BLOCK = 2048  # references between two decisions whether to look ahead
AHEAD = 48  # how far
# As plain words: for members of an enumeration numba would compile the fault path a second time.
LOAD, STORE = int(Access.READ), int(Access.WRITE)


@entry
def switch(s, row):
    """Run the process in `row` on its cpu. Without address-space tags the TLB is of no use to the next process."""
    m = s.machine[0]
    cpu = row % m.ncpu
    c = s.cpus[cpu]
    m.cpu = cpu
    m.cursor = 0
    if c.proc != row and not m.asids:
        for e in range(cpu * m.tlb_sets * m.tlb_ways, (cpu + 1) * m.tlb_sets * m.tlb_ways):
            if s.tlb_tag[e] != NONE:
                tlb.clear(s, e)
    c.proc = row
    c.asid = row
    c.root = s.procs[row].root


@inline
def grants(pte, access):
    """Does the MMU let an access through a PTE? P and U, W for a store, not NX for a fetch."""
    if not pte & P or not pte & U:
        return False
    if access == Access.WRITE:
        return pte & W != 0
    if access == Access.EXEC:
        return pte & NX == 0
    return True


@njit
def miss(s, tag, access):
    """An access the TLB could not serve: walk, fault if need be, set A and D, fill the TLB. DONE, or why it stopped."""
    m = s.machine[0]
    c = s.cpus[m.cpu]
    at = pagetable.walk(s, c.root, tag & VPN_MASK)
    if at == NONE or not grants(s.tables[at], access):
        why = fault.handle(s, c.proc, tag, access, at)
        if why != Exit.DONE:
            return why
        at = m.leaf  # where the walk of the restarted instruction ends
        s.stat[0].walks += 1
    pte = s.tables[at] | A | (D if access == Access.WRITE else 0)
    s.tables[at] = pte
    s.stat[0].walks += 1
    s.stat[0].tlb_misses += tlb.fill(s, m.cpu, tag, pte)  # a first store to a clean page walks, but is no miss
    if m.touches:
        policy.touched(s, (pte >> SHIFT) & FRAME_MASK)
    if m.now + 1 >= m.sample_due:  # the counters after this reference
        events.sample(s, m.now + 1)
    return Exit.DONE


@inline
def lookahead(s, c, vpn, faulting):
    """Start the host's memory on what the reference AHEAD of us will want: the future of a reference string is known."""
    if c.root == NONE:
        return
    pagetable.ahead(s, c.root, vpn)
    if faulting:
        v = s.vmas[s.machine[0].hint]
        tag = (c.asid << ASID_SHIFT) | vpn
        if v.first <= tag and tag < v.stop:
            if v.object == NONE:
                objects.ahead(s, s.procs[c.proc].private, vpn)
            else:
                objects.ahead(s, v.object, tag - v.first + v.pgoff)


@njit
def hits(s, addresses, writes, i, stop, then):
    """Make references i, i + 1, ... as long as the TLB serves them, not beyond `stop`; return the first that was not made.

    For TLBs of LANES ways, and policies that are not told of hits: one vector instruction looks at the whole set. A function of
    its own, without the fault path beside it, so that all it needs stays in registers; and an index that is unsigned is not
    tested for being negative. Together more than twice as fast as the same steps in `run`.
    """
    m = s.machine[0]
    asid = s.cpus[m.cpu].asid << ASID_SHIFT
    each = writes.shape[0] == addresses.shape[0]
    shift = m.page_shift
    sets = m.tlb_sets - 1
    stores = m.tlb_stores
    first = m.cpu * m.tlb_sets * LANES
    half = (writes[0] & 1) * stores
    while i < stop:
        vpn = addresses[uint64(i)] >> shift
        e = first + (vpn & sets) * LANES
        if each:
            half = (writes[uint64(i)] & 1) * stores
        found = match(s.tlb_tag, e + half, asid | vpn)
        if found == 0:
            break
        s.tlb_stamp[e + lowest(found)] = then + i
        i += 1
    return i


@njit
def walks(s, addresses, writes, i, stop, then):
    """Make references i, i + 1, ... as long as the TLB or else the page tables serve them, not beyond `stop` nor to where a sample
    is due; return the first that was not made.

    What `miss` does where there is no fault, a loop of its own for the reasons `hits` has one: a third faster.
    """
    m = s.machine[0]
    c = s.cpus[m.cpu]
    root = c.root
    asid = c.asid << ASID_SHIFT
    each = writes.shape[0] == addresses.shape[0]
    shift = m.page_shift
    sets = m.tlb_sets - 1
    stores = m.tlb_stores
    first = m.cpu * m.tlb_sets * LANES
    last = addresses.shape[0] - 1
    stop = min(stop, m.sample_due - 1 - then)
    write = writes[0] & 1
    walked = 0
    missed = 0
    while i < stop and root != NONE:
        pagetable.ahead(s, root, addresses[uint64(min(i + AHEAD, last))] >> shift)
        if each:
            write = writes[uint64(i)] & 1
        vpn = addresses[uint64(i)] >> shift
        e = first + (vpn & sets) * LANES
        found = match(s.tlb_tag, e + write * stores, asid | vpn)
        if found != 0:
            s.tlb_stamp[e + lowest(found)] = then + i
        else:
            at = pagetable.walk(s, root, vpn)
            if at == NONE or not grants(s.tables[at], STORE if write != 0 else LOAD):
                break
            m.now = then + i
            pte = s.tables[at] | A | (D if write != 0 else 0)
            s.tables[at] = pte
            walked += 1
            missed += tlb.fill_set(s, e, LANES, asid | vpn, pte)
        i += 1
    s.stat[0].walks += walked
    s.stat[0].tlb_misses += missed
    return i


@njit
def run(s, addresses, writes, limit):
    """Make the references from machine.cursor on: loads of addresses[i], stores where writes[i] is 1.

    addresses: int64[n], all within the address space. writes: uint8[n], or uint8[1] that holds for all. Stops at the end
    (DONE), after `limit` references or once an event of machine.until happened (LIMIT), or at a reference that needs help
    or fails: the cursor stands at it, and it is made again when the caller comes back.
    """
    m = s.machine[0]
    c = s.cpus[m.cpu]
    start = m.cursor
    i = start
    end = min(start + limit, addresses.shape[0])
    then = m.now - start  # reference i happens at time then + i
    each = 1 if writes.shape[0] == addresses.shape[0] else 0
    asid = c.asid << ASID_SHIFT
    shift = m.page_shift
    sets = m.tlb_sets - 1
    ways = m.tlb_ways
    stores = m.tlb_stores
    first = m.cpu * m.tlb_sets * ways
    touches = m.touches != 0
    quick = ways == LANES and not touches
    missing = False
    served = True  # the TLB serves enough for its hits to have a loop of their own
    faulting = False
    told = start  # references before this one are in s.recent
    why = Exit.DONE
    while i < end and why == Exit.DONE:
        if then + i >= m.tick_due:
            policy.tick(s)
        if then + i >= m.sample_late:  # hits alone: working sets shrink meanwhile
            m.now = then + i
            recent.remember_run(s, addresses, told, i, then, asid)
            told = i
            events.sample(s, m.now)
            if m.wanted != 0:
                recent.note(s)
        stop = min(i + BLOCK, end, m.tick_due - then, m.sample_late - then)
        misses = s.stat[0].tlb_misses
        faults = s.stat[0].minflt + s.stat[0].majflt
        while i < stop:
            if quick and served:
                i = hits(s, addresses, writes, i, stop, then)
                if i == stop:
                    break
            if quick and missing and not faulting:
                i = walks(s, addresses, writes, i, stop, then)
                if i == stop:
                    break
            if missing:
                lookahead(s, c, addresses[min(i + AHEAD, end - 1)] >> shift, faulting)
            write = writes[i * each] & 1
            vpn = addresses[i] >> shift
            e = tlb.find(s, first + (vpn & sets) * ways + write * stores, ways, asid | vpn)
            if e != NONE:
                e -= write * stores
                s.tlb_stamp[e] = then + i
                if touches:
                    policy.touched(s, (s.tlb_pte[e] >> SHIFT) & FRAME_MASK)
            else:
                m.now = then + i
                why = miss(s, asid | vpn, STORE if write != 0 else LOAD)
                if why != Exit.DONE:
                    break
                if m.wanted != 0:
                    recent.remember_run(s, addresses, told, i + 1, then, asid)
                    told = i + 1
                    recent.note(s)
                if m.seen & m.until:
                    why = Exit.LIMIT
                    i += 1
                    break
            i += 1
        missing = (s.stat[0].tlb_misses - misses) * 16 > BLOCK
        served = (s.stat[0].tlb_misses - misses) * 4 <= BLOCK
        faulting = (s.stat[0].minflt + s.stat[0].majflt - faults) * 16 > BLOCK
    m.cursor = i
    m.now = then + i
    recent.remember_run(s, addresses, told, i, then, asid)
    s.stat[0].refs += i - start
    if why != Exit.DONE:
        return why
    return Exit.DONE if end == addresses.shape[0] else Exit.LIMIT


@njit
def reference(s, vpn, access):
    """One reference. DONE, and the frame is in machine.io_frame; or why it stopped."""
    m = s.machine[0]
    c = s.cpus[m.cpu]
    tag = (c.asid << ASID_SHIFT) | vpn
    half = m.tlb_stores if access == Access.WRITE else 0
    if m.now >= m.tick_due:
        policy.tick(s)
    e = tlb.find(s, tlb.first_way(s, m.cpu, tag) + half, m.tlb_ways, tag) if access != Access.EXEC else NONE
    if e != NONE:
        e -= half
        s.tlb_stamp[e] = m.now
        m.io_frame = (s.tlb_pte[e] >> SHIFT) & FRAME_MASK
        if m.touches:
            policy.touched(s, m.io_frame)
    else:
        why = miss(s, tag, access)
        if why != Exit.DONE:
            return why
        m.io_frame = (s.tables[pagetable.walk(s, c.root, vpn)] >> SHIFT) & FRAME_MASK
    recent.remember(s, m.now, tag)
    m.now += 1
    if m.wanted != 0:
        recent.note(s)
    s.stat[0].refs += 1
    return Exit.DONE


@njit
def move(s, addr, buffer, access):
    """Move bytes between a process's memory from addr on and `buffer`, page by page from machine.cursor: READ fills the
    buffer, WRITE stores it, EXEC fetches (the buffer stays). One reference a page. DONE, or stopped with cursor bytes done."""
    m = s.machine[0]
    while m.cursor < buffer.shape[0]:
        a = addr + m.cursor
        why = reference(s, a >> m.page_shift, access)
        if why != Exit.DONE:
            return why
        within = a & (m.page_size - 1)
        n = min(m.page_size - within, buffer.shape[0] - m.cursor)
        if s.content.shape[1] > 0:
            if access == Access.READ:
                for k in range(n):
                    buffer[m.cursor + k] = s.content[m.io_frame, within + k]
            elif access == Access.WRITE:
                for k in range(n):
                    s.content[m.io_frame, within + k] = buffer[m.cursor + k]
        m.cursor += n
    return Exit.DONE


@njit
def transfer(s, obj, offset, buffer, access):
    """Move bytes between an object's pages and `buffer`, through the page cache and no mapping: read(2) and write(2).

    READ fills the buffer, WRITE empties it, from machine.cursor on, as `move`. The range lies within the object. DONE, READ,
    or as reclaim.
    """
    m = s.machine[0]
    while m.cursor < buffer.shape[0]:
        at = offset + m.cursor
        index = at >> m.page_shift
        if not objects.room(s):
            return fault.short_of(s, 1)
        if not rmap.room(s, 2):
            return fault.short_of(s, 2)
        page = objects.reach(s, obj, index)
        if not s.pages[page] & RESIDENT:
            why = fault.bring(s, obj, index, page, NONE)
            if why != Exit.DONE:
                return why
        m.major = 0  # no fault of a process
        f = s.pages[page] >> SHIFT
        within = at & (m.page_size - 1)
        n = min(m.page_size - within, buffer.shape[0] - m.cursor)
        if access == Access.WRITE:
            s.frames[f].marks |= DIRTY
            for k in range(n):
                s.content[f, within + k] = buffer[m.cursor + k]
        elif s.content.shape[1] > 0:
            for k in range(n):
                buffer[m.cursor + k] = s.content[f, within + k]
        policy.used(s, f)
        m.cursor += n
    return Exit.DONE


@entry
def perform(s, job, addresses, writes, buffer, where, start, limit, access):
    """Do a job that may fault: run, move, transfer or populate; the arguments it does not take are ignored.

    One entry for all of them, because each entry holds a copy of the fault path, which takes LLVM some ten seconds.
    """
    if job == Job.RUN:
        return run(s, addresses, writes, limit)
    if job == Job.MOVE:
        return move(s, start, buffer, access)
    if job == Job.TRANSFER:
        return transfer(s, where, start, buffer, access)
    return space.populate(s, where, start, limit, access)


@entry
def page_in(s, read):
    """Answer to Exit.READ: the frame in which page io_index of io_object now lives. The caller fills it and runs again.

    `read`: 0 if no device was asked for it, so that the fault stays minor and is told as a zeroed frame.
    """
    m = s.machine[0]
    f = readahead.place(s, m.io_object, m.io_index)
    m.major |= read
    s.stat[0].pgpgin += read
    if read and policy.restored(s, f):
        psi.stall(s, s.cost[0].read)
    events.emit(
        s, Event.PAGEIN if read else Event.ZERO, s.cpus[m.cpu].asid << ASID_SHIFT, f, m.io_object, m.io_index, NONE
    )
    return f
