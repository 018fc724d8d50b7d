"""A range of a process's memory as users hold it."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .process import Process


class Mapping:
    """Memory of a process, as `p.mmap` gives it: index and slice it, and every byte goes through the MMU and may fault.

    Behaves as Python's mmap.mmap where that does not hide a fault: a store through a read-only mapping is a
    SegmentationFault here, a TypeError there. It names addresses: after munmap an access is a SegmentationFault.
    """

    def __init__(self, process: "Process", addr: int, length: int) -> None:
        self.process = process
        self.addr = addr
        self.length = length
        self._position = 0

    def __repr__(self) -> str:
        return f"Mapping({self.process.name}, {self.addr:#x}, {self.length} bytes)"

    def __len__(self) -> int:
        return self.length

    def __int__(self) -> int:
        return self.addr

    @property
    def pages(self) -> range:
        """The addresses of its pages."""
        size = self.process.machine.page_size
        return range(self.addr // size * size, self.addr + self.length, size)

    def _index(self, i: Any) -> int:
        if isinstance(i, bool) or not hasattr(i, "__index__"):
            raise TypeError(f"an index into a mapping is an int or a slice, not {type(i).__name__}")
        n = int(i)
        if not -self.length <= n < self.length:
            raise IndexError(f"index {n} is outside of the mapping's {self.length} bytes")
        return n % self.length

    def __getitem__(self, i: Any) -> Any:
        """One byte as an int, or the bytes of a slice."""
        if not isinstance(i, slice):
            return self.process.load(self.addr + self._index(i), 1)[0]
        start, stop, step = i.indices(self.length)
        if step == 1:
            return self.process.load(self.addr + start, max(0, stop - start))
        return bytes(self.process.load(self.addr + k, 1)[0] for k in range(start, stop, step))

    def __setitem__(self, i: Any, value: Any) -> None:
        """Store an int of 0..255 at an index, or bytes over a slice of their length."""
        if not isinstance(i, slice):
            if not hasattr(value, "__index__"):
                raise TypeError(f"a byte is an int of 0..255, not {value!r}")
            if not 0 <= int(value) <= 255:
                raise ValueError(f"a byte is an int of 0..255, not {value!r}")
            self.process.store(self.addr + self._index(i), bytes([value]))
            return
        start, stop, step = i.indices(self.length)
        places = range(start, stop, step)
        data = bytes(value)
        if len(data) != len(places):
            raise IndexError(f"the slice has {len(places)} bytes, the value {len(data)}")
        if step == 1:
            self.process.store(self.addr + start, data)
        else:
            for k, byte in zip(places, data, strict=True):
                self.process.store(self.addr + k, bytes([byte]))

    def touch(self, write: bool = False) -> Any:
        """Refer to the first byte of every page; what it cost (Run)."""
        import numpy as np

        return self.process.access(np.array(self.pages, np.int64), write)

    def flush(self, offset: int = 0, size: int | None = None) -> None:
        """Write the changes of a range to the file (msync). ValueError if the range is not within the mapping."""
        size = self.length - offset if size is None else size
        if min(offset, size) < 0 or offset + size > self.length:
            raise ValueError(f"{size} bytes from {offset} on are not within the mapping's {self.length} bytes")
        self.process.msync(self.addr + offset, size)

    def madvise(self, option: int, start: int = 0, length: int | None = None) -> None:
        """Give an advice on `length` bytes from index `start` on, at most to the end (madvise; Advice).

        >>> from vmlab import Advice, Machine
        >>> heap = Machine(frames=8).spawn("p").mmap(8192)
        >>> heap.madvise(Advice.POPULATE_WRITE, 4096)
        >>> heap.mincore().tolist()
        [False, True]
        """
        if not 0 <= start < self.length:
            raise ValueError(f"start {start} is outside of the mapping's {self.length} bytes")
        if length is not None and length < 0:
            raise ValueError(f"length must be 0 or more, not {length}")
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

        A file stays as long as it is, and what lies past its end is SIGBUS: `file.truncate` makes it longer. (mmap.mmap does
        both; a mapping here knows no descriptor.)
        """
        moved = self.process.mremap(self, length)
        self.addr, self.length = moved.addr, moved.length

    def close(self) -> None:
        """Unmap it."""
        self.process.munmap(self.addr, self.length)

    def __enter__(self) -> "Mapping":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- as a file -------------------------------------------------------------------------------------------------------

    def size(self) -> int:
        """Its length in bytes. (mmap.mmap gives the length of the file.)"""
        return self.length

    def tell(self) -> int:
        """The position of the next read or write."""
        return self._position

    def seek(self, offset: int, whence: int = 0) -> int:
        """Set the position, and return it: from the start (0), from where it is (1), from the end (2)."""
        base = {0: 0, 1: self._position, 2: self.length}.get(whence)
        if base is None:
            raise ValueError(f"whence must be 0, 1 or 2, not {whence!r}")
        if not 0 <= base + offset <= self.length:
            raise ValueError(f"position {base + offset} is outside of the mapping's {self.length} bytes")
        self._position = base + offset
        return self._position

    def read(self, n: int | None = None) -> bytes:
        """At most n bytes from the position on; all that follow if n is None or negative."""
        left = max(0, self.length - self._position)
        n = left if n is None or n < 0 else min(n, left)
        data = self.process.load(self.addr + self._position, n)
        self._position += n
        return data

    def read_byte(self) -> int:
        """The byte at the position. ValueError at the end."""
        if self._position >= self.length:
            raise ValueError(f"position {self._position} is the end of the mapping")
        return self.read(1)[0]

    def readline(self) -> bytes:
        """The bytes from the position to the end of the line, the newline with them; to the end if there is none."""
        end = self.find(b"\n")
        return self.read(self.length - self._position if end < 0 else end + 1 - self._position)

    def write(self, data: bytes) -> int:
        """Store bytes at the position; how many. ValueError if they do not fit."""
        data = bytes(data)
        if len(data) > self.length - self._position:
            raise ValueError(
                f"{len(data)} bytes do not fit into the {self.length - self._position} after position {self._position}"
            )
        self.process.store(self.addr + self._position, data)
        self._position += len(data)
        return len(data)

    def write_byte(self, byte: int) -> None:
        """Store an int of 0..255 at the position. ValueError at the end."""
        self.write(bytes([byte]))

    def move(self, to: int, start: int, n: int) -> None:
        """Copy n bytes from index `start` to index `to`, as if all were read first. ValueError if they do not fit."""
        if min(to, start, n) < 0 or max(to, start) + n > self.length:
            raise ValueError(f"{n} bytes from {start} to {to} do not fit into the mapping's {self.length} bytes")
        self.process.store(self.addr + to, self.process.load(self.addr + start, n))

    def find(self, sub: bytes, start: int | None = None, stop: int | None = None) -> int:
        """The first index from `start` (None: the position) to `stop` at which `sub` stands, or -1; no page further than that."""
        first, last, _ = slice(self._position if start is None else start, stop).indices(self.length)
        sub = bytes(sub)
        if not sub:
            return first if first <= last else -1
        seen = b""
        for at, n in self._pieces(first, last):
            seen += self.process.load(self.addr + at, n)
            where = seen.find(sub)
            if where >= 0:
                return at + n - len(seen) + where
            seen = seen[len(seen) - len(sub) + 1 :] if len(seen) >= len(sub) else seen
        return -1

    def rfind(self, sub: bytes, start: int | None = None, stop: int | None = None) -> int:
        """The last index from `start` (None: the position) to `stop` at which `sub` stands, or -1; no page before that."""
        first, last, _ = slice(self._position if start is None else start, stop).indices(self.length)
        sub = bytes(sub)
        if not sub:
            return last if first <= last else -1
        seen = b""
        for at, n in reversed(self._pieces(first, last)):
            seen = self.process.load(self.addr + at, n) + seen
            where = seen.rfind(sub)
            if where >= 0:
                return at + where
            seen = seen[: len(sub) - 1]
        return -1

    def _pieces(self, first: int, last: int) -> list[tuple[int, int]]:
        """(index, bytes) of the parts of a range, one a page."""
        size, pieces = self.process.machine.page_size, []
        while first < last:
            n = min(size - (self.addr + first) % size, last - first)
            pieces.append((first, n))
            first += n
        return pieces
