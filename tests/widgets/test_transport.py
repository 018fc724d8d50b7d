"""Through time: undo, redo, scrub, step, play, stop."""

import asyncio
import time

import numpy as np
import pytest
from widgets.bench import alert, bench, say
from widgets.scenes import forked, swapping

from vmlab.widgets import screen


def test_undo_redo_scrub(no_swallow):
    s = forked()
    w = bench(s)
    t, m = w.transport, s.machine
    n = m.history.now
    t.undo.click()
    w.screen.limiter.flush()
    assert m.history.now == n - 1 and not t.redo.disabled and t.scrub.value == n - 1
    t.redo.click()
    w.screen.limiter.flush()
    assert m.history.now == n and t.redo.disabled
    t.scrub._handle_custom_msg({"event": "moment", "moment": 2}, [])
    w.screen.limiter.flush()
    assert m.history.now == 2 and "moment 2 of" in t.now.slots[0][1]
    t.scrub._handle_custom_msg({"event": "moment", "moment": -5}, [])
    w.screen.limiter.flush()
    assert t.undo.disabled and not w.parts["address spaces"].shown
    w.parts["log"].refresh()
    t.step.click()
    assert m.history.now == 1
    m.seek(n)
    w.screen.limiter.flush()
    w.parts["log"].grid._handle_custom_msg({"event": "pick", "index": 0}, [])
    assert m.history.now == max(1, n - 9)


def test_bookmarks(no_swallow):
    w = bench()
    m = w.screen.machine
    n = m.history.now
    w.transport.mark.click()
    m.undo(3)
    w.screen.limiter.flush()
    w.transport.marks.value = n
    assert m.history.now == n


def test_step_makes_the_next_reference(no_swallow):
    s = forked()
    w = bench(s)
    assert w.transport.step.disabled and w.transport.play.disabled
    say(w, "queue workload", count="6", pattern="round and round", at="heap")
    assert s.machine.queue_left == 6 and not w.transport.step.disabled
    w.transport.step.click()
    w.screen.limiter.flush()
    assert s.machine.queue_left == 5
    assert "heap page 0" in w.headline.text("status")


@pytest.mark.parametrize("speed", ["10 a second", "at full speed"])
def test_play_runs_to_the_end_and_stops(speed, no_swallow):
    s = forked()

    async def play():
        w = bench(s)
        say(w, "queue workload", count="3", pattern="in order", at="heap")
        w.transport.speed.value = speed
        w.transport.play.value = True
        assert w.transport.play.description == "Stop"
        for _ in range(60):
            await asyncio.sleep(0.05)
            if not w.transport.play.value:
                return w
        return w

    w = asyncio.run(play())
    assert s.machine.queue_left == 0
    assert not w.transport.play.value and w.transport.play.description == "Play"
    assert w.transport.said.text("alert") == ""


def test_stop_ends_a_long_run(no_swallow):
    s = swapping()
    pages = [*s.heap.pages, *s.text.pages]  # more than there are frames: in turn, each of them faults
    s.machine.queue((np.tile(np.array(pages), 1_000_000), True), s.a)

    async def play():
        w = bench(s)
        w.transport.speed.value = "at full speed"
        w.transport.play.value = True
        await asyncio.sleep(0.1)
        assert s.machine.running
        w.command.go.click()
        busy = alert(w)
        w.transport.play.value = False
        begin = asyncio.get_running_loop().time()
        while s.machine.running:
            await asyncio.sleep(0.005)
        return busy, asyncio.get_running_loop().time() - begin

    busy, seconds = asyncio.run(play())
    assert "a run is going: stop it first" in busy
    assert seconds < 0.5
    assert s.machine.queue_left > 0 and s.machine.check() == []


def test_a_signal_stops_play_and_is_told(no_swallow):
    s = forked()
    s.machine.queue(([s.heap.addr, 0x40, s.heap.addr], False), s.a)

    async def play():
        w = bench(s)
        w.transport.play.value = True
        await asyncio.sleep(0.5)
        return w

    w = asyncio.run(play())
    assert "nothing is mapped there" in w.transport.said.text("alert")
    assert s.machine.queue_left == 1


def test_play_keeps_its_pace_whatever_a_step_costs(no_swallow, monkeypatch):
    s = forked()

    async def play():
        w = bench(s)
        say(w, "queue workload", count="200", pattern="in order", at="heap")
        advance = w.transport.advance
        monkeypatch.setattr(w.transport, "advance", lambda: (time.sleep(0.06), advance())[1])  # of the 0.1 s there are
        w.transport.play.value = True
        await asyncio.sleep(1.5)
        w.transport.play.value = False

    asyncio.run(play())
    assert 12 <= 200 - s.machine.queue_left <= 17  # ten a second; where the pause comes after the step, nine in all


def test_clicks_made_while_a_cell_ran_are_not_made_up_for(monkeypatch, no_swallow):
    """They wait until the cell has ended, and five of them would be five steps that nobody wants any more."""
    monkeypatch.setattr(screen, "LOOK_IN", 0.0)
    monkeypatch.setattr(screen, "STALE", 0.05)
    s = forked()
    w = bench(s)
    m, t = s.machine, w.transport

    async def cell_and_clicks():
        m.queue((np.tile(np.array(s.heap.pages), 200_000), False), s.a)
        m.queue((np.array(s.heap.pages), True), s.a)
        m.run(len(s.heap.pages) * 200_000)  # the cell
        before = m.history.now
        await asyncio.sleep(0)  # the loop turns: what has waited is handled
        for _ in range(5):
            t.step.click()
            await asyncio.sleep(0.002)
        assert m.history.now == before and "click again" in t.said.text("alert")
        await asyncio.sleep(0.2)
        t.step.click()
        assert m.history.now == before + 1 and t.said.text("alert") == ""

    asyncio.run(cell_and_clicks())
