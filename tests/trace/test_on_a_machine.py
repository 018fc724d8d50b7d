"""Traces as references of a machine: addresses and writes, and page numbers as pages."""

from pathlib import Path

import numpy as np
import pytest

from vmlab import KiB, Machine, Map, Prot, SegmentationFault, TraceError
from vmlab.trace import Kind, Trace, loop, read

PAGE = 4 * KiB
BASE = 0x1000_0000


@pytest.fixture
def m() -> Machine:
    m = Machine(frames=8, swap=64 * PAGE)
    m.spawn("user").mmap(16 * PAGE, addr=BASE, flags=Map.PRIVATE | Map.ANONYMOUS | Map.FIXED)
    return m


def test_run_and_queued(m: Machine, tmp_path: Path) -> None:
    p = m.process("user")
    trace = Trace([BASE + 8, BASE + PAGE, BASE + 16], [Kind.LOAD, Kind.STORE, Kind.FETCH])
    run = p.access(trace)
    assert (run.done, run.minflt) == (3, 2)
    p.mprotect(BASE, 2 * PAGE, Prot.READ)
    with pytest.raises(SegmentationFault) as caught:
        p.access(trace)
    assert (caught.value.done, caught.value.addr) == (1, BASE + PAGE)  # the store
    p.mprotect(BASE, 2 * PAGE, Prot.READ | Prot.WRITE)
    trace.save(tmp_path / "t.din")
    assert m.queue(read(tmp_path / "t.din"), p) == 3
    assert m.run().done == 3
    with pytest.raises(TypeError, match=r"a Trace needs the process .*m\.queue\(trace, process\)"):
        m.queue(trace)


def test_page_numbers_are_pages(m: Machine) -> None:
    """Nine pages in a loop over eight frames: with CLOCK as with LRU, every reference is a fault."""
    trace = Trace(loop(9, 3).addresses + np.uint64(BASE // PAGE), page_size=1)
    assert m.process("user").access(trace).faults == 27
    with pytest.raises(TraceError, match="page 0x10000000000000 of 'trace' has no 64-bit address"):
        m.process("user").access(Trace([1 << 52], page_size=1))


def test_what_is_not_mapped(m: Machine) -> None:
    with pytest.raises(SegmentationFault) as caught:
        m.process("user").access(Trace([BASE, BASE + 16 * PAGE]))
    assert (caught.value.done, caught.value.addr) == (1, BASE + 16 * PAGE)
