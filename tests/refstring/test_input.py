"""Reference strings as people give them, and nonsense, which ends in one sentence."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

import vmlab
from vmlab.refstring import (
    miss_ratio_curve,
    reduce,
    reference_string,
    replay,
    smallest_anomaly,
    string,
    sweep,
    working_set_sizes,
)

BELADY = "1 2 3 4 1 2 5 1 2 3 4 5"
PAGES = [1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5]


def named(found):
    return [found.label(page) for page in found.ids.tolist()]


@pytest.mark.parametrize(
    "given",
    [
        BELADY,
        BELADY.replace(" ", ", "),
        "0x1 0x2 3 4 1 2 5 1\n2 3 4 5",
        PAGES,
        tuple(PAGES),
        iter(PAGES),
        *(np.array(PAGES, kind) for kind in ("i1", "u1", "<i4", ">u2", "u8", "i8")),
        np.array(PAGES * 2)[:12],
        np.repeat(PAGES, 2)[::2],
    ],
    ids=lambda given: type(given).__name__,
)
def test_ways_to_write_a_string(given):
    assert named(reference_string(given)) == PAGES
    assert replay(PAGES, "fifo", frames=3).faults == 9


@settings(max_examples=60, deadline=None)
@given(
    pages=st.lists(st.integers(0, (1 << 64) - 1) | st.integers(0, 5000), min_size=1, max_size=50),
    shift=st.integers(0, 20),
)
def test_every_page_keeps_its_name(pages, shift):
    assert named(reference_string(pages, page_size=1 << shift)) == [page >> shift for page in pages]


@pytest.mark.parametrize("spread", [1, 3, 1 << 40])
def test_many_pages_make_the_tables_grow(spread):
    rng = np.random.default_rng(1)
    pages = rng.integers(0, 20_000, 60_000).astype(np.uint64) * np.uint64(spread) + np.uint64(1 << 60)
    found = reference_string(pages)
    assert (found.labels[found.ids] == pages).all()
    assert found.distinct == len(np.unique(pages))


NONSENSE = [
    ("", ValueError, "there are no references"),
    ([], ValueError, "there are no references"),
    (np.array([], np.int64), ValueError, "there are no references"),
    ("1 2 three", ValueError, "word 3 of the reference string, 'three', is not a page number"),
    ("1 -2", ValueError, "item 1 is -2"),
    ([1, -2], ValueError, "item 1 is -2"),
    ([1 << 64], ValueError, "0..2**64-1"),
    (np.array([1, -2]), ValueError, "-2 is"),
    ([1, 2.0], TypeError, "item 1 is 2.0"),
    ([1, None], TypeError, "item 1 is None"),
    ([True], TypeError, "item 0 is True"),
    (["1"], TypeError, "item 0 is '1'"),
    (np.array([1.0, np.nan]), TypeError, "not float64"),
    (np.array([True]), TypeError, "not bool"),
    (np.array([1], object), TypeError, "not object"),
    (np.zeros((2, 3), int), ValueError, r"shape \(2, 3\)"),
    (np.int64(3), TypeError, "not int64"),
    (7, TypeError, "not int"),
    (None, TypeError, "not NoneType"),
    (b"1 2", TypeError, "not bytes"),
]


@pytest.mark.parametrize(("pages", "kind", "sentence"), NONSENSE, ids=[repr(row[0])[:30] for row in NONSENSE])
def test_what_is_no_string(pages, kind, sentence):
    for call in (lambda: replay(pages, "lru", frames=3), lambda: miss_ratio_curve(pages), lambda: reduce(pages, 3)):
        with pytest.raises(kind, match=sentence.replace("**", r"\*\*")):
            call()


CALLS = [
    (lambda: replay(BELADY, "lru"), TypeError, "frames= is missing"),
    (lambda: replay(BELADY, "lru", frames=0), ValueError, "frames must be 1"),
    (lambda: replay(BELADY, "lru", frames=-3), ValueError, "not -3"),
    (lambda: replay(BELADY, "lru", frames=2.0), TypeError, "whole number, not 2.0"),
    (lambda: replay(BELADY, "lru", frames=True), TypeError, "whole number, not True"),
    (lambda: replay(BELADY, "lru", frames=1 << 70), ValueError, "frames must be 1"),
    (lambda: replay(BELADY, "lur", frames=3), ValueError, "there is no policy 'lur'; there are fifo, lru"),
    (lambda: replay(BELADY, 3, frames=3), TypeError, "named by a str, not 3"),
    (lambda: replay(BELADY, "lru", frames=3, seed=1), TypeError, "'lru' has no option 'seed'; its options: none"),
    (lambda: replay(BELADY, "2q", frames=3, kim=1), TypeError, "its options: kin, kout"),
    (lambda: replay(BELADY, "2q", frames=3, kin=2), ValueError, "kin is a share"),
    (lambda: replay(BELADY, "random", frames=3, seed=0.5), TypeError, "seed must be an int"),
    (lambda: replay(BELADY, "lfu", frames=3, ties="x"), ValueError, "ties is one of"),
    (lambda: replay(BELADY, "lirs", frames=1), ValueError, "at least 2 frames"),
    (lambda: replay(BELADY, "working-set"), TypeError, "needs window="),
    (lambda: replay(BELADY, "working-set", frames=3), TypeError, "has no frames"),
    (lambda: replay(BELADY, "pff", interval=0), ValueError, "at least 1 reference"),
    (lambda: reference_string(PAGES, page_size=3), ValueError, "power of two of at most .*, not 3"),
    (lambda: reference_string(np.array(PAGES, "u1"), page_size=1 << 300), ValueError, "power of two of at most"),
    (lambda: miss_ratio_curve(BELADY, "fifo"), ValueError, r"not of 'fifo': use sweep\(\)"),
    (lambda: miss_ratio_curve(BELADY, sample=0), ValueError, "above 0"),
    (lambda: miss_ratio_curve(BELADY, sample="1"), TypeError, "share of the pages"),
    (lambda: miss_ratio_curve(BELADY, sample=1e-9), ValueError, "take a larger one"),
    (lambda: miss_ratio_curve(BELADY).miss_ratio(0), ValueError, "frames must be 1"),
    (lambda: working_set_sizes(BELADY, 0), ValueError, "window is at least 1"),
    (lambda: working_set_sizes(BELADY, 3, 0), ValueError, "every is at least 1"),
    (lambda: sweep(BELADY, "lru", [3]), TypeError, "a list of policies"),
    (lambda: sweep(BELADY, ["lru"], 3), TypeError, "a list of policies"),
    (lambda: sweep(BELADY, ["lru"], []), ValueError, "at least one"),
    (lambda: sweep(BELADY, ["lru", "lur"], [3]), ValueError, "there is no policy 'lur'"),
    (lambda: sweep(BELADY, ["pff"], [3]), TypeError, "has no frames"),
    (lambda: smallest_anomaly("opt", 3), ValueError, "opt needs the future"),
    (lambda: smallest_anomaly("pff", 3), ValueError, "must have frames"),
]


@pytest.mark.parametrize(("call", "kind", "sentence"), CALLS, ids=[row[2] + str(k) for k, row in enumerate(CALLS)])
def test_what_cannot_be_asked(call, kind, sentence):
    with pytest.raises(kind, match=sentence):
        call()


def test_too_much_is_refused(monkeypatch):
    monkeypatch.setattr(string, "MOST", 100)
    with pytest.raises(vmlab.LimitError, match="101 references are too many at once: at most 100"):
        replay(np.zeros(101, np.uint8), "lru", frames=3)
    with pytest.raises(vmlab.LimitError, match="201 references is no longer readable"):
        monkeypatch.undo()
        replay([0] * 201, "lru", frames=3).table()
    with pytest.raises(vmlab.LimitError, match="takes too many steps"):
        miss_ratio_curve(np.arange(300_000), "opt")
    with pytest.raises(vmlab.LimitError, match="1 to 16 references"):
        smallest_anomaly("fifo", 3, longest=99)


def test_the_callers_array_stays_as_it_is():
    pages = np.array([5, 3, 5, 1], np.uint32)
    replay(pages, "lru", frames=2)
    assert pages.tolist() == [5, 3, 5, 1]


def test_top_level_names():
    assert {"replay", "miss_ratio_curve", "sweep"} <= set(dir(vmlab))
    assert vmlab.replay is replay
    with pytest.raises(AttributeError, match="no attribute 'rplay'"):
        vmlab.rplay  # noqa: B018
