"""The command line and the transport: every verb does what its Python says, and what goes wrong is said."""

import re

import numpy as np
import pytest
from widgets.bench import alert, bench, say
from widgets.scenes import PAGE, forked, swapping

import vmlab
from vmlab import KiB, Machine, Map, Prot, views
from vmlab.widgets import PARTS, Workbench
from vmlab.widgets.address import named, parse, size_of
from vmlab.widgets.verbs import VERBS


def code_of(w: Workbench) -> str:
    return w.command.written(w.command.asked())


@pytest.mark.parametrize("verb", VERBS)
def test_the_python_beside_the_button_does_the_same(verb, tmp_path, monkeypatch, no_swallow):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "words.txt").write_bytes(b"one two three " * 1000)
    w = bench()
    m = w.screen.machine
    w.command.verb.value = verb
    if verb == "map file":
        w.command.field["file"].value = "words.txt"
    if verb in ("sync", "unmap", "protect"):
        w.command.field["at"].value = "alice.txt+0x0"
    code = code_of(w)
    twin = m.branch()
    w.command.go.click()
    assert alert(w) == ""
    if "workload" in verb:
        return  # its Python names two arrays
    names = {p.letter.lower(): p for p in twin.processes}
    names |= {"m": twin, "range": lambda *x: np.arange(*x), "KiB": KiB, "Map": Map, "Prot": Prot}
    exec(code, {**vars(vmlab), **names})
    assert views.totals(twin.state) == views.totals(m.state)
    if verb != "map file":
        assert twin.vmstat().rows == m.vmstat().rows
    assert [p.name for p in twin.processes] == [p.name for p in m.processes]


def test_first_steps_from_an_empty_machine(no_swallow):
    m = Machine(frames=16, swap=16 * PAGE)
    w = Workbench(m)
    assert w.command.verb.value == "spawn"
    say(w, "spawn", child="editor")
    assert [p.name for p in m.processes] == ["editor"]
    assert w.command.verb.value == "allocate"
    say(w, "allocate", size="20 KiB", label="heap")
    assert w.command.field["at"].value == "heap+0x0"
    say(w, "store", text="hello")
    assert m.process("editor").load(parse(m.state, 0, "heap+0"), 5) == b"hello"
    say(w, "load", some="5")
    assert w.command.said.endswith("→ b'hello'")
    say(w, "fork", child="spell")
    assert w.command.who.label == "B spell"
    say(w, "exit")
    assert [p.name for p in m.processes] == ["editor"]


def test_a_part_of_a_file_is_mapped(no_swallow, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "book.txt").write_bytes(bytes(range(256)) * 64)
    w = bench()
    say(w, "map file", file="book.txt", extent="part", offset="4096", length="8 KiB", sharing="private")
    area = w.command.asked().who.vma(parse(w.screen.state, w.command.who.value, "book.txt"))
    assert area.stop - area.start == 8192 and area.offset == 4096 and area.perms == "rw-p"
    assert "mmap(8*KiB, file=f, offset=4*KiB)" in code_of(w)
    say(w, "map file", file="book.txt", extent="all of it", sharing="shared, read only")
    assert len(w.screen.machine.files) == 2  # opened once for both


@pytest.mark.parametrize(
    ("verb", "fields", "words"),
    [
        ("store", {"at": "heap+zz"}, "‘heap+zz’ is not an address: type 0x… or alice.txt+0x…"),
        ("store", {"at": "0x10"}, "process 2 (spell) stored to 0x10: nothing is mapped there"),
        ("load", {"some": "many"}, "‘many’ is not a size"),
        ("allocate", {"size": "0"}, "EINVAL"),
        ("allocate", {"size": "1 TiB"}, "‘1 TiB’ is not a size"),
        ("allocate", {"size": "900 GiB"}, "pages are more than RAM and swap together have"),
        ("run workload", {"count": "0"}, "type a number from 1 to"),
        ("run workload", {"at": "0x5000"}, "nothing is mapped at 0x5000"),
        ("protect", {"at": "0x123"}, "EINVAL"),
        ("touch", {"n": "900 GiB"}, "too many to touch"),
    ],
)
def test_what_goes_wrong_stands_beside_the_button(verb, fields, words, no_swallow):
    w = bench()
    before = w.screen.machine.digest()
    say(w, verb, **fields)
    assert words in alert(w), alert(w)
    if "mapped there" not in words:
        assert w.screen.machine.digest() == before or "EINVAL" in words or "more than RAM" in words
    w.command.field["text"].value = "other"
    assert alert(w) == ""


def test_a_callback_that_breaks_is_told(no_swallow, monkeypatch, capsys):
    w = bench()
    monkeypatch.setitem(VERBS, "store", VERBS["store"]._replace(do=lambda ask: 1 / 0))
    say(w, "store")
    assert "ZeroDivisionError: division by zero" in alert(w)
    assert "Traceback" in capsys.readouterr().err
    w.parts["frames"].picked = None
    w.parts["frames"].grid._on_pick(0)
    frames = w.parts["frames"].guarded(lambda i: 1 // i)
    frames(0)
    assert "ZeroDivisionError" in w.parts["frames"].said.text("alert")
    frames(1)
    assert w.parts["frames"].said.text("alert") == ""


def test_a_signal_is_the_headline(no_swallow):
    w = bench()
    say(w, "store", at="0x10")
    assert "SEGV" in w.headline.slots[0][1]
    assert "nothing is mapped there" in w.headline.text("alert")


@pytest.mark.parametrize("name", [n for n in PARTS if hasattr(PARTS[n], "picked")])
def test_every_cell_can_be_picked(name, no_swallow):
    w = bench(swapping())
    part = w.parts[name]
    for i in range(part.grid.count):
        part.grid._handle_custom_msg({"event": "pick", "index": i}, [])
        assert part.alert == ""
    part.grid._handle_custom_msg({"event": "pick", "index": 10**6}, [])


def test_a_page_picked_anywhere_is_selected_everywhere(no_swallow):
    s = forked()
    w = bench(s)
    vpn = s.text.addr // PAGE
    frame = views.page(s.machine.state, s.a.row, vpn).frame
    w.parts["frames"].grid._handle_custom_msg({"event": "pick", "index": frame}, [])
    sel = w.screen.selection
    assert (sel.row, sel.vpn, sel.frame, sel.index) == (s.a.row, vpn, frame, 0)
    assert w.parts["frames"].grid.selected == [frame]
    assert len(w.parts["address spaces"].grid.selected) == 1
    assert len(w.parts["page cache"].grid.selected) == 1
    assert w.command.field["at"].value == "alice.txt+0x0"
    assert "alice.txt page 0" in w.parts["translation"].facts
    assert "memory <mark>A</mark>" not in w.parts["page cache"].text.value
    assert "<mark>L</mark>" in w.parts["page cache"].text.value  # ALICE over Alice


def test_the_address_field(no_swallow):
    s = forked()
    w = bench(s)
    part = w.parts["translation"]
    part.address.value = "heap+0x1002"
    assert w.screen.selection[:3] == (w.screen.selection.row, s.heap.addr // PAGE + 1, 2)
    part.address.value = "nowhere"
    assert "‘nowhere’ is not an address" in part.head.text("alert")
    assert "vml-wrong" in part.address._dom_classes
    part.address.value = hex(s.heap.addr)
    assert part.head.text("alert") == "" and "vml-wrong" not in part.address._dom_classes


def test_the_policy_is_chosen(no_swallow):
    w = bench()
    w.command.policy.value = "lru"
    w.screen.limiter.flush()
    assert w.screen.machine.policy == "lru"
    assert w.command.machine.description == "Machine: lru · 64 frames"
    assert "LRU" in w.parts["frames"].facts
    w.screen.machine.policy = lambda candidates: candidates.frame[0]
    w.screen.limiter.flush()
    assert w.command.policy.value == "<lambda>"


def test_addresses_and_sizes():
    s = forked()
    state, row = s.machine.state, s.a.row
    assert parse(state, row, "heap+0x10") == s.heap.addr + 16
    assert parse(state, row, "alice.txt page 3") == s.text.addr + 3 * PAGE
    assert parse(state, row, f" {s.heap.addr} ") == s.heap.addr
    assert named(state, row, s.heap.addr + 5) == "heap+0x5"
    assert named(state, row, 0x99) == "0x99"
    for bad in ("", "heap+", "heap+-1", "0x", "zz", "-5", "1e3", str(1 << 70), "heap page x"):
        with pytest.raises(ValueError, match="address"):
            parse(state, row, bad)
    assert (size_of("16 KiB"), size_of("0x10"), size_of("2M"), size_of("7")) == (16384, 16, 2 << 20, 7)
    for bad in ("", "x", "1.5", "-1", "3 parsecs", "1 000"):
        with pytest.raises(ValueError, match="is not a size"):
            size_of(bad)


def test_python_texts_name_real_addresses():
    w = bench()
    assert re.fullmatch(r"b\.store\(0x[0-9a-f]+, b'ALICE'\)", code_of(w)) or "a.store" in code_of(w)


def test_an_address_that_is_unmapped_makes_room_and_what_was_typed_stays(no_swallow):
    m = Machine(frames=16, swap=16 * PAGE)
    p = m.spawn("p")
    heap = p.mmap(4 * PAGE, name="heap")
    p.mmap(4 * PAGE, name="more")
    heap[0] = 1
    w = Workbench(m)
    at = w.command.field["at"]
    assert at.value == "heap+0x0"
    p.munmap(heap.addr, 4 * PAGE)
    w.screen.limiter.flush()
    assert at.value == "more+0x0"
    at.value = "nowhere+0x7"
    m.policy = "lru"
    w.screen.limiter.flush()
    assert at.value == "nowhere+0x7"
