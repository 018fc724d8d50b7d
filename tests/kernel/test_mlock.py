"""mlock and its kin. Numbers are those of the semantics list; "Part II" its rules."""

import pytest
from known import PAGE, errno_of, gauges, known_program, locked

from vmlab import RLIM_INFINITY, Killed, Limit, Lock, Machine, Map, Prot, Sync

RW = Prot.READ | Prot.WRITE
TOP = 1 << 64


def spans(p, area):
    """The mappings of an area, in its pages."""
    return [((v.start - area.addr) // PAGE, (v.stop - area.addr) // PAGE) for v in p.vmas() if v.start >= area.addr]


def present(p, area):
    return p.pagemap(area).present.tolist()


ENOMEM, EAGAIN, EPERM, EBUSY, EINVAL = 12, 11, 1, 16, 22


# -- mlock ---------------------------------------------------------------------------------------------------------------


def test_109_whole_pages_from_a_rounded_address(p):
    heap = p.mmap(4 * PAGE)
    p.mlock(heap.addr + PAGE + 5, PAGE)  # touches pages 1 and 2
    assert present(p, heap) == [False, True, True, False]
    assert (locked(p), spans(p, heap)) == (2, [(0, 1), (1, 3), (3, 4)])
    assert "VmLck:\t       8 kB" in str(p.status()).splitlines()


def test_110_locks_do_not_stack(p):
    heap = p.mmap(2 * PAGE)
    p.mlock(heap), p.mlock(heap), p.munlock(heap)
    assert locked(p) == 0
    p.munlock(heap)  # nothing to do


def test_45_a_lock_splits_and_unlock_merges(p):
    heap = p.mmap(4 * PAGE)
    p.mlock(heap.addr + PAGE, PAGE)
    assert spans(p, heap) == [(0, 1), (1, 2), (2, 4)]
    p.munlock(heap.addr + PAGE, PAGE)
    assert spans(p, heap) == [(0, 4)]


def test_a_file_mapping_is_cut_and_made_whole(m, p):
    text = p.mmap(4 * PAGE, file=m.create("f", 4 * PAGE), flags=Map.SHARED)
    text.lock()
    p.munlock(text.addr + 2 * PAGE, PAGE)
    assert (locked(p), spans(p, text)) == (3, [(0, 2), (2, 3), (3, 4)])
    text.unlock()
    assert (locked(p), spans(p, text)) == (0, [(0, 4)])


def test_111_munmap_drops_locks(m, p):
    before = gauges(m)
    heap = p.mmap(4 * PAGE, flags=Map.PRIVATE | Map.LOCKED)
    p.munmap(heap.addr + PAGE, 2 * PAGE)
    assert locked(p) == 2
    p.munmap(heap)
    assert (locked(p), gauges(m)["frames"]) == (0, before["frames"])


def test_111_a_child_has_no_locks_and_no_future(m, p):
    p.mlockall(Lock.FUTURE)
    heap = p.mmap(4 * PAGE)
    child = p.fork()
    assert (locked(p), locked(child)) == (4, 0)
    other = child.mmap(PAGE)
    assert (locked(child), present(child, other)) == (0, [False])
    p.exit()  # the child's pages are nobody's locked pages now
    assert m.check() == []
    assert child.load(heap, 1) == b"\0"


def test_fork_does_not_merge_what_has_become_equal(p):
    """Part II: VMAs that become equal in the child are not merged by fork; nor by a later change that does not touch both."""
    heap = p.mmap(6 * PAGE)
    p.mlock(heap.addr, 2 * PAGE, onfault=True)  # nobody has a page, which alone would keep them apart
    child = p.fork()
    assert spans(child, heap) == [(0, 2), (2, 6)]
    child.mlock(heap.addr + 4 * PAGE, PAGE)
    child.mprotect(heap.addr + 5 * PAGE, PAGE, Prot.READ)
    assert spans(child, heap) == [(0, 2), (2, 4), (4, 5), (5, 6)]


def test_113_mlock2(p):
    heap = p.mmap(4 * PAGE)
    heap[0] = 1
    assert errno_of(p.sys.mlock2, heap.addr, PAGE, 2) == EINVAL
    assert errno_of(p.sys.mlock2, heap.addr, PAGE, 0xFFFFFFFF) == EINVAL
    p.mlock(heap, onfault=True)
    assert (locked(p), present(p, heap)) == (4, [True, False, False, False])
    p.sys.mlock2(heap.addr + PAGE, PAGE, 0)
    assert (locked(p), present(p, heap)) == (4, [True, True, False, False])


def test_112_152_the_hole(p):
    """ENOMEM at the hole: the part before it is locked though not brought in; the part after it is not locked."""
    heap = p.mmap(6 * PAGE)
    p.munmap(heap.addr + 4 * PAGE, PAGE)
    assert errno_of(p.sys.mlock, heap.addr, 6 * PAGE) == ENOMEM
    assert (locked(p), present(p, heap)) == (4, [False] * 6)
    assert errno_of(p.sys.munlock, heap.addr + 4 * PAGE, PAGE) == ENOMEM
    assert errno_of(p.sys.munlock, heap.addr, 6 * PAGE) == ENOMEM
    assert locked(p) == 0


def test_112_152_prot_none_is_refused_and_locked(p):
    heap = p.mmap(PAGE, prot=0)
    assert errno_of(p.sys.mlock, heap.addr, PAGE) == ENOMEM
    assert locked(p) == 1
    assert errno_of(p.sys.msync, heap.addr, PAGE, Sync.ASYNC | Sync.INVALIDATE) == EBUSY


def test_what_comes_before_a_page_that_cannot_be_brought_is_brought(m, p):
    heap = p.mmap(3 * PAGE)
    p.mprotect(heap.addr + PAGE, PAGE, 0)
    assert errno_of(p.sys.mlock, heap.addr, 3 * PAGE) == ENOMEM
    assert (locked(p), present(p, heap)) == (3, [True, False, False])
    text = p.mmap(3 * PAGE, file=m.create("f", PAGE), flags=Map.SHARED)
    assert errno_of(p.sys.mlock, text.addr, 3 * PAGE) == ENOMEM
    assert present(p, text) == [True, False, False]


def test_112_wraps_and_ends(p):
    heap = p.mmap(PAGE)
    assert errno_of(p.sys.mlock, heap.addr, TOP - heap.addr - PAGE) == ENOMEM  # far past user space: a hole
    assert errno_of(p.sys.mlock, heap.addr, TOP - PAGE) == EINVAL
    assert errno_of(p.sys.munlock, heap.addr, TOP - PAGE) == EINVAL
    assert errno_of(p.sys.mlock, 1 << 60, PAGE) == ENOMEM
    p.sys.mlock(0, 0), p.sys.munlock(1 << 62, 0), p.sys.mlock(0, TOP - 1)  # 2**64 - 1 rounds up to nothing
    assert locked(p) == 1


def test_86_msync_invalidate(m, p):
    file = m.create("f", 2 * PAGE)
    text = p.mmap(2 * PAGE, file=file, flags=Map.SHARED)
    p.msync(text, flags=Sync.SYNC | Sync.INVALIDATE)
    p.mlock(text.addr + PAGE, PAGE)
    assert errno_of(p.sys.msync, text.addr, 2 * PAGE, Sync.SYNC | Sync.INVALIDATE) == EBUSY
    p.munlockall()
    p.msync(text, flags=Sync.SYNC | Sync.INVALIDATE)


# -- mlockall, MAP_LOCKED ------------------------------------------------------------------------------------------------


def test_113_mlockall_flags(p):
    for flags in (0, Lock.ONFAULT, 8, 255):
        assert errno_of(p.sys.mlockall, flags) == EINVAL


def test_mlockall_current(m, p):
    """What cannot be brought (PROT_NONE, past the end of a file) is no error; later mappings are not locked."""
    areas = p.mmap(2 * PAGE), p.mmap(PAGE, prot=0), p.mmap(2 * PAGE, file=m.create("f", PAGE)), p.mmap(PAGE, prot=1)
    p.mlockall()
    assert locked(p) == 6
    assert [present(p, a) for a in areas] == [[True, True], [False], [True, False], [True]]
    later = p.mmap(PAGE, flags=Map.SHARED)
    assert (locked(p), present(p, later)) == (6, [False])
    p.munlockall()
    assert locked(p) == 0


def test_mlockall_future(p):
    first = p.mmap(PAGE)
    p.mlockall(Lock.FUTURE)
    second = p.mmap(PAGE, flags=Map.SHARED)
    p.sbrk(2 * PAGE)
    assert (locked(p), present(p, first), present(p, second)) == (3, [False], [True])
    assert present(p, p.at(p.sbrk(0) - 2 * PAGE, 2 * PAGE)) == [True, True]
    p.mlockall(Lock.CURRENT)  # and no longer FUTURE
    p.mmap(PAGE, flags=Map.SHARED)
    assert locked(p) == 4


def test_mlockall_on_fault(p):
    heap = p.mmap(2 * PAGE)
    p.mlockall(Lock.CURRENT | Lock.FUTURE | Lock.ONFAULT)
    later = p.mmap(2 * PAGE, flags=Map.SHARED | Map.POPULATE)
    assert (locked(p), present(p, heap), present(p, later)) == (4, [False] * 2, [False] * 2)
    p.munlockall()
    p.mmap(2 * PAGE)
    assert locked(p) == 0


def test_29_map_locked_brings_its_pages_and_hides_what_fails(m, p):
    heap = p.mmap(2 * PAGE, flags=Map.PRIVATE | Map.LOCKED | Map.NONBLOCK)
    none = p.mmap(PAGE, flags=Map.PRIVATE | Map.LOCKED, prot=0)
    text = p.mmap(2 * PAGE, flags=Map.SHARED | Map.LOCKED, file=m.create("f", PAGE))
    assert (present(p, heap), present(p, none), present(p, text)) == ([True] * 2, [False], [True, False])
    assert locked(p) == 5


# -- fault counts of populate --------------------------------------------------------------------------------------------


def test_mlock_costs_a_fault_a_page_and_later_stores_none(m, p):
    heap = p.mmap(8 * PAGE)
    with m.measure() as cost:
        p.mlock(heap)
    assert (cost.minflt, cost.majflt) == (8, 0)
    with m.measure() as cost:
        heap.touch(True), p.mlock(heap)
    assert cost.faults == 0


@pytest.mark.parametrize("how", ["file", "swap"])
def test_a_populate_that_must_read_is_minor(m, p, how):
    """Part II, fault counts: although it is I/O."""
    if how == "file":
        file = m.create("f", 3 * PAGE)
        file.evict()
        area = p.mmap(3 * PAGE, file=file)
    else:
        area = p.mmap(3 * PAGE)
        area.touch(True)
        m.spawn("q").mmap(80 * PAGE).touch(True)
        assert p.stat.nswap == 3
    with m.measure() as cost:
        area.lock()
    assert (cost.minflt, cost.majflt, cost.pswpin + cost.pgpgin) == (3, 0, 3)


def test_mprotect_makes_a_locked_private_page_its_own_at_once(m, p):
    """Part II: mprotect making a locked private mapping writable populates, counted even when the call then fails."""
    text = p.mmap(3 * PAGE, file=m.create("f", 3 * PAGE), prot=Prot.READ)
    p.munmap(text.addr + 2 * PAGE, PAGE)
    p.mlock(text, 2 * PAGE)
    with m.measure() as cost:
        assert errno_of(p.sys.mprotect, text.addr, 3 * PAGE, RW) == ENOMEM
    assert (cost.minflt, cost.copies) == (2, 2)
    with m.measure() as cost:
        text[0] = text[PAGE] = 1
    assert cost.faults == 0


def test_mprotect_leaves_shared_and_on_fault_alone(m, p):
    shared = p.mmap(2 * PAGE, flags=Map.SHARED | Map.LOCKED, prot=Prot.READ)
    lazy = p.mmap(2 * PAGE, prot=Prot.READ)
    p.mlock(lazy, onfault=True)
    with m.measure() as cost:
        p.mprotect(shared, prot=RW), p.mprotect(lazy, prot=RW)
    assert cost.faults == 0
    assert present(p, lazy) == [False, False]


# -- locked pages stay ---------------------------------------------------------------------------------------------------

POLICIES = ["clock", "fifo", "lru", lambda candidates: int(candidates.frame[0])]


@pytest.mark.parametrize("policy", POLICIES)
def test_114_locked_pages_are_never_evicted(policy):
    m = Machine(frames=16, swap=64 * PAGE, policy=policy)
    p = m.spawn("p")
    heap, text = p.mmap(4 * PAGE), p.mmap(2 * PAGE, file=m.create("f", 2 * PAGE), flags=Map.SHARED)
    heap[0:4], text[0:4] = b"kept", b"file"
    heap.lock(), text.lock()
    where = p.pagemap(heap).pfn.tolist(), p.pagemap(text).pfn.tolist()
    for _ in range(3):
        m.spawn("q").mmap(20 * PAGE).touch(True)
        assert m.check() == []
    assert (p.pagemap(heap).pfn.tolist(), p.pagemap(text).pfn.tolist()) == where
    assert (p.stat.nswap, heap[0:4], text[0:4]) == (0, b"kept", b"file")
    heap.unlock(), text.unlock()
    m.spawn("q").mmap(20 * PAGE).touch(True)
    assert not all(present(p, heap))


def test_114_on_fault_pages_stay_once_touched():
    m = Machine(frames=16, swap=64 * PAGE)
    p = m.spawn("p")
    heap = p.mmap(4 * PAGE)
    p.mlock(heap, onfault=True)
    heap[PAGE] = 1
    p.mmap(20 * PAGE).touch(True)
    assert present(p, heap) == [False, True, False, False]
    assert m.check() == []


def test_a_shared_frame_is_locked_while_anyone_locks_it(m, p):
    """The last lock that goes frees the frame: by munlock, munmap, a copy, exit, or the end of the file."""
    file = m.create("f", 4 * PAGE)
    kin = [p, *(p.fork(n) for n in "abcd")]
    areas = [q.mmap(4 * PAGE, file=file, prot=RW) for q in kin]

    def marked():
        assert m.check() == []
        return int((m.state.frames["marks"] & 2 != 0).sum())

    for q, area in zip(kin, areas):
        q.mprotect(area, prot=Prot.READ)
        q.mlock(area)
    assert marked() == 4
    areas[0].unlock()
    areas[1].close()
    kin[2].exit()
    assert marked() == 4
    kin[3].mprotect(areas[3], prot=RW)  # now has four locked frames of its own
    assert marked() == 8
    file.truncate(PAGE)
    assert marked() == 2
    areas[4].unlock()
    assert marked() == 1
    kin[3].exit()
    assert marked() == 0


def test_a_copy_after_fork_is_locked_and_the_original_too(m, p):
    heap = p.mmap(2 * PAGE)
    heap[0] = heap[PAGE] = 1
    p.mlock(heap)
    child = p.fork()
    heap[0] = 2  # the parent's copy: the child keeps an unlocked frame
    assert m.check() == []
    child.store(heap.addr + PAGE, b"c")  # the child's copy is not locked
    assert m.check() == []
    assert int((m.state.frames["marks"] & 2 != 0).sum()) == 2


def test_undo_gives_locks_and_limits_back(m, p):
    heap = p.mmap(2 * PAGE)
    p.mlock(heap)
    p.rlimit(Limit.AS, 1 << 20)
    m.undo(), m.undo()
    assert (locked(p), p.rlimit(Limit.AS), present(p, heap)) == (0, RLIM_INFINITY, [False, False])
    m.redo(), m.redo()
    assert (locked(p), p.rlimit(Limit.AS)) == (2, 1 << 20)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("how", ["mlock", "mlockall", "MAP_LOCKED", "sbrk"])
def test_more_than_ram_ends_in_words(how, policy):
    m = Machine(frames=16, swap=64 * PAGE, policy=policy)
    m.spawn("other").mmap(4 * PAGE).touch(True)
    p = m.spawn("p")
    p.rlimit(Limit.MEMLOCK, RLIM_INFINITY)
    with pytest.raises(Killed, match=r"process 2 \(p\) was killed: out of memory"):
        if how == "mlock":
            p.mmap(20 * PAGE).lock()
        elif how == "mlockall":
            p.mmap(20 * PAGE), p.mlockall()
        elif how == "MAP_LOCKED":
            p.mmap(20 * PAGE, flags=Map.SHARED | Map.LOCKED)
        else:
            p.mlockall(Lock.FUTURE), p.sbrk(20 * PAGE)
    assert m.check() == []
    known_program(m)


def test_one_who_locks_may_cost_another_its_life():
    """Not the caller but the largest goes; the call goes on."""
    m = Machine(frames=16, swap=0)
    big, p = m.spawn("big"), m.spawn("p")
    big.mmap(12 * PAGE).touch(True)
    p.mmap(8 * PAGE).lock()
    assert (big.alive, locked(p)) == (False, 8)
    assert m.check() == []
