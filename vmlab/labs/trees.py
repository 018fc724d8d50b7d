"""Lab 02: page tables as trees. How many tables a program has is what its machine made while pages were touched."""

from collections.abc import Iterable
from functools import cache

from .. import GiB, KiB, Machine, Map, MiB
from .lab import Exercise, Lab, Prediction, Puzzle, Slip

PAGE = 4 * KiB
FIXED = Map.PRIVATE | Map.FIXED


def _tables(addresses: Iterable[int], mmu: str | tuple[int, ...] = "x86-64", page_size: int = PAGE) -> int:
    """The page tables of a program that has touched these pages."""
    p = Machine(mmu=mmu, page_size=page_size, frames=4096, swap=0, contents=False).spawn("p")
    for addr in addresses:
        p.mmap(page_size, addr=addr, flags=FIXED)
        p.access([addr], True)
    return int(p.stat.ntables)


def _before_touching() -> int:
    p = Machine(frames=64).spawn("p")
    p.mmap(PAGE)
    return int(p.stat.ntables)


def _of_a_gib() -> int:
    """A page of each leaf table is enough: the other 511 of it bring no table."""
    return _tables(range(GiB, 2 * GiB, 2 * MiB))


# -- exercises ---------------------------------------------------------------------------------------------------------------


def _straddling() -> int:
    p = Machine(frames=4096, swap=0, contents=False).spawn("p")
    p.mmap(8 * MiB, addr=GiB - MiB, flags=FIXED).touch(True)
    return int(p.stat.ntables)


def _kb_of_two() -> int:
    p = Machine(mmu="sv39", frames=16).spawn("p")
    for addr in (GiB, 101 * GiB):
        p.mmap(PAGE, addr=addr, flags=FIXED).touch(True)
    return int(p.status().rows["VmPTE"])


def _said(n: int, levels: int) -> str:
    return f"{n} page{'s' * (n != 1)}, each below an entry of its own in the root; {levels} level{'s' * (levels != 1)}"


def _steps(n: int, levels: int) -> list[tuple[str, ...]]:
    p = Machine(mmu=(2,) * levels, page_size=16, frames=8).spawn("p")
    below = 4 ** (levels - 1) * 16
    rows: list[tuple[str, ...]] = [("step", "new tables", "tables")]
    for i in range(1, n + 1):
        before = p.stat.ntables
        p.mmap(16, addr=i * below, flags=FIXED).touch(True)
        rows.append((f"a page below entry {i}", str(p.stat.ntables - before), str(p.stat.ntables)))
    return rows


@cache
def _apart(n: int, levels: int) -> int:
    return int(_steps(n, levels)[-1][-1])


LAB = Lab(
    "02",
    "Page tables are trees",
    predictions=(
        Prediction("a", "page tables once one page is mapped, and not touched", "promise", _before_touching),
        Prediction("b", "page tables once that page is stored into", "first", lambda: _tables([GiB])),
        Prediction("c", "page tables for 1 GiB, all of it stored into", "gib", _of_a_gib),
        Prediction(
            "d",
            "page tables for 256 pages, one in each 512 GiB",
            "scattered",
            lambda: _tables(i * 512 * GiB + MiB for i in range(256)),
        ),
    ),
    exercises=(
        Exercise(
            "02.1",
            "tables",
            lambda: _tables([GiB, GiB + PAGE, GiB + 2 * MiB]),
            "The first page needs a table at each level. The second is in the same leaf, so it adds none. The third lies 2 MiB"
            " away, past the end of that leaf: one more leaf, below the same three.",
            slips=(
                Slip(
                    12,
                    "You gave every page a path of its own. Paths share the tables above the point where they part. Two pages"
                    " side by side:",
                    "t = Machine(frames=8).spawn('t'); t.mmap(8*KiB).touch(True)\nt.stat.ntables",
                ),
                Slip(
                    4,
                    "You let all three share one leaf. A leaf has 512 entries, for 2 MiB. Look at the indexes at both ends of"
                    " such a stretch:",
                    "t = Machine(frames=8).spawn('t')\n"
                    "[[s.index for s in t.translate(1*GiB + x).steps] for x in (0, 2*MiB - 4*KiB, 2*MiB)]",
                ),
                Slip(
                    6,
                    "You gave every page a leaf of its own. A leaf maps 512 pages. See whether a neighbour adds a table:",
                    "t = Machine(frames=8).spawn('t'); two = t.mmap(8*KiB, addr=1*GiB).pages\n"
                    "t.access(two[:1]); before = t.stat.ntables; t.access(two[1:])\n"
                    "t.stat.ntables - before",
                ),
                Slip(
                    3,
                    "You counted a table for each page. What stands between the root and a page's leaf? One page alone:",
                    "t = Machine(frames=8).spawn('t'); t.mmap(4*KiB).touch(True)\nt.stat.ntables",
                ),
                Slip(
                    1,
                    "This is one table for all, a linear one. How large would it be for the 2**35 pages of a program here, in"
                    " GiB, at 8 bytes an entry?",
                    "8 * 2**35 // GiB",
                ),
            ),
            hints=(
                "Which of the pages have the same indexes, and at which levels?",
                "Write the four indexes of each page below one another. A table is shared as far as all indexes before it are"
                " equal.",
                "p.translate(1*GiB + 2*MiB) shows the indexes, also of a page that is not mapped.",
            ),
        ),
        Exercise(
            "02.2",
            "tables",
            _straddling,
            "1 MiB lies below the border and takes a leaf and an L2 of its own; the 7 MiB above it take four leaves below"
            " another L2. With L3 and the root that is all.",
            slips=(
                Slip(
                    7,
                    "You divided 8 MiB by 2 MiB and took the tables above as one path. Where a mapping begins matters. Two pages"
                    " on either side of 1 GiB, against two above it:",
                    "c, d = (Machine(frames=8).spawn('t') for _ in 'cd')\n"
                    "c.mmap(8*KiB, addr=1*GiB - 4*KiB).touch(True); d.mmap(8*KiB, addr=1*GiB).touch(True)\n"
                    "c.stat.ntables - d.stat.ntables",
                ),
                Slip(
                    8,
                    "You saw that there is a leaf more. 1 GiB is where an L2 ends as well. The indexes on either side of it:",
                    "t = Machine(frames=8).spawn('t')\n"
                    "[[s.index for s in t.translate(1*GiB - x).steps] for x in (4*KiB, 0)]",
                ),
                Slip(
                    5,
                    "You counted the leaves only. The tables above them are tables too. One page:",
                    "t = Machine(frames=8).spawn('t'); t.mmap(4*KiB).touch(True)\nt.stat.ntables",
                ),
                Slip(
                    4,
                    "You divided 8 MiB by 2 MiB. The mapping begins in the middle of a leaf, and there are tables above leaves."
                    " One page:",
                    "t = Machine(frames=8).spawn('t'); t.mmap(4*KiB).touch(True)\nt.stat.ntables - 1",
                ),
                Slip(
                    2048,
                    "This is the number of pages. A leaf maps 512 of them. Two neighbours, how many tables more than one page?",
                    "c, d = (Machine(frames=8).spawn('t') for _ in 'cd')\n"
                    "c.mmap(8*KiB, addr=1*GiB).touch(True); d.mmap(4*KiB, addr=1*GiB).touch(True)\n"
                    "c.stat.ntables - d.stat.ntables",
                ),
            ),
            hints=(
                "Where are the borders of 2 MiB, and which of them is one of 1 GiB too?",
                "Draw the stretch as a line and mark the borders. Count the pieces at each level.",
                "p.translate(x) for the first and the last address shows which indexes differ.",
            ),
        ),
        Exercise(
            "02.3",
            "kB",
            _kb_of_two,
            "An entry of Sv39's root stands for 1 GiB, so the paths part at the root: one root, and two tables below it for each"
            " of the two pages, of 4 kB each.",
            slips=(
                Slip(
                    5,
                    "You counted tables. How large is one? A page and its tables on this machine:",
                    "t = Machine(mmu='sv39', frames=8).spawn('t'); t.mmap(4*KiB).touch(True)\n"
                    "t.stat.ntables, t.status().rows['VmPTE']",
                ),
                Slip(
                    24,
                    "You gave each page a root of its own. A program has one root. How many tables does a second page add, as"
                    " far away as can be?",
                    "t = Machine(mmu='sv39', frames=8).spawn('t'); t.mmap(4*KiB, addr=1*GiB).touch(True)\n"
                    "before = t.stat.ntables; t.mmap(4*KiB, addr=200*GiB).touch(True)\n"
                    "t.stat.ntables - before",
                ),
                Slip(
                    12,
                    "You let both pages use one path. Their indexes differ from the first on:",
                    "t = Machine(mmu='sv39', frames=8).spawn('t')\n"
                    "[[s.index for s in t.translate(x*GiB).steps] for x in (1, 101)]",
                ),
                Slip(
                    8,
                    "This is the memory of the two pages. The tables that lead to them are memory as well. For one page:",
                    "t = Machine(mmu='sv39', frames=8).spawn('t'); t.mmap(4*KiB).touch(True)\nt.status().rows['VmPTE']",
                ),
            ),
            hints=(
                "At which level do the two paths part?",
                "How many bytes does an entry stand for, in the leaf, above it, and in the root?",
                "Machine(mmu='sv39') has three levels; p.status() prints VmPTE.",
            ),
        ),
        Puzzle(
            "02.4",
            "lambda n, levels: n * levels",
            "lambda n, levels: 1 + n * (levels - 1)",
            ("n", "levels"),
            ((2, 3), (3, 4), (2, 2), (3, 3), (2, 4), (3, 2), (1, 2), (1, 3), (1, 4), (2, 1), (3, 1), (1, 1)),
            _apart,
            "All paths begin in the one root and have nothing else in common, so each adds a table at every level below it.",
            slips=(
                Slip(lambda n, levels: n * levels, "Your rule gives each page a root of its own. A program has one."),
                Slip(
                    lambda n, levels: levels + n - 1,
                    "Your rule lets the paths part at the leaf. These part at the root already.",
                ),
                Slip(lambda n, levels: levels, "Your rule lets all pages use one path."),
                Slip(lambda n, levels: n + 1, "Your rule has two levels, however many there are."),
            ),
            hints=(
                "Draw n = 2 and levels = 3. Which table do both paths read?",
                "How many tables does one page more add?",
                'labs.step("02.4", n=3, levels=3) shows one case, page by page.',
            ),
            said=_said,
            steps=_steps,
        ),
    ),
    recorded={"host-tables": "256"},
)
