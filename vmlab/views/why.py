"""Why a page is where it is: what happened to it, newest first."""

from typing import NamedTuple

from ..core.events import between
from ..core.state import ASID_SHIFT, NONE, Event, State
from . import pages, sentences
from .look import Look, look_at

MOST = 3
FAR = 1 << 14  # events looked back over; the ring holds no more than it was given at boot


class Cause(NamedTuple):
    """One event of a page's life."""

    step: int
    sentence: str


def why(s: State | Look, row: int, vpn: int, most: int = MOST) -> list[Cause]:
    """The last events that put page `vpn` of the process in `row` where it is, newest first; as far as the record goes."""
    look = look_at(s)
    p = pages.page(look, row, vpn)
    tag = (row << ASID_SHIFT) | vpn
    n = int(look.state.machine["nevent"][0])
    events = between(look.state, max(0, n - FAR), n)
    about = events["tag"] == tag
    if p.object != NONE:
        about |= (events["object"] == p.object) & (events["index"] == p.index)
    out: list[Cause] = []
    for values in reversed(events[about].tolist()):
        e = sentences.Row(*values)
        kind = Event(e.kind)
        if kind in sentences.AWAY:
            out.append(Cause(e.step, sentences.departure(look, e, kind)))
        elif kind in sentences.TAGS and kind not in (Event.FORK, Event.EXIT):
            out.append(Cause(e.step, sentences.arrival(look, 0, e, kind, []).sentence))
        if len(out) == most:
            break
    return out
