"""Look: one moment of a machine, indexed for people. Made once for a redraw, thrown away when the machine changes.

The State is arrays of records, made for speed of the core; naming a page takes a dozen of their fields, and a screen
names some hundreds of pages. A Look turns what naming needs into plain lists and dicts, each when it is first asked
for.
"""

from bisect import bisect_right
from collections import defaultdict
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ..core.state import (
    ASID_SHIFT,
    DIRTY,
    FRAME_MASK,
    LOCKED,
    NONE,
    OBJECT,
    SHIFT,
    VMA,
    VPN_MASK,
    A,
    D,
    Kind,
    Mark,
    State,
    name_of,
)
from ..errors import shown

Array = np.ndarray[Any, Any]
LETTERS = 26  # processes with a letter; later ones go by their number
ONE_THING = Mark.SHARED | Mark.HEAP  # marks in which VMAs of one mapping agree


class Area(NamedTuple):
    """What a process calls one thing: neighbouring VMAs of one mapping, as mprotect leaves them behind, together."""

    row: int
    first: int  # page number of the first page
    stop: int
    object: int  # FILE or SHARED object, NONE for private anonymous memory
    number: int  # what its first page is called: the page of the file, else 0
    name: str
    perms: str  # of the VMA that was asked for
    shared: bool
    writable: bool
    locked: bool
    file: bool  # is the object a file?


class Mapped(NamedTuple):
    """Every PTE that maps a frame, sorted by tag: one row each."""

    tag: Array  # int64: process row << 48 | page number
    pte: Array  # int64: the word
    frame: Array  # int64


class FrameFacts(NamedTuple):
    """What is known of each frame: arrays with one element a frame."""

    ptes: Array  # int64: PTEs that map it
    owners: Array  # int64: page words that name it
    dirty: Array  # uint8
    accessed: Array  # uint8
    locked: Array  # uint8


class Look:
    """A State, and what naming its pages needs."""

    def __init__(self, state: State) -> None:
        self.state = state
        m = state.machine[0]
        self.page_size, self.page_shift = int(m.page_size), int(m.page_shift)
        self.levels = [(int(shift), int(mask)) for shift, mask in state.level.tolist()]  # the leaf first
        self.tables: dict[int, Any] = {}  # page words of objects, once they were asked for
        self._chains: dict[int, list[tuple[int, ...]]] = {}  # uses of frames, likewise

    def __repr__(self) -> str:
        return f"Look({len(self.living)} processes, {len(self.state.frames)} frames)"

    # -- processes -----------------------------------------------------------------------------------------------------

    @cached_property
    def living(self) -> list[int]:
        """The rows of the living processes, in order of start."""
        return sorted(self.state.procs["alive"].nonzero()[0].tolist(), key=self.pid.__getitem__)

    @cached_property
    def pid(self) -> list[int]:
        return self.state.procs["pid"].tolist()  # type: ignore[no-any-return]

    @cached_property
    def letter(self) -> list[str]:
        """Of each row: A to Z by order of start, then the pid."""
        return [chr(64 + p) if 1 <= p <= LETTERS else str(p) for p in self.pid]

    @cached_property
    def process(self) -> list[str]:
        """Of each row: 'A editor'."""
        return [f"{x} {n}".rstrip() for x, n in zip(self.letter, self.process_name)]

    @cached_property
    def process_name(self) -> list[str]:
        return [self.text(n) for n in self.state.procs["name"].tolist()]

    def text(self, name: int) -> str:
        """Name number `name`, fit to print."""
        return shown(name_of(self.state, name)) if name else ""

    # -- mappings ------------------------------------------------------------------------------------------------------

    @cached_property
    def vmas(self) -> list[Any]:
        """The rows of the VMA table, as tuples."""
        return self.state.vmas[: int(self.state.machine["nvma"][0])].tolist()  # type: ignore[no-any-return]

    @cached_property
    def firsts(self) -> list[int]:
        return [v[0] for v in self.vmas]

    @cached_property
    def objects(self) -> list[Any]:
        """The rows of the object table, as tuples (see `kind_of`, `file_name`)."""
        return self.state.objects.tolist()  # type: ignore[no-any-return]

    def object(self, obj: int, field: str) -> int:
        """One field of an object."""
        return int(self.objects[obj][_OBJECT[field]])

    def is_file(self, obj: int) -> bool:
        return obj != NONE and self.object(obj, "kind") == Kind.FILE

    def vma_at(self, row: int, vpn: int) -> int:
        """The VMA that covers a page, or NONE."""
        tag = (row << ASID_SHIFT) | vpn
        v = bisect_right(self.firsts, tag) - 1
        return v if v >= 0 and tag < self.vmas[v][1] else NONE

    def _joined(self, a: int, b: int) -> bool:
        """Are VMAs a and b, neighbours in the table, parts of one mapping?"""
        x, y = self.vmas[a], self.vmas[b]
        return bool(
            x[_VMA["stop"]] == y[_VMA["first"]]
            and x[_VMA["object"]] == y[_VMA["object"]]
            and x[_VMA["name"]] == y[_VMA["name"]]
            and x[_VMA["marks"]] & ONE_THING == y[_VMA["marks"]] & ONE_THING
            and x[_VMA["pgoff"]] + x[_VMA["stop"]] - x[_VMA["first"]] == y[_VMA["pgoff"]]
        )

    @cached_property
    def area_of_vma(self) -> list[Area]:
        """The area of each VMA."""
        n = len(self.vmas)
        begin, end = list(range(n)), list(range(n))
        for i in range(1, n):
            if self._joined(i - 1, i):
                begin[i] = begin[i - 1]
        for i in range(n - 2, -1, -1):
            if begin[i + 1] == begin[i]:
                end[i] = end[i + 1]
        return [self._area(i, begin[i], end[i]) for i in range(n)]

    def _area(self, v: int, a: int, b: int) -> Area:
        f = dict(zip(_VMA, self.vmas[v]))
        shared, obj, prot = bool(f["marks"] & Mark.SHARED), f["object"], f["prot"]
        if f["marks"] & Mark.HEAP:
            name = "[heap]"
        else:
            name = self.text(f["name"]) or (self.file_name(obj) if obj != NONE else "anonymous")
        return Area(
            f["first"] >> ASID_SHIFT,
            self.vmas[a][0] & VPN_MASK,
            (self.vmas[b][1] - 1 & VPN_MASK) + 1,
            obj,
            self.vmas[a][_VMA["pgoff"]] if obj != NONE else 0,
            name,
            permissions(prot, shared),
            shared,
            bool(prot & 2),
            bool(f["marks"] & Mark.LOCKED),
            self.is_file(obj),
        )

    def file_name(self, obj: int) -> str:
        """The name of a file or of shared memory."""
        return self.text(self.object(obj, "name")) or ("file" if self.is_file(obj) else "shared memory")

    @cached_property
    def areas(self) -> dict[int, list[Area]]:
        """The areas of each process, by address; one whose VMAs differ in rights counts once."""
        out: dict[int, list[Area]] = defaultdict(list)
        for a in self.area_of_vma:
            if not out[a.row] or out[a.row][-1].first != a.first:
                out[a.row].append(a)
        return out

    @cached_property
    def parts(self) -> dict[int, list[Area]]:
        """The VMAs of each process, by address: each as the part of its area that it is."""
        out: dict[int, list[Area]] = defaultdict(list)
        for a, v in zip(self.area_of_vma, self.vmas, strict=True):
            first = v[0] & VPN_MASK
            number = a.number + first - a.first
            out[a.row].append(a._replace(first=first, stop=(v[1] - 1 & VPN_MASK) + 1, number=number))
        return out

    def area(self, row: int, vpn: int) -> Area | None:
        """The area that holds a page, with the permissions of its VMA, or None."""
        v = self.vma_at(row, vpn)
        return None if v == NONE else self.area_of_vma[v]

    # -- frames --------------------------------------------------------------------------------------------------------

    @cached_property
    def mapped(self) -> Mapped:
        """All PTEs that map a frame."""
        s = self.state
        live = np.flatnonzero(s.uses["pte"] != NONE)
        tag = np.asarray(s.uses["tag"][live])
        order = np.argsort(tag, kind="stable")
        pte = s.tables[s.uses["pte"][live][order]]
        return Mapped(tag[order], pte, (pte >> SHIFT) & FRAME_MASK)

    def users_of(self, frame: int) -> list[tuple[int, int]]:
        """The PTEs that map a frame: (tag, word), by tag."""
        tables = self.state.tables
        return sorted((tag, int(tables[pte])) for _, pte, tag, _, _ in self._uses(frame) if pte != NONE)

    def owners_of(self, frame: int) -> list[tuple[int, int]]:
        """The pages that live in a frame: (object, index), sorted."""
        return sorted((obj, index) for page, _, _, index, obj in self._uses(frame) if page != NONE)

    def _uses(self, frame: int) -> list[tuple[int, ...]]:
        """The uses of a frame, (page, pte, tag, index, object) each: its row of the reverse map and those chained to it."""
        if frame not in self._chains:
            chain, at = [], frame if 0 <= frame < len(self.state.frames) else NONE
            while at != NONE:
                *use, at = self._rows[at].item()
                chain.append(tuple(use))
            self._chains[frame] = chain
        return self._chains[frame]

    @cached_property
    def _rows(self) -> Array:
        """The reverse map, its fields in the order of USE."""
        return np.asarray(self.state.uses)

    @cached_property
    def held(self) -> Array:
        """The frames that hold a page, ascending."""
        return np.asarray((self.state.uses["page"][: len(self.state.frames)] != NONE).nonzero()[0])

    @cached_property
    def facts(self) -> FrameFacts:
        """Counts and marks of all frames."""
        s = self.state
        n, m, marks = len(s.frames), self.mapped, np.asarray(s.frames["marks"])
        owned = np.flatnonzero(s.uses["page"] != NONE)
        owner = s.pages[s.uses["page"][owned]] >> SHIFT
        dirty = np.bincount(m.frame, m.pte & D, minlength=n) + (marks & DIRTY)
        return FrameFacts(
            np.bincount(m.frame, minlength=n),
            np.bincount(owner, minlength=n),
            (dirty > 0).astype(np.uint8),
            (np.bincount(m.frame, m.pte & A, minlength=n) > 0).astype(np.uint8),
            ((marks & LOCKED) > 0).astype(np.uint8),
        )


def look_at(s: "State | Look") -> Look:
    """A Look at a State; a Look is its own."""
    return s if isinstance(s, Look) else Look(s)


def permissions(prot: int, shared: bool) -> str:
    """As /proc/pid/maps prints them: rw-p."""
    return "".join(c if prot & b else "-" for c, b in (("r", 1), ("w", 2), ("x", 4))) + ("s" if shared else "p")


def _places(dtype: Any) -> dict[str, int]:
    return {name: i for i, name in enumerate(dtype.names)}


_VMA, _OBJECT = _places(VMA), _places(OBJECT)
