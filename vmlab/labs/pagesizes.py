"""Lab 13: pages of other sizes, and traces of real programs. Its scenes are those of the notebook's cells, made anew."""

from functools import cache
from typing import Any

import numpy as np

from .. import KiB, Machine, MiB
from ..trace import Watch
from .lab import Exercise, Lab, Prediction, Puzzle, Slip

SIZES = {
    4 * KiB: (9, 9, 9, 9),
    64 * KiB: (6, 13, 13),
    2 * MiB: (9, 9, 9),
}  # of a page: index bits of x86-64, arm64, x86-64
REAL_PAGES = 65  # of the loads and stores in notebooks/data/true.lackey.gz, which is not installed with vmlab

# -- scenes ------------------------------------------------------------------------------------------------------------------


def machine(size: int, entries: int = 32) -> Machine:
    """The notebook's machine."""
    bits = SIZES[size]
    return Machine(ram=128 * MiB, page_size=size, mmu=bits, tlb=(entries, entries), contents=False, swap=0, seed=0)


def _tall() -> dict[str, Any]:
    """384 rows of 4 KiB on 24 pages of 64 KiB, and 16 entries."""
    k = machine(64 * KiB, 16)
    walker = k.spawn("walker")
    return {"k": k, "walker": walker, "tall": walker.mmap(384 * 4 * KiB)}


def _spots() -> dict[str, Any]:
    """30 places, 40 KiB apart, on pages of 64 KiB; nothing is stored there yet."""
    u = machine(64 * KiB)
    owner = u.spawn("owner")
    spread = owner.mmap(2 * MiB)
    return {"u": u, "owner": owner, "spread": spread, "spots": spread.addr + 40 * KiB * np.arange(30)}


def formula(watch: Watch) -> Any:
    """a * b + d, 8 pages each."""
    a, b, d = (watch(np.ones(4096)) for _ in "abd")
    return a * b + d


@cache
def _formula() -> dict[str, Any]:
    """The pages that the formula touches, in order."""
    with Watch() as watch:
        formula(watch)
    return {"touched": np.asarray(watch.trace)}


# -- predictions -------------------------------------------------------------------------------------------------------------


@cache
def _columns(size: int) -> int:
    """Misses of two columns of a matrix of 256 rows, 4 KiB each."""
    p = machine(size).spawn("p")
    at = p.mmap(1 * MiB).addr + 8 * np.arange(256 * 512).reshape(256, 512)
    return int(p.access(at[:, :2].T.ravel()).tlb_misses)


def _scattered() -> int:
    """MiB of frames after 40 stores, 2 MiB apart, on pages of 2 MiB."""
    p = machine(2 * MiB).spawn("p")
    area = p.mmap(80 * MiB)
    p.access(area.addr + 2 * MiB * np.arange(40), True)
    return int(p.status().rows["VmRSS"]) * KiB // MiB


# -- exercises ---------------------------------------------------------------------------------------------------------------


def _down_three() -> int:
    s = _tall()
    column = s["tall"].addr + 4 * KiB * np.arange(384)
    return sum(int(s["walker"].access(column + 8 * j).tlb_misses) for j in range(3))


def _resident() -> int:
    s = _spots()
    s["owner"].access(s["spots"], True)
    return int(s["owner"].status().rows["VmRSS"])


def _misses_of_formula() -> int:
    from .. import replay

    return replay(_formula()["touched"], "lru", frames=4).faults


# -- puzzle ------------------------------------------------------------------------------------------------------------------

ROW = 64  # bytes of a row, and of the smallest page


def _said(r: int, g: int, n: int, c: int) -> str:
    return f"{c} column{'s' * (c != 1)} of {r} row{'s' * (r != 1)}, {g} on a page, {n} entries"


@cache
def _walk(r: int, g: int, n: int, c: int) -> list[tuple[str, ...]]:
    """c columns of a matrix of r rows, g on a page, a row for each column."""
    m = Machine(frames=16, page_size=ROW * g, mmu=(8,), tlb=(n, n), contents=False, swap=0)
    q = m.spawn("q")
    first = q.mmap(r * ROW).addr
    rows: list[tuple[str, ...]] = [("step", "misses", "hits")]
    for j in range(c):
        misses = int(q.access([first + ROW * i + 8 * j for i in range(r)]).tlb_misses)
        rows.append((f"column {j}", str(misses), str(r - misses)))
    return rows


def _misses(r: int, g: int, n: int, c: int) -> int:
    return sum(int(misses) for _, misses, _ in _walk(r, g, n, c)[1:])


def _plainest(case: tuple[int, ...]) -> tuple[Any, ...]:
    """Cases that tell most come first: two columns, pages that rows share, one page more than there are entries."""
    r, g, n, c = case
    return c != 2, g == 1, abs(-(-r // g) - n - 1), r == 1, case


CASES = [(r, g, n, c) for r in range(1, 8) for g in (1, 2, 4) for n in (2, 3) for c in (1, 2, 3)]

LAB = Lab(
    "13",
    "Are bigger pages better?",
    predictions=(
        Prediction("a", "TLB misses, 2 columns down, pages of 4 KiB", "columns", lambda: _columns(4 * KiB)),
        Prediction("b", "the same, pages of 64 KiB", "columns", lambda: _columns(64 * KiB)),
        Prediction("c", "MiB of frames for 40 scattered bytes, pages of 2 MiB", "scattered", _scattered),
        Prediction("d", "pages of 4 KiB in 15,000 references of a real program", "real", lambda: REAL_PAGES),
    ),
    exercises=(
        Exercise(
            "13.1",
            "misses",
            _down_three,
            "16 rows share a page, so a column is on 24 pages. 16 entries cannot hold them: when the next column begins, its first"
            " page has gone, and so on down. Every column misses once a page.",
            slips=(
                Slip(
                    24,
                    "You let each page miss once, as where all of a column's pages fit. When the second column begins, is the"
                    " first page still in the TLB?",
                    "t = k.branch(); t.process(walker).access(tall.pages)\nt.process(walker).translate(tall).tlb_hit",
                ),
                Slip(
                    1152,
                    "You gave each row a page of its own. The pages of rows 0, 1, 2, 15 and 16:",
                    "[4*KiB * nth // k.page_size for nth in (0, 1, 2, 15, 16)]",
                ),
                Slip(
                    40,
                    "You let the pages that fit stay, and only the others miss again. But each miss puts somebody out. After the"
                    " first page of the second column, is the page at 8, which was in the TLB, still there?",
                    "t = k.branch(); t.process(walker).access(tall.pages)\n"
                    "t.process(walker).access(tall.pages[:1])\n"
                    "t.process(walker).translate(tall.pages[8]).tlb_hit",
                ),
                Slip(
                    48,
                    "You let the TLB miss until it is full, in each column, and no more. Then a page would be found that was never"
                    " loaded. The page at 20, after the 16 before it were loaded:",
                    "t = k.branch(); t.process(walker).access(tall.pages[4:20])\n"
                    "t.process(walker).translate(tall.pages[20]).tlb_hit",
                ),
            ),
            hints=(
                "How many rows lie on one page? So how many pages is a column on?",
                "Is that more or less than there are entries? What does LRU do to a circle that does not fit?",
                "t = k.branch(), and .tlb_misses of t.process(walker).access(...) for one column, then for the next.",
            ),
            scene=_tall,
        ),
        Exercise(
            "13.2",
            "kB",
            _resident,
            "Places 40 KiB apart are nearer than a page is long: some pages get two stores, and none is left out. The"
            " last place is 1,160 KiB from the first, on the 19th page, and frames come whole.",
            slips=(
                Slip(
                    1920,
                    "You gave each store a page of its own. On which pages are the first five places?",
                    "[int(spot - spread.addr) // u.page_size for spot in spots[:5]]",
                ),
                Slip(
                    120,
                    "You counted frames of 4 kB. What one store takes here:",
                    "t = u.branch(); t.process(owner).access(spots[:1], True)\nt.process(owner).status().rows['VmRSS']",
                ),
                Slip(
                    1160,
                    "That is the distance from the first place to the last. Frames come whole. After stores into the first and the"
                    " third place, 80 KiB apart:",
                    "t = u.branch(); t.process(owner).access(spots[:3:2], True)\nt.process(owner).status().rows['VmRSS']",
                ),
                Slip(
                    2048,
                    "You counted all that is mapped. Frames come at the first store. Before it:",
                    "owner.status().rows['VmRSS']",
                ),
                Slip(
                    19,
                    "That is how many pages, and the question asks for kB. The size of one:",
                    "u.page_size // KiB",
                ),
            ),
            hints=(
                "Draw a ruler with a mark every 64 KiB and a cross every 40 KiB.",
                "In which space between two marks is there no cross? On which page is the last cross?",
                "(spots - spread.addr) // u.page_size gives the page of each place.",
            ),
            scene=_spots,
        ),
        Exercise(
            "13.3",
            "misses",
            _misses_of_formula,
            "numpy goes over memory twice: a, b and the product, then the product, d and the result, three pages at a time. 8 pages"
            " of each, so 24 misses the first time, and 24 again: when the product is loaded its pages have left the TLB.",
            slips=(
                Slip(
                    40,
                    "You let each page miss once. How many other pages are used between the last store into the product's first"
                    " page and the load of it?",
                    "stored, loaded = 511 * 3 + 2, 4096 * 3\nlen(set(touched[stored + 1:loaded].tolist()))",
                ),
                Slip(
                    32,
                    "You counted a, b, d and the result. Where is a * b until d is added to it? The arrays that are touched, 8"
                    " pages each:",
                    "len(set(touched.tolist())) // 8",
                ),
                Slip(
                    24,
                    "That is one time over memory. How many references are there for each of the 4096 elements?",
                    "len(touched) // 4096",
                ),
                Slip(
                    24576,
                    "You let every reference miss. But only three pages are in use at a time. In small:",
                    "replay('1 2 3 1 2 3 1 2 3', 'lru', frames=4).faults",
                ),
            ),
            hints=(
                "In which order does numpy work on a * b + d? What does it do first, and where does it put the result?",
                "Write down the pages for the first two elements of each of the two steps. How many different ones at a time?",
                "labs.report(formula, entries=4), and the same with entries=40.",
            ),
            scene=_formula,
        ),
        Puzzle(
            "13.4",
            "lambda r, g, n, c: r * c",
            "lambda r, g, n, c: -(-r // g) * (1 if -(-r // g) <= n else c)",
            ("r", "g", "n", "c"),
            tuple(sorted(CASES, key=_plainest)),
            _misses,
            "A column is on r / g pages, rounded up. If the TLB holds them all, only the first column misses; one page too many,"
            " and every column misses on every page.",
            slips=(
                Slip(
                    lambda r, g, n, c: c * -(-r // g),
                    "Your rule lets every column miss anew, also where the pages of one fit.",
                ),
                Slip(
                    lambda r, g, n, c: -(-r // g),
                    "Your rule lets each page miss once, as if no entry ever had to make room.",
                ),
                Slip(
                    lambda r, g, n, c: r * (1 if r <= n else c),
                    "Your rule gives each row a page of its own.",
                ),
                Slip(
                    lambda r, g, n, c: r // g * (1 if r // g <= n else c),
                    "Your rule rounds down: rows that do not fill a page lie on one too.",
                ),
                Slip(
                    lambda r, g, n, c: -(-r // g) * (1 if r <= n else c),
                    "Your rule asks whether the rows fit. What the TLB holds are pages.",
                ),
            ),
            hints=(
                "Take one row a page first, g = 1: r = 2 and r = 3 with n = 2.",
                "How many pages is a column on, if g rows share one? What if r is no multiple of g?",
                'labs.step("13.4", r=5, g=2, n=2, c=2) shows one case.',
            ),
            said=_said,
            steps=_walk,
        ),
    ),
    recorded={
        "host-faults": "({'MADV_NOHUGEPAGE': 2048, 'MADV_HUGEPAGE': 4}, 'madvise')",
        "host-waste": "{'MADV_NOHUGEPAGE': [(4, 0), (4, 0)], 'MADV_HUGEPAGE': [(2048, 2048), (2044, 0)]}",
    },
)
