"""setrlimit: RLIMIT_AS, RLIMIT_DATA, RLIMIT_MEMLOCK. Numbers are those of the semantics list."""

import pytest
from known import PAGE, errno_of, gauges, locked, picture

from vmlab import RLIM_INFINITY, Advice, Limit, Lock, Machine, Map, Prot, SegmentationFault

RW = Prot.READ | Prot.WRITE
ENOMEM, EAGAIN, EPERM, EINVAL = 12, 11, 1, 22


def test_limits_are_kept_as_given_and_inherited(m, p):
    assert {r: p.sys.getrlimit(r) for r in Limit} == dict.fromkeys(Limit, RLIM_INFINITY) | {Limit.STACK: 8 << 20}
    assert {p.hard_rlimit(r) for r in Limit} == {RLIM_INFINITY}
    assert (Limit.DATA, Limit.STACK, Limit.MEMLOCK, Limit.AS, RLIM_INFINITY) == (2, 3, 8, 9, 2**64 - 1)
    for k, resource in enumerate(Limit):
        assert p.rlimit(resource, (1 << 63) + k) == (8 << 20 if resource == Limit.STACK else RLIM_INFINITY)
    child = p.fork()
    p.rlimit(Limit.AS, 5)
    assert [child.rlimit(r) for r in Limit] == [(1 << 63) + k for k in range(4)]
    assert p.rlimit(Limit.AS, RLIM_INFINITY) == 5
    assert m.spawn("other").rlimit(Limit.DATA) == RLIM_INFINITY


def test_what_is_no_limit(p):
    assert errno_of(p.sys.setrlimit, 16, 0) == EINVAL
    assert errno_of(p.sys.getrlimit, RLIM_INFINITY) == EINVAL
    with pytest.raises(ValueError, match="limit must be"):
        p.rlimit(Limit.AS, -1)
    with pytest.raises(TypeError):
        p.rlimit(Limit.AS, "1")


# -- RLIMIT_AS -----------------------------------------------------------------------------------------------------------


def test_25_address_space(m, p):
    p.mmap(2 * PAGE, prot=0)
    p.rlimit(Limit.AS, 4 * PAGE + 100)  # whole pages count
    before = picture(m)
    assert errno_of(p.mmap, 3 * PAGE, prot=0) == ENOMEM
    assert errno_of(p.mmap, 3 * PAGE, flags=Map.SHARED) == ENOMEM
    assert picture(m) == before
    p.mmap(2 * PAGE, prot=0)
    assert errno_of(p.mmap, 1) == ENOMEM


def test_a_fixed_mapping_takes_the_place_of_another(p):
    area = p.mmap(4 * PAGE)
    p.rlimit(Limit.AS, 4 * PAGE)
    fixed = Map.PRIVATE | Map.FIXED
    p.mmap(2 * PAGE, addr=area.addr + PAGE, flags=fixed)
    assert errno_of(p.mmap, 2 * PAGE, addr=area.addr + 3 * PAGE, flags=fixed) == ENOMEM
    assert area[4 * PAGE - 1] == 0  # what it would have replaced is still there


def test_a_lower_limit_takes_nothing_away(p):
    area = p.mmap(4 * PAGE)
    p.rlimit(Limit.AS, 0)
    area[0] = 1
    p.mprotect(area, prot=Prot.READ), p.mprotect(area, prot=RW)  # changes no size
    assert errno_of(p.mmap, PAGE) == ENOMEM
    p.munmap(area)


def test_131_the_heap_under_as(p):
    p.rlimit(Limit.AS, 2 * PAGE)
    start = p.sbrk(2 * PAGE)
    assert p.sys.brk(start + 2 * PAGE + 1) == start + 2 * PAGE
    assert errno_of(p.brk, start + 3 * PAGE) == ENOMEM
    p.brk(start)


# -- RLIMIT_DATA ---------------------------------------------------------------------------------------------------------


def test_26_data_counts_private_writable(m, p):
    p.rlimit(Limit.DATA, 2 * PAGE)
    file = m.create("f", 4 * PAGE)
    assert errno_of(p.mmap, 3 * PAGE) == ENOMEM
    assert errno_of(p.mmap, 3 * PAGE, file=file) == ENOMEM
    p.mmap(3 * PAGE, prot=Prot.READ), p.mmap(3 * PAGE, flags=Map.SHARED), p.mmap(3 * PAGE, file=file, flags=Map.SHARED)
    area = p.mmap(2 * PAGE)
    assert errno_of(p.mmap, PAGE) == ENOMEM
    p.mprotect(area, PAGE, Prot.READ)  # no longer data
    p.mmap(PAGE)


def test_mprotect_that_makes_data(p):
    area = p.mmap(4 * PAGE, prot=Prot.READ)
    p.rlimit(Limit.DATA, 2 * PAGE)
    assert errno_of(p.mprotect, area, prot=RW) == ENOMEM
    assert p.vma(area).perms == "r--p"
    p.mprotect(area, 2 * PAGE, RW)
    assert errno_of(p.mprotect, area.addr + 2 * PAGE, PAGE, RW) == ENOMEM
    shared = p.mmap(4 * PAGE, prot=Prot.READ, flags=Map.SHARED)
    p.mprotect(shared, prot=RW)


def test_131_the_heap_under_data(p):
    """The heap's own check counts bytes, and holds even for a limit of 0, which elsewhere is none (Linux: for Valgrind)."""
    start = p.sbrk(0)
    p.rlimit(Limit.DATA, 0)
    assert p.sys.brk(start + 1) == start
    assert p.sys.brk(start) == start
    p.mmap(PAGE)
    p.rlimit(Limit.DATA, 3 * PAGE + 10)
    assert p.sys.brk(start + 3 * PAGE) == start  # whole pages of heap and mapping together
    assert p.sys.brk(start + 2 * PAGE) == start + 2 * PAGE
    p.rlimit(Limit.DATA, PAGE)
    assert p.sys.brk(start + PAGE + 1) == start + 2 * PAGE  # also downwards
    assert p.sys.brk(start + PAGE) == start + PAGE
    p.rlimit(Limit.DATA, RLIM_INFINITY)
    assert p.sys.brk(start + 8 * PAGE) == start + 8 * PAGE


def test_28_a_giant_made_writable(p):
    """More than RAM and swap: to be read it may be mapped, to be written it is a promise."""
    giant = p.mmap(200 * PAGE, prot=Prot.READ)
    assert errno_of(p.mprotect, giant, prot=RW) == ENOMEM
    p.mprotect(giant, 100 * PAGE, RW)
    free = p.mmap(200 * PAGE, prot=Prot.READ, flags=Map.PRIVATE | Map.NORESERVE)
    p.mprotect(free, prot=RW)


# -- RLIMIT_MEMLOCK ------------------------------------------------------------------------------------------------------


def test_112_153_mlock(p):
    heap = p.mmap(4 * PAGE)
    p.rlimit(Limit.MEMLOCK, 2 * PAGE + 100)
    assert errno_of(p.sys.mlock, heap.addr, 3 * PAGE) == ENOMEM
    assert (locked(p), p.stat.rss, len(p.vmas())) == (0, 0, 1)  # 152: exceeding the limit changes nothing
    p.mlock(heap, 2 * PAGE)
    assert errno_of(p.sys.mlock, heap.addr + 2 * PAGE, 1) == ENOMEM
    p.mlock(heap, 2 * PAGE)  # what is locked already does not count twice
    assert errno_of(p.sys.mlock, heap.addr + PAGE, 2 * PAGE) == ENOMEM
    p.rlimit(Limit.MEMLOCK, 0)
    for call, *args in (("mlock", heap.addr, PAGE), ("mlock2", heap.addr, PAGE, 1), ("mlock", 0, 0), ("mlockall", 1)):
        assert errno_of(getattr(p.sys, call), *args) == EPERM
    p.munlock(heap)  # asks for nothing
    assert locked(p) == 0


def test_the_order_of_refusals(p):
    p.rlimit(Limit.MEMLOCK, 0)
    assert errno_of(p.sys.mlock2, 0, PAGE, 8) == EINVAL  # flags, then the limit, then the range
    assert errno_of(p.sys.mlockall, 0) == EINVAL
    assert errno_of(p.sys.mlock, 0, PAGE) == EPERM
    p.rlimit(Limit.MEMLOCK, PAGE)
    assert errno_of(p.sys.mlock, PAGE, 2**64 - PAGE) == ENOMEM  # the limit before the wrap


def test_113_mlockall(p):
    heap = p.mmap(4 * PAGE)
    p.rlimit(Limit.MEMLOCK, 3 * PAGE)
    assert errno_of(p.sys.mlockall, Lock.CURRENT) == ENOMEM
    assert errno_of(p.sys.mlockall, Lock.CURRENT | Lock.FUTURE) == ENOMEM
    p.mlock(heap, 2 * PAGE)
    p.mlockall(Lock.FUTURE)
    p.mmap(PAGE)
    assert (locked(p), errno_of(p.mmap, PAGE)) == (3, EAGAIN)
    old = p.sbrk(0)
    assert p.sys.brk(old + 1) == old


def test_29_map_locked(m, p):
    p.rlimit(Limit.MEMLOCK, 2 * PAGE)
    how = Map.PRIVATE | Map.LOCKED
    before = gauges(m)
    assert errno_of(p.mmap, 3 * PAGE, flags=how) == EAGAIN
    assert gauges(m) == before
    p.mmap(PAGE, flags=how)
    assert errno_of(p.mmap, 2 * PAGE, flags=how, prot=0) == EAGAIN
    p.rlimit(Limit.MEMLOCK, 0)
    assert errno_of(p.mmap, PAGE, flags=how) == EPERM
    p.mmap(PAGE)


def test_123_a_locked_range_that_grows(m, p):
    heap = p.mmap(2 * PAGE)
    p.mlock(heap)
    p.rlimit(Limit.MEMLOCK, 3 * PAGE)
    before = gauges(m)
    assert errno_of(p.mremap, heap, 4 * PAGE) == EAGAIN
    assert gauges(m) == before
    grown = p.mremap(heap, 3 * PAGE)
    assert (locked(p), p.pagemap(grown).present.all()) == (3, True)
    p.munlock(grown)
    p.mremap(grown, 8 * PAGE)  # what is not locked has no such limit


# -- hard limits ---------------------------------------------------------------------------------------------------------


def test_a_soft_limit_moves_up_to_the_hard_one(p):
    """setrlimit(2); kernel/sys.c, do_prlimit: EINVAL before EPERM."""
    p.rlimit(Limit.AS, 2 * PAGE, hard=4 * PAGE)
    assert (p.rlimit(Limit.AS), p.hard_rlimit(Limit.AS)) == (2 * PAGE, 4 * PAGE)
    p.rlimit(Limit.AS, 4 * PAGE)
    assert errno_of(p.rlimit, Limit.AS, 4 * PAGE + 1) == EINVAL
    assert errno_of(p.rlimit, Limit.AS, PAGE, hard=5 * PAGE) == EPERM
    assert errno_of(p.rlimit, Limit.AS, 6 * PAGE, hard=5 * PAGE) == EINVAL
    assert errno_of(p.sys.setrlimit, Limit.AS, RLIM_INFINITY, RLIM_INFINITY) == EPERM
    assert (p.rlimit(Limit.AS), p.hard_rlimit(Limit.AS)) == (4 * PAGE, 4 * PAGE)
    assert errno_of(p.rlimit, Limit.AS, hard=3 * PAGE) == EINVAL  # below the soft one
    p.sys.setrlimit(Limit.AS, 3 * PAGE, 3 * PAGE)
    child = p.fork()
    assert errno_of(child.rlimit, Limit.AS, 4 * PAGE) == EINVAL
    assert child.hard_rlimit(Limit.AS) == 3 * PAGE
    assert errno_of(p.hard_rlimit, 99) == EINVAL


def test_40_a_stack_grows_to_its_limit(m, p):
    top = 0x10_0000_0000
    p.mmap(PAGE, addr=top, flags=Map.PRIVATE | Map.FIXED | Map.GROWSDOWN)
    p.rlimit(Limit.STACK, 4 * PAGE)
    p.store(top - 3 * PAGE, b"s")
    with pytest.raises(SegmentationFault):
        p.store(top - 3 * PAGE - 1, b"s")
    p.rlimit(Limit.STACK, 5 * PAGE)
    p.store(top - 3 * PAGE - 1, b"s")
    p.rlimit(Limit.STACK, RLIM_INFINITY)
    p.rlimit(Limit.AS, 5 * PAGE)  # acct_stack_growth asks for address space, too
    with pytest.raises(SegmentationFault):
        p.store(top - 4 * PAGE - 1, b"s")


# -- max_map_count -------------------------------------------------------------------------------------------------------


def test_24_49_81_max_map_count(m, p):
    """24: mmap; 49: munmap of a hole, not of a whole VMA; 81: mprotect. Linux lets mmap make one more than the limit."""
    assert m.max_map_count == 65530
    areas = [p.mmap(4 * PAGE, flags=Map.SHARED) for _ in range(5)]
    m.max_map_count = 6
    before = picture(m)
    assert errno_of(p.mprotect, areas[0].addr + PAGE, PAGE, 1) == ENOMEM  # two cuts
    assert picture(m) == before
    p.mprotect(areas[0].addr, PAGE, 1)  # one
    before = picture(m)
    assert errno_of(p.munmap, areas[1].addr + PAGE, PAGE) == ENOMEM
    assert errno_of(p.mlock, areas[1].addr, PAGE) == ENOMEM
    assert errno_of(p.madvise, areas[1].addr, PAGE, Advice.DONTFORK) == EAGAIN  # ENOMEM is for holes
    assert errno_of(p.mremap, areas[1], 8 * PAGE) == ENOMEM
    assert picture(m) == before
    p.mmap(PAGE, flags=Map.SHARED)
    assert errno_of(p.mmap, PAGE, flags=Map.SHARED) == ENOMEM
    old = p.sbrk(0)
    assert p.sys.brk(old + PAGE) == old
    p.munmap(areas[1])
    p.munmap(areas[2].addr, PAGE)  # from an end: no more than before
    p.mmap(PAGE, flags=Map.SHARED)
    assert len(p.vmas()) == 7
    m.undo()
    m.max_map_count = 65530
    assert p.sys.brk(old + PAGE) == old + PAGE


def test_machines_begin_with_it():
    p = Machine(max_map_count=1).spawn()
    p.mmap(PAGE, flags=Map.SHARED)
    p.mmap(PAGE, flags=Map.SHARED)
    assert errno_of(p.mmap, PAGE, flags=Map.SHARED) == ENOMEM
