"""Two ways through a string, chosen block by block, by how many references of the block before faulted.

Where faults are frequent a branch on "does it fault?" is a coin toss, and a wrong guess costs the host's processor about 20
references' time; and pages are many, so that their notes must be asked for ahead of time. Where they are rare both only cost. Most
references then change nothing at all, and that is asked of 16 at once, without a branch: only a group in which something changes
is gone through one by one.

Where many references fault, one must not wait for the victim of the one before. LRU, CLOCK and SIEVE know where their next victims
stand: in a stretch just ahead of LRU's tail, or of the hand. A reference to no page of that stretch hits or faults whatever those
before it do. So up to APART references are told apart first, and the victims found after them, all at once. A group ends before a
reference to a page of the stretch, which is gone through alone; with MANY frames that is rare.

There a choice is arithmetic, `b ^ (a ^ b) & -choice`, where `a if choice else b` would be clearer: if what is chosen is stored, the
compiler makes a branch of it, and a reference takes twice as long.

`uint64(i)` as an index, and `max(first, 0)` where a policy begins a block, are for the compiler: it then sees that no index is
negative, and leaves out what Python's negative indices need, half of a fast loop's time.

The last references of a string have none AHEAD of them. They go the second way, so that the first need not ask where it ends.
"""

import numpy as np
from numba import uint64

from ..jit import inline

BLOCK = 1 << 14  # references
RARE = 32  # faults are rare if at most one reference in so many faults
GROUP = 16  # references that are looked at together where few fault
APART = 64  # and where many do
MANY = 1 << 12  # frames: with fewer, a reference is often to a page of the stretch


@inline
def all_noted(notes, bits, ids, first):
    """Do the notes of the pages of GROUP references from `first` on all have these bits?"""
    common = bits
    for k in range(GROUP):
        common &= notes[ids[uint64(first + k)]]
    return common == bits


@inline
def all_since(notes, value, ids, first):
    """Have they all at least this note?"""
    since = True
    for k in range(GROUP):
        since &= notes[ids[first + k]] >= value
    return since


@inline
def none_noted_in_order(notes, value, ids, first):
    """Has none of them its own of GROUP notes that follow one another, the first's being `value`?"""
    other = True
    for k in range(GROUP):
        other &= notes[ids[first + k]] != value + k
    return other


@inline
def rare(faults, references):
    """Are so many faults few?"""
    return np.int64(faults) * RARE <= references
