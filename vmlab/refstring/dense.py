"""Dense numbers for pages, by a hash table of blocks of neighbouring pages.

Programs touch pages in clusters, so the table need not hold pages: a block of 1024 gets the next 1024 numbers when it is first
used (clustered page tables do the same: Talluri, Hill, Khalidi, SOSP 1995). The table is then so small that the processor's first
cache holds it. Where pages lie so thinly that there would be more numbers than references, a block is one page.

    page number    [ block ......... | 10 bits ]
                        |                 |
    hash table      block 0x1f: row 0     |          open addressing with linear probing (Knuth, TAOCP 3, 6.4): a block stands
                    block 0x08: row 1     |          at its hash or in the next slot that was free
                        |                 |
    number         [ row .............. | 10 bits ]

Beside each block the table keeps what to add to a page for its number, so that most references take one look and one addition.
"""

from typing import NamedTuple

import numpy as np
from numba import uint64
from numpy.typing import NDArray

from ..errors import LimitError
from ..jit import entry, inline, njit, prefetch, prefetch_to_read

SLOTS = (10, 0)  # bits of a page's place in its block, tried in turn
SMALLEST = 10  # bits of the number of the table's slots
MOST = 1 << 31  # numbers
AHEAD = 32  # references between asking for a slot and looking at it
FAR = 512  # and to the page numbers themselves: 4 KiB
LOW = np.uint64(0xFFFF_FFFF)
GOLDEN = np.uint64(0x9E37_79B9_7F4A_7C15)


class Table(NamedTuple):
    """A slot of each. A free one has a block that does not belong there, so that one comparison finds both."""

    block: NDArray[np.uint64]
    add: NDArray[np.int64]  # to the low 32 bits of a page of the block: the low 32 bits of the sum are its number
    row: NDArray[np.int64]  # -1: free


def _table(slots: int) -> Table:
    table = Table(np.zeros(slots, np.uint64), np.zeros(slots, np.int64), np.full(slots, -1, np.int64))
    table.block[0] = 1  # 0 belongs to slot 0, and 1 elsewhere
    return table


def number(pages: NDArray[np.uint64], shift: int = 0) -> tuple[NDArray[np.uint32], NDArray[np.uint64]]:
    """Small numbers of pages[i] >> shift, and the page of each number. LimitError if there are too many pages."""
    for slots in SLOTS:
        room = min(len(pages), MOST) >> slots  # no more numbers than references
        with np.errstate(over="ignore"):  # without the compiler numpy would warn of the bits that a hash loses
            numbered = _number_blocks(pages, shift, slots, room)
        if numbered is not None:
            return numbered
    raise LimitError(f"more than {MOST:,} different pages")


def _number_blocks(
    pages: NDArray[np.uint64], shift: int, slots: int, room: int
) -> tuple[NDArray[np.uint32], NDArray[np.uint64]] | None:
    """The same with blocks of 2**slots pages; None if there are more than `room` of them.

    The table grows by doubling: the kernel stops where it is a quarter full, at a reference it has not numbered yet.
    """
    ids = np.empty(len(pages), np.uint32)
    table = _table(1 << SMALLEST)
    at = np.zeros(2, np.int64)  # references numbered, blocks
    while True:
        _number(pages, np.uint64(shift), np.uint64(slots), room, table, ids, at)
        if at[0] == len(pages):
            break
        if at[1] == room:
            return None
        larger = _table(2 * len(table.row))
        _move(table, larger)
        table = larger
    used = table.row >= 0
    blocks = np.empty(at[1], np.uint64)
    blocks[table.row[used]] = table.block[used]
    labels = (blocks[:, None] << np.uint64(slots)) | np.arange(1 << slots, dtype=np.uint64)
    return ids, labels.ravel()


@entry
def _number(pages, shift, slots, room, table, ids, at):
    """Number the references from at[0] on, until all are, or the table is a quarter full, or there are too many blocks."""
    nblocks = at[1]
    down = _down(table)
    last = len(pages) - 1
    thin = slots == np.uint64(0)  # the table is then large: its lines are asked for ahead of time
    for i in range(at[0], len(pages)):
        if thin:
            prefetch(table.block, _hash(pages[uint64(min(i + AHEAD, last))] >> shift, down))
        prefetch_to_read(pages, i + FAR)
        page = pages[uint64(i)] >> shift
        block = page >> slots
        h = np.uint64(_hash(block, down))
        if table.block[h] != block:  # rare: most stand where they belong
            h = np.uint64(_find(table, block, down))
            if table.row[h] < 0:
                if 4 * nblocks == len(table.row) or nblocks == room:
                    at[0] = i
                    at[1] = nblocks
                    return
                table.block[h] = block
                table.row[h] = nblocks
                table.add[h] = (nblocks << np.int64(slots)) - np.int64((block << slots) & LOW)
                nblocks += 1
        ids[uint64(i)] = (np.int64(page & LOW) + table.add[h]) & 0xFFFF_FFFF
    at[0] = len(pages)
    at[1] = nblocks


@entry
def _move(table, larger):
    """Fill a larger table."""
    down = _down(larger)
    for k in range(len(table.row)):
        if table.row[k] >= 0:
            h = _find(larger, table.block[k], down)
            larger.block[h] = table.block[k]
            larger.add[h] = table.add[k]
            larger.row[h] = table.row[k]


@inline
def _down(table):
    """By how much a hash of 64 bits is shifted down to the number of a slot."""
    down = np.uint64(64)
    while np.uint64(1) << (np.uint64(64) - down) < np.uint64(len(table.row)):
        down -= np.uint64(1)
    return down


@inline
def _hash(block, down):
    """The slot where a block belongs: the high bits of its product with 2**64 / golden ratio (Knuth, TAOCP 3, 6.4)."""
    return (block * GOLDEN) >> down


@njit
def _find(table, block, down):
    """Where a block stands, or the free slot where it would."""
    h = np.int64(_hash(block, down))
    while table.row[h] >= 0 and table.block[h] != block:
        h = (h + 1) & (len(table.row) - 1)
    return h
