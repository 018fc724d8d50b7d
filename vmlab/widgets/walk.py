"""The page-table walk of the selected address, bit field by bit field."""

from typing import Any

from ipywidgets import HTML, Button, HBox, Text

from .. import views
from ..core.state import NONE
from ..views import Look
from . import theme
from .address import parse
from .cellgrid import Cell, CellGrid
from .part import Part
from .theme import TAGS, esc

REFERENCES = ("hit", "walk", "minor", "copy", "reuse", "MAJOR")
EMPTY = "<div class='vml-ft'>Pick a page, or type an address and press Enter.</div>"


class Translation(Part):
    """Fields of the address, TLB, tables, PTE, frame and byte; and what that costs, in true scale."""

    title = "Translation"
    css = "walk"
    columns = ("level", "index", "entry")

    def body(self) -> list[Any]:
        self.picture = HTML()
        self.answer = HTML(layout={"display": "none"})  # to "could it have been avoided?"
        self.asked: tuple[int, int, int] | None = None  # about which page, at which moment
        self.step = 0  # which micro-step is shown; 0: all
        tip = "could the last fault on this page have been avoided? Tries it on copies of the machine"
        self.avoid = Button(description="Avoidable?", tooltip=tip, layout={"width": "auto"})
        self.avoid.add_class("vml-small").on_click(self.guarded(lambda _: self.ask()))
        return [self.picture, HBox([self.avoid, self.answer]).add_class("vml-ask")]

    def tools(self) -> list[Any]:
        self.steps = CellGrid("steps of the translation", self.guarded(self.stepped))
        self.steps.add_class("vml-steps")
        self.address = Text(
            continuous_update=False, layout={"width": "150px"}, tooltip="an address: 0x... or heap+0x10"
        )
        self.address.add_class("vml-addr").add_class("vml-fit")
        self.address.observe(self.looked_up, "value")
        return [self.steps, self.address]

    def draw(self, look: Look) -> None:
        names = ["all", "TLB", *(f"L{k}" for k in range(len(look.levels), 0, -1)), "byte"]
        tips = ["the whole walk", "look in the TLB", *("read this level's entry" for _ in look.levels), "read the byte"]
        self.steps.show([Cell(n, "", t) for n, t in zip(names, tips, strict=True)], len(names))

    def paint(self, look: Look, sel: views.Selection) -> None:
        self.steps.mark([self.step])
        if self.asked != self.here(sel):
            self.asked, self.answer.layout.display = None, "none"
        if sel.row == NONE or sel.vpn == NONE:
            self.facts, self.status = "", ""
            self.put(EMPTY)
            return
        addr = sel.vpn * look.page_size + sel.offset
        t = views.translation(look, sel.row, addr)
        story = self.screen.story
        own = (story.row, story.vpn) == (sel.row, sel.vpn) and story.tag in REFERENCES
        self.facts = f"{views.process(look, sel.row)} {views.where(look, sel.row, sel.vpn)}"
        self.status = ""
        self.put(picture(look, t, self.step, story if own else None))
        with self.address.hold_trait_notifications():
            self.setting = True
            self.address.value = f"{addr:#x}"
        self.setting = False
        self.address.remove_class("vml-wrong")

    def put(self, html: str) -> None:
        """Show a picture, if it is another."""
        if self.picture.value != html:
            self.picture.value = html

    def here(self, sel: views.Selection) -> tuple[int, int, int]:
        """What is looked at: the page and the moment."""
        return sel.row, sel.vpn, self.screen.machine.history.now

    def ask(self) -> None:
        """Could the last fault on the selected page have been avoided?"""
        sel = self.screen.selection
        if sel.row == NONE or sel.vpn == NONE:
            raise ValueError("pick a page first")
        self.avoid.disabled = True
        try:
            process = next(p for p in self.screen.machine.processes if p.row == sel.row)
            self.answer.value = answered(views.could_avoid(process, sel.vpn * self.screen.look.page_size))
        finally:
            self.avoid.disabled = False
        self.asked, self.answer.layout.display = self.here(sel), None

    setting = False

    def stepped(self, i: int) -> None:
        """A micro-step was chosen."""
        self.step = i
        self.repaint(self.screen.look)

    def looked_up(self, change: Any) -> None:
        """An address was typed."""
        if self.setting or not change["new"]:
            return
        look = self.screen.look
        row = self.screen.selection.row
        alive = views.living(look)
        try:
            if not alive:
                raise ValueError("there is no process whose address this could be")
            row = row if row in alive else alive[0]
            addr = parse(look, row, change["new"])
        except ValueError as error:
            self.address.add_class("vml-wrong")
            self.complain(str(error))
            return
        self.complain("")
        size = look.page_size
        self.screen.select(views.select_page(look, row, addr // size, addr % size))

    def summary(self, look: Look) -> str:
        sel = self.screen.selection
        if sel.row == NONE or sel.vpn == NONE:
            return "no page is selected"
        t = views.translation(look, sel.row, sel.vpn * look.page_size + sel.offset)
        where = f"frame {t.page.frame}" if t.physical != NONE else "page fault"
        return f"{views.process(look, sel.row)} {views.where(look, sel.row, sel.vpn)}: {t.addr:#x} -> {where}"

    def rows(self, look: Look) -> list[tuple[Any, ...]]:
        sel = self.screen.selection
        if sel.row == NONE or sel.vpn == NONE:
            return []
        t = views.translation(look, sel.row, sel.vpn * look.page_size + sel.offset)
        return [(v.name, v.index, v.entries[1][1] or "no table") for v in t.levels] + [("offset", t.offset, "")]


def picture(look: Look, t: views.Translated, step: int, story: views.Story | None) -> str:
    """The walk as HTML. `story`: the step that made this reference, if the page is the moment's own."""
    n = len(t.levels)
    hit = story.tag == "hit" if story else t.tlb_hit
    dim = [0 < step < k + 2 for k in range(n)]  # micro-step 1 is the TLB, k + 2 the k-th level
    colour = "var(--file)" if t.page.kind == "file" else "var(--swap)" if t.page.slot != NONE else "var(--anon)"
    out = [field(v.bits, v.name, v.index) for v in t.levels]
    out.append(field(t.offset_bits, "offset", t.offset, " off"))
    if t.has_tlb:
        out.append(tlb_line(look, t, hit, n) + "<div></div>")
    out += [table(v, " vml-dim" if hit or dim[k] else "") for k, v in enumerate(t.levels)]
    out.append(card(t, colour, " vml-dim" if 0 < step < n + 2 and not (step == 1 and hit) else ""))
    return (
        f"<div class='vml-wk' role='img' aria-label='{esc(spoken(t, hit))}' style='--n:{n};--k:{colour}'>"
        f"{''.join(out)}</div>"
        f"<div class='vml-ft'>{foot(look, t)}</div><div class='vml-ft'>{bill(t, hit, story)}</div>"
        f"{because(look, t)}"
    )


def field(bits: str, name: str, index: int, extra: str = "") -> str:
    """One bit field of the address."""
    return f"<div class='f{extra}'><div class='b'>{bits}</div><small>{name}</small> <b>{index}</b></div>"


def tlb_line(look: Look, t: views.Translated, hit: bool, n: int) -> str:
    """The shortcut past the tables."""
    if hit:
        text = f"TLB set {t.tlb_set}: hit → frame {t.page.frame}, the {n} tables are skipped"
        return f"<div class='vml-tlb hit'><span>●</span><span class='m'>{text}</span><span class='a'>━━▶</span></div>"
    who = esc(views.letter(look, t.row))
    text = f"TLB set {t.tlb_set}: miss, {who} {t.vpn:x} was not among its {t.tlb_ways} ways ({t.tlb_used} in use)"
    return f"<div class='vml-tlb'><span>○</span><span class='m'>{text}</span></div>"


def table(v: views.Level, dim: str) -> str:
    """The entry used of one table, between its neighbours."""
    if v.table == NONE:
        return f"<div class='vml-tb{dim}'><div>no table</div><div>&nbsp;</div><div>&nbsp;</div></div>"
    rows = "".join(
        f"<div class='{'u' if k == 1 else ''}'><span>{i if i != NONE else '&nbsp;'}</span><span>{to}</span></div>"
        for k, (i, to) in enumerate(v.entries)
    )
    return f"<div class='vml-tb{dim}'>{rows}</div>"


def card(t: views.Translated, colour: str, dim: str) -> str:
    """The page that the walk ends at, or why it ends before."""
    if t.physical == NONE:
        head = f"<b>swap slot {t.page.slot}</b>" if t.page.slot != NONE else "<b>no frame</b>"
        edge = "--swap" if t.page.slot != NONE else "--ink2"
        return f"<div class='vml-pg{dim}' style='--k:var({edge})'>{head}\npresent = 0:\npage fault</div>"
    hexes = " ".join(f"<mark>{b:02x}</mark>" if k == t.at else f"{b:02x}" for k, b in enumerate(t.around))
    chars = "".join(
        f"<mark>{c}</mark>" if k == t.at else c
        for k, c in enumerate(esc(chr(b)) if 32 <= b < 127 else "·" for b in t.around)
    )
    body = f"{hexes}\n{chars}" if t.around else "this machine keeps\nno bytes"
    return f"<div class='vml-pg{dim}' style='--k:{colour}'><b>frame {t.page.frame}</b>  byte {t.offset}\n{body}</div>"


def foot(look: Look, t: views.Translated) -> str:
    """The PTE's bits, and the physical address."""
    lamps = "".join(
        f"<span class='{'y' if on else ''}' title='{name}'>{name if on and letter != 'NX' else letter}</span>"
        for letter, name, on in t.bits
        if on or letter not in ("NX", "C", "S")
    )
    where = (
        f"physical <b>{t.physical:#x}</b> = {t.page.frame} × {look.page_size} + {t.offset}"
        if t.physical != NONE
        else "no physical address"
    )
    return f"<span>PTE</span><span class='vml-lamp'>{lamps}</span><span>{where}</span>"


def bill(t: views.Translated, hit: bool, story: views.Story | None) -> str:
    """What the reference cost, or would: in words, and as a bar in true scale."""
    levels = len(t.levels)
    if story is not None:
        tag, total, before = story.tag, story.ns, ""
        pieces = [("TLB" if tag == "hit" else "walk", story.walk_ns)]
        if total > story.walk_ns:
            pieces.append(("fault, device" if tag == "MAJOR" else "fault", total - story.walk_ns))
    else:
        tag, total, before = t.would, sum(ns for _, ns in t.costs), "if read now: "
        pieces = list(t.costs)
    if tag in ("SEGV", "BUS"):
        return f"<span>{before}SIG{tag}</span>"
    reads = "only the byte read" if hit else f"{levels} entries + the byte read"
    sums = " + ".join(f"{name} {ns:,}" for name, ns in pieces)
    colours = ("var(--hatch)", "var(--hatch)", TAGS.get(tag, TAGS["walk"])[0], TAGS.get(tag, TAGS["walk"])[0])
    if story is not None:
        colours = ("var(--hatch)", TAGS[tag][0], TAGS[tag][0], TAGS[tag][0])
    piece = "<i style='flex:{} 1 0;background:{}'></i>"
    bar = "".join(piece.format(max(ns, 1), colours[min(k, 3)]) for k, (_, ns) in enumerate(pieces))
    return f"<span>{before}{reads} · {total:,} ns = {sums}</span><span class='vml-wf' title='true scale'>{bar}</span>"


def because(look: Look, t: views.Translated) -> str:
    """How the page came to be where it is, in one line; all of it when it is pointed at."""
    causes = views.why(look, t.row, t.vpn)
    told = " · ".join(f"step {c.step}: {c.sentence}" for c in causes) or "nothing on record has touched it"
    return f"<div class='vml-why' title='{esc(told)}'><b>why?</b> {esc(told)}</div>"


def answered(a: views.Avoided) -> str:
    """The answer to "could it have been avoided?", with what was tried as a table."""
    rows = [(t.knob, t.came, f"{t.faults:,}", f"{t.ns:,}") for t in a.trials]
    if rows:
        rows.append(("as it was", "comes", f"{a.faults:,}", f"{a.ns:,}"))
    text = f"<div class='vml-avoid' role='status'><b>{esc(a.sentence)}</b> {esc(a.fault)}."
    return text + (theme.table("", ("with", "the fault", "faults", "ns"), rows) if rows else "") + "</div>"


def spoken(t: views.Translated, hit: bool) -> str:
    """The picture in words, for screen readers."""
    path = ", ".join(f"{v.name} index {v.index}: {v.entries[1][1] or 'no table'}" for v in t.levels)
    end = f"frame {t.page.frame}, byte {t.offset}" if t.physical != NONE else "page fault"
    return f"address {t.addr:#x}: TLB {'hit' if hit else 'miss'}; {path}; {end}"
