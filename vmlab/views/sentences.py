"""The event ring as a story: each fault with what had to leave for it, in one sentence."""

from typing import NamedTuple

from ..core.events import between
from ..core.state import ASID_SHIFT, NONE, Event, Kind, State
from . import words
from .look import Look, look_at

AWAY = (Event.DROP, Event.SWAPOUT, Event.WRITEBACK)
TAGS = {
    Event.ZERO: "minor",
    Event.PAGEIN: "MAJOR",
    Event.SWAPIN: "MAJOR",
    Event.COPY: "copy",
    Event.REUSE: "reuse",
    Event.MAP: "minor",
    Event.ZEROPAGE: "minor",
    Event.MKWRITE: "minor",
    Event.AROUND: "minor",
    Event.READAHEAD: "read",
    Event.SWAPAHEAD: "read",
    Event.KSWAPD: "out",
    Event.DROP: "out",
    Event.SWAPOUT: "out",
    Event.WRITEBACK: "write",
    Event.FORK: "fork",
    Event.EXIT: "exit",
    Event.OOMKILL: "OOM",
}
STAYS = ", and stays, clean"
WEIGHT = ("MAJOR", "copy", "reuse", "minor", "OOM", "fork", "exit", "write", "out")  # names a step: the first found


class Row(NamedTuple):
    """One event, as core.state.EVENT has it, in plain numbers."""

    now: int
    tag: int
    index: int  # type: ignore[assignment]  # hides tuple.index
    arg: int
    step: int
    frame: int
    object: int
    kind: int


class Happening(NamedTuple):
    """One fault (or fork, exit, kill), with the evictions that made room for it."""

    number: int  # of its last event
    now: int  # in references
    step: int
    tag: str
    sentence: str
    row: int  # whose page; NONE without
    vpn: int
    frame: int
    object: int
    index: int  # type: ignore[assignment]  # hides tuple.index
    away: tuple[str, ...]  # what left its frame before
    outcome: tuple[str, str] = ("", "")  # how a fault ended: in a headline, in a log line
    source: int = NONE  # the frame a page was copied from


def happenings(s: State | Look, first: int, last: int) -> list[Happening]:
    """The events numbered first..last-1 that the ring still holds, told one fault at a time, oldest first."""
    look = look_at(s)
    events = between(look.state, first, last)
    number = last - len(events)
    out: list[Happening] = []
    waiting: list[tuple[int, str]] = []  # (frame, clause) of what left, until the fault that wanted its frame
    for k, row in enumerate(events.tolist()):
        e = Row(*row)
        kind = Event(e.kind)
        if kind in AWAY:
            clause = departure(look, e, kind)
            if kind == Event.DROP and waiting and waiting[-1][0] == e.frame:
                waiting[-1] = (int(e.frame), waiting[-1][1].removesuffix(STAYS))  # written back, then dropped
                continue
            waiting.append((int(e.frame), clause))
            continue
        if kind == Event.READAHEAD and out and out[-1].now == e.now:
            out[-1] = out[-1]._replace(number=number + k, sentence=f"{out[-1].sentence}; {e.arg} more read ahead")
            continue
        if kind == Event.SWAPAHEAD and out and out[-1].now == e.now:
            more = f"; {words.plural(e.arg, 'slot')} near it in swap read along"
            out[-1] = out[-1]._replace(number=number + k, sentence=out[-1].sentence + more)
            continue
        if kind == Event.AROUND and out and out[-1].now == e.now:
            more = f"; {e.arg} of its neighbours, in the page cache too, mapped with it"
            out[-1] = out[-1]._replace(number=number + k, sentence=out[-1].sentence + more)
            continue
        if kind == Event.KSWAPD:
            out.append(kswapd(number + k, e))
            continue
        came = [c for f, c in waiting if f == e.frame]
        out += [alone(look, number + k, e, c) for f, c in waiting if f != e.frame]
        waiting = []
        if kind == Event.MAP and out and (out[-1].now, out[-1].frame, out[-1].tag) == (e.now, e.frame, "MAJOR"):
            row, vpn = page_of(look, e)  # the fault goes on: the page it has just brought is mapped
            out[-1] = out[-1]._replace(number=number + k, row=row, vpn=vpn)
            continue
        out.append(arrival(look, number + k, e, kind, came))
    out += [alone(look, last - 1, e, c) for _, c in waiting]
    return out


def departure(look: Look, e: Row, kind: Event) -> str:
    """ "frame 7 held page 9 of A editor's heap, dirty, written to swap slot 2"."""
    held = f"frame {e.frame} held {words.object_page(look, e.object, e.index)}"
    if kind == Event.SWAPOUT:
        return f"{held}, dirty, written to swap slot {e.arg}"
    if kind == Event.WRITEBACK:
        stays = STAYS if look.state.content.shape[1] else ""  # a machine without contents tells evictions only
        return f"{held}, dirty, written back to the file{stays}"
    if e.arg != NONE:
        return f"{held}, clean, dropped: swap slot {e.arg} still has it"
    if look.object(e.object, "kind") == Kind.PRIVATE:
        return f"{held}, given up (MADV_FREE), dropped: it reads zero from now on"
    return f"{held}, clean, dropped: the file still has it"


def kswapd(number: int, e: Row) -> Happening:
    """The reclaim daemon's turn."""
    text = f"kswapd woke at the low watermark and emptied {words.plural(e.arg, 'frame')}: {e.index} are free"
    return Happening(number, e.now, e.step, "out", text, NONE, NONE, NONE, NONE, NONE, ())


def alone(look: Look, number: int, e: Row, clause: str) -> Happening:
    """An eviction or writeback that no fault asked for (msync, dropped caches)."""
    tag = "write" if "written back" in clause else "out"
    return Happening(number, e.now, e.step, tag, clause, *page_of(look, e), e.frame, e.object, e.index, ())


def page_of(look: Look, e: Row) -> tuple[int, int]:
    """The process row and page number an event is about, NONE where it names none."""
    if 0 <= e.object < len(look.objects) and look.object(e.object, "kind") == Kind.PRIVATE:
        return look.object(e.object, "proc"), e.index
    if e.tag == NONE:
        return NONE, NONE
    row, vpn = e.tag >> ASID_SHIFT, e.tag & ((1 << ASID_SHIFT) - 1)
    if vpn:
        return row, vpn
    for a in look.areas.get(row, ()):  # a page read for a fault: the event names the file's page only
        if a.object == e.object and 0 <= e.index - a.number < a.stop - a.first:
            return row, a.first + e.index - a.number
    return NONE, NONE


def arrival(look: Look, number: int, e: Row, kind: Event, came: list[str]) -> Happening:
    """The sentence of one fault, fork, exit or kill."""
    page = words.object_page(look, e.object, e.index)
    frame, arg = e.frame, e.arg
    row = e.tag >> ASID_SHIFT if e.tag != NONE else NONE
    who = look.process[row] if row != NONE else "the kernel"
    outcome = ("", "")
    if kind == Event.ZERO:
        text = f"{page} touched for the first time: frame {frame}, zeroed"
        outcome = f"its first touch, a zeroed frame, {frame}", f"new frame {frame}"
    elif kind == Event.PAGEIN:
        text = f"{page} read into frame {frame}"
        outcome = f"read from the file into frame {frame}", f"file → frame {frame}"
    elif kind == Event.SWAPIN:
        text = f"{page} came back from swap slot {arg} into frame {frame}"
        outcome = f"it came back from swap slot {arg} into frame {frame}", f"s{arg} → frame {frame}"
    elif kind == Event.COPY:
        text = f"{page} copied from frame {arg} to frame {frame} (copy-on-write)"
        outcome = f"copied frame {arg} to frame {frame} (copy-on-write)", f"copy → frame {frame}"
    elif kind == Event.REUSE:
        text = f"{page} stays in frame {frame}: nobody else uses it any more, nothing is copied"
        outcome = f"it keeps frame {frame}, nobody else uses it any more", f"keeps frame {frame}"
    elif kind == Event.MAP:
        had = f"in frame {frame} already" + (f", which holds what swap slot {arg} does" if arg != NONE else "")
        text = f"{page} was {had}: only the PTE was missing"
        outcome = f"it was {had}, only the PTE was missing", f"cached, frame {frame}"
    elif kind == Event.MKWRITE:
        text = f"{page} is clean, in frame {frame}: its first store faults, so that the kernel knows it is dirty now"
        outcome = f"the first store to a clean page, in frame {frame}: now it is dirty", f"dirty, frame {frame}"
    elif kind == Event.ZEROPAGE:
        text = f"{page} read for the first time: the shared zero page, no frame"
        outcome = "its first touch, a read: the shared zero page", "zero page"
    elif kind == Event.READAHEAD:
        text = f"{arg} pages of {look.file_name(e.object)} read ahead"
    elif kind == Event.SWAPAHEAD:
        text = f"{words.plural(arg, 'slot')} of swap from slot {e.index} on read along"
    elif kind == Event.AROUND:
        text = f"{arg} pages of {look.file_name(e.object)} mapped around a fault"
    elif kind == Event.FORK:
        text = f"{who} forked {look.process[arg]}"
    elif kind == Event.EXIT:
        text = f"{who} ended"
    else:
        adj = f", oom_score_adj {e.index:+d}" if e.index else ""
        text = f"{who} was killed: out of memory (score {arg}{adj})"
    return Happening(
        number,
        e.now,
        e.step,
        TAGS[kind],
        "; ".join([text, *came]),
        *page_of(look, e),
        frame,
        e.object,
        e.index,
        tuple(came),
        outcome,
        arg if kind == Event.COPY else NONE,
    )


def log(s: State | Look, last: int = 50) -> list[Happening]:
    """The newest `last` happenings, oldest first."""
    look = look_at(s)
    n = int(look.state.machine["nevent"][0])
    return happenings(look, max(0, n - 4 * last), n)[-last:]
