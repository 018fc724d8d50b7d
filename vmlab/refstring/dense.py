"""Dense numbers for pages: each page's place in the order of first touch, found in a table in two levels.

Programs touch pages in clusters, so a page number is cut as a page table cuts an address. The upper part is looked up in a
small hash table (as in clustered page tables: Talluri, Hill, Khalidi, SOSP 1995), the lower 10 bits are an index:

    page number   [ block ............ | slot: 10 bits ]
                        |                    |
                    hash table            4 KiB of ids, one for each page of the block
                    block -> row  ------> rows[row, slot]
"""

import numpy as np
from numpy.typing import NDArray

from ..errors import LimitError
from ..jit import entry, inline

SLOTS = 10  # bits
FIBONACCI = 0x9E3779B97F4A7C15  # 2**64 / golden ratio: spreads neighbours (Knuth, TAOCP 3, 6.4)
NONE = np.uint32(0xFFFF_FFFF)


def number(pages: NDArray[np.uint64], shift: int = 0) -> tuple[NDArray[np.uint32], NDArray[np.uint64]]:
    """Dense numbers of pages[i] >> shift, and the page of each number. LimitError if there are 2**32 - 1 pages or more.

    The tables grow by doubling: the kernel stops where one is full, at a reference it has not numbered yet.
    """
    ids = np.empty(len(pages), np.uint32)
    blocks = np.zeros(1 << 10, np.uint64)  # block + 1, 0: free
    row_of = np.zeros(1 << 10, np.int32)
    rows = np.full((64, 1 << SLOTS), NONE, np.uint32)
    labels = np.empty(1 << 12, np.uint64)
    at = np.zeros(3, np.int64)  # references numbered, pages, blocks
    while True:
        _number(pages, np.uint64(shift), ids, blocks, row_of, rows, labels, at)
        if at[0] == len(pages):
            return ids, labels[: at[1]].copy()
        if at[1] == NONE - 1:
            raise LimitError(f"more than {NONE - 1:,} different pages")
        if at[1] == len(labels):
            labels = np.concatenate([labels, np.empty_like(labels)])
        if at[2] == len(rows):
            rows = np.concatenate([rows, np.full_like(rows, NONE)])
        if 2 * at[2] >= len(blocks):
            old, old_rows = blocks, row_of
            blocks, row_of = np.zeros(2 * len(old), np.uint64), np.zeros(2 * len(old), np.int32)
            _move(old, old_rows, blocks, row_of)


@entry
def _number(pages, shift, ids, blocks, row_of, rows, labels, at):
    """Number the references from at[0] on, until all are or a table is full."""
    n = len(pages)
    npages = at[1]
    nblocks = at[2]
    mask = np.uint64((1 << SLOTS) - 1)
    last_block = np.uint64(0)
    row = np.int64(0)
    i = at[0]
    while i < n:
        page = pages[i] >> shift
        block = (page >> np.uint64(SLOTS)) + np.uint64(1)
        if block != last_block:
            h = _slot(blocks, block)
            if blocks[h] == np.uint64(0):
                if nblocks == len(rows) or 2 * nblocks >= len(blocks):
                    break
                blocks[h] = block
                row_of[h] = nblocks
                nblocks += 1
            row = np.int64(row_of[h])
            last_block = block
        slot = np.int64(page & mask)
        known = rows[row, slot]
        if known == NONE:
            if npages == len(labels) or npages == NONE - 1:
                break
            known = np.uint32(npages)
            rows[row, slot] = known
            labels[npages] = page
            npages += 1
        ids[i] = known
        i += 1
    at[0] = i
    at[1] = npages
    at[2] = nblocks


@entry
def _move(old, old_rows, blocks, row_of):
    """Fill a larger hash table."""
    for k in range(len(old)):
        if old[k] != np.uint64(0):
            h = _slot(blocks, old[k])
            blocks[h] = old[k]
            row_of[h] = old_rows[k]


@inline
def _slot(blocks, block):
    """Where a block stands in the hash table, or would: open addressing, the length a power of two."""
    mask = len(blocks) - 1
    mixed = block * np.uint64(FIBONACCI)
    h = np.int64(mixed >> np.uint64(32)) & mask
    while blocks[h] != np.uint64(0) and blocks[h] != block:
        h = (h + 1) & mask
    return h
