"""What preset="linux" adds to the textbook's one page a fault. Numbers as Linux 6.18 gave them; in brackets, where it is said:
mm/memory.c, mm/filemap.c, mm/readahead.c and the table of measured fault counts they were checked with."""

import numpy as np
import pytest

from vmlab import KiB, Machine, Map, Prot
from vmlab.errors import BusError, ConfigError, SegmentationFault

PAGE = 4 * KiB
ALIGNED = 0x10_0000_0000  # elsewhere the first window of a mapping is short
TEXT = bytes(range(256)) * 16  # a page


def linux(frames=512, **knobs):
    m = Machine(frames=frames, swap=256 * PAGE, preset="linux", **knobs)
    return m, m.spawn("p")


def faults(m, p, do) -> tuple[int, int]:
    """(minor, major) of one call; every invariant afterwards."""
    before = p.stat.minflt, p.stat.majflt
    do()
    assert m.check() == []
    return p.stat.minflt - before[0], p.stat.majflt - before[1]


# -- the zero page ---------------------------------------------------------------------------------------------------


def test_a_read_of_untouched_memory_takes_no_frame():
    m, p = linux()
    heap = p.mmap(16 * PAGE)
    assert faults(m, p, heap.touch) == (16, 0)
    map_ = p.pagemap(heap)
    assert map_.present.all() and len(set(map_.pfn)) == 1
    assert int(m.state.procs["rss"][p.row]) == 0
    assert m.state.machine[0].nfree == 512
    assert heap[0 : 16 * PAGE] == bytes(16 * PAGE)


def test_a_store_to_it_is_a_second_minor_fault():
    m, p = linux()
    heap = p.mmap(4 * PAGE)
    assert faults(m, p, lambda: p.load(heap.addr, 1)) == (1, 0)
    assert faults(m, p, lambda: p.store(heap.addr, b"x")) == (1, 0)
    assert faults(m, p, lambda: p.store(heap.addr + PAGE, b"x")) == (1, 0)  # store first: one fault
    assert int(m.state.procs["rss"][p.row]) == 2
    assert p.load(heap.addr + 2 * PAGE, 1) == b"\0"


def test_populate_of_read_only_memory_maps_the_zero_page_everywhere():
    m, p = linux()
    assert faults(m, p, lambda: p.mmap(16 * PAGE, prot=Prot.READ, flags=Map.PRIVATE | Map.POPULATE)) == (16, 0)
    assert m.state.machine[0].nfree == 512


def test_mprotect_does_not_make_it_writable():
    m, p = linux()
    heap = p.mmap(PAGE)
    p.load(heap.addr, 1)
    p.mprotect(heap, prot=Prot.READ)
    p.mprotect(heap, prot=Prot.READ | Prot.WRITE)
    assert faults(m, p, lambda: p.store(heap.addr, b"x")) == (1, 0)
    other = p.mmap(PAGE)
    assert p.load(other.addr, 1) == b"\0"


def test_fork_copies_it_with_the_other_entries():
    m, p = linux()
    heap = p.mmap(2 * PAGE)
    p.store(heap.addr, b"x")  # from now on fork copies the entries of this mapping
    p.load(heap.addr + PAGE, 1)
    child = p.fork()
    assert faults(m, child, lambda: child.load(heap.addr + PAGE, 1)) == (0, 0)
    assert faults(m, child, lambda: child.store(heap.addr + PAGE, b"y")) == (1, 0)
    assert p.load(heap.addr + PAGE, 1) == b"\0"
    child.exit()
    p.exit()
    assert m.check() == []
    assert m.state.machine[0].nfree == 512


def test_no_policy_ever_sees_it():
    for policy in ("clock", "fifo", "lru"):
        m, p = linux(frames=8, policy=policy)
        heap = p.mmap(64 * PAGE)
        heap.touch()
        p.store(heap.addr, bytes(40 * PAGE))
        heap.touch()
        assert m.check() == []


# -- fault-around ----------------------------------------------------------------------------------------------------


def cached(m, npages, name="f"):
    f = m.create(name, npages * PAGE)
    f.pwrite(TEXT * npages, 0)
    return f


@pytest.mark.parametrize("sharing", [Map.SHARED, Map.PRIVATE])
def test_256_cached_pages_are_16_faults(sharing):
    m, p = linux()
    text = p.mmap(256 * PAGE, addr=ALIGNED, file=cached(m, 256), flags=sharing | Map.FIXED, prot=Prot.READ)
    assert faults(m, p, text.touch) == (16, 0)


@pytest.mark.parametrize("sharing", [Map.SHARED, Map.PRIVATE])
def test_stores_get_none(sharing):
    m, p = linux()
    text = p.mmap(64 * PAGE, file=cached(m, 64), flags=sharing)
    assert faults(m, p, lambda: text.touch(True)) == (64, 0)
    other = p.mmap(64 * PAGE, file=m.files[0], flags=sharing)
    other[0] = 1
    assert (
        p.pagemap(other).present.sum() == 1
    )  # 73: a neighbour of a page that is stored to is not even mapped to be read


def test_windows_are_aligned_in_the_address_space_and_begin_with_the_mapping():
    m, p = linux()
    base = ALIGNED
    p.mmap(40 * PAGE, addr=base + 3 * PAGE, file=cached(m, 64), flags=Map.SHARED | Map.FIXED, prot=Prot.READ)

    def first_touch(entry):
        return faults(m, p, lambda: p.load(base + entry * PAGE, 1))[0]

    assert first_touch(5) == 1  # 3..18: 16 entries from the mapping's first
    assert [first_touch(n) for n in range(3, 19)] == [0] * 16
    assert first_touch(19) == 1  # rounds down to 16: 16..31
    assert [first_touch(n) for n in range(19, 32)] == [0] * 13
    assert first_touch(32) == 1


def test_only_what_is_cached_is_mapped():
    m, p = linux(read_ahead=1)
    f = cached(m, 16)
    f.evict()
    f.pread(1, 3 * PAGE)
    text = p.mmap(16 * PAGE, file=f, flags=Map.SHARED, prot=Prot.READ)
    assert faults(m, p, lambda: p.load(text.addr, 1)) == (0, 1)
    assert p.pagemap(text).present.nonzero()[0].tolist() == [0, 3]


def test_it_does_not_hide_a_page_of_the_process_own():
    m, p = linux(frames=64)
    f = cached(m, 16)
    text = p.mmap(16 * PAGE, file=f, flags=Map.PRIVATE)
    p.store(text.addr + PAGE, b"mine")
    before = p.pagemap(text).pfn[1]
    p.load(text.addr, 1)
    assert p.pagemap(text).pfn[1] == before
    assert p.load(text.addr + PAGE, 4) == b"mine"
    big = p.mmap(120 * PAGE)
    big.touch(True)  # the copy goes to swap, the PTEs are gone
    f.pread(2 * PAGE)
    p.load(text.addr, 1)
    assert p.load(text.addr + PAGE, 4) == b"mine"
    assert m.check() == []


def test_a_read_past_the_end_fills_its_window_first():
    m, p = linux()
    f = cached(m, 4)
    text = p.mmap(8 * PAGE, file=f, flags=Map.SHARED, prot=Prot.READ)
    with pytest.raises(BusError):
        p.load(text.addr + 5 * PAGE, 1)
    assert p.pagemap(text).present.tolist() == [True] * 4 + [False] * 4
    assert m.check() == []


# -- dirty tracking --------------------------------------------------------------------------------------------------


def test_the_first_store_to_a_clean_page_faults():
    m, p = linux()
    f = cached(m, 4)
    f.fsync()
    text = p.mmap(4 * PAGE, file=f, flags=Map.SHARED)

    def store():
        return faults(m, p, lambda: p.store(text.addr, b"x"))[0]

    p.load(text.addr, 1)
    assert (store(), store()) == (1, 0)
    p.sys.msync(text.addr, PAGE, 1)  # MS_ASYNC: nothing is written
    assert store() == 0
    p.sys.msync(text.addr, PAGE, 4)  # MS_SYNC: write-protected again
    assert (store(), store()) == (1, 0)


def test_msync_then_sixteen_stores_are_sixteen_faults_then_none():
    m, p = linux()
    text = p.mmap(16 * PAGE, file=cached(m, 16), flags=Map.SHARED)
    text.touch(True)
    text.flush()
    assert faults(m, p, lambda: text.touch(True)) == (16, 0)
    assert faults(m, p, lambda: text.touch(True)) == (0, 0)


def test_tmpfs_has_none():
    m, p = linux(filesystem="tmpfs")
    text = p.mmap(4 * PAGE, file=cached(m, 4), flags=Map.SHARED)
    p.load(text.addr, 1)
    assert faults(m, p, lambda: p.store(text.addr, b"x")) == (0, 0)


def test_mprotect_gives_back_only_what_is_dirty():
    m, p = linux()
    f = cached(m, 2)
    f.fsync()
    text = p.mmap(2 * PAGE, file=f, flags=Map.SHARED)
    p.store(text.addr, b"x")
    p.load(text.addr + PAGE, 1)
    p.mprotect(text, prot=Prot.READ)
    p.mprotect(text, prot=Prot.READ | Prot.WRITE)
    assert faults(m, p, lambda: p.store(text.addr, b"x")) == (0, 0)
    assert faults(m, p, lambda: p.store(text.addr + PAGE, b"x")) == (1, 0)


# -- read-ahead ------------------------------------------------------------------------------------------------------


def cold(m, npages):
    f = cached(m, npages)
    f.evict()
    return f


def test_a_fault_reads_around_it():
    m, p = linux()
    text = p.mmap(256 * PAGE, file=cold(m, 256), flags=Map.SHARED, prot=Prot.READ)
    before = int(m.state.stat["pgpgin"][0])
    assert faults(m, p, lambda: p.load(text.addr + 100 * PAGE, 1)) == (0, 1)
    assert int(m.state.stat["pgpgin"][0]) - before == 32
    assert faults(m, p, lambda: p.load(text.addr + 84 * PAGE, 1)) == (1, 0)  # 16 pages before: read
    assert faults(m, p, lambda: p.load(text.addr + 115 * PAGE, 1)) == (1, 0)  # and 15 after
    assert faults(m, p, lambda: p.load(text.addr + 116 * PAGE, 1)) == (0, 1)


def test_the_window_of_the_page_that_was_read_is_mapped_at_once():
    m, p = linux()
    text = p.mmap(32 * PAGE, file=cold(m, 32), flags=Map.SHARED, prot=Prot.READ)
    assert faults(m, p, lambda: p.load(text.addr, 1)) == (0, 1)
    assert faults(m, p, lambda: p.load(text.addr, 16 * PAGE)) == (0, 0)


def test_it_fills_free_frames_only():
    m, p = linux(frames=16, min_free=0)  # nor does kswapd empty any
    heap = p.mmap(16 * PAGE)
    heap.touch(True)
    f = m.create("f", 64 * PAGE)
    text = p.mmap(64 * PAGE, file=f, flags=Map.SHARED, prot=Prot.READ)
    before = int(m.state.stat["evictions"][0])
    p.load(text.addr, 1)
    assert int(m.state.stat["evictions"][0]) - before <= 1
    assert m.check() == []


def test_bytes_are_those_of_the_file_whatever_was_read_ahead():
    m, p = linux(frames=64)
    data = np.random.default_rng(2026).bytes(200 * PAGE - 77)
    f = m.create("f", len(data), data)
    text = p.mmap(200 * PAGE, file=f, flags=Map.SHARED, prot=Prot.READ)
    assert p.load(text.addr, 200 * PAGE) == data + bytes(77)
    assert m.check() == []


def test_a_machine_that_only_counts_reads_ahead_too():
    counts = []
    for contents in (True, False):
        m, p = linux(contents=contents, frames=128)
        text = p.mmap(64 * PAGE, file=m.create("f", 64 * PAGE), flags=Map.SHARED, prot=Prot.READ)
        text.touch()
        assert m.check() == []
        counts.append((p.stat.minflt, p.stat.majflt, int(m.state.stat["pgpgin"][0])))
    assert counts[0] == counts[1]
    assert counts[0][2] == 64


def test_populate_counts_what_it_reads_as_minor():
    m, p = linux()
    f = cold(m, 32)
    flags = Map.SHARED | Map.POPULATE | Map.FIXED
    done = faults(m, p, lambda: p.mmap(32 * PAGE, addr=ALIGNED, file=f, flags=flags, prot=Prot.READ))
    assert done == (2, 0)


def test_an_absent_page_of_tmpfs_is_a_minor_fault_and_its_own():
    m, p = linux(filesystem="tmpfs")
    f = m.create("f", 8 * PAGE)
    text = p.mmap(8 * PAGE, file=f, flags=Map.SHARED, prot=Prot.READ)
    assert [faults(m, p, lambda k=k: p.load(text.addr + k * PAGE, 1)) for k in range(3)] == [(1, 0)] * 3


# -- knobs -----------------------------------------------------------------------------------------------------------


def test_classic_has_none_of_them_and_each_can_be_set_alone():
    m = Machine()
    s = m.state.machine[0]
    assert (s.zero_frame, s.around, s.tracking, s.read_ahead) == (-1, 1, 0, 1)
    s = Machine(fault_around=4).state.machine[0]
    assert (s.zero_frame, s.around, s.tracking, s.read_ahead) == (-1, 4, 0, 1)
    s = Machine(preset="linux", zero_page=False).state.machine[0]
    assert (s.zero_frame, s.around, s.tracking, s.read_ahead) == (-1, 16, 1, 32)


@pytest.mark.parametrize(
    ("knobs", "says"),
    [
        ({"preset": "windows"}, "choose one of classic, linux"),
        ({"fault_around": 3}, "power of two"),
        ({"fault_around": 32}, "1 to 16"),
        ({"read_ahead": 0}, "whole number"),
        ({"filesystem": "tmpfs", "dirty_tracking": True}, "disagree"),
    ],
)
def test_knobs_that_make_no_sense(knobs, says):
    with pytest.raises(ConfigError, match=says):
        Machine(**knobs)


def test_a_fault_that_fails_is_not_counted_anywhere():
    m, p = linux()
    closed = p.mmap(PAGE, prot=0)
    before = m.vmstat().rows["pgfault"], p.stat.minflt
    with pytest.raises(SegmentationFault):
        p.load(closed.addr, 1)
    assert (m.vmstat().rows["pgfault"], p.stat.minflt) == before
