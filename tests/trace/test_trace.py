"""Traces in memory: their columns, pages, and what they say of themselves."""

import doctest
import pickle
import sys

import numpy as np
import pytest
from needs import run

import vmlab
from vmlab import LimitError, TraceError
from vmlab.trace import Kind, Trace, read


def test_examples_in_docstrings() -> None:
    for module in (vmlab.trace.trace, vmlab.trace.watching):
        assert doctest.testmod(module).failed == 0


def test_importing_vmlab_loads_no_traces() -> None:
    code = "import sys, vmlab; print('vmlab.trace' in sys.modules, vmlab.Trace is vmlab.trace.Trace)"
    assert run([sys.executable, "-c", code]).split() == ["False", "True"]
    assert {"Trace", "record", "trace"} <= {*dir(vmlab)}
    with pytest.raises(AttributeError, match="module 'vmlab' has no attribute 'traces'"):
        vmlab.traces  # noqa: B018


def test_columns() -> None:
    trace = Trace([4096, 4100, 9000], [Kind.LOAD, Kind.STORE, Kind.FETCH], name="three")
    assert trace.addresses.dtype == np.uint64
    assert trace.writes.tolist() == [False, True, False]
    assert trace.page_numbers().tolist() == [1, 1, 2]
    assert np.asarray(trace).tolist() == [1, 1, 2]
    assert repr(trace) == "Trace('three', 3 references (1 load, 1 store, 1 fetch), pages of 4,096 bytes)"
    assert Trace([1, 2]).writes.tolist() == [False, False]


def test_a_reference_string_as_typed() -> None:
    trace = Trace.pages("1 2,3, 0x4\n5")
    assert (trace.page_numbers().tolist(), trace.page_size) == ([1, 2, 3, 4, 5], 1)
    assert repr(trace) == "Trace('reference string', 5 references, page numbers)"
    with pytest.raises(TraceError, match="reference string: address 'x' is not a number"):
        Trace.pages("1 2 x")
    with pytest.raises(TraceError, match=r"address -1 does not fit in 64 bits \(0\.\.2\*\*64-1\)"):
        Trace.pages("1 -1")
    with pytest.raises(TraceError, match="needs at least one page number"):
        Trace.pages(" , ")
    with pytest.raises(TypeError, match=r"is text, not list: Trace\(pages, page_size=1\)"):
        Trace.pages([1, 2])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("columns", "error", "words"),
    [
        (([1.5],), TypeError, "addresses are whole numbers of 0..18,446,744,073,709,551,615, not float64"),
        (([True],), TypeError, "not bool"),
        (([1, -2],), TraceError, "reference 2: addresses are of 0.*, not -2"),
        (([[1], [2]],), TraceError, r"in one dimension, not of shape \(2, 1\)"),
        (([[1], [2, 3]],), TraceError, "some of these are lists"),
        (([1], [3]), TraceError, "reference 1: kinds are of 0..2, not 3"),
        (([1, 2], [1]), TraceError, "1 kinds for 2 addresses"),
        (([1], None, [1 << 32]), TraceError, "pids are of 0..4,294,967,295"),
        ((range(4097), None, range(4097)), LimitError, "has 4,097 processes or more; a trace has at most 4,096"),
    ],
)
def test_what_is_no_trace(columns, error, words) -> None:
    with pytest.raises(error, match=words):
        Trace(*columns)


@pytest.mark.parametrize("page_size", [0, -4096, 3000, 1 << 49])
def test_page_sizes(page_size: int) -> None:
    with pytest.raises(TraceError, match="must be a power of two"):
        Trace([1], page_size=page_size)


def test_pages_of_processes_need_their_bits() -> None:
    with pytest.raises(TraceError, match="page 0x10000000000000: with processes, page numbers have 52 bits"):
        Trace([1 << 52], pids=[1], page_size=1).page_numbers()
    assert Trace([(1 << 64) - 1], pids=[1]).page_numbers().tolist() == [(1 << 52) - 1]


def test_processes_are_numbered_over_all_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vmlab.trace.trace.CHUNK", 2)
    trace = Trace([0, 0, 0, 0, 0], pids=[9, 4, 4, 7, 9])
    assert (trace.page_numbers() >> np.uint64(52)).tolist() == [0, 1, 1, 2, 0]


def test_a_file_is_read_when_needed(tmp_path) -> None:
    file = tmp_path / "t.list"
    file.write_text("1\n2\nx\n")
    trace = read(file)
    assert repr(trace) == "Trace('t.list', page numbers, list file)"
    with pytest.raises(TypeError, match="is known when it was read to its end"):
        len(trace)
    with pytest.raises(TraceError, match=r"'t\.list', line 3: address 'x' is not a number"):
        trace.held()
    file.write_text("1\n2\n#\n3\n")
    assert np.asarray(trace).tolist() == [1, 2, 3]
    assert repr(trace) == "Trace('t.list', 3 references, page numbers, list file, skipped 1 line)"


def test_pickled_it_is_a_path(tmp_path) -> None:
    """Not its references: who unpickles it opens the file, which must be the one it was."""
    file = tmp_path / "t.npy"
    Trace(range(50_000), page_size=1).save(file)
    trace = read(file, page_size=64)
    trace.held()
    data = pickle.dumps(trace)
    assert len(data) < 1000
    again = pickle.loads(data)
    assert (again.page_size, again.path) == (64, str(file))
    assert (again.page_numbers() == np.arange(50_000) // 64).all()
    Trace(range(40_000), page_size=1).save(file)
    with pytest.raises(
        TraceError,
        match=r"'t\.npy' is not the file it was: it is 320,128 bytes, last changed 20.* UTC, and was 400,128 bytes",
    ):
        pickle.loads(data)
    file.unlink()
    with pytest.raises(TraceError, match=r"'t\.npy' cannot be opened: No such file"):
        pickle.loads(data)
    with pytest.raises(TraceError, match=r"'t\.npy' cannot be opened: No such file"):
        trace.unchanged()
