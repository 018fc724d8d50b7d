"""What may be promised: vm.overcommit_memory 0, 1, 2 (proc(5); mm/util.c, __vm_enough_memory; Documentation/vm/overcommit)."""

import errno

import pytest

from vmlab import KiB, Machine, Map, Prot
from vmlab.errors import ConfigError

PAGE = 4 * KiB
RW = Prot.READ | Prot.WRITE


def machine(mode, ratio=50, frames=64, slots=32):
    m = Machine(frames=frames, swap=slots * PAGE)
    m.overcommit_ratio = ratio
    m.overcommit = mode
    return m, m.spawn("p")


def refused(call, *args, **kwargs):
    with pytest.raises(OSError, match=r"(mmap|mprotect|fork):") as info:
        call(*args, **kwargs)
    return info.value.errno == errno.ENOMEM


def test_mode_0_refuses_what_ram_and_swap_could_never_hold():
    _, p = machine(0)
    assert refused(p.mmap, 97 * PAGE)
    p.mmap(96 * PAGE)
    p.mmap(96 * PAGE)  # each call is looked at alone
    p.mmap(97 * PAGE, flags=Map.PRIVATE | Map.NORESERVE)
    p.mmap(97 * PAGE, prot=Prot.READ)


def test_mode_1_promises_anything():
    _, p = machine(1)
    p.mmap(1 << 40)


def test_mode_2_counts_every_promise_up_to_the_limit():
    m, p = machine(2)  # 64 frames at 50 %, and 32 slots: 64 pages
    assert m.meminfo().rows["CommitLimit"] == 64 * 4
    first = p.mmap(40 * PAGE)
    assert m.meminfo().rows["Committed_AS"] == 40 * 4
    assert refused(p.mmap, 25 * PAGE)
    second = p.mmap(24 * PAGE, flags=Map.SHARED)
    assert refused(p.mmap, PAGE)
    p.munmap(first, 10 * PAGE)
    p.mmap(10 * PAGE)
    p.munmap(second)
    assert m.meminfo().rows["Committed_AS"] == 40 * 4


def test_mode_2_promises_nothing_for_what_nobody_can_store_to():
    m, p = machine(2)
    f = m.create("f", 200 * PAGE)
    p.mmap(200 * PAGE, prot=Prot.READ)
    p.mmap(200 * PAGE, file=f, flags=Map.SHARED)
    p.mmap(200 * PAGE, file=f, flags=Map.PRIVATE, prot=Prot.READ)
    assert m.meminfo().rows["Committed_AS"] == 0


def test_mode_2_ignores_noreserve():
    _, p = machine(2)
    assert refused(p.mmap, 65 * PAGE, flags=Map.PRIVATE | Map.NORESERVE)


def test_mode_2_mprotect_and_brk_are_promises_too():
    m, p = machine(2)
    area = p.mmap(65 * PAGE, prot=Prot.READ)
    assert refused(p.mprotect, area, prot=RW)
    p.mprotect(area, 30 * PAGE, prot=RW)
    start = p.sys.brk(0)
    assert p.sys.brk(start + 35 * PAGE) == start
    assert p.sys.brk(start + 34 * PAGE) == start + 34 * PAGE
    assert m.check() == []


def test_mode_2_fork_promises_everything_twice():
    m, p = machine(2)
    p.mmap(40 * PAGE)
    assert refused(p.fork)
    assert len(m.processes) == 1
    m.overcommit_ratio = 100
    assert refused(p.mmap, 57 * PAGE)
    p.mmap(5 * PAGE)
    p.fork()
    assert m.meminfo().rows["Committed_AS"] == 90 * 4


def test_the_example_of_the_manual():
    """16 GiB of RAM, 16 GiB of swap, ratio 50: 24 GiB (vm/overcommit-accounting), here in pages."""
    _, p = machine(2, frames=160, slots=160)
    p.mmap(240 * PAGE)
    assert refused(p.mmap, PAGE)


def test_it_is_undone_and_survives_a_branch():
    m, _ = machine(2)
    twin = m.branch()
    m.undo()  # spawn
    m.undo()
    assert (m.overcommit, twin.overcommit) == (0, 2)


@pytest.mark.parametrize(
    ("field", "value"), [("overcommit", 3), ("overcommit", -1), ("overcommit_ratio", -1), ("overcommit", "2")]
)
def test_what_is_no_mode(field, value):
    with pytest.raises(ConfigError, match="whole number"):
        setattr(Machine(), field, value)


def test_meminfo_adds_up():
    m, p = machine(0)
    heap = p.mmap(10 * PAGE)
    heap.touch(True)
    f = m.create("f", 5 * PAGE)
    p.mmap(5 * PAGE, file=f, flags=Map.SHARED).touch(True)
    p.mmap(3 * PAGE, flags=Map.SHARED).touch(True)
    p.mlock(heap, 2 * PAGE)
    rows = {name: n // 4 for name, n in m.meminfo().rows.items()}
    assert rows["MemFree"] == 64 - 18
    assert (rows["AnonPages"], rows["Cached"], rows["Shmem"], rows["Dirty"], rows["Mlocked"]) == (10, 8, 3, 5, 2)
    assert "MemTotal:            256 kB" in str(m.meminfo())
