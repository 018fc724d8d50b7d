"""Watermarks, kswapd and direct reclaim: E.143, names of E.138 (vmstat); mm/page_alloc.c, mm/vmscan.c."""

import numpy as np
import pytest

from vmlab import ConfigError, KiB, Machine, Map, views

PAGE = 4 * KiB


def machine(frames=64, min_free=4, **knobs):
    m = Machine(frames=frames, swap=128 * PAGE, min_free=min_free, **knobs)
    return m, m.spawn("p")


def free(m):
    return int(m.state.machine["nfree"][0])


def reclaim(m):
    rows = m.vmstat().rows
    return {name: rows[name] for name in ("pgsteal_kswapd", "pgsteal_direct", "allocstall")}


@pytest.mark.parametrize(("min_free", "marks"), [(0, (0, 0, 0)), (1, (1, 2, 3)), (4, (4, 5, 6)), (16, (16, 20, 24))])
def test_e143_low_and_high_are_five_and_six_quarters_of_min(min_free, marks):
    assert machine(min_free=min_free)[0].watermarks == marks


def test_the_default_grows_as_the_root_of_memory():
    """Linux: 2 * sqrt(frames) of 4 KiB (calculate_min_free_kbytes: sqrt(KiB * 16) KiB); here an eighth of it."""
    mins = {n: Machine(frames=n, preset="linux").watermarks.min for n in (8, 16, 256, 1024, 4096)}
    assert mins == {8: 0, 16: 1, 256: 4, 1024: 8, 4096: 16}
    assert Machine(frames=4096).watermarks.min == 0


def test_e143_kswapd_wakes_below_low_and_sleeps_at_high():
    m, p = machine()
    heap = p.mmap(100 * PAGE)
    seen = []
    for k in range(70):
        p.store(heap.addr + k * PAGE, b"x")
        seen.append(free(m))
        assert m.check() == []
    # 59 pages leave 5 free, which is low: the next fault wakes kswapd, which stops with 7 free, more than high; one is taken
    assert seen[57:65] == [6, 5, 6, 5, 6, 5, 6, 5]
    assert reclaim(m) == {"pgsteal_kswapd": 12, "pgsteal_direct": 0, "allocstall": 0}


def test_without_watermarks_each_fault_empties_its_own_frame():
    m, p = machine(min_free=0)
    p.mmap(70 * PAGE).touch(True)
    assert free(m) == 0
    assert reclaim(m) == {"pgsteal_kswapd": 0, "pgsteal_direct": 6, "allocstall": 6}


def test_e143_at_min_a_process_reclaims_itself():
    """A burst of read-ahead takes the free frames down to min; the next fault cannot wait for kswapd."""
    m, p = machine(read_ahead=32)
    f = m.create("f", 32 * PAGE, b"x" * 32 * PAGE)
    heap = p.mmap(41 * PAGE)
    heap.touch(True)
    file = p.mmap(32 * PAGE, file=f, flags=Map.SHARED)
    file[0]
    assert free(m) == 4
    before = reclaim(m)
    p.store(p.mmap(PAGE), b"x")
    after = reclaim(m)
    assert {name: after[name] - n for name, n in before.items()} == {
        "pgsteal_kswapd": 2, "pgsteal_direct": 1, "allocstall": 1,
    }  # fmt: skip
    assert free(m) == 6  # 7, less the page itself
    assert m.check() == []


def test_reading_ahead_leaves_min_free():
    for min_free, left in ((4, 4), (0, 8)):  # without watermarks: one in eight
        m, p = machine(read_ahead=64, min_free=min_free)
        f = m.create("f", 64 * PAGE, b"x" * 64 * PAGE)
        p.mmap(64 * PAGE, file=f, flags=Map.SHARED)[0]
        assert free(m) == left


def test_scanned_is_what_the_hand_passed():
    m, p = machine()
    heap = p.mmap(59 * PAGE)
    heap.touch()
    p.store(p.mmap(PAGE), b"x")
    rows = m.vmstat().rows
    assert rows["pgsteal_kswapd"] == 2
    # one round of 64 frames that clears the accessed bits, the free ones looked at too, then the first two
    assert rows["pgscan_kswapd"] == 64 + 2
    assert rows["pgscan_direct"] == 0


def test_kswapd_gives_up_where_nothing_can_go():
    m2 = Machine(frames=32, swap=0, min_free=4)
    p = m2.spawn("p")
    heap = p.mmap(32 * PAGE)
    heap.touch(True)  # without swap nothing can leave; the last frame is used before anybody is killed
    assert (free(m2), p.alive) == (0, True)
    assert m2.vmstat().rows["pgsteal_kswapd"] == 0
    p.munmap(heap, 20 * PAGE)
    f = m2.create("f", 64 * PAGE)
    p.mmap(64 * PAGE, file=f, flags=Map.SHARED).touch()
    assert m2.vmstat().rows["pgsteal_kswapd"] > 0  # it wakes again
    assert m2.check() == []


@pytest.mark.parametrize("policy", ["clock", "fifo", "lru", lambda c: c.frame[np.argmin(c.loaded)]])
def test_bulk_and_one_by_one_are_the_same(policy):
    ways = []
    for bulk in (True, False):
        m, p = machine(frames=24, min_free=3, policy=policy)
        heap = p.mmap(60 * PAGE)
        addresses = heap.addr + np.random.default_rng(1).integers(0, 60, 300) * PAGE
        if bulk:
            p.access(addresses, True)
        else:
            for a in addresses.tolist():
                p.store(a, b"x")
        assert m.check() == []
        ways.append((p.stat, reclaim(m), m.vmstat().rows["pgscan_kswapd"]))
    assert ways[0] == ways[1]


def test_dirty_pages_of_files_go_too():
    m, p = machine(frames=16, min_free=2)
    f = m.create("f", 40 * PAGE)
    shared = p.mmap(40 * PAGE, file=f, flags=Map.SHARED)
    for k in range(40):
        shared[k * PAGE] = k + 1
        assert m.check() == []
    assert reclaim(m)["pgsteal_direct"] == 0
    assert [shared[k * PAGE] for k in range(40)] == list(range(1, 41))


def test_it_is_told_and_undone():
    m, p = machine()
    heap = p.mmap(59 * PAGE)
    heap.touch(True)
    p.store(p.mmap(PAGE), b"x")
    before = m.digest()
    told = [h.sentence for h in views.log(m.state)]
    assert "kswapd woke at the low watermark and emptied 2 frames: 7 are free" in told
    m.undo()
    m.redo()
    assert m.digest() == before


def test_what_is_no_watermark():
    with pytest.raises(ConfigError, match="min_free"):
        Machine(frames=64, min_free=17)
