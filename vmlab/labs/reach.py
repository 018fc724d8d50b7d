"""Lab 03: the TLB. What it reaches, what empties an entry. Its scenes are those of the notebook's cells, made anew."""

from functools import cache
from typing import Any

import numpy as np

from .. import KiB, Machine, MiB
from .lab import Exercise, Lab, Prediction, Puzzle, Slip

PAGE = 4 * KiB
PER_PAGE = 8  # numbers on a page of the puzzle

# -- scenes ------------------------------------------------------------------------------------------------------------------


def _hundred() -> dict[str, Any]:
    """100 fresh pages, and 64 entries for any of them."""
    h = Machine(frames=128, tlb=(64, 64), seed=0)
    reader = h.spawn("reader")
    return {"h": h, "reader": reader, "hundred": reader.mmap(100 * PAGE)}


def _clean() -> dict[str, Any]:
    """12 pages in memory, never stored into, and none of them in the TLB once `writer` runs again."""
    c = Machine(asids=False, seed=0)
    writer = c.spawn("writer")
    twelve = writer.mmap(12 * PAGE)
    twelve.touch()
    c.spawn("other").mmap(PAGE).touch()
    return {"c": c, "writer": writer, "twelve": twelve}


# -- predictions -------------------------------------------------------------------------------------------------------------


@cache
def _walks() -> tuple[Any, Any]:
    """Four rows and four columns of the matrix of 1024 x 1024 numbers, every page in memory."""
    p = Machine(ram=8 * MiB, tlb=(64, 64), contents=False, seed=0).spawn("p")
    matrix = p.mmap(8 * MiB)
    p.access(matrix.pages)
    at = matrix.addr + 8 * np.arange(1024 * 1024).reshape(1024, 1024)
    return p.access(at[500:504].ravel()), p.access(at[:, :4].T.ravel())


def _comes_back() -> int:
    s = Machine(seed=0)
    mine, yours = (s.spawn(name).mmap(8 * PAGE) for name in "ab")
    mine.touch()
    yours.touch()
    return int(mine.touch().tlb_misses)


# -- exercises ---------------------------------------------------------------------------------------------------------------


def _twice_over() -> int:
    s = _hundred()
    return sum(int(s["reader"].access(s["hundred"].pages).tlb_misses) for _ in range(2))


def _walks_of_writer() -> int:
    s = _clean()
    return sum(int(s["writer"].access(s["twelve"].pages, store).walks) for store in (False, True, True, False))


def second_pass(nrows: int, row: int, ways: int) -> int:
    """Misses of the second pass down one column: nrows rows of `row` bytes, 64 entries."""
    s = Machine(ram=1 * MiB, tlb=(64, ways), seed=0).spawn("s")
    area = s.mmap(nrows * row)
    s.access(area.pages[:: row // PAGE])
    return int(s.access(area.pages[:: row // PAGE]).tlb_misses)


def _said(r: int, p: int, n: int) -> str:
    return f"{r} row{'s' * (r != 1)} of {p} page{'s' * (p != 1)}, {n} entries"


def _columns(r: int, p: int, n: int) -> list[tuple[str, ...]]:
    """A matrix of r rows, each p pages of 8 numbers, column by column, a row for each column."""
    m = Machine(frames=16, page_size=8 * PER_PAGE, mmu=(8,), tlb=(n, n), contents=False, swap=0)
    q = m.spawn("q")
    first = q.mmap(r * p * m.page_size).addr
    rows: list[tuple[str, ...]] = [("step", "misses", "hits")]
    for j in range(p * PER_PAGE):
        misses = int(q.access([first + i * p * m.page_size + 8 * j for i in range(r)]).tlb_misses)
        rows.append((f"column {j}", str(misses), str(r - misses)))
    return rows


@cache
def _misses(r: int, p: int, n: int) -> int:
    return sum(int(misses) for _, misses, _ in _columns(r, p, n)[1:])


CASES = [(r, p, n) for r in range(1, 7) for p in (1, 2) for n in range(2, 5)]

LAB = Lab(
    "03",
    "When is memory slow although nothing faults?",
    predictions=(
        Prediction("a", "page faults, 4 columns down", "down", lambda: int(_walks()[1].faults)),
        Prediction("b", "TLB misses, 4 rows along (4096 numbers)", "along", lambda: int(_walks()[0].tlb_misses)),
        Prediction(
            "c",
            "TLB misses in each 100 references, 4 columns down",
            "down",
            lambda: 100 * int(_walks()[1].tlb_misses) // int(_walks()[1].refs),
        ),
        Prediction("d", "TLB misses of a on its 8 pages, after b has run", "switch", _comes_back),
    ),
    exercises=(
        Exercise(
            "03.1",
            "misses",
            _twice_over,
            "Every reference misses, both times round. A loop over more pages than there are entries finds nothing under LRU:"
            " what it wants next is what went last. Half of the misses were faults too; the others were served by a walk.",
            slips=(
                Slip(
                    100,
                    "You counted the faults. The second time round every page is in memory, but that is not the TLB. After the"
                    " first time round, of the first page (in the TLB, in memory):",
                    "t = h.branch(); t.process(reader).access(hundred.pages)\n"
                    "t.process(reader).translate(hundred).tlb_hit, bool(t.process(reader).pagemap(hundred).present[0])",
                ),
                Slip(
                    136,
                    "You let the pages that fit stay, and only the others miss again. But each miss puts somebody out. When the"
                    " first page comes back, is the page at 36, which was in the TLB, still there?",
                    "t = h.branch(); t.process(reader).access(hundred.pages)\n"
                    "t.process(reader).access(hundred.pages[:1])\n"
                    "t.process(reader).translate(hundred.pages[36]).tlb_hit",
                ),
                Slip(
                    64,
                    "You let the TLB miss until it is full, and never again. It has to put a page out for each new one. The first"
                    " page, after one more reference than there are entries:",
                    "t = h.branch(); t.process(reader).access(hundred.pages[:65])\n"
                    "t.process(reader).translate(hundred).tlb_hit",
                ),
            ),
            hints=(
                "When the second time round begins, which pages are in the TLB?",
                "The first page misses. Whose entry does it take, and when is that one wanted?",
                "t = h.branch(); run both rounds there, and look at .tlb_misses of each.",
            ),
            scene=_hundred,
        ),
        Exercise(
            "03.2",
            "walks",
            _walks_of_writer,
            "The first loads miss: a walk each. The first stores find an entry that says the PTE is not dirty: a walk each, to"
            " set the bit. The last two rounds are served by the TLB.",
            slips=(
                Slip(
                    12,
                    "You counted the misses. But then nobody would ever have set the dirty bit. After the loads:",
                    "t = c.branch(); t.process(writer).access(twelve.pages)\nt.process(writer).translate(twelve).bits",
                ),
                Slip(
                    36,
                    "You let every store write through to the PTE. Once the bit is set there is nothing to write. The walks of the"
                    " second round of stores:",
                    "t = c.branch(); t.process(writer).access(twelve.pages, True)\n"
                    "t.process(writer).access(twelve.pages, True).walks",
                ),
                Slip(
                    48,
                    "You let every reference walk, as if there were no TLB. The walks of a second round of loads:",
                    "t = c.branch(); t.process(writer).access(twelve.pages)\nt.process(writer).access(twelve.pages).walks",
                ),
                Slip(
                    0,
                    "You took a walk for a fault. No fault happens here, but the MMU walks on its own. One load:",
                    "t = c.branch(); u = t.process(writer).access(twelve.pages[:1])\nu.faults, u.walks",
                ),
            ),
            hints=(
                "What does an entry know about the PTE that it was copied from?",
                "Take the four rounds one by one: which of them changes a bit of the PTE?",
                "t = c.branch(), and .walks of each round; the cell bits shows the same for one page.",
            ),
            scene=_clean,
        ),
        Exercise(
            "03.3",
            "misses",
            lambda: second_pass(36, 2 * PAGE, 4),
            "8 sets are used. Half of them have to hold 5 pages in 4 ways, and under LRU all 5 miss in turn; the other half hold"
            " 4 pages, which stay.",
            slips=(
                Slip(
                    0,
                    "64 entries are enough for 36 pages only if every set is used. Page numbers go up by two from row to row."
                    " How many of the 16 sets do they choose?",
                    "len({2 * k % 16 for k in range(36)})",
                ),
                Slip(
                    36,
                    "That is what 40 rows did: every set had one page too many. How many pages does each used set get from 36"
                    " rows?",
                    "[sum(2 * k % 16 == which for k in range(36)) for which in range(0, 16, 2)]",
                ),
                Slip(
                    4,
                    "You counted the pages that do not fit. But a set with one page too many does not lose only that one. 5"
                    " pages in one set of 4 ways, the second time round:",
                    "u = Machine(tlb=(4, 4)).spawn().mmap(5 * 4*KiB); u.touch()\nu.touch().tlb_misses",
                ),
            ),
            hints=(
                "Which sets do the pages of one column choose?",
                "Write down how many pages each of the used sets has to hold. Which sets can, and which cannot?",
                "A set that has one page too many is a loop that does not fit, as in 03.1.",
            ),
        ),
        Puzzle(
            "03.4",
            "lambda r, p, n: r * p",
            "lambda r, p, n: r * p if r <= n else r * p * 8",
            ("r", "p", "n"),
            tuple(sorted(CASES, key=lambda case: (case[0] == 1, abs(case[0] - case[2] - 1), case))),
            _misses,
            "While a column's pages fit, each page of the matrix misses once. One row too many, and every reference misses.",
            slips=(
                Slip(
                    lambda r, p, n: r * p * PER_PAGE,
                    "Your rule lets every reference miss, also where the pages of a whole column fit.",
                ),
                Slip(
                    lambda r, p, n: r * p,
                    "Your rule lets each page miss once, as if no entry ever had to make room.",
                ),
                Slip(
                    lambda r, p, n: p * (min(r, n) + max(r - n, 0) * PER_PAGE),
                    "Your rule lets n pages stay and the others miss. Which page goes when the first one too many comes?",
                ),
                Slip(
                    lambda r, p, n: r * p if r * p <= n else r * p * PER_PAGE,
                    "Your rule asks whether the matrix fits. A walk down the columns is in one page of each row at a time.",
                ),
            ),
            hints=(
                "Take one page in a row, and go down two columns: r = 2 and r = 3 with n = 2.",
                "How many other pages are used between two neighbours of the same row?",
                'labs.step("03.4", r=3, p=1, n=2) shows one case.',
            ),
            said=_said,
            steps=_columns,
        ),
    ),
    recorded={
        "host-faults": "[0, 0]",
        "host-tags": "pcid: yes; TLB: 3584 entries of 4 KiB",
    },
)
