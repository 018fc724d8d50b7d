"""Reference strings: the pages that a program touches, in order, as dense numbers.

A kernel keeps its notes on a page in an array, at the page's number, and needs no hash table; so the numbers must be small.
Page numbers as programs have them, of up to 64 bits, are replaced once (dense.py):

    pages      0x7f3a0 0x00401 0x7f3a0 0x7f3a1
    ids              0       1       0       2      what kernels read
    labels     0x7f3a0 0x00401 0x7f3a1              what is shown
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import LimitError
from . import dense

MOST = (1 << 31) - (1 << 24)  # kernels count references in 32 bits, with room for the frames
SPARSE = 4  # numbers are used as they are, if the highest is less than this many times their count
LOOK = 1 << 12  # references looked at first
SHOWN = 12


@dataclass(frozen=True, eq=False, repr=False)
class ReferenceString:
    """`ids`: a number below `npages` for each reference. `labels`: what the page of each number is called, None: the number."""

    ids: NDArray[np.uint32]
    npages: int
    labels: NDArray[np.uint64] | None = field(default=None)

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def distinct(self) -> int:
        """How many different pages there are."""
        return int(np.count_nonzero(np.bincount(self.ids)))

    @property
    def references(self) -> int:
        """The length of the string."""
        return len(self.ids)

    def parts(self) -> Iterator[tuple[NDArray[np.uint32], float]]:
        """The ids in order, part by part, each with how much of the string is done with it: here all at once."""
        yield self.ids, 1.0

    def held(self) -> "ReferenceString":
        """The string in memory: itself."""
        return self

    def label(self, page: int) -> int:
        """What the page with this number is called."""
        return int(page if self.labels is None else self.labels[page])

    def __repr__(self) -> str:
        head = " ".join(str(self.label(i)) for i in self.ids[:SHOWN].tolist())
        more = " ..." if len(self) > SHOWN else ""
        return f"ReferenceString({len(self):,} references to {self.distinct:,} pages: {head}{more})"


def reference_string(pages: Any, page_size: int = 1) -> ReferenceString:
    """A reference string of page numbers, or of addresses if their page size is given.

    pages: text ("1 2 3 4 1 2 5", commas allowed), an array of integers or what makes itself one (a Trace, a column of pandas), any
    iterable of whole numbers, or a string made before. Integers are 0..2**64-1. ValueError, TypeError: what is none of these;
    LimitError: longer than 2 thousand million.
    """
    if isinstance(pages, ReferenceString):
        return pages
    numbers = _numbers(pages)
    if not len(numbers):
        raise ValueError("there are no references: a reference string needs at least one")
    if len(numbers) > MOST:
        raise LimitError(f"{len(numbers):,} references are too many at once: at most {MOST:,}; replay them in parts")
    if (
        isinstance(page_size, bool)
        or not isinstance(page_size, int)
        or page_size < 1
        or page_size & (page_size - 1)
        or page_size > 1 << 63
    ):
        raise ValueError(f"page_size must be a power of two of at most 2**63, not {page_size!r}")
    shift = page_size.bit_length() - 1
    if numbers.dtype.kind == "i" and numbers.min() < 0:
        raise ValueError(f"page numbers are not negative, and {int(numbers.min())} is")
    highest = int(numbers[:: max(len(numbers) // LOOK, 1)].max()) >> shift
    if highest < SPARSE * len(numbers) + 64:  # some often tell, without reading all
        highest = int(numbers.max()) >> shift
    if highest < SPARSE * len(numbers) + 64:
        ids = numbers if not shift else numbers >> numbers.dtype.type(shift)
        return ReferenceString(np.ascontiguousarray(ids, np.uint32), highest + 1)
    ids, labels = dense.number(np.ascontiguousarray(numbers).astype(np.uint64, copy=False), shift)
    return ReferenceString(ids, len(labels), labels)


def _numbers(pages: Any) -> NDArray[Any]:
    """Page numbers as an array of integers. TypeError, ValueError."""
    if isinstance(pages, str):
        return _from_text(pages)
    if not isinstance(pages, np.ndarray):
        arrays = hasattr(pages, "__array__") and not isinstance(pages, np.generic)  # a Trace gives its pages
        pages = np.asarray(pages) if arrays else _from_iterable(pages)
    if pages.dtype.kind not in "iu":
        raise TypeError(
            f"page numbers are whole numbers, not {pages.dtype}: convert them first, for example with .astype('u8')"
        )
    if pages.ndim != 1:
        raise ValueError(
            f"a reference string is one-dimensional, and this array has the shape {pages.shape}: use .ravel()"
        )
    native: NDArray[Any] = pages.astype(pages.dtype.newbyteorder("="), copy=False)
    return native


def _from_text(text: str) -> NDArray[np.uint64]:
    numbers = []
    for at, word in enumerate(text.replace(",", " ").split(), 1):
        try:
            numbers.append(int(word, 0))
        except ValueError:
            raise ValueError(f"word {at} of the reference string, {word[:20]!r}, is not a page number") from None
    return _from_iterable(numbers)


def _from_iterable(pages: Iterable[Any]) -> NDArray[np.uint64]:
    if isinstance(pages, bytes) or not isinstance(pages, Iterable):
        raise TypeError(f"a reference string is text, an array or a list of page numbers, not {type(pages).__name__}")
    items = []
    for at, page in enumerate(pages):
        if isinstance(page, np.ndarray | tuple):
            raise TypeError(
                "a stream of chunks can be read once only, and a replay reads twice, to number the pages and to replay: give it "
                "what the chunks come from, a Trace or read(path)"
            )
        if isinstance(page, bool | np.bool_) or not hasattr(page, "__index__"):
            raise TypeError(f"page numbers are whole numbers, and item {at} is {page!r}")
        if not 0 <= page < 1 << 64:
            raise ValueError(f"page numbers are 0..2**64-1, and item {at} is {int(page)}")
        items.append(page)
    return np.array([int(page) for page in items], np.uint64)
