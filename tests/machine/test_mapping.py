"""A mapping beside Python's own mmap.mmap: what both can do gives the same, byte for byte, error for error."""

import mmap
import random
from collections.abc import Callable

import pytest

from vmlab import BusError, KiB, Machine, Map, SegmentationFault

PAGE = 4 * KiB
TEXT = (b"Alice was beginning\nto get very tired\n" * 400)[: 2 * PAGE + 100] + b"no newline at the end"


@pytest.fixture
def pair(tmp_path):
    """The same file, mapped privately by the machine and by the host."""
    path = tmp_path / "alice.txt"
    path.write_bytes(TEXT)
    p = Machine(frames=8).spawn()
    file = p.machine.open(path)
    with path.open("rb") as f, mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_COPY) as real:
        yield p.mmap(file.size, file=file), real


def outcome(call: Callable[[], object]) -> object:
    try:
        return call()
    except (ValueError, IndexError, TypeError, OverflowError) as error:
        return type(error)


DOINGS: dict[str, Callable] = {
    "an index": lambda m: m[5],
    "the last": lambda m: m[-1],
    "past the end": lambda m: m[len(m)],
    "before the start": lambda m: m[-len(m) - 1],
    "a slice": lambda m: m[PAGE - 5 : PAGE + 5],
    "a slice of nothing": lambda m: m[7:3],
    "a slice past the end": lambda m: m[len(m) - 3 : len(m) + 100],
    "every third": lambda m: m[10:40:3],
    "backwards": lambda m: m[40:10:-7],
    "an index of a wrong type": lambda m: m["a"],
    "a store": lambda m: (m.__setitem__(3, 90), m[:6]),
    "a store of 256": lambda m: m.__setitem__(3, 256),
    "a store of bytes at an index": lambda m: m.__setitem__(3, b"x"),
    "a store over a slice": lambda m: (m.__setitem__(slice(PAGE - 1, PAGE + 2), b"xyz"), m[PAGE - 2 : PAGE + 3]),
    "a store over every second": lambda m: (m.__setitem__(slice(0, 6, 2), b"xyz"), m[:6]),
    "a store of another length": lambda m: m.__setitem__(slice(0, 3), b"xy"),
    "read": lambda m: (m.read(10), m.tell(), m.read(3)),
    "read all": lambda m: (m.seek(2 * PAGE), m.read())[1],
    "read past the end": lambda m: (m.seek(0, 2), m.read(5), m.read())[1:],
    "read_byte": lambda m: (m.read_byte(), m.tell()),
    "read_byte at the end": lambda m: (m.seek(0, 2), m.read_byte()),
    "readline": lambda m: (m.readline(), m.readline(), m.tell()),
    "readline without a newline": lambda m: (m.seek(-5, 2), m.readline(), m.readline())[1:],
    "seek from here": lambda m: (m.read(4), m.seek(3, 1), m.tell())[::2],
    "seek before the start": lambda m: m.seek(-1),
    "seek past the end": lambda m: m.seek(len(m) + 1),
    "seek with a wrong whence": lambda m: m.seek(0, 9),
    "write": lambda m: (m.write(b"hello"), m.tell(), m[:8]),
    "write past the end": lambda m: (m.seek(-2, 2), m.write(b"hello")),
    "write_byte": lambda m: (m.write_byte(65), m.tell(), m[:3]),
    "write_byte at the end": lambda m: (m.seek(0, 2), m.write_byte(65)),
    "move": lambda m: (m.move(2, 0, 10), m[:16]),
    "move down": lambda m: (m.move(0, 3, PAGE + 5), m[PAGE : PAGE + 16]),
    "move past the end": lambda m: m.move(len(m) - 3, 0, 4),
    "find": lambda m: (m.find(b"tired"), m.find(b"nothing such"), m.find(b"")),
    "find from the position": lambda m: (m.seek(100), m.find(b"Alice"))[1],
    "find within": lambda m: (m.find(b"Alice", 1, 30), m.find(b"Alice", 1), m.find(b"Alice", -60, -1)),
    "rfind": lambda m: (m.rfind(b"Alice"), m.rfind(b"nothing such")),
    "rfind within": lambda m: (m.rfind(b"Alice", 1, 30), m.rfind(b"Alice", 1, PAGE + 3)),
    "length": lambda m: (len(m), m.size()),
}


@pytest.mark.parametrize("what", DOINGS)
def test_as_mmap(pair, what: str) -> None:
    ours, real = pair
    assert outcome(lambda: DOINGS[what](ours)) == outcome(lambda: DOINGS[what](real))
    assert ours[:] == real[:]


@pytest.mark.parametrize("seed", range(5))
def test_searches_across_pages(pair, seed: int) -> None:
    ours, real = pair
    rng = random.Random(seed)
    for _ in range(40):
        at, n = rng.randrange(len(TEXT)), rng.choice((1, 2, 5, 40, PAGE + 1))
        sub = TEXT[at : at + n]
        first, last = sorted(rng.randrange(len(TEXT)) for _ in range(2))
        for name in ("find", "rfind"):
            assert getattr(ours, name)(sub, first, last) == getattr(real, name)(sub, first, last)


def test_where_it_takes_the_fault() -> None:
    """mmap.mmap refuses before the MMU is asked; here the program gets its signal."""
    m = Machine(frames=8)
    p = m.spawn("reader")
    area = p.mmap(2 * PAGE)
    assert repr(area) == f"Mapping(reader, {area.addr:#x}, 8192 bytes)"
    p.mprotect(area, prot=1)
    with pytest.raises(SegmentationFault):
        area[0] = 1
    p.munmap(area)
    with pytest.raises(SegmentationFault):
        area[0]
    file = m.create("short", 100)
    with pytest.raises(BusError) as caught:
        p.mmap(2 * PAGE, file=file).read()
    assert (caught.value.done, len(caught.value.data)) == (PAGE, PAGE)


def test_a_search_touches_no_page_further() -> None:
    p = Machine(frames=8).spawn()
    area = p.mmap(4 * PAGE)
    area[PAGE + 5] = 7
    faults = p.stat.minflt
    assert area.find(b"\x07") == PAGE + 5
    assert p.stat.minflt - faults == 1
    assert area.rfind(b"\x07") == PAGE + 5
    assert p.stat.minflt - faults == 3


def test_the_same_range_in_another_process() -> None:
    m = Machine(frames=8)
    p = m.spawn()
    area = p.mmap(2 * PAGE, flags=Map.SHARED)
    area[PAGE] = 9
    child = p.fork()
    there = child.at(area)
    assert (there[PAGE], child.at(area.addr + PAGE, 1).read()) == (9, b"\x09")
    with pytest.raises(TypeError, match="length is needed"):
        child.at(area.addr)
    assert list(there.pages) == [area.addr, area.addr + PAGE]
    assert (int(there), len(there)) == (area.addr, 2 * PAGE)
