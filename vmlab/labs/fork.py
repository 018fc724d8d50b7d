"""Lab 06: fork and copy-on-write. Its scenes are those of the notebook's cells, made anew."""

from typing import Any

from .. import KiB, Machine, MiB
from .lab import Exercise, Lab, Prediction, Puzzle, Slip

PAGE = 4 * KiB
STORED = 30  # pages that the child stores into

# -- scenes ------------------------------------------------------------------------------------------------------------------


def _after_fork() -> dict[str, Any]:
    """The instant after fork: 100 pages, shared by server and child."""
    forked = Machine(ram=MiB, seed=0)
    server = forked.spawn("server")
    heap = server.mmap(400 * KiB)
    heap.touch(True)
    child = server.fork("child")
    return {"forked": forked, "server": server, "child": child, "heap": heap, "pages": heap.pages}


def _twins() -> dict[str, Any]:
    """Four pages, shared by small and twin."""
    b = Machine(seed=0)
    small = b.spawn("small")
    four = small.mmap(16 * KiB)
    four.touch(True)
    return {"b": b, "small": small, "four": four, "twin": small.fork("twin")}


def _owner_and_reader() -> dict[str, Any]:
    """Of 100 pages 60 were touched before the fork."""
    d = Machine(ram=MiB, seed=0)
    owner = d.spawn("owner")
    part = owner.mmap(400 * KiB)
    owner.access(part.pages[:60], True)
    return {"d": d, "owner": owner, "part": part, "reader": owner.fork("reader")}


# -- predictions -------------------------------------------------------------------------------------------------------------


def _copied_by_fork() -> int:
    s = _after_fork()
    with s["forked"].measure() as cost:
        s["server"].fork("another")
    return int(cost.copies)


def _copied_by_child() -> int:
    s = _after_fork()
    return int(s["child"].access(s["pages"][:STORED], True).copies)


def _last_owner() -> Any:
    s = _after_fork()
    s["child"].access(s["pages"][:STORED], True)
    s["child"].exit(0)
    return s["server"].access(s["pages"], True)


# -- exercises ---------------------------------------------------------------------------------------------------------------


def _copied_while_child_lives() -> int:
    s = _after_fork()
    s["child"].access(s["pages"][:STORED], True)
    return int(s["server"].access(s["pages"], True).copies)


def _pss_of_twin() -> int:
    s = _twins()
    s["twin"].store(s["four"], b"x")
    return int(s["twin"].smaps().rows[0].Pss)


def _copied_by_reader() -> int:
    s = _owner_and_reader()
    return int(s["reader"].access(s["part"].pages, True).copies)


def _said(k: int, w: int) -> str:
    owners = "1 process has the page" if k == 1 else f"{k} processes share the page"
    return f"{owners}, {w} store{'s' if w == 1 else ''}"


def _owners_by_step(k: int, w: int) -> list[tuple[str, ...]]:
    """One page with k owners, w of whom store into it."""
    m = Machine(frames=8)
    p = m.spawn("P")
    page = p.mmap(PAGE)
    p.store(page, b"0")
    rows: list[tuple[str, ...]] = [("step", "faults", "copied", "frames")]

    def row(what: str, faults: int, copies: int) -> None:
        rows.append((what, str(faults), str(copies), str(m.meminfo().rows["AnonPages"] * KiB // PAGE)))

    row("P has stored into its page", 0, 0)
    owners = [p]
    for name in "QRS"[: k - 1]:
        with m.measure() as cost:
            owners.append(p.fork(name))
        row(f"P forks {name}", cost.faults, cost.copies)
    for q in owners[:w]:
        with m.measure() as cost:
            q.store(page, b"1")
        row(f"{q.name} stores", cost.faults, cost.copies)
    return rows


_copies: dict[tuple[int, int], int] = {}


def _copies_of_owners(k: int, w: int) -> int:
    if (k, w) not in _copies:
        _copies[k, w] = sum(int(copied) for _, _, copied, _ in _owners_by_step(k, w)[1:])
    return _copies[k, w]


LAB = Lab(
    "06",
    "Who pays for fork?",
    predictions=(
        Prediction("a", "pages copied by fork itself", "fork", _copied_by_fork),
        Prediction("b", "pages copied while the child stores into 30", "child-stores", _copied_by_child),
        Prediction("c", "faults of the server's 100 stores at the end", "last-owner", lambda: _last_owner().faults),
        Prediction("d", "pages copied by those 100 stores", "last-owner", lambda: _last_owner().copies),
    ),
    exercises=(
        Exercise(
            "06.1",
            "pages",
            _copied_while_child_lives,
            "The child had already moved 30 pages to frames of its own, so for those the server was the last owner. For each"
            " of the others the child still held the old contents, and the server had to leave: one copy each.",
            slips=(
                Slip(
                    100,
                    "You counted the server's faults. A store into a read-only page always faults, but the kernel copies only"
                    " if somebody else still uses the frame. See how many pages are the server's alone before it stores:",
                    "t = forked.branch(); t.process(child).access(pages[:30], True)\n"
                    "t.process(server).pagemap(heap).exclusive.sum()",
                ),
                Slip(
                    0,
                    "This is the belief that the parent owns the originals and only children copy. Fork makes both sides"
                    " equal. Let the server store first, and compare its frame with the one it had:",
                    "t = forked.branch(); t.process(server).store(heap, b'x')\n"
                    "t.process(server).pagemap(heap).pfn[0] == forked.process(server).pagemap(heap).pfn[0]",
                ),
                Slip(
                    30,
                    "30 copies were made, but by the child's stores, and the child was charged for them. This is the server's"
                    " bill for that step, in faults:",
                    "t = forked.branch(); t.process(child).access(pages[:30], True)\n"
                    "t.process(server).stat.minflt - forked.process(server).stat.minflt",
                ),
                Slip(
                    130,
                    "This adds the child's copies to the server's faults, as if both copied the same page. Let both store into"
                    " page 0 and count the new frames:",
                    "t = forked.branch(); t.process(child).store(heap, b'x'); t.process(server).store(heap, b'y')\n"
                    "forked.vmstat().rows['nr_free_pages'] - t.vmstat().rows['nr_free_pages']",
                ),
            ),
            hints=(
                "For each of the 100 pages ask: who owns its frame just before the server stores?",
                "There are two kinds of page now. How many of each?",
                "t = forked.branch(), let the child store, and count pagemap(heap).exclusive for the server.",
            ),
            scene=_after_fork,
        ),
        Exercise(
            "06.2",
            "kB",
            _pss_of_twin,
            "Three pages still have two owners and count half: 3 x 2 kB. The copied page has one owner and counts whole: 4 kB.",
            slips=(
                Slip(
                    8,
                    "This is the Pss of before the store, as if it were fixed at fork. It is counted anew each time smaps is"
                    " read. After one store:",
                    "t = b.branch(); t.process(twin).store(four, b'x')\nt.process(twin).smaps().rows[0].Private_Dirty",
                ),
                Slip(
                    16,
                    "This is the Rss: the twin's present pages, each counted whole. Pss divides each page by its owners."
                    " Before the store:",
                    "of = twin.smaps().rows[0]\nof.Rss, of.Pss",
                ),
                Slip(
                    4,
                    "This counts only the page that is the twin's alone. Shared pages count too, in part. Before the store"
                    " nothing was the twin's alone, and still:",
                    "of = twin.smaps().rows[0]\nof.Private_Dirty, of.Pss",
                ),
                Slip(
                    12,
                    "You added the copied page to the old 8 kB, but that page was already in the 8 kB as a half. What is left"
                    " to share:",
                    "t = b.branch(); t.process(twin).store(four, b'x')\nt.process(twin).smaps().rows[0].Shared_Dirty",
                ),
                Slip(
                    20,
                    "20 kB is what the two processes use together, five frames. The twin maps four pages, before and after:",
                    "t = b.branch(); t.process(twin).store(four, b'x')\nt.process(twin).smaps().rows[0].Rss",
                ),
            ),
            hints=(
                "List the frames the twin maps, and beside each its owners.",
                "Each frame counts 4 kB divided by its owners.",
                "Three lines of your list are alike and one is not.",
            ),
            scene=_twins,
        ),
        Exercise(
            "06.3",
            "pages",
            _copied_by_reader,
            "100 faults of two kinds: 60 found a shared frame and copied it; 40 found no frame at all and got a fresh one full"
            " of zeros, as at any first touch.",
            slips=(
                Slip(
                    100,
                    "This is the number of faults. A copy needs something to copy. Look for a frame of the last page, in the"
                    " child after fork:",
                    "reader.pagemap(part).present[99]",
                ),
                Slip(
                    0,
                    "This would be right if fork had already made the child's copies. Count the frames that one more fork"
                    " takes for data:",
                    "t = d.branch(); t.process(owner).fork('third')\n"
                    "d.vmstat().rows['nr_free_pages'] - t.vmstat().rows['nr_free_pages']",
                ),
                Slip(
                    40,
                    "40 pages were never touched by anyone. Look for a frame that could be copied there:",
                    "present = reader.pagemap(part).present\npresent[-40:].sum()",
                ),
            ),
            hints=(
                "What is in the PTE of a page nobody has touched?",
                "100 stores, two kinds of fault.",
                "reader.pagemap(part).present says of each page whether it has a frame.",
            ),
            scene=_owner_and_reader,
        ),
        Puzzle(
            "06.4",
            "lambda k, w: k * w",
            "lambda k, w: min(w, k - 1)",
            ("k", "w"),
            tuple(sorted(((k, w) for k in range(1, 5) for w in range(k + 1)), key=lambda case: (case[0] < 2, case))),
            _copies_of_owners,
            "While anybody else holds the frame the one who stores must leave it; the last one stays.",
            slips=(
                Slip(
                    lambda k, w: w,
                    "Your rule lets the last owner copy as well. It does not need to: nobody else is left on the frame.",
                ),
                Slip(lambda k, w: k - 1, "Your rule makes a copy for each fork, whether or not anybody stores."),
                Slip(
                    lambda k, w: max(w - 1, 0),
                    "Your rule lets the first to store keep the old frame. It is the other way round: the first to store"
                    " leaves, the last one stays.",
                ),
                Slip(lambda k, w: k, "Your rule copies at fork, and once too often."),
            ),
            hints=(
                "Try k = 2 on paper for w = 0, 1, 2.",
                "Who does not need to copy?",
                "Draw w against copies for k = 3. Where does the line stop rising?",
            ),
            said=_said,
            steps=_owners_by_step,
        ),
    ),
    recorded={
        "host-first": "(100, 0)",
        "host-child": "(37, 'faults', {'Rss': 400, 'Pss': 260, 'Shared_Dirty': 280, 'Private_Dirty': 120})",
        "host-rehearsed": "30",
        "host-last-owner": "(100, 100)",
        "host-tables": "128",
    },
)
