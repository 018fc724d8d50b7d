"""Whole curves against replays at each size, histograms and working sets against lists, samples against what is exact."""

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from refstring import textbook

from vmlab.refstring import (
    miss_ratio_curve,
    reduce,
    replay,
    reuse_distances,
    sweep,
    working_set_sizes,
)
from vmlab.refstring.curve import shards
from vmlab.refstring.string import reference_string

strings = st.lists(st.integers(0, 12), min_size=1, max_size=80) | st.builds(
    lambda n, times, extra: (list(range(n)) + extra) * times,
    st.integers(1, 12),
    st.integers(1, 6),
    st.lists(st.integers(0, 12), max_size=3),
)


def phases(n, seed=3):
    """Zipf, a loop, and a working set that moves: n references to a few thousand pages."""
    rng = np.random.default_rng(seed)
    zipf = rng.zipf(1.2, n // 2) % 3000
    moving = rng.integers(0, 400, n - n // 2 - n // 10) + np.arange(n - n // 2 - n // 10) // 50
    return np.concatenate([zipf, np.arange(n // 10) % 700, moving])


@pytest.mark.parametrize("policy", ["lru", "opt"])
@settings(max_examples=60, deadline=None)
@given(string=strings)
def test_each_size_of_the_curve_is_a_replay(policy, string):
    curve = miss_ratio_curve(string, policy)
    books = {"lru": textbook.Lru, "opt": lambda n: textbook.Opt(n, string)}
    sizes = range(1, len(set(string)) + 1)
    assert curve.frames.tolist() == list(sizes) or curve.faults.tolist()[len(sizes) :] == []
    assert curve.faults.tolist() == [sum(textbook.faults(books[policy](n), string)) for n in curve.frames.tolist()]
    assert curve.miss_ratio(1000) == len(set(string)) / len(string)


@pytest.mark.jit
@pytest.mark.parametrize("length", [63 * 64, 64 * 64, 64 * 1024 + 1, 300_000])
def test_long_strings_go_through_every_level_of_the_tree(length):
    """Nodes of 16 words: 1,024 positions, 16,384, 262,144."""
    string = reference_string(phases(length))
    curve = miss_ratio_curve(string)
    for frames in (1, 2, 7, 100, 650, 701, len(curve.frames)):
        assert curve.faults[frames - 1] == replay(string, "lru", frames=frames).faults
    assert curve.faults[-1] == string.distinct


@pytest.mark.slow
@pytest.mark.jit
def test_the_top_of_the_tree():
    """More than 4,194,304 positions: the level above the nodes of 65,536 words."""
    string = reference_string(phases(9_000_000))
    curve = miss_ratio_curve(string)
    for frames in (3, 500, 2000):
        assert curve.faults[frames - 1] == replay(string, "lru", frames=frames).faults


@pytest.mark.jit
def test_opt_curve_of_a_longer_string():
    string = reference_string(phases(20_000))
    curve = miss_ratio_curve(string, "opt")
    for frames in (1, 2, 10, 99, 700, len(curve.frames)):
        assert curve.faults[frames - 1] == replay(string, "opt", frames=frames).faults


@settings(max_examples=60, deadline=None)
@given(string=strings)
def test_reuse_distances(string):
    expected = {}
    for i, page in enumerate(string):
        if page in string[:i]:
            before = i - 1 - string[:i][::-1].index(page)
            d = len(set(string[before + 1 : i]))
            expected[d] = expected.get(d, 0) + 1
    found = reuse_distances(string)
    assert {d: n for d, n in enumerate(found.counts.tolist()) if n} == expected
    assert found.cold == len(set(string))


@settings(max_examples=60, deadline=None)
@given(string=strings, window=st.integers(1, 15), every=st.integers(1, 9))
def test_working_set_over_time(string, window, every):
    found = working_set_sizes(string, window, every)
    assert found.pages.tolist() == [len(set(string[max(0, i - window + 1) : i + 1])) for i in found.at.tolist()]
    assert found.at.tolist() == [min(i, len(string) - 1) for i in range(every - 1, len(string) + every - 1, every)]


@settings(max_examples=150, deadline=None)
@given(string=strings, frames=st.integers(1, 9))
def test_a_reduced_string_has_the_same_faults(string, frames):
    reduced = reduce(string, frames)
    assert len(reduced.string) <= len(string)
    for policy in ("lru", "opt"):
        for n in range(frames, 14):
            assert replay(reduced.string, policy, frames=n).faults == replay(string, policy, frames=n).faults


@pytest.mark.jit
def test_reduction_shortens_what_has_locality():
    string = phases(50_000)
    reduced = reduce(np.repeat(string, 4), 16)
    assert len(reduced.string) < len(string) * 2.2
    assert replay(reduced.string, "lru", frames=100).faults == replay(string, "lru", frames=100).faults


@settings(max_examples=40, deadline=None)
@given(string=strings)
def test_a_sample_of_all_is_exact(string):
    exact, sampled = miss_ratio_curve(string), miss_ratio_curve(string, sample=1)
    assert [sampled.miss_ratio(n) for n in exact.frames.tolist()] == pytest.approx(exact.miss_ratios.tolist())


@pytest.mark.jit
@pytest.mark.parametrize("rate", [0.3, 0.1])
def test_a_sampled_curve_is_near_the_exact_one_and_knows_how_near(rate):
    string = reference_string(phases(200_000))
    exact, sampled = miss_ratio_curve(string), miss_ratio_curve(string, sample=rate)
    off = np.array([abs(sampled.miss_ratio(n) - exact.miss_ratio(n)) for n in (100, 300, 600, 1000, 2000, 3000)])
    assert off.mean() < 0.01
    assert off.mean() < 4 * sampled.error.mean() < 0.04


@pytest.mark.jit
def test_a_sample_takes_pages_whole():
    string = reference_string(phases(20_000))
    part = shards.sample(string, 0.2)
    taken = set(part.labels[part.ids].tolist())
    assert part.labels[part.ids].tolist() == [page for page in string.ids.tolist() if page in taken]
    assert 0.1 < len(taken) / string.distinct < 0.3


@pytest.mark.jit
def test_sweep_is_the_same_as_one_replay_after_the_other():
    string = phases(3000)
    found = sweep(string, ["fifo", "LRU", "arc", "opt"], [3, 50, 400])
    assert [(r.policy, r.frames) for r in found] == [
        (p, n) for p in ("fifo", "lru", "arc", "opt") for n in (3, 50, 400)
    ]
    assert [r.faults for r in found] == [replay(string, r.policy, frames=r.frames).faults for r in found]
    assert found.faults("LRU", 50) == found[4].faults


def test_an_executor_of_the_callers_is_used_and_stays_open():
    with ThreadPoolExecutor(1) as threads:
        found = sweep("1 2 3 4 1 2 5 1 2 3 4 5", ["fifo"], [3, 4], executor=threads)
        assert [r.faults for r in found] == [9, 10]
        assert threads.submit(int, 7).result() == 7


@pytest.mark.slow
@pytest.mark.jit
def test_other_processes_find_the_same():
    string = reference_string(phases(3000))
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as processes:
        found = sweep(string, ["lru", "sieve"], [3, 50], executor=processes)
    assert [r.faults for r in found] == [replay(string, r.policy, frames=r.frames).faults for r in found]
