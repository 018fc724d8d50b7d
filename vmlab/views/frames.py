"""The frame map: what is in each page frame, and whose it is."""

from typing import NamedTuple

import numpy as np

from ..core.state import ASID_SHIFT, NONE, OFFLINE, VPN_MASK, Kind, State
from . import words
from .look import Array, Look, look_at
from .order import note

FREE, ANON, FILE, GONE = range(4)


class Frames(NamedTuple):
    """Arrays with one element a frame."""

    kind: Array  # uint8: FREE, ANON, FILE, GONE (taken offline)
    dirty: Array  # uint8
    accessed: Array  # uint8
    locked: Array  # uint8
    sharers: Array  # float64: PTEs that map it
    slot: Array  # float64: the swap slot that holds the same bytes, or NONE
    loaded: Array  # float64: when its page came, in references
    free: int
    online: int
    hand: int  # the next candidate of a policy that goes round: CLOCK, NRU, WSClock


def frames(s: State | Look) -> Frames:
    """All frames of the machine."""
    look = look_at(s)
    s, facts = look.state, look.facts
    n = len(s.frames)
    held = s.uses["page"][:n] != NONE
    file = held & (s.objects["kind"][np.where(held, s.uses["object"][:n], 0)] == Kind.FILE)
    marks = np.asarray(s.frames["marks"])
    kind = np.where(file, FILE, np.where(held, ANON, np.where(marks & OFFLINE, GONE, FREE))).astype(np.uint8)
    hand = int(s.machine["hand"][0])
    return Frames(
        kind,
        facts.dirty,
        facts.accessed,
        facts.locked,
        facts.ptes.astype(float),
        s.frames["slot"].astype(float),
        s.frames["loaded"].astype(float),
        int(s.machine["nfree"][0]),
        int(s.machine["online"][0]),
        (hand + 1) % n if hand != NONE else 0,
    )


def frame_letters(s: State | Look, frame: int) -> str:
    """Whose a frame is: of the processes that map it or own its private page without mapping it; "", "A", "AB", "×3"."""
    look = look_at(s)
    rows = {tag >> ASID_SHIFT for tag, _ in look.users_of(frame)}
    owned = [obj for obj, _ in look.owners_of(frame)]
    rows |= {look.object(obj, "proc") for obj in owned if look.object(obj, "kind") == Kind.PRIVATE}
    return short(sorted(look.letter[r] for r in rows))


def short(names: list[str]) -> str:
    """Letters for a cell: one, two, or x3."""
    return "".join(names) if len(names) < 3 else f"×{len(names)}"


def frame_owners(s: State | Look, frame: int) -> list[str]:
    """The pages that live in a frame or map it, each named."""
    look = look_at(s)
    out = []
    for tag, _ in look.users_of(frame):
        row, vpn = tag >> ASID_SHIFT, tag & VPN_MASK
        out.append(f"{look.process[row]} {words.where(look, row, vpn)}")
    return out or [words.object_page(look, obj, index) for obj, index in look.owners_of(frame)]


def frame_sentence(s: State | Look, frame: int) -> str:
    """What is in a frame, in one sentence."""
    look = look_at(s)
    owners = look.owners_of(frame)
    if not owners:
        offline = int(look.state.frames["marks"][frame]) & OFFLINE
        return f"frame {frame}: {'taken out of service' if offline else 'free'}."
    text = f"frame {frame}: {', '.join(frame_owners(look, frame))}"
    if not look.users_of(frame):
        text += ", mapped by nobody" if look.is_file(owners[0][0]) else ", not mapped"
    dirty = bool(look.facts.dirty[frame])
    text += (", dirty" if dirty else "") + (", locked" if look.facts.locked[frame] else "")
    slot = int(look.state.frames["slot"][frame])
    return text + (f"; swap slot {slot} {'is kept for it' if dirty else 'has a copy'}." if slot != NONE else ".")


def frame_facts(s: State | Look, frame: int) -> str:
    """The rest of what is known of the page in a frame: kind, use, PTEs, when it came, the policy's note; "" of a free one."""
    look = look_at(s)
    owners, f = look.owners_of(frame), look.facts
    if not owners:
        return ""
    kind = "File" if look.is_file(owners[0][0]) else "Anonymous"
    used = "accessed" if f.accessed[frame] else "not accessed"
    came = f"came at reference {int(look.state.frames['loaded'][frame]):,}"
    told = note(look, frame)
    return f"{kind}, {used}, {words.plural(int(f.ptes[frame]), 'PTE')}, {came}{'; ' + told if told else ''}."
