"""Pressure stall information (Documentation/accounting/psi.rst; kernel/sched/psi.c), on a clock on which only devices take time."""

import random

import pytest

from vmlab import Advice, Costs, KiB, Machine, Map

PAGE = 4 * KiB
SECOND = 10**9
SLOW_READS = Costs(tlb=0, walk=0, fault=0, copy=0, read=SECOND, write=0)
SLOW_WRITES = SLOW_READS._replace(read=0, write=SECOND)


def asleep(n=16, **knobs):
    m = Machine(frames=64, swap=64 * PAGE, costs=SLOW_READS, **knobs)
    p = m.spawn("p")
    heap = p.mmap(n * PAGE)
    heap.touch(True)
    p.madvise(heap, advice=Advice.PAGEOUT)
    return m, p, heap


def test_swap_in_is_a_stall():
    """100 % of the first period: 100 * (1 - EXP) / 2048 with EXP_10s = 1677, EXP_60s = 1981, EXP_300s = 2034."""
    m, _, heap = asleep()
    for k in range(4):
        heap[k * PAGE]
    assert str(m.pressure()) == (
        "some avg10=18.11 avg60=3.27 avg300=0.68 total=4000000\nfull avg10=18.11 avg60=3.27 avg300=0.68 total=4000000"
    )
    assert m.pressure().rows.some.avg10 == pytest.approx(100 * (1 - 1677 / 2048), abs=0.01)
    assert m.check() == []


def test_it_decays():
    m, _, heap = asleep()
    for k in range(4):
        heap[k * PAGE]
    assert m.pressure().rows.some.avg10 == 18.11
    file = m.create("f", 10 * PAGE)
    file.pread(10 * PAGE)  # ten seconds in which no process waits for memory
    # the second period at 1.999 of 2.001 s, then four of nothing
    assert m.pressure().rows.some.avg10 == pytest.approx((18.11 * 0.8188 + 99 * 0.1812) * 0.8188**4, abs=0.02)
    m.create("g", 400 * PAGE).pread(60 * PAGE)
    assert m.pressure().rows.some.avg10 < 0.1
    assert m.pressure().rows.some.total == 4_000_000


def test_all_of_the_time_comes_near_100_percent():
    m, _, heap = asleep(48)
    heap.touch()
    some = m.pressure().rows.some
    assert 98 < some.avg10 <= 100
    assert 40 < some.avg60 < 60  # 1 - exp(-47 / 60)
    assert some.total == 48_000_000


def test_it_is_not_full_while_another_wants_to_run():
    m, p, heap = asleep()
    q = m.spawn("q")
    area = q.mmap(PAGE)
    m.queue([heap.addr, heap.addr + PAGE], p)
    m.queue([area.addr], q)
    m.queue([heap.addr + 2 * PAGE], p)
    m.step(2)
    assert [of.total for of in m.pressure().rows] == [2_000_000, 0]
    m.run()
    assert [of.total for of in m.pressure().rows] == [3_000_000, 1_000_000]
    q.suspend()
    m.queue([heap.addr + 3 * PAGE], p)
    m.queue([area.addr], q)
    m.step()
    assert [of.total for of in m.pressure().rows] == [4_000_000, 2_000_000]  # who is suspended does not want to run


def test_pages_read_along_are_not_waited_for():
    m, _, heap = asleep(page_cluster=3)
    heap[0]
    heap[PAGE]
    assert m.pressure().rows.some.total == 1_000_000
    assert m.clock_ns == 8 * SECOND


def test_direct_reclaim_is_a_stall_and_kswapd_is_none():
    m = Machine(frames=64, swap=64 * PAGE, costs=SLOW_WRITES, min_free=4, read_ahead=32)
    p = m.spawn("p")
    p.mmap(60 * PAGE).touch(True)
    assert m.vmstat().rows["pgsteal_kswapd"] > 0
    assert m.pressure().rows.some.total == 0
    m = Machine(frames=64, swap=64 * PAGE, costs=SLOW_WRITES)
    p = m.spawn("p")
    p.mmap(67 * PAGE).touch(True)
    assert m.pressure().rows.some.total == 3_000_000


def test_dirty_pages_of_files_count_once():
    m = Machine(frames=8, swap=0, costs=SLOW_WRITES)
    p = m.spawn("p")
    shared = p.mmap(12 * PAGE, file=m.create("f", 12 * PAGE), flags=Map.SHARED)
    shared.touch(True)
    assert m.pressure().rows.some.total == 4_000_000
    p.msync(shared)  # asked for, no lack of memory
    assert m.pressure().rows.some.total == 4_000_000


def test_a_run_and_its_references_agree_and_looking_changes_nothing():
    ways = []
    for bulk in (True, False):
        m, p, heap = asleep()
        addresses = [heap.addr + k % 16 * PAGE for k in range(40)]
        if bulk:
            p.access(addresses)
        else:
            for a in addresses:
                p.load(a)
        before = m.digest()
        ways.append(m.pressure().rows)
        assert m.digest() == before
    assert ways[0] == ways[1]
    m.undo()
    m.redo()
    assert m.digest() == before


@pytest.mark.parametrize("contents", [True, False])
def test_a_page_that_should_have_stayed_is_a_stall(contents):
    """Reading a file for the first time is no wait for memory. A page of the working set that is read again is (PG_workingset)."""
    m = Machine(frames=6, swap=0, policy="linux", costs=SLOW_READS, contents=contents)
    p = m.spawn("p")
    text = p.mmap(file=m.create("f", 64 * PAGE), flags=Map.SHARED)
    rng = random.Random(2026)
    for k in range(40):
        for page in rng.choices(range(8), k=10):  # somewhat more than there are frames: they come back soon
            p.load(text.addr + page * PAGE, 1)
        if k == 0:
            assert m.pressure().rows.some.total == 0  # nothing had been active yet
    restored = int(m.state.stat["workingset_restore_file"][0])
    assert 0 < restored < m.state.stat["majflt"][0]
    assert m.pressure().rows.some.total == restored * SECOND // 1000
