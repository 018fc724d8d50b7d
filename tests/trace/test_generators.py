"""Generators of traces: what is known of each from its definition, and the same trace from the same seed everywhere."""

import hashlib
import os
import sys

import numpy as np
import pytest
from needs import run

from vmlab import LimitError, TraceError
from vmlab.trace import GENERATORS, Kind, Trace
from vmlab.trace.generator import sorting

# How each is called to make a small one
SMALL = {
    "uniform": ((1000, 10), {}),
    "zipf": ((1000, 50), {}),
    "scan": ((50,), {}),
    "loop": ((50, 3), {}),
    "phases": ((1000, 100), {"working_set": 5, "length": 100, "stray": 0.05}),
    "row_walk": ((np.empty((20, 30)),), {}),
    "column_walk": ((np.empty((20, 30)),), {}),
    "blocked_walk": ((np.empty((20, 30)), 4), {}),
    "chase": ((1000, 70), {}),
    "quicksort": ((100,), {}),
    "mergesort": ((100,), {}),
}
SEEDED = [name for name in SMALL if name not in ("scan", "loop", "row_walk", "column_walk", "blocked_walk")]


def small(name: str, **more: int) -> Trace:
    args, kwargs = SMALL[name]
    return GENERATORS[name](*args, **kwargs, **more)


def test_every_generator_is_called_here() -> None:
    assert {*SMALL} == {*GENERATORS}


@pytest.mark.parametrize("name", SEEDED)
def test_the_seed_decides(name: str) -> None:
    assert np.array_equal(small(name).addresses, small(name, seed=0).addresses)
    assert not np.array_equal(small(name).addresses, small(name, seed=1).addresses)
    with pytest.raises(TraceError, match="seed=-1: it must be a whole number of 0 or more"):
        small(name, seed=-1)


def digest() -> str:
    """Of all small traces together."""
    return hashlib.sha256(b"".join(small(name).addresses.tobytes() for name in SMALL)).hexdigest()


def test_same_in_another_python() -> None:
    """With another seed of the hashes of strings, which decides the order of sets."""
    code = (
        "import sys; sys.path[:0] = ['tests', 'tests/trace']; import test_generators; print(test_generators.digest())"
    )
    assert run([sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": "1"}).strip() == digest()


def test_uniform_counts() -> None:
    """Pearson's chi-square over 100 pages stays below 149, the 99.9 % quantile for 99 degrees of freedom."""
    counts = np.bincount(GENERATORS["uniform"](100_000, 100).addresses.astype(int), minlength=100)
    assert ((counts - 1000.0) ** 2 / 1000).sum() < 149


@pytest.mark.parametrize("alpha", [0.8, 1.0, 1.5])
def test_zipf_frequencies_fall_by_rank(alpha: float) -> None:
    """How often the page of each of the first ranks comes, against n * r ** -alpha / sum, within five standard deviations."""
    n, pages = 200_000, 1000
    counts = np.sort(np.bincount(GENERATORS["zipf"](n, pages, alpha=alpha).addresses.astype(int), minlength=pages))[
        ::-1
    ]
    share = np.array([1 / r**alpha for r in range(1, pages + 1)])
    expected = n * share / share.sum()
    first = slice(0, 10)  # where the counts are so far apart that their order is that of the ranks
    assert (np.abs(counts[first] - expected[first]) < 5 * np.sqrt(expected[first])).all()


def test_popular_pages_are_no_neighbours() -> None:
    counts = np.bincount(GENERATORS["zipf"](50_000, 1000).addresses.astype(int), minlength=1000)
    assert sorted(np.argsort(counts)[-5:].tolist()) != list(range(5))


def test_scan_and_loop() -> None:
    assert GENERATORS["scan"](4).addresses.tolist() == [0, 1, 2, 3]
    assert GENERATORS["loop"](3, 2).addresses.tolist() == [0, 1, 2, 0, 1, 2]


def test_phases_keep_to_their_working_sets() -> None:
    pages = GENERATORS["phases"](10_000, 100, working_set=40, length=500).addresses.reshape(20, 500)
    sets = [frozenset(phase.tolist()) for phase in pages]
    assert all(len(s) == 40 for s in sets)  # 500 draws leave one of 40 out in one of 10,000 cases, and the seed in none
    assert len(set(sets)) == 20
    strayed = GENERATORS["phases"](10_000, 1000, working_set=8, length=10_000, stray=0.1).addresses
    often = np.bincount(strayed.astype(int), minlength=1000)
    away = 10_000 - np.sort(often)[-8:].sum()
    assert 0.9 * 992 < away < 1.1 * 992 + 100  # of 1000 that stray, 8 in 1000 fall into the set


def changes(trace: Trace) -> int:
    """How often a reference is in another page than the one before."""
    pages = trace.page_numbers()
    return int((pages[1:] != pages[:-1]).sum())


def test_matrix_walks() -> None:
    """64 rows of 8 KiB: two pages a row. By row each page is left once; by column every step is to another page."""
    matrix = np.empty((64, 1024))
    walks = {name: GENERATORS[name](matrix) for name in ("row_walk", "column_walk")}
    walks["blocked_walk"] = GENERATORS["blocked_walk"](matrix, 32)
    for trace in walks.values():
        assert len(trace) == 64 * 1024
        assert len(np.unique(trace.addresses)) == 64 * 1024
        assert len(np.unique(trace.page_numbers())) == 64 * 2
    assert changes(walks["row_walk"]) == 64 * 2 - 1
    assert changes(walks["column_walk"]) == 64 * 1024 - 1
    # The 32 rows of a block are 32 pages, which serve all of its 1024 elements
    for begin in range(0, 64 * 1024, 1024):
        assert len(np.unique(walks["blocked_walk"].page_numbers()[begin : begin + 1024])) == 32


def test_strides_are_those_of_the_array() -> None:
    across, down = np.empty((50, 600)), np.empty((50, 600), order="F")
    assert changes(GENERATORS["column_walk"](down)) == changes(GENERATORS["row_walk"](across))
    upside_down = GENERATORS["row_walk"](across[::-1])
    assert upside_down.addresses[0] == upside_down.addresses.min() + 49 * 600 * 8
    assert upside_down.addresses.min() == GENERATORS["row_walk"](across).addresses.min() == 0x1000_0000
    row, column = GENERATORS["row_walk"](across), GENERATORS["column_walk"](across)
    assert (row.addresses[1] - row.addresses[0], column.addresses[1] - column.addresses[0]) == (8, 4800)


def test_chase_visits_all_before_any_again() -> None:
    trace = GENERATORS["chase"](1000, 300, node_size=128)
    steps = (trace.addresses - trace.addresses.min()) // 128
    assert sorted(steps[:300].tolist()) == list(range(300))
    assert np.array_equal(steps[300:], steps[:700])
    assert set(np.diff(steps[:300].astype(int)).tolist()) != {1}


@pytest.mark.parametrize("n", [1, 2, 64, 1024])
def test_mergesort_loads_and_stores_n_log2_n(n: int) -> None:
    trace = GENERATORS["mergesort"](n)
    each = n * (n.bit_length() - 1)
    assert np.bincount(trace.kinds, minlength=3).tolist() == [each, each, 0]
    for level in range(n.bit_length() - 1):  # in each round, every element of one array is loaded, of the other stored
        one = slice(2 * n * level, 2 * n * (level + 1))
        for kind, odd in ((Kind.LOAD, 0), (Kind.STORE, 1)):
            touched = trace.addresses[one][trace.kinds[one] == kind]
            array = level + odd & 1
            assert sorted(touched.tolist()) == [0x1000_0000 + array * max(4096, 8 * n) + 8 * k for k in range(n)]


@pytest.mark.parametrize("n", [1, 2, 3, 100, 2000])
@pytest.mark.parametrize("sort", ["quicksort", "mergesort"])
def test_what_is_recorded_sorts(sort: str, n: int) -> None:
    """Mergesort's result lies in one of the two arrays."""
    values, second = np.random.default_rng(n).integers(0, n, n), np.zeros(max(n, 128), np.int64)
    wanted = np.sort(values)
    none = np.zeros(0, np.uint64)
    getattr(sorting, f"_{sort}")(values, second, 0, none, none.astype(np.uint8))
    assert np.array_equal(values, wanted) or (sort == "mergesort" and np.array_equal(second[:n], wanted))


def test_quicksort_costs_what_hoare_says() -> None:
    """About 2 n ln n comparisons on the average (Knuth, TAOCP 3, 5.2.2), each a load here; three stores for ten of them."""
    n = 4096
    trace = GENERATORS["quicksort"](n)
    loads, stores, _ = np.bincount(trace.kinds, minlength=3).tolist()
    assert 0.8 < loads / (2 * n * np.log(n)) < 1.3
    assert 0.1 < stores / loads < 0.5
    assert trace.addresses.min() == 0x1000_0000
    assert trace.addresses.max() == 0x1000_0000 + 8 * (n - 1)


@pytest.mark.parametrize(
    ("name", "args", "error", "words"),
    [
        ("uniform", (0, 5), TraceError, "refs=0: it must be a whole number of 1 or more"),
        ("uniform", (5, 1.5), TypeError, "pages must be an int"),
        ("uniform", (1 << 40, 5), LimitError, "refs=1,099,511,627,776: at most 2,147,483,648"),
        ("loop", (1 << 20, 1 << 20), LimitError, "refs=1,099,511,627,776: at most"),
        ("row_walk", (np.empty(3),), TraceError, "a walk needs a numpy array of two dimensions"),
    ],
)
def test_what_cannot_be_made(name, args, error, words) -> None:
    with pytest.raises(error, match=words):
        GENERATORS[name](*args)
    with pytest.raises(TraceError, match=r"alpha=-1: it must be of 0\.\.100"):
        GENERATORS["zipf"](5, 5, alpha=-1)
    with pytest.raises(TraceError, match="working_set=9 of pages=5: a working set is a part"):
        GENERATORS["phases"](5, 5, working_set=9, length=1)
