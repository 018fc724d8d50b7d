"""A trace: the references a program made to its memory, in order.

    addresses  0x401b70  0x1fff0768  0x401b73 ...    uint64
    kinds         FETCH       STORE     FETCH ...    uint8, or None where nobody noted them
    pids             12          12        31 ...    uint32, or None where all are of one process
    page_size  4096: the page of an address is address // 4096. 1: the numbers are page numbers already

A trace is held in memory, or is a file that is read as it is needed, chunk by chunk, so that it may be larger than memory.
"""

from collections.abc import Callable, Iterable, Iterator
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..budget import memory_limit, size_text
from ..errors import LimitError, TraceError, whole
from .source import Stamp

if TYPE_CHECKING:
    from .within import Outside

PAGE = 4096  # bytes: of nearly every machine that traces come from
MOST_PROCESSES = 1 << 12
CHUNK = 1 << 18  # references handed over at once: 2 MiB of addresses
_PAGE_BITS = 52  # of a page number, above which the number of the process stands: 2**52 * 4096 bytes are all of 64 bits


class Kind(IntEnum):
    """What a reference does, as Dinero numbers it: data read, data written, instruction fetched."""

    LOAD = 0
    STORE = 1
    FETCH = 2


class Chunk(NamedTuple):
    """A stretch of a trace. share: how much of the trace is done with it, 0..1."""

    addresses: npt.NDArray[np.uint64]
    kinds: npt.NDArray[np.uint8] | None
    pids: npt.NDArray[np.uint32] | None
    share: float


class Trace:
    """References held in memory.

    addresses: whole numbers of 0..2**64-1, one dimension. kinds: Kind of each, or None. pids: process of each, or None.
    page_size: a power of two; 1 says that the addresses are page numbers. TypeError, TraceError, LimitError.

    np.asarray(trace) gives page numbers.
    """

    def __init__(
        self, addresses: Any, kinds: Any = None, pids: Any = None, *, page_size: int = PAGE, name: str = "trace"
    ) -> None:
        self.name = name
        self.page_size = checked_page_size(page_size)
        self._held = Chunk(
            _column("addresses", addresses, np.uint64, (1 << 64) - 1),
            None if kinds is None else _column("kinds", kinds, np.uint8, max(Kind)),
            None if pids is None else _column("pids", pids, np.uint32, (1 << 32) - 1),
            1.0,
        )
        n = len(self._held.addresses)
        for what, column in (("kinds", self._held.kinds), ("pids", self._held.pids)):
            if column is not None and len(column) != n:
                raise TraceError(f"{len(column):,} {what} for {n:,} addresses: each reference needs one")
        if self._held.pids is not None:
            Processes(name).add(self._held.pids)

    @classmethod
    def pages(cls, text: str) -> "Trace":
        """A reference string as typed: page numbers, decimal or 0x hexadecimal, between spaces, commas or line ends.

        >>> Trace.pages("1 2 3 4 1 2 5 1 2 3 4 5")
        Trace('reference string', 12 references, page numbers)
        """
        from .format import numbers

        if not isinstance(text, str):
            raise TypeError(
                f"a reference string is text, not {type(text).__name__}: Trace(pages, page_size=1) takes an array"
            )
        return cls(numbers.typed(text), page_size=1, name="reference string")

    @staticmethod
    def load(path: Any, *, page_size: int | None = None, max_bytes: int | None = None) -> "Trace":
        """All of a trace file in memory; `read` says what path and page_size are.

        max_bytes: what it may take there, a quarter of this process's memory by default. LimitError beyond it.
        """
        from .reading import read

        return read(path, page_size=page_size).held(max_bytes)

    def held(self, max_bytes: int | None = None, tell: Callable[[float], object] | None = None) -> "Trace":
        """The trace in memory: itself, if it is there. tell(share) is called as a file is read, with 0..1.

        LimitError if a file needs more than max_bytes, a quarter of this process's memory by default.
        """
        return self

    @property
    def addresses(self) -> npt.NDArray[np.uint64]:
        """Address of each reference."""
        return self.held()._held.addresses

    @property
    def kinds(self) -> npt.NDArray[np.uint8] | None:
        """Kind of each reference, or None."""
        return self.held()._held.kinds

    @property
    def pids(self) -> npt.NDArray[np.uint32] | None:
        """Process of each reference, or None."""
        return self.held()._held.pids

    @property
    def writes(self) -> npt.NDArray[np.bool_]:
        """Of each reference: is it a store?"""
        kinds = self.kinds
        return np.zeros(len(self.addresses), np.bool_) if kinds is None else kinds == Kind.STORE

    def references(self) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.bool_]]:
        """(addresses, writes) as a machine takes them: page numbers become addresses of 4096-byte pages. TraceError."""
        if self.page_size > 1:
            return self.addresses, self.writes
        highest = int(self.addresses.max(initial=0))
        if highest >= (1 << 64) // PAGE:
            raise TraceError(f"page {highest:#x} of '{self.name}' has no 64-bit address")
        return self.addresses * np.uint64(PAGE), self.writes

    def within(self, areas: Iterable[Any]) -> "Trace":
        """The references, in memory, that hit one of the areas: `trace.within(p.vmas())` is what a process can make.

        areas: what has .start and .stop, addresses. `.outside` of the result says in a sentence what was left out, None: nothing.
        Page numbers are pages of 4096 bytes. LimitError if what is kept does not fit, TraceError if nothing is.

        >>> from types import SimpleNamespace
        >>> heap = SimpleNamespace(start=0x1000, stop=0x3000)
        >>> Trace([0x1000, 0x2fff, 0x7f00]).within([heap]).outside
        1 of 3 references hits no mapping (first: reference 3, address 0x7f00)
        """
        from .within import within

        return within(self, areas)

    @property
    def outside(self) -> "Outside | None":
        """What `within` left out."""
        return None

    def place(self, k: int) -> str:
        """Where reference k (from 0) stands: its line of the file, or its number."""
        return f"reference {k + 1:,}"

    @property
    def skipped(self) -> int:
        """Lines of the file that are no references, once it was read to its end."""
        return 0

    def chunks(self) -> Iterator[Chunk]:
        """The references in order, a stretch at a time, in arrays that are not written to again."""
        n = len(self._held.addresses)
        for begin in range(0, n, CHUNK):
            end = min(begin + CHUNK, n)
            addresses, kinds, pids, _ = self._held
            own = slice(begin, end)
            yield Chunk(
                addresses[own], None if kinds is None else kinds[own], None if pids is None else pids[own], end / n
            )

    def page_chunks(self) -> Iterator[npt.NDArray[np.uint64]]:
        """The page numbers in order, a stretch at a time, as `page_parts` has them."""
        for pages, _ in self.page_parts():
            yield pages

    def page_parts(self) -> Iterator[tuple[npt.NDArray[np.uint64], float]]:
        """The page numbers in order, a stretch at a time, each with how much of the trace is done with it, 0..1.

        Address spaces are told apart: where processes were noted, the page numbers of the k-th to appear have k in the 12
        bits above the 52 of the page. TraceError where the page needs those bits itself.
        """
        shift = np.uint64(self.page_size.bit_length() - 1)
        processes = Processes(self.name)
        for chunk in self.chunks():
            pages = chunk.addresses >> shift
            if chunk.pids is not None:
                if len(pages) and int(pages.max()) >> _PAGE_BITS:
                    raise TraceError(
                        f"'{self.name}' has page {int(pages.max()):#x}: with processes, page numbers have {_PAGE_BITS} bits"
                    )
                pages |= processes.add(chunk.pids) << np.uint64(_PAGE_BITS)
            yield pages, chunk.share

    def page_numbers(self) -> npt.NDArray[np.uint64]:
        """The page number of each reference, as `page_chunks` has them."""
        return np.concatenate([np.zeros(0, np.uint64), *self.held().page_chunks()])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        return self.page_numbers().astype(np.uint64 if dtype is None else dtype, copy=False)

    def __len__(self) -> int:
        return len(self._held.addresses)

    def save(self, path: Any, format: str | None = None) -> None:
        """Write a file that `read` reads; format: a name of FORMATS, else what the ending of the path says.

        Formats of addresses are given addresses (of 4096-byte pages, if these are page numbers), formats of pages page
        numbers. What a format has no place for is left out, but for processes: without them address spaces would be one.
        """
        from .writing import write

        write(self, path, format)

    def _says(self) -> str:
        kinds = self._held.kinds
        if kinds is None:
            return ""
        counts = np.bincount(kinds, minlength=len(Kind)).tolist()
        return (
            " (" + ", ".join(counted(n, _WORDS[kind]) for kind, n in zip(Kind, counts) if n) + ")"
            if any(counts)
            else ""
        )

    def __repr__(self) -> str:
        return f"Trace('{self.name}', {counted(len(self), 'reference')}{self._says()}, {paged(self.page_size)})"


class FileTrace(Trace):
    """A trace file. `chunks` reads it from disk each time, with constant memory; addresses, kinds and pids load it whole.

    `replay` reads it chunk by chunk, too. It pickles as its path.
    """

    def __init__(
        self,
        name: str,
        format: str,
        page_size: int,
        stream: Callable[[], "Stream"],
        refs: int | None,
        path: str,
        look: Callable[[], Stamp],
    ) -> None:
        self.name, self.format, self.page_size, self.path = name, format, checked_page_size(page_size), path
        self._stream, self._refs, self._look = stream, refs, look
        self.stamp = look()
        self._skipped = 0
        self._whole: Trace | None = None  # once it was loaded

    @property
    def loaded(self) -> Trace | None:
        """The trace in memory, if `held` or what needs it has put it there."""
        return self._whole

    def unchanged(self) -> None:
        """Is the file the one that was opened? TraceError if not: by its size and the time of its last change."""
        now = self._look()
        if now != self.stamp:
            raise TraceError(
                f"'{self.name}' has changed since it was opened: it is {now.text()}, and was {self.stamp.text()}; read it again"
            )

    def __reduce__(self) -> Any:
        """Pickled it is a path, not references: who unpickles it reads the same file, or gets a TraceError."""
        from .reading import read_again

        return read_again, (self.path, self.page_size, self.stamp)

    @property
    def skipped(self) -> int:
        return self._skipped

    def place(self, k: int) -> str:
        return self._stream().place(k)

    def chunks(self) -> Iterator[Chunk]:
        processes = Processes(self.name)
        stream, refs = self._stream(), 0
        for chunk in stream.chunks:
            if chunk.pids is not None:
                processes.add(chunk.pids)
            refs += len(chunk.addresses)
            yield chunk
        if not refs:
            raise TraceError(f"'{self.name}' {stream.nothing()}")
        self._refs, self._skipped = refs, stream.skipped()

    def held(self, max_bytes: int | None = None, tell: Callable[[float], object] | None = None) -> Trace:
        if self._whole is not None and max_bytes is None:
            return self._whole
        budget = memory_limit() // 4 if max_bytes is None else whole("max_bytes", max_bytes)
        parts: list[Chunk] = []
        if self._refs is not None:
            self._must_fit(self._refs, 8, budget)
        refs = 0
        for chunk in self.chunks():
            parts.append(chunk)
            refs += len(chunk.addresses)
            self._must_fit(refs, sum(c.itemsize for c in chunk[:3] if c is not None), budget)
            if tell is not None:
                tell(chunk.share)
        self._whole = Trace(*joined(parts), page_size=self.page_size, name=self.name)
        return self._whole

    def _must_fit(self, refs: int, each: int, budget: int) -> None:
        if refs * each > budget:
            known = f"{refs:,}" if self._refs == refs else f"{refs:,} and more"
            raise LimitError(
                f"'{self.name}' has {known} references, {each} bytes each: {size_text(refs * each)} in memory; the limit is "
                f"{size_text(budget)} (max_bytes= raises it; read(path).chunks() needs no more for any length)"
            )

    def __len__(self) -> int:
        if self._refs is None:
            raise TypeError(
                f"how many references '{self.name}' has is known when it was read to its end: len(trace.held())"
            )
        return self._refs

    def __repr__(self) -> str:
        refs = "" if self._refs is None else f" {counted(self._refs, 'reference')},"
        skipped = f", skipped {counted(self._skipped, 'line')}" if self._skipped else ""
        return f"Trace('{self.name}',{refs} {paged(self.page_size)}, {self.format} file{skipped})"


class Stream(NamedTuple):
    """One reading of a file: its chunks; lines skipped so far; what to say where there are no references; where reference k is."""

    chunks: Iterator[Chunk]
    skipped: Callable[[], int] = lambda: 0
    nothing: Callable[[], str] = lambda: "holds no references"
    place: Callable[[int], str] = lambda k: f"reference {k + 1:,}"


class Processes:
    """The processes of a trace, numbered as they appear."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._number: dict[int, int] = {}

    def add(self, pids: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint64]:
        """The number of the process of each reference. LimitError if there are too many."""
        different, first, which = np.unique(pids, return_index=True, return_inverse=True)
        for pid in different[np.argsort(first)].tolist():
            self._number.setdefault(pid, len(self._number))
        if len(self._number) > MOST_PROCESSES:
            raise LimitError(
                f"'{self._name}' has {len(self._number):,} processes or more; a trace has at most {MOST_PROCESSES:,}"
            )
        return np.array([self._number[pid] for pid in different.tolist()], np.uint64)[which]


_WORDS = {Kind.LOAD: "load", Kind.STORE: "store", Kind.FETCH: "fetch"}


def joined(parts: list[Chunk]) -> list[Any]:
    """The columns of chunks that follow each other, one at least."""
    return [None if parts[0][k] is None else np.concatenate([part[k] for part in parts]) for k in range(3)]


def counted(n: int, noun: str) -> str:
    """A number and what it counts."""
    plural = "es" if noun.endswith("ch") else "s"
    return f"{n:,} {noun}{'' if n == 1 else plural}"


def paged(page_size: int) -> str:
    """How addresses become pages."""
    return "page numbers" if page_size == 1 else f"pages of {page_size:,} bytes"


def checked_page_size(page_size: int) -> int:
    """A power of two up to 2**48. TypeError, TraceError."""
    n = whole("page_size", page_size)
    if not 0 < n <= 1 << 48 or n & (n - 1):
        raise TraceError(f"page_size={n}: it must be a power of two, or 1 where the addresses are page numbers")
    return n


def _column(what: str, given: Any, dtype: Any, most: int) -> npt.NDArray[Any]:
    """A column of a trace, of one dimension, each number within 0..most. TypeError, TraceError."""
    try:
        a = np.asarray(given)
    except ValueError:
        raise TraceError(f"{what} are numbers in one dimension; some of these are lists") from None
    if a.ndim != 1:
        raise TraceError(f"{what} are numbers in one dimension, not of shape {a.shape}: try .ravel()")
    if not a.size:
        return np.zeros(0, dtype)
    if a.dtype.kind in "fO" and not hasattr(given, "dtype") and all(hasattr(n, "__index__") for n in given):
        a = np.array([int(n) for n in given], object)  # numbers that no one type of numpy's holds, as -1 and 2**64 - 1
    elif a.dtype.kind not in "iu":
        raise TypeError(f"{what} are whole numbers of 0..{most:,}, not {a.dtype}")
    for k in (int(a.argmin()), int(a.argmax())):
        if not 0 <= int(a[k]) <= most:
            raise TraceError(f"reference {k + 1}: {what} are of 0..{most:,}, not {int(a[k])}")
    return np.ascontiguousarray(a).astype(dtype, copy=False)
