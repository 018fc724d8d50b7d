"""The frame map: what is in each page frame, and whose it is."""

from typing import NamedTuple

import numpy as np

from ..core.state import ASID_SHIFT, NONE, OFFLINE, VPN_MASK, Kind, State
from . import words
from .look import Array, Look, look_at

FREE, ANON, FILE, GONE = range(4)


class Frames(NamedTuple):
    """Arrays with one element a frame."""

    kind: Array  # uint8: FREE, ANON, FILE, GONE (taken offline)
    letters: list[str]  # owner, both sharers, or x3 from three up; "" where nobody maps it
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
        letters(look, n),
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


def letters(look: Look, n: int) -> list[str]:
    """Whose each frame is: of the processes that map it, and of those that own its private page without mapping it."""
    rows: list[set[int]] = [set() for _ in range(n)]
    for tag, frame in zip(look.mapped.tag.tolist(), look.mapped.frame.tolist()):
        rows[frame].add(tag >> ASID_SHIFT)
    for frame, owned in look.owners.items():
        for obj, _ in owned:
            if look.object(obj, "kind") == Kind.PRIVATE:
                rows[frame].add(look.object(obj, "proc"))
    return [short(sorted(look.letter[r] for r in x)) for x in rows]


def short(names: list[str]) -> str:
    """Letters for a cell: one, two, or x3."""
    return "".join(names) if len(names) < 3 else f"×{len(names)}"


def frame_owners(s: State | Look, frame: int) -> list[str]:
    """The pages that live in a frame or map it, each named."""
    look = look_at(s)
    out = []
    for tag, _ in look.users.get(frame, ()):
        row, vpn = tag >> ASID_SHIFT, tag & VPN_MASK
        out.append(f"{look.process[row]} {words.where(look, row, vpn)}")
    return out or [words.object_page(look, obj, index) for obj, index in look.owners.get(frame, ())]


def frame_sentence(s: State | Look, frame: int) -> str:
    """What is in a frame, in one sentence."""
    look = look_at(s)
    owners = look.owners.get(frame)
    if not owners:
        offline = int(look.state.frames["marks"][frame]) & OFFLINE
        return f"frame {frame}: {'taken out of service' if offline else 'free'}."
    text = f"frame {frame}: {', '.join(frame_owners(look, frame))}"
    if not look.users.get(frame):
        text += ", mapped by nobody" if look.is_file(owners[0][0]) else ", not mapped"
    text += ", dirty" if look.facts.dirty[frame] else ""
    slot = int(look.state.frames["slot"][frame])
    return text + (f"; swap slot {slot} has a copy." if slot != NONE else ".")
