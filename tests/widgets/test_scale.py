"""A screen in another size: letters, cells and charts together."""

import pytest
from widgets.bench import alert, bench
from widgets.scenes import forked

from vmlab.widgets import FaultsOverTime, FrameMap, Workbench
from vmlab.widgets.chart import MARGIN


def sizes(widget) -> list[str]:
    return [name for name in widget._dom_classes if name.startswith("vml-x")]


def test_a_workbench_is_enlarged_as_a_whole():
    w = Workbench(forked().machine, scale=1.5)
    assert sizes(w) == ["vml-x150"] and not any(sizes(part) for part in w.parts.values())
    assert w.parts["faults"].figure.fig_margin["left"] == 1.5 * MARGIN["left"]
    w.command.size.value = 1.0
    assert sizes(w) == [] and w.parts["faults"].figure.fig_margin == MARGIN


def test_a_part_alone_too():
    assert sizes(FrameMap(forked().machine, scale=2)) == ["vml-x200"]
    assert FaultsOverTime(forked().machine, scale=1.25).figure.fig_margin["bottom"] == 25


@pytest.mark.parametrize("scale", [0, -1, 3, 1.1, "big", None])
def test_other_sizes_are_refused_in_words(scale):
    with pytest.raises(ValueError, match=r"choose from 1, 1.25, 1.5, 2"):
        Workbench(forked().machine, scale=scale)
    w = bench()
    with pytest.raises(ValueError, match="scale"):
        w.screen.resize(scale)
    assert sizes(w) == [] and not alert(w)
