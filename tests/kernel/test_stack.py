"""MAP_GROWSDOWN (item 40 of the semantics list; expand_downwards and acct_stack_growth of mm/mmap.c). Seen on Linux 6.18."""

import errno

import numpy as np
import pytest
from known import PAGE

from vmlab import Map, Prot, SegmentationFault

TOP = 0x10_0000_0000
GAP = 256  # pages
STACK = Map.PRIVATE | Map.GROWSDOWN


@pytest.fixture
def p(m):
    p = m.spawn("p")
    p.mmap(PAGE, addr=TOP, flags=STACK | Map.FIXED)
    return p


def low(p):
    """Pages by which the stack has grown."""
    v = p.vma(TOP)
    return (TOP - v.start) // PAGE


def test_a_touch_below_lengthens_it_to_there(m, p):
    """40. The first bytes are zero, and one fault is one fault."""
    with m.measure() as cost:
        p.store(TOP - 1, b"s")
    assert (low(p), cost.minflt) == (1, 1)
    assert p.load(TOP - 20 * PAGE) == b"\0"
    assert low(p) == 20
    with pytest.raises(SegmentationFault) as fault:
        p.call(TOP - 30 * PAGE)  # it grows first, and is then found not to be executable
    assert (fault.value.code, low(p)) == (2, 30)


def test_references_in_bulk_lengthen_it_too(p):
    p.access(np.arange(TOP, TOP - 40 * PAGE, -PAGE), True)
    assert low(p) == 39


def test_it_stops_a_gap_short_of_memory_below(p):
    """40: SIGSEGV, MAPERR. What is PROT_NONE may be closer."""
    p.mmap(PAGE, addr=TOP - (GAP + 3) * PAGE, flags=Map.PRIVATE | Map.FIXED)  # ends GAP + 2 pages below
    p.store(TOP - 2 * PAGE, b"s")
    with pytest.raises(SegmentationFault) as fault:
        p.store(TOP - 3 * PAGE, b"s")
    assert (fault.value.code, low(p)) == (1, 2)
    p.mprotect(TOP - (GAP + 3) * PAGE, PAGE, Prot.NONE)
    p.store(TOP - 3 * PAGE, b"s")
    assert low(p) == 3


def test_it_ends_at_eight_mebibytes(p):
    p.load(TOP - 2047 * PAGE)
    with pytest.raises(SegmentationFault):
        p.load(TOP - 2048 * PAGE)


def test_other_mappings_do_not_grow_and_a_child_s_stack_does(p):
    p.mmap(PAGE, addr=2 * TOP)
    with pytest.raises(SegmentationFault):
        p.load(2 * TOP - 1)
    child = p.fork()
    child.store(TOP - 1, b"s")
    assert (low(child), low(p)) == (1, 0)


def test_a_system_call_s_buffer_may_lie_there(m, p):
    file = m.create("f", PAGE, b"abc")
    assert p.read(file, TOP - 2 * PAGE, 3) == 3
    assert (p.load(TOP - 2 * PAGE, 3), low(p)) == (b"abc", 2)


def test_only_private_anonymous_memory_grows(m, p):
    file = m.create("f", PAGE)
    for extra in ({"flags": Map.SHARED | Map.GROWSDOWN}, {"flags": STACK, "file": file}):
        with pytest.raises(OSError, match="GROWSDOWN") as refusal:
            p.mmap(PAGE, **extra)
        assert refusal.value.errno == errno.EINVAL


def test_who_chooses_an_address_leaves_the_gap_free(p):
    stack = p.mmap(PAGE, flags=STACK)
    assert p.mmap(PAGE).addr <= stack.addr - (GAP + 1) * PAGE


def test_mprotect_growsdown_begins_at_the_lowest_page(p):
    """76: EINVAL on a mapping that does not grow."""
    p.store(TOP - 2 * PAGE, b"s")
    p.sys.mprotect(TOP, PAGE, 1 | 0x01000000)
    assert p.vma(TOP - 2 * PAGE).perms == "r--p"
    p.mmap(PAGE, addr=2 * TOP)
    with pytest.raises(OSError, match="does not grow") as refusal:
        p.sys.mprotect(2 * TOP, PAGE, 1 | 0x01000000)
    assert refusal.value.errno == errno.EINVAL


def test_undo_shortens_it(m, p):
    before = m.digest()
    p.store(TOP - PAGE, b"s")
    m.undo()
    assert m.digest() == before
    m.redo()
    assert low(p) == 1
