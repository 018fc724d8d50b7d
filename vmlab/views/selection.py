"""Which things are one page: page <-> frame <-> slot <-> page of a file. Selected in one picture, selected in all."""

from typing import NamedTuple

from ..core.state import ASID_SHIFT, NONE, VPN_MASK, Kind, State
from . import pages
from .look import Look, look_at
from .swap import sleepers


class Selection(NamedTuple):
    """One page, wherever it is. NONE: it has no such place."""

    row: int = NONE  # the process through which it is seen
    vpn: int = NONE
    offset: int = 0  # within the page
    frame: int = NONE
    slot: int = NONE
    object: int = NONE  # of a file only
    index: int = NONE  # type: ignore[assignment]  # hides tuple.index


NOTHING = Selection()


def select_page(s: State | Look, row: int, vpn: int, offset: int = 0) -> Selection:
    """The page `vpn` of the process in `row`."""
    look = look_at(s)
    if row not in look.living:
        return NOTHING
    p = pages.page(look, row, vpn)
    file = p.object if p.kind == "file" else NONE
    frame = p.frame if p.state != "zero" else NONE  # the zero page is no frame that could be picked
    return Selection(row, vpn, offset, frame, p.slot, file, p.index if file != NONE else NONE)


def select_frame(s: State | Look, frame: int, row: int = NONE) -> Selection:
    """What is in a frame; through the process in `row` if it maps it, else through the first that does."""
    look = look_at(s)
    for tag, _ in sorted(look.users_of(frame), key=lambda u: u[0] >> ASID_SHIFT != row):
        return select_page(look, tag >> ASID_SHIFT, tag & VPN_MASK)
    for obj, index in look.owners_of(frame):
        if look.object(obj, "kind") == Kind.PRIVATE:
            return select_page(look, look.object(obj, "proc"), index)
        if look.is_file(obj):
            return select_file(look, obj, index, row)
    return Selection(frame=frame)


def select_slot(s: State | Look, slot: int, row: int = NONE) -> Selection:
    """Who sleeps in a slot, or whose frame it has a copy of."""
    look = look_at(s)
    found = [(obj, index) for at, obj, index in sleepers(look) if at == slot]
    private = [(look.object(obj, "proc"), i) for obj, i in found if look.object(obj, "kind") == Kind.PRIVATE]
    for owner, index in sorted(private, key=lambda x: x[0] != row):
        return select_page(look, owner, index)
    for f in (look.state.frames["slot"] == slot).nonzero()[0].tolist():
        if look.owners_of(f):
            return select_frame(look, f, row)._replace(slot=slot)
    return Selection(slot=slot)


def select_file(s: State | Look, obj: int, index: int, row: int = NONE) -> Selection:
    """A page of a file; through the process in `row` if it maps that page, else through the first that does."""
    look = look_at(s)
    for r in sorted(look.living, key=lambda r: r != row):
        for a in look.areas.get(r, ()):
            vpn = a.first + index - a.number
            if a.object == obj and a.first <= vpn < a.stop:
                found = select_page(look, r, vpn)
                if found.object == obj:
                    return found
    word = pages.word(look, obj, index)
    return Selection(frame=word >> 12 if word & 1 else NONE, object=obj, index=index)


def again(s: State | Look, old: Selection) -> Selection:
    """The same page after the machine changed: its frame or slot may be another one."""
    look = look_at(s)
    if old.row in look.living:
        return select_page(look, old.row, old.vpn, old.offset)
    if old.object != NONE and look.object(old.object, "used") and old.index < look.object(old.object, "npages"):
        return select_file(look, old.object, old.index)
    if old.row == NONE and old.frame != NONE:
        return Selection(frame=old.frame)
    if old.row == NONE and old.slot != NONE:
        return Selection(slot=old.slot)
    return NOTHING


def kin(s: State | Look, one: Selection) -> list[tuple[int, int]]:
    """The other pages, as (process row, page number), that share its frame or slot."""
    look = look_at(s)
    found: set[tuple[int, int]] = set()
    if one.frame != NONE:
        found |= {(t >> ASID_SHIFT, t & VPN_MASK) for t, _ in look.users_of(one.frame)}
    if one.slot != NONE:
        asleep = [(o, i) for at, o, i in sleepers(look) if at == one.slot and look.object(o, "kind") == Kind.PRIVATE]
        found |= {(look.object(o, "proc"), i) for o, i in asleep}
    return sorted(found - {(one.row, one.vpn)})
