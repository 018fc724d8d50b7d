"""Where a page is: its PTE, its page word, and all there is to know of it in one row and one sentence."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ..core.state import (
    ASID_SHIFT,
    FAN,
    FRAME_MASK,
    HELD,
    NODE_BITS,
    NONE,
    RESIDENT,
    SHIFT,
    SWAPPED,
    A,
    P,
    State,
    U,
    W,
)
from .look import Area, Array, Look, look_at


class Page(NamedTuple):
    """One page of one process."""

    row: int
    vpn: int
    area: Area | None
    number: int  # what it is called in its area
    state: str  # mapped | zero | cached | swapped | untouched | disk | beyond | nothing; zero: the shared zero page
    kind: str  # anon | file
    frame: int  # NONE unless mapped or cached
    slot: int  # NONE unless swapped
    pte: int  # the word, 0 without
    dirty: bool
    accessed: bool
    locked: bool
    cow: bool  # the next store copies it, or takes it over
    sharers: int  # PTEs that map its frame, or page words that name its slot
    object: int  # of the page word that holds it; NONE: none does
    index: int  # type: ignore[assignment]  # hides tuple.index


def leaf(look: Look, root: int, vpn: int) -> int:
    """The position of the PTE of a page, or NONE if a table is missing (core.pagetable.walk, without compiling)."""
    at = root
    for shift, mask in look.levels[:0:-1]:
        if at == NONE:
            return NONE
        pte = int(look.state.tables[at + ((vpn >> shift) & mask)])
        at = pte >> SHIFT if pte & P else NONE
    return NONE if at == NONE else at + (vpn & look.levels[0][1])


def word(look: Look, obj: int, index: int) -> int:
    """The page word of page `index` of an object, 0 if there is none (core.objects.find, without compiling)."""
    at, height = look.object(obj, "root"), look.object(obj, "height")
    if at == NONE or index >> (NODE_BITS * height):
        return 0
    for k in range(height - 1, 0, -1):
        w = int(look.state.pages[at + ((index >> (NODE_BITS * k)) & (FAN - 1))])
        if w == 0:
            return 0
        at = w >> SHIFT
    return int(look.state.pages[at + (index & (FAN - 1))])


def words_of(look: Look, obj: int) -> tuple[Array, Array]:
    """The pages an object holds: indices and words, sorted by index."""
    if obj not in look.tables:
        parts = list(_held(look, obj))
        empty = np.zeros(0, np.int64)
        look.tables[obj] = tuple(np.concatenate(x) for x in zip(*parts)) if parts else (empty, empty)
    return look.tables[obj]  # type: ignore[no-any-return]


def _held(look: Look, obj: int) -> Iterator[tuple[Array, Array]]:
    """A pair of arrays for each leaf node that holds something."""

    def below(at: int, level: int, base: int) -> Iterator[tuple[Array, Array]]:
        node = look.state.pages[at : at + FAN]
        k = np.flatnonzero(node & HELD if level == 0 else node)
        if level == 0:
            if len(k):
                yield base + k, node[k]
            return
        for i in k.tolist():
            yield from below(int(node[i]) >> SHIFT, level - 1, base + (i << (NODE_BITS * level)))

    root = look.object(obj, "root")
    if root != NONE:
        yield from below(root, look.object(obj, "height") - 1, 0)


def page(s: State | Look, row: int, vpn: int) -> Page:
    """All there is to know of one page of one process."""
    look = look_at(s)
    area = look.area(row, vpn)
    if area is None:
        return Page(row, vpn, None, 0, "nothing", "anon", NONE, NONE, 0, False, False, False, False, 0, NONE, vpn)
    number = vpn - area.first + area.number
    obj, index, w = NONE, vpn, 0
    if not area.shared:
        obj = int(look.state.procs["private"][row])
        w = word(look, obj, vpn) if obj != NONE else 0
    if not w and area.object != NONE:
        obj, index = area.object, number
        w = word(look, obj, index)
    at = leaf(look, int(look.state.procs["root"][row]), vpn)
    pte = int(look.state.tables[at]) if at != NONE else 0
    frame = (pte >> SHIFT) & FRAME_MASK if pte & P else w >> SHIFT if w & RESIDENT else NONE
    real = 0 <= frame < len(look.state.frames)  # the zero page's lies behind them and has no facts
    slot = w >> SHIFT if w & SWAPPED else NONE
    sharers = len(look.users_of(frame)) if frame != NONE else 0
    if slot != NONE:
        sharers = int(look.state.slots["refs"][slot])
    return Page(
        row,
        vpn,
        area,
        number,
        _state(look, area, number, pte, w),
        "file" if area.file and obj == area.object else "anon",
        frame,
        slot,
        pte,
        dirty=real and bool(look.facts.dirty[frame]),
        accessed=bool(pte & A) if not real else bool(look.facts.accessed[frame]),
        locked=area.locked or (real and bool(look.facts.locked[frame])),
        cow=bool(pte & P and not pte & W and not area.shared and area.writable),
        sharers=sharers,
        object=obj,
        index=index,
    )


def _state(look: Look, area: Area, number: int, pte: int, w: int) -> str:
    if pte & P:
        return "mapped" if (pte >> SHIFT) & FRAME_MASK != int(look.state.machine["zero_frame"][0]) else "zero"
    if w & RESIDENT:
        return "cached"
    if w & SWAPPED:
        return "swapped"
    if not area.file:
        return "untouched"
    return "disk" if number < look.object(area.object, "npages") else "beyond"


def sentence(s: State | Look, p: Page) -> str:
    """The state of a page in one sentence."""
    look = look_at(s)
    who = look.process[p.row]
    if p.area is None:
        return f"{who} 0x{p.vpn << look.page_shift:x}: nothing is mapped there; an access is SIGSEGV."
    here = f"{who} {p.area.name} page {p.number}"
    if p.state == "mapped":
        also = sorted({look.letter[t >> ASID_SHIFT] for t, _ in look.users_of(p.frame)} - {look.letter[p.row]})
        tail = f", shared with {' and '.join(also)}" if also else ""
        if p.cow:
            may = "the next store copies it" if also or p.kind == "file" else "the next store makes it writable"
        else:
            may = "writable" if p.pte & W else "read-only" if p.pte & U else "no access"
        return f"{here} is in frame {p.frame}{tail}; {may}, {'dirty' if p.dirty else 'clean'}."
    if p.state == "zero":
        return (
            f"{here} was read and never written: it maps the shared zero page and takes no frame until the first store."
        )
    if p.state == "swapped":
        copy = int(look.state.slots["frame"][p.slot])
        if copy != NONE:
            return f"{here} sleeps in swap slot {p.slot}, and frame {copy} holds the same: the next access is a minor fault."
        return f"{here} sleeps in swap slot {p.slot}; the next access is a major fault."
    if p.state == "cached":
        holder = "the page cache has it" if p.kind == "file" else "its bytes are still there"
        return f"{here} is not mapped; {holder} in frame {p.frame}: the next access is a minor fault."
    if p.state == "disk":
        return f"{here} is only in the file; the next access is a major fault."
    if p.state == "beyond":
        return f"{here} lies beyond the end of the file; an access is SIGBUS."
    return f"{here} was never touched: no frame, no slot. The first access maps a zeroed frame."
