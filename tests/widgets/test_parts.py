"""Every part: alone and on the Workbench, as text and table, redrawn, selected, closed."""

import gc
import html
import json
import re
import weakref

import ipywidgets
import pytest
from widgets.scenes import EVIL, PAGE, evil, forked, swapping

from vmlab import Machine, Map, views
from vmlab.kernel import calls
from vmlab.widgets import ON_REQUEST, PARTS, Part, Workbench, log

WIDGETS = ipywidgets.widgets.widget._instances


def bundle(widget) -> dict:
    data = widget._repr_mimebundle_()
    return data[0] if isinstance(data, tuple) else data


@pytest.mark.parametrize("name", PARTS)
def test_text_and_table_are_deterministic(name):
    one, two = (PARTS[name](swapping().machine) for _ in range(2))
    a, b = bundle(one), bundle(two)
    assert a["text/plain"] == repr(one) == b["text/plain"]
    assert a["text/html"] == b["text/html"]
    assert a["text/html"].startswith("<table>") and len(a["text/html"]) < 4000
    assert "\n" not in a["text/plain"] and 20 < len(a["text/plain"]) < 300
    assert "application/vnd.jupyter.widget-view+json" in a


def test_the_zero_page_is_a_cell_of_its_own():
    m = Machine(frames=16, swap=16 * PAGE, preset="linux")
    p = m.spawn("editor")
    heap = p.mmap(3 * PAGE, name="heap")
    p.load(heap.addr + PAGE, 1)
    w = Workbench(m)
    assert w.parts["address spaces"].grid.glyphs == ["", "z", ""]
    w.screen.select(views.select_page(m.state, p.row, heap.addr // PAGE + 1))
    assert "frame 16" in repr(w.parts["translation"])


def test_page_tables_mark_the_way_to_the_selected_page():
    m = Machine(frames=64, swap=0)
    p = m.spawn("editor")
    for k in range(16):  # 1 GiB apart: two tables each, more than there are lines
        p.mmap(PAGE, addr=0x4000_0000_0000 + (k << 30), flags=Map.FIXED | Map.PRIVATE).touch(True)
    w = Workbench(m)
    part = w.parts["page tables"]
    for k in (0, 15):
        w.screen.select(views.select_page(m.state, p.row, (0x4000_0000_0000 + (k << 30)) // PAGE))
        way = [part.lines[i] for i in part.grid.kin]
        assert [t.level for t in way] == [4, 3, 2, 1] and way[2].index == k
        assert "22 more are not shown" in part.status
    part.picked(len(part.lines) - 1)
    assert w.screen.selection.vpn == (0x4000_0000_0000 + (15 << 30)) // PAGE


@pytest.mark.parametrize("cpu", [0, 1])
def test_the_set_where_a_page_belongs_is_marked(cpu):
    """A page that no entry translates: the set that its CPU would search, named and marked."""
    m = Machine(frames=40, tlb=(16, 2), cpus=2)
    areas = [m.spawn(name).mmap(17 * PAGE) for name in "pq"]
    for area in areas:
        area.touch()
    row, vpn = areas[cpu].process.row, areas[cpu].addr // PAGE  # the oldest of three in one set
    part = PARTS["tlb"](m)
    part.screen.select(views.select_page(m.state, row, vpn))
    entries = [e for e in views.tlb(m.state).entries if (e.cpu, e.set) == (cpu, vpn % 8)]
    assert {e.row for e in entries} == {row} and vpn not in {e.vpn for e in entries}
    marked = [views.tlb(m.state).entries[i] for i in part.grid.kin]
    assert marked == entries and f"belongs in set {vpn % 8} and is not there" in part.status


def test_proc_can_be_read_below_the_pages():
    s = forked()
    w = Workbench(s.machine)
    part = w.parts["address spaces"]
    assert part.text.layout.display == "none"
    part.also.value = "smaps"
    w.screen.select(views.select_page(s.machine.state, s.b.row, s.heap.addr // PAGE))
    assert (
        str(s.b.smaps()) == html.unescape(re.sub("<[^>]*>", "", part.text.value)) and part.text.layout.display is None
    )
    s.b.munmap(s.text.addr, PAGE)
    w.screen.limiter.flush()
    assert str(s.b.smaps()) == html.unescape(re.sub("<[^>]*>", "", part.text.value))
    part.also.value = "status"  # its columns are apart by tabs, in Linux's file as here
    assert re.search(rf"VmRSS: +{s.b.status().rows['VmRSS']} kB", part.text.value)
    part.also.value = "pages"
    assert part.text.layout.display == "none"


def test_a_charts_data_as_a_table():
    s = swapping()
    frame = Workbench(s.machine).parts["faults"].to_frame()
    assert list(frame.columns) == ["minor", "major", "copies"] and frame.index.name == "references"
    assert frame.index.is_monotonic_increasing and frame.index[-1] == s.machine.state.machine["now"][0]
    free = Workbench(s.machine).parts["free"].to_frame()
    assert free["free"].iloc[-1] == s.machine.state.machine["nfree"][0]


def test_a_stopped_process_says_so():
    s = forked()
    s.b.suspend()
    labels = Workbench(s.machine).parts["address spaces"].grid.row_labels
    assert [label[1].endswith(", stopped") for label in labels] == [False, True]


@pytest.mark.parametrize("name", PARTS)
def test_text_follows_the_machine(name):
    s = forked()
    part = PARTS[name](s.machine)
    before = repr(part), part.to_html()
    s.a.mmap(60 * PAGE, name="big").touch(True)
    s.a.load(s.text.addr + 7 * PAGE, 1)
    assert (repr(part), part.to_html()) != before


@pytest.mark.parametrize("name", PARTS)
def test_a_part_says_what_it_shows(name):
    s = forked()
    part = PARTS[name](s.machine)
    part.screen.select(views.select_page(s.machine.state, s.a.row, s.heap.addr // PAGE))
    shown = json.dumps([w.slots for w in {part.head, part.said}])
    assert part.title in shown
    assert name in ("translation", "log") or part.status
    assert '"status"' in shown and '"alert"' in shown


@pytest.mark.parametrize("name", PARTS)
def test_an_empty_machine_can_be_drawn(name):
    part = PARTS[name](Machine(frames=4, swap=0, tlb=None))
    assert repr(part)
    assert part.alert == ""


@pytest.mark.parametrize("name", PARTS)
def test_closing_releases_every_widget_and_the_machine(name):
    m = swapping().machine
    before = set(WIDGETS)
    part = PARTS[name](m)
    assert set(WIDGETS) > before
    held = weakref.ref(m)
    part.close()
    assert set(WIDGETS) == before
    assert "closed" in repr(part)
    del m
    gc.collect()
    assert held() is None


def test_closing_a_workbench_releases_every_widget_and_the_machine():
    m = swapping().machine
    before = set(WIDGETS)
    w = Workbench(m)
    held = weakref.ref(m)
    w.close()
    assert set(WIDGETS) == before
    assert repr(w) == "Workbench(closed)"
    del m
    gc.collect()
    assert held() is None


def test_the_number_of_models_stays_the_same_over_1000_steps():
    s = forked(frames=12)
    m = s.machine
    big = s.a.mmap(12 * PAGE, name="big")
    w = Workbench(m)
    m.queue(([p for _ in range(100) for p in big.pages[:10]], True), s.a)
    m.step(5)
    w.screen.redraw()
    before = len(WIDGETS)
    for i in range(995):
        m.step()
        if i % 25 == 0:
            w.screen.redraw()
            w.screen.select(views.select_frame(m.state, i % 12))
    w.screen.redraw()
    assert m.queue_left == 0
    assert len(WIDGETS) == before


@pytest.mark.parametrize("name", PARTS)
def test_evil_names_stay_text(name):
    m = evil()
    part = PARTS[name](m)
    for p in m.processes:
        for area in views.areas(m.state, p.row):
            for vpn in range(area.first, area.stop):
                part.screen.select(views.select_page(m.state, p.row, vpn))
                check_escaped(part)


def test_evil_names_stay_text_on_the_workbench():
    w = Workbench(evil())
    for verb in w.command.verb.options:
        w.command.verb.value = verb
        w.command.go.click()
        w.screen.redraw()
        check_escaped(w)


def check_escaped(widget) -> None:
    """No HTML that a widget sends holds markup from a name; what is not HTML is set as text by the scripts."""
    pages = [bundle(widget)["text/html"]]
    waiting = [widget]
    while waiting:
        w = waiting.pop()
        waiting += getattr(w, "children", ())
        if isinstance(w, ipywidgets.HTML):
            pages.append(w.value)
    for text in pages:
        assert "<img" not in text and "<script" not in text and "<b>bold" not in text and "<u>" not in text
        assert 'onerror=alert(1)>"' not in text and "\u202e" not in text


def test_names_are_never_markup_in_the_scripts():
    """The scripts that draw names have no way to make markup of them."""
    from vmlab.widgets import cellgrid, slots

    for script in (cellgrid.CellGrid._esm, slots.Slots._esm):
        assert "innerHTML" not in str(script) and "insertAdjacent" not in str(script) and "outerHTML" not in str(script)
    assert EVIL not in repr(evil())


MACHINES = {
    "pencil and paper": {"mmu": (2, 4), "page_size": 16, "frames": 4, "swap": 64},
    "two levels": {"mmu": "i386"},
    "five levels": {"mmu": "x86-64-la57"},
    "no TLB, LRU": {"tlb": None, "policy": "lru"},
    "two CPUs, 8 ways": {"tlb": (512, 8), "cpus": 2},
    "no swap": {"frames": 600, "swap": 0},
    "counts only, large": {"contents": False, "frames": 5000, "swap": 2000 * PAGE},
}


@pytest.mark.parametrize("name", MACHINES)
def test_every_kind_of_machine_can_be_drawn(name, no_swallow):
    m = Machine(**MACHINES[name])
    n = len(m.state.frames)
    a = m.spawn("editor")
    heap = a.mmap(m.page_size * min(n // 2 + 1, 3000), name="heap")
    heap.touch(True)
    b = a.fork("spell")
    b.store(heap.addr, b"x")
    w = Workbench(m, show=PARTS)
    for k in range(0, n, max(1, n // 7)):
        w.parts["frames"].grid._handle_custom_msg({"event": "pick", "index": k}, [])
        w.parts["frames"].grid._handle_custom_msg({"event": "tip", "index": k}, [])
    w.screen.select(views.select_page(m.state, a.row, heap.addr // m.page_size))
    assert w.parts["translation"].picture.value.count("class='vml-tb") == len(m.state.level)
    assert [p.alert for p in w.parts.values()] == [""] * len(w.parts)
    w.screen.redraw()
    assert len(w.to_html()) < 6000


def test_without_a_history_the_rest_works(no_swallow):
    w = Workbench(forked(history=None).machine)
    assert "keeps no history" in w.headline.text("status")
    assert w.transport.undo.disabled and w.transport.redo.disabled
    w.command.go.click()
    w.screen.limiter.flush()
    assert [p.alert for p in w.parts.values()] == [""] * len(w.parts)


def test_a_branch_begins_its_own_record(no_swallow):
    w = Workbench(forked().machine.branch())
    assert w.headline.text("status") == "The record begins here."
    assert "Running: A editor, B spell." in json.dumps(w.headline.slots)


def test_of_many_processes_some_are_shown_the_selected_among_them():
    m = Machine(frames=64)
    heaps = {}
    for k in range(12):
        p = m.spawn(f"p{k}")
        heaps[p] = p.mmap(2 * PAGE, name="heap")
        heaps[p].touch(True)
    w = Workbench(m)
    spaces = w.parts["address spaces"]
    assert len(spaces.shown) == 6 and "+6 more" in spaces.facts
    tenth = m.process("p9")
    w.screen.select(views.select_page(m.state, tenth.row, heaps[tenth].addr // PAGE))
    assert tenth.row in spaces.shown and len(spaces.grid.selected) == 1


def test_a_notebook_with_a_workbench_stays_small():
    before = set(WIDGETS)
    Workbench(swapping().machine)
    mine = [WIDGETS[k] for k in set(WIDGETS) - before]
    state = ipywidgets.Widget.get_manager_state(drop_defaults=True, widgets=mine)
    assert len(json.dumps(state)) < 300_000


def test_unknown_parts_are_refused():
    with pytest.raises(ValueError, match="there is no part 'frame'; choose from 'address spaces'"):
        Workbench(Machine(frames=4), show=["frame"])


def test_show_chooses_parts():
    w = Workbench(forked().machine, show=["frames", "log"])
    assert list(w.parts) == ["frames", "log"]
    assert all(isinstance(p, Part) for p in w.parts.values())


def test_workbench_prints_one_true_line():
    w = Workbench(forked().machine)
    n = w.screen.machine.history.now
    assert repr(w) == f"Workbench(64 frames, 55 free; 2 processes; moment {n} of {n})"
    html = bundle(w)["text/html"]
    assert "copied frame" in html and html.count("<tr>") == len(w.parts) + 2 == len(PARTS) - len(ON_REQUEST) + 2


def test_no_call_is_cut_off_in_the_log():
    names = calls.OF_PROCESS.keys() | calls.OF_MACHINE.keys()
    assert [n for n in names if len(log.SHORT.get(n, n)) > 6] == []


def test_could_it_have_been_avoided(no_swallow):
    """The button answers in words and a table, about this page and this moment only."""
    m = Machine(frames=3, policy="fifo", swap=16 * PAGE)
    p = m.spawn("p")
    area = p.mmap(4 * PAGE)
    part = PARTS["translation"](m)
    part.avoid.click()
    assert part.alert == "✖ pick a page first"
    for page in (0, 1, 2, 3, 0):
        area[page * PAGE] = 1
    part.screen.limiter.flush()
    assert part.answer.layout.display == "none"
    part.avoid.click()
    assert part.alert == "" and part.answer.layout.display is None
    assert "<b>Yes, with 1 frame more: 4 faults up to then, not 5.</b>" in part.answer.value
    assert part.answer.value.count("<tr>") == 1 + len(views.could_avoid(p, area).trials) + 1
    part.screen.select(views.select_page(m.state, p.row, area.addr // PAGE + 1))
    assert part.answer.layout.display == "none"
    part.avoid.click()
    assert "Step 4: page 1 of" in part.answer.value  # its one fault, which came with the page's first touch
    m.undo()
    part.screen.limiter.flush()
    assert part.answer.layout.display == "none"
