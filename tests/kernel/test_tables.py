"""When page tables come and go. The numbers of tables were seen on Linux 6.18 (VmPTE of a process that did the same)."""

import pytest

from vmlab import Advice, KiB, Machine, Map, MiB

LEAF = 2 * MiB  # what one leaf table leads to
AT = 0x1000_0000_0000
FIXED = Map.PRIVATE | Map.ANONYMOUS | Map.FIXED


@pytest.fixture
def p():
    m = Machine(frames=64)
    m.overcommit = 1
    p = m.spawn("p")
    p.mmap(4 * KiB)[0] = 1  # as a program has: the root, and a way to something else
    return p


def tables(p) -> int:
    """Tables beside those of the page that is there from the start."""
    assert p.machine.check() == []
    return p.status().rows["VmPTE"] // 4 - 4


def touched(p, addr: int, pages: list[int], length: int):
    area = p.mmap(length, addr=addr, flags=FIXED)
    for page in pages:
        p.store(addr + page, b"x")
    return area


def test_a_table_goes_with_the_last_page_it_leads_to(p):
    touched(p, AT, [k * LEAF for k in range(8)], 8 * LEAF)
    assert tables(p) == 10  # 8 leaves, a table of level 2 and one of level 3
    p.munmap(AT + 2 * LEAF, 2 * LEAF)
    assert tables(p) == 8
    p.munmap(AT + 4 * LEAF + 4 * KiB, 8 * KiB)  # within one
    assert tables(p) == 8
    p.munmap(AT + 5 * LEAF + 4 * KiB, LEAF)  # the greater part of one and the start of the next
    assert tables(p) == 8
    p.munmap(AT, 8 * LEAF)
    assert tables(p) == 0


def test_a_neighbour_keeps_the_table_that_both_need(p):
    one = touched(p, AT, [0], 16 * KiB)
    other = touched(p, AT + 64 * KiB, [0], 16 * KiB)
    assert tables(p) == 3
    p.munmap(one)
    assert tables(p) == 3
    p.munmap(other)
    assert tables(p) == 0


def test_a_mapping_in_place_of_another_begins_without(p):
    touched(p, AT, [0, LEAF], 2 * LEAF)
    assert tables(p) == 4
    p.mmap(2 * LEAF, addr=AT, flags=FIXED)
    assert tables(p) == 0


def test_what_is_given_up_keeps_the_upper_tables(p):
    touched(p, AT, [k * LEAF for k in range(4)], 4 * LEAF)
    assert tables(p) == 6
    p.madvise(AT + LEAF, LEAF - 4 * KiB, advice=Advice.DONTNEED)  # all but one page of a table: it stays
    assert tables(p) == 6
    p.madvise(AT, 4 * LEAF, advice=Advice.DONTNEED)
    assert tables(p) == 2
    p.store(AT, b"y")
    assert tables(p) == 3


def test_the_heap_gives_its_tables_back(p):
    p.sbrk(3 * LEAF)
    start = p.sbrk(0) - 3 * LEAF
    for k in range(3):
        p.store(start + k * LEAF, b"x")
    many = tables(p)
    p.sbrk(-3 * LEAF)
    assert many >= 5 and tables(p) == 0


def test_a_child_has_tables_of_its_own(p):
    area = touched(p, AT, [0], LEAF)
    child = p.fork()
    assert tables(child) == 3
    p.munmap(area)
    assert (tables(p), tables(child)) == (0, 3)
    assert child.load(AT, 1) == b"x"


def test_tables_that_were_given_back_are_made_again(p):
    """No memory is lost by it: a thousand mappings come and go in the same few tables."""
    touched(p, AT, [0], LEAF)
    p.munmap(AT, LEAF)
    length = len(p.machine.state.tables)
    for k in range(1000):
        touched(p, AT + k * LEAF, [0], LEAF)
        p.munmap(AT + k * LEAF, LEAF)
    assert len(p.machine.state.tables) == length


@pytest.mark.parametrize("mmu", ["sv39", "i386", (4, 6, 3)])
def test_other_tables(mmu):
    """Whatever the number of levels: all that was made for a mapping goes with it."""
    p = Machine(frames=64, mmu=mmu).spawn("p")
    p.mmap(4 * KiB)[0] = 1
    before = p.machine.state.procs["ntables"][0]
    area = p.mmap(64 * KiB, addr=0x4_0000 if mmu == (4, 6, 3) else 0x2000_0000)
    area.touch(True)
    p.munmap(area)
    assert p.machine.check() == []
    assert p.machine.state.procs["ntables"][0] == before
