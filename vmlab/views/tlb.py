"""The TLB, entry by entry."""

from typing import NamedTuple

import numpy as np

from ..core.state import ASID_SHIFT, FRAME_MASK, NONE, SHIFT, VPN_MASK, State
from . import words
from .look import Look, look_at

PADDING = 1 << 54  # a stamp from here on marks a lane that only fills a vector


class TlbEntry(NamedTuple):
    cpu: int
    set: int
    way: int
    row: int  # whose translation; NONE: the entry is empty
    vpn: int
    frame: int
    may_store: bool  # the PTE was writable and dirty when copied
    used: int  # time of last use, in references


class Tlb(NamedTuple):
    sets: int
    ways: int  # 0: the machine has no TLB
    entries: list[TlbEntry]  # by cpu, set, way
    used: int  # entries that hold something
    hits: int  # references that found theirs, since boot
    refs: int


def tlb(s: State | Look) -> Tlb:
    """Every entry of every CPU's TLB, without the lanes that are only padding."""
    s = look_at(s).state
    m = s.machine[0]
    sets, lanes, n = int(m.tlb_sets), int(m.tlb_ways), int(m.tlb_stores)
    real = np.flatnonzero(s.tlb_stamp < PADDING)
    entries = []
    columns = (real, s.tlb_tag[real], s.tlb_tag[real + n], s.tlb_pte[real], s.tlb_stamp[real])
    for e, tag, store, pte, used in zip(*(c.tolist() for c in columns)):
        empty = tag == NONE
        entries.append(
            TlbEntry(
                e // (sets * lanes),
                e // lanes % sets,
                e % lanes,
                NONE if empty else tag >> ASID_SHIFT,
                NONE if empty else tag & VPN_MASK,
                NONE if empty else (pte >> SHIFT) & FRAME_MASK,
                not empty and store == tag,
                used,
            )
        )
    ncpu = max(1, int(m.ncpu))
    refs, misses = int(s.stat["refs"][0]), int(s.stat["tlb_misses"][0])
    used = sum(e.row != NONE for e in entries)
    return Tlb(sets, len(real) // (sets * ncpu), entries, used, max(0, refs - misses), refs)


def tlb_set(s: State | Look, row: int, vpn: int) -> tuple[int, int]:
    """(CPU, set): where a page of a process is looked for, on the CPU that the process runs on (core/cpu.py: switch)."""
    m = look_at(s).state.machine[0]
    return row % max(1, int(m.ncpu)), ((row << ASID_SHIFT) | vpn) & (int(m.tlb_sets) - 1)


def tlb_sentence(s: State | Look, e: TlbEntry) -> str:
    """What one entry holds."""
    if e.row == NONE:
        return f"set {e.set}, way {e.way}: empty"
    look = look_at(s)
    who = f"{look.process[e.row]} {words.where(look, e.row, e.vpn)}"
    may = "may load and store" if e.may_store else "may load"
    zero = e.frame == int(look.state.machine["zero_frame"][0])
    where = "maps the shared zero page" if zero else f"is in frame {e.frame}"
    return f"set {e.set}, way {e.way}: {who} {where}; {may}"
