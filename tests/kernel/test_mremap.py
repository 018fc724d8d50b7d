"""mremap(2) and remap_file_pages(2). Numbers are those of the semantics list (E.13, E.18); "Part II" is its list of rules."""

import errno

import pytest
from known import PAGE, picture

from vmlab import BusError, Map, Prot, Remap, SegmentationFault

MAYMOVE, FIXED, DONTUNMAP = Remap.MAYMOVE, Remap.FIXED, Remap.DONTUNMAP
FREE = 0x10_0000_0000  # far from everything


def written(p, npages, flags=Map.PRIVATE, addr=FREE // 2):
    """A mapping with room on both sides, whose page k begins with byte k + 1."""
    area = p.mmap(npages * PAGE, addr=addr, flags=flags)
    for k in range(npages):
        area[k * PAGE] = k + 1
    return area


def first_bytes(p, addr, npages):
    return [p.load(addr + k * PAGE)[0] for k in range(npages)]


def areas(p, addr, npages):
    """[first page, page after the last, rights] of the mappings in a range."""
    stop = addr + npages * PAGE
    return [((v.start - addr) // PAGE, (v.stop - addr) // PAGE, v.perms) for v in p.vmas() if addr <= v.start < stop]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("old unaligned", {"addr": FREE // 2 + 1}),
        ("new size 0", {"new": 0}),
        ("new size wraps to 0", {"new": (1 << 64) - 1}),
        ("unknown flag", {"flags": 8}),
        ("FIXED without MAYMOVE", {"flags": FIXED}),
        ("DONTUNMAP without MAYMOVE", {"flags": DONTUNMAP}),
        ("new unaligned", {"flags": MAYMOVE | FIXED, "to": FREE + 1}),
        ("overlap", {"flags": MAYMOVE | FIXED, "to": FREE // 2 + PAGE}),
        ("new past the end", {"flags": MAYMOVE | FIXED, "to": (1 << 47) - PAGE}),
        ("new size past the end", {"new": 1 << 47}),
        ("DONTUNMAP that resizes", {"flags": MAYMOVE | DONTUNMAP, "new": PAGE}),
        ("old size 0 of private memory (120)", {"old": 0}),
    ],
)
def test_arguments_that_make_no_sense_are_einval(m, p, name, change):
    """115, 120."""
    written(p, 2)
    before = picture(m)
    call = {"addr": FREE // 2, "old": 2 * PAGE, "new": 2 * PAGE, "flags": MAYMOVE, "to": FREE} | change
    with pytest.raises(OSError, match="mremap") as refusal:
        p.sys.mremap(call["addr"], call["old"], call["new"], int(call["flags"]), call["to"])
    assert refusal.value.errno == errno.EINVAL
    assert picture(m) == before


def test_what_is_not_mapped_or_not_one_mapping_is_efault(p):
    """116, Part II: growing must stay in one mapping; equal length asks for the first page only, shrinking may span."""
    area = written(p, 4)
    for addr, old, new in ((FREE, PAGE, 2 * PAGE), (FREE, PAGE, PAGE), (area.addr, 5 * PAGE, 6 * PAGE)):
        with pytest.raises(OSError, match="mremap") as refusal:
            p.sys.mremap(addr, old, new, MAYMOVE, 0)
        assert refusal.value.errno == errno.EFAULT
    p.mprotect(area.addr + PAGE, PAGE, Prot.READ)
    with pytest.raises(OSError, match="more than one mapping") as refusal:
        p.sys.mremap(area.addr, 4 * PAGE, 5 * PAGE, MAYMOVE, 0)
    assert refusal.value.errno == errno.EFAULT
    assert p.sys.mremap(area.addr, 40 * PAGE, 40 * PAGE, 0, 0) == area.addr
    assert p.sys.mremap(area.addr, 40 * PAGE, 2 * PAGE, 0, 0) == area.addr
    assert areas(p, area.addr, 4) == [(0, 1, "rw-p"), (1, 2, "r--p")]


def test_shrinking_cuts_the_tail_which_comes_back_as_zeros(p):
    """117, 118: sizes round up; what is grown is new."""
    area = written(p, 4)
    assert p.sys.mremap(area.addr, 4 * PAGE - 7, PAGE + 1, 0, 0) == area.addr
    with pytest.raises(SegmentationFault) as fault:
        p.load(area.addr + 2 * PAGE)
    assert fault.value.code == 1
    assert p.sys.mremap(area.addr, 2 * PAGE, 4 * PAGE, 0, 0) == area.addr
    assert first_bytes(p, area.addr, 4) == [1, 2, 0, 0]


def test_growing_stays_where_it_is_if_it_can(m, p):
    """118: blocked and no MAYMOVE is ENOMEM; MAYMOVE moves, frames are not copied, old addresses are gone."""
    area = written(p, 2)
    p.mmap(PAGE, addr=area.addr + 3 * PAGE)
    assert p.sys.mremap(area.addr, 2 * PAGE, 3 * PAGE, 0, 0) == area.addr
    with pytest.raises(OSError, match="not free") as refusal:
        p.sys.mremap(area.addr, 3 * PAGE, 4 * PAGE, 0, 0)
    assert refusal.value.errno == errno.ENOMEM
    with pytest.raises(OSError, match="not free"):  # only from the end of a mapping
        p.sys.mremap(area.addr, PAGE, 2 * PAGE, 0, 0)
    frames = p.pagemap(area).pfn.tolist()
    with m.measure() as cost:
        there = p.mremap(area.addr, 5 * PAGE, 3 * PAGE)
        assert there.addr != area.addr
        assert first_bytes(p, there.addr, 2) == [1, 2]
        there[0] = 9
    assert (cost.minflt, cost.majflt, cost.copies) == (0, 0, 0)
    assert p.pagemap(there).pfn.tolist()[:2] == frames
    with pytest.raises(SegmentationFault):
        p.load(area.addr)


def test_growth_merges_with_what_follows_and_not_with_what_precedes(p):
    """Part II: merging to the right only."""
    p.mmap(6 * PAGE, addr=FREE)
    p.munmap(FREE + PAGE, PAGE)
    p.munmap(FREE + 3 * PAGE, PAGE)
    p.sys.mremap(FREE, PAGE, 2 * PAGE, 0, 0)
    assert areas(p, FREE, 6) == [(0, 3, "rw-p"), (4, 6, "rw-p")]


def test_a_fixed_move_replaces_what_is_there(m, p):
    """119."""
    area, other = written(p, 2), p.mmap(5 * PAGE, addr=FREE)
    other[0 : 5 * PAGE] = b"\x09" * (5 * PAGE)
    frames = p.pagemap(area).pfn.tolist()
    free = int(m.state.machine["nfree"][0])
    p.mremap(area, 2 * PAGE, to=FREE + PAGE)
    assert first_bytes(p, FREE, 5) == [9, 1, 2, 9, 9]
    assert p.pagemap(FREE + PAGE, 2 * PAGE).pfn.tolist() == frames
    assert int(m.state.machine["nfree"][0]) == free + 2
    with pytest.raises(SegmentationFault):
        p.load(area.addr)


def test_a_pure_move_may_span_mappings(p):
    """116, 154 (Linux 6.17): holes stay holes, and what lies at their place in the target stays."""
    area, there = written(p, 4), p.mmap(4 * PAGE, addr=FREE)
    there[2 * PAGE] = 77
    p.mprotect(area.addr, PAGE, Prot.READ)
    p.munmap(area.addr + 2 * PAGE, PAGE)
    assert p.sys.mremap(area.addr, 4 * PAGE, 4 * PAGE, MAYMOVE | FIXED, FREE) == FREE
    assert first_bytes(p, FREE, 4) == [1, 2, 77, 4]
    assert areas(p, FREE, 4)[0] == (0, 1, "r--p")
    assert areas(p, area.addr, 4) == []
    with pytest.raises(OSError, match="nothing is mapped") as refusal:  # a hole at the start
        p.sys.mremap(area.addr, 4 * PAGE, 4 * PAGE, MAYMOVE | FIXED, FREE + 16 * PAGE)
    assert refusal.value.errno == errno.EFAULT


def test_old_size_zero_is_a_second_view_of_shared_memory(p):
    """120, 155: ENOMEM without MAYMOVE."""
    area = written(p, 2, Map.SHARED)
    with pytest.raises(OSError, match="not free") as refusal:
        p.sys.mremap(area.addr, 0, 2 * PAGE, 0, 0)
    assert refusal.value.errno == errno.ENOMEM
    twin = p.at(p.sys.mremap(area.addr, 0, 2 * PAGE, MAYMOVE, 0), 2 * PAGE)
    twin[PAGE] = 55
    assert (area[0], area[PAGE]) == (1, 55)
    assert p.pagemap(area).pfn.tolist()[1] == p.pagemap(twin).pfn.tolist()[1]


def test_dontunmap_leaves_the_mapping_without_its_pages(m, p):
    """121: new has the data, old reads zeros."""
    area = written(p, 2)
    there = p.mremap(area, 2 * PAGE, flags=MAYMOVE | DONTUNMAP)
    assert first_bytes(p, there.addr, 2) == [1, 2]
    assert m.check() == []
    assert first_bytes(p, area.addr, 2) == [0, 0]


def test_dontunmap_of_all_of_a_mapping_makes_it_new(m, p):
    """dontunmap_complete: as if it never had a private page, so that fork leaves it empty in the child (Part II)."""
    file = m.create("f", PAGE, b"f")
    area = p.mmap(PAGE, file=file, addr=FREE)
    area[0] = ord("g")
    p.sys.mremap(area.addr, PAGE, PAGE, MAYMOVE | DONTUNMAP, FREE * 2)
    assert (area[0], p.load(FREE * 2)) == (ord("f"), b"g")
    child = p.fork()
    with m.measure() as cost:
        assert child.load(area) + child.load(FREE * 2) == b"fg"
    assert cost.minflt == 1


def test_a_shared_mapping_grows_and_its_object_does_not(p):
    """Part II: SIGBUS past the first size; 122: a file mapping may grow past the end of the file."""
    area = written(p, 2, Map.SHARED)
    p.sys.mremap(area.addr, 2 * PAGE, PAGE, 0, 0)
    p.sys.mremap(area.addr, PAGE, 3 * PAGE, 0, 0)
    assert first_bytes(p, area.addr, 2) == [1, 2]  # shrinking kept the data
    with pytest.raises(BusError):
        p.load(area.addr + 2 * PAGE)


def test_a_private_file_mapping_keeps_its_copies_and_shows_more_of_the_file(m, p):
    file = m.create("f", 3 * PAGE, b"a" * PAGE + b"b" * PAGE + b"c" * PAGE)
    area = p.mmap(2 * PAGE, file=file, addr=FREE)
    area[PAGE] = ord("d")
    there = p.mremap(area, 3 * PAGE, to=FREE * 2)
    assert there[0:1] + there[PAGE : PAGE + 2] + there[2 * PAGE : 2 * PAGE + 1] == b"adbc"


def test_moved_memory_merges_back_where_it_was_made(p):
    """Part II: private anonymous memory keeps the offset at which it was created once it was written."""
    area = written(p, 3)
    p.mremap(area.addr + PAGE, PAGE, PAGE, to=FREE)
    assert areas(p, area.addr, 3) == [(0, 1, "rw-p"), (2, 3, "rw-p")]
    p.mremap(FREE, PAGE, PAGE, to=area.addr + PAGE)
    assert areas(p, area.addr, 3) == [(0, 3, "rw-p")]
    untouched = p.mmap(PAGE, addr=FREE * 2)
    p.mmap(PAGE, addr=FREE * 3)
    p.mremap(untouched, PAGE, to=FREE * 3 + PAGE)
    assert areas(p, FREE * 3, 2) == [(0, 2, "rw-p")]


def test_pages_in_swap_and_of_a_family_move_too(m, p):
    """Slots stay, copy-on-write stays: the child sees its own bytes after the parent moved and stored."""
    area = written(p, 40)  # more than the machine has frames
    child = p.fork("child")
    there = p.mremap(area, 40 * PAGE, to=FREE)
    assert m.check() == []
    assert first_bytes(p, FREE, 40) == list(range(1, 41))
    there[0] = 200
    assert child.load(area.addr)[0] == 1


def test_resize_of_a_mapping_follows_it(p):
    area = written(p, 2)
    p.mmap(PAGE, addr=area.addr + 2 * PAGE)
    old = area.addr
    area.resize(3 * PAGE)
    assert area.addr != old
    assert (len(area), area[0], area[PAGE], area[2 * PAGE]) == (3 * PAGE, 1, 2, 0)


def test_undo_brings_a_moved_mapping_back(m, p):
    area = written(p, 3)
    before = m.digest()
    p.mremap(area, 3 * PAGE, to=FREE)
    after = m.digest()
    m.undo()
    assert m.digest() == before
    m.redo()
    assert m.digest() == after


def test_remap_file_pages_shows_other_pages_of_the_object(m, p):
    """148, and mm/mmap.c: the range is mapped anew, and filled at once."""
    file = m.create("f", 4 * PAGE, b"".join(bytes([k]) * PAGE for k in range(4)))
    area = p.mmap(4 * PAGE, file=file, flags=Map.SHARED, addr=FREE)
    p.sys.remap_file_pages(FREE, 2 * PAGE + 9, 0, 2, 0)
    assert first_bytes(p, FREE, 4) == [2, 3, 2, 3]
    area[0] = 99
    assert file.pread(1, 2 * PAGE) == b"c"
    private = p.mmap(2 * PAGE, addr=FREE * 2)
    readonly = p.mmap(2 * PAGE, file=file.reopen("r"), flags=Map.SHARED, prot=Prot.READ, addr=FREE * 3)
    for addr, size, prot in (
        (FREE, PAGE, 1), (FREE, 100, 0), (FREE, 5 * PAGE, 0), (FREE - PAGE, PAGE, 0), (private.addr, PAGE, 0),
        (readonly.addr, PAGE, 0),
    ):  # fmt: skip
        with pytest.raises(OSError, match="remap_file_pages") as refusal:
            p.sys.remap_file_pages(addr, size, prot, 0, 0)
        assert refusal.value.errno == errno.EINVAL
    p.sys.remap_file_pages(FREE + PAGE, 2 * PAGE, 0, 0, 0)  # of two mappings, but of one object and alike
    assert first_bytes(p, FREE, 4) == [99, 0, 1, 3]
