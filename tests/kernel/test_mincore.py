"""mincore: which pages are in memory. Numbers are those of the semantics list."""

import pytest
from known import PAGE, fails

from vmlab import Advice, LimitError, Map, Prot


def test_89_arguments(p):
    area, heap = p.mmap(2 * PAGE), p.mmap(PAGE)
    task = int(p.machine.state.machine["task_pages"][0]) * PAGE
    fails("EINVAL", p.sys.mincore, area.addr + 1, PAGE, None)
    fails("ENOMEM", p.sys.mincore, area.addr, 2**64 - PAGE, None)
    fails("ENOMEM", p.sys.mincore, 0, 2**64 - 1, 0)
    fails("EFAULT", p.sys.mincore, area.addr, PAGE, 0)
    fails("EFAULT", p.sys.mincore, area.addr, PAGE, task)
    assert p.sys.mincore(area.addr, 0, 0) == 0
    assert p.sys.mincore(area.addr, 0, None) == b""
    p.mprotect(heap, prot=Prot.READ)
    fails("EFAULT", p.sys.mincore, area.addr, PAGE, heap.addr)


def test_89_answers_before_a_hole_are_stored(p):
    heap, area = p.mmap(PAGE), p.mmap(3 * PAGE)
    area.touch(True)
    p.munmap(area.addr + 2 * PAGE, PAGE)
    area = p.at(area.addr, 3 * PAGE)
    heap[0:3] = b"\7\7\7"
    fails("ENOMEM", p.sys.mincore, area.addr, 3 * PAGE, heap.addr)
    assert heap[0:3] == b"\1\1\7"
    fails("ENOMEM", p.sys.mincore, area.addr, 3 * PAGE, None)


def test_90_anonymous_memory(m, p):
    area = p.mmap(3 * PAGE)
    area[PAGE] = 1
    assert area.mincore().tolist() == [False, True, False]
    assert p.sys.mincore(area.addr, PAGE + 1, None) == b"\0\1"  # the length is rounded up
    heap = p.mmap(PAGE)
    assert p.sys.mincore(area.addr, 3 * PAGE, heap.addr) == 0
    assert heap[0:3] == b"\0\1\0"
    assert area.mincore().dtype == bool


@pytest.mark.parametrize("flags", [Map.PRIVATE, Map.SHARED])
def test_90_pages_in_swap_are_not_in_memory(m, p, flags):
    area = p.mmap(2 * PAGE, flags=flags)
    area.touch(True)
    area.madvise(Advice.PAGEOUT)
    assert area.mincore().tolist() == [False, False]
    assert area[0] == 0
    assert area.mincore().tolist() == [True, False]


def test_90_the_swap_cache_counts(m, p):
    area = p.mmap(PAGE)
    area[0] = 7
    child = p.fork()
    child.exit()
    child = p.fork()
    p.madvise(area, advice=Advice.DONTNEED)
    child.madvise(area, advice=Advice.PAGEOUT)
    grandchild = child.fork()
    assert not grandchild.mincore(area)[0]
    assert child.load(area, 1) == b"\7"  # brought back, the slot still has the other's reference
    assert grandchild.mincore(area)[0]


@pytest.mark.parametrize("flags", [Map.PRIVATE, Map.SHARED])
def test_90_of_a_file_the_page_cache_counts(m, p, flags):
    file = m.create("f", 3 * PAGE)
    file.evict()
    area = p.mmap(4 * PAGE, file=file, flags=flags, prot=Prot.READ)
    assert not area.mincore().any()
    file.pread(1, PAGE)  # by somebody else
    assert area.mincore().tolist() == [False, True, False, False]
    assert p.stat.rss == 0


def test_a_private_copy_counts_for_itself(m, p):
    file = m.create("f", PAGE)
    area = p.mmap(PAGE, file=file)
    area[0] = 1
    file.evict()
    assert area.mincore()[0]
    area.madvise(Advice.PAGEOUT)
    assert not area.mincore()[0]


def test_a_guard_counts_for_nothing(m, p):
    area, text = p.mmap(PAGE), p.mmap(PAGE, file=m.create("f", PAGE, b"f"))
    assert text[0] == ord("f")
    for guarded in (area, text):
        guarded.madvise(Advice.GUARD_INSTALL)
    assert (area.mincore()[0], text.mincore()[0]) == (False, True)


def test_more_than_a_chunk_and_more_than_anybody_asks(m, p):
    area = p.mmap(1 << 41, flags=Map.PRIVATE | Map.NORESERVE)
    p.store(area.addr + 5000 * PAGE, b"x")
    vec = p.mmap(2 * PAGE)
    p.sys.mincore(area.addr, 6000 * PAGE, vec.addr)
    assert vec[0:6000].find(1) == 5000
    with pytest.raises(LimitError):
        area.mincore()
