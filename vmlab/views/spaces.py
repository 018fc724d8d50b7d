"""Address spaces: every process over one address axis, page by page, or in buckets of 2**k pages."""

import itertools
from bisect import bisect_left
from typing import NamedTuple

import numpy as np

from ..core.state import ASID_SHIFT, NONE, RESIDENT, SHIFT, SWAPPED, VPN_MASK, P, State, W
from . import pages
from .look import Array, Look, look_at

BLANK, UNTOUCHED, DISK, BEYOND, CACHED, SWAP, MAPPED = range(7)  # states of a cell
STATES = ("", "untouched", "disk", "beyond", "cached", "swapped", "mapped")
COLUMNS = 80  # that still leave room for a number
EMPTY = np.zeros(0, np.int64)


class Heading(NamedTuple):
    """One stretch of the address axis in which the processes have the same areas."""

    column: int  # its first column
    span: int
    vpn: int
    npages: int
    labels: tuple[tuple[str, str, str], ...]  # (letters, name and offset in a file, permissions), one for each area


class Cells(NamedTuple):
    """One process's pages, an element a column of the axis. A bucket has no number and no marks, its shares tell."""

    state: Array  # uint8: BLANK .. MAPPED; of a bucket the state of its first page that has memory
    file: Array  # uint8: 1 where the bytes are a file's
    number: Array  # float64: frame or slot, NONE without
    dirty: Array  # uint8
    accessed: Array  # uint8
    locked: Array  # uint8
    cow: Array  # uint8: the next store copies or takes over
    sharers: Array  # float64: PTEs of its frame, or words that name its slot
    shares: Array  # float64[n, 3]: fraction mapped, cached, in swap


class Ribbon(NamedTuple):
    row: int
    letter: str
    name: str
    resident: int  # pages mapped (VmRSS in pages)
    swapped: int
    ntables: int
    stopped: bool  # suspended (SIGSTOP)
    cells: Cells


class AddressSpaces(NamedTuple):
    vpn: Array  # int64: first page of each column
    npages: Array  # int64: pages of each column
    headings: list[Heading]
    ribbons: list[Ribbon]


class Present(NamedTuple):
    """The pages of a VMA that have memory or a swap slot, by address."""

    vpn: Array
    state: Array
    file: Array
    number: Array
    pte: Array


def address_spaces(s: State | Look, rows: list[int] | None = None, columns: int = COLUMNS) -> AddressSpaces:
    """The pages of the processes in `rows` (default: all that live), over the union of their areas in address order."""
    look = look_at(s)
    rows = look.living if rows is None else rows
    headings, vpn, npages = axis(look, rows, columns)
    procs = look.state.procs
    ribbons = [
        Ribbon(
            row,
            look.letter[row],
            look.process_name[row],
            int(procs["rss"][row]),
            int(procs["nswap"][row]),
            int(procs["ntables"][row]),
            bool(procs["stopped"][row]),
            cells_of(look, row, vpn, npages),
        )
        for row in rows
    ]
    return AddressSpaces(vpn, npages, headings, ribbons)


def axis(look: Look, rows: list[int], columns: int) -> tuple[list[Heading], Array, Array]:
    """The shared address axis: headings, and first page and length of each column. Where the rights change a heading ends."""
    found = [(a, look.letter[row]) for row in rows for a in look.parts.get(row, ())]
    edges = sorted({e for a, _ in found for e in (a.first, a.stop)})
    pieces: list[tuple[int, int, tuple[tuple[str, str, str, int | None], ...]]] = []
    for low, high in itertools.pairwise(edges):
        labels: dict[tuple[str, str, int | None], str] = {}
        for a, letter in found:
            if a.first <= low < a.stop:
                key = (a.name, a.perms, a.number - a.first if a.file else None)  # the same along a mapping
                labels[key] = labels.get(key, "") + letter
        if not labels:
            continue
        label = tuple((letters, *key) for key, letters in labels.items())
        last = pieces[-1] if pieces else None
        if last and last[1] == low and [x[1:] for x in last[2]] == [x[1:] for x in label]:
            pieces[-1] = (last[0], high, max(last[2], label, key=lambda x: len(x[0][0])))
        else:
            pieces.append((low, high, label))
    shift = 0
    while sum(-(-(high - low) >> shift) for low, high, _ in pieces) > max(columns, len(pieces)):
        shift += 1
    headings: list[Heading] = []
    vpn: list[int] = []
    npages: list[int] = []
    for low, high, label in pieces:
        starts = list(range(low, high, 1 << shift))
        labelled = tuple(
            (who, with_offset(name, low, ahead, look.page_shift), perms) for who, name, perms, ahead in label
        )
        headings.append(Heading(len(vpn), len(starts), low, high - low, labelled))
        vpn += starts
        npages += [min(1 << shift, high - v) for v in starts]
    return headings, np.array(vpn, np.int64), np.array(npages, np.int64)


def with_offset(name: str, vpn: int, ahead: int | None, page_shift: int) -> str:
    """'alice.txt', or 'alice.txt +0x2000' where page `vpn` is not the file's first. `ahead`: its page number less `vpn`."""
    return name if ahead is None or vpn + ahead == 0 else f"{name} +{vpn + ahead << page_shift:#x}"


def cells_of(s: State | Look, row: int, vpn: Array, npages: Array) -> Cells:
    """The pages of one process at the given columns: npages[i] pages from page vpn[i] on."""
    look = look_at(s)
    n = len(vpn)
    state, file, dirty, accessed, locked, cow = (np.zeros(n, np.uint8) for _ in range(6))
    c = Cells(state, file, np.full(n, float(NONE)), dirty, accessed, locked, cow, np.zeros(n), np.zeros((n, 3)))
    for v in range(bisect_left(look.firsts, row << ASID_SHIFT), bisect_left(look.firsts, (row + 1) << ASID_SHIFT)):
        fill(look, v, vpn, npages, c, present(look, row, v))
    return c


def present(look: Look, row: int, v: int) -> Present:
    """What VMA v has in memory or in swap."""
    first, stop, pgoff = look.vmas[v][:3]
    area, base = look.area_of_vma[v], first & VPN_MASK
    a, b = look.mapped.tag.searchsorted([first, stop])
    vpn = [look.mapped.tag[a:b] & VPN_MASK]
    own, found = EMPTY, []
    mine = int(look.state.procs["private"][row])
    if not area.shared and mine != NONE:
        index, word = pages.words_of(look, mine)
        i, j = index.searchsorted([base, base + stop - first])
        own = index[i:j]
        vpn.append(own)
        found.append(word[i:j])
    if area.object != NONE:
        index, word = pages.words_of(look, area.object)
        i, j = index.searchsorted([pgoff, pgoff + stop - first])
        vpn.append(index[i:j] - pgoff + base)
        found.append(word[i:j])
    # the first of each page counts: its PTE, else the process's own page, else the file's
    every, at = np.unique(np.concatenate(vpn), return_index=True)
    word = np.concatenate([look.mapped.pte[a:b], *found])[at]
    number = np.concatenate([look.mapped.frame[a:b], *(w >> SHIFT for w in found)])[at]
    here = at < b - a
    state = np.where(here, MAPPED, np.where(word & RESIDENT, CACHED, np.where(word & SWAPPED, SWAP, UNTOUCHED)))
    file = np.full(len(every), area.file) & ~np.isin(every, own)
    return Present(every, state, file, number, np.where(here, word, 0))


def fill(look: Look, v: int, vpn: Array, npages: Array, c: Cells, p: Present) -> None:
    """Write what VMA v has into the cells of its process."""
    area = look.area_of_vma[v]
    first, stop, pgoff = look.vmas[v][:3]
    first, stop = first & VPN_MASK, (stop - 1 & VPN_MASK) + 1
    ours = np.flatnonzero((vpn < stop) & (vpn + npages > first))
    if not len(ours):
        return
    ends = first + look.object(area.object, "npages") - pgoff if area.file else stop
    rest = np.where(vpn[ours] >= ends, BEYOND, DISK) if area.file else UNTOUCHED
    c.state[ours] = np.maximum(c.state[ours], rest)
    c.file[ours] = area.file
    c.locked[ours] |= np.uint8(area.locked)
    low, high = p.vpn.searchsorted(vpn[ours]), p.vpn.searchsorted((vpn + npages)[ours])
    for k, state in enumerate((MAPPED, CACHED, SWAP)):
        upto = np.concatenate([[0], np.cumsum(p.state == state)])
        c.shares[ours, k] += (upto[high] - upto[low]) / npages[ours]
    some = high > low
    c.state[ours[some]], c.file[ours[some]] = p.state[low[some]], p.file[low[some]]
    single = some & (npages[ours] == 1)
    at, cells = low[single], ours[single]
    number, framed = p.number[at], p.state[at] != SWAP
    c.number[cells] = number
    facts = look.facts
    for field, fact in ((c.dirty, facts.dirty), (c.accessed, facts.accessed), (c.sharers, facts.ptes)):
        field[cells[framed]] = fact[number[framed]]
    c.locked[cells[framed]] |= facts.locked[number[framed]]
    c.sharers[cells[~framed]] = look.state.slots["refs"][number[~framed]]
    pte = p.pte[at]
    c.cow[cells] = (pte & P > 0) & (pte & W == 0) & (not area.shared) & area.writable
