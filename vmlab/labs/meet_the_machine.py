"""Lab 00: the tour. Its predictions are about its own machine, its exercises about small machines of their own."""

import itertools

from .. import KiB, Machine, Process, Prot
from .lab import Exercise, Lab, Prediction, Puzzle, Slip

PAGE = 4 * KiB


# -- predictions: the notebook's machine, as far as each of them needs it --------------------------------------------------


def _frames_after_mmap() -> int:
    m = Machine(frames=32)
    p = m.spawn("editor")
    p.mmap(38 * PAGE, file=m.create("alice.txt", 38 * PAGE), prot=Prot.READ)
    return p.stat.rss


def _read_for_one_byte() -> int:
    m = Machine(frames=32)
    text = m.spawn("editor").mmap(38 * PAGE, file=m.create("alice.txt", 38 * PAGE), prot=Prot.READ)
    with m.measure() as cost:
        text[24]
    return cost.pgpgin


def _copied_by_fork() -> int:
    m = Machine(frames=32)
    p = m.spawn("editor")
    p.mmap(8 * PAGE).touch(True)
    with m.measure() as cost:
        p.fork("child")
    return cost.copies


def _faults_of_loads_again() -> int:
    m = Machine(frames=32)
    big = m.spawn("editor").mmap(40 * PAGE)
    big.touch(True)
    return int(big.touch().faults)


# -- exercises ---------------------------------------------------------------------------------------------------------------


def _first_touches() -> int:
    m = Machine(frames=32)
    p = m.spawn("p")
    area = p.mmap(9 * PAGE)
    with m.measure() as cost:
        p.access(area.pages[:4], True)
        area.touch()
        area.touch()
    return cost.faults


def _two_readers() -> int:
    m = Machine(frames=32)
    file = m.create("book", 5 * PAGE)
    with m.measure() as cost:
        for name in ("p", "q"):
            m.spawn(name).mmap(5 * PAGE, file=file, prot=Prot.READ).touch()
    return cost.majflt


def _copies_after_fork() -> int:
    m = Machine(frames=32)
    p = m.spawn("p")
    heap = p.mmap(10 * PAGE)
    heap.touch(True)
    child = p.fork("child")
    with m.measure() as cost:
        child.access(heap.pages[0:3], True)
        p.access(heap.pages[1:7], True)
    return cost.copies


def _written_to_swap() -> int:
    m = Machine(frames=6)
    p = m.spawn("p")
    p.mmap(2 * PAGE, file=m.create("book", 2 * PAGE), prot=Prot.READ).touch()
    p.mmap(4 * PAGE).touch(True)
    with m.measure() as cost:
        p.mmap(6 * PAGE).touch(True)
    return cost.pswpout


_rounds: dict[tuple[int, int, int], int] = {}


def _faults_of_rounds(n: int, k: int, r: int) -> int:
    if (n, k, r) not in _rounds:
        m = Machine(frames=k, policy="fifo")
        p: Process = m.spawn("p")
        _rounds[n, k, r] = int(p.access(list(p.mmap(n * PAGE).pages) * r).faults)
    return _rounds[n, k, r]


def _rounds_by_step(n: int, k: int, r: int) -> list[tuple[str, ...]]:
    m = Machine(frames=k, policy="fifo")
    p = m.spawn("p")
    area = p.mmap(n * PAGE)
    rows: list[tuple[str, ...]] = [("step", "fault", "pages in frames")]
    for i in list(range(n)) * r:
        fault = "fault" if p.access([area.pages[i]]).faults else "-"
        rows.append((f"load page {i}", fault, " ".join(map(str, p.pagemap(area).present.nonzero()[0].tolist()))))
    return rows


LAB = Lab(
    "00",
    "Meet the machine",
    predictions=(
        Prediction("a", "pages in a frame once the 38 pages of the book are mapped", "map-file", _frames_after_mmap),
        Prediction("b", "pages read from the disk for the first load of one byte", "first-load", _read_for_one_byte),
        Prediction("c", "pages copied by fork, of the 8 that the process has filled", "fork", _copied_by_fork),
        Prediction("d", "faults when 40 filled pages are loaded again, in 32 frames", "again", _faults_of_loads_again),
    ),
    exercises=(
        Exercise(
            "00.1",
            "faults",
            _first_touches,
            "Each page faults once, when it is touched for the first time, by a load or by a store. After that it has its"
            " frame, and with frames enough it keeps it.",
            slips=(
                Slip(
                    0,
                    "This is the belief that mmap hands out frames. It hands out addresses. Count the pages that have a frame"
                    " after it:",
                    "q = Machine(frames=32).spawn('q')\narea = q.mmap(20*KiB)\nq.stat.rss",
                ),
                Slip(
                    4,
                    "You counted the stores only. A load from a page that was never touched finds no frame either:",
                    "area = Machine(frames=32).spawn('q').mmap(8*KiB)\narea.touch().minflt",
                ),
                Slip(
                    13,
                    "You let a page fault twice: for its first store and again for its first load. The store left it a frame,"
                    " and the load finds it:",
                    "area = Machine(frames=32).spawn('q').mmap(20*KiB)\narea.touch(True).minflt, area.touch().minflt",
                ),
                Slip(
                    22,
                    "You counted a fault for every reference. Look at the second round of loads by itself:",
                    "area = Machine(frames=32).spawn('q').mmap(20*KiB)\n"
                    "rounds = [area.touch().minflt for _ in range(3)]\n"
                    "rounds[1:]",
                ),
                Slip(
                    18,
                    "You counted both rounds of loads. By the second round every page has its frame:",
                    "area = Machine(frames=32).spawn('q').mmap(20*KiB)\n"
                    "rounds = [area.touch().minflt for _ in range(3)]\n"
                    "rounds[1:]",
                ),
            ),
            hints=(
                "For each page ask: has it a frame already?",
                "Write the pages in a row and cross one out when it is touched for the first time.",
                "area.touch(True) stores into every page of a mapping, area.touch() loads from every page; both say what it cost.",
            ),
        ),
        Exercise(
            "00.2",
            "faults",
            _two_readers,
            "The first process reads each page of the file from the disk. The second finds them in the page cache: it faults"
            " as often, but these faults are minor, since no device is read.",
            slips=(
                Slip(
                    10,
                    "You let each process read the file for itself. There is one page cache, and a page of a file is in it"
                    " once:",
                    "t = Machine(frames=32); file = t.create('f', 8*KiB)\n"
                    "one, two = (t.spawn(n).mmap(8*KiB, file=file) for n in 'ab')\n"
                    "one.touch().majflt, two.touch().majflt",
                ),
                Slip(
                    1,
                    "You let the first fault bring the whole file. This machine brings one page per fault:",
                    "t = Machine(frames=32); area = t.spawn('a').mmap(8*KiB, file=t.create('f', 8*KiB))\narea.touch().majflt",
                ),
                Slip(
                    2,
                    "You let the first fault of each process bring the whole file. This machine brings one page per fault, and"
                    " what is in the page cache is there for everybody:",
                    "t = Machine(frames=32); area = t.spawn('a').mmap(12*KiB, file=t.create('f', 12*KiB))\narea.touch().majflt",
                ),
                Slip(
                    0,
                    "You let mmap read the file. It reads nothing:",
                    "t = Machine(frames=32); file = t.create('f', 8*KiB)\n"
                    "with t.measure() as cost: t.spawn('a').mmap(8*KiB, file=file)\n"
                    "cost.pgpgin",
                ),
            ),
            hints=(
                "What makes a fault major?",
                "Who finds the page in memory, and who has to wait for the disk?",
                "measure each process by itself: with m.measure() as cost: area.touch(); then cost.majflt and cost.minflt.",
            ),
        ),
        Exercise(
            "00.3",
            "pages",
            _copies_after_fork,
            "The child's three stores copy three pages. Of the parent's six stores two find a frame that the child has left"
            " already, and keep it; the other four must copy.",
            slips=(
                Slip(
                    9,
                    "This is the number of faults. A store into a page that fork made read-only always faults, but the last"
                    " owner of a frame keeps it:",
                    "t = Machine(frames=8); q = t.spawn('q'); area = q.mmap(4*KiB); area[0] = 1\n"
                    "twin = q.fork(); twin.store(area, b'x')\n"
                    "run = area.touch(True)\n"
                    "run.minflt, run.copies",
                ),
                Slip(
                    10,
                    "You let fork copy all that the parent has. It shares the frames and copies nothing:",
                    "t = Machine(frames=8); q = t.spawn('q'); q.mmap(8*KiB).touch(True)\n"
                    "with t.measure() as cost: q.fork()\n"
                    "cost.copies",
                ),
                Slip(
                    3,
                    "This is the belief that the parent owns the originals and only the child copies. Fork makes both sides"
                    " equal. Let the parent store first:",
                    "t = Machine(frames=8); q = t.spawn('q'); area = q.mmap(4*KiB); area[0] = 1\n"
                    "twin = q.fork()\n"
                    "area.touch(True).copies",
                ),
                Slip(
                    6,
                    "You counted one process only, and every one of its stores. The child pays for its own first stores:",
                    "t = Machine(frames=8); q = t.spawn('q'); area = q.mmap(4*KiB); area[0] = 1\n"
                    "twin = q.fork()\n"
                    "twin.at(area).touch(True).copies",
                ),
                Slip(
                    4,
                    "You counted the parent's copies. The question asks for those of the child as well:",
                    "t = Machine(frames=8); q = t.spawn('q'); area = q.mmap(4*KiB); area[0] = 1\n"
                    "twin = q.fork()\n"
                    "twin.at(area).touch(True).copies",
                ),
            ),
            hints=(
                "For each store ask: does anybody else use this frame at this instant?",
                "Two lists: pages only the child stores into, pages both store into, pages only the parent stores into.",
                "Run it: access(heap.pages[0:3], True) stores into three pages, and its .copies says how many were copied.",
            ),
        ),
        Exercise(
            "00.4",
            "pages",
            _written_to_swap,
            "Six pages had to go. The file still has the bytes of its two, so they are dropped; nothing else has the bytes of"
            " the four anonymous ones, so they are written to swap.",
            slips=(
                Slip(
                    6,
                    "You let everything that leaves a frame be written. A page whose bytes are somewhere else already is"
                    " dropped:",
                    "t = Machine(frames=2); q = t.spawn('q')\n"
                    "q.mmap(8*KiB, file=t.create('f', 8*KiB)).touch()\n"
                    "q.mmap(8*KiB).touch(True).pswpout",
                ),
                Slip(
                    2,
                    "You let the pages of the file go to swap. They have a place to come back from, the file:",
                    "t = Machine(frames=3); q = t.spawn('q')\n"
                    "q.mmap(12*KiB, file=t.create('f', 12*KiB)).touch()\n"
                    "q.mmap(12*KiB).touch(True).pswpout",
                ),
                Slip(
                    0,
                    "You let the anonymous pages be dropped. Then their bytes would be lost:",
                    "t = Machine(frames=2); q = t.spawn('q'); area = q.mmap(8*KiB); area[0:5] = b'hello'\n"
                    "q.mmap(8*KiB).touch(True)\n"
                    "area[0:5]",
                ),
                Slip(
                    10,
                    "You counted the new pages with the old ones. The new ones are in the frames at the end:",
                    "t = Machine(frames=3); q = t.spawn('q'); q.mmap(12*KiB).touch(True)\n"
                    "new = q.mmap(12*KiB); new.touch(True)\n"
                    "q.pagemap(new).present.tolist()",
                ),
            ),
            hints=(
                "How many pages have to leave a frame?",
                "For each of those ask: who else has its bytes?",
                "with m.measure() as cost: ...; then cost.pswpout is what was written to swap.",
            ),
        ),
        Puzzle(
            "00.5",
            "lambda n, k, r: n * r",
            "lambda n, k, r: n if n <= k else n * r",
            ("n", "k", "r"),
            tuple(
                sorted(
                    itertools.product(range(1, 6), (2, 3, 4), (1, 2, 3)), key=lambda c: (c[0] <= c[1] or c[2] < 2, c)
                )
            ),
            _faults_of_rounds,
            "What fits is brought once. One page too many, and FIFO always evicts the page that will be needed soonest.",
            slips=(
                Slip(
                    lambda n, k, r: n + (r - 1) * max(n - k, 0),
                    "Your rule lets only the pages that are too many fault again. But each of them takes the frame of a page that"
                    " is needed a moment later.",
                ),
                Slip(lambda n, k, r: n * r, "Your rule lets every load fault. When all the pages fit, they stay."),
                Slip(lambda n, k, r: n, "Your rule lets each page fault once. That holds as long as they all fit."),
                Slip(
                    lambda n, k, r: max(n - k, 0) * r,
                    "Your rule lets the first pages be there from the start. At first none is.",
                ),
            ),
            hints=(
                "Draw three frames and load pages 0, 1, 2, 3, 0, 1 ... Which page does FIFO evict each time?",
                "There are two cases. What separates them?",
                "Try it: p.access(list(area.pages) * r).faults on a Machine(frames=k, policy='fifo').",
            ),
            said=lambda n, k, r: f"n = {n} pages, k = {k} frames, r = {r} rounds",
            steps=_rounds_by_step,
        ),
    ),
)
