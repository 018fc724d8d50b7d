"""Where mmap(2) puts a mapping, and what becomes of what was there. Numbers are facts of Linux (man mmap, seen on 6.18)."""

import pytest
from known import PAGE, fails

from vmlab import Map, Prot

ANONYMOUS = Map.PRIVATE | Map.ANONYMOUS
RW = Prot.READ | Prot.WRITE


@pytest.fixture
def heap(p):
    heap = p.mmap(4 * PAGE)
    for k in range(4):
        p.store(heap.addr + k * PAGE, b"abcd"[k : k + 1])
    return heap


def firsts(p, heap) -> bytes:
    """The first byte of each page."""
    return b"".join(p.load(heap.addr + k * PAGE, 1) for k in range(4))


def test_20_fixed_replaces_the_pages_it_covers_and_no_others(m, p, heap):
    at = p.sys.mmap(heap.addr + PAGE, 2 * PAGE, RW, ANONYMOUS | Map.FIXED, -1, 0)
    assert at == heap.addr + PAGE
    assert firsts(p, heap) == b"a\0\0d"


def test_21_a_fixed_call_that_fails_leaves_what_was_there(m, p, heap):
    fails("EBADF", p.sys.mmap, heap.addr, PAGE, RW, Map.PRIVATE | Map.FIXED, 9999, 0)
    assert firsts(p, heap) == b"abcd"


def test_7_a_hint_that_is_partly_taken_gives_another_place(m, p, heap):
    at = p.sys.mmap(heap.addr - PAGE, 2 * PAGE, RW, ANONYMOUS, -1, 0)
    assert at != heap.addr - PAGE
    assert firsts(p, heap) == b"abcd"
    assert p.sys.mmap(heap.addr + 16 * PAGE, PAGE, RW, ANONYMOUS, -1, 0) == heap.addr + 16 * PAGE  # a free one is taken
