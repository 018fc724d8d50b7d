"""CPython's own tests of its mmap module, restated: each runs on mmap.mmap and on a Mapping, with the same code.

The names are those of Lib/test/test_mmap.py (Python 3.13). LEFT_OUT says which are not here, and why.
"""

import itertools
import mmap
import random
import sys
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from vmlab import Machine, Map, Prot

PAGE = mmap.PAGESIZE
CLOSED = "mmap closed or invalid"
LEFT_OUT = {  # case: why
    "test_no_trackfd_parameter_on_windows": "Windows",
    "test_tagname": "Windows",
    "test_sizeof": "Windows",
    "test_crasher_on_windows": "Windows",
    "test_invalid_descriptor": "Windows",
    "test_resize_up_when_mapped_to_pagefile": "Windows",
    "test_resize_down_when_mapped_to_pagefile": "Windows",
    "test_resize_fails_if_mapping_held_elsewhere": "Windows",
    "test_resize_succeeds_with_error_for_second_named_mapping": "Windows",
    "test_access_violations": "Windows",
    "test_trackfd_parameter": "a Mapping holds no copy of the descriptor, so there is none to do without",
    "test_trackfd_neg1": "as test_trackfd_parameter",
    "test_subclass": "p.mmap makes mappings; the class is not called",
    "test_error": "mmap.error is a name of the module",
    "test_prot_readonly": "prot= is the MMU's to enforce: a SegmentationFault; access= is the mapping's: test_access_parameter",
}
PARTLY = {  # case: what of it is not here
    "test_basic": "re.search: it wants a buffer, which would go past the MMU; bytes(m) gives one",
    "test_access_parameter": "longer than the file is a ValueError there; here the page past the end is there to be SIGBUS",
    "test_repr": "a Mapping shows its process and its address; here only that it tells when it is closed",
}


class Host:
    """Python's mmap module and files of this computer."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "file"

    def file(self, data: bytes = b"", size: int | None = None) -> Any:
        self.path.write_bytes(data)
        f = self.path.open("r+b")
        if size is not None:
            f.truncate(size)
        return f

    def write_tail(self, f: Any, offset: int, data: bytes) -> None:
        f.seek(offset)
        f.write(data)
        f.flush()

    def map(self, f: Any, length: int = 0, **how: Any) -> Any:
        return mmap.mmap(f.fileno(), length, **how)

    def anonymous(self, length: int, **how: Any) -> Any:
        return mmap.mmap(-1, length, **how)

    def bad_descriptor(self) -> None:
        mmap.mmap(-2, 4096)

    def content(self, f: Any) -> bytes:
        return self.path.read_bytes()


class Simulated:
    """A machine and files of its own."""

    def __init__(self) -> None:
        self.m = Machine(frames=256)
        self.p = self.m.spawn("p")

    def file(self, data: bytes = b"", size: int | None = None) -> Any:
        return self.m.create("file", len(data) if size is None else size, data)

    def write_tail(self, f: Any, offset: int, data: bytes) -> None:
        f.pwrite(data, offset)

    def map(self, f: Any, length: int = 0, **how: Any) -> Any:
        if not how.keys() & {"access", "prot", "flags"}:
            how["flags"] = Map.SHARED  # what mmap.mmap does where it is told nothing
        return self.p.mmap(length or None, file=f, **how)

    def anonymous(self, length: int, **how: Any) -> Any:
        return self.p.mmap(length, **({"flags": Map.SHARED} | how))

    def bad_descriptor(self) -> None:
        self.p.sys.mmap(0, 4096, 3, 1, -2, 0)

    def content(self, f: Any) -> bytes:
        """What is on the disk of the simulated machine."""
        device = self.m.device(f.object)
        return device.read(0, device.size())


@pytest.fixture(params=["mmap.mmap", "Mapping"])
def make(request, tmp_path):
    if request.param == "mmap.mmap":
        yield Host(tmp_path)
    else:
        made = Simulated()
        yield made
        assert made.m.check() == []


def raised(call: Callable[[], object]) -> type[BaseException] | None:
    try:
        call()
    except Exception as error:
        return type(error)
    return None


def test_basic(make):
    f = make.file(bytes(PAGE) + b"foo" + bytes(PAGE - 3))
    m = make.map(f, 2 * PAGE)
    assert (m.find(b"foo"), len(m), m[0], m[0:3]) == (PAGE, 2 * PAGE, 0, bytes(3))
    assert raised(lambda: m[len(m)]) is IndexError
    assert raised(lambda: m.__setitem__(len(m), 0)) is IndexError
    m[0] = ord("3")
    m[PAGE + 3 : PAGE + 6] = b"bar"
    assert (m[0], m[0:3], m[PAGE - 1 : PAGE + 7]) == (ord("3"), b"3\0\0", b"\0foobar\0")
    m.flush()
    assert make.content(f) == bytes(m) == m[:]
    m.seek(0, 0)
    assert m.tell() == 0
    m.seek(42, 1)
    assert m.tell() == 42
    m.seek(0, 2)
    assert m.tell() == len(m)
    for wrong in ((-1,), (1, 2), (-len(m) - 1, 2)):
        assert raised(lambda wrong=wrong: m.seek(*wrong)) is ValueError
    m.resize(512)
    assert (len(m), m.size(), len(make.content(f))) == (512, 512, 512)
    assert raised(lambda: m.seek(513, 0)) is ValueError
    m.close()


def test_access_parameter(make):
    f = make.file(b"a" * 10)
    m = make.map(f, 10, access=mmap.ACCESS_READ)
    assert m[:] == b"a" * 10
    for change in (
        lambda: m.__setitem__(slice(None), b"b" * 10),
        lambda: m.__setitem__(0, ord("b")),
        lambda: m.write(b"abc"),
        lambda: m.write_byte(ord("d")),
        lambda: m.move(0, 1, 2),
        lambda: m.resize(20),
    ):
        assert raised(change) is TypeError
    assert make.content(f) == b"a" * 10
    m = make.map(f, 10, access=mmap.ACCESS_WRITE)
    m[:] = b"c" * 10
    assert m[:] == b"c" * 10
    m.flush()
    m.close()
    assert make.content(f) == b"c" * 10
    m = make.map(f, 10, access=mmap.ACCESS_COPY)
    m[:] = b"d" * 10
    m.flush()
    assert (m[:], make.content(f)) == (b"d" * 10, b"c" * 10)
    assert raised(lambda: m.resize(20)) is TypeError
    assert raised(lambda: make.map(f, 10, access=4)) is ValueError
    both = {"flags": mmap.MAP_PRIVATE, "prot": mmap.PROT_READ, "access": mmap.ACCESS_WRITE}
    assert raised(lambda: make.map(f, 10, **both)) is ValueError


def test_bad_file_desc(make):
    assert raised(make.bad_descriptor) is OSError


def test_tougher_find(make):
    data = b"aabaac\x00deef\x00\x00aa\x00"
    m = make.map(make.file(data))
    for start, stop in itertools.combinations(range(len(data) + 1), 2):
        part = data[start:stop]
        assert (m.find(part), m.find(part + b"x")) == (data.find(part), -1)


def test_find_end(make):
    data = b"one two ones"
    m = make.map(make.file(data))
    for args in ((), (0, -1), (1,), (1, -1), (1, -2)):
        assert m.find(b"one", *args) == data.find(b"one", *args)
    assert (m.find(b"ones"), m.find(bytearray(b"one"))) == (8, 0)
    n = len(data)
    for i, j in itertools.product(range(-n - 1, n + 1, 2), range(-n - 1, n + 1)):
        for part in (b"o", b"on", b"two", b"ones", b"s"):
            assert m.find(part, i, j) == data.find(part, i, j), (part, i, j)


def test_find_does_not_access_beyond_buffer(make):
    private = Map.PRIVATE | Map.ANONYMOUS
    for pages in (1, 2, 3, 17):  # the second mapping lies right below the first, where nothing may be touched
        make.anonymous(pages * PAGE, flags=private, prot=Prot.NONE)
        m = make.anonymous(2 * pages * PAGE, flags=private, prot=Prot.READ)
        assert m.find(b"fo", -2) == m.rfind(b"fo", -2) == -1


def test_rfind(make):
    data = b"one two ones"
    m = make.map(make.file(data))
    for part, *args in ((b"one",), (b"one ",), (b"one", 0, -1), (b"one", 0, -2), (b"one", 1, -1), (b"one", 1, -2)):
        assert m.rfind(part, *args) == data.rfind(part, *args)
    assert m.rfind(bytearray(b"one")) == 8


def test_double_close(make):
    m = make.map(make.file(bytes(1 << 16)), 1 << 16, access=mmap.ACCESS_READ)
    m.close()
    m.close()


def test_entire_file(make):
    with make.map(make.file(b"m" * (1 << 16))) as m:
        assert (len(m), m.read(1 << 16)) == (1 << 16, b"m" * (1 << 16))


def test_length_0_offset(make):
    with make.map(make.file(b"m" * (2 << 16)), offset=1 << 16, access=mmap.ACCESS_READ) as m:
        assert len(m) == 1 << 16
        assert raised(lambda: m[80000]) is IndexError


def test_length_0_large_offset(make):
    f = make.file(b"m" * 115_699)
    assert raised(lambda: make.map(f, offset=2_147_418_112)) is ValueError


def test_move(make):
    m = make.map(make.file(b"ABCDEabcde"), 10)
    m.move(5, 0, 5)
    assert m[:] == b"ABCDEABCDE"
    data = b"0123456789"
    m = make.anonymous(10)
    for to, start in itertools.product(range(10), repeat=2):
        for n in range(10 - max(to, start)):
            m[:] = data
            m.move(to, start, n)
            assert m[:] == data[:to] + data[start : start + n] + data[to + n :]
    m = make.anonymous(100)
    for where in itertools.product((-100, -1, 0, 1, 100), repeat=3):
        with suppress(ValueError):
            m.move(*where)
    for where in itertools.product((-1, 0), repeat=3):
        assert raised(lambda where=where: m.move(*where)) is (ValueError if -1 in where else None)
    m = make.anonymous(1)
    for where in ((0, 0, 2), (1, 0, 1), (0, 1, 1)):
        assert raised(lambda where=where: m.move(*where)) is ValueError
    m.move(0, 0, 1)
    m.move(0, 0, 0)


def test_anonymous(make):
    m = make.anonymous(PAGE)
    assert m[:] == bytes(PAGE)
    for x in range(0, PAGE, 7):
        m[x] = x & 0xFF
        assert m[x] == x & 0xFF


def test_read_all(make):
    m = make.anonymous(16)
    m.write(bytes(range(16)))
    for position, args in ((0, ()), (8, ()), (16, ()), (3, (None,)), (4, (-1,)), (5, (-2,)), (9, (-42,))):
        m.seek(position)
        assert m.read(*args) == bytes(range(position, 16))


def test_read_invalid_arg(make):
    m = make.anonymous(16)
    for wrong in ("foo", 5.5, [1, 2, 3]):
        assert raised(lambda wrong=wrong: m.read(wrong)) is TypeError


INDICES = (0, None, 1, 3, 19, 300, sys.maxsize, -1, -2, -31, -300)


def slices():
    """Every third of the slices of these indices, the steps among them."""
    return itertools.islice((slice(*s) for s in itertools.product(INDICES, INDICES, INDICES[1:])), 0, None, 3)


def test_extended_getslice(make):
    data = bytes(reversed(range(256)))
    m = make.anonymous(256)
    m[:] = data
    for s in slices():
        assert m[s] == data[s], s


def test_extended_set_del_slice(make):
    data = bytes(reversed(range(256)))
    m = make.anonymous(256)
    for s in slices():
        m[:] = data
        expected = bytearray(data)
        expected[s] = m[s] = bytes(reversed(data[s]))
        assert m[:] == expected, s
    assert raised(lambda: m.__setitem__(slice(0, 3), b"four")) is IndexError
    assert raised(lambda: exec_del(m, 0)) is TypeError
    assert raised(lambda: exec_del(m, slice(0, 3))) is TypeError


def exec_del(m: Any, i: Any) -> None:
    del m[i]


def test_empty_file(make):
    f = make.file()
    with pytest.raises(ValueError, match="cannot mmap an empty file"):
        make.map(f, access=mmap.ACCESS_READ)


def test_offset(make):
    half = mmap.ALLOCATIONGRANULARITY
    f = make.file(bytes(half) + b"foo" + bytes(half - 3))
    for offset in (-2, -1, None):
        assert raised(lambda offset=offset: make.map(f, 2 * half, offset=offset)) in (
            ValueError,
            TypeError,
            OverflowError,
        )
    assert raised(lambda: make.map(f, half, offset=1)) is OSError
    m = make.map(f, half, offset=half)
    assert m[0:3] == b"foo"
    m.resize(512)
    assert (len(m), m[0:3]) == (512, b"foo")
    assert raised(lambda: m.seek(513, 0)) is ValueError
    assert (m.size(), len(make.content(f))) == (half + 512, half + 512)
    m.resize(half + PAGE)
    assert (m.size(), m[0:3], m[half + PAGE - 1]) == (2 * half + PAGE, b"foo", 0)


def test_io_methods(make):
    data = b"0123456789"
    m = make.map(make.file(b"x" * 10), 10)
    for i, byte in enumerate(data):
        assert m.tell() == i
        m.write_byte(byte)
        assert m.tell() == i + 1
    assert raised(lambda: m.write_byte(120)) is ValueError
    assert m[:] == data
    m.seek(0)
    for i, byte in enumerate(data):
        assert (m.tell(), m.read_byte(), m.tell()) == (i, byte, i + 1)
    assert raised(m.read_byte) is ValueError
    m.seek(3)
    assert (m.read(3), m.tell()) == (b"345", 6)
    m.seek(3)
    m.write(b"bar")
    assert (m.tell(), m[:]) == (6, b"012bar6789")
    m.write(bytearray(b"baz"))
    assert (m.tell(), m[:]) == (9, b"012barbaz9")
    assert raised(lambda: m.write(b"ba")) is ValueError


def test_non_ascii_byte(make):
    m = make.anonymous(1)
    for byte in (129, 200, 255):
        m.seek(0)
        m.write_byte(byte)
        m.seek(0)
        assert m[0] == m.read_byte() == byte


def test_context_manager(make):
    with make.anonymous(10) as m:
        assert not m.closed
    assert m.closed
    assert raised(m.__enter__) is ValueError


def test_context_manager_exception(make):
    with pytest.raises(OSError, match="of the block"), make.anonymous(10) as m:
        raise OSError("of the block")
    assert m.closed


def test_weakref(make):
    m = make.anonymous(16)
    seen = weakref.ref(m)
    assert seen() is m
    del m
    assert seen() is None


def test_write_returning_the_number_of_bytes_written(make):
    m = make.anonymous(16)
    assert [m.write(data) for data in (b"", b"x", b"yz", b"python")] == [0, 1, 2, 6]


def test_resize_past_pos(make):
    m = make.anonymous(8192)
    m.read(5000)
    m.resize(4096)
    assert m.read(14) == b""
    for call in (m.read_byte, lambda: m.write_byte(42), lambda: m.write(b"abc")):
        assert raised(call) is ValueError


def test_concat_repeat_exception(make):
    m = make.anonymous(16)
    assert raised(lambda: m + m) is TypeError
    assert raised(lambda: m * 2) is TypeError


def test_flush_return_value(make):
    m = make.anonymous(16)
    m.write(b"python")
    assert m.flush() is None
    assert raised(lambda: m.flush(1, 6)) is OSError  # no page begins there
    for wrong in ((-1,), (0, 17), (8, 9), (0, -1)):
        assert raised(lambda wrong=wrong: m.flush(*wrong)) is ValueError


def test_repr(make):
    m = make.anonymous(50)
    assert "closed" not in repr(m).replace("closed=False", "")
    m.close()
    assert "closed" in repr(m)


def test_madvise(make):
    m = make.anonymous(2 * PAGE)
    normal = mmap.MADV_NORMAL
    for words, error, *args in (
        ("madvise start out of bounds", ValueError, 2 * PAGE),
        ("madvise start out of bounds", ValueError, -1),
        ("madvise length invalid", ValueError, 0, -1),
        ("madvise length too large", OverflowError, PAGE, sys.maxsize),
    ):
        with pytest.raises(error, match=words):
            m.madvise(normal, *args)
    for args in ((), (PAGE,), (PAGE, 2 * PAGE), (0, 2), (0, 2 * PAGE)):
        assert m.madvise(normal, *args) is None


@pytest.mark.parametrize("access", [mmap.ACCESS_DEFAULT, mmap.ACCESS_READ, mmap.ACCESS_WRITE, mmap.ACCESS_COPY])
def test_mmap_closed_by_int_scenarios(make, access):
    """An index that closes the mapping while it is asked for its number."""
    m: Any = None

    class Closing:
        def __index__(self) -> int:
            m.close()
            return 10

    reads = (
        lambda c: m[c],
        lambda c: m[c:20],
        lambda c: m[c:20:2],
        lambda c: m[20:c:-2],
        lambda c: m.read(c),
        lambda c: m.find(b"1", 1, c),
        lambda c: m.rfind(b"1", 1, c),
    )
    writes = (
        lambda c: m.__setitem__(slice(c, 20), b"1" * 10),
        lambda c: m.__setitem__(slice(c, 20, 2), b"1" * 5),
        lambda c: m.__setitem__(slice(20, c, -2), b"1" * 5),
        lambda c: m.move(1, 2, c),
        lambda c: m.write_byte(c),
    )
    known = isinstance(make, Simulated) or sys.version_info >= (3, 12)  # older ones crash
    for call in (*reads, *(writes if access != mmap.ACCESS_READ else ())) if known else ():
        m = make.map(make.file(random.Random(3).randbytes(100)), 100, access=access)
        with pytest.raises(ValueError, match=CLOSED):
            call(Closing())


def test_large_offset(make):
    f = make.file(size=0x15000_0000)
    make.write_tail(f, 0x14FFF_FFFF, b" ")
    with make.map(f, offset=0x14000_0000, access=mmap.ACCESS_READ) as m:
        assert m[0xFFF_FFFF] == 32


def test_large_filesize(make):
    with make.map(make.file(size=0x18000_0000), 0x10000, access=mmap.ACCESS_READ) as m:
        assert m.size() == 0x18000_0000


def around_boundary(make: Any, boundary: int) -> None:
    tail = b"  DEARdear  "
    start = boundary - len(tail) // 2
    f = make.file(size=start + len(tail))
    make.write_tail(f, start, tail)
    with make.map(f, access=mmap.ACCESS_READ) as m:
        assert m[start : start + len(tail)] == tail


def test_around_2gb(make):
    around_boundary(make, 2 << 30)


def test_around_4gb(make):
    around_boundary(make, 4 << 30)


# -- what no case of CPython's asks ------------------------------------------------------------------------------------


def test_after_close(make):
    m = make.anonymous(16)
    m.close()
    calls = [getattr(m, n) for n in ("read", "read_byte", "readline", "tell", "size", "flush", "__len__")]
    calls += [
        lambda: m[0],
        lambda: m[0:2],
        lambda: m.write(b"x"),
        lambda: m.resize(4),
        lambda: list(m),
        lambda: m.seek(0),
    ]
    calls += [lambda: m.find(b""), lambda: m.move(0, 0, 1), lambda: m.madvise(0), lambda: m.__setitem__(0, 1)]
    for call in calls:
        with pytest.raises(ValueError, match=CLOSED):
            call()


def test_iteration(make):
    m = make.anonymous(5)
    m[:] = b"abcde"
    assert list(m) == [b"a", b"b", b"c", b"d", b"e"]
    assert list(reversed(m)) == [b"e", b"d", b"c", b"b", b"a"]
    assert (b"c" in m, b"z" in m, 99 in m, b"bc" in m) == (True, False, False, False)
    assert raised(m.size) is OSError


WRONG = {  # (call): the same class, and the sentence begins with Python's words
    "index": lambda m: m[99],
    "index before": lambda m: m[-17],
    "index of a wrong type": lambda m: m["a"],
    "value": lambda m: m.__setitem__(0, 256),
    "value below": lambda m: m.__setitem__(0, -1),
    "value of a wrong type": lambda m: m.__setitem__(0, b"a"),
    "slice": lambda m: m.__setitem__(slice(0, 2), b"a"),
    "slice from an int": lambda m: m.__setitem__(slice(0, 2), 5),
    "slice from a str": lambda m: m.__setitem__(slice(0, 2), "ab"),
    "step": lambda m: m[::0],
    "seek": lambda m: m.seek(99),
    "whence": lambda m: m.seek(0, 9),
    "write": lambda m: (m.seek(16), m.write(b"a")),
    "write an int": lambda m: m.write(5),
    "write a str": lambda m: m.write("a"),
    "write_byte": lambda m: (m.seek(16), m.write_byte(1)),
    "read_byte": lambda m: (m.seek(16), m.read_byte()),
    "find a str": lambda m: m.find("a"),
    "move": lambda m: m.move(0, 10, 10),
    "flush": lambda m: m.flush(0, 99),
    "resize": lambda m: m.resize(-1),
}
UNLIKE = {  # as above, only the class is the same: Python's words say nothing of mmap
    "a large byte": lambda m: m.write_byte(256),
    "no byte": lambda m: m.write_byte(b"a"),
    "a float to seek to": lambda m: m.seek(1.5),
    "a float to move": lambda m: m.move(1.5, 0, 1),
    "no size": lambda m: m.resize(0),
    "no advice": lambda m: m.madvise(1212),
}


@pytest.mark.parametrize("what", WRONG | UNLIKE)
def test_errors_are_pythons(tmp_path, what):
    act = (WRONG | UNLIKE)[what]
    errors = []
    for made in (Host(tmp_path), Simulated()):
        with pytest.raises((ValueError, TypeError, IndexError, OverflowError, OSError)) as caught:
            act(made.anonymous(16))
        errors.append(caught.value)
    real, ours = errors
    assert type(ours) is type(real)
    if what in WRONG:
        assert str(ours).startswith(str(real))


def test_an_undo_opens_it_again():
    made = Simulated()
    m = made.anonymous(16)
    m[0] = 65
    m.close()
    assert m.closed
    made.m.undo()
    assert not m.closed
    made.m.redo()
    assert m.closed
    made.m.undo()
    assert (m[0], m.closed) == (65, False)


def test_resize_without_a_file_to_write():
    made = Simulated()
    f = made.file(b"abc")
    private = made.map(f, flags=Map.PRIVATE)
    private.resize(PAGE + 1)
    assert (len(private), private.size()) == (PAGE + 1, 3)
    shared = made.map(f)
    f.close()
    assert raised(lambda: shared.resize(PAGE + 1)) is OSError
    assert (len(shared), shared.size()) == (3, 3)


def test_every_case_is_here_or_left_out():
    here = {name for name in globals() if name.startswith("test_")}
    assert not LEFT_OUT.keys() & here
    assert PARTLY.keys() <= here
