"""Lab 09: swap. Where a page without a frame is, and what it costs to send it out and bring it back. Its scenes are those of
the notebook's cells, made anew."""

from functools import cache
from typing import Any

from .. import Advice, KiB, Machine, MiB
from .lab import Exercise, Lab, Prediction, Puzzle, Slip

PAGE = 4 * KiB

# -- scenes ------------------------------------------------------------------------------------------------------------------


def _few(npages: int) -> tuple[Machine, Any, Any]:
    """A process that has stored into npages pages, one after the other, in 4 frames under FIFO."""
    m = Machine(frames=4, swap=16 * PAGE, policy="fifo", seed=0)
    p = m.spawn("p")
    area = p.mmap(npages * PAGE)
    p.access(area.pages, True)
    return m, p, area


def _laps() -> dict[str, Any]:
    """6 pages in 4 frames: two of them asleep, four dirty."""
    e, runner, six = _few(6)
    return {"e": e, "runner": runner, "six": six}


def _sixty() -> dict[str, Any]:
    """100 pages mapped, 60 of them stored into, 40 frames."""
    g = Machine(frames=40, policy="fifo", seed=0)
    filler = g.spawn("filler")
    hundred = filler.mmap(100 * PAGE)
    filler.access(hundred.pages[:60], True)
    return {"g": g, "filler": filler, "hundred": hundred}


def _strided() -> dict[str, Any]:
    """32 pages asleep, in the order 0, 8, 16, 24, 1, 9, 17, 25 ...; a fault reads 4 slots."""
    d = Machine(page_cluster=2, swap=1 * MiB, seed=0)
    walker = d.spawn("walker")
    spread = walker.mmap(32 * PAGE)
    spread.touch(True)
    for n in [k for first in range(8) for k in range(first, 32, 8)]:
        walker.madvise(spread.pages[n], PAGE, advice=Advice.PAGEOUT)
    return {"d": d, "walker": walker, "spread": spread}


# -- predictions -------------------------------------------------------------------------------------------------------------


def _moved(cost: Any) -> int:
    """Pages moved between frames and swap."""
    return int(cost.pswpin + cost.pswpout)


def _dirty_victim() -> int:
    _, p, area = _few(5)
    return _moved(p.access(area.pages[:1]))


def _clean_victim() -> int:
    _, p, area = _few(5)
    p.access(area.pages)  # each came back, and was only loaded from
    return _moved(p.access(area.pages[:1]))


def _first_store() -> int:
    m, _, _ = _few(4)
    return int(m.spawn("other").mmap(PAGE).touch(True).majflt)


def _cluster() -> int:
    m = Machine(swap=1 * MiB, page_cluster=3, seed=0)
    p = m.spawn("p")
    area = p.mmap(16 * PAGE)
    area.touch(True)
    p.madvise(area, advice=Advice.PAGEOUT)
    return int(p.access(area.pages[5:6]).pswpin)


# -- exercises ---------------------------------------------------------------------------------------------------------------


def _moved_in_laps() -> int:
    s = _laps()
    return sum(_moved(s["runner"].access(s["six"].pages)) for _ in range(3))


def _slots_in_use() -> int:
    s = _sixty()
    s["filler"].access(s["hundred"].pages[:10])
    rows = s["g"].meminfo().rows
    return int(rows["SwapTotal"] - rows["SwapFree"]) * KiB // PAGE


def _majors_of_walker() -> int:
    s = _strided()
    return int(s["walker"].access(s["spread"].pages[:24]).majflt)


def _said(k: int, n: int, r: int) -> str:
    times = "no loads" if r == 0 else f"{'once' if r == 1 else f'{r} times'} around"
    return f"{k} page{'s' * (k != 1)}, {n} frames, {times}"


def _rounds(k: int, n: int, r: int) -> list[tuple[str, ...]]:
    """Stores into k pages in n frames under LRU, then r rounds of loads, a row for each."""
    p = Machine(frames=n, swap=16 * PAGE, policy="lru", seed=0).spawn("P")
    area = p.mmap(k * PAGE)
    rows: list[tuple[str, ...]] = [("step", "written", "read")]
    for i in range(r + 1):
        run = p.access(area.pages, i == 0)
        rows.append(("the stores" if i == 0 else f"time {i} around", str(run.pswpout), str(run.pswpin)))
    return rows


@cache
def _moved_in_rounds(k: int, n: int, r: int) -> int:
    return sum(int(written) + int(read) for _, written, read in _rounds(k, n, r)[1:])


CASES = [(k, n, r) for k in range(1, 7) for n in range(2, 5) for r in range(4)]

LAB = Lab(
    "09",
    "What is in a PTE that has no frame?",
    predictions=(
        Prediction("a", "pages moved: one comes back, the victim was stored into", "come-back", _dirty_victim),
        Prediction("b", "the same, the victim came back and was only loaded from", "round", _clean_victim),
        Prediction("c", "major faults of a first store while all frames are full", "out", _first_store),
        Prediction("d", "pages that a major fault reads, page-cluster 3", "cluster", _cluster),
    ),
    exercises=(
        Exercise(
            "09.1",
            "pages",
            _moved_in_laps,
            "Each of the 18 loads finds its page in swap and reads it. Four victims were dirty, the pages that were in memory at"
            " the start: each is written once. After that every victim has its bytes in its slot.",
            slips=(
                Slip(
                    18,
                    "You counted the reads. Before the first load four pages are in memory that no slot has a copy of. What the"
                    " first load writes:",
                    "t = e.branch()\nt.process(runner).access(six.pages[:1]).pswpout",
                ),
                Slip(
                    36,
                    "You let every victim be written. One that came back and did not change since goes for nothing. What the last"
                    " round writes:",
                    "t = e.branch(); t.process(runner).access([*six.pages] * 2)\nt.process(runner).access(six.pages).pswpout",
                ),
                Slip(
                    24,
                    "You let each of the six pages be written once more. Two of them have slots with their bytes already:",
                    "runner.pagemap(six).slot.tolist()",
                ),
                Slip(
                    4,
                    "You counted the writes. But each page that is wanted has to be read as well; the major faults of the first"
                    " round:",
                    "t = e.branch()\nt.process(runner).access(six.pages).majflt",
                ),
            ),
            hints=(
                "Six pages in a circle, four frames: which loads find their page in a frame?",
                "Which pages have no copy in a slot when the loads begin? Each of them is a victim once.",
                "t = e.branch(), and .pswpin and .pswpout of each round there.",
            ),
            scene=_laps,
        ),
        Exercise(
            "09.2",
            "slots",
            _slots_in_use,
            "20 pages were out. The 10 that came back were only loaded from, so they keep their slots, and the 10 victims that"
            " made room for them took one each.",
            slips=(
                Slip(
                    20,
                    "You let a page give its slot back when it returns. It keeps the slot, in case it goes again unchanged."
                    " After one page came back, the swap cache in kB:",
                    "t = g.branch(); t.process(filler).load(hundred)\nt.meminfo().rows['SwapCached']",
                ),
                Slip(
                    40,
                    "100 mapped, 60 stored into: are the others in swap? A page that was never touched is nowhere. How many of"
                    " them have a slot:",
                    "filler.pagemap(hundred).swapped[60:].sum()",
                ),
                Slip(
                    60,
                    "You gave each page that was stored into a slot. A slot is taken when a page goes out, and not before. Of the"
                    " pages in frames, how many have one:",
                    "filler.pagemap(hundred).swapped[20:60].sum()",
                ),
                Slip(
                    10,
                    "You let the pages that came back leave their slots, and forgot the pages that had to go for them. What one"
                    " such load moves (out, in):",
                    "t = g.branch(); cost = t.process(filler).access(hundred.pages[:1])\ncost.pswpout, cost.pswpin",
                ),
            ),
            hints=(
                "How many pages are out of memory before the loads, and how many after them?",
                "What becomes of the slot of a page that came back and was only loaded from?",
                "meminfo() has SwapTotal and SwapFree, in kB; SwapCached says how much is in memory and in swap at once.",
            ),
            scene=_sixty,
        ),
        Exercise(
            "09.3",
            "faults",
            _majors_of_walker,
            "A read brings four neighbours in swap, and these lie 8 pages apart. So none of the first 8 loads finds its page;"
            " together they read everything, and the other 16 faults are minor.",
            slips=(
                Slip(
                    6,
                    "You divided the 24 pages by the four of a read, as if neighbours in the address space were neighbours in"
                    " swap. The slots of the first two pages:",
                    "walker.pagemap(spread).slot[:2].tolist()",
                ),
                Slip(
                    24,
                    "You let each page be read by itself. After one load, so many pages are in memory:",
                    "t = d.branch(); t.process(walker).load(spread)\nt.process(walker).mincore(spread).sum()",
                ),
                Slip(
                    12,
                    "You let a read bring two pages. page-cluster is an exponent. What one load reads:",
                    "t = d.branch()\nt.process(walker).access(spread.pages[:1]).pswpin",
                ),
            ),
            hints=(
                "Which pages lie in the four slots that the first load reads?",
                "Write down the slot of each page: the first pages of the address space lie far from one another in swap.",
                "walker.pagemap(spread).slot says which page lies where.",
            ),
            scene=_strided,
        ),
        Puzzle(
            "09.4",
            "lambda k, n, r: k * r",
            "lambda k, n, r: 0 if k <= n else k - n if r == 0 else k * (r + 1)",
            ("k", "n", "r"),
            tuple(
                sorted(
                    CASES, key=lambda case: (not (case[0] > 1 and case[2] > 0), abs(case[0] - case[1] - 1), case[::-1])
                )
            ),
            _moved_in_rounds,
            "Where the pages fit nothing moves. Else every load reads a page; and every page is written once, the first time it"
            " is the victim: some during the stores, the others in the first round.",
            slips=(
                Slip(
                    lambda k, n, r: k * r if k > n else 0,
                    "Your rule counts what is read. Each page was stored into, and goes out dirty once.",
                ),
                Slip(
                    lambda k, n, r: (k - n) + k * r if k > n else 0,
                    "Your rule writes only during the stores. Some pages are still dirty in their frames when the loads begin.",
                ),
                Slip(
                    lambda k, n, r: (k - n) + 2 * k * r if k > n else 0,
                    "Your rule writes every victim. One that came back and was only loaded from has its bytes in its slot.",
                ),
                Slip(lambda k, n, r: k * (r + 1), "Your rule moves pages also where all of them fit."),
            ),
            hints=(
                "Draw 3 pages in 2 frames: the stores, then once around.",
                "How often is each page written, at the most? And how often is it read?",
                'labs.step("09.4", k=3, n=2, r=2) shows one case.',
            ),
            said=_said,
            steps=_rounds,
        ),
    ),
    recorded={
        "host-swap": "SwapTotal 0 kB, page-cluster 3, swappiness 60",
        "host-page-out": "(100, 0, 0)",
    },
)
