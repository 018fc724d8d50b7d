"""The log: what is chosen is shown, and a line that is picked shows its moment and its page everywhere."""

import pytest
from widgets.scenes import PAGE, forked, swapping

from vmlab import SegmentationFault, views
from vmlab.widgets import EventLog, Workbench


def lines(log: EventLog, shown: str) -> list[str]:
    log.filter.value = shown
    return list(log.grid.tips)


def test_each_choice_shows_its_own():
    """The scene: a heap of 6 pages touched, a page of a file read by each, and one copied after the fork."""
    log = EventLog(forked().machine)
    assert lines(log, "copies") == ["page 0 of B spell's heap copied from frame 0 to frame 8 (copy-on-write)."]
    faults = lines(log, "faults")
    assert len(faults) == 6 + 2 + 1
    assert sum("touched for the first time" in t for t in faults) == 6
    assert lines(log, "swap") == []
    assert log.status == "Nothing yet."
    assert len(lines(log, "faults and evictions")) == len(faults) + 1  # and the fork
    assert lines(log, "signals and errors") == []


def test_swap_is_what_came_and_went():
    s = swapping()
    told = lines(EventLog(s.machine), "swap")
    assert told and all("swap slot" in t for t in told)
    assert any("came back from swap slot" in t for t in told) and any("written to swap slot" in t for t in told)


def test_signals_and_errors_are_found_however_long_ago():
    s = forked()
    with pytest.raises(SegmentationFault):
        s.b.store(0x10, b"x")
    with pytest.raises(OSError, match="EINVAL"):
        s.b.munmap(3, PAGE)
    for _ in range(30):
        s.a.store(s.heap.addr, b"x")
    told = lines(EventLog(s.machine), "signals and errors")
    assert len(told) == 2 and "nothing is mapped there" in told[0] and "EINVAL" in told[1]


def test_this_page_is_nobody_elses():
    s = forked()
    log = EventLog(s.machine)
    log.screen.select(views.select_page(s.machine.state, s.b.row, s.heap.addr // PAGE))
    assert ["copy-on-write" in t for t in lines(log, "this page")] == [True]
    log.screen.select(views.NOTHING)
    assert lines(log, "this page") == []


def test_a_line_that_is_picked_shows_its_moment_and_its_page():
    s = forked()
    w = Workbench(s.machine)
    log, n = w.parts["log"], s.machine.history.now
    told = lines(log, "faults")
    at = next(i for i, t in enumerate(told) if t.startswith("page 2 of A editor's heap"))
    log.grid._handle_custom_msg({"event": "pick", "index": at}, [])
    assert s.machine.history.now < n  # the heap was touched long before
    assert (w.screen.selection.row, w.screen.selection.vpn) == (s.a.row, s.heap.addr // PAGE + 2)
    assert w.parts["frames"].grid.selected == [w.screen.selection.frame] != [-1]
    assert w.command.field["at"].value == "heap+0x2000"
    w.screen.select(views.select_page(s.machine.state, s.a.row, s.heap.addr // PAGE + 5))
    at = next(i for i, t in enumerate(log.grid.tips) if t.startswith("page 3 of A editor's heap"))
    log.grid._handle_custom_msg({"event": "pick", "index": at}, [])  # of the moment that is shown already
    assert w.screen.selection.vpn == s.heap.addr // PAGE + 3


def test_a_line_about_a_page_that_is_not_mapped_leaves_the_selection():
    s = forked()
    w = Workbench(s.machine)
    with pytest.raises(SegmentationFault):
        s.b.store(0x10, b"x")
    w.screen.limiter.flush()
    before, log = w.screen.selection, w.parts["log"]
    log.grid._handle_custom_msg({"event": "pick", "index": log.grid.count - 1}, [])
    assert w.screen.selection[:2] == before[:2] and log.alert == ""
