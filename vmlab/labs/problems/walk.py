"""More levels: walks through small trees of tables, and how many tables real ones need. OSTEP, chapter 20; CS:APP, 9.6.3."""

from typing import NamedTuple

from ... import Machine, Map
from ...core.translation import Translation
from .answers import FAULT, Form, Value
from .draws import Draws
from .problem import Posed
from .scene import binary, placed, plural
from .tables import Table


class Walk(NamedTuple):
    """An address in a small tree. pages: (page, frame)."""

    index_bits: tuple[int, ...]
    page_size: int
    frames: int
    pages: tuple[tuple[int, int], ...]
    addr: int


class Tree(NamedTuple):
    """How many tables for `npages` pages, one every `stride` pages from `first` on."""

    mmu: str
    first: int
    npages: int
    stride: int


MMUS = {"x86-64": (9, 9, 9, 9), "sv39": (9, 9, 9), "i386": (10, 10)}  # bits of each index, topmost first
PAGE = 4096


def draw(d: Draws) -> Walk | Tree:
    if d.below(3) == 0:
        mmu = d.one_of(list(MMUS))
        leaf = 1 << MMUS[mmu][-1]
        stride = d.one_of([1, leaf // 2, leaf, 2 * leaf])
        return Tree(mmu, d.between(16, 3 * leaf), d.between(2, 700 if stride == 1 else 24), stride)
    bits = d.one_of([(2, 3), (3, 2), (2, 2), (3, 3), (2, 2, 2)])
    size, frames = 1 << d.between(4, 8), 1 << d.between(4, 6)
    npages = 1 << sum(bits)
    valid = d.some_of(range(1, npages), d.between(3, 6))
    pages = tuple(sorted(zip(valid, d.some_of(range(frames), len(valid)))))
    vpn = d.one_of(valid) if d.below(4) else d.one_of([v for v in range(npages) if v not in valid])
    return Walk(bits, size, frames, pages, vpn * size + d.below(size))


def pose(case: Walk | Tree) -> Posed:
    return _pose_walk(case) if isinstance(case, Walk) else _pose_tree(case)


# -- a walk ------------------------------------------------------------------------------------------------------------------


def _pose_walk(case: Walk) -> Posed:
    _, p = placed(case.index_bits, case.page_size, case.frames, dict(case.pages))
    t = p.translate(case.addr)
    answer: Value = t.physical if t.frame >= 0 else FAULT
    low = case.page_size.bit_length() - 1
    tables = _tables([p.translate(vpn * case.page_size) for vpn, _ in case.pages])
    columns = [tables[number] for number in sorted(tables)]
    heads = ("entry", *(f"table {n}{' (root)' if n == t.steps[0].table else ''}" for n in sorted(tables)))
    rows = tuple(
        (
            str(i),
            *(
                column.get(i, "-") if i < 1 << _bits_of(case, number, t, tables) else ""
                for number, column in zip(sorted(tables), columns)
            ),
        )
        for i in range(1 << max(case.index_bits))
    )
    steps = [("address in bits, index by index, then the offset", binary(case.addr, *case.index_bits, low))]
    for s in t.steps:
        if s.table >= 0:
            steps.append(
                (
                    f"level {s.level}: table {s.table}, entry {s.index}",
                    tables.get(s.table, {}).get(s.index, "not valid"),
                )
            )
    end = f"{t.frame} × {case.page_size} + {t.offset} = {t.physical:#x}" if t.frame >= 0 else FAULT
    levels = len(case.index_bits)
    return Posed(
        f"A virtual address has {sum(case.index_bits) + low} bits: {levels} indices of {_and(case.index_bits)} bits, topmost first,"
        f" and the offset into a page of {case.page_size} bytes. Memory has {case.frames} page frames for data. These are the page"
        f" tables of process P; an entry with - is not valid.",
        (Table("page tables", heads, rows),),
        f"P loads the byte at {case.addr:#x}. Which physical address is that? If there is none, the answer is: page fault.",
        Form.ADDRESS,
        answer,
        _wrong_walk(case, t, tables),
        Table(f"the walk for {case.addr:#x}", ("step", "result"), (*steps, ("end of the walk", end))),
        "Each index picks an entry of one table; all but the last name the next table, and the last names the frame."
        if t.frame >= 0
        else "The walk ends at the first entry that is not valid. The MMU raises a fault, and the tables below are never read.",
    )


def _tables(walks: list[Translation]) -> dict[int, dict[int, str]]:
    """The valid entries of each table that the walks of all pages go through."""
    out: dict[int, dict[int, str]] = {}
    for t in walks:
        for s, below in zip(t.steps, t.steps[1:]):
            out.setdefault(s.table, {})[s.index] = f"table {below.table}"
        out.setdefault(t.steps[-1].table, {})[t.steps[-1].index] = f"frame {t.frame}"
    return out


def _bits_of(case: Walk, number: int, t: Translation, tables: dict[int, dict[int, str]]) -> int:
    """The width of the index into a table: its depth is how many entries lead to it."""
    depth, at = 0, number
    while at != t.steps[0].table:
        at = next(n for n, entries in tables.items() if f"table {at}" in entries.values())
        depth += 1
    return case.index_bits[depth]


def _wrong_walk(case: Walk, t: Translation, tables: dict[int, dict[int, str]]) -> list[tuple[Value, str]]:
    size, held = case.page_size, dict(case.pages)
    wrong: list[tuple[Value, str]] = []
    if t.frame >= 0:
        wrong.append(
            (FAULT, "Every entry on the way is valid. A walk of many levels is what a TLB miss costs, and no fault.")
        )
        wrong.append(
            (
                t.frame + t.offset,
                "This adds the frame's number to the offset. A frame begins at its number times a page's size.",
            )
        )
    second = t.steps[1].table
    if second >= 0:
        wrong.append(
            (
                second * size + t.offset,
                "This stops at the root. Its entries name tables, and only the last level names frames.",
            )
        )
    for number, entries in sorted(tables.items()):
        found = entries.get(t.steps[-1].index, "")
        if found.startswith("frame ") and number != t.steps[-1].table:
            wrong.append(
                (
                    int(found[6:]) * size + t.offset,
                    "This reads the last entry in a table that the root does not lead to here.",
                )
            )
    vpn = t.vpn
    if len(case.index_bits) == 2:
        high, low = case.index_bits
        top, leaf = vpn >> low, vpn & (1 << low) - 1
        if top < 1 << low and leaf < 1 << high and (frame := held.get(leaf << low | top)) is not None:
            wrong.append(
                (frame * size + t.offset, "This takes the indices in the wrong order. The topmost bits index the root.")
            )
    wrong.append((case.addr, "This is the virtual address itself. Only the offset stays as it is."))
    wrong.append(
        (
            t.steps[0].index * size + t.offset,
            "This takes the index into the root for a frame. The entry is meant, not its place.",
        )
    )
    return wrong


def _and(bits: tuple[int, ...]) -> str:
    return ", ".join(map(str, bits[:-1])) + f" and {bits[-1]}"


# -- a tree ------------------------------------------------------------------------------------------------------------------


def _pose_tree(case: Tree) -> Posed:
    bits = MMUS[case.mmu]
    m = Machine(mmu=case.mmu, frames=max(2, case.npages), contents=False, swap=0, tlb=None, history=None)
    p = m.spawn("P")
    pages = [case.first + i * case.stride for i in range(case.npages)]
    if case.stride == 1:
        p.mmap(case.npages * PAGE, addr=pages[0] * PAGE, flags=Map.PRIVATE | Map.FIXED)
    else:
        for vpn in pages:
            p.mmap(PAGE, addr=vpn * PAGE, flags=Map.PRIVATE | Map.FIXED)
    p.access([vpn * PAGE for vpn in pages], True)
    answer = p.stat.ntables
    walks = [p.translate(vpn * PAGE).steps for vpn in pages]
    counts = [len({steps[k].table for steps in walks}) for k in range(len(bits))]
    rows = [(f"level {len(bits) - k}", plural(n, "table"), f"{1 << bits[k]:,}") for k, n in enumerate(counts)]
    leaf = 1 << bits[-1]
    last = pages[-1] + 1 - pages[0]
    where = (
        f"one after another from {pages[0] * PAGE:#x} on"
        if case.stride == 1
        else f"the first at {pages[0] * PAGE:#x}, and each of the others {case.stride * PAGE:#x} above the one before it"
    )
    return Posed(
        f"{case.mmu} has {len(bits)} levels of page tables, with indices of {_and(bits)} bits, and pages of {PAGE} bytes. Process P"
        f" has stored into {case.npages} pages: {where}. Nothing else is mapped.",
        (),
        "How many page tables does P have, the root among them?",
        Form.COUNT,
        answer,
        [
            (answer - 1, "The root is left out. It is a page table too, and every process has one."),
            (
                counts[-1],
                "These are the tables of the last level alone. Each of them is named by an entry of a table above it.",
            ),
            (
                len(bits),
                "This is one table a level, as a single page needs. Pages far from each other need tables of their own.",
            ),
            (case.npages, "This is a table a page. One table of the last level serves all pages in its reach."),
            (
                case.npages * len(bits),
                "This gives every page a way of its own. Pages near each other share the tables above them.",
            ),
            (
                answer + len(bits),
                "A table is made when a page in its reach is first used, and no level has one to spare.",
            ),
            (
                len(bits) - 1 + -(-last // leaf),
                "This rounds up the length. What counts is how many borders of a table's reach the pages lie across.",
            ),
        ],
        Table("tables that the walks of all pages go through", ("level", "tables", "entries of each"), tuple(rows)),
        "A table exists where a page in its reach was used. At each level count the different tables on the pages' ways.",
    )
