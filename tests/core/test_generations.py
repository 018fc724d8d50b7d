"""Multi-generational LRU, worked by hand from Documentation/mm/multigen_lru.rst and mm/vmscan.c, lru_gen_*."""

import pytest

from vmlab import Machine, Map
from vmlab.core.state import SHADOW
from vmlab.kernel.madvise import Advice

PAGE = 4096
NAMES = ("nr_inactive_anon", "nr_active_anon", "nr_inactive_file", "nr_active_file")


def booted(frames, **kwargs):
    m = Machine(frames=frames, swap=64 * PAGE, policy="mglru", **kwargs)
    return m, m.spawn("p")


def count(m, *names):
    rows = m.vmstat().rows
    return tuple(rows[name] for name in names)


def span(m):
    """How many generations anonymous pages and pages of files have."""
    reg = m.state.machine[0]
    return int(reg.youngest - reg.oldest_anon + 1), int(reg.youngest - reg.oldest_file + 1)


def here(area):
    return [k for k, there in enumerate(area.mincore()) if there]


def test_the_two_youngest_generations_are_never_evicted_from():
    m, p = booted(4)
    heap = p.mmap(8 * PAGE)
    for k in range(4):
        p.access([heap.addr + k * PAGE], True)
    assert (span(m), count(m, *NAMES)) == ((4, 4), (0, 4, 0, 0))
    p.access([heap.addr + 4 * PAGE], True)
    # Generations 0 and 1 are empty and end. Aging finds all pages in use, in the youngest, 3, and begins 4; nothing is old
    # enough in 2, which ends with the next, 5, begun; now 3 is the oldest of three, and its first page goes.
    assert p.pagemap(heap).present.nonzero()[0].tolist() == [1, 2, 3, 4]
    assert (span(m), count(m, *NAMES), int(m.state.machine[0].youngest)) == ((3, 2), (3, 1, 0, 0), 5)


def test_a_page_in_use_is_found_by_eviction_or_by_aging():
    m, p = booted(4)
    heap = p.mmap(16 * PAGE)
    for k in (0, 1, 2, 3, 4):
        p.access([heap.addr + k * PAGE], True)
    for k in (1, 5):  # eviction looks at 1 first, and it is in use: to the youngest; 2 goes
        p.access([heap.addr + k * PAGE], True)
    assert p.pagemap(heap).present.nonzero()[0].tolist() == [1, 3, 4, 5]
    assert count(m, *NAMES) == (1, 3, 0, 0)


def test_files_that_are_read_once_go_before_memory():
    """48 pages of a file pass by 8 anonymous ones: what read(2) brings is never among the youngest."""
    m, p = booted(16)
    heap = p.mmap(8 * PAGE)
    heap.touch(True)
    stream = m.create("stream", 48 * PAGE)
    for k in range(48):
        stream.pread(1, k * PAGE)
    assert (p.pagemap(heap).present.sum(), m.vmstat().rows["pswpout"]) == (8, 0)


@pytest.mark.parametrize(("swappiness", "left"), [(0, [8, 8]), (1, [8, 4]), (60, [8, 4]), (199, [8, 4]), (200, [4, 4])])
def test_idle_memory_grows_older_than_a_file_in_use(swappiness, left):
    """12 pages of a file are used over and over beside 8 anonymous ones that nobody uses: 16 frames. In the second round the
    file's pages are all in the two youngest generations, and the anonymous ones are older: as many go as the file wants.
    swappiness 200 takes them at once, 0 never."""
    m, p = booted(16, swappiness=swappiness)
    heap = p.mmap(8 * PAGE)
    heap.touch(True)
    text = p.mmap(12 * PAGE, file=m.create("f", 12 * PAGE), flags=Map.SHARED, prot=1)
    seen = []
    for _ in range(2):
        text.touch()
        seen.append(int(p.pagemap(heap).present.sum()))
    for _ in range(8):
        text.touch()
    assert (seen, here(text) == list(range(12)), m.check()) == (left, swappiness > 0, [])


def test_refaults_weigh_against_swappiness():
    """A file of 200 pages is read twice, beside 128 anonymous ones: 256 frames. Until 64 pages of it have come back none of
    memory goes; then r refaults of e evictions count as r * 64 * swappiness, against e * (200 - swappiness). r is below e, so
    with swappiness 2 that is never more."""

    def left(swappiness):
        m = Machine(frames=256, swap=256 * PAGE, policy="mglru", swappiness=swappiness, history=None)
        p = m.spawn()
        heap = p.mmap(128 * PAGE)
        heap.touch(True)
        f = m.create("f", 200 * PAGE)
        for k in range(2 * 200):
            f.pread(1, k % 200 * PAGE)
        return int(p.pagemap(heap).present.sum())

    assert (left(2), 100 < left(20) < 128) == (128, True)


def test_a_page_that_comes_back_soon_is_young():
    m, _ = booted(4)
    f = m.create("f", 16 * PAGE)
    names = ("workingset_refault_file", "workingset_activate_file")
    for k in range(5):
        f.pread(1, k * PAGE)
    assert (count(m, *NAMES), count(m, *names)) == ((0, 0, 4, 0), (0, 0))
    f.pread(1, 0)  # it went in generation 1 and comes back in 3
    assert (count(m, *NAMES), count(m, *names)) == ((0, 0, 3, 1), (1, 1))


def test_cold_pages_are_old_and_shadows_go_with_their_pages():
    m, p = booted(4)
    f = m.create("f", 16 * PAGE)
    heap = p.mmap(2 * PAGE)
    heap.touch(True)
    assert count(m, *NAMES) == (0, 2, 0, 0)
    heap.madvise(Advice.COLD)
    assert count(m, *NAMES) == (2, 0, 0, 0)
    heap.madvise(Advice.FREE)
    assert count(m, *NAMES) == (0, 0, 2, 0)
    for k in range(12):
        f.pread(1, k * PAGE)
    assert int((m.state.pages & SHADOW != 0).sum()) == 8
    f.truncate(0)
    assert (int((m.state.pages & SHADOW != 0).sum()), m.check()) == (0, [])
