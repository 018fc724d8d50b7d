"""The TLB against a list for each set: which references hit, which entries a store, a switch or an eviction leaves."""

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from vmlab import Machine, Map, SegmentationFault

PAGE = 4096
GEOMETRIES = [None, (0, 1), (1, 1), (2, 1), (16, 1), (4, 4), (5, 5), (8, 2), (12, 3), (64, 4), (64, 64)]
references = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 19)), min_size=1, max_size=60)


class Lists:
    """For every set of every CPU a list of (process, page number), most recent last."""

    def __init__(self, tlb, cpus=1, asids=True):
        entries, self.ways = tlb or (0, 1)
        self.nsets = entries // self.ways
        self.sets = [[[] for _ in range(self.nsets)] for _ in range(cpus)]
        self.asids, self.running = asids, [None] * cpus

    def hit(self, who, vpn):
        cpu = who % len(self.sets)
        if not self.asids and self.running[cpu] != who:
            self.sets[cpu] = [[] for _ in range(self.nsets)]
        self.running[cpu] = who
        if not self.nsets:
            return False
        ways = self.sets[cpu][vpn % self.nsets]
        found = (who, vpn) in ways
        if found:
            ways.remove((who, vpn))
        ways.append((who, vpn))
        del ways[: -self.ways]
        return found

    def forget(self, who, vpn):
        for cpu in self.sets:
            for ways in cpu:
                if (who, vpn) in ways:
                    ways.remove((who, vpn))


def machine(processes=1, **kwargs):
    m = Machine(**({"frames": 80, "history": None} | kwargs))
    return m, [(p, list(p.mmap(20 * PAGE).pages)) for p in (m.spawn(f"p{k}") for k in range(processes))]


@pytest.mark.parametrize("tlb", GEOMETRIES, ids=str)
@settings(max_examples=25, deadline=None)
@given(string=st.lists(st.integers(0, 19), min_size=1, max_size=80), stores=st.booleans())
def test_hits_of_a_list(tlb, string, stores):
    m, [(p, pages)] = machine(tlb=tlb)
    lists = Lists(tlb)
    for k in string:
        run = p.access([pages[k]], stores)
        assert (run.tlb_misses == 0) == lists.hit(0, pages[k] // PAGE)
        assert run.tlb_misses <= 1
    assert m.check() == []


@pytest.mark.parametrize("tlb", GEOMETRIES, ids=str)
@settings(max_examples=10, deadline=None)
@given(string=st.lists(st.integers(0, 19), min_size=1, max_size=80))
def test_misses_of_one_run(tlb, string):
    _, [(p, pages)] = machine(tlb=tlb)
    lists = Lists(tlb)
    run = p.access([pages[k] for k in string])
    assert run.tlb_misses == sum(not lists.hit(0, pages[k] // PAGE) for k in string)
    assert run.refs == len(string)


@pytest.mark.parametrize("cpus", [1, 2])
@pytest.mark.parametrize("asids", [True, False])
@settings(max_examples=40, deadline=None)
@given(string=references, tlb=st.sampled_from([(1, 1), (4, 2), (16, 4)]))
def test_processes_and_cpus(cpus, asids, string, tlb):
    """Each CPU has a TLB; process k runs on CPU k mod cpus; without address-space numbers a switch flushes."""
    m, processes = machine(3, tlb=tlb, cpus=cpus, asids=asids)
    lists = Lists(tlb, cpus, asids)
    for who, k in string:
        p, pages = processes[who]
        assert (p.access([pages[k]]).tlb_misses == 0) == lists.hit(who, pages[k] // PAGE)
    assert m.check() == []


@settings(max_examples=60, deadline=None)
@given(string=st.lists(st.integers(0, 6), min_size=1, max_size=60), frames=st.integers(2, 5))
def test_an_evicted_page_is_in_no_tlb(string, frames):
    """FIFO decides who goes; the list forgets him."""
    m, [(p, pages)] = machine(frames=frames, swap=20 * PAGE, policy="fifo", tlb=(4, 2))
    lists, queue = Lists((4, 2)), []
    for k in string:
        if k not in queue:
            if len(queue) == frames:
                lists.forget(0, pages[queue.pop(0)] // PAGE)
            queue.append(k)
        assert (p.access([pages[k]]).tlb_misses == 0) == lists.hit(0, pages[k] // PAGE)
    assert m.check() == []


@pytest.mark.parametrize("cpus", [1, 2])
def test_eviction_shoots_down_what_any_cpu_holds(cpus):
    m = Machine(frames=2, swap=8 * PAGE, policy="fifo", cpus=cpus)
    p, q = m.spawn("p"), m.spawn("q")
    shared = p.mmap(PAGE, flags=Map.SHARED)
    child = p.fork()
    for who in (p, child):
        who.store(shared, b"x")
    heap = q.mmap(2 * PAGE)
    with m.measure() as cost:
        heap.touch(True)
    assert cost.shootdowns == 2
    assert not any(who.translate(shared).tlb_hit for who in (p, child))


def test_a_store_to_a_clean_page_walks_once():
    """Intel SDM vol. 3, 4.8: the D flag is set by a walk, also where a load has filled the TLB already."""
    _, [(p, [page, *_])] = machine()
    counts = [(run.walks, run.tlb_misses, run.faults) for run in (p.access([page], write) for write in (0, 0, 1, 1, 0))]
    assert counts == [(2, 1, 1), (0, 0, 0), (1, 0, 0), (0, 0, 0), (0, 0, 0)]
    assert "dirty" in p.translate(page).bits


def test_after_writeback_the_next_store_sets_dirty_again():
    m, [(p, _)] = machine()
    file = m.create("f", PAGE)
    page = p.mmap(PAGE, file=file, flags=Map.SHARED)
    page.touch(True)
    p.msync(page)
    assert "dirty" not in p.translate(page).bits
    assert (page.touch(True).walks, file.fsync()) == (1, 1)


def test_no_tlb_walks_at_every_reference():
    _, [(p, [page, *_])] = machine(tlb=None)
    p.access([page], True)
    assert p.access([page] * 10, True).walks == 10


def took(p, page):
    """What a load gets."""
    try:
        return p.load(page, 1)
    except SegmentationFault as signal:
        return signal.code


@pytest.mark.parametrize("cpus", [1, 2])
@pytest.mark.parametrize("tlb", [(64, 4), (1, 1)])
def test_calls_that_take_rights_away_reach_the_tlb(tlb, cpus):
    m, [(p, pages)] = machine(tlb=tlb, cpus=cpus)
    p.store(pages[0], b"a")
    p.mprotect(pages[0], PAGE, 1)
    with pytest.raises(SegmentationFault, match="SEGV_ACCERR"):
        p.store(pages[0], b"b")
    p.mprotect(pages[0], PAGE, 0)
    assert took(p, pages[0]) == 2
    p.munmap(pages[0], PAGE)
    assert took(p, pages[0]) == 1
    p.store(pages[1], b"a")
    child = p.fork()
    faults = p.stat.minflt
    p.store(pages[1], b"b")
    assert (p.stat.minflt, child.load(pages[1], 1)) == (faults + 1, b"a")
    assert m.check() == []


def test_the_next_process_in_a_row_inherits_nothing():
    m, [(p, pages)] = machine()
    p.store(pages[0], b"secret")
    row = p.row
    p.exit()
    q = m.spawn()
    assert q.row == row
    assert took(q, pages[0]) == 1
    heap = q.mmap(20 * PAGE)
    assert (heap.addr, took(q, heap.addr)) == (pages[0], b"\0")
