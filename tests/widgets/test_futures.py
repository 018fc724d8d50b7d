"""Two futures of one machine: each goes its own way, and what either has cost stands beside the other."""

import gc
import weakref

import ipywidgets
import pytest
from widgets.scenes import PAGE

from vmlab import Machine
from vmlab.widgets import TwoFutures, Workbench

WIDGETS = ipywidgets.widgets.widget._instances


@pytest.fixture
def m():
    machine = Machine(frames=3, policy="fifo", swap=16 * PAGE)
    area = machine.spawn("p").mmap(4 * PAGE, name="area")
    for page in (0, 1, 2, 0):
        area[page * PAGE] = 1
    return machine


def test_fifo_or_lru(m):
    """0 is used once more, then 3 comes: FIFO lets 0 go, LRU 1. Then 0 is wanted."""
    both = TwoFutures(m, show=["frames"])
    right = both.machines[1]
    right.policy = "lru"
    for machine in both.machines:
        p = machine.process("p")
        at = machine.state.vmas[0].first * PAGE
        for page in (0, 3, 0):
            p.store(int(at) + page * PAGE, b"x")
    both.limiter.flush()
    assert [c["majflt"] for c in both.cost()] == [1, 0]
    assert [c["minflt"] for c in both.cost()] == [1, 1]
    assert ("major faults", "1", "0", "-1") in both.rows()
    assert "<td>major faults</td><td>1</td><td>0</td><td>-1</td>" in both.table.value
    assert "left fifo, right lru" in repr(both.head)
    assert repr(both) == (
        f"TwoFutures(since moment {both.moment}: left 1 minor fault, 1 major fault, right 1 minor fault)"
    )
    both.close()


def test_the_machine_given_is_the_left_one_and_the_right_one_leaves_it_alone(m):
    both = TwoFutures(m, show=["frames"])
    was = m.digest()
    assert both.machines[0] is m and both.machines[1] is not m
    both.machines[1].spawn("another")
    assert m.digest() == was and len(m.processes) == 1
    both.close()


def test_branch_here_begins_anew(m):
    both = TwoFutures(m, show=["frames"])
    old = both.machines[1]
    m.spawn("q")
    count = len(WIDGETS)
    both.again.click()
    assert both.machines[0] is m and both.machines[1] is not old
    assert both.machines[1].digest() == m.digest()
    assert both.moment == m.history.now
    assert both.rows() == []
    assert len(WIDGETS) == count  # the old Workbenches are gone
    both.close()


def test_closed_it_leaves_nothing(m):
    count = len(WIDGETS)
    both = TwoFutures(m, show=["address spaces", "log"])
    other = weakref.ref(both.machines[1])
    both.close()
    both.close()
    assert len(WIDGETS) == count
    del both
    gc.collect()
    assert other() is None


def test_an_unknown_part_leaves_nothing(m):
    count = len(WIDGETS)
    with pytest.raises(ValueError, match="there is no part 'frame'"):
        TwoFutures(m, show=["frame"])
    gc.collect()
    assert len(WIDGETS) == count


def test_as_text(m):
    both = TwoFutures(m, show=["frames"])
    data = both._repr_mimebundle_()
    bundle = data[0] if isinstance(data, tuple) else data
    assert bundle["text/plain"] == f"TwoFutures(since moment {both.moment}: left nothing, right nothing)"
    assert bundle["text/html"].startswith("<table>")
    both.close()


def test_the_workbench_branches_in_its_own_place_and_comes_back(m):
    w = Workbench(m, show=["frames", "log"], scale=1.5)
    count, was, children = len(WIDGETS), m.digest(), w.children
    w.transport.branch.click()
    both = w.futures
    assert w.children == (both,)
    assert both.machines[0] is m and [list(b.parts) for b in both.benches] == [["frames", "log"]] * 2
    assert [b.transport.branch.layout.display for b in both.benches] == ["none", "none"]
    sized = [b for b in (w, both, *both.benches) if "vml-x150" in b._dom_classes]
    assert sized == both.benches  # a zoom within a zoom would multiply
    both.machines[1].spawn("another")
    both.one.click()
    assert w.children == children and w.futures is None and m.digest() == was
    assert "vml-x150" in w._dom_classes
    assert len(WIDGETS) == count


def test_a_workbench_closed_while_there_are_two_leaves_nothing(m):
    count = len(WIDGETS)
    w = Workbench(m, show=["frames"])
    w.branch()
    other = weakref.ref(w.futures.machines[1])
    w.close()
    assert len(WIDGETS) == count and repr(w) == "Workbench(closed)"
    gc.collect()
    assert other() is None
