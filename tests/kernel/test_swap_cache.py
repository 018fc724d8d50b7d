"""Clustered swap-in and the swap cache: E.142 (page-cluster), E.90 (mincore), section 8 (slot counts); mm/swap_state.c."""

import numpy as np
import pytest

from vmlab import Advice, ConfigError, KiB, Machine, Map, views

PAGE = 4 * KiB
N = 24


def asleep(page_cluster=3, frames=64, **knobs):
    """(machine, process, 24 pages in slots 0 to 23 of swap: page k holds the byte k + 1)."""
    m = Machine(frames=frames, swap=64 * PAGE, page_cluster=page_cluster, **knobs)
    p = m.spawn("p")
    heap = p.mmap(N * PAGE, name="heap")
    for k in range(N):
        heap[k * PAGE] = k + 1
    p.madvise(heap, advice=Advice.PAGEOUT)
    assert p.stat.nswap == N
    return m, p, heap


def cost(m, call):
    with m.measure() as c:
        call()
    return c


@pytest.mark.parametrize(("page_cluster", "first", "stop"), [(0, 10, 11), (1, 10, 12), (2, 8, 12), (3, 8, 16)])
def test_e142_the_aligned_cluster_of_slots_is_read(page_cluster, first, stop):
    m, p, heap = asleep(page_cluster)
    c = cost(m, lambda: heap[10 * PAGE])
    assert (c.minflt, c.majflt, c.pswpin, c.swap_ra) == (0, 1, stop - first, stop - first - 1)
    assert np.flatnonzero(p.mincore(heap)).tolist() == list(range(first, stop))  # E.90: 1 if in the swap cache
    assert (p.stat.rss, p.stat.nswap) == (1, N - 1)  # read along is not mapped
    assert m.check() == []


def test_e142_consecutive_in_swap_not_in_address_space():
    m = Machine(frames=64, swap=64 * PAGE, page_cluster=1)
    p = m.spawn("p")
    heap = p.mmap(8 * PAGE)
    heap.touch(True)
    for k in (0, 7, 1, 6):  # slots 0, 1, 2, 3
        p.madvise(heap.addr + k * PAGE, PAGE, advice=Advice.PAGEOUT)
    heap[0]
    cached = p.mincore(heap)
    assert cached[7]
    assert not cached[1]


def test_a_fault_on_a_page_read_along_is_minor():
    m, p, heap = asleep()
    heap[10 * PAGE]
    for k in (8, 9, 11, 12, 13, 14, 15):
        c = cost(m, lambda k=k: p.store(heap.addr + k * PAGE + 1, b"x"))
        assert (c.minflt, c.majflt, c.pswpin, c.swap_ra_hit) == (1, 0, 0, 1)
        assert heap[k * PAGE] == k + 1
        assert m.check() == []
    rows = m.vmstat().rows
    assert (rows["swap_ra"], rows["swap_ra_hit"], rows["pswpin"]) == (7, 7, 8)
    assert m.meminfo().rows["SwapCached"] == 8 * 4  # as long as nothing takes their slots away


def test_what_was_changed_meanwhile_is_not_read_over():
    """A page in memory that still has its slot is in the swap cache: the cluster leaves it alone."""
    m, p, heap = asleep(1)
    heap[4 * PAGE]
    p.store(heap.addr + 5 * PAGE, b"new")
    p.madvise(heap.addr + 4 * PAGE, PAGE, advice=Advice.PAGEOUT)
    c = cost(m, lambda: heap[4 * PAGE])
    assert (c.pswpin, c.swap_ra) == (1, 0)
    assert heap[5 * PAGE : 5 * PAGE + 3] == b"new"
    assert m.check() == []


def test_forked_processes_find_the_same_frame():
    m, p, heap = asleep()
    child = p.fork("child")
    assert heap[10 * PAGE] == 11
    c = cost(m, lambda: (child.load(heap.addr + 11 * PAGE), heap[11 * PAGE], child.load(heap.addr + 10 * PAGE)))
    assert (c.minflt, c.majflt, c.copies) == (3, 0, 0)
    for k in (10, 11):
        assert child.translate(heap.addr + k * PAGE).frame == p.translate(heap.addr + k * PAGE).frame
    heap[11 * PAGE] = 99
    assert child.load(heap.addr + 11 * PAGE) == bytes([12])
    assert m.check() == []


def test_the_other_owners_still_have_the_slot():
    m, p, heap = asleep()
    child = p.fork("child")
    heap[10 * PAGE]
    heap[11 * PAGE] = 99  # a hit, and the page is changed while the child still sleeps in the slot
    assert m.check() == []
    p.exit()
    assert child.load(heap.addr + 11 * PAGE) == bytes([12])
    assert m.check() == []
    child.exit()
    assert (m.state.machine["nfree"][0], m.state.machine["nslot_free"][0]) == (64, 64)


@pytest.mark.parametrize("how", ["munmap", "exit", "DONTNEED", "FREE"])
def test_a_slot_that_nobody_wants_takes_its_frame_along(how):
    m, p, heap = asleep()
    heap[10 * PAGE]
    if how == "exit":
        p.exit()
    elif how == "munmap":
        p.munmap(heap)
    else:
        p.madvise(heap, advice=Advice[how])
    assert m.check() == []
    kept = how == "FREE"  # the one mapped page is given up, and still there
    assert m.state.machine["nfree"][0] == 64 - kept
    assert m.state.machine["nslot_free"][0] == 64


def test_only_frames_to_spare_are_used():
    m, p, heap = asleep(frames=32)
    other = p.mmap(27 * PAGE)
    other.touch(True)
    c = cost(m, lambda: heap[10 * PAGE])
    assert (c.majflt, c.swap_ra, c.evictions) == (1, 0, 0)  # 4 of 32 stay free
    assert m.check() == []


@pytest.mark.parametrize("policy", ["clock", "fifo", "lru", lambda c: c.frame[np.argmin(c.loaded)]])
def test_pages_read_along_are_dropped_without_a_write(policy):
    m, p, heap = asleep(policy=policy)
    heap[10 * PAGE]
    other = p.mmap(63 * PAGE)
    c = cost(m, lambda: other.touch(True))
    assert c.evictions == 7
    assert c.pswpout == 0
    assert m.check() == []
    assert heap[9 * PAGE] == 10
    assert m.check() == []


def test_shared_memory_comes_back_in_clusters_too():
    m = Machine(frames=64, swap=64 * PAGE, page_cluster=2)
    p = m.spawn("p")
    shared = p.mmap(8 * PAGE, flags=Map.SHARED)
    for k in range(8):
        shared[k * PAGE] = k + 1
    p.madvise(shared, advice=Advice.PAGEOUT)
    child = p.fork("child")
    assert child.load(shared.addr + PAGE) == bytes([2])
    c = cost(m, lambda: [shared[k * PAGE] for k in range(4)])
    assert (c.majflt, c.minflt) == (0, 4)
    assert m.check() == []


def test_it_is_told():
    m, p, heap = asleep()
    heap[10 * PAGE]
    told = views.log(m.state)[-1].sentence
    assert told.startswith("page 10 of A p's heap came back from swap slot 10 into frame 23")
    assert told.endswith("; 7 slots near it in swap read along")
    page = p.translate(heap.addr + 10 * PAGE).vpn + 1
    assert views.sentence(m.state, views.page(m.state, p.row, page)).endswith("the next access is a minor fault.")
    heap[11 * PAGE]
    assert "which holds what swap slot 11 does: only the PTE was missing" in views.log(m.state)[-1].sentence


def test_it_is_undone():
    m, _, heap = asleep()
    before = m.digest()
    heap[10 * PAGE]
    after = m.digest()
    m.undo()
    assert m.digest() == before
    m.redo()
    assert m.digest() == after


def test_presets_and_bad_values():
    assert Machine(preset="linux").state.machine["cluster"][0] == 8
    assert Machine().state.machine["cluster"][0] == 1
    with pytest.raises(ConfigError, match="page_cluster"):
        Machine(page_cluster=32)
