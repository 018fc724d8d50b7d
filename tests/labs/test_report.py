"""The report on a program: every number derived on paper, from strings short enough for it."""

import random

import numpy as np
import pytest

from vmlab import KiB, MiB, Trace, TraceError, labs, replay
from vmlab.labs.report import Report, Size, report
from vmlab.trace import Kind

LOOP = Trace.pages("1 2 3 4 5 " * 20)


def misses_of(pages: list[int], entries: int) -> int:
    """An LRU list, the plainest there is."""
    held, missed = [], 0
    for page in pages:
        missed += page not in held
        held = [page, *(p for p in held if p != page)][:entries]
    return missed


def finding(of: Report, what: str) -> str:
    """A line of a report."""
    return dict(of.facts())[what]


def test_a_loop_that_does_not_fit_in_the_tlb():
    """5 pages, 20 times round, 4 entries: LRU misses always. Pages 1 2 3 are on the first 16 KiB, 4 5 on the second."""
    found = report(LOOP, entries=4)
    assert found.sizes == [
        Size(4 * KiB, 16 * KiB, 5, 100),
        Size(16 * KiB, 64 * KiB, 2, 2),
        Size(64 * KiB, 256 * KiB, 1, 1),
        Size(2 * MiB, 8 * MiB, 1, 1),
    ]
    assert [s.memory // KiB for s in found.sizes] == [20, 32, 64, 2048]
    # 64 KiB is more than twice 20 KiB, so that the one miss less is not worth it
    assert found.cheapest() == "pages of 16 KiB: 2 misses in place of 100, 32 KiB in place of 20 KiB"
    assert finding(found, "another order") == "100 misses now, 5 if all that is done on a page were done at once"


def test_near_and_enough_of_a_loop():
    """Each page comes back after the 4 others: only a memory of 5 holds it, and then 95 of 95 faults are avoided."""
    found = report(LOOP)
    assert (found.near, found.enough, found.cold) == (5, 5, 5)
    # half of 5 is 2: LRU and CLOCK fault always; OPT with 2 frames 76 times (Belady's curve of this loop: 100 76 52 28 5)
    assert finding(found, "with 2") == "lru 100, clock 100, opt 76 faults"


def test_nine_of_ten_and_no_fewer():
    """20 references, 18 of them to the page before: 2 faults with 1 frame, exactly one in ten. One more page is too much."""
    assert report(Trace.pages("1 " * 10 + "2 " * 10)).near == 1
    assert report(Trace.pages("1 " * 10 + "2 " * 9 + "1 ")).near == 2
    few = report(Trace.pages("1 2 3"))
    assert few.near == 0
    assert finding(few, "near") == "no: more than 1 of 10 references is the first to its page"


def test_enough_leaves_one_avoidable_fault_in_a_hundred():
    """Avoidable: 100 with 1 frame. Two frames leave 1, from three pages in a circle at the end."""
    head = "1 2 " * 50  # with 1 frame all 100 fault, 98 of them come back
    string = Trace.pages(
        head + "3 1 2"
    )  # with 1 frame 103 faults, 100 avoidable; with 2 frames 5 faults: 1 and 2 come back
    assert (report(string).curve.faults.tolist(), report(string).enough) == ([103, 5, 3], 3)
    string = Trace.pages(head + "3 2 1")  # 2 is still there: 4 faults, 1 avoidable is left of 100
    assert (report(string).curve.faults.tolist(), report(string).enough) == ([103, 4, 3], 2)


def test_data_that_lie_far_apart_gain_nothing_from_larger_pages():
    far = report(Trace([2 * MiB * k for k in range(6)] * 10), entries=4)
    assert [(s.pages, s.misses) for s in far.sizes] == [(6, 60)] * 4
    assert far.best is None
    assert far.cheapest().startswith("another order, or data that lie nearer: ")


def test_half_the_misses_are_enough():
    """Pages 2 and 3 share one of 8 KiB, 8 has one to itself; 1 entry, so that every change of page misses."""
    near = Trace.pages("2 3 2 3")
    assert report(near, entries=1, page_sizes=(4 * KiB, 8 * KiB)).best == Size(8 * KiB, 8 * KiB, 1, 1)
    apart = Trace.pages("2 3 2 3 8 2")  # 6 misses, or 3 on pages of 8 KiB: 2 of them for 3 of 4 KiB
    assert report(apart, entries=1, page_sizes=(4 * KiB, 8 * KiB)).best == Size(8 * KiB, 8 * KiB, 2, 3)
    more = Trace.pages("2 3 2 3 8 2 8")  # 7, or 4: more than half
    assert report(more, entries=1, page_sizes=(4 * KiB, 8 * KiB)).best is None


def test_of_sizes_that_cost_the_same_the_one_with_fewest_misses():
    """Four pages in a row, three times round, 1 entry: 12 misses, 6 on pages of 8 KiB, 1 on one of 16 KiB; always 16 KiB."""
    found = report(Trace.pages("4 5 6 7 " * 3), entries=1, page_sizes=(4 * KiB, 8 * KiB, 16 * KiB))
    assert [(s.memory // KiB, s.misses) for s in found.sizes] == [(16, 12), (16, 6), (16, 1)]
    assert found.best == found.sizes[2]


def test_exactly_twice_is_not_less_than_twice():
    """4 and 7 are 8 KiB; on one page of 16 KiB they are exactly twice that, for a quarter of the misses."""
    found = report(Trace.pages("4 7 4 7"), entries=1, page_sizes=(4 * KiB, 16 * KiB))
    assert [(s.memory // KiB, s.misses) for s in found.sizes] == [(8, 4), (16, 1)]
    assert found.best is None


def test_nothing_to_gain():
    found = report(Trace.pages("1 1 2 2 3 3"))
    assert found.cheapest() == "nothing: every page misses once, and none twice"


def test_the_working_set():
    """Windows of 3 over 1 2 3 1 1 1: 1 2 3 3 2 1 pages, 12 / 6 on average."""
    found = report(Trace.pages("1 2 3 1 1 1"), window=3)
    assert finding(found, "working set") == "2.0 pages on average, in 3 references"


def test_the_whole_text():
    """4 references: page 1 loaded and stored into, page 2 fetched from, page 1 again. With 1 entry each change of page misses."""
    trace = Trace([0x1000, 0x1008, 0x2000, 0x1010], [Kind.LOAD, Kind.STORE, Kind.FETCH, Kind.LOAD], name="a<b>")
    found = report(trace, entries=1, page_sizes=(8 * KiB, 4 * KiB), window=2)
    assert (
        repr(found)
        == """\
Report on 'a<b>'
  references     4 (2 loads, 1 store, 1 fetch)
  footprint      2 pages of 4 KiB, 8 KiB
  working set    1.5 pages on average, in 2 references
  near           no: more than 1 of 10 references is the first to its page
  enough         2 frames for 99 of 100 of the faults that frames can avoid
  with 1         lru 3, clock 3, opt 3 faults
  cheapest       another order, or data that lie nearer: no larger pages halve the misses for less than twice the memory
  another order  3 misses now, 2 if all that is done on a page were done at once
A TLB of 1 entry
  pages of  reach  pages  memory  misses  in 1,000 references
     4 KiB  4 KiB      2   8 KiB       3               750.00
     8 KiB  8 KiB      2  16 KiB       3               750.00"""
    )
    page = found._repr_html_()
    assert "<b>" not in page
    assert "Report on &#x27;a&lt;b&gt;&#x27;" in page
    cells = [word for row in found.table() for word in row] + [word for row in found.facts() for word in row]
    assert all(f">{word}</t" in page for word in cells)


def test_a_function_of_ones_own_is_watched():
    """4 rows of a page: by rows each page misses once; by columns, with 2 entries, always."""

    def by_rows(watch):
        return watch(np.ones((4, 512))).sum()

    def by_columns(watch):
        return watch(np.ones((4, 512))).T.sum()

    assert [report(f, entries=2).sizes[0].misses for f in (by_rows, by_columns)] == [4, 4 * 512]
    assert repr(report(by_rows)).startswith("Report on 'by_rows'\n  references     2,048 (2,048 loads)\n")


def test_processes_have_pages_of_their_own():
    one, two = (Trace([0x1000] * 4, pids=pids) for pids in ([7, 7, 7, 7], [7, 8, 7, 8]))
    assert [report(t).sizes[0].pages for t in (one, two)] == [1, 2]


@pytest.mark.parametrize("seed", range(3))
def test_misses_are_those_of_a_list_and_of_a_replay(seed):
    rng = random.Random(seed)
    addresses = [rng.randrange(rng.choice((1, 8, 400)) * 64 * KiB) for _ in range(600)]
    found = report(Trace(addresses), entries=8)
    for size in found.sizes:
        pages = [a // size.page_size for a in addresses]
        assert (size.pages, size.misses) == (len(set(pages)), misses_of(pages, 8))
        assert size.misses == replay(pages, "lru", frames=8).faults
        assert size.reach == 8 * size.page_size
    # the first use of each page, and what did not fit
    assert found.cold == len({a // 4096 for a in addresses})
    assert found.curve.faults[-1] == found.cold


def test_the_same_trace_gives_the_same_report():
    assert repr(report(LOOP)) == repr(report(Trace.pages("1 2 3 4 5 " * 20)))
    assert labs.report is report


def test_a_trace_in_a_file(tmp_path):
    LOOP.save(tmp_path / "loop.lackey")
    from vmlab.trace import read

    assert report(read(tmp_path / "loop.lackey"), entries=4).sizes == report(LOOP, entries=4).sizes


def test_what_is_no_program():
    with pytest.raises(TypeError, match="a Trace, or on a function that is given a Watch, not on str"):
        report("1 2 3")
    with pytest.raises(ValueError, match="'idle' touched no array that is watched"):
        report(type("F", (), {"__call__": lambda self, watch: None, "__name__": "idle"})())
    with pytest.raises(ValueError, match="1 entry or more, not 0"):
        report(LOOP, entries=0)
    with pytest.raises(ValueError, match="one page size or more"):
        report(LOOP, page_sizes=())
    with pytest.raises(TraceError, match="power of two"):
        report(LOOP, page_sizes=(3000,))
    with pytest.raises(ValueError, match="window is at least 1"):
        report(LOOP, window=0)
    with pytest.raises(ZeroDivisionError):
        report(lambda watch: 1 / 0)
