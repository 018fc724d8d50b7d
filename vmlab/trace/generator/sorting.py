"""Sorting, recorded while it sorts: a random permutation of 64-bit numbers in an array, every load and store of an element.

What a processor would hold in registers (indices, the pivot, the two numbers at the heads of a merge) is no reference.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from ...jit import entry, inline
from ..trace import PAGE, Trace
from .sizes import BASE, count, random

ITEM = 8  # bytes of a number
_LOAD, _STORE = 0, 1
_PARTS = 128  # ends of 64 parts put off by quicksort: the larger one is, so that each has at most half of what is left


def quicksort(n: int, *, seed: int = 0) -> Trace:
    """C. A. R. Hoare's (Quicksort, The Computer Journal 5(1), 1962), in place, around the number in the middle."""
    return _recorded(_quicksort, n, seed, "quicksort")


def mergesort(n: int, *, seed: int = 0) -> Trace:
    """John von Neumann's, from below: runs of 1, 2, 4 ... are merged to and fro between two arrays (Knuth, TAOCP 3, 5.2.4).

    Each round loads every number once and stores it once: n * log2(n) of both, if n is a power of two.
    """
    return _recorded(_mergesort, n, seed, "mergesort")


def _recorded(sort: Callable[..., int], n: int, seed: int, name: str) -> Trace:
    """The references of a sort: it runs once to count them, and again to write them down."""
    values = random(seed).permutation(count("n", n))
    other = BASE + -(-n * ITEM // PAGE) * PAGE  # the second array, from the next page on
    none = np.zeros(0, np.uint64)
    room = max(n, _PARTS)
    refs = sort(values.copy(), np.zeros(room, np.int64), other, none, none.astype(np.uint8))
    addresses, kinds = np.zeros(count("refs", refs, 0), np.uint64), np.zeros(refs, np.uint8)
    sort(values, np.zeros(room, np.int64), other, addresses, kinds)
    return Trace(addresses, kinds, name=f"{name} of {n:,} numbers")


@inline
def _note(addresses: Any, kinds: Any, refs: int, address: int, kind: int) -> int:
    """Write a reference down, if there is room; the number of references so far."""
    if refs < len(addresses):
        addresses[refs], kinds[refs] = address, kind
    return refs + 1


@entry
def _quicksort(values: Any, parts: Any, other: int, addresses: Any, kinds: Any) -> int:
    """Sort `values`, laid out at BASE; the number of references. `parts` holds the ends of what was put off, `other` nothing."""
    refs, put_off, low, high = 0, 0, 0, len(values) - 1
    while True:
        while low < high:
            middle = (low + high) // 2
            pivot = values[middle]
            refs = _note(addresses, kinds, refs, BASE + middle * ITEM, _LOAD)
            i, j = low - 1, high + 1
            while True:
                i += 1
                refs = _note(addresses, kinds, refs, BASE + i * ITEM, _LOAD)
                while values[i] < pivot:
                    i += 1
                    refs = _note(addresses, kinds, refs, BASE + i * ITEM, _LOAD)
                j -= 1
                refs = _note(addresses, kinds, refs, BASE + j * ITEM, _LOAD)
                while values[j] > pivot:
                    j -= 1
                    refs = _note(addresses, kinds, refs, BASE + j * ITEM, _LOAD)
                if i >= j:
                    break
                values[i], values[j] = values[j], values[i]
                refs = _note(addresses, kinds, refs, BASE + i * ITEM, _STORE)
                refs = _note(addresses, kinds, refs, BASE + j * ITEM, _STORE)
            # low..j and j + 1..high are left: the larger one later
            if j - low < high - j - 1:
                parts[2 * put_off], parts[2 * put_off + 1], high = j + 1, high, j
            else:
                parts[2 * put_off], parts[2 * put_off + 1], low = low, j, j + 1
            put_off += 1
        if put_off == 0:
            return refs
        put_off -= 1
        low, high = parts[2 * put_off], parts[2 * put_off + 1]


@entry
def _mergesort(values: Any, second: Any, other: int, addresses: Any, kinds: Any) -> int:
    """Sort `values`, laid out at BASE, to and fro with `second`, laid out at `other`; the number of references.

    The sorted numbers lie where the last round put them: in `values` after an even number of rounds.
    """
    refs, n, run = 0, len(values), 1
    here, there, at, to = values, second, BASE, other
    while run < n:
        for begin in range(0, n, 2 * run):
            i, middle = begin, min(begin + run, n)
            j, end = middle, min(begin + 2 * run, n)
            refs = _note(addresses, kinds, refs, at + i * ITEM, _LOAD)
            if j < end:
                refs = _note(addresses, kinds, refs, at + j * ITEM, _LOAD)
            for k in range(begin, end):
                if j >= end or (i < middle and here[i] <= here[j]):
                    there[k] = here[i]
                    i += 1
                    if i < middle:
                        refs = _note(addresses, kinds, refs, at + i * ITEM, _LOAD)
                else:
                    there[k] = here[j]
                    j += 1
                    if j < end:
                        refs = _note(addresses, kinds, refs, at + j * ITEM, _LOAD)
                refs = _note(addresses, kinds, refs, to + k * ITEM, _STORE)
        here, there, at, to = there, here, to, at
        run *= 2
    return refs
