"""OPT, or MIN: the page whose next use is farthest away goes (Belady, "A study of replacement algorithms", IBM Systems Journal
5(2), 1966). It needs the future, so nobody can run it; no policy faults less (proof: Mattson et al., 1970).

A page in memory is wanted at its next use and nowhere else, so the set of pages in memory *is* a set of positions: those of
their next uses. Reference i hits if and only if position i is in the set; the victim is the highest position in it.

    position    0 1 2 3 4 5 6 7
    page        a b c a d b c a          3 frames, at position 4: a, b, c are next used at 7, 5, 6
    next use    3 5 6 7 - - - -          wanted  . . . . . 1 1 1   d is not in it: a fault; 7 goes, and with it a

The set is a bitmap with two more levels, in which a bit says that a word below is not empty: the highest is found by three
instructions. Pages that are never used again are only counted; they go first. No page numbers are left in the loop.
"""

from typing import NamedTuple

import numpy as np
from numba import uint64
from numpy.typing import NDArray

from ...jit import entry, inline, prefetch
from .. import bits
from ..state import AHEAD, register
from ..string import ReferenceString

NEVER = np.int32(0x7FFF_FFFF)


class State(NamedTuple):
    frames: NDArray[np.int64]
    at: NDArray[np.int64]  # position of the next reference
    used: NDArray[np.int64]  # frames that hold a page
    dead: NDArray[np.int64]  # of these, pages that are never used again
    highest: NDArray[np.int64]  # the highest position in the set, or lower than `at`: none
    next_use: NDArray[np.int32]  # for each reference
    wanted: NDArray[np.int64]  # the set: a bitmap, ...
    upper: NDArray[np.int64]  # ... of its words that are not empty, ...
    top: NDArray[np.int64]  # ... of the words of `upper` that are not empty


def start(string: ReferenceString, frames: int) -> State:
    """Empty frames; the string is read once, backwards."""
    next_use = np.empty(len(string), np.int32)
    look_ahead(string.ids, np.full(string.npages, NEVER, np.int32), next_use)
    sizes = [len(string) + 1]
    for _ in range(3):
        sizes.append(bits.words(sizes[-1]) + 1)
    return State(
        register(frames),
        register(),
        register(),
        register(),
        register(-1),
        next_use,
        np.zeros(sizes[1], np.int64),
        np.zeros(sizes[2], np.int64),
        np.zeros(sizes[3], np.int64),
    )


@entry
def look_ahead(ids, seen, next_use):
    """next_use[i]: the next position of the page at i, or NEVER. `seen`: NEVER for every page."""
    for i in range(len(ids) - 1, -1, -1):
        prefetch(seen, ids[uint64(max(i - AHEAD, 0))])
        page = ids[uint64(i)]
        next_use[uint64(i)] = seen[page]
        seen[page] = i


@entry
def run(ids, s):
    """Replay `ids`, which continue where the last run ended; returns how many of them fault."""
    faults = 0
    first = s.at[0]
    used = s.used[0]
    dead = s.dead[0]
    highest = s.highest[0]
    last = len(s.next_use) - 1
    for i in range(first, first + len(ids)):
        prefetch(s.wanted, min(np.int64(s.next_use[uint64(min(i + AHEAD, last))]), last) >> 6)
        if not bits.get(s.wanted, i):
            faults += 1
            if used < s.frames[0]:
                used += 1
            elif dead > 0:
                dead -= 1
            else:
                highest = take_highest(s, highest)
        use = np.int64(s.next_use[uint64(i)])
        if use == NEVER:
            dead += 1
        else:
            if s.wanted[uint64(use >> 6)] == 0:
                bits.put(s.upper, use >> 6)
                bits.put(s.top, use >> 12)
            bits.put(s.wanted, use)
            highest = max(highest, use)
    s.at[0] = first + len(ids)
    s.used[0] = used
    s.dead[0] = dead
    s.highest[0] = highest
    return faults


@inline
def take_highest(s, highest):
    """Take the highest position out of the set; returns the next highest, -1 if none is left.

    Bits of positions gone by stay set: they are lower than any that is wanted, and nobody looks at them again.
    """
    bits.clear(s.wanted, highest)
    w = highest >> 6
    if s.wanted[w] == 0:
        bits.clear(s.upper, w)
        u = w >> 6
        if s.upper[u] == 0:
            bits.clear(s.top, u)
            t = u >> 6
            while t >= 0 and s.top[t] == 0:
                t -= 1
            if t < 0:
                return -1
            u = (t << 6) + bits.highest(s.top[t])
        w = (u << 6) + bits.highest(s.upper[u])
    return (w << 6) + bits.highest(s.wanted[w])


def held(string: ReferenceString, state: State, pages: list[int]) -> list[bool]:
    """Which of the other pages that were in memory before the last reference still are: for a drawing.

    Of those that are never used again only the number is known: the first ones are said to have gone.
    """
    rest = string.ids[state.at[0] :].tolist()
    never = [page for page in pages if page not in rest]
    dead = int(state.dead[0]) - (int(string.ids[state.at[0] - 1]) not in rest)  # without the last reference's own page
    gone = set(never[: max(0, len(never) - dead)])
    return [page not in gone if page in never else _wanted(state, rest.index(page)) for page in pages]


def _wanted(state: State, steps: int) -> bool:
    use = int(state.at[0]) + steps
    return bool(int(state.wanted[use >> 6]) >> (use & 63) & 1)
