"""How addresses are split and where walks end, against arithmetic done by hand."""

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from vmlab import KiB, Machine, Map, SegmentationFault

# (mmu, page size): lowest bit and width of each level's index, topmost first, as the manuals draw them
SPLITS = {
    ("x86-64", 4096): [(39, 9), (30, 9), (21, 9), (12, 9)],  # Intel SDM vol. 3, 4.5
    ("x86-64-la57", 4096): [(48, 9), (39, 9), (30, 9), (21, 9), (12, 9)],
    ("i386", 4096): [(22, 10), (12, 10)],  # 4.3
    ("sv39", 4096): [(30, 9), (21, 9), (12, 9)],  # RISC-V privileged architecture, 10.4
    ("sv48", 4096): [(39, 9), (30, 9), (21, 9), (12, 9)],
    ((2, 4), 16): [(8, 2), (4, 4)],
    ((6,), 64): [(6, 6)],  # OSTEP, chapter 18: a 64-byte page, one level
    ((5, 5), 32): [(10, 5), (5, 5)],  # OSTEP, chapter 20's homework
    ((1, 1, 1, 1, 1), 16): [(8, 1), (7, 1), (6, 1), (5, 1), (4, 1)],
    ((3, 9, 2), 64 * KiB): [(27, 3), (18, 9), (16, 2)],
}
# (mmu, page size), address, indices from the top, offset: with pencil and paper
BY_HAND = [
    (("x86-64", 4096), 0x7FFF_F7FF_D123, (255, 511, 447, 509), 0x123),
    (("x86-64-la57", 4096), 0x00FE_0000_0020_1FFF, (254, 0, 0, 1, 1), 0xFFF),
    (("i386", 4096), 0x0804_8ABC, (32, 72), 0xABC),
    (("sv39", 4096), 0x3F_C060_7008, (255, 3, 7), 8),
    (((2, 4), 16), 0b10_0110_1011, (2, 6), 11),
    (((5, 5), 32), 0x611C, (24, 8), 28),
    (((6,), 64), 0b010110_000101, (22,), 5),
]
every = pytest.mark.parametrize("mmu", SPLITS, ids=str)


def machine(mmu, **kwargs):
    m = Machine(**({"mmu": mmu[0], "page_size": mmu[1], "frames": 32, "swap": 0, "history": None} | kwargs))
    return m, m.spawn()


def top(m):
    """Pages a program may use."""
    return int(m.state.machine["task_pages"][0])


@pytest.mark.parametrize(("mmu", "addr", "indices", "offset"), BY_HAND, ids=str)
def test_by_hand(mmu, addr, indices, offset):
    _, p = machine(mmu)
    t = p.translate(addr)
    assert tuple(step.index for step in t.steps) == indices
    assert t.offset == offset
    assert (t.frame, t.physical, t.bits) == (-1, -1, ())


@every
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_indices_are_bit_fields(mmu, data):
    m, p = machine(mmu)
    addr = data.draw(st.integers(0, top(m) * mmu[1] - 1))
    t = p.translate(addr)
    assert [(s.level, s.index) for s in t.steps] == [
        (len(SPLITS[mmu]) - k, addr >> low & (1 << width) - 1) for k, (low, width) in enumerate(SPLITS[mmu])
    ]
    assert (t.vpn, t.offset) == divmod(addr, mmu[1])


@every
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_bytes_are_where_the_walk_ends(mmu, data):
    """Pages anywhere in the address space: each has a frame of its own, with its bytes, and the tables are a radix tree."""
    m, p = machine(mmu)
    last = top(m) - 1
    near = st.builds(lambda a, d: min(max(a * last // 4 + d, 16), last), st.integers(0, 4), st.integers(-2, 2))
    vpns = data.draw(st.lists(near | st.integers(16, last), min_size=1, max_size=8, unique=True))
    for k, vpn in enumerate(vpns):
        p.mmap(mmu[1], addr=vpn * mmu[1], flags=Map.PRIVATE | Map.FIXED)
        p.store(vpn * mmu[1] + k, bytes([k + 1]))
    frames = set()
    for k, vpn in enumerate(vpns):
        t = p.translate(vpn * mmu[1] + k)
        assert t.physical == t.frame * mmu[1] + k
        assert m.state.content[t.frame, k] == k + 1
        assert p.pagemap(vpn * mmu[1], 1).pfn.tolist() == [t.frame]
        frames.add(t.frame)
    assert len(frames) == len(vpns)
    lows = [low for low, _ in SPLITS[mmu][:-1]]
    assert p.stat.ntables == 1 + sum(len({vpn * mmu[1] >> low for vpn in vpns}) for low in lows)
    assert m.check() == []


@every
def test_the_last_page_is_the_last(mmu):
    m, p = machine(mmu)
    end = top(m) * mmu[1]
    p.mmap(mmu[1], addr=end - mmu[1], flags=Map.PRIVATE | Map.FIXED)
    p.store(end - 2, b"z!")
    assert p.load(end - 2, 2) == b"z!"
    with pytest.raises(SegmentationFault) as signal:
        p.load(end - 1, 2)
    assert (signal.value.done, signal.value.data) == (1, b"!")
    with pytest.raises(OSError, match="ENOMEM"):
        p.mmap(mmu[1], addr=end, flags=Map.PRIVATE | Map.FIXED)


@every
def test_bits_no_level_looks_at_do_not_alias(mmu):
    _m, p = machine(mmu)
    heap = p.mmap(mmu[1])
    heap[0] = 1
    other = heap.addr + (mmu[1] << sum(width for _, width in SPLITS[mmu]))
    assert p.translate(heap).frame >= 0
    assert p.translate(other).frame == -1
    assert not p.pagemap(other, mmu[1]).present.any()
    with pytest.raises(SegmentationFault):
        p.load(other, 1)


def code(p, addr):
    with pytest.raises(SegmentationFault) as signal:
        p.load(addr, 1)
    return signal.value.code, signal.value.addr


@pytest.mark.parametrize(
    ("mmu", "addr", "expected"),
    [
        (("x86-64", 4096), (1 << 47) - 1, 1),  # E.3, 52: an address that is not canonical has no number
        (("x86-64", 4096), 1 << 47, 128),
        (("x86-64", 4096), (1 << 64) - (1 << 47) - 1, 128),
        (("x86-64", 4096), (1 << 64) - (1 << 47), 1),
        (("x86-64-la57", 4096), 1 << 47, 1),
        (("sv39", 4096), 1 << 38, 128),
        (("i386", 4096), 0xC000_0000, 1),  # the kernel's quarter
        (("i386", 4096), 1 << 32, 128),
        (((2, 4), 16), 1023, 1),
        (((2, 4), 16), 1024, 128),
    ],
    ids=str,
)
def test_addresses_that_cannot_be(mmu, addr, expected):
    _, p = machine(mmu)
    assert code(p, addr) == (expected, addr if expected == 1 else None)


def test_looking_changes_nothing():
    m, p = machine(("x86-64", 4096))
    heap = p.mmap(8 * KiB)
    heap[0] = 1
    before = m.digest()
    p.translate(heap), p.translate(heap.addr + 4096), p.pagemap(heap), p.maps(), p.status(), m.vmstat(), m.check()
    assert m.digest() == before


def test_bits_of_a_pte_tell_what_happened():
    _m, p = machine(("x86-64", 4096), tlb=None)
    heap = p.mmap(4 * KiB)
    heap[0:1]
    assert p.translate(heap).bits == ("present", "writable", "user", "accessed")
    heap[0] = 1
    assert p.translate(heap).bits == ("present", "writable", "user", "accessed", "dirty")
    p.mprotect(heap, prot=1)
    assert p.translate(heap).bits == ("present", "user", "accessed", "dirty")
    p.mprotect(heap, prot=0)
    assert p.translate(heap).bits == ("present", "accessed", "dirty")
    assert p.translate(heap).ns == 1 + 4 * 20  # Costs(): one TLB access, four levels of a walk
