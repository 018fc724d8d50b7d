"""madvise: what each advice does, and what it refuses. Numbers are those of the semantics list; "Part II" its rules."""

import numpy as np
import pytest
from known import PAGE, fails, gauges

from vmlab import Advice, BusError, Machine, Map, Prot, SegmentationFault
from vmlab.core.state import LAZYFREE, Mark
from vmlab.kernel.enter import REGISTER

NUMBERS = {  # include/uapi/asm-generic/mman-common.h
    "NORMAL": 0, "RANDOM": 1, "SEQUENTIAL": 2, "WILLNEED": 3, "DONTNEED": 4, "FREE": 8, "REMOVE": 9, "DONTFORK": 10,
    "DOFORK": 11, "MERGEABLE": 12, "UNMERGEABLE": 13, "HUGEPAGE": 14, "NOHUGEPAGE": 15, "DONTDUMP": 16, "DODUMP": 17,
    "WIPEONFORK": 18, "KEEPONFORK": 19, "COLD": 20, "PAGEOUT": 21, "POPULATE_READ": 22, "POPULATE_WRITE": 23,
    "DONTNEED_LOCKED": 24, "COLLAPSE": 25, "HWPOISON": 100, "SOFT_OFFLINE": 101, "GUARD_INSTALL": 102, "GUARD_REMOVE": 103,
}  # fmt: skip


def filled(p, n=4, **how):
    """n pages; every byte of page i is i + 1."""
    area = p.mmap(n * PAGE, **how)
    for i in range(n):
        area[i * PAGE : (i + 1) * PAGE] = bytes([i + 1]) * PAGE
    return area


def firsts(area, p=None):
    """The first byte of every page."""
    return [(p or area.process).load(at, 1)[0] for at in area.pages]


def lock(m, area):
    """Mark a mapping locked, whoever builds mlock."""
    vmas = m.state.vmas
    vmas["marks"][vmas["first"] & (1 << 48) - 1 == area.addr // PAGE] |= Mark.LOCKED


def test_the_numbers_are_linuxs():
    assert {a.name: int(a) for a in Advice} == NUMBERS


# -- arguments


def test_92_arguments(p):
    area = filled(p)
    fails("EINVAL", p.sys.madvise, area.addr + 1, PAGE, Advice.DONTNEED)
    fails("EINVAL", p.sys.madvise, area.addr, PAGE, 77)
    fails("EINVAL", p.sys.madvise, area.addr, 2**64 - 1, Advice.DONTNEED)  # rounds up to 0
    fails("EINVAL", p.sys.madvise, area.addr, 2**64 - PAGE, Advice.DONTNEED)  # wraps
    fails("EINVAL", p.sys.madvise, 0, 0, 77)
    assert p.sys.madvise(area.addr, 0, Advice.DONTNEED) == 0
    for name, number in NUMBERS.items():  # madvise(0, 0, a) asks whether a is known
        if "MERGEABLE" not in name:
            assert p.sys.madvise(0, 0, number) == 0
    assert firsts(area) == [1, 2, 3, 4]


def test_93_both_sides_of_a_hole_are_advised_and_the_answer_is_enomem(p):
    area = filled(p, 5)
    p.munmap(area.addr + 2 * PAGE, PAGE)
    fails("ENOMEM", p.madvise, area, advice=Advice.DONTNEED)
    assert [p.load(area.addr + i * PAGE, 1)[0] for i in (0, 1, 3, 4)] == [0, 0, 0, 0]
    fails("ENOMEM", p.sys.madvise, 1 << 62, PAGE, Advice.NORMAL)


def test_106_what_this_machine_does_not_have(p):
    area = filled(p)
    for advice in (Advice.HWPOISON, Advice.SOFT_OFFLINE):
        fails("EPERM", area.madvise, advice)
    for advice in (Advice.MERGEABLE, Advice.UNMERGEABLE, Advice.COLLAPSE):
        fails("EINVAL", area.madvise, advice)
    assert firsts(area) == [1, 2, 3, 4]


def test_97_locked_mappings_keep_their_pages(m, p):
    area = filled(p, flags=Map.SHARED)
    lock(m, area)
    for advice in (
        Advice.DONTNEED, Advice.FREE, Advice.COLD, Advice.PAGEOUT, Advice.REMOVE, Advice.GUARD_INSTALL
    ):  # fmt: skip
        fails("EINVAL", area.madvise, advice)
    assert p.stat.rss == 4
    area.madvise(Advice.DONTNEED_LOCKED)
    assert p.stat.rss == 0
    assert firsts(area) == [1, 2, 3, 4]


# -- DONTNEED


def test_94_dontneed_frees_private_pages(m, p):
    area = filled(p)
    free, rss = gauges(m)["frames"], p.stat.rss
    p.madvise(area.addr + PAGE, 2 * PAGE, Advice.DONTNEED)
    assert (gauges(m)["frames"], p.stat.rss) == (free + 2, rss - 2)
    with m.measure() as cost:
        assert firsts(area) == [1, 0, 0, 4]
    assert cost.minflt == 2


def test_94_dontneed_frees_swapped_pages(m, p):
    area = filled(p)
    area.madvise(Advice.PAGEOUT)
    slots = gauges(m)["slots"]
    area.madvise(Advice.DONTNEED)
    assert gauges(m)["slots"] == slots + 4
    assert firsts(area) == [0, 0, 0, 0]


def test_95_dontneed_brings_the_file_back(m, p):
    area = p.mmap(2 * PAGE, file=m.create("f", 2 * PAGE, b"a" * 2 * PAGE))
    area[0:2] = b"xy"
    area.madvise(Advice.DONTNEED)
    assert area[0:2] == b"aa"


@pytest.mark.parametrize("of_a_file", [True, False])
def test_96_dontneed_of_shared_memory_keeps_the_data(m, p, of_a_file):
    area = filled(p, flags=Map.SHARED, file=m.create("f", 4 * PAGE) if of_a_file else None)
    area.madvise(Advice.DONTNEED)
    assert p.stat.rss == 0
    assert area.mincore().all()
    assert firsts(area) == [1, 2, 3, 4]


def test_dontneed_is_the_callers_alone(p):
    area = filled(p)
    child = p.fork()
    child.madvise(area, advice=Advice.DONTNEED)
    assert (firsts(area, child), firsts(area)) == ([0, 0, 0, 0], [1, 2, 3, 4])


# -- FREE


def press(m, n):
    """Need n frames more than there are, for a moment."""
    q = m.spawn("hungry")
    q.mmap((int(m.state.machine["nfree"][0]) + n) * PAGE).touch(True)
    q.exit()


def test_98_free_is_for_private_anonymous_memory(m, p):
    for how in (
        {"flags": Map.SHARED},
        {"file": m.create("f", PAGE)},
        {"file": m.create("g", PAGE), "flags": Map.SHARED},
    ):
        fails("EINVAL", p.mmap(PAGE, **how).madvise, Advice.FREE)


def test_98_free_keeps_the_bytes_until_memory_is_needed(m, p):
    area = filled(p)
    area.madvise(Advice.FREE)
    with m.measure() as cost:
        assert firsts(area) == [1, 2, 3, 4]
    assert (cost.faults, p.stat.rss) == (0, 4)


@pytest.mark.parametrize("policy", ["clock", "fifo"])
def test_98_what_was_freed_goes_first_and_without_swap(policy):
    m = Machine(frames=16, swap=16 * PAGE, policy=policy)
    p = m.spawn("p")
    area = filled(p)
    area.madvise(Advice.FREE)
    with m.measure() as cost:
        press(m, 4)
    assert (cost.pswpout, p.stat.rss, p.stat.nswap) == (0, 0, 0)
    assert firsts(area) == [0, 0, 0, 0]
    assert m.check() == []


def test_98_freed_pages_go_where_there_is_no_swap():
    m = Machine(frames=8, swap=0)
    p = m.spawn("p")
    area = filled(p)
    area.madvise(Advice.FREE)
    press(m, 4)
    assert firsts(area) == [0, 0, 0, 0]


def test_98_a_store_takes_the_page_back(m, p):
    area = filled(p)
    area.madvise(Advice.FREE)
    with m.measure() as cost:
        area[PAGE + 1] = 9
    assert cost.faults == 0
    press(m, 64)
    assert firsts(area) == [0, 2, 0, 0]
    assert area[PAGE + 1] == 9


def test_free_forgets_swapped_pages_and_leaves_shared_ones(m, p):
    area = filled(p)
    p.madvise(area.addr, PAGE, Advice.PAGEOUT)
    area.madvise(Advice.FREE)
    assert (p.stat.nswap, firsts(area)) == (0, [0, 2, 3, 4])
    other = filled(p)
    p.fork()
    other.madvise(Advice.FREE)
    frames = p.pagemap(other).pfn
    assert not (m.state.frames["marks"][frames] & LAZYFREE).any()


# -- WILLNEED, RANDOM, SEQUENTIAL, COLD, PAGEOUT


def test_102_willneed_reads_ahead(m, p):
    file = m.create("f", 6 * PAGE, b"f" * 6 * PAGE)
    file.evict()
    area = p.mmap(9 * PAGE, file=file, prot=Prot.READ)
    with m.measure() as cost:
        area.madvise(Advice.WILLNEED)
    assert (cost.faults, cost.pgpgin, p.stat.rss) == (0, 6, 0)
    with m.measure() as cost:
        assert firsts(p.at(area.addr, 6 * PAGE)) == [102] * 6
    assert cost.majflt == 0


@pytest.mark.parametrize("flags", [Map.PRIVATE, Map.SHARED])
def test_willneed_brings_back_from_swap(m, p, flags):
    area = filled(p, flags=flags)
    area.madvise(Advice.PAGEOUT)
    assert not area.mincore().any()
    with m.measure() as cost:
        area.madvise(Advice.WILLNEED)
    assert (cost.faults, cost.pswpin) == (0, 4)
    with m.measure() as cost:
        assert firsts(area) == [1, 2, 3, 4]
    assert cost.majflt == 0


def test_willneed_kills_nobody_and_reads_no_more_than_ram_holds():
    m = Machine(frames=8, swap=0)
    p = m.spawn("p")
    heap, file = filled(p, 8), m.create("f", 20 * PAGE)
    p.mmap(20 * PAGE, file=file, prot=Prot.READ).madvise(Advice.WILLNEED)
    assert firsts(heap) == [1, 2, 3, 4, 5, 6, 7, 8]
    heap.madvise(Advice.DONTNEED)
    area = p.mmap(20 * PAGE, file=file, prot=Prot.READ)
    area.madvise(Advice.WILLNEED)
    assert area.mincore().tolist() == [True] * 8 + [False] * 12


def test_willneed_of_a_machine_that_only_counts():
    m = Machine(frames=8, contents=False)
    p = m.spawn("p")
    area = p.mmap(4 * PAGE, file=m.create("f", 4 * PAGE))
    area.madvise(Advice.WILLNEED)
    assert area.mincore().all()


@pytest.mark.parametrize(
    ("advice", "back"),
    [
        (Advice.RANDOM, Advice.NORMAL),
        (Advice.SEQUENTIAL, Advice.NORMAL),
        (Advice.DONTFORK, Advice.DOFORK),
        (Advice.WIPEONFORK, Advice.KEEPONFORK),
        (Advice.DONTDUMP, Advice.DODUMP),
        (Advice.NOHUGEPAGE, None),
    ],
)
def test_45_what_a_mapping_remembers_splits_it_and_merges_it(m, p, advice, back):
    area = filled(p, 3)
    p.madvise(area.addr + PAGE, PAGE, advice)
    assert [v.stop - v.start for v in p.vmas()] == [PAGE, PAGE, PAGE]
    if back is None:
        area.madvise(advice)
    else:
        p.madvise(area.addr + PAGE, PAGE, back)
    assert len(p.vmas()) == 1
    assert firsts(area) == [1, 2, 3]


def test_104_cold_pages_go_first():
    m = Machine(frames=8, swap=32 * PAGE, policy="fifo")
    p = m.spawn("p")
    area = filled(p)
    p.madvise(area.addr + 2 * PAGE, PAGE, Advice.COLD)
    press(m, 1)
    assert area.mincore().tolist() == [True, True, False, True]
    assert m.check() == []


def test_104_cold_clears_accessed(m, p):
    area = filled(p)
    area.madvise(Advice.COLD)
    assert not any("accessed" in p.translate(at).bits for at in area.pages)
    assert firsts(area) == [1, 2, 3, 4]


def test_104_pageout_swaps_out(m, p):
    area = filled(p)
    with m.measure() as cost:
        area.madvise(Advice.PAGEOUT)
    assert (cost.pswpout, p.stat.rss, p.stat.nswap) == (4, 0, 4)
    with m.measure() as cost:
        assert firsts(area) == [1, 2, 3, 4]
    assert cost.majflt == 4


def test_104_pageout_without_swap_leaves_memory_and_writes_files():
    m = Machine(frames=16, swap=0)
    p = m.spawn("p")
    area, file = filled(p), m.create("f", 2 * PAGE)
    area.madvise(Advice.PAGEOUT)
    assert p.stat.rss == 4
    text = p.mmap(2 * PAGE, file=file, flags=Map.SHARED)
    text[0:3] = b"new"
    text.madvise(Advice.PAGEOUT)
    assert m.device(file.object).read(0, 3) == b"new"
    assert not text.mincore()[0]
    assert m.check() == []


def test_pageout_leaves_what_others_map(m, p):
    area = filled(p)
    p.fork()
    area.madvise(Advice.PAGEOUT)
    assert p.stat.rss == 4


# -- REMOVE


def test_100_what_remove_refuses(m, p):
    file = m.create("f", PAGE)
    fails("EINVAL", p.mmap(PAGE).madvise, Advice.REMOVE)
    fails("EACCES", p.mmap(PAGE, file=file).madvise, Advice.REMOVE)
    fails("EACCES", p.mmap(PAGE, file=file.reopen("r"), flags=Map.SHARED, prot=Prot.READ).madvise, Advice.REMOVE)


def test_100_remove_makes_a_hole_in_shared_memory(m, p):
    area = filled(p, flags=Map.SHARED)
    child = p.fork()
    assert firsts(area, child) == [1, 2, 3, 4]
    p.madvise(area.addr, PAGE, Advice.PAGEOUT)
    free = gauges(m)["frames"]
    p.madvise(area.addr, 3 * PAGE, Advice.REMOVE)
    assert gauges(m)["frames"] == free + 3
    assert (firsts(area, child), firsts(area)) == ([0, 0, 0, 4], [0, 0, 0, 4])


def test_part_ii_remove_makes_a_hole_in_the_file_and_private_copies_survive(m, p):
    data = b"a" * PAGE + b"b" * PAGE + b"c" * 100
    file = m.create("f", len(data), data)
    shared = p.mmap(3 * PAGE, file=file, flags=Map.SHARED)
    private = p.mmap(3 * PAGE, file=file)
    private[PAGE] = 1
    shared[PAGE] = 2  # dirty: must not be written over the hole later
    assert firsts(private) == [97, 1, 99]
    p.madvise(shared.addr + PAGE, 2 * PAGE, Advice.REMOVE)
    assert firsts(shared) == [97, 0, 0]
    assert firsts(private) == [97, 1, 0]
    m.sync()
    assert m.device(file.object).read(0, 3 * PAGE) == b"a" * PAGE + bytes(PAGE + 100)
    assert file.size == len(data)


def test_remove_of_a_host_file_and_its_undo(m, p, tmp_path):
    path = tmp_path / "text"
    path.write_bytes(b"x" * 3 * PAGE)
    area = p.mmap(3 * PAGE, file=m.open(path, "r+"), flags=Map.SHARED)
    assert firsts(area) == [120] * 3
    p.madvise(area.addr + PAGE, PAGE, Advice.REMOVE)
    assert path.read_bytes() == b"x" * PAGE + bytes(PAGE) + b"x" * PAGE
    assert firsts(area) == [120, 0, 120]
    m.undo(4)
    assert path.read_bytes() == b"x" * 3 * PAGE
    m.redo(4)
    assert path.read_bytes() == b"x" * PAGE + bytes(PAGE) + b"x" * PAGE


def test_a_hole_past_what_a_file_keeps_takes_no_memory(m, p):
    file = m.create("huge", 1 << 36)
    file.pwrite(b"end", (1 << 36) - 3)
    m.sync()
    area = p.mmap(1 << 36, file=file, flags=Map.SHARED)
    area.madvise(Advice.REMOVE)
    assert file.pread(3, (1 << 36) - 3) == bytes(3)
    assert m.device(file.object).save().blocks == {}


# -- POPULATE_READ, POPULATE_WRITE


def test_101_populate_needs_the_right(m, p):
    fails("EINVAL", p.mmap(PAGE, prot=Prot.READ).madvise, Advice.POPULATE_WRITE)
    fails("EINVAL", p.mmap(PAGE, prot=Prot.NONE).madvise, Advice.POPULATE_READ)
    fails("EINVAL", p.mmap(PAGE, prot=Prot.WRITE).madvise, Advice.POPULATE_READ)  # Part II: r, not just w or x
    p.mmap(PAGE, prot=Prot.WRITE).madvise(Advice.POPULATE_WRITE)


def test_101_populate_past_the_end_of_a_file_and_into_a_hole(m, p):
    area = p.mmap(4 * PAGE, file=m.create("f", 2 * PAGE))
    fails("EFAULT", area.madvise, Advice.POPULATE_READ)
    assert p.stat.rss == 2
    area = p.mmap(3 * PAGE)
    p.munmap(area.addr + PAGE, PAGE)
    fails("ENOMEM", area.madvise, Advice.POPULATE_WRITE)
    assert p.pagemap(area).present.tolist() == [True, False, False]  # stops at the hole


def test_101_populate_costs_what_is_missing(m, p):
    area = p.mmap(16 * PAGE)
    for faults in (16, 0):
        with m.measure() as cost:
            area.madvise(Advice.POPULATE_WRITE)
        assert cost.minflt == faults
    with m.measure() as cost:
        area.touch(True)
    assert cost.faults == 0


# -- DONTFORK, WIPEONFORK


def test_105_dontfork(m, p):
    area = filled(p, 3)
    p.madvise(area.addr + PAGE, PAGE, Advice.DONTFORK)
    child = p.fork()
    assert (child.load(area, 1), child.load(area.addr + 2 * PAGE, 1)) == (b"\1", b"\3")
    with pytest.raises(SegmentationFault) as fault:
        child.load(area.addr + PAGE, 1)
    assert fault.value.code == 1
    p.madvise(area, advice=Advice.DOFORK)
    assert firsts(area, p.fork()) == [1, 2, 3]


def test_105_wipeonfork_is_inherited(m, p):
    area = filled(p, 3)
    p.madvise(area.addr + PAGE, PAGE, Advice.WIPEONFORK)
    child = p.fork()
    assert (firsts(area, child), firsts(area)) == ([1, 0, 3], [1, 2, 3])
    child.store(area.addr + PAGE, b"\7")
    assert firsts(area, child.fork()) == [1, 0, 3]
    child.madvise(area, advice=Advice.KEEPONFORK)
    assert firsts(area, child.fork()) == [1, 7, 3]


def test_99_wipeonfork_is_for_private_anonymous_memory(m, p):
    for how in ({"flags": Map.SHARED}, {"file": m.create("f", PAGE)}):
        fails("EINVAL", p.mmap(PAGE, **how).madvise, Advice.WIPEONFORK)


# -- guards


def test_107_guards(m, p):
    area = filled(p)
    before, free = p.vmas(), gauges(m)["frames"]
    p.madvise(area.addr + PAGE, 2 * PAGE, Advice.GUARD_INSTALL)
    assert (p.vmas(), gauges(m)["frames"]) == (before, free + 2)
    for access in (p.load, lambda at, n: p.store(at, b"x")):
        with pytest.raises(SegmentationFault) as fault:
            access(area.addr + PAGE, 1)
        assert fault.value.code == 1
    fails("EFAULT", area.madvise, Advice.POPULATE_READ)
    area.madvise(Advice.DONTNEED)  # does not remove them
    with pytest.raises(SegmentationFault):
        p.load(area.addr + 2 * PAGE, 1)
    area.madvise(Advice.GUARD_REMOVE)
    assert firsts(area) == [0, 0, 0, 0]


def test_guards_leave_what_lies_beside_them(p):
    area = filled(p)
    p.madvise(area.addr + PAGE, PAGE, Advice.GUARD_INSTALL)
    area.madvise(Advice.GUARD_REMOVE)
    assert firsts(area) == [1, 0, 3, 4]


@pytest.mark.parametrize("flags", [Map.PRIVATE, Map.SHARED])
@pytest.mark.parametrize("of_a_file", [True, False])
def test_guards_of_every_kind_are_inherited_and_go_with_munmap(m, p, flags, of_a_file):
    file = m.create("f", 2 * PAGE, b"f" * 2 * PAGE) if of_a_file else None
    area = p.mmap(2 * PAGE, flags=flags, file=file)
    area[0] = 1
    p.madvise(area.addr, PAGE, Advice.GUARD_INSTALL)
    child = p.fork()
    for q in (p, child):
        with pytest.raises(SegmentationFault):
            q.load(area, 1)
        assert q.load(area.addr + PAGE, 1) == (b"f" if of_a_file else b"\0")
    child.madvise(area, advice=Advice.GUARD_REMOVE)
    mine = b"\1" if flags == Map.SHARED else b"f" if of_a_file else b"\0"
    assert child.load(area, 1) == mine
    p.munmap(area)
    again = p.mmap(2 * PAGE, addr=area.addr, flags=Map.PRIVATE | Map.FIXED)
    assert firsts(again) == [0, 0]


def test_a_guard_outlives_truncation(m, p):
    file = m.create("f", 2 * PAGE)
    area = p.mmap(2 * PAGE, file=file)
    p.madvise(area.addr + PAGE, PAGE, Advice.GUARD_INSTALL)
    file.truncate(0)
    with pytest.raises(BusError):
        p.load(area, 1)
    with pytest.raises(SegmentationFault):
        p.load(area.addr + PAGE, 1)


def test_the_kernel_meets_guards_too(m, p):
    area, file = filled(p), m.create("f", PAGE)
    p.madvise(area.addr, PAGE, Advice.GUARD_INSTALL)
    fails("EFAULT", p.read, file, area, 10)


def test_more_guards_than_a_call_installs(m, p):
    area = p.mmap(1 << 40, flags=Map.PRIVATE | Map.NORESERVE)
    fails("ENOMEM", area.madvise, Advice.GUARD_INSTALL)
    p.madvise(area.addr, 5000 * PAGE, Advice.GUARD_INSTALL)
    with pytest.raises(SegmentationFault):
        p.load(area.addr + 4999 * PAGE, 1)
    assert p.load(area.addr + 5000 * PAGE, 1) == b"\0"


# -- as a method, and in the history


def test_as_pythons_mmap(m, p):
    area = filled(p)
    area.madvise(Advice.DONTNEED, 2 * PAGE)
    area.madvise(Advice.DONTNEED, 0, PAGE)
    area.madvise(Advice.NORMAL, 0, 100 * PAGE)  # at most to the end
    assert firsts(area) == [0, 2, 0, 0]
    for start, length in ((-1, 1), (4 * PAGE, 1), (0, -1)):
        with pytest.raises(ValueError, match=r"madvise start out of bounds|madvise length invalid"):
            area.madvise(Advice.NORMAL, start, length)
    for offset, size in ((-1, 1), (0, 5 * PAGE), (5 * PAGE, None)):
        with pytest.raises(ValueError, match="flush values out of range"):
            area.flush(offset, size)


def test_every_advice_can_be_undone(m, p):
    file = m.create("f", 4 * PAGE, b"f" * 4 * PAGE)
    private, shared = filled(p), p.mmap(4 * PAGE, file=file, flags=Map.SHARED)
    shared[0] = 1
    seen = m.history.now
    for advice in Advice:
        for area in (private, shared):
            try:
                area.madvise(advice)
            except OSError:
                pass
            assert m.check() == []
    m.seek(seen)
    assert (firsts(private), firsts(shared)) == ([1, 2, 3, 4], [1, 102, 102, 102])
    assert m.device(file.object).read(0, 1) == b"f"
    assert REGISTER["guards"] and not m.state.machine["guards"][0]
    assert np.all(private.mincore())
