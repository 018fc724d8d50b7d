"""A cell that runs again leaves one set of widgets, and frees what nobody holds."""

import gc
import weakref

import ipywidgets
import pytest
from widgets.scenes import forked

from vmlab.widgets import FrameMap, Workbench, cell

WIDGETS = ipywidgets.widgets.widget._instances


@pytest.fixture
def run(monkeypatch):
    """`run(cell, n)`: what follows is made by the n-th run of a cell."""
    monkeypatch.setattr(cell, "_made", {})
    return lambda name, n: monkeypatch.setattr(cell, "running", lambda: (name, f"{name}-{n}"))


def test_fifty_runs_leave_one_set_of_models(run):
    m = forked().machine
    counts = []
    for n in range(50):
        run("a", n)
        w = Workbench(m)
        counts.append(len(WIDGETS))
    assert len(set(counts)) == 1
    assert w.screen.open and "closed" not in repr(w)
    w.close()


def test_what_one_run_makes_stays_together_and_cells_are_apart(run):
    m = forked().machine
    run("a", 1)
    one, two = Workbench(m, show=["frames"]), FrameMap(m)
    run("b", 1)
    other = FrameMap(m)
    assert one.screen.open and two.screen.open and other.screen.open
    run("a", 2)
    three = FrameMap(m)
    assert [x.screen.open for x in (one, two, other, three)] == [False, False, True, True]


def test_a_machine_that_nobody_holds_is_freed(run):
    run("a", 1)
    out = Workbench(forked().machine)  # as the notebook's Out[1] holds it
    held = weakref.ref(out.screen.machine)
    run("a", 2)
    again = Workbench(forked().machine)
    gc.collect()
    assert held() is None and again.screen.open and repr(out) == "Workbench(closed)"


def test_outside_a_notebook_nothing_is_closed():
    assert cell.running() == ("", "")
    m = forked().machine
    one, two = FrameMap(m), FrameMap(m)
    assert one.screen.open and two.screen.open
