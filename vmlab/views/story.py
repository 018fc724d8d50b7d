"""One step of the history as a headline: a tag of one word, a sentence, a second line, and what it cost."""

from typing import Any, NamedTuple, Protocol

import numpy as np

from ..core import clock
from ..core.events import between
from ..core.state import ASID_SHIFT, NONE, STAT, Event, State
from ..errors import shown
from . import calls, sentences, words
from .look import Look, look_at

LESSONS = {
    "hit": "The TLB held a copy of the PTE: no table was read.",
    "walk": "A TLB miss is not a fault: the hardware walked the tables and found a valid PTE.",
    "first store": "The TLB's entry was of a clean PTE: the hardware walked the tables to set dirty. No kernel was asked.",
    "minor": "Minor fault: the address was granted earlier, memory only now. No device was read.",
    "copy": "Whoever writes first pays for the copy; the other keeps the old frame.",
    "reuse": "Nobody else maps the frame any more, so nothing has to be copied.",
    "MAJOR": "Major fault: the process waited for the device.",
    "SEGV": "A fault with no legal answer. The process lives on, as with a handler.",
    "BUS": "The mapping is there, the page behind it is not.",
    "OOM": "Nothing could be evicted, so a process had to go.",
    "refused": "The call changed nothing.",
    "fork": "Only page tables were copied. The purple bars mark frames that both now map.",
    "mmap": "Address space only: no frame is taken before the first access.",
    "spawn": "A process begins with an empty address space.",
    "open": "Nothing is read before a page of it is touched.",
    "queue": "Step makes the next reference, Play all of them.",
    "exit": "Its frames, swap slots and page tables are free again.",
    "crash": "What no msync, fsync or flusher had written is gone.",
    "munmap": "The addresses mean nothing any more; private pages are gone.",
    "mprotect": "The PTEs were changed in place: no page moved.",
    "msync": "What was dirty is in the file now.",
}
BULK = (("MAJOR", "majflt"), ("copy", "copies"), ("minor", "minflt"), ("walk", "tlb_misses"))  # names many
FAULTS = ("minor", "copy", "reuse", "MAJOR")
TOLD = 24  # events of one step that are told one by one; of a longer step, the last
NAMES: tuple[str, ...] = tuple(STAT.names or ())


class Step(Protocol):
    """What a step of a machine's history says of itself (vmlab.history.Step)."""

    @property
    def n(self) -> int: ...
    @property
    def row(self) -> int | None: ...
    @property
    def call(self) -> str: ...
    @property
    def args(self) -> dict[str, Any]: ...
    @property
    def error(self) -> str | None: ...
    @property
    def events(self) -> tuple[int, int]: ...
    @property
    def before(self) -> tuple[int, ...]: ...
    @property
    def after(self) -> tuple[int, ...]: ...


class Reference(NamedTuple):
    """One reference of a step."""

    row: int
    vpn: int
    offset: int
    write: bool


class Story(NamedTuple):
    n: int
    tag: str
    headline: str
    second: str
    short: str  # for the log
    ns: int
    walk_ns: int  # of them, TLB look-ups and walks
    alert: bool  # it ended in a signal or an errno
    row: int  # the page it is about, NONE without
    vpn: int
    offset: int = 0
    happened: tuple[str, ...] = ()  # every event, in sentences


NEVER = Story(0, "boot", "The machine has just booted.", "No process yet: spawn one.", "boot", 0, 0, False, NONE, NONE)


def beginning(s: State | Look, n: int | None) -> Story:
    """What stands where no step leads: at boot, or where the record of a copied machine begins (None: it has none)."""
    look = look_at(s)
    if n is None:
        none = "This machine keeps no history."
        return NEVER._replace(tag="now", headline=none, second="Undo needs Machine(history=...).")
    if not look.living and not n:
        return NEVER
    who = ", ".join(look.process[r] for r in look.living[:4]) or "no process"
    return NEVER._replace(
        n=n, tag="start", headline="The record begins here.", second=f"Running: {who}.", short="start"
    )


def story(s: State | Look, step: Step, made: "Reference | None" = None, policy: str = "") -> Story:
    """What `step` did. `made`: the reference that it made, where its arguments do not say so."""
    counts = {name: b - a for name, a, b in zip(NAMES, step.before, step.after, strict=True)}
    look = look_at(s)
    s = look.state
    first, last = step.events
    most = TOLD if counts["refs"] <= 1 else 2
    happened = sentences.happenings(look, max(first, last - most), last)
    main = min(happened, key=lambda h: (sentences.WEIGHT.index(h.tag), h.number)) if happened else None
    row, vpn, offset = made[:3] if made else page_of(look, step, main)
    verb = calls.verb(step, made is not None and made.write)
    tag = tag_of(step, main, counts)
    second = LESSONS.get(tag, "")
    if step.error:
        headline, short = refused(look, step, tag, row, vpn, verb)
    elif step.call in calls.ACCESSES and counts["refs"] == 1:
        headline, short = reference(look, verb, tag, main, row, vpn, counts["tlb_misses"])
        if tag == "walk" and not counts["tlb_misses"]:
            second = LESSONS["first store"]
    elif step.call in calls.ACCESSES:
        headline, short = references(look, step, counts)
    else:
        headline, short = calls.told(look, step, happened)
    if counts["refs"] == 1 and main is not None and main.away and not step.error:
        second = f"{policy.upper() or 'Reclaim'}: {'; '.join(main.away)}."
    flushed = [h for h in happened if h.tag == "write"] if step.call in calls.ACCESSES else []
    if flushed and not step.error:
        second = f"Then the flusher: {flushed[-1].sentence}." if len(flushed) == 1 else flushing(len(flushed))
    if counts["oom_kill"] and not step.error:
        tag, killed = "OOM", kills(look, first, last)
        second = f"No frame was left: {'; '.join(sentence for _, sentence in killed)}."
        short += "".join(f", {who} killed" for who, _ in killed)
    who = step.row if step.row is not None else row
    mark = look.letter[who] if who != NONE and step.call != "spawn" else ""
    ns = clock.spent(counts, s.cost[0], len(s.level))
    walk = counts["refs"] * int(s.cost["tlb"][0]) + counts["walks"] * len(s.level) * int(s.cost["walk"][0])
    told = tuple(h.sentence for h in happened)
    brief = f"{mark} {short}".strip()
    return Story(step.n, tag, headline, second, brief, ns, walk, bool(step.error), row, vpn, offset, told)


def kills(look: Look, first: int, last: int) -> list[tuple[str, str]]:
    """Whom the kernel killed in the events numbered first..last-1, so far as the ring holds them: (letter, sentence)."""
    found = between(look.state, first, last)
    rows = [sentences.Row(*e) for e in found[found["kind"] == Event.OOMKILL].tolist()]
    return [(look.letter[e.tag >> ASID_SHIFT], sentences.arrival(look, 0, e, Event.OOMKILL, []).sentence) for e in rows]


def flushing(n: int) -> str:
    """The flusher's turn at the end of a step, in numbers."""
    return f"Then the flusher wrote {n} dirty pages back to their files."


def page_of(look: Look, step: Step, main: sentences.Happening | None) -> tuple[int, int, int]:
    """(row, page number, offset) that a step is about, from its arguments or its main event; NONE without."""
    size = look.page_size
    row = NONE if step.row is None else step.row
    addr = step.args.get("addr")
    if addr is None and step.call == "access" and len(step.args.get("addresses", ())):
        addr = step.args["addresses"][-1]
    if row != NONE and isinstance(addr, (int, np.integer)) and step.call in calls.AT_ADDRESS:
        return row, int(addr) // size, int(addr) % size
    if main is not None and main.row != NONE and step.call in calls.ACCESSES:
        return main.row, main.vpn, 0
    return row, NONE, 0


def tag_of(step: Step, main: sentences.Happening | None, counts: dict[str, int]) -> str:
    """The one word for what a step was."""
    if step.error:
        signals = (("SIGSEGV", "SEGV"), ("SIGBUS", "BUS"), ("killed", "OOM"))
        return next((tag for name, tag in signals if name in step.error), "refused")
    if step.call not in calls.ACCESSES:
        return step.call
    if counts["refs"] > 1:
        return next((tag for tag, field in BULK if counts[field]), "hit")
    if main is not None and main.tag in FAULTS:
        return main.tag
    return "walk" if counts["walks"] else "hit"


def refused(look: Look, step: Step, tag: str, row: int, vpn: int, verb: str) -> tuple[str, str]:
    """A step that failed, in the kernel's words; a signal's process and address as the screen calls them."""
    text = step.error or ""
    short = f"{step.call} refused"
    if tag in ("SEGV", "BUS"):
        short = f"{calls.SHORT.get(verb, verb)}: SIG{tag}"
        if row != NONE and vpn != NONE and ": " in text:
            text = f"{look.process[row]} {verb} {words.where(look, row, vpn)}: {text.split(': ', 1)[1]}"
    return sentence_of(text), short


def sentence_of(text: str) -> str:
    """An error's words as a sentence, fit to print; the number that OSError puts before them is gone."""
    text = shown(text)
    if text.startswith("[Errno") and "] " in text:
        text = text.split("] ", 1)[1]
    return (text[:1].upper() + text[1:]).rstrip(".") + "."


def reference(
    look: Look, verb: str, tag: str, main: sentences.Happening | None, row: int, vpn: int, missed: int
) -> tuple[str, str]:
    """One reference: (headline, short form). missed: whether the TLB had no entry for the page."""
    who = look.process[row] if row != NONE else "a process"
    here = words.where(look, row, vpn) if vpn != NONE else "memory"
    brief = f"{calls.SHORT.get(verb, verb)} {here.replace(' page ', ' ')}"
    if tag == "hit":
        return f"{who} {verb} {here}: straight from the TLB.", f"{brief}: TLB hit"
    if main is None or tag not in FAULTS:
        found = "a TLB miss, and the walk found it" if missed else "a TLB hit, and a walk to set the dirty bit"
        return f"{who} {verb} {here}: {found}.", f"{brief}: walk"
    also = ""
    if tag == "copy" and main.source != NONE:
        users = {look.letter[t >> ASID_SHIFT] for t, _ in look.users_of(main.source)}
        others = sorted(users - {look.letter[row]})
        also = f", shared with {' and '.join(others)}" if others else ""
    text, arrow = main.outcome
    return f"{who} {verb} {here}{also}: {text}.", f"{brief}: {arrow}" + (f", {len(main.away)} out" if main.away else "")


def references(look: Look, step: Step, counts: dict[str, int]) -> tuple[str, str]:
    """Several references, in numbers: (headline, short form)."""
    who = look.process[step.row] if step.row is not None else "The program"
    faults = (("minflt", "minor fault"), ("majflt", "major fault"))
    parts = [words.plural(counts[f], noun) for f, noun in faults if counts[f]]
    out = counts["pswpout"] + counts["pgpgout"]
    if counts["copies"]:
        parts.append(f"{counts['copies']:,} cop{'y' if counts['copies'] == 1 else 'ies'}")
    if out:
        parts.append(f"{words.plural(out, 'page')} written out")
    text = ", ".join(parts) or "no fault"
    refs = words.plural(counts["refs"], "reference")
    return f"{who} made {refs}: {text}.", f"{refs}: {text}"
