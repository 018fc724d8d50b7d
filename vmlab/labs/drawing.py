"""Lab 04: what mmap makes. Its scenes are those of the notebook's cells, made anew."""

import errno
from collections.abc import Callable
from typing import Any

from .. import File, KiB, Machine, Map, Process, Prot
from .allocator import Allocator
from .lab import Exercise, Lab, Prediction, Puzzle, Slip

PAGE = 4 * KiB

# -- the twenty calls ----------------------------------------------------------------------------------------------------------

Call = Callable[[Process, int, File], Any]
# a: the address of 8 pages, two of which are a hole at a + 3 pages; zero: /dev/zero, opened to be read
CALLS: dict[str, Call] = {
    "p.mmap(0)": lambda p, a, zero: p.mmap(0),
    "p.mmap(1)": lambda p, a, zero: p.mmap(1),
    "p.mmap(PAGE, flags=0)": lambda p, a, zero: p.mmap(PAGE, flags=0),
    "p.mmap(PAGE, flags=Map.SHARED | Map.PRIVATE)": lambda p, a, zero: p.mmap(PAGE, flags=Map.SHARED | Map.PRIVATE),
    "p.mmap(PAGE, file=zero, offset=100)": lambda p, a, zero: p.mmap(PAGE, file=zero, offset=100),
    "p.mmap(PAGE, file=zero, flags=Map.SHARED)": lambda p, a, zero: p.mmap(PAGE, file=zero, flags=Map.SHARED),
    "p.mmap(PAGE, file=zero)": lambda p, a, zero: p.mmap(PAGE, file=zero),
    "p.mmap(PAGE, addr=a + 100)": lambda p, a, zero: p.mmap(PAGE, addr=a + 100),
    "p.mmap(PAGE, addr=a + 100, flags=Map.PRIVATE | Map.FIXED)": lambda p, a, zero: p.mmap(
        PAGE, addr=a + 100, flags=Map.PRIVATE | Map.FIXED
    ),
    "p.mmap(PAGE, addr=a, flags=Map.PRIVATE | Map.FIXED_NOREPLACE)": lambda p, a, zero: p.mmap(
        PAGE, addr=a, flags=Map.PRIVATE | Map.FIXED_NOREPLACE
    ),
    "p.mmap(1 << 47)": lambda p, a, zero: p.mmap(1 << 47),
    "p.munmap(a + 100, PAGE)": lambda p, a, zero: p.munmap(a + 100, PAGE),
    "p.munmap(a, 0)": lambda p, a, zero: p.munmap(a, 0),
    "p.munmap(a + 3*PAGE, PAGE)": lambda p, a, zero: p.munmap(a + 3 * PAGE, PAGE),
    "p.mprotect(a + 100, PAGE, Prot.READ)": lambda p, a, zero: p.mprotect(a + 100, PAGE, Prot.READ),
    "p.mprotect(a, 8*PAGE, Prot.READ)": lambda p, a, zero: p.mprotect(a, 8 * PAGE, Prot.READ),
    "p.mprotect(a + 3*PAGE, 0, Prot.READ)": lambda p, a, zero: p.mprotect(a + 3 * PAGE, 0, Prot.READ),
    "p.mremap(a + 7*PAGE, 0, PAGE)": lambda p, a, zero: p.mremap(a + 7 * PAGE, 0, PAGE),
    "p.mremap(a + 3*PAGE, 2*PAGE, PAGE)": lambda p, a, zero: p.mremap(a + 3 * PAGE, 2 * PAGE, PAGE),
    "p.brk(a)": lambda p, a, zero: p.brk(a),
}


def calls() -> None:
    """Print the twenty calls of exercise 04.3, numbered."""
    print("\n".join(f"{n:>2}  {call}" for n, call in enumerate(CALLS, 1)))


def attempt(n: int) -> None:
    """Print what the kernel answers to call number n, made in a new process."""
    text, call = list(CALLS.items())[n - 1]
    print(f"{n:>2}  {text}: {answer(call)[1]}")


def answer(call: Call) -> tuple[str, str]:
    """(errno's name or "ok", in words) of a call made in a new process."""
    m = Machine(frames=64, seed=0)
    p = m.spawn("p")
    a = p.mmap(8 * PAGE).addr
    p.munmap(a + 3 * PAGE, 2 * PAGE)
    try:
        call(p, a, m.zero("r"))
    except OSError as error:
        return errno.errorcode[error.errno or 0], str(error.strerror)
    return "ok", "ok"


# -- predictions -------------------------------------------------------------------------------------------------------------


def _area() -> tuple[Process, Any]:
    p = Machine(frames=64, seed=0).spawn("editor")
    return p, p.mmap(8 * PAGE)


def _frames_after_mmap() -> int:
    return _area()[0].stat.rss


def _after_protect(back: bool) -> int:
    p, area = _area()
    for prot in (Prot.READ, Prot.READ | Prot.WRITE)[: 1 + back]:
        p.mprotect(area.pages[3], 2 * PAGE, prot)
    return len(p.maps().rows)


def _shared_pair() -> int:
    p = Machine(frames=64, seed=0).spawn("pair")
    for _ in range(2):
        p.mmap(4 * PAGE, flags=Map.SHARED)
    return len(p.maps().rows)


# -- exercises ---------------------------------------------------------------------------------------------------------------


def _ten() -> dict[str, Any]:
    """Ten pages, nothing done to them."""
    t = Machine(frames=64, seed=0)
    ten = t.spawn("ten")
    return {"t": t, "ten": ten, "strip": ten.mmap(10 * PAGE)}


def _pieces() -> int:
    s = _ten()
    ten, pages = s["ten"], s["strip"].pages
    ten.mprotect(pages[2], 2 * PAGE, Prot.READ)
    ten.mprotect(pages[6], 2 * PAGE, Prot.READ)
    ten.munmap(pages[3], 4 * PAGE)
    return len(ten.maps().rows)


def _sixty() -> dict[str, Any]:
    """Sixty blocks that fill a page each."""
    w = Machine(frames=128, seed=0)
    clerk = w.spawn("clerk")
    store = Allocator(clerk)
    return {"w": w, "clerk": clerk, "store": store, "sixty": [store.malloc(PAGE - 8) for _ in range(60)]}


def _given_back() -> int:
    s = _sixty()
    before = s["clerk"].stat.rss
    for block in s["sixty"][:20] + s["sixty"][25:]:
        s["store"].free(block)
    return int(before - s["clerk"].stat.rss)


def _vmas_by_step(n: int, i: int, k: int) -> list[tuple[str, ...]]:
    p = Machine(frames=16, seed=0).spawn("P")
    area = p.mmap(n * PAGE)
    rows: list[tuple[str, ...]] = [("step", "VMAs", "rights")]

    def row(what: str) -> None:
        areas = p.maps().rows
        rows.append((what, str(len(areas)), " ".join(a.perms for a in areas)))

    row(f"mmap {n}")
    p.mprotect(area.pages[i], k * PAGE, Prot.READ)
    row(f"mprotect {k} from page {i} on")
    return rows


CASES = tuple(
    sorted(
        ((n, i, k) for n in range(1, 6) for i in range(n) for k in range(1, n - i + 1)),
        key=lambda c: (not (c[1] and c[1] + c[2] < c[0]), c),
    )
)

TINY = "q = Machine(frames=16).spawn('q'); tiny = q.mmap(20*KiB)\n"

LAB = Lab(
    "04",
    "mmap: drawing on the address space",
    predictions=(
        Prediction("a", "pages in a frame after mmap of 8 pages", "map", _frames_after_mmap),
        Prediction(
            "b", "VMAs after mprotect of 2 pages in their middle", "protect", lambda: _after_protect(back=False)
        ),
        Prediction("c", "VMAs when these have their old rights again", "restore", lambda: _after_protect(back=True)),
        Prediction("d", "VMAs of two shared mappings side by side", "shared-pair", _shared_pair),
    ),
    exercises=(
        Exercise(
            "04.1",
            "VMAs",
            _pieces,
            "Two pages with their old rights, one to be read, the hole, one to be read, two with their old rights. A VMA is a run"
            " of neighbouring pages with the same rights, and the hole is none.",
            slips=(
                Slip(
                    5,
                    "This is how many there were before munmap. It took a whole VMA away, and cut pages from two others. Look"
                    " for the page in the middle of the hole:",
                    "q = Machine(frames=16).spawn('q'); tiny = q.mmap(20*KiB)\n"
                    "q.mprotect(tiny.pages[2], 4096, Prot.NONE); q.munmap(tiny.pages[2], 4096)\n"
                    "q.vma(tiny.pages[2]) is None",
                ),
                Slip(
                    2,
                    "You let munmap make two of one, and left the rights aside. A VMA has the same rights from end to end. After"
                    " mprotect alone:",
                    TINY + "q.mprotect(tiny, 8192, Prot.READ)\n[v.perms for v in q.maps().rows]",
                ),
                Slip(
                    1,
                    "This is the belief that what one mmap made stays one thing. The kernel keeps no note of calls, only of runs"
                    " of alike pages:",
                    TINY + "q.munmap(tiny.pages[2], 4096)\nlen(q.maps().rows)",
                ),
                Slip(
                    6,
                    "You counted the pages that are left. A VMA is a run of pages:",
                    TINY + "len(q.maps().rows), len(tiny.pages)",
                ),
                Slip(
                    3,
                    "You let the read-only pages on the two sides of the hole be one VMA. Neighbours only can be one:",
                    TINY + "q.munmap(tiny.pages[2], 4096)\n[v.perms for v in q.maps().rows]",
                ),
            ),
            hints=(
                "Draw the ten pages in a row, with the letters of their rights in each.",
                "Cross out what munmap takes. Where do two neighbours differ?",
                "u = t.branch(); q = u.process(ten), make the three calls, and print q.maps().",
            ),
            scene=_ten,
        ),
        Exercise(
            "04.2",
            "pages",
            _given_back,
            "The break can only be lowered, and under it everything stays. Above the last block in use lie the blocks that were"
            " freed at the end; those in front of it wait for the next malloc.",
            slips=(
                Slip(
                    55,
                    "This is the belief that free gives memory to the kernel. It gives it to the allocator. Free one block at the"
                    " front, and see how far the break moves:",
                    "from vmlab.labs import Allocator; q = w.branch().process(clerk)\n"
                    "Allocator(q).free(sixty[0])\n"
                    "q.sbrk(0) - clerk.sbrk(0)",
                ),
                Slip(
                    0,
                    "You let the allocator keep everything. It trims when enough is free at the top of the heap. Free them all:",
                    "from vmlab.labs import Allocator; q = w.branch().process(clerk); again = Allocator(q)\n"
                    "for x in sixty: again.free(x)\n"
                    "q.sbrk(0) < clerk.sbrk(0)",
                ),
                Slip(
                    20,
                    "You counted the blocks at the front. The break is at the other end. Free those alone:",
                    "from vmlab.labs import Allocator; q = w.branch().process(clerk); again = Allocator(q)\n"
                    "for x in sixty[:20]: again.free(x)\n"
                    "q.stat.rss == clerk.stat.rss",
                ),
                Slip(
                    60,
                    "You let the heap go as soon as most of it is free. Five blocks are in use, and they still hold their bytes:",
                    "from vmlab.labs import Allocator; q = w.branch().process(clerk); again = Allocator(q)\n"
                    "for x in sixty[:20] + sixty[25:]: again.free(x)\n"
                    "[q.load_int(x - 8) & 1 for x in sixty[20:25]]",
                ),
            ),
            hints=(
                "Where is the break, and in which direction can it move?",
                "Which is the last block in use? What lies above it?",
                "store.free(block) frees one of sixty; clerk.stat.rss before and after tells the pages.",
            ),
            scene=_sixty,
        ),
        Exercise(
            "04.3",
            "calls",
            lambda: sum(answer(call)[0] == "EINVAL" for call in CALLS.values()),
            "EINVAL is about the call by itself: no length, no type, an address that is no page's. What is in the way or not"
            " there is ENOMEM, EEXIST or EFAULT, and a file that does not permit it EACCES.",
            slips=(
                Slip(
                    20,
                    "You let everything unusual be refused. Unmapping what is not mapped, for one, does no harm:",
                    "q = Machine(frames=16).spawn('q')\nq.munmap(1 << 20, 4096)",
                ),
                Slip(
                    0,
                    "You let the kernel round everything to pages. It rounds lengths, and refuses an address that is no page's:",
                    "import errno; q = Machine(frames=16).spawn('q'); tiny = q.mmap(8192)\n"
                    "try: q.munmap(tiny.addr + 1, 4096)\n"
                    "except OSError as e: why = errno.errorcode[e.errno]\n"
                    "why",
                ),
                Slip(
                    15,
                    "You counted all that are refused. The kernel tells what is wrong with the call from what is wrong with the"
                    " address space:",
                    "import errno; q = Machine(frames=16).spawn('q')\n"
                    "try: q.mprotect(1 << 20, 4096)\n"
                    "except OSError as e: why = errno.errorcode[e.errno]\n"
                    "why",
                ),
            ),
            hints=(
                "Sort them first: those that can be judged without a look at the address space, and the others.",
                "Lengths are rounded up, addresses are not; and what is a hint is never an error.",
                "attempt(1) makes the first call and prints the answer.",
            ),
        ),
        Puzzle(
            "04.4",
            "lambda n, i, k: 3",
            "lambda n, i, k: 1 + (i > 0) + (i + k < n)",
            ("n", "i", "k"),
            CASES,
            lambda n, i, k: int(_vmas_by_step(n, i, k)[-1][1]),
            "A cut at each end that is not an end of the mapping already, and one VMA more for each cut.",
            slips=(
                Slip(
                    lambda n, i, k: 3,
                    "Your rule always cuts twice. At an end of the mapping there is nothing to cut off.",
                ),
                Slip(lambda n, i, k: 2, "Your rule counts one piece with the new rights and one with the old."),
                Slip(
                    lambda n, i, k: k + (i > 0) + (i + k < n),
                    "Your rule makes a VMA of each page whose rights change. Alike neighbours are one.",
                ),
                Slip(lambda n, i, k: 1, "Your rule keeps the mapping one. A VMA has one set of rights."),
                Slip(lambda n, i, k: n, "Your rule counts pages. A VMA is a run of pages."),
            ),
            hints=(
                "Try n = 5, k = 1 and move i from 0 to 4.",
                "How many boundaries between neighbours with different rights are there?",
                "Pieces are one more than boundaries. When is there a boundary at the left of page i?",
            ),
            said=lambda n, i, k: f"{n} page{'s' * (n > 1)}, {k} of them read-only from page {i} on",
            steps=_vmas_by_step,
        ),
    ),
    recorded={"host-mmap": "(65536, True)", "host-lines": "[1, 3, 1]"},
)
