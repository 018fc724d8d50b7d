"""Writeback: dirty pages of files go to their devices, when asked, and when the flusher's turn comes (vm.rst, vm.dirty_*).

    dirty pages    0 ........ background ........ middle ........ dirty_ratio
                   |  nobody  |  the flusher writes until they are fewer  |
                                             ^ a writer that came over dirty_ratio writes itself, until here

The flusher also wakes each dirty_writeback_centisecs and writes the files that have been dirty for dirty_expire_centisecs. Both
are simulated time. Here nothing runs beside the calls: the flusher has its turn at the end of each. A writer is throttled after
each page of a write(2); where dirty pages are tracked at the store that comes upon too many, else at the end of its call.
"""

import errno
from typing import TYPE_CHECKING

from ..core import clock, objects, reclaim
from ..core import dirty as pages_of_files
from ..core.state import FAILED, NONE, SHIFT, Kind, State
from ..errors import fail

if TYPE_CHECKING:
    from .enter import Kernel


def page(k: "Kernel", f: int) -> None:
    """Write the page in frame f to its file and mark it clean. Raises the device's OSError; then it stays dirty.

    Bytes past the end of the file do not go, and read zero afterwards (mm/page-writeback.c, ext4_writepage).
    """
    s = k.state
    use = s.uses[f]
    obj, index, size = int(use.object), int(use.index), int(s.machine["page_size"][0])
    inside = max(0, min(size, int(s.objects["length"][obj]) - index * size))
    if s.content.shape[1]:
        if inside:
            k.outside.write(k.devices[obj], index * size, s.content[f, :inside].tobytes())
        s.content[f, inside:] = 0
    s.frames["marks"][f] &= ~FAILED
    reclaim.written(s, f)


def salvage(k: "Kernel", obj: int) -> None:
    """Write what can be written of a file that nobody holds any more."""
    stop = int(k.state.objects["npages"][obj])
    index = int(objects.next_dirty(k.state, obj, 0, stop))
    while index != NONE:
        try:
            page(k, int(k.state.pages[objects.locate(k.state, obj, index)]) >> SHIFT)
        except OSError:
            pass  # nobody is left to be told
        index = int(objects.next_dirty(k.state, obj, index + 1, stop))


def flush(k: "Kernel", obj: int, start: int, stop: int, most: int = 1 << 62) -> int:
    """Write every dirty page in start..stop-1 of a file, or the first `most`; how many. Raises EIO when a page cannot be
    written: it and the later ones stay dirty."""
    done = 0
    index = int(objects.next_dirty(k.state, obj, start, stop))
    while index != NONE and done < most:
        at = objects.locate(k.state, obj, index)
        try:
            page(k, int(k.state.pages[at]) >> SHIFT)
        except OSError as error:
            k.state.objects["failed"][obj] = 0
            raise _full(k, obj, done, dirty(k, obj, index, stop), error) from error
        done += 1
        index = int(objects.next_dirty(k.state, obj, index + 1, stop))
    return done


def tell(k: "Kernel", obj: int) -> None:
    """EIO if a writeback of a file has failed since somebody was told, though its pages went out by now. Told once.

    mm/filemap.c, file_check_and_advance_wb_err. Linux tells it once to each open file description, here the first who asks
    hears it; and ext4 counts a page that could not be written as clean, here it is kept and written again.
    """
    if k.state.objects["failed"][obj]:
        k.state.objects["failed"][obj] = 0
        raise fail(
            "EIO", f"a page of {k.file_name(obj)} could not be written back when it was to be; by now all are written"
        )


def dirty(k: "Kernel", obj: int, start: int, stop: int) -> list[int]:
    """The dirty pages in start..stop-1 of a file."""
    found = []
    index = int(objects.next_dirty(k.state, obj, start, stop))
    while index != NONE:
        found.append(index)
        index = int(objects.next_dirty(k.state, obj, index + 1, stop))
    return found


def _full(k: "Kernel", obj: int, done: int, left: list[int], error: OSError) -> OSError:
    """The EIO of a writeback that came no further; Linux's msync says EIO for a full disk too."""
    reason = (
        "disk full" if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", -1)) else error.strerror or str(error)
    )
    stay = f"page {left[0]} stays" if len(left) == 1 else f"pages {left[0]}-{left[-1]} stay"
    return fail(
        "EIO", f"{reason} while writing {k.file_name(obj)}: {done} of {done + len(left)} pages written, {stay} dirty"
    )


# -- the flusher ---------------------------------------------------------------------------------------------------------

OFF = 100  # a ratio that is never passed: this machine has no such threshold
NEVER = 1 << 62
CENTISECOND = 10_000_000  # ns


def set_dirty(k: "Kernel", background: int, ratio: int, expire: int, interval: int) -> None:
    """vm.dirty_background_ratio, vm.dirty_ratio, vm.dirty_expire_centisecs, vm.dirty_writeback_centisecs (0: it never wakes)."""
    m = k.state.machine[0]
    m.dirty_background_ratio, m.dirty_ratio, m.dirty_expire, m.dirty_writeback = background, ratio, expire, interval
    m.dirty_room = 0  # the next store that makes a page dirty looks
    m.flush_due = clock.now_ns(k.state) + interval * CENTISECOND


def thresholds(s: State) -> tuple[int, int]:
    """(pages above which the flusher writes, pages above which writers must): percent of what is free or holds files.

    mm/page-writeback.c, global_dirtyable_memory and domain_dirty_limits.
    """
    m = s.machine[0]
    uses = s.uses[: len(s.frames)]
    files = int((s.objects["kind"][uses["object"][uses["page"] != NONE]] == Kind.FILE).sum())
    usable = int(m.nfree) + files
    most = usable * int(m.dirty_ratio) // 100
    background = usable * int(m.dirty_background_ratio) // 100
    return (background if background < most else most // 2), most


def count(k: "Kernel") -> int:
    """How many pages of files are dirty (nr_dirty). Counts into nr_dirtied those that became so since the last look."""
    s = k.state
    m, written = s.machine[0], int(s.stat["pgpgout"][0])
    found = int(pages_of_files.survey(s, clock.now_ns(s)))
    m.nr_dirtied += max(0, found - int(m.dirty_seen) + written - int(m.written_seen))
    m.dirty_seen, m.written_seen = found, written
    return found


def turn(k: "Kernel") -> None:
    """The flusher's turn, at the end of a call (fs/fs-writeback.c, wb_do_writeback)."""
    m = k.state.machine[0]
    if not k.devices or (min(m.dirty_background_ratio, m.dirty_ratio) >= OFF and not m.dirty_writeback):
        return
    if found := count(k):
        background, most = thresholds(k.state)
        _write_over(k, found, background, most)
        if m.dirty_background_ratio < OFF and (found := int(m.dirty_seen)) > background:
            write_some(k, found - background)
    now = clock.now_ns(k.state)
    if m.dirty_writeback and now >= m.flush_due:
        write_some(k, found, before=now - int(m.dirty_expire) * CENTISECOND)
        m.flush_due = now + int(m.dirty_writeback) * CENTISECOND


def throttle(k: "Kernel") -> None:
    """Whoever makes pages dirty comes here: over dirty_ratio it writes itself first (balance_dirty_pages)."""
    m = k.state.machine[0]
    if m.dirty_ratio >= OFF:
        m.dirty_room = NEVER
        return
    background, most = thresholds(k.state)
    if found := count(k):
        _write_over(k, found, background, most)
    # one at least, so that a store goes on where nothing can be written
    m.dirty_room = max(1, most + 1 - int(m.dirty_seen))


def _write_over(k: "Kernel", found: int, background: int, most: int) -> None:
    """More than `most` of the `found` dirty pages: their writer brings them down to the middle of the thresholds."""
    if k.state.machine["dirty_ratio"][0] < OFF and found > most:
        write_some(k, found - (background + most) // 2)
        count(k)


def write_some(k: "Kernel", most: int, before: int | None = None) -> None:
    """Write up to `most` dirty pages, of the file that has been dirty for longest first; `before`: of files dirty since then.

    Never fails: a page that cannot be written stays dirty, and the next msync or fsync of its file says so (`tell`).
    """
    o = k.state.objects
    count(k)
    dirty_ones = [(int(o["dirtied"][obj]), obj) for obj in k.devices if o["ndirty"][obj]]
    for since, obj in sorted(dirty_ones):
        if before is not None and since > before:
            break
        try:
            most -= flush(k, obj, 0, int(o["npages"][obj]), most)
        except OSError:
            o["failed"][obj] = 1
