"""A crash: power is lost, and with it all that was only in memory."""

from typing import NamedTuple

from ..core import events, objects, space, state
from ..core.invariants import pages_of
from ..core.state import ASID_SHIFT, NONE, RESIDENT, TMPFS, Event
from ..device import OwnFile
from ..errors import shown
from . import special, writeback
from .enter import Kernel
from .exit import leave


class Lost(NamedTuple):
    """What a crash took: processes by name; the pages of each file, by name, that had not been written back; pages in swap."""

    processes: tuple[str, ...]
    pages: dict[str, tuple[int, ...]]
    swapped: int

    def __repr__(self) -> str:
        files = [f"{name!r} {_ranges(pages)}" for name, pages in self.pages.items()]
        ended = f"{len(self.processes)} process{'' if len(self.processes) == 1 else 'es'} ended"
        unwritten = f"not written back: {', '.join(files)}" if files else "every file was written back"
        swap = f"; {self.swapped} pages in swap" if self.swapped else ""
        return f"Lost({ended}; {unwritten}{swap})"


def crash(k: Kernel) -> Lost:
    """Lose RAM and swap: every process ends, the page cache is empty, and files have what their devices were given.

    Files stay open, as seen from outside of the machine; pipes are empty, and the files of tmpfs, which are memory, too. A size
    was given to the device by the call that set it: there is no journal that could be behind.
    """
    s = k.state
    rows = s.procs["alive"].nonzero()[0].tolist()
    names = tuple(shown(state.name_of(s, int(s.procs["name"][row]))) for row in rows)
    swapped = len(s.slots) - int(s.machine["nslot_free"][0])
    for row in rows:
        space.unmap(
            s, row, 0, 1 << int(s.machine["vpn_bits"][0])
        )  # what the hardware noted in the PTEs goes to the frames
    pages: dict[str, tuple[int, ...]] = {}
    for obj in sorted(k.devices):
        if lost := _forget(k, obj):
            pages[k.file_name(obj).strip("'")] = lost
    for row in rows:
        events.note(k.state, int(Event.EXIT), row << ASID_SHIFT, NONE, NONE, 0, 0)
        leave(k, row)
    k.queue = ()
    k.state.machine["queue_at"][0] = k.state.machine["queue_length"][0] = 0
    return Lost(names, pages, swapped)


def _forget(k: Kernel, obj: int) -> tuple[int, ...]:
    """Drop what is cached of a file, written or not: the pages that were not. What is kept nowhere else is gone."""
    npages, device = int(k.state.objects["npages"][obj]), k.devices[obj]
    memory = isinstance(device, OwnFile) and k.state.machine["filesystem"][0] == TMPFS
    lost = tuple(_kept(k, obj) if memory else writeback.dirty(k, obj, 0, npages))
    objects.discard(k.state, obj, 0, npages)
    k.state.objects["failed"][obj] = 0
    if memory or special.kind(k, obj) == special.PIPE:
        device.resize(0)
        k.set_size(obj, 0)
    return () if special.kind(k, obj) == special.PIPE else lost


def _kept(k: Kernel, obj: int) -> list[int]:
    """The pages of a file on tmpfs that hold something."""
    device, size = k.devices[obj], int(k.state.machine["page_size"][0])
    assert isinstance(device, OwnFile)
    cached = {index for index, _, word in pages_of(k.state, obj) if word & RESIDENT}
    return sorted(cached | {at // size for at in device.written()})


def _ranges(pages: tuple[int, ...]) -> str:
    """Page numbers as text: pages 0-2, 7."""
    runs: list[list[int]] = []
    for n in pages:
        if runs and runs[-1][1] == n - 1:
            runs[-1][1] = n
        else:
            runs.append([n, n])
    text = ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in runs)
    return f"page{'' if len(pages) == 1 else 's'} {text}"
