"""VMAs: one table sorted by (process, address), so that a lookup is one binary search over tags.

njit code only reads it (find). System calls edit it in plain Python, through Vma rows: a few dozen rows, microseconds.
"""

from collections.abc import Sequence
from typing import NamedTuple

from ..jit import inline
from .state import ASID_SHIFT, NONE, VPN_MASK, Mark, State, longer


@inline
def find(s, tag):
    """The VMA that holds tag, or NONE. The last answer is tried first: faults come in runs."""
    m = s.machine[0]
    i = m.hint
    if i < m.nvma and s.vmas[i].first <= tag and tag < s.vmas[i].stop:
        return i
    low = 0
    high = m.nvma
    while low < high:  # low: how many VMAs are known to start at or below tag
        middle = (low + high) >> 1
        if s.vmas[middle].first <= tag:
            low = middle + 1
        else:
            high = middle
    if low > 0 and tag < s.vmas[low - 1].stop:
        m.hint = low - 1
        return low - 1
    return NONE


class Vma(NamedTuple):
    """A row of s.vmas for Python: read with `rows`, changed with _replace, written back with `splice`."""

    first: int  # tag of the first page
    stop: int  # tag after the last page
    pgoff: int  # page of the object at `first`; of private anonymous memory, the page number it was made at
    object: int  # FILE or SHARED object; NONE: private anonymous
    prot: int  # PROT_* bits
    marks: int  # Mark bits
    file: int  # the open file description it was made through, or NONE
    anon: int  # nonzero once it had a private page of its own (Linux: anon_vma); negative if that came by fork
    name: int  # into s.names

    @property
    def row(self) -> int:
        """The process's row."""
        return self.first >> ASID_SHIFT

    @property
    def vpn(self) -> int:
        """The first page number."""
        return self.first & VPN_MASK

    @property
    def npages(self) -> int:
        return self.stop - self.first

    @property
    def shared(self) -> bool:
        return bool(self.marks & Mark.SHARED)

    @property
    def perms(self) -> str:
        """As /proc/pid/maps prints them: rw-p."""
        bits = "".join(c if self.prot & b else "-" for c, b in (("r", 1), ("w", 2), ("x", 4)))
        return bits + ("s" if self.shared else "p")


def lowest_page(task_pages: int) -> int:
    """The lowest page a program may map: 64 KiB up as Linux's mmap_min_addr, or just above page 0 in tiny address spaces."""
    return 16 if task_pages > 1 << 16 else 1


def touching(s: State, first: int, stop: int) -> tuple[int, int]:
    """(i, j): rows i..j-1 are the VMAs that share a page with tags first..stop-1."""
    n = int(s.machine["nvma"][0])
    i = int(s.vmas["stop"][:n].searchsorted(first, "right"))
    j = int(s.vmas["first"][:n].searchsorted(stop, "left"))
    return i, j


def at(s: State, row: int, vpn: int) -> int:
    """The row of the VMA that holds a page of a process, or NONE."""
    if vpn > VPN_MASK:
        return NONE
    i, j = touching(s, row << ASID_SHIFT | vpn, (row << ASID_SHIFT | vpn) + 1)
    return i if i < j else NONE


def rows(s: State, i: int, j: int) -> list[Vma]:
    """Rows i..j-1."""
    return [Vma(*r) for r in s.vmas[i:j].tolist()]


def of_process(s: State, row: int) -> list[Vma]:
    """The VMAs of the process in `row`, by address."""
    return rows(s, *touching(s, row << ASID_SHIFT, (row + 1) << ASID_SHIFT))


def splice(s: State, i: int, j: int, new: Sequence[Vma]) -> State:
    """Put `new` in place of rows i..j-1. Returns the state: another one if the table had to grow."""
    n = int(s.machine["nvma"][0])
    more = len(new) - (j - i)
    if n + more > len(s.vmas):
        s = s._replace(vmas=longer(s.vmas, max(len(s.vmas), more)))
    table = s.vmas
    if more:
        table[i + len(new) : n + more] = table[j:n].copy()
    for k, v in enumerate(new):
        table[i + k] = tuple(v)
    s.machine["nvma"][0] = n + more
    s.machine["hint"][0] = 0
    return s


def part(v: Vma, first: int, stop: int) -> Vma | None:
    """The part of v within tags first..stop-1, or None."""
    a, b = max(v.first, first), min(v.stop, stop)
    return v._replace(first=a, stop=b, pgoff=v.pgoff + a - v.first) if a < b else None


def mergeable(a: Vma, b: Vma) -> bool:
    """May a and its neighbour b be one VMA? (mm/vma.c, is_mergeable_vma and can_vma_merge_after.)"""
    return (
        a.stop == b.first
        and a[3:7] == b[3:7]  # object, prot, marks, file
        and a.name == b.name
        and a.pgoff + a.npages == b.pgoff
        and (a.anon == b.anon or (not a.anon and b.anon > 0) or (not b.anon and a.anon > 0))
    )


def merged(new: Sequence[Vma]) -> list[Vma]:
    """Neighbours that may be one, made one."""
    out: list[Vma] = []
    for v in new:
        if out and mergeable(out[-1], v):
            out[-1] = out[-1]._replace(stop=v.stop, anon=out[-1].anon or v.anon)
        else:
            out.append(v)
    return out
