"""Small numbers for pages that come in parts: the k-th page to appear is number k, however many references there are.

dense.py numbers a whole string at once and lets neighbours share; here memory grows with the pages alone, 20 to 30 bytes each.

    slots     . 2 . . 0 . 1 .        open addressing with linear probing (Knuth, TAOCP 3, 6.4); number + 1, 0: free
    labels    0x401 0x7f3a0 0x402    the page of each number
"""

import numpy as np
from numpy.typing import NDArray

from ..errors import LimitError
from ..jit import entry, inline, prefetch

MOST = 1 << 30  # pages
SMALLEST = 1 << 10  # slots
AHEAD = 16
GOLDEN = 0x61C88647  # 2**32 / golden ratio squared: multiplicative hashing (Knuth)


class Numbers:
    """The pages that have come so far, and their numbers."""

    def __init__(self) -> None:
        self._slots = np.zeros(SMALLEST, np.int32)
        self._pages = np.zeros(SMALLEST // 2, np.uint64)
        self._npages = 0

    def __len__(self) -> int:
        return self._npages

    @property
    def labels(self) -> NDArray[np.uint64]:
        """The page of each number."""
        return self._pages[: len(self)]

    def of(self, pages: NDArray[np.uint64]) -> NDArray[np.uint32]:
        """The number of each page; those that are new get the next. LimitError if there are too many.

        Several threads may ask, as long as nothing is new.
        """
        ids = np.empty(len(pages), np.uint32)
        at = np.array([0, len(self)])  # references numbered, pages
        while True:
            _number(pages, self._slots, self._pages, ids, at)
            self._npages = int(at[1])
            if at[0] == len(pages):
                return ids
            self._grow()

    def _grow(self) -> None:
        if 2 * len(self._pages) > MOST:
            raise LimitError(f"more than {MOST:,} different pages")
        self._pages = np.concatenate([self._pages, np.zeros_like(self._pages)])
        self._slots = np.zeros(2 * len(self._slots), np.int32)
        _put_all(self._slots, self._pages, len(self))

    def __getstate__(self) -> NDArray[np.uint64]:
        return self.labels.copy()

    def __setstate__(self, pages: NDArray[np.uint64]) -> None:
        self.__init__()  # type: ignore[misc]
        self.of(pages)


@entry
def _number(pages, slots, known, ids, at):
    """Number the references from at[0] on, until all are, or there is no room for a new page."""
    npages = at[1]
    last = len(pages) - 1
    for i in range(at[0], len(pages)):
        prefetch(slots, _hash(pages[min(i + AHEAD, last)], slots))
        page = pages[i]
        h = _hash(page, slots)
        while slots[h] != 0 and known[slots[h] - 1] != page:
            h = (h + 1) & (len(slots) - 1)
        if slots[h] == 0:
            if npages == len(known):
                at[0] = i
                at[1] = npages
                return
            known[npages] = page
            npages += 1
            slots[h] = npages
        ids[i] = slots[h] - 1
    at[0] = len(pages)
    at[1] = npages


@entry
def _put_all(slots, known, npages):
    """Fill empty slots."""
    for k in range(npages):
        h = _hash(known[k], slots)
        while slots[h] != 0:
            h = (h + 1) & (len(slots) - 1)
        slots[h] = k + 1


@inline
def _hash(page, slots):
    """The slot where a page belongs: the middle of a product, where all bits of the page meet."""
    folded = np.int64((page ^ (page >> np.uint64(32))) & np.uint64(0xFFFF_FFFF))
    return ((folded * GOLDEN) >> 20) & (len(slots) - 1)
