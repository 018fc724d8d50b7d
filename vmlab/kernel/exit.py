"""exit(2): everything a process had goes back."""

from typing import TYPE_CHECKING

from ..core import events, objects, pagetable, recent, space, tlb, vma
from ..core.state import ASID_SHIFT, NONE, Event, Kind
from . import writeback

if TYPE_CHECKING:
    from .enter import Kernel


def exit(k: "Kernel", row: int, status: int = 0) -> None:
    """End the process in `row`."""
    events.note(k.state, int(Event.EXIT), row << ASID_SHIFT, NONE, NONE, 0, status)
    leave(k, row)


def leave(k: "Kernel", row: int) -> None:
    """Take a process's mappings, pages, tables and TLB entries away, and free its row."""
    s = k.state
    p = s.procs[row]
    everything = 1 << int(s.machine["vpn_bits"][0])
    space.unmap(s, row, 0, everything)
    mine = int(p.private)
    objects.discard(s, mine, 0, everything)
    objects.release(s, mine)
    s.objects["used"][mine] = 0
    i, j = vma.touching(s, row << ASID_SHIFT, (row + 1) << ASID_SHIFT)
    gone = vma.rows(s, i, j)
    k.state = vma.splice(s, i, j, [])
    for v in gone:
        put(k, v.object)
    pagetable.release(k.state, row)
    tlb.flush(k.state, row)
    recent.forget(k.state, row)
    for c in range(len(k.state.cpus)):
        if k.state.cpus["proc"][c] == row:
            k.state.cpus[c] = (NONE, NONE, NONE)
    p.alive = 0
    p.private = NONE
    p.gone = k.state.machine["step"][0]


def put(k: "Kernel", obj: int) -> None:
    """One mapping or open file less of an object; after the last, its dirty pages are written back and it ends.

    Never fails: dirty pages that the device does not take are lost, as on Linux, where the next fsync would have said so.
    """
    if obj == NONE:
        return
    s = k.state
    o = s.objects[obj]
    o.refs -= 1
    if o.refs:
        return
    if o.kind == Kind.FILE:
        writeback.salvage(k, obj)
        k.devices.pop(obj)
    objects.discard(s, obj, 0, int(o.npages))
    objects.release(s, obj)
    o.used = 0
