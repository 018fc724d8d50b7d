"""The command line: who, does, what, Do it; and beside it the Python it stands for."""

from typing import Any

from ipywidgets import Button, Dropdown, HBox, Label, Text, ToggleButton, VBox, Widget

from .. import views
from ..core.state import NONE
from . import verbs
from .address import named, parse
from .screen import Screen, close_tree
from .slots import Slots
from .theme import SCALES

WIDTHS = {"who": "120px", "verb": "130px", "at": "150px", "file": "130px", "pattern": "130px", "sharing": "140px"}
NAMES = ("editor", "spell", "indexer", "reader", "writer", "clock", "mail", "shell")


class Command(VBox):
    """One sentence and its button. What goes wrong is said where the Python stood, until the next edit."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self.who = Dropdown(options=[("no process", NONE)], layout={"width": WIDTHS["who"]}, tooltip="who")
        first = "store" if screen.machine.processes else "spawn"
        self.verb = Dropdown(
            options=list(verbs.VERBS), value=first, layout={"width": WIDTHS["verb"]}, tooltip="does what"
        )
        self.field: dict[str, Any] = {
            "text": entry("ALICE", "92px", "bytes to store"),
            "n": entry("4096", "74px", "how many bytes"),
            "some": entry("16", "60px", "bytes to load"),
            "at": entry("", WIDTHS["at"], "address: click a page, or type 0x… or heap+0x10"),
            "file": choice((), WIDTHS["file"], "a file of the notebook's folder"),
            "extent": choice(verbs.EXTENTS, "84px", "how much of the file"),
            "offset": entry("0", "64px", "offset in the file"),
            "length": entry("16 KiB", "74px", "bytes to map"),
            "sharing": choice(verbs.SHARING, WIDTHS["sharing"], "whose stores reach the file"),
            "size": entry("64 KiB", "80px", "bytes of anonymous memory"),
            "label": entry("heap", "84px", "what to call it"),
            "anon": choice(("private", "shared"), "84px", "after fork: copy-on-write, or shared"),
            "prot": choice(tuple(verbs.PROTS), "110px", "what it may be used for"),
            "rw": choice(("read", "write"), "74px", "how to touch it"),
            "count": entry("200", "70px", "how many references"),
            "pattern": choice(verbs.PATTERNS, WIDTHS["pattern"], "in which order"),
            "child": entry(NAMES[0], "100px", "name of the new process"),
        }
        self.word = {
            "at": Label("at"),
            "n": Label("bytes"),
            "some": Label("bytes"),
            "offset": Label("from"),
            "length": Label("bytes"),
            "label": Label("called"),
            "count": Label("references"),
            "child": Label("called"),
        }
        self.go = Button(description="Do it", tooltip="run this sentence").add_class("vml-go")
        self.code = Slots(kind="vml-code").add_class("vml-grow").add_class("vml-long")
        self.machine = ToggleButton(description="Machine", tooltip="replacement policy and the rest").add_class(
            "vml-fit"
        )
        self.line = HBox().add_class("vml-bar")
        self.more = HBox(layout={"display": "none"}).add_class("vml-bar")
        self.policy = Dropdown(
            description="policy", layout={"width": "190px"}, tooltip="who is evicted when memory is full"
        )
        self.sync = Button(description="Sync", tooltip="write every dirty page of every file back")
        sizes = [(f"{100 * s:.0f} %", s) for s in SCALES]
        self.size = Dropdown(
            description="size", options=sizes, layout={"width": "130px"}, tooltip="of the whole screen"
        )
        self.more.children = [self.policy, self.sync, self.size]
        self.said, self.busy = "", False
        self.followed: tuple[int, ...] = ()  # the page the line spoke of last
        self.placed = ""  # the address that it wrote itself, and may take back
        super().__init__([self.line, self.more])
        self.wire()
        self.update()

    def wire(self) -> None:
        """Connect every control; each callback is guarded."""
        guard = self.screen.guard
        self.go.on_click(self.screen.button(self.done, self.complain))
        for control in (self.who, self.verb, *self.field.values()):
            control.observe(guard(self.edited, self.complain), "value")
        self.machine.observe(guard(self.opened, self.complain), "value")
        self.policy.observe(guard(self.chosen, self.complain), "value")
        self.size.observe(guard(lambda change: self.screen.resize(change["new"]), self.complain), "value")
        self.sync.on_click(self.screen.button(lambda _: self.screen.machine.sync(), self.complain))

    # -- the sentence --------------------------------------------------------------------------------------------------

    def asked(self) -> verbs.Ask:
        """What the line says."""
        m = self.screen.machine
        process = next((p for p in m.processes if p.row == self.who.value), None)
        return verbs.Ask(m, process, {name: str(w.value or "") for name, w in self.field.items()})

    def done(self, _: Any = None) -> None:
        """Do it. The result of a load stands where the Python stood."""
        ask, verb = self.asked(), verbs.VERBS[self.verb.value]
        code = self.written(ask)
        result = verb.do(ask)
        self.said = f"{code} → {short(result)}" if isinstance(result, bytes) else code
        self.update()
        if self.verb.value in ("spawn", "fork"):
            here = self.screen.selection
            moved = views.select_page(self.screen.state, result.row, here.vpn, here.offset)
            self.screen.select(moved if self.verb.value == "fork" and here.vpn != NONE else views.NOTHING)
            self.who.value = result.row
            self.name_next()
        if self.verb.value in ("map file", "allocate"):
            self.place(named(self.screen.state, self.who.value, result.addr))
            self.field["n"].value = str(result.length)
        if self.verb.value == "spawn" and len(self.screen.machine.processes) == 1:
            self.verb.value = "allocate"
        self.code.put(("code tip", self.said, ""))

    def written(self, ask: verbs.Ask) -> str:
        """The Python the line stands for; before a field is filled in, what is missing."""
        try:
            return verbs.VERBS[self.verb.value].code(ask)
        except ValueError:
            return f"{ask.name}.…"

    def edited(self, change: Any = None) -> None:
        """The line was edited: its fields and its Python follow, and an error goes away."""
        if self.busy:
            return
        self.update()

    def complain(self, text: str) -> None:
        """Say what is wrong, beside the button."""
        if text:
            self.code.put(("err tip", f"✖ {text}", "alert"))

    def name_next(self) -> None:
        """Suggest a name that no process has."""
        used = {p.name for p in self.screen.machine.processes}
        self.field["child"].value = next((n for n in NAMES if n not in used), f"process{len(used) + 1}")

    # -- following the machine -----------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """The machine changed: processes, policy, files."""
        self.update()

    def update(self) -> None:
        """Bring choices, fields and Python up to date. What was typed stays."""
        m = self.screen.machine
        self.busy = True
        try:
            people = [(f"{p.letter} {p.name}", p.row) for p in m.processes] or [("no process", NONE)]
            if list(self.who.options) != people:
                keep = self.who.value
                self.who.options = people
                self.who.value = keep if keep in [row for _, row in people] else people[0][1]
            if self.verb.value == "map file":
                self.offer_files()
            label = f"Machine: {m.policy_name} · {len(self.screen.state.frames):,} frames"
            if self.machine.description != label:
                self.machine.description = label
            self.offer_policies()
            self.aim()
        finally:
            self.busy = False
        self.shape()

    def aim(self) -> None:
        """Where no address was chosen yet, or nothing is mapped any more at the one that was: the first area of the process."""
        look, row = self.screen.look, self.who.value
        if not self.field["at"].value or self.stale():
            areas = views.areas(look, row) if row != NONE else []
            self.place(named(look, row, areas[0].first * look.page_size) if areas else "")

    def stale(self) -> bool:
        """Does the field hold an address that the line wrote, and that is not mapped now? What was typed stays."""
        look, text = self.screen.look, self.field["at"].value
        if text != self.placed:
            return False
        try:
            return look.area(self.who.value, parse(look, self.who.value, text) // look.page_size) is None
        except ValueError:
            return True

    def place(self, address: str) -> None:
        """Write an address into the field: one that may be taken back."""
        self.placed = self.field["at"].value = address

    def offer_files(self) -> None:
        """The files that can be mapped: of this folder, and the machine's own."""
        m = self.screen.machine
        own = [f.name for f in m.files if m.device(f.object).key[0] == "own"]
        names = tuple(dict.fromkeys([*own, *verbs.folder_files()]))
        if tuple(self.field["file"].options) != names:
            keep = self.field["file"].value
            self.field["file"].options = names
            likely = next((n for n in names if n.endswith(".txt")), names[0] if names else None)
            self.field["file"].value = keep if keep in names else likely

    def offer_policies(self) -> None:
        """The policies by name, and a function of the user's if one is set."""
        m = self.screen.machine
        names = tuple(m.policies) if m.policy_name in m.policies else (*m.policies, m.policy_name)
        if tuple(self.policy.options) != names:
            self.policy.options = names
        if self.policy.value != m.policy_name:
            self.policy.value = m.policy_name

    def shape(self) -> None:
        """Lay the fields of the verb out, and write its Python."""
        fields = list(verbs.VERBS[self.verb.value].fields)
        if "extent" in fields and self.field["extent"].value == "part":
            i = fields.index("extent") + 1
            fields[i:i] = ["length", "offset"]
        kids: list[Widget] = [*([] if self.verb.value == "spawn" else [self.who]), self.verb]
        for name in fields:
            before = [self.word[name]] if name in ("at", "offset", "label", "child") else []
            after = [self.word[name]] if name in ("n", "some", "length", "count") else []
            kids += [*before, self.field[name], *after]
        kids += [self.go, self.code, self.machine]
        if list(self.line.children) != kids:
            self.line.children = kids
        code = self.written(self.asked())
        if not self.said.startswith(code):
            self.said = code
        self.code.put(("code tip", self.said, ""))

    def follow(self, sel: views.Selection) -> None:
        """A page was selected: the line speaks of it and of its process."""
        if sel.row == NONE or sel.vpn == NONE or sel[:3] == self.followed:
            return
        self.followed = sel[:3]
        look = self.screen.look
        self.busy = True
        try:
            if sel.row in [row for _, row in self.who.options]:
                self.who.value = sel.row
            self.place(named(look, sel.row, sel.vpn * look.page_size + sel.offset))
        finally:
            self.busy = False
        self.shape()

    def close(self) -> None:
        """Close every widget of it, also those that the present verb does not show."""
        close_tree(self, self.who, *self.field.values(), *self.word.values())

    # -- the machine's line --------------------------------------------------------------------------------------------

    def opened(self, change: Any) -> None:
        """The Machine button was pressed."""
        self.more.layout.display = "flex" if change["new"] else "none"

    def chosen(self, change: Any) -> None:
        """Another policy was chosen."""
        m = self.screen.machine
        if not self.busy and change["new"] in m.policies and change["new"] != m.policy_name:
            m.policy = change["new"]


def short(data: bytes, most: int = 64) -> str:
    """Bytes as Python writes them, cut after `most`."""
    return repr(data[:most]) + ("…" if len(data) > most else "")


def entry(value: str, width: str, tooltip: str) -> Text:
    """A text field; its value is taken when it is left or Enter is pressed."""
    return Text(value, layout={"width": width}, tooltip=tooltip, continuous_update=False)


def choice(options: tuple[str, ...], width: str, tooltip: str) -> Dropdown:
    """A dropdown."""
    return Dropdown(options=options, layout={"width": width}, tooltip=tooltip)
