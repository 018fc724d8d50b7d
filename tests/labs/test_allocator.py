"""malloc and free over brk and mmap: what goes back to the kernel, and when."""

import pytest

from vmlab import KiB, Machine
from vmlab.labs import Allocator

PAGE = 4 * KiB


@pytest.fixture
def c():
    return Allocator(Machine(frames=128, seed=0).spawn("c"))


def test_blocks_do_not_overlap_and_keep_their_bytes(c):
    blocks = {c.malloc(n): bytes([n]) * n for n in (1, 8, 100, 200)}
    for at, data in blocks.items():
        c.process.store(at, data)
    assert all(c.process.load(at, len(data)) == data for at, data in blocks.items())


def test_a_freed_block_is_given_out_again_and_no_smaller(c):
    small, big = c.malloc(100), c.malloc(300)
    c.malloc(8)
    c.free(small), c.free(big)
    assert c.malloc(200) == big
    assert c.malloc(50) == small
    assert [size for _, size, used in c.blocks() if used] == [104, 304, 8]


def test_free_gives_nothing_back_below_a_block_in_use(c):
    blocks = [c.malloc(PAGE - 8) for _ in range(40)]
    top, rss = c.process.sbrk(0), c.process.stat.rss
    for at in blocks[:-1]:
        c.free(at)
    assert (c.process.sbrk(0), c.process.stat.rss) == (top, rss) == (c.first + 40 * PAGE, 40)
    c.free(blocks[-1])
    assert (c.process.sbrk(0), c.process.stat.rss) == (c.first, 0)


def test_a_little_at_the_top_stays(c):
    at = c.malloc(PAGE)
    c.free(at)
    assert c.process.sbrk(0) > c.first


def test_a_large_block_has_a_mapping_of_its_own(c):
    at = c.malloc(c.threshold)
    assert c.process.sbrk(0) == c.first
    c.free(at)
    assert c.process.maps().rows == []
