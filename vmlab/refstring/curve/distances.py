"""Stack distances: between two uses of a page, how many different pages are used. One pass, for all sizes of memory at once.

LRU memory of any size holds the pages used last; so a reference hits if and only if memory has more frames than its distance
(Mattson et al., IBM Systems Journal 9(2), 1970). One histogram of distances is the whole miss-ratio curve.

As in policy/lru.py the string is the LRU order: a bitmap says which positions are the last use of their page. The distance of a
reference is the number of bits after its page's last use t, which is all the bits there are less those up to t. Bits of one word
are counted by an instruction. Sums over words stand in a tree, 16 entries a node, each the sum of those before it in its node
(Fenwick, Software: Practice and Experience 24(3), 1994, with wider nodes):

    level 1    . . . . . . [ entry: bits in earlier nodes of level 0, of the same group of 16 ] ...
    level 0    [ 0  3  3  5 .. ] [ 0  2  6  7 .. ]       entry: bits in earlier words of its node
    words      [ w  w  w  w .. ] [ w  w  w  w .. ]

    bits up to t = popcount(word, cut off after t) + one entry of each level
    a bit goes:    the entries behind it in its node go down by one, on each level: one vector instruction each

A page used twice in a row has the distance 0 and changes nothing: such references take no position.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...jit import entry, inline, prefetch
from .. import bits
from ..pacing import Room
from ..state import AHEAD, register
from ..string import ReferenceString

NEAR = AHEAD // 2
LATE = 16  # distances found but not yet counted in the histogram, whose lines are on their way


class State(NamedTuple):
    position: NDArray[np.int64]  # of the next reference that is not a repetition
    previous: NDArray[np.int64]  # the page before, -1: none
    distinct: NDArray[np.int64]  # pages so far
    last: NDArray[np.int32]  # of each page, -1: none
    alive: NDArray[np.int64]  # bitmap
    level0: NDArray[np.int16]  # of words
    level1: NDArray[np.int16]  # of 16 words
    level2: NDArray[np.int32]  # of 256
    level3: NDArray[np.int32]  # of 4096
    top: NDArray[np.int64]  # of 65536: the sum of all before it
    late: NDArray[np.int64]
    histogram: NDArray[np.int64]  # [d]: references with distance d


def start(string: ReferenceString | Room) -> State:
    """Nothing seen. Every bit is set, so that a new position need not be written."""
    sizes = [bits.words(len(string) + string.npages) + 1]  # after `renew` each page has a position
    for _ in range(4):
        sizes.append(sizes[-1] // bits.LANES + 2)
    whole = [size + bits.LANES - size % bits.LANES for size in sizes]
    return State(
        register(),
        register(-1),
        register(),
        np.full(string.npages, -1, np.int32),
        np.full(whole[0], bits.FULL),
        np.zeros(whole[0], np.int16),
        np.zeros(whole[1], np.int16),
        np.zeros(whole[2], np.int32),
        np.zeros(whole[3], np.int32),
        np.zeros(whole[4], np.int64),
        np.zeros(LATE, np.int64),
        np.zeros(string.npages + 1, np.int64),
    )


@entry
def run(ids, s):
    """Count the distances of `ids` in the histogram; returns how many are first uses, which have none."""
    before = s.distinct[0]
    position = s.position[0]
    previous = s.previous[0]
    distinct = s.distinct[0]
    repeated = 0
    counted = 0
    last = len(ids) - 1
    for i in range(len(ids)):
        prefetch(s.last, ids[min(i + AHEAD, last)])
        soon = max(np.int64(s.last[ids[min(i + NEAR, last)]]), 0) >> 6
        prefetch(s.alive, soon)
        prefetch(s.level0, soon)
        prefetch(s.level1, soon >> 4)
        page = np.int64(ids[i])
        if page == previous:
            repeated += 1
            continue
        previous = page
        if position & 63 == 0 and position > 0:
            open_word(s, position >> 6)
        used = np.int64(s.last[page])
        s.last[page] = position
        if used < 0:
            distinct += 1
        else:
            distance = distinct - take(s, used)
            prefetch(s.histogram, distance)
            slot = counted & (LATE - 1)
            if counted >= LATE:
                s.histogram[s.late[slot]] += 1
            s.late[slot] = distance
            counted += 1
        position += 1
    for k in range(min(counted, LATE)):
        s.histogram[s.late[k]] += 1
    s.histogram[0] += repeated
    s.position[0] = position
    s.previous[0] = previous
    s.distinct[0] = distinct
    return distinct - before


def renew(s: State) -> None:
    """Count positions anew: as if each page had been used once until now, in the order of their last uses."""
    used = np.flatnonzero(s.last >= 0)
    order = used[np.argsort(s.last[used])]
    for numbers in (s.position, s.distinct, s.level0, s.level1, s.level2, s.level3, s.top):
        numbers[:] = 0
    s.previous[:] = -1
    s.last[:] = -1
    s.alive[:] = bits.FULL
    run(order.astype(np.uint32), s)


@inline
def take(s, used):
    """The number of bits up to position `used`; then that bit is cleared."""
    w0 = used >> 6
    w1 = w0 >> 4
    w2 = w1 >> 4
    w3 = w2 >> 4
    w4 = w3 >> 4
    bit = bits.ONE << (used & 63)
    word = s.alive[w0]
    rank = bits.ones(word & ~(bits.FULL << (used & 63) << 1))
    rank += (
        np.int64(s.level0[w0]) + np.int64(s.level1[w1]) + np.int64(s.level2[w2]) + np.int64(s.level3[w3]) + s.top[w4]
    )
    s.alive[w0] = word & ~bit
    bits.decrement_after(s.level0, w0 & ~15, w0 & 15)
    bits.decrement_after(s.level1, w1 & ~15, w1 & 15)
    bits.decrement_after(s.level2, w2 & ~15, w2 & 15)
    bits.decrement_after(s.level3, w3 & ~15, w3 & 15)
    for k in range(w4 + 1, (s.position[0] >> 22) + 1):
        s.top[k] -= 1
    return rank


@inline
def open_word(s, w):
    """The positions go on in word w: its sums are those of the word before and that word's bits."""
    s.position[0] = w << 6
    n = bits.ones(s.alive[w - 1])
    if w & 15:
        s.level0[w] = s.level0[w - 1] + n
        return
    s.level0[w] = 0
    n += np.int64(s.level0[w - 1])
    w >>= 4
    if w & 15:
        s.level1[w] = s.level1[w - 1] + n
        return
    s.level1[w] = 0
    n += np.int64(s.level1[w - 1])
    w >>= 4
    if w & 15:
        s.level2[w] = s.level2[w - 1] + n
        return
    s.level2[w] = 0
    n += np.int64(s.level2[w - 1])
    w >>= 4
    if w & 15:
        s.level3[w] = s.level3[w - 1] + n
        return
    s.level3[w] = 0
    n += np.int64(s.level3[w - 1])
    w >>= 4
    s.top[w] = s.top[w - 1] + n
