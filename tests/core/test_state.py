"""State: arrays and nothing else, with fields that may be read as attributes; it grows, copies and digests."""

import numpy as np
import pytest

from vmlab import Machine
from vmlab.core import state
from vmlab.core.state import NONE, POOLS, State

PAGE = 4096
ROW_TYPES = {name: kind for name, kind in vars(state).items() if isinstance(kind, np.dtype) and kind.names}


def busy() -> Machine:
    m = Machine(frames=8, swap=8 * PAGE, history=None)
    p = m.spawn("busy")
    heap = p.mmap(6 * PAGE)
    heap.touch(True)
    p.fork().store(heap, b"child")
    return m


def same(a: State, b: State) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a, b))


@pytest.mark.parametrize("kind", ROW_TYPES)
def test_no_field_hides_an_attribute(kind):
    """safe-fields: table.size must never be taken for a column, with the JIT off tables are np.recarray."""
    taken = set(dir(np.ndarray)) | set(dir(np.record)) | set(dir(np.recarray))
    assert not taken & set(ROW_TYPES[kind].names)


def test_row_types_are_found():
    assert {"MACHINE", "PROC", "VMA", "OBJECT", "FRAME", "USE", "SLOT", "EVENT", "SAMPLE", "STAT"} <= set(ROW_TYPES)


@pytest.mark.parametrize("kind", ROW_TYPES)
def test_rows_have_no_padding(kind):
    """Bytes between fields would be in the digest and undefined."""
    fields = [ROW_TYPES[kind].fields[name] for name in ROW_TYPES[kind].names]
    assert sum(field[0].itemsize for field in fields) == ROW_TYPES[kind].itemsize


def test_state_holds_arrays_only():
    s = busy().state
    assert all(isinstance(a, np.ndarray) and a.flags.c_contiguous and a.dtype != object for a in s)
    assert state.nbytes(s) == sum(a.nbytes for a in s)


@pytest.mark.parametrize("pool", range(len(POOLS)), ids=POOLS)
@pytest.mark.parametrize("more", [0, 1, 100_000])
def test_growing_keeps_every_row(pool, more):
    m = busy()
    before = state.copy(m.state)
    grown = state.grow(m.state, pool, more)
    for name, old, new in zip(State._fields, before, grown):
        assert name == "machine" or np.array_equal(old, new[: len(old)]), name
        assert len(new) >= len(old)
    old, new = len(getattr(before, POOLS[pool])), len(getattr(grown, POOLS[pool]))
    assert new >= max(2 * old, old + more)
    m.kernel.state = grown
    assert m.check() == []
    assert m.process("busy").mmap(4 * PAGE).touch(True).minflt == 4


def test_growing_makes_new_uses_free():
    m = busy()
    free, length = int(m.state.machine[0].use_free), len(m.state.uses)
    grown = state.grow(m.state, POOLS.index("uses"))
    assert grown.machine[0].use_free == length
    assert grown.uses["next"][-1] == free
    assert (grown.uses["page"][length:] == NONE).all()


def test_pools_grow_while_a_program_runs():
    """More pages, tables and shared pages than the pools begin with."""
    m = Machine(frames=4096, swap=0, contents=False, history=None)
    p = m.spawn()
    first = {name: len(getattr(m.state, name)) for name in POOLS}
    for k in range(40):
        p.mmap(PAGE, addr=k << 30, flags=0x12 if k else 2).touch(True)
    p.mmap(1024 * PAGE).touch(True)
    p.fork("twin")
    assert all(len(getattr(m.state, name)) > n for name, n in first.items())
    assert m.check() == []


def test_a_copy_is_equal_and_apart():
    m = busy()
    s = state.copy(m.state)
    assert same(s, m.state)
    assert state.digest(s) == m.digest()
    assert not any(np.shares_memory(a, b) for a, b in zip(s, m.state) if a.size)
    m.process("busy").store(m.process("busy").vmas()[0].start, b"other")
    assert not same(s, m.state)


@pytest.mark.parametrize("name", State._fields)
def test_the_digest_sees_every_array(name):
    s = busy().state
    before = state.digest(s)
    array = getattr(s, name)
    raw = array.reshape(-1).view(np.uint8)
    raw[len(raw) // 2] ^= 1
    assert state.digest(s) != before
    raw[len(raw) // 2] ^= 1
    assert state.digest(s) == before


def test_the_digest_sees_shapes():
    s = busy().state
    assert state.digest(s._replace(tables=np.append(s.tables, 0))) != state.digest(s)


def test_names_are_cut_padded_and_shared():
    s = busy().state
    n = int(s.machine[0].nname)
    s, a = state.intern(s, "x" * 100)
    s, b = state.intern(s, "x" * 64)
    s, c = state.intern(s, "caf\xe9 \udcff")
    assert (a, b, c) == (n, n, n + 1)
    assert (state.name_of(s, a), state.name_of(s, c)) == ("x" * 64, "caf\xe9 \udcff")
    assert state.intern(s, "")[1] == 0
    for k in range(100):
        s, _ = state.intern(s, f"name {k}")
    assert state.name_of(s, int(s.machine[0].nname) - 1) == "name 99"
