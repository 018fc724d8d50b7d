"""When parts are drawn, and what is sent."""

import asyncio
import time

import numpy as np
import pytest
from widgets.scenes import PAGE, forked, swapping

from vmlab import views
from vmlab.widgets import PARTS, FrameMap, Workbench, screen
from vmlab.widgets.limiter import Limiter


def test_the_limiter_draws_at_once_then_seldom_and_once_at_the_end():
    drawn = []

    async def burst():
        limiter = Limiter(lambda: drawn.append(time.monotonic()), per_second=20)
        begin = time.monotonic()
        while time.monotonic() < begin + 0.5:
            limiter.mark()
            await asyncio.sleep(0)
        last = time.monotonic()
        await asyncio.sleep(0.2)
        return begin, last, limiter

    begin, last, limiter = asyncio.run(burst())
    assert drawn[0] - begin < 0.05
    assert 5 <= len(drawn) <= 12
    assert drawn[-1] >= last - 0.01
    assert not limiter.due


def test_without_a_loop_what_is_due_is_drawn_when_somebody_looks():
    s = forked()
    part = FrameMap(s.machine)
    s.a.mmap(4 * PAGE, name="one").touch(True)
    s.a.mmap(4 * PAGE, name="two").touch(True)
    assert "51 free" not in part.facts
    assert "47 free" in repr(part)
    assert "47 free" in part.facts


def test_the_end_of_a_burst_is_drawn():
    s = forked()
    big = s.a.mmap(40 * PAGE, name="big")

    async def burst():
        w = Workbench(s.machine)
        for addr in big.pages:
            s.a.store(addr, b"x")
        await asyncio.sleep(0.3)
        return w

    w = asyncio.run(burst())
    assert "15 free" in w.parts["frames"].facts
    assert "big page 39" in w.headline.text("status")


def sent(widget) -> list:
    """Names of what a widget and all below it send from now on."""
    names = []
    waiting = [widget]
    while waiting:
        w = waiting.pop()
        waiting += [x for name in ("children", "marks", "axes") if name in w.keys for x in getattr(w, name)]

        def noted(*a, w=w, old=w._send, **k):
            message = a[0] if a else k
            names.extend((type(w).__name__, key) for key in message.get("state", {}))
            old(*a, **k)

        w._send = noted
    return names


@pytest.mark.parametrize("name", PARTS)
def test_drawing_the_same_again_sends_nothing(name):
    part = PARTS[name](swapping().machine)
    part.refresh()
    names = sent(part)
    part.refresh()
    part.screen.redraw()
    assert names == []


def test_a_selection_rebuilds_no_picture():
    s = swapping()
    w = Workbench(s.machine)
    names = sent(w)
    w.screen.select(views.select_page(s.machine.state, s.a.row, s.heap.addr // PAGE + 3))
    changed = {key for kind, key in names if kind == "CellGrid"}
    assert changed <= {"selected", "kin"}
    assert not [key for kind, key in names if kind in ("Lines", "Figure", "Axis", "LinearScale")]


def test_bqplot_is_given_float64_only():
    w = Workbench(swapping().machine)
    for name in ("faults", "swap traffic", "resident", "free"):
        chart = w.parts[name]
        for mark in chart.marks:
            assert mark.x.dtype == mark.y.dtype == np.float64
        for axis in (chart.left_axis, chart.below_axis):
            assert axis.tick_values.dtype == np.float64
        assert chart.figure.tooltip is None


def test_charts_share_their_time():
    w = Workbench(swapping().machine)
    scales = {id(w.parts[n].marks[0].scales["x"]) for n in ("faults", "swap traffic", "resident", "free")}
    assert len(scales) == 1
    assert w.screen.time.scale.max == float(w.screen.state.machine["now"][0])


def test_a_part_that_cannot_be_drawn_says_so_and_breaks_no_call(capsys):
    s = forked()
    w = Workbench(s.machine)
    w.parts["tlb"].draw = lambda look: 1 / 0
    s.a.store(s.heap.addr + PAGE, b"x")
    w.screen.limiter.flush()
    assert "not up to date: ZeroDivisionError" in w.parts["tlb"].head.text("alert")
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert "copied" in w.headline.text("status") and w.parts["frames"].alert == ""


def test_nobody_looking_nothing_is_sent():
    s = forked()
    w = Workbench(s.machine)
    w.theme._handle_custom_msg({"event": "shown"}, [])
    w.theme._handle_custom_msg({"event": "hidden"}, [])
    names = sent(w)
    s.a.store(s.heap.addr + PAGE, b"x")
    assert names == []
    w.theme._handle_custom_msg({"event": "shown"}, [])
    assert names
    assert "copied" in w.headline.text("status")


def test_a_step_is_drawn_once_and_no_button_is_off_meanwhile():
    """A click that comes while a button is off is lost."""
    s = forked()
    w = Workbench(s.machine)
    s.machine.queue((np.array(s.heap.pages), True), s.a)
    w.screen.limiter.flush()
    drawn, off = [], []
    redraw = w.screen.limiter.draw
    w.screen.limiter.draw = lambda: (drawn.append(s.machine.history.now), redraw())
    for button in (w.transport.step, w.transport.undo, w.transport.branch):
        button.observe(lambda change: off.append(change["owner"].description), "disabled")
    for _ in range(3):
        w.screen.limiter._last -= 10  # the last drawing is long ago
        w.screen.limiter._next -= 10
        w.transport.step.click()
    now = s.machine.history.now
    assert drawn == [now - 2, now - 1, now] and off == []


def test_a_run_in_a_cell_is_looked_in_on(monkeypatch):
    """The screen shows how many references wait while they are made, seldom, and the end."""
    monkeypatch.setattr(screen, "LOOK_IN", 0.0)
    s = forked()
    w = Workbench(s.machine)
    w.screen.limiter.pause = 0.0
    seen = []
    s.machine.queue((np.tile(np.array(s.heap.pages), 400_000), False), s.a)
    s.machine.run(progress=lambda done, total: seen.append(repr(w.transport.now)))
    waiting = [int(text.split(" waiting")[0].split()[-1].replace(",", "")) for text in seen if "waiting" in text]
    assert len(set(waiting)) > 3
    assert waiting == sorted(waiting, reverse=True)
    w.screen.limiter.flush()
    assert "waiting" not in repr(w.transport.now)
    assert s.machine.under_way == 0
