"""What of a trace hits a mapping, and where the first reference stands that does not."""

from pathlib import Path
from types import SimpleNamespace

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from vmlab import LimitError, TraceError
from vmlab.trace import Trace, lines, read


def area(start: int, stop: int) -> SimpleNamespace:
    return SimpleNamespace(start=start, stop=stop)


@settings(max_examples=80, deadline=None)
@given(
    areas=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)).map(sorted), max_size=4),
    addresses=st.lists(st.integers(0, 41), min_size=1, max_size=20),
)
def test_each_reference_by_itself(areas: list, addresses: list[int]) -> None:
    trace = Trace(addresses, [a % 3 for a in addresses], [a % 2 for a in addresses])
    hits = [any(start <= a < stop for start, stop in areas) for a in addresses]
    spaces = [area(*each) for each in areas]
    if not any(hits):
        with pytest.raises(TraceError, match=f"{len(hits)} of {len(hits)} reference.* hits? no mapping"):
            trace.within(spaces)
        return
    kept = trace.within(spaces)
    assert kept.addresses.tolist() == [a for a, hit in zip(addresses, hits) if hit]
    assert kept.kinds.tolist() == [a % 3 for a, hit in zip(addresses, hits) if hit]
    assert kept.pids.tolist() == [a % 2 for a, hit in zip(addresses, hits) if hit]
    if all(hits):
        assert kept.outside is None
    else:
        first = hits.index(False)
        assert (kept.outside.count, kept.outside.references) == (hits.count(False), len(hits))
        assert (kept.outside.place, kept.outside.address) == (f"reference {first + 1}", addresses[first])


def test_the_ends_of_the_address_space() -> None:
    top = [area((1 << 64) - 4096, 1 << 64), area(0, 1)]
    assert Trace([0, (1 << 64) - 1, 1]).within(top).addresses.tolist() == [0, (1 << 64) - 1]
    pages = Trace([(1 << 52) - 1, 1, 1 << 52], page_size=1).within(top)
    assert pages.addresses.tolist() == [(1 << 52) - 1]
    assert repr(pages.outside) == "2 of 3 references hit no mapping (first: reference 2, address 0x1000)"


def test_the_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines of two references, of none, and of blocks before it."""
    path = tmp_path / "t.lackey"
    text = "==1== hello\n" + " L 1000,4\n M 1008,4\n==1== \n" * 40 + " S 9000,4\n" + " L 1000,4\n" * 5
    path.write_text(text)
    for block in (1 << 20, 64, 13):
        monkeypatch.setattr(lines, "BLOCK", block)
        trace = read(path)
        assert repr(trace.within([area(0x1000, 0x2000)]).outside) == (
            "1 of 126 references hits no mapping (first: line 122, address 0x9000)"
        )
        assert [trace.place(k) for k in (0, 1, 2, 3, 125)] == ["line 2", "line 3", "line 3", "line 5", "line 127"]


def test_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Trace(np.zeros(10_000, np.uint64)).save(tmp_path / "t.npy")
    monkeypatch.setattr("vmlab.trace.within.memory_limit", lambda: 1 << 16)
    with pytest.raises(LimitError, match=r"10,000 references and more that hit a mapping: the limit is 16 KiB"):
        read(tmp_path / "t.npy").within([area(0, 1)])
