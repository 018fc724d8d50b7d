"""What the policies with a hand have in common: CLOCK, which keeps frames in a circle, and SIEVE, which keeps pages in a queue.

The hand spares a page that was used since it last came by, and clears its ACCESSED bit; one that was not is the victim. A note of
one byte for each page, so that those of a million fit a processor's second-level cache:

    0              not in memory
    IN             in memory, not used since the hand came by
    IN | ACCESSED  in memory and used: the hand will spare it once
    ... | NEAR     among the pages that the hand comes to next, enough of them for the victims of a whole group (calm.py)

          hand           near                 between them stand at least APART pages that are not ACCESSED. A reference to none of
    ... o  |  o x o x o  |  x o o ...         these pages hits or faults wherever in between the hand may be by then
"""

import numpy as np
from numba import uint64

from ..jit import inline, prefetch, prefetch_to_read
from .state import AHEAD, FAR

IN, ACCESSED, NEAR = 1, 2, 4


@inline
def tell_apart(ids, first, n, note, new, came):
    """n references, or as many as come before one to a page that is NEAR: (how many, how many of them faulted).

    A page that comes is given the note `new` and written down in `came`, for the hand to find room for it.

    ids: uint32[], with at least n + AHEAD references from `first` on. note: uint8[npages]. new: IN, with
    ACCESSED or NEAR or without. came: uint32[n or more].
    """
    faults = uint64(0)
    k = uint64(0)
    while k < uint64(n):
        prefetch_to_read(ids, uint64(first) + k + uint64(FAR))
        prefetch(note, ids[uint64(first) + k + uint64(AHEAD)])
        page = ids[uint64(first) + k]
        before = note[page]
        if before >= NEAR:
            break
        fault = np.int64(before) & IN ^ IN
        note[page] = (IN | ACCESSED) ^ (-fault & (new ^ (IN | ACCESSED)))
        came[faults] = page
        faults += uint64(fault)
        k += uint64(1)
    return np.int64(k), np.int64(faults)
