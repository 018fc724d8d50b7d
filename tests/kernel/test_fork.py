"""fork: what a child has, what it shares, and what it costs. Numbers are those of the semantics list; "Part II" its rules."""

import pytest
from known import PAGE, gauges

from vmlab import Machine, Map, SegmentationFault


@pytest.fixture
def m():
    m = Machine(frames=64, swap=32 * PAGE, history=None)
    yield m
    assert m.check() == []


@pytest.fixture
def p(m):
    return m.spawn("p")


def spans(p):
    return [(v.start, v.stop, v.perms, v.offset) for v in p.vmas()]


def test_48_mappings_survive_with_the_same_attributes(m, p):
    file = m.create("f", 3 * PAGE)
    p.mmap(PAGE, prot=1), p.mmap(2 * PAGE, prot=0), p.mmap(PAGE, flags=Map.SHARED)
    p.mmap(2 * PAGE, file=file, offset=PAGE), p.mmap(PAGE, file=file, flags=Map.SHARED, prot=5)
    p.sbrk(3 * PAGE)
    child = p.fork("child")
    assert spans(child) == spans(p)
    assert str(child.maps()) == str(p.maps())
    assert child.sbrk(0) == p.sbrk(0)
    assert (child.pid, child.name, int(m.state.procs[child.row].parent)) == (2, "child", 1)


def test_private_memory_parts(p):
    heap = p.mmap(PAGE)
    heap[0:6] = b"before"
    child = p.fork()
    heap[0:6] = b"parent"
    assert child.load(heap, 6) == b"before"
    child.store(heap, b"child!")
    assert (heap[0:6], child.load(heap, 6)) == (b"parent", b"child!")


def test_63_shared_memory_does_not(m, p):
    anonymous, text = p.mmap(2 * PAGE, flags=Map.SHARED), p.mmap(PAGE, file=m.create("f", PAGE), flags=Map.SHARED)
    anonymous[0], text[0] = 1, 2
    child = p.fork()
    child.store(anonymous, b"\7")
    child.store(anonymous.addr + PAGE, b"\5")  # a page that nobody had before the fork
    p.store(text, b"\6")
    assert (anonymous[0], anonymous[PAGE], child.load(text, 1)) == (7, 5, b"\6")
    assert p.pagemap(anonymous).pfn.tolist() == child.pagemap(anonymous).pfn.tolist()


def test_fork_takes_no_frame(m, p):
    p.mmap(10 * PAGE).touch(True)
    free = gauges(m)["frames"]
    with m.measure() as cost:
        for _ in range(5):
            p.fork()
    assert (gauges(m)["frames"], cost.copies, cost.faults) == (free, 0, 0)


KINDS = {
    "anonymous": (Map.PRIVATE, False),
    "private file": (Map.PRIVATE, True),
    "shared memory": (Map.SHARED, False),
    "shared file": (Map.SHARED, True),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stored", [True, False])
def test_which_entries_are_copied(m, p, kind, stored):
    """Part II: those of private mappings that have had a write fault, then all of them; all other mappings start empty.

    Private anonymous memory of the classic preset has no zero page: its first fault, be it a load, gives it a page.
    """
    flags, backed = KINDS[kind]
    file = m.create("f", 3 * PAGE) if backed else None
    area = p.mmap(3 * PAGE, flags=flags, file=file)
    area[0], area[PAGE]
    if stored:
        area[2 * PAGE] = 1
    child = p.fork()
    copied = 2 + stored if flags == Map.PRIVATE and (stored or not backed) else 0
    assert child.stat.rss == copied
    with m.measure() as cost:
        child.load(area, 1), child.load(area.addr + PAGE, 1)
    assert (cost.minflt, cost.majflt) == ((0, 0) if copied else (2, 0))


def test_a_page_nobody_has_touched_is_each_ones_own(m, p):
    heap = p.mmap(2 * PAGE)
    heap[0] = 1
    child = p.fork()
    child.store(heap.addr + PAGE, b"c")
    assert (heap[PAGE], child.load(heap.addr + PAGE, 1)) == (0, b"c")


@pytest.mark.parametrize("first", ["parent", "child"])
def test_each_may_end_first(m, p, first):
    heap = p.mmap(3 * PAGE)
    heap[0:4] = b"kept"
    child = p.fork()
    gone, left = (p, child) if first == "parent" else (child, p)
    gone.exit()
    assert left.load(heap, 4) == b"kept"
    left.store(heap.addr + PAGE, b"on")
    left.exit()
    assert gauges(m)["frames"] == 64


def test_what_one_unmaps_the_other_keeps(p):
    heap = p.mmap(2 * PAGE)
    heap[0], heap[PAGE] = 1, 2
    child = p.fork()
    child.munmap(heap.addr, PAGE)
    child.mprotect(heap.addr + PAGE, PAGE, 1)
    heap[PAGE] = 3
    assert (heap[0], heap[PAGE], child.load(heap.addr + PAGE, 1)) == (1, 3, b"\2")
    with pytest.raises(SegmentationFault):
        child.load(heap, 1)


def test_generations(m, p):
    """Each sees what its parent had at the fork."""
    heap = p.mmap(PAGE)
    heap[0] = 0
    line = [p]
    for k in range(1, 10):
        line.append(line[-1].fork())
        line[-1].store(heap, bytes([k]))
    line.append(line[4].fork())
    assert [q.load(heap, 1)[0] for q in line] == [*range(10), 4]
    for q in line[:-1]:
        q.exit()
    assert line[-1].load(heap, 1) == b"\4"


def test_a_child_of_a_page_in_swap(m, p):
    """The child owns the slot too: it is free when both are gone."""
    heap = p.mmap(PAGE)
    heap[0:4] = b"swap"
    filler = m.spawn("filler").mmap(70 * PAGE)
    filler.touch(True)
    assert p.stat.nswap == 1
    child = p.fork()
    assert child.stat.nswap == 1
    filler.close()
    p.exit()
    assert child.load(heap, 4) == b"swap"
    child.exit()
    assert (gauges(m)["slots"], gauges(m)["frames"]) == (32, 64)


def test_inherited_mappings_do_not_merge_with_new_ones(p):
    """Part II: a mapping inherited by fork does not merge with one that has no pages yet; the parent's does."""
    heap = p.mmap(PAGE)
    heap[0] = 1
    child = p.fork()
    for q in (p, child):
        q.mmap(PAGE, addr=heap.addr - PAGE, flags=Map.PRIVATE | Map.FIXED)
    assert (len(p.vmas()), len(child.vmas())) == (1, 2)


def test_a_file_lives_as_long_as_any_child_maps_it(m, p):
    file = m.create("f", PAGE, b"file")
    text = p.mmap(PAGE, file=file, flags=Map.SHARED)
    child = p.fork()
    file.close()
    p.exit()
    assert child.load(text, 4) == b"file"
    child.exit()
    assert gauges(m)["objects"] == 0


def test_pids_are_never_used_again(m, p):
    child = p.fork()
    child.exit()
    other = p.fork()
    assert (other.row, other.pid, child.alive) == (1, 3, False)
    with pytest.raises(ProcessLookupError, match=r"process 2 \(p\) has ended"):
        child.load(0, 1)
