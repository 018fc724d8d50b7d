"""brk(2). Numbers are those of the semantics list (E.15)."""

import pytest
from known import PAGE, errno_of, gauges, picture

from vmlab import Map, SegmentationFault

ENOMEM = 12


def test_130_a_lower_break_frees_the_whole_pages_above_it(m, p):
    start = p.sbrk(4 * PAGE)
    before = gauges(m)["frames"]
    for k in range(4):
        p.store(start + k * PAGE, b"heap")
    assert p.sys.brk(start + PAGE + 1) == start + PAGE + 1
    assert (before - gauges(m)["frames"], p.stat.rss) == (2, 2)
    with pytest.raises(SegmentationFault):
        p.load(start + 2 * PAGE, 1)
    p.brk(start + 4 * PAGE)
    assert [p.load(start + k * PAGE, 4) for k in range(4)] == [b"heap"] * 2 + [bytes(4)] * 2


def test_131_the_heap_does_not_grow_over_a_mapping(m, p):
    start = p.sbrk(PAGE)
    wall = p.mmap(2 * PAGE, addr=start + 4 * PAGE, flags=Map.PRIVATE | Map.FIXED)
    wall[0:4] = b"wall"
    before = picture(m)
    for pages in (4, 5, 6, 7):  # up to it, into it, to its end, over it
        assert p.sys.brk(start + pages * PAGE) == start + PAGE
        assert errno_of(p.brk, start + pages * PAGE) == ENOMEM
    assert picture(m) == before
    assert p.sys.brk(start + 3 * PAGE) == start + 3 * PAGE


@pytest.mark.parametrize(("prot", "flags", "free"), [(3, 0, 1), (0, 0, 1), (3, Map.GROWSDOWN, 257)])
def test_a_page_stays_free_before_the_next_mapping(p, prot, flags, free):
    """Seen on Linux 6.18; before a stack its gap stays free, too (mm/mmap.c, brk)."""
    most = p.sbrk(0) + 40 * PAGE
    p.mmap(PAGE, addr=most + free * PAGE, prot=prot, flags=Map.PRIVATE | Map.FIXED | flags)
    assert errno_of(p.brk, most + 1) == ENOMEM
    assert p.sys.brk(most) == most
