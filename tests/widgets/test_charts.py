"""Charts over time: one axis for all, zoom and pan, reading, going there, taking away."""

import ipywidgets
import numpy as np
import pytest
from widgets.scenes import PAGE, forked, swapping
from widgets.test_redraw import sent

from vmlab import Machine, views
from vmlab.views import Axis
from vmlab.widgets import ON_REQUEST, PARTS, Chart, Workbench, WorkingSetsOverTime

WIDGETS = ipywidgets.widgets.widget._instances
CHARTS = {name: kind for name, kind in PARTS.items() if issubclass(kind, Chart)}


def loop(n: int = 40) -> Machine:
    """Four calls, then a bulk run of 2 n references to n pages, which miss once each, then one call more."""
    m = Machine(frames=64, swap=64 * PAGE)
    p = m.spawn("p")
    area = p.mmap(n * PAGE, name="heap")
    p.store(area.addr, b"x")
    p.load(area.addr)
    p.access([*area.pages] * 2, True)
    p.store(area.addr, b"y")
    return m


def act(chart: Chart, event: str, at: float | None = None, key: str = "", shift: bool = False) -> None:
    """What the page says when somebody does something on a chart."""
    chart.pointer._handle_custom_msg({"event": event, "at": at, "key": key, "shift": shift}, [])


def told(chart: Chart) -> str:
    return chart.said.text("status")


def page_moves(w: Workbench, low: float, high: float) -> None:
    """What arrives when bqplot's PanZoom has moved the scale in the page."""
    w.screen.time.scale.set_state({"min": low, "max": high})


def test_the_charts_are_these():
    assert list(CHARTS) == ["faults", "swap traffic", "resident", "free", *ON_REQUEST]
    assert len(ON_REQUEST) == 4


def test_all_charts_move_together(no_swallow):
    w = Workbench(loop(), show=CHARTS)
    assert {id(c.marks[0].scales["x"]) for c in w.parts.values()} == {id(w.screen.time.scale)}
    assert {id(c.figure.interaction) for c in w.parts.values()} == {id(w.screen.time.pan)}
    assert w.screen.time.seen == (0, 84)  # 83 references
    page_moves(w, 20, 60)
    for c in w.parts.values():
        assert c.below_axis.tick_values.tolist() == [32, 48] or c.below_axis.tick_values.tolist() == [20, 40, 60]
        assert list(c.below_axis.tick_labels) == [f"{v:.0f}" for v in c.below_axis.tick_values]
    assert "20 to 60 references, of 84" in repr(w.time.said)


def test_zoom_stays_while_the_machine_goes_on_and_ends_with_the_whole_run(no_swallow):
    m = loop()
    w = Workbench(m, show=["faults", "free"])
    t = w.screen.time
    w.time.buttons[0].click()  # zoom in, about the middle
    assert t.seen == (21, 63) and t.zoomed
    m.processes[0].mmap(PAGE, name="more")[0] = 1
    w.screen.limiter.flush()
    assert t.seen == (21, 63) and w.parts["faults"].marks[0].x[-1] == 84
    w.time.buttons[3].click()  # later: no further than the run goes
    assert t.seen == (42, 84)
    w.time.buttons[2].click()
    assert t.seen == (21, 63)
    w.time.buttons[1].click()
    assert t.seen == (0, 84) and not t.zoomed
    page_moves(w, -30, 50)
    act(w.parts["free"], "settled")
    assert t.seen == (0, 80)
    w.time.buttons[4].click()
    assert t.seen == (0, 84) and not t.zoomed


def test_keys_do_all_that_the_mouse_does(no_swallow):
    m = loop()
    w = Workbench(m, show=["faults", "resident"])
    c, t = w.parts["faults"], w.screen.time
    act(c, "key", key="ArrowLeft")
    assert t.pointed == 82 and told(c).startswith("At 82 references: minor ")
    act(c, "key", key="Home")
    assert t.pointed == 0
    act(c, "key", key="End")
    assert t.pointed == 83 and c.pointer.line == pytest.approx(83 / 84)
    act(c, "key", key="+")
    assert t.seen[1] - t.seen[0] == 42 and t.seen[0] <= 83 <= t.seen[1]
    act(c, "key", key="ArrowLeft", shift=True)
    assert t.seen == (20.5, 62.5)
    act(c, "key", key="-")
    act(c, "key", key="0")
    assert t.seen == (0, 84)
    act(c, "point", at=40 / 84)
    before = m.history.now
    act(c, "key", key="Enter")
    assert m.history.now < before and m.state.machine["now"][0] == 40
    act(c, "key", key="Escape")
    assert t.pointed is None and c.pointer.line == -1 and told(c).startswith("So far")


@pytest.mark.parametrize("name", CHARTS)
@pytest.mark.parametrize("axis", Axis)
def test_pointing_tells_what_the_machine_counted(name, axis, no_swallow):
    m = swapping().machine
    w = Workbench(m, show=[name])
    c = w.parts[name]
    w.time.axis.value = axis
    d = c.series(views.look_at(m.state), axis)
    low, high = w.screen.time.seen
    for i in {1, len(d.time) // 2, len(d.time) - 1}:
        x = (d.time[i] + (d.time[i + 1] if i + 1 < len(d.time) else d.time[i])) / 2
        act(c, "point", at=(x - low) / (high - low))
        last = np.searchsorted(d.time, x, "right") - 1
        for line, v in d.values.items():
            shown = f"{v[last]:.1f} %" if c.unit == "%" else f"{v[last]:,.0f}"
            assert f"{line} {shown}" in told(c)
    assert all(abs(p.pointer.line - (x - low) / (high - low)) < 1e-9 for p in w.parts.values())
    act(c, "point")
    assert not told(c).startswith("At ")


def test_pointing_at_one_chart_reads_all():
    w = Workbench(loop(), show=CHARTS)
    act(w.parts["free"], "point", at=0.5)
    assert all(told(c).startswith("At 42 references: ") for c in w.parts.values())
    assert w.parts["free"].read(42) == "At 42 references: free 24."  # 40 pages, one reference each after the first two


@pytest.mark.parametrize("axis", Axis)
def test_a_click_goes_to_that_moment(axis, no_swallow):
    m = loop()
    end = m.digest()
    w = Workbench(m, show=["faults"])
    c, t = w.parts["faults"], w.screen.time
    w.time.axis.value = axis
    last = m.history.now
    act(c, "pick", at=0.5)
    assert m.history.now == 4 and m.history.part is not None  # within the bulk run, which is step 5
    assert w.screen.limiter.flush() is None
    now = {Axis.REFERENCES: "now", Axis.EVENTS: "nevent"}.get(axis)
    here = m.clock_ns if now is None else int(m.state.machine[now][0])
    assert abs(here - t.end / 2) <= 0.05 * t.end
    assert t.end == t.seen[1]  # the axis still goes to the end of the record: nothing jumps
    act(c, "pick", at=1.0)
    assert m.history.now == last and m.digest() == end
    act(c, "pick", at=0.0)
    assert m.state.machine["now"][0] == 0


def test_a_click_to_the_reference(no_swallow):
    m = loop()
    w = Workbench(m, show=["faults"])
    for reference in (1, 2, 3, 30, 82, 83):
        act(w.parts["faults"], "pick", at=reference / 84)
        assert m.state.machine["now"][0] == reference
        w.screen.limiter.flush()


def test_without_a_history_a_click_is_refused_in_words(no_swallow):
    w = Workbench(forked(history=None).machine, show=["faults"])
    act(w.parts["faults"], "pick", at=0.5)
    assert "keeps no history" in w.parts["faults"].alert


def test_time_can_be_counted_in_something_else(no_swallow):
    m = swapping().machine
    w = Workbench(m, show=CHARTS)
    ends = {
        Axis.REFERENCES: m.state.machine["now"][0],
        Axis.EVENTS: m.state.machine["nevent"][0],
        Axis.TIME: m.clock_ns,
    }
    for axis, end in ends.items():
        w.time.axis.value = axis
        assert all(c.marks[0].x[-1] == end for c in w.parts.values())
        assert end <= w.screen.time.end <= 1.25 * end
    assert w.parts["faults"].below_axis.tick_labels["0"] == "0"
    assert all(
        text.endswith("µs") or text.endswith("ms") or text == "0"
        for text in w.parts["faults"].below_axis.tick_labels.values()
    )


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_alone_has_everything(name, no_swallow):
    before = set(WIDGETS)
    chart = CHARTS[name](loop())
    bar = chart.children[2]
    assert type(bar).__name__ == "TimeBar"
    bar.buttons[0].click()
    assert chart.screen.time.zoomed
    bar.axis.value = Axis.EVENTS
    assert chart.marks[0].x[-1] == chart.screen.state.machine["nevent"][0]
    chart.close()
    assert set(WIDGETS) == before


@pytest.mark.parametrize("name", CHARTS)
@pytest.mark.parametrize("axis", Axis)
def test_the_data_is_what_is_drawn(name, axis):
    m = swapping().machine
    chart = CHARTS[name](m)
    frame = chart.to_frame(axis)
    d = chart.series(views.look_at(m.state), axis)
    assert list(frame.columns) == list(d.values) and frame.index.name == axis
    assert frame.index.tolist() == d.time.astype(int).tolist()
    for column, v in d.values.items():
        assert frame[column].tolist() == v.tolist()
    assert frame.attrs["unit"] in ("pages", "faults", "frames", "%") and frame.attrs["window"] == d.window
    assert chart.to_frame().equals(chart.to_frame("references"))


def test_an_axis_there_is_not_is_refused():
    with pytest.raises(ValueError, match="'seconds' is not a valid Axis"):
        CHARTS["faults"](loop()).to_frame("seconds")


def test_pictures_are_asked_of_the_page(no_swallow):
    w = Workbench(loop(), show=["faults", "free"])
    asked = []
    for c in w.parts.values():
        c.figure.send = lambda content, c=c: asked.append((c.title, content["type"], content["filename"]))
    w.time.save.value = "Faults as SVG"
    w.time.save.value = "Free frames as PNG"
    assert asked == [("Faults", "save_svg", "faults.svg"), ("Free frames", "save_png", "free-frames.png")]
    assert w.time.save.index == 0


def test_further_charts_can_be_chosen(no_swallow):
    m = loop()
    before = set(WIDGETS)
    w = Workbench(m)
    assert list(w.time.more.options) == ["more charts …", *ON_REQUEST]
    assert list(w.parts) == [name for name in PARTS if name not in ON_REQUEST]
    w.time.more.value = "pressure"
    w.time.more.value = "hit rate"
    charts = [p.title for p in w.stage.children if isinstance(p, Chart)]
    assert charts == ["Faults", "Swap traffic", "Resident pages", "Free frames", "Pressure", "TLB hit rate"]
    assert list(w.time.more.options) == ["more charts …", "working sets", "dirty pages"]
    m.processes[0].mmap(PAGE)[0] = 1
    w.screen.limiter.flush()
    assert w.parts["hit rate"].marks[0].x[-1] == 84
    w.close()
    assert set(WIDGETS) == before


def test_the_working_set_has_a_window(no_swallow):
    m = loop(100)
    chart = WorkingSetsOverTime(m)
    assert chart.windows == [32, 128, 512] and chart.window == 128
    assert "A 100" in repr(chart)
    chart.choice.value = 32
    assert "A 32: 32 pages; 64 frames." in told(chart)
    chart.window = 512
    assert chart.to_frame()["A"].iloc[-1] == 100
    with pytest.raises(ValueError, match="window=7: choose from 32, 128, 512"):
        chart.window = 7


def test_reading_sends_no_curve():
    w = Workbench(loop(), show=CHARTS)
    names = sent(w)
    act(w.parts["faults"], "point", at=0.5)
    assert not [name for name in names if name[0] in ("Lines", "Axis", "LinearScale", "Figure")]
    names.clear()
    act(w.parts["faults"], "point", at=0.5)
    assert names == []
