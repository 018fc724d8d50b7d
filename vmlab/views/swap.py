"""Swap, slot by slot: who sleeps where."""

from typing import NamedTuple

import numpy as np

from ..core.state import NONE, SHIFT, SWAPPED, Kind, State
from . import pages, words
from .frames import short
from .look import Array, Look, look_at


class Swap(NamedTuple):
    letters: list[str]  # of each slot's sleepers; x3 from three up; "" where nobody sleeps
    sleepers: Array  # float64: page words that name each slot
    who: dict[int, list[tuple[int, int]]]  # (object, index) of the sleepers of each slot that has any
    cached: Array  # float64: the frame that holds the same bytes, or NONE
    used: int
    total: int
    swapped_in: int  # pages, since boot
    swapped_out: int


def swap(s: State | Look) -> Swap:
    """All slots."""
    look = look_at(s)
    s = look.state
    n = len(s.slots)
    letters, sleeping = [""] * n, np.zeros(n)
    who: dict[int, list[tuple[int, int]]] = {}
    for slot, obj, index in sleepers(look):
        who.setdefault(slot, []).append((obj, index))
    for slot, owners in who.items():
        rows = {look.object(obj, "proc") if look.object(obj, "kind") == Kind.PRIVATE else NONE for obj, _ in owners}
        letters[slot] = short(sorted(look.letter[r] if r != NONE else "•" for r in rows))
        sleeping[slot] = len(owners)
    cached = np.full(n, float(NONE))
    held = np.flatnonzero((s.frames["slot"] != NONE) & (s.uses["page"][: len(s.frames)] != NONE))
    cached[s.frames["slot"][held]] = held
    return Swap(
        letters,
        sleeping,
        who,
        cached,
        n - int(s.machine["nslot_free"][0]),
        n,
        int(s.stat["pswpin"][0]),
        int(s.stat["pswpout"][0]),
    )


def sleepers(look: Look) -> list[tuple[int, int, int]]:
    """Every page in swap: (slot, object, index), by slot."""
    out = []
    for obj in np.flatnonzero(look.state.objects["used"]).tolist():
        if look.is_file(obj):
            continue
        index, word = pages.words_of(look, obj)
        away = word & SWAPPED > 0
        out += [(w >> SHIFT, obj, i) for w, i in zip(word[away].tolist(), index[away].tolist())]
    return sorted(out)


def slot_sentence(s: State | Look, slot: int, sleeping: list[tuple[int, int]] | None = None) -> str:
    """Who sleeps in a slot, in one sentence. `sleeping`: its (object, index) pairs, where they are known already."""
    look = look_at(s)
    if sleeping is None:
        sleeping = [(obj, index) for at, obj, index in sleepers(look) if at == slot]
    who = [words.object_page(look, obj, index) for obj, index in sleeping]
    copy = int(look.state.slots["frame"][slot]) if who else NONE
    if who:
        return f"swap slot {slot}: {', '.join(who)}{f'; frame {copy} holds the same' if copy != NONE else ''}."
    frames = look.state.frames
    held = np.flatnonzero((frames["slot"] == slot) & (look.state.uses["page"][: len(frames)] != NONE))
    if len(held):
        if look.facts.dirty[held[0]]:
            return f"swap slot {slot}: kept for frame {int(held[0])}, whose page has changed since; it goes out again with a write."
        return f"swap slot {slot}: a copy of frame {int(held[0])}; it can go out again without a write."
    return f"swap slot {slot}: free."
