"""What numpy code touches: indexing, ufuncs, functions, against loops written by hand."""

import numpy as np
import pytest

from vmlab import LimitError, TraceError
from vmlab.trace import Kind, Trace, Watch, column_walk, row_walk

BASE, NEXT = 0x1000_0000, 0x1000_1000
L, S = Kind.LOAD, Kind.STORE


def seen(trace: Trace) -> list[tuple[int, int]]:
    """(offset from BASE, kind) of each reference."""
    return [(int(a) - BASE, int(k)) for a, k in zip(trace.addresses, trace.kinds)]


def test_elements() -> None:
    memory = np.arange(12.0).reshape(3, 4)
    with Watch() as watch:
        a = watch(memory)
        assert a[1, 2] == 6
        a[2, -1] = 5
        a[0][3] += 1
    assert memory[2, 3] == 5
    assert memory[0, 3] == 4
    assert seen(watch.trace) == [(6 * 8, L), (11 * 8, S), (3 * 8, L), (3 * 8, S)]


def test_views_are_no_touch() -> None:
    with Watch() as watch:
        a = watch(np.zeros((4, 6)))
        view = np.transpose(a[1:3, ::2]).reshape(3, 2)[::-1]
        assert len(watch.trace) == 0
        view[0, 1] = 1
    assert a[2, 4] == 1
    assert seen(watch.trace) == [((2 * 6 + 4) * 8, S)]


@pytest.mark.parametrize("order", ["C", "F"])
def test_walks_of_the_generators(order: str) -> None:
    """Loops over rows and columns, and sums along axes, against the walks that are made from strides."""
    matrix = np.ones((5, 7), order=order)
    with Watch() as rows:
        total = sum(a for row in rows(matrix) for a in row)
    with Watch() as columns:
        total += columns(matrix).T.sum()
    assert total == 70
    assert np.array_equal(rows.trace.addresses, row_walk(matrix).addresses)
    assert np.array_equal(columns.trace.addresses, column_walk(matrix).addresses)


def test_ufuncs_go_element_by_element() -> None:
    with Watch() as watch:
        a, b = watch(np.arange(3.0)), watch(np.arange(3.0))
        c = a + b * 2
        assert isinstance(c, type(a))
        assert c.tolist() == [0, 3, 6]
        del watch._columns[:]
        c += a
    page = 4096
    # b was the first to be touched, then 2 * b, then a and the sum
    assert seen(watch.trace) == [
        (3 * page + 8 * k if where == "c" else 2 * page + 8 * k, kind)
        for k in range(3)
        for where, kind in (("c", L), ("a", L), ("c", S))
    ]


def test_broadcasting_touches_the_same_again() -> None:
    with Watch() as watch:
        a, row = watch(np.ones((2, 3))), watch(np.ones(3))
        np.add(a, row, out=a)
    expected = []
    for i in range(2):
        for j in range(3):
            expected += [((3 * i + j) * 8, L), (4096 + 8 * j, L), ((3 * i + j) * 8, S)]
    assert seen(watch.trace) == expected


def test_functions_and_products_take_each_operand_once() -> None:
    with Watch() as watch:
        a, b = watch(np.ones((2, 3))), watch(np.ones((3, 2)))
        assert (a @ b).tolist() == [[3, 3], [3, 3]]
        assert np.dot(a, b).shape == (2, 2)
        assert np.concatenate([a, a]).shape == (4, 3)
    kinds = "".join("LS"[kind] for _, kind in seen(watch.trace))
    assert kinds == "LLLLLLLLLLLLSSSS" * 2 + "L" * 12 + "S" * 12


def test_assignment_loads_and_stores_in_turn() -> None:
    with Watch() as watch:
        a, b = watch(np.zeros(4)), watch(np.arange(4.0))
        a[1:3] = b[2:]
        a[3] = b[0]
    assert a.tolist() == [0, 2, 3, 0]
    assert [kind for _, kind in seen(watch.trace)] == [L, S, L, S, L, S]
    stores = [offset for offset, kind in seen(watch.trace) if kind == S]
    assert [offset - stores[0] for offset in stores] == [0, 8, 16]


def test_fancy_indexing() -> None:
    with Watch() as watch:
        a = watch(np.arange(10))
        assert a[[7, 2, 2]].tolist() == [7, 2, 2]
        assert a[a > 8].tolist() == [9]
        a[[1, 3]] = 0
    offsets = [offset for offset, _ in seen(watch.trace)]
    assert offsets[:3] == [56, 16, 16]
    assert offsets[-2:] == [8, 24]
    assert (72, L) in seen(watch.trace)[-4:]


def test_the_same_code_gives_the_same_trace() -> None:
    def work() -> Trace:
        with Watch() as watch:
            a = watch(np.random.default_rng(1).random((30, 30)))
            for _ in range(3):
                a = np.sort(a @ a, axis=0) - a.mean()
        return watch.trace

    first, again = work(), work()
    assert np.array_equal(first.addresses, again.addresses)
    assert len(first) > 10_000


def test_after_the_watch_nothing_is_noted() -> None:
    with Watch() as watch:
        a = watch(np.ones(4))
    a[0] = a[1] + a.sum()
    assert (a + 1).tolist() == [6, 2, 2, 2]
    assert len(watch.trace) == 0


def test_limits() -> None:
    with pytest.raises(LimitError, match=r"more than 100 references: Watch\(limit=\.\.\.\)"), Watch(limit=100) as watch:
        watch(np.ones(101)).sum()
    with pytest.raises(TraceError, match=r"only numpy arrays of numbers can be watched: give np\.asarray"):
        watch([1, 2])
