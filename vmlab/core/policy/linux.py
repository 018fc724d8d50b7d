"""Linux's two lists, twice: an active and an inactive list of anonymous pages, and the same of pages of files (mm/vmscan.c,
mm/swap.c, mm/workingset.c; Gorman, Understanding the Linux Virtual Memory Manager, 10).

    comes in ---> head [ inactive ] tail ---> evicted, leaves a shadow (workingset.py)
                    ^        | found in use a second time
                    |        v
                  tail [  active  ] head  <--- comes back soon after it was evicted

A page enters at the head of its inactive list. At the tail Linux looks at its accessed bits: used since the last look, it gets
a second turn of the list; used again, it is activated; else it is evicted. A page that is read once and never again so goes
without having pushed a much-used page out. When a list's active half outgrows its inactive half, its oldest pages are
deactivated. Which kind goes is settled by what each has cost lately, weighed with `swappiness`.

Linux looks at up to 32 pages at once and takes one list after the other a few pages at a time; here each call takes one page.
Linux leaves the dirty pages of files to the flusher where it can; here the victim is written. A page that is unmapped having
been used, Linux marks as used (zap_present_ptes); here only read(2) and write(2) do so.
"""

from math import sqrt

from ...jit import njit
from .. import frames
from ..state import NONE, NX, A, Kind, State
from . import lists, queue, workingset
from .workingset import REFERENCED, WORKINGSET

INACTIVE_ANON, ACTIVE_ANON, INACTIVE_FILE, ACTIVE_FILE = range(4)  # enum lru_list: 2 * file + active
BATCH = 32  # what a page's input or output costs, in pages looked at in vain (SWAP_CLUSTER_MAX)
MOST_SWAPPINESS = 200  # then only anonymous pages go
WHOLE = 1 << 16  # machine.turn: anonymous pages are due for so many 65536ths of a victim


# -- which page goes -------------------------------------------------------------------------------------------------------


@njit
def victim(s):
    """The page that the lists give up, or NONE. Where the kind that is due has none that may be taken, the other has to."""
    m = s.machine[0]
    st = s.stat[0]
    file = due(s)
    f = shrink(s, file)
    if f == NONE:
        f = shrink(s, 1 - file)
    if f == NONE:
        f = shrink(s, file)  # a page given up with MADV_FREE and then stored to has changed over
    m.seen_anon = st.workingset_activate_anon
    m.seen_file = st.workingset_activate_file
    return f


@njit
def due(s):
    """Is a page of a file (1) or an anonymous page (0) to go? (prepare_scan_control, get_scan_count)"""
    m = s.machine[0]
    anon = s.lists[INACTIVE_ANON].length + s.lists[ACTIVE_ANON].length
    file = s.lists[INACTIVE_FILE].length + s.lists[ACTIVE_FILE].length
    if m.nslot_free == 0:
        return 1
    if file + m.nfree <= m.high or file == 0:  # there is hardly a page of a file left: file_is_tiny
        return 0
    if anon == 0 or (plenty(s) and not thrashes(s, 1) and not low(s, 1)):  # cache_trim_mode
        return 1
    both = m.cost_anon + m.cost_file
    whole = 2 * both + both + 1
    of_anon = anon * (m.swappiness * whole // (both + m.cost_anon + 1))
    of_file = file * ((MOST_SWAPPINESS - m.swappiness) * whole // (both + m.cost_file + 1))
    m.turn += WHOLE * of_anon // (of_anon + of_file)
    if m.turn < WHOLE:
        return 1
    m.turn -= WHOLE
    return 0


@njit
def plenty(s):
    """Are there many inactive pages of files? Linux begins with 1/4096 of each list and doubles until that is a page; there are
    many if that is a page of theirs too."""
    longest = 1
    for k in range(4):
        longest = max(longest, s.lists[k].length)
    part = 1
    while 2 * part <= longest:
        part *= 2
    return s.lists[INACTIVE_FILE].length >= part


@njit
def thrashes(s, file):
    """Has a page of this kind come back, since the last victim, so soon that it was made active at once?"""
    m = s.machine[0]
    st = s.stat[0]
    if file:
        return st.workingset_activate_file != m.seen_file
    return st.workingset_activate_anon != m.seen_anon


@njit
def low(s, file):
    """Are too few pages of a kind inactive? Half of them are to be, of 10 GiB one in ten (inactive_is_low)."""
    inactive = s.lists[2 * file].length
    active = s.lists[2 * file + 1].length
    gib = ((inactive + active) << s.machine[0].page_shift) >> 30
    ratio = int(sqrt(10.0 * gib)) if gib > 0 else 1
    return inactive * ratio < active


@njit
def shrink(s, file):
    """The oldest inactive page of a kind that is not in use and may be taken, or NONE (shrink_lruvec, shrink_folio_list).

    It ends: a page is spared for an accessed bit, which is then clear, for REFERENCED, which is then taken, or because it may
    not be taken; and when a whole turn has met none but those, all active pages are deactivated, once.
    """
    m = s.machine[0]
    inactive = s.lists[2 * file]
    active = s.lists[2 * file + 1]
    if thrashes(s, file) and active.length > 0:
        deactivate(s, file)
    passed = 0  # pages in a row that may not be taken
    rotated = 0
    while inactive.length + active.length > 0:
        while low(s, file):
            deactivate(s, file)
        if passed > 0 and passed >= inactive.length:
            if active.length == 0:
                return NONE
            while active.length > 0:
                deactivate(s, file)
            passed = 0
        f = inactive.tail
        m.scanned += 1
        if workingset.file(s, f) != file:
            lists.move(s, f, 2 - 2 * file)
        elif not frames.takeable(s, f):
            lists.move(s, f, 2 * file)
            passed += 1
        elif spared(s, f, file):
            passed = 0
            rotated += 1
        else:
            writes = frames.dirty(s, f) if file else s.frames[f].slot == NONE
            cost(s, file, BATCH * (1 if writes else 0) + rotated)
            return f
    return NONE


@njit
def spared(s, f, file):
    """Was inactive page f in use, so that it stays: for a second turn, or as an active page? (folio_check_references)

    Every page comes in by a reference, so the first use does not tell. The mark of it tells when the second is found. Two
    processes' uses, and any use of a program's code, count at once.
    """
    fr = s.frames[f]
    users, code = referenced(s, f)
    again = fr.word & REFERENCED
    fr.word &= ~REFERENCED
    if users > 0:
        fr.word |= REFERENCED
        if again or users > 1 or (code and file):
            activate(s, f, file)
        else:
            lists.move(s, f, 2 * file)
        return True
    if again and file and frames.dirty(s, f):  # used lately and costly to evict: FOLIOREF_RECLAIM_CLEAN
        lists.move(s, f, 2 * file)
        return True
    return False


@njit
def referenced(s, f):
    """(Through how many PTEs the page in f was used since the last look, is one of them executable?) Clears their accessed bits."""
    users = 0
    code = False
    u = f
    while u != NONE:
        e = s.uses[u]
        if e.pte != NONE and s.tables[e.pte] & A:
            users += 1
            if s.tables[e.pte] & NX == 0:
                code = True
        u = e.next
    frames.test_and_clear_accessed(s, f)
    return users, code


@njit
def activate(s, f, file):
    """Page f is active from now on (folio_activate, workingset_activation)."""
    s.machine[0].age += 1
    s.stat[0].pgactivate += 1
    lists.move(s, f, 2 * file + 1)


@njit
def deactivate(s, file):
    """The oldest active page of a kind becomes inactive, in use or not; but code in use gets one more turn (shrink_active_list)."""
    f = s.lists[2 * file + 1].tail
    users, code = referenced(s, f)
    if users > 0 and code and file:
        lists.move(s, f, ACTIVE_FILE)
    else:
        s.frames[f].word |= WORKINGSET
        s.stat[0].pgdeactivate += 1
        lists.move(s, f, 2 * file)


@njit
def cost(s, file, pages):
    """Note what reclaim of a kind has cost; what is long past fades (lru_note_cost)."""
    m = s.machine[0]
    m.cost_file += pages * file
    m.cost_anon += pages * (1 - file)
    held = 0
    for k in range(4):
        held += s.lists[k].length
    if m.cost_file + m.cost_anon > held // 4:
        m.cost_file //= 2
        m.cost_anon //= 2


# -- what happens to a page ------------------------------------------------------------------------------------------------


@njit
def came(s, f, word):
    """A page enters its inactive list; the active one, if it comes back before it would have been evicted from there."""
    file = workingset.file(s, f)
    shadow = workingset.of(s, word)
    active = returns(s, f, file, shadow) if shadow != 0 else 0
    lists.push(s, 2 * file + active, f)


@njit
def returns(s, f, file, shadow):
    """1 if a page that left `shadow` is active at once, else 0 (workingset_refault)."""
    active = 1 if workingset.distance(s, shadow) <= active_pages(s, file) else 0
    restored = active * workingset.was_active(shadow)
    workingset.count(s, file, active, restored)
    s.machine[0].age += active
    if restored:
        s.frames[f].word |= WORKINGSET
        cost(s, file, BATCH)
    return active


@njit
def active_pages(s, file):
    """The pages that one of this kind would have to outlive to stay (workingset_test_recent)."""
    n = s.lists[ACTIVE_FILE].length
    if not file:
        n += s.lists[INACTIVE_FILE].length
    if s.machine[0].nslot_free > 0:
        n += s.lists[ACTIVE_ANON].length
        if file:
            n += s.lists[INACTIVE_ANON].length
    return n


@njit
def gone(s, f):
    """A page leaves its list."""
    lists.remove(s, f)


@njit
def shadow(s, f):
    """What an evicted page leaves behind."""
    return workingset.leave(s, f)


@njit
def cold(s, f):
    """A page becomes inactive and is as if never used (lru_deactivate); one that was given up stands with those of files."""
    s.frames[f].word &= ~REFERENCED
    lists.move(s, f, 2 * workingset.file(s, f))


@njit
def used(s, f):
    """read(2) and write(2) leave no accessed bit, so they mark the page, and the second mark activates it (folio_mark_accessed)."""
    fr = s.frames[f]
    k = fr.word & lists.WHICH
    if not fr.word & REFERENCED:
        fr.word |= REFERENCED
    elif not k & 1:  # inactive
        fr.word &= ~REFERENCED
        activate(s, f, k >> 1)


def enlist(s: State) -> None:
    """Every page in memory is inactive: nothing is known of it yet."""
    order = queue.arrived(s)
    file = s.objects["kind"][s.uses["object"][order]] == Kind.FILE
    lists.fill(s, INACTIVE_ANON, order[~file])
    lists.fill(s, INACTIVE_FILE, order[file])
    m = s.machine[0]
    m.age = m.cost_anon = m.cost_file = m.turn = 0
    m.seen_anon, m.seen_file = s.stat["workingset_activate_anon"][0], s.stat["workingset_activate_file"][0]
