"""Dense numbers for pages, by a hash table of blocks of neighbouring pages.

Programs touch pages in clusters, so the table need not hold pages: a block of 1024 gets the next 1024 numbers when it is first
used (clustered page tables do the same: Talluri, Hill, Khalidi, SOSP 1995). The table is then so small that the processor's first
cache holds it. Where pages lie so thinly that there would be more numbers than references, a block is one page.

    page number    [ block ......... | 10 bits ]
                        |                 |
    hash table      block 0x1f: 0         |          open addressing with linear probing (Knuth, TAOCP 3, 6.4): a block stands
                    block 0x08: 1         |          at its hash or in the next slot that was free
                        |                 |
    number         [ row .............. | 10 bits ]
"""

import numpy as np
from numba import uint64
from numpy.typing import NDArray

from ..errors import LimitError
from ..jit import entry, inline, prefetch

SLOTS = (10, 0)  # bits of a page's place in its block, tried in turn
SMALLEST = 10  # bits of the number of the table's slots
MOST = 1 << 31  # numbers
AHEAD = 32
BLOCK, ROW = 0, 1  # a slot: the block, and its row + 1; 0: free


def number(pages: NDArray[np.uint64], shift: int = 0) -> tuple[NDArray[np.uint32], NDArray[np.uint64]]:
    """Small numbers of pages[i] >> shift, and the page of each number. LimitError if there are too many pages."""
    for slots in SLOTS:
        room = min(len(pages), MOST) >> slots  # no more numbers than references
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
    table = np.zeros((1 << SMALLEST, 2), np.uint64)
    at = np.zeros(2, np.int64)  # references numbered, blocks
    while True:
        _number(pages, np.uint64(shift), np.uint64(slots), room, table, ids, at)
        if at[0] == len(pages):
            break
        if at[1] == room:
            return None
        larger = np.zeros((2 * len(table), 2), np.uint64)
        _move(table, larger)
        table = larger
    used = table[table[:, ROW] > 0]
    blocks = np.empty(len(used), np.uint64)
    blocks[used[:, ROW].astype(np.int64) - 1] = used[:, BLOCK]
    labels = (blocks[:, None] << np.uint64(slots)) | np.arange(1 << slots, dtype=np.uint64)
    return ids, labels.ravel()


@entry
def _number(pages, shift, slots, room, table, ids, at):
    """Number the references from at[0] on, until all are, or the table is a quarter full, or there are too many blocks."""
    nblocks = at[1]
    down = _down(table)
    last = len(pages) - 1
    mask = (np.uint64(1) << slots) - np.uint64(1)
    thin = slots == np.uint64(0)  # the table is then large: its lines are asked for ahead of time
    for i in range(at[0], len(pages)):
        if thin:
            prefetch(table, 2 * _hash(pages[uint64(min(i + AHEAD, last))] >> shift, down))
        page = pages[uint64(i)] >> shift
        block = page >> slots
        h = uint64(_hash(block, down))
        row = table[h, ROW]
        if row == np.uint64(0) or table[h, BLOCK] != block:  # rare: most stand where they belong
            h = uint64(_find(table, block, down))
            row = table[h, ROW]
            if row == np.uint64(0):
                if 4 * nblocks == len(table) or nblocks == room:
                    at[0] = i
                    at[1] = nblocks
                    return
                nblocks += 1
                row = np.uint64(nblocks)
                table[h, BLOCK] = block
                table[h, ROW] = row
        ids[uint64(i)] = ((row - np.uint64(1)) << slots) | (page & mask)
    at[0] = len(pages)
    at[1] = nblocks


@entry
def _move(table, larger):
    """Fill a larger table."""
    down = _down(larger)
    for k in range(len(table)):
        if table[k, ROW] != 0:
            h = _find(larger, table[k, BLOCK], down)
            larger[h, BLOCK] = table[k, BLOCK]
            larger[h, ROW] = table[k, ROW]


@inline
def _down(table):
    """By how much a hash of 32 bits is shifted down to the number of a slot."""
    down = 32
    while 1 << (32 - down) < len(table):
        down -= 1
    return down


@inline
def _hash(block, down):
    """The slot where a block belongs: the halves of its number, times 2**32 / golden ratio squared, which spreads neighbours."""
    folded = np.int64((block ^ (block >> np.uint64(32))) & np.uint64(0xFFFF_FFFF))
    return ((folded * 0x61C88647) & 0xFFFF_FFFF) >> down


@inline
def _find(table, block, down):
    """Where a block stands, or the free slot where it would."""
    h = _hash(block, down)
    while table[h, ROW] != 0 and table[h, BLOCK] != block:
        h = (h + 1) & (len(table) - 1)
    return h
