"""The miss counts of libCacheSim, an independent simulator in C (PyPI: libcachesim), request by request."""

import numpy as np
import pytest

from vmlab.refstring import replay

# policy, options, class, its arguments. The options are its variants, each explained in the policy's file
SAME = [
    ("fifo", {}, "FIFO", {}),
    ("lru", {}, "LRU", {}),
    ("clock", {"loaded": "clear"}, "Clock", {}),
    ("sieve", {}, "Sieve", {}),
    ("lfu", {"ties": "recent"}, "LFU", {}),
    ("slru", {"segments": 4}, "SLRU", {}),
    ("2q", {}, "TwoQ", {}),
    ("arc", {}, "ARC", {}),
    ("s3-fifo", {"variant": "libcachesim"}, "S3FIFO", {}),
]
FRAMES = (20, 45, 100)  # with fewer than 20 its S3-FIFO takes no page at all
# Where it departs from the paper: policy, options, class, why, then for each of FRAMES our faults and its misses
DEPARTS = [
    (
        "lirs",
        {"stack": 2},
        "LIRS",
        "it demotes the oldest LIR page also at a hit on a page that is in Q only (1 3 1 3 0 3 in 2 frames)",
        (3272, 3270),
        (2711, 2711),
        (1737, 1736),
    ),
    (
        "lirs",
        {},
        "LIRS",
        "it forgets pages out of memory above 2 * frames; the paper has no limit",
        (3326, 3270),
        (2683, 2711),
        (1736, 1736),
    ),
    ("slru", {}, "SLRU", "it has four segments, not two", (3483, 3307), (2924, 2811), (2208, 2139)),
    ("clock", {}, "Clock", "a page comes with its accessed bit clear", (3941, 3803), (3360, 3201), (2686, 2576)),
    (
        "lfu",
        {},
        "LFU",
        "of equal counts the one not used for longest goes, not the one that came first",
        (3919, 3919),
        (3439, 3320),
        (2426, 2426),
    ),
    (
        "s3-fifo",
        {},
        "S3FIFO",
        "M may grow, early pages go to M, G is asked before room is made",
        (3239, 3233),
        (2689, 2681),
        (1994, 2011),
    ),
    (
        "w-tinylfu",
        {},
        "WTinyLFU",
        "another sketch; it takes no page at all where 1 % is no frame",
        (3265, 6000),
        (2708, 6000),
        (2036, 2243),
    ),
    ("random", {}, "Random", "another generator", (4115, 4130), (3439, 3431), (2216, 2224)),
]


def string():
    """Zipf, a loop, a shift of the working set; 6,000 references to about 500 pages."""
    rng = np.random.default_rng(7)
    return np.concatenate([rng.zipf(1.2, 3000) % 400, np.tile(np.arange(120), 10), 300 + rng.zipf(1.3, 1800) % 200])


def peer_missed(simulator, kind, frames, pages, **kwargs):
    cache = getattr(simulator, kind)(frames, hashpower=12, **kwargs)
    request = simulator.Request()
    request.obj_size = 1
    missed = []
    for page in pages.tolist():
        request.obj_id = page + 1
        missed.append(not cache.get(request))
    return np.array(missed)


@pytest.fixture(scope="module")
def simulator():
    return pytest.importorskip("libcachesim", reason="libcachesim is not installed: pip install libcachesim")


@pytest.mark.parametrize("frames", FRAMES)
@pytest.mark.parametrize(("policy", "options", "kind", "kwargs"), SAME, ids=[row[0] for row in SAME])
def test_every_request_as_in_libcachesim(simulator, policy, options, kind, kwargs, frames):
    ours = replay(string(), policy, frames=frames, **options).missed()
    theirs = peer_missed(simulator, kind, frames, string(), **kwargs)
    assert np.flatnonzero(ours != theirs).tolist()[:10] == []


@pytest.mark.parametrize("row", DEPARTS, ids=[f"{row[0]}-{row[2]}" for row in DEPARTS])
def test_where_it_departs_both_counts_are_known(row):
    policy, options, _, _, *counts = row
    ours = [replay(string(), policy, frames=frames, **options).faults for frames in FRAMES]
    assert ours == [count for count, _ in counts]


@pytest.mark.parametrize("row", [row for row in DEPARTS if row[0] != "random"], ids=lambda row: f"{row[0]}-{row[2]}")
def test_and_its_counts_are_these(simulator, row):
    _, _, kind, _, *counts = row
    theirs = [int(peer_missed(simulator, kind, frames, string()).sum()) for frames in FRAMES]
    assert theirs == [count for _, count in counts]
