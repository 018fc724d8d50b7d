"""Writeback: dirty pages of files go to their devices."""

import errno
from typing import TYPE_CHECKING

from ..core import objects, reclaim
from ..core.state import FAILED, NONE, SHIFT
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


def flush(k: "Kernel", obj: int, start: int, stop: int) -> int:
    """Write every dirty page in start..stop-1 of a file; how many there were. Raises EIO when a page cannot be written: it
    and the later ones stay dirty."""
    done = 0
    index = int(objects.next_dirty(k.state, obj, start, stop))
    while index != NONE:
        at = objects.locate(k.state, obj, index)
        try:
            page(k, int(k.state.pages[at]) >> SHIFT)
        except OSError as error:
            raise _full(k, obj, done, dirty(k, obj, index, stop), error) from error
        done += 1
        index = int(objects.next_dirty(k.state, obj, index + 1, stop))
    return done


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
