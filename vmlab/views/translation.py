"""One address, translated: bit fields, tables, TLB, PTE, frame, byte, and what each piece costs. Changes nothing."""

from typing import NamedTuple

from ..core.state import (
    ASID_SHIFT,
    COST,
    FRAME_MASK,
    NONE,
    NX,
    SHIFT,
    VPN_MASK,
    A,
    D,
    P,
    State,
    U,
    W,
)
from . import pages
from .look import Look, look_at
from .tlb import PADDING, tlb_set

BYTES = 9  # shown of the page, the addressed one among them


class Level(NamedTuple):
    """One level of the walk: a field of the address and the table it indexes."""

    name: str  # L4 .. L1, L1 the leaf
    bits: str  # in groups of four
    index: int  # type: ignore[assignment]  # hides tuple.index
    table: int  # number of the table, NONE: there is none
    entries: tuple[tuple[int, str], ...]  # (index, target) of the neighbours and, in the middle, the entry used


class Translated(NamedTuple):
    row: int
    addr: int
    vpn: int
    offset: int
    offset_bits: str
    levels: tuple[Level, ...]
    has_tlb: bool
    tlb_set: int
    tlb_used: int  # entries in use in that set
    tlb_ways: int
    tlb_hit: bool
    page: pages.Page
    bits: tuple[tuple[str, str, bool], ...]  # (letter, word, is it set)
    physical: int  # NONE without a frame
    around: bytes  # bytes of the frame about the addressed one; empty where there are none to show
    at: int  # which of them is addressed
    would: str  # what a read would be: hit walk minor MAJOR SEGV BUS
    costs: tuple[tuple[str, int], ...]  # ns of that read, piece by piece


def translation(s: State | Look, row: int, addr: int) -> Translated:
    """How `addr` is translated for the process in `row`, as things stand."""
    look = look_at(s)
    s, size = look.state, look.page_size
    vpn, offset = addr // size, addr % size
    p = pages.page(look, row, vpn)
    hit, used, ways, at_set = looked_up(s, row, vpn)
    mapped = p.state in ("mapped", "zero")
    physical = p.frame * size + offset if mapped else NONE
    begin = max(0, min(offset - BYTES // 2, size - BYTES))
    show = mapped and s.content.shape[1] > 0
    around = s.content[p.frame, begin : begin + BYTES].tobytes() if show else b""
    would = outcome(p, hit)
    return Translated(
        row,
        addr,
        vpn,
        offset,
        grouped(offset, size.bit_length() - 1),
        walk(look, row, vpn),
        ways > 0,
        at_set,
        used,
        ways,
        hit,
        p,
        lamps(p),
        physical,
        around,
        offset - begin,
        would,
        costs(s, would, p),
    )


def grouped(value: int, width: int) -> str:
    """`value` in binary, `width` digits, in groups of four from the right."""
    digits = f"{value:0{width}b}" if width else ""
    head = len(digits) % 4
    groups = ([digits[:head]] if head else []) + [digits[i : i + 4] for i in range(head, len(digits), 4)]
    return " ".join(groups)


def walk(look: Look, row: int, vpn: int) -> tuple[Level, ...]:
    """The tables from the root to the leaf."""
    s, out = look.state, []
    table = int(s.procs["root"][row])
    fanout = int(s.machine["fanout"][0])
    for k in range(len(look.levels) - 1, -1, -1):
        shift, mask = look.levels[k]
        index = (vpn >> shift) & mask
        entries = []
        for i in (index - 1, index, index + 1):
            if 0 <= i <= mask:
                entries.append((i, target(look, row, table, i, k, vpn + ((i - index) << shift))))
            else:
                entries.append((NONE, ""))
        width = mask.bit_length()
        name = table // fanout if table != NONE else NONE
        out.append(Level(f"L{k + 1}", grouped(index, width), index, name, tuple(entries)))
        pte = int(s.tables[table + index]) if table != NONE else 0
        table = pte >> SHIFT if pte & P and k else NONE
    return tuple(out)


def target(look: Look, row: int, table: int, index: int, level: int, vpn: int) -> str:
    """What one entry of a table points to: t5 a table, f17 a frame, s6 a swap slot, or nothing."""
    if table == NONE:
        return ""
    pte = int(look.state.tables[table + index])
    if level:
        return f"t{(pte >> SHIFT) // int(look.state.machine['fanout'][0])}" if pte & P else "–"
    if pte & P:
        return f"f{(pte >> SHIFT) & FRAME_MASK}"
    if not 0 <= vpn <= VPN_MASK:
        return "–"
    slot = pages.page(look, row, vpn).slot
    return f"s{slot}" if slot != NONE else "–"


def looked_up(s: State, row: int, vpn: int) -> tuple[bool, int, int, int]:
    """(hit, entries in use in the set, ways, set) of the TLB of the process's CPU; a TLB without ways never hits."""
    m = s.machine[0]
    tag = (row << ASID_SHIFT) | vpn
    cpu, at_set = tlb_set(s, row, vpn)
    lanes = int(m.tlb_ways)
    first = (cpu * int(m.tlb_sets) + at_set) * lanes
    real = s.tlb_stamp[first : first + lanes] < PADDING
    tags = s.tlb_tag[first : first + lanes][real]
    return bool((tags == tag).any()), int((tags != NONE).sum()), int(real.sum()), at_set


def lamps(p: pages.Page) -> tuple[tuple[str, str, bool], ...]:
    """The bits of the PTE, by name, and the two facts the kernel keeps beside it."""
    pte = p.pte
    return (
        ("P", "present", bool(pte & P)),
        ("W", "writable", bool(pte & W)),
        ("U", "user", bool(pte & U)),
        ("A", "accessed", bool(pte & A)),
        ("D", "dirty", bool(pte & D)),
        ("NX", "no-execute", bool(pte & NX)),
        ("C", "copy-on-write", p.cow),
        ("S", "swapped", p.state == "swapped"),
    )


def outcome(p: pages.Page, hit: bool) -> str:
    """What a read of a page would be now."""
    if p.area is None:
        return "SEGV"
    if p.state == "beyond":
        return "BUS"
    if p.state in ("mapped", "zero"):
        return "hit" if hit else "walk" if p.pte & U else "SEGV"
    if p.area.perms.startswith("---"):
        return "SEGV"
    return "MAJOR" if p.state in ("swapped", "disk") else "minor"


def costs(s: State, would: str, p: pages.Page) -> tuple[tuple[str, int], ...]:
    """Nanoseconds of that read, by the machine's cost table."""
    c = dict(zip(COST.names or (), s.cost[0].item()))
    levels = len(s.level)
    out = [("TLB", c["tlb"])]
    if would == "hit":
        return tuple(out)
    if would in ("SEGV", "BUS"):
        return (*out, ("walk", levels * c["walk"]))
    walks = 1 if would == "walk" else 2  # a faulting access is made again, and walks again
    out.append(("walk", walks * levels * c["walk"]))
    if would != "walk":
        out.append(("fault", c["fault"]))
    if would == "MAJOR":
        out.append(("device", c["read"]))
    elif p.state == "untouched":
        out.append(("zeroing", c["copying"]))
    return tuple(out)
