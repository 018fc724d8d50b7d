"""A range of a process's memory as users hold it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .core import vma
from .core.state import NONE, Access, Kind
from .errors import fail

if TYPE_CHECKING:
    from .history import Step
    from .process import Process

ACCESS_DEFAULT, ACCESS_READ, ACCESS_WRITE, ACCESS_COPY = range(4)  # of mmap.mmap, with Python's numbers


class Mapping:
    """Memory of a process, as `p.mmap` gives it: index and slice it, and every byte goes through the MMU and may fault.

    Behaves as Python's mmap.mmap, its sentences too, where that does not hide a fault: a store through a mapping made with
    prot=Prot.READ is a SegmentationFault here, a TypeError there (and here, where it was made with access=). It names addresses:
    after munmap an access is a SegmentationFault, after its own close() a ValueError.
    """

    def __init__(self, process: "Process", addr: int, length: int, access: int = ACCESS_DEFAULT) -> None:
        self.process = process
        self.addr = addr
        self.length = length
        self._access = access
        self._position = 0
        self._closing: Step | None = None  # the step that closed it, to know whether that was undone
        self._closed = False

    def __repr__(self) -> str:
        if self.closed:
            return f"Mapping({self.process.name}, {self.addr:#x}, closed)"
        return f"Mapping({self.process.name}, {self.addr:#x}, {self.length} bytes)"

    def __len__(self) -> int:
        self._must_be_open()
        return self.length

    def __int__(self) -> int:
        return self.addr

    def __bytes__(self) -> bytes:
        return bytes(self[:])

    def __iter__(self) -> Iterator[bytes]:
        """Its bytes, each as bytes of length 1, which is what mmap.mmap gives."""
        i = 0
        while i < len(self):
            yield self._load(i, 1)
            i += 1

    def __reversed__(self) -> Iterator[bytes]:
        return (self._load(i, 1) for i in range(len(self) - 1, -1, -1))

    @property
    def pages(self) -> range:
        """The addresses of its pages."""
        size = self.process.machine.page_size
        return range(self.addr // size * size, self.addr + self.length, size)

    @property
    def closed(self) -> bool:
        """Was it closed? An undo of the close opens it again."""
        return self._closed and not (self._closing and self.process.machine.history.undone(self._closing))

    def _must_be_open(self) -> None:
        if self.closed:
            raise ValueError("mmap closed or invalid")

    def _load(self, i: int, n: int) -> bytes:
        self._must_be_open()
        return self.process.load(self.addr + i, n)

    def _store(self, i: int, data: bytes) -> None:
        self._must_be_writable()
        self._must_be_open()
        self.process.store(self.addr + i, data)

    def _must_be_writable(self) -> None:
        if self._access == ACCESS_READ:
            raise TypeError("mmap can't modify a readonly memory map")

    def _index(self, i: Any) -> int:
        self._must_be_open()
        if isinstance(i, bool) or not hasattr(i, "__index__"):
            raise TypeError(f"mmap indices must be integers or slices, not {type(i).__name__}")
        n = i.__index__()
        if not -self.length <= n < self.length:
            raise IndexError(f"mmap index out of range: {n} of {self.length} bytes")
        return int(n % self.length)

    def __getitem__(self, i: Any) -> Any:
        """One byte as an int, or the bytes of a slice."""
        if not isinstance(i, slice):
            return self._load(self._index(i), 1)[0]
        start, stop, step = i.indices(len(self))
        if step == 1:
            return self._load(start, max(0, stop - start))
        self._must_be_open()
        return b"".join(self._load(k, 1) for k in range(start, stop, step))

    def __setitem__(self, i: Any, value: Any) -> None:
        """Store an int of 0..255 at an index, or bytes over a slice of their length."""
        self._must_be_writable()
        if not isinstance(i, slice):
            at = self._index(i)
            if not hasattr(value, "__index__"):
                raise TypeError(f"mmap item value must be an int of 0..255, not {value!r}")
            if not 0 <= value.__index__() <= 255:
                raise ValueError(f"mmap item value must be in range(0, 256), not {value!r}")
            self._store(at, bytes([value]))
            return
        start, stop, step = i.indices(len(self))
        places = range(start, stop, step)
        data = _bytes(value)
        if len(data) != len(places):
            raise IndexError(f"mmap slice assignment is wrong size: {len(places)} bytes from {len(data)}")
        if step == 1:
            self._store(start, data)
        else:
            for k, byte in zip(places, data, strict=True):
                self._store(k, bytes([byte]))

    def __delitem__(self, i: Any) -> None:
        raise TypeError("mmap doesn't support item deletion")

    def touch(self, write: bool = False) -> Any:
        """Refer to the first byte of every page; what it cost (Run)."""
        import numpy as np

        return self.process.access(np.array(self.pages, np.int64), write)

    def flush(self, offset: int = 0, size: int | None = None) -> None:
        """Write the changes of a range, which begins with a page, to the file (msync). ValueError if it is not in the mapping.

        Nothing where access= says that nothing can have changed in the file: ACCESS_READ, ACCESS_COPY.
        """
        size = len(self) - offset if size is None else size
        if min(offset, size) < 0 or offset + size > self.length:
            raise ValueError(f"flush values out of range: {size} bytes from {offset} of {self.length}")
        if self._access not in (ACCESS_READ, ACCESS_COPY):
            self.process.msync(self.addr + offset, size)

    def madvise(self, option: int, start: int = 0, length: int | None = None) -> None:
        """Give an advice on `length` bytes from index `start` on, at most to the end (madvise; Advice).

        >>> from vmlab import Advice, Machine
        >>> heap = Machine(frames=8).spawn("p").mmap(8192)
        >>> heap.madvise(Advice.POPULATE_WRITE, 4096)
        >>> heap.mincore().tolist()
        [False, True]
        """
        if not 0 <= start < len(self):
            raise ValueError(f"madvise start out of bounds: {start} of {self.length} bytes")
        if length is not None and length < 0:
            raise ValueError(f"madvise length invalid: {length}")
        if length is not None and start + length >= 1 << 63:
            raise OverflowError(f"madvise length too large: {length}")
        left = self.length - start
        self.process.madvise(self.addr + start, left if length is None else min(length, left), option)

    def mincore(self) -> Any:
        """Which of its pages are in memory: a bool array (mincore)."""
        return self.process.mincore(self)

    def lock(self, onfault: bool = False) -> None:
        """Bring its pages into memory and hold them there (mlock)."""
        self.process.mlock(self, onfault=onfault)

    def unlock(self) -> None:
        """Let its pages go again (munlock)."""
        self.process.munlock(self)

    def resize(self, length: int) -> None:
        """Make it `length` bytes long, elsewhere if it cannot stay: .addr says where (mremap).

        A file that it shares becomes as long as the mapping reaches, as mmap.mmap does: some open file must be able to write
        it, or it is EINVAL. A private mapping leaves its file alone; what lies past the end of that is SIGBUS. TypeError where
        access= is ACCESS_READ or ACCESS_COPY.
        """
        self._must_be_open()
        if self._access in (ACCESS_READ, ACCESS_COPY):
            raise TypeError("mmap can't resize a readonly or copy-on-write memory map")
        if length < 0:
            raise ValueError(f"new size out of range: {length}")
        m, area = self.process.machine, self._area()
        obj = area.object if area is not None and area.shared else NONE
        fd = self._writer(obj) if obj in m.kernel.devices else NONE
        moved = self.process.mremap(self, length)
        self.addr, self.length = moved.addr, moved.length
        if area is not None and fd != NONE:
            first = area.pgoff * m.page_size + self.addr % m.page_size
            m.change("truncate", fd=fd, nbytes=first + length)

    def _area(self) -> vma.Vma | None:
        """The part of a VMA at which it begins."""
        s, row = self.process.machine.state, self.process.row
        vpn = self.addr // self.process.machine.page_size
        i = vma.at(s, row, vpn)
        if i == NONE:
            return None
        v = vma.rows(s, i, i + 1)[0]
        return vma.part(v, v.first + vpn - v.vpn, v.stop)

    def _writer(self, obj: int) -> int:
        """An open file that may write the object. EINVAL, as ftruncate(2) says, if there is none."""
        files = self.process.machine.state.files
        may = (files["used"] != 0) & (files["object"] == obj) & (files["mode"] & int(Access.WRITE) != 0)
        if not may.any():
            raise fail("EINVAL", f"{self.process.machine.kernel.file_name(obj)} is not open for writing")
        return int(may.argmax())

    def close(self) -> None:
        """Unmap it. Twice is once."""
        if not self.closed:
            h = self.process.machine.history
            self.process.munmap(self.addr, self.length)
            self._closed, self._closing = True, h[h.now] if h.on else None

    def __enter__(self) -> "Mapping":
        self._must_be_open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- as a file -------------------------------------------------------------------------------------------------------

    def size(self) -> int:
        """The length of its file in bytes; EBADF if there is none. The mapping's own is len()."""
        self._must_be_open()
        s, area = self.process.machine.state, self._area()
        if area is None or area.object == NONE or s.objects["kind"][area.object] != Kind.FILE:
            raise fail("EBADF", f"no file is mapped at {self.addr:#x}: len() gives the length of the mapping")
        return int(s.objects["length"][area.object])

    def tell(self) -> int:
        """The position of the next read or write."""
        self._must_be_open()
        return self._position

    def seekable(self) -> bool:
        """True: the position can be set."""
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        """Set the position, and return it: from the start (0), from where it is (1), from the end (2)."""
        base = {0: 0, 1: self._position, 2: len(self)}.get(whence)
        if base is None:
            raise ValueError(f"unknown seek type: whence must be 0, 1 or 2, not {whence!r}")
        position = base + _index("offset", offset)
        if not 0 <= position <= self.length:
            raise ValueError(f"seek out of range: {position} of {self.length} bytes")
        self._position = position
        return position

    def read(self, n: int | None = None) -> bytes:
        """At most n bytes from the position on; all that follow if n is None or negative."""
        n = -1 if n is None else _index("argument should be integer or None:", n)
        left = max(0, len(self) - self._position)
        data = self._load(self._position, left if n < 0 else min(n, left))
        self._position += len(data)
        return data

    def read_byte(self) -> int:
        """The byte at the position. ValueError at the end."""
        if self._position >= len(self):
            raise ValueError(f"read byte out of range: position {self._position} is the end of the mapping")
        return self.read(1)[0]

    def readline(self) -> bytes:
        """The bytes from the position to the end of the line, the newline with them; to the end if there is none."""
        end = self.find(b"\n")
        return self.read(None if end < 0 else end + 1 - self._position)

    def write(self, data: bytes) -> int:
        """Store bytes at the position; how many. ValueError if they do not fit."""
        data = _bytes(data)
        self._must_be_writable()
        if len(data) > (left := len(self) - self._position):
            raise ValueError(f"data out of range: {len(data)} bytes after position {self._position}, {left} fit")
        self._store(self._position, data)
        self._position += len(data)
        return len(data)

    def write_byte(self, byte: int) -> None:
        """Store an int of 0..255 at the position. ValueError at the end."""
        byte = _index("byte", byte)
        if not 0 <= byte <= 255:
            raise OverflowError(f"a byte is an int of 0..255, not {byte}")
        self._must_be_writable()
        if self._position >= len(self):
            raise ValueError(f"write byte out of range: position {self._position} is the end of the mapping")
        self.write(bytes([byte]))

    def move(self, to: int, start: int, n: int) -> None:
        """Copy n bytes from index `start` to index `to`, as if all were read first. ValueError if they do not fit."""
        to, start, n = _index("to", to), _index("start", start), _index("n", n)
        self._must_be_writable()
        if min(to, start, n) < 0 or max(to, start) + n > len(self):
            raise ValueError(f"source, destination, or count out of range: {n} bytes from {start} to {to}")
        self._store(to, self._load(start, n))

    def find(self, sub: bytes, start: int | None = None, stop: int | None = None) -> int:
        """The first index from `start` (None: the position) to `stop` at which `sub` stands, or -1; no page further than that."""
        first, last, sub = self._within(sub, start, stop)
        if not sub:
            return first if first <= last else -1
        seen = b""
        for at, n in self._pieces(first, last):
            seen += self._load(at, n)
            where = seen.find(sub)
            if where >= 0:
                return at + n - len(seen) + where
            seen = seen[len(seen) - len(sub) + 1 :] if len(seen) >= len(sub) else seen
        return -1

    def rfind(self, sub: bytes, start: int | None = None, stop: int | None = None) -> int:
        """The last index from `start` (None: the position) to `stop` at which `sub` stands, or -1; no page before that."""
        first, last, sub = self._within(sub, start, stop)
        if not sub:
            return last if first <= last else -1
        seen = b""
        for at, n in reversed(self._pieces(first, last)):
            seen = self._load(at, n) + seen
            where = seen.rfind(sub)
            if where >= 0:
                return at + where
            seen = seen[: len(sub) - 1]
        return -1

    def _within(self, sub: Any, start: int | None, stop: int | None) -> tuple[int, int, bytes]:
        """Where a search begins and ends, and for what."""
        sub = _bytes(sub)
        first, last, _ = slice(self._position if start is None else start, stop).indices(len(self))
        self._must_be_open()  # the indices may have closed it
        return first, last, sub

    def _pieces(self, first: int, last: int) -> list[tuple[int, int]]:
        """(index, bytes) of the parts of a range, one a page."""
        size, pieces = self.process.machine.page_size, []
        while first < last:
            n = min(size - (self.addr + first) % size, last - first)
            pieces.append((first, n))
            first += n
        return pieces


def _bytes(data: Any) -> bytes:
    """The bytes of a bytes-like object. TypeError for others, an int too, of which bytes() would make so many zeros."""
    if isinstance(data, Mapping):
        return bytes(data)
    try:
        return memoryview(data).tobytes()
    except TypeError:
        raise TypeError(f"a bytes-like object is required, not '{type(data).__name__}'") from None


def _index(what: str, n: Any) -> int:
    """A whole number. TypeError."""
    if isinstance(n, bool) or not hasattr(n, "__index__"):
        raise TypeError(f"{what} must be an int, not '{type(n).__name__}'")
    return int(n.__index__())
