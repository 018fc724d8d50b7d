"""Read-ahead: which further pages of a file to read along with the one that is wanted (mm/readahead.c, mm/filemap.c).

Only free frames are used, and one in eight stays free: what is read on a guess pushes nothing out.
"""

from ..jit import entry, inline, njit
from . import events, frames, objects, policy, rmap, vma
from .state import FAN, NONE, RESIDENT, TALLEST, Event, Mark


@inline
def window(s, obj, index, tag):
    """Set machine.io_first and io_stop: the pages to read for page `index` of obj, wanted by `tag` (NONE: by a system call).

    A fault reads around the page, half before it and half after, since a mapping tells nothing of what comes next; madvise
    may have told: SEQUENTIAL reads on from it, RANDOM only it (do_sync_mmap_readahead). read(2) reads on.
    """
    m = s.machine[0]
    n = m.read_ahead
    marks = 0
    if tag != NONE:
        v = vma.find(s, tag)
        marks = s.vmas[v].marks if v != NONE else 0
    first = index
    if n > 1 and tag != NONE and not marks & Mark.SEQUENTIAL:
        first = max(index - n // 2, 0)
    if n <= 1 or marks & Mark.RANDOM:
        first = index
        n = 1
    m.io_first = first
    m.io_stop = min(first + n, s.objects[obj].npages)


@inline
def fits(s, obj, index):
    """May page `index` be brought in on a guess? Not there yet, a frame to spare, room in the tree."""
    m = s.machine[0]
    page = objects.find(s, obj, index)
    if page != NONE and s.pages[page] & RESIDENT:
        return False
    return frames.to_spare(s) and m.node_top + TALLEST * FAN <= s.pages.shape[0]


@inline
def place(s, obj, index):
    """The frame, off the free list, in which page `index` of a file lives from now on; its bytes are yet to come."""
    f = frames.take(s)
    page = objects.reach(s, obj, index)
    word = s.pages[page]
    rmap.own(s, f, page, obj, index)
    policy.came(s, f, word)
    return f


@entry
def bring(s, obj, index):
    """The frame in which page `index` of a file now lives, for the caller to fill; NONE if it is there, or may not come."""
    if not fits(s, obj, index):
        return NONE
    s.stat[0].pgpgin += 1
    return place(s, obj, index)


@njit
def bring_all(s, obj, tag):
    """Bring the rest of the window, on a machine that keeps no bytes."""
    m = s.machine[0]
    came = 0
    for index in range(m.io_first, m.io_stop):
        if fits(s, obj, index):
            place(s, obj, index)
            came += 1
    if came > 0:
        s.stat[0].pgpgin += came
        events.emit(s, Event.READAHEAD, tag, NONE, obj, m.io_first, came)
