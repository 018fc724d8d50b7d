"""How an address would be translated now. Looks, and changes nothing: no accessed bit is set, no TLB entry filled."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from . import objects, pagetable, vma
from .state import ASID_SHIFT, FRAME_MASK, NONE, RESIDENT, SHIFT, SWAPPED, A, D, P, State, U, W

BITS = (("present", P), ("writable", W), ("user", U), ("accessed", A), ("dirty", D))


class Step(NamedTuple):
    """One level of the walk: the table's number (NONE if there is none), the index into it, the PTE found."""

    level: int  # 1: the leaf
    table: int
    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody asks of a step
    pte: int


class Translation(NamedTuple):
    """A translated address: the walk, and where it ends. frame and physical are NONE where no frame is mapped."""

    addr: int
    vpn: int
    offset: int
    steps: tuple[Step, ...]
    tlb_hit: bool
    pte: int
    frame: int
    physical: int
    ns: int  # of a read that finds the page: 1 TLB access, and the walk if the TLB misses; a fault comes on top

    @property
    def bits(self) -> tuple[str, ...]:
        """The names of the bits that are set in the PTE."""
        return tuple(name for name, bit in BITS if self.pte & bit)

    def __repr__(self) -> str:
        way = " -> ".join(f"L{s.level}[{s.index}]" for s in self.steps)
        end = f"frame {self.frame}, physical {self.physical:#x}" if self.frame != NONE else "not present"
        return f"Translation({self.addr:#x}: {way} -> {end}; TLB {'hit' if self.tlb_hit else 'miss'}, {self.ns} ns)"


def translate(s: State, row: int, addr: int) -> Translation:
    """How the MMU would translate `addr` for the process in `row`."""
    m = s.machine[0]
    vpn, offset = divmod(addr, int(m.page_size))
    steps = walk(s, row, vpn)
    hit = vpn < int(m.task_pages) and bool((s.tlb_tag[: int(m.tlb_stores)] == (row << ASID_SHIFT | vpn)).any())
    pte = steps[-1].pte
    frame = pte >> SHIFT & FRAME_MASK if pte & P else NONE
    physical = frame * int(m.page_size) + offset if frame != NONE else NONE
    ns = int(s.cost["tlb"][0]) + (0 if hit else len(steps) * int(s.cost["walk"][0]))
    return Translation(addr, vpn, offset, steps, hit, pte, frame, physical, ns)


def table_bytes(s: State) -> int:
    """What one page table takes of simulated memory: an entry has 4 bytes where addresses have at most 32 bits, else 8.

    State has words of 64 bits for all. A table of any level has as many entries as the largest one.
    """
    m = s.machine[0]
    return int(m.fanout) * (4 if m.vpn_bits + m.page_shift <= 32 else 8)


def walk(s: State, row: int, vpn: int) -> tuple[Step, ...]:
    """The steps of the walk, topmost level first. Below a missing table the steps have table NONE and PTE 0."""
    out = []
    table = int(s.procs["root"][row]) if not vpn >> int(s.machine["vpn_bits"][0]) else NONE  # bits no level looks at
    fanout = int(s.machine["fanout"][0])
    for k in range(len(s.level) - 1, -1, -1):
        shift, mask = (int(x) for x in s.level[k])
        index = vpn >> shift & mask
        pte = int(s.tables[table + index]) if table != NONE else 0
        out.append(Step(k + 1, table // fanout if table != NONE else NONE, index, pte))
        table = pte >> SHIFT if pte & P and k else NONE
    return tuple(out)


def pagemap(s: State, row: int, addr: int, length: int, make: Callable[..., Any]) -> Any:
    """make(pfn, present, swapped, exclusive, shared, slot): arrays with an entry for each page of a range.

    Exclusive is what Linux shows here (bit 56, proc(5)): no other PTE maps the frame. Whether its owner may write without a
    fault is another matter: the last owner after fork has it alone and must still ask once.
    """
    size = int(s.machine["page_size"][0])
    first, stop = addr // size, -(-(addr + length) // size)
    n = stop - first
    pfn, slot = np.full(n, NONE, np.int64), np.full(n, NONE, np.int64)
    present, swapped, exclusive, shared = (np.zeros(n, bool) for _ in range(4))
    zero = int(s.machine["zero_frame"][0])
    root, mine = int(s.procs["root"][row]), int(s.procs["private"][row])
    areas = vma.of_process(s, row)
    mapping = s.uses["pte"][s.uses["pte"] != NONE]
    maps = np.bincount(s.tables[mapping] >> SHIFT & FRAME_MASK, minlength=len(s.frames))
    for i in range(min(n, (1 << int(s.machine["vpn_bits"][0])) - first)):  # past them no page can be
        at = int(pagetable.locate(s, root, first + i))
        pte = int(s.tables[at]) if at != NONE else 0
        own = int(objects.locate(s, mine, first + i))
        word = int(s.pages[own]) if own != NONE else 0
        if pte & P:
            f = pte >> SHIFT & FRAME_MASK
            pfn[i], present[i] = f, True
            if f != zero:
                exclusive[i] = maps[f] == 1
                shared[i] = not word & RESIDENT
        elif word & SWAPPED:
            swapped[i], slot[i] = True, word >> SHIFT
        else:
            tag = row << ASID_SHIFT | first + i
            v = next((v for v in areas if v.first <= tag < v.stop and v.object != NONE), None)
            if v is not None:
                place = int(objects.locate(s, v.object, tag - v.first + v.pgoff))
                word = int(s.pages[place]) if place != NONE else 0
                if word & SWAPPED:
                    swapped[i], slot[i] = True, word >> SHIFT
    return make(pfn, present, swapped, exclusive, shared, slot)
