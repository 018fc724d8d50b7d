"""Results show themselves: one line, a small table in HTML, a data frame."""

import doctest
from importlib import import_module

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from needs import need_module

from vmlab.refstring import (
    POLICIES,
    miss_ratio_curve,
    reduce,
    replay,
    reuse_distances,
    smallest_anomaly,
    sweep,
    working_set_sizes,
)

BELADY = "1 2 3 4 1 2 5 1 2 3 4 5"
LINES = [
    (lambda: replay(BELADY, "fifo", frames=3), "Replay(fifo, 3 frames: 9 faults of 12 references, miss ratio 0.7500)"),
    (lambda: replay(BELADY, "fifo", frames=1), "Replay(fifo, 1 frame: 12 faults of 12 references, miss ratio 1.0000)"),
    (
        lambda: replay("1 2 1", "working-set", window=2),
        "Replay(working-set, window 2: 2 faults of 3 references, miss ratio 0.6667, 1.7 pages in memory on average)",
    ),
    (
        lambda: miss_ratio_curve(BELADY),
        "MissRatioCurve(lru, exact: 12 references, miss ratio 1.0000 with 1 frame, 0.4167 with 5 frames)",
    ),
    (lambda: reuse_distances("1 2 3 1 1 2"), "ReuseDistances(6 references, 3 first uses, mean distance 1.3)"),
    (lambda: working_set_sizes("1 2 3 1 1 1", 3), "WorkingSetSizes(window 3: 2.0 pages on average, 3 at most)"),
    (
        lambda: reduce("1 2 1 1 2 1", 2),
        "Reduced(6 references to 4, 1.5 times shorter; exact for lru and opt from 2 frames on)",
    ),
    (
        lambda: smallest_anomaly("fifo", 3),
        "Anomaly(fifo, 3 and 4 frames: 9 and 10 faults of 1 2 3 4 1 2 5 1 2 3 4 5)",
    ),
    (
        lambda: smallest_anomaly("lru", 2, longest=5),
        "Anomaly(lru, 2 and 3 frames: none in any string of up to 5 references to 4 pages)",
    ),
    (
        lambda: sweep(BELADY, ["fifo", "lru"], [3, 4]),
        "miss ratios\nframes    fifo     lru\n     3  0.7500  0.8333\n     4  0.8333  0.6667",
    ),
]


@pytest.mark.parametrize(("call", "line"), LINES, ids=[str(k) for k in range(len(LINES))])
def test_one_line(call, line):
    assert repr(call()) == line


@pytest.mark.parametrize(("call", "line"), LINES, ids=[str(k) for k in range(len(LINES))])
def test_html_and_data_frame(call, line):
    found = call()
    if hasattr(found, "to_frame"):
        need_module("pandas")
        assert found._repr_html_().startswith("<table>")
        assert len(found.to_frame()) >= 1


def test_frames_over_time():
    """The drawing of Belady's string in Silberschatz's manner, FIFO with three frames."""
    table = replay(BELADY, "fifo", frames=3).table()
    assert repr(table).splitlines() == [
        "   page  1  2  3  4  1  2  5  1  2  3  4  5",
        "frame 0  1  1  1  4  4  4  5  5  5  5  5  5",
        "frame 1     2  2  2  1  1  1  1  1  3  3  3",
        "frame 2        3  3  3  2  2  2  2  2  4  4",
        "  fault  *  *  *  *  *  *  *        *  *",
    ]


def test_frames_over_time_under_opt():
    """Silberschatz, figure 10.14: 7 0 1 2 0 3 0 4 2 3 0 3 2 1 2 0 1 7 0 1, three frames, nine faults."""
    table = replay("7 0 1 2 0 3 0 4 2 3 0 3 2 1 2 0 1 7 0 1", "opt", frames=3).table()
    faulted = [column for column, missed in zip(table.columns, table.missed) if missed]
    assert faulted == [[7], [7, 0], [7, 0, 1], [2, 0, 1], [2, 0, 3], [2, 4, 3], [2, 0, 3], [2, 0, 1], [7, 0, 1]]


@pytest.mark.parametrize("policy", [p for p in POLICIES if p not in ("working-set", "pff")])
@settings(max_examples=15, deadline=None)
@given(string=st.lists(st.integers(0, 7), min_size=1, max_size=25), frames=st.integers(2, 5))
def test_a_drawing_holds_what_the_faults_say(policy, string, frames):
    """A reference hits if and only if its page stands in the column before; no column is higher than memory."""
    table = replay(string, policy, frames=frames).table()
    held = [[], *table.columns[:-1]]
    assert table.missed == [page not in before for page, before in zip(string, held)]
    assert max(map(len, table.columns)) <= frames
    assert all(page in column for page, column in zip(string, table.columns))


@pytest.mark.parametrize("module", ["", ".replaying", ".curves", ".reduction", ".anomaly", ".rules", ".sweeping"])
def test_examples_in_docstrings(module):
    found = doctest.testmod(import_module(f"vmlab.refstring{module}"))
    assert found.attempted > 0
    assert found.failed == 0
