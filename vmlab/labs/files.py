"""Lab 07: files as memory. Its scenes are those of the notebook's cells, made anew."""

from typing import Any

from .. import KiB, Machine, Map, Process, Signal
from .lab import Exercise, Lab, Prediction, Puzzle, Slip

PAGE = 4 * KiB
SMALL = (
    "q = Machine(seed=0).spawn('q'); tiny = q.mmap(12*KiB, file=q.machine.create('f', 12288), flags=Map.SHARED)\n"
    "tiny[0] = 1; tiny[1] = 2\n"
)
PRIVATE = "q = Machine(seed=0).spawn('q'); tiny = q.mmap(12*KiB, file=q.machine.create('f', 12288))\ntiny.touch(True)\n"

# -- predictions -------------------------------------------------------------------------------------------------------------


def _frames_of_two_readers() -> int:
    m = Machine(seed=0)
    book = m.create("book", 38 * PAGE)
    frames: set[int] = set()
    for name in ("writer", "reader"):
        p = m.spawn(name)
        whole = p.mmap(file=book, flags=Map.SHARED)
        whole.touch()
        frames |= set(p.pagemap(whole).pfn.tolist())
    return len(frames)


def _seen() -> list[bool]:
    """Who sees a change of a file at once: the ten rows of the notebook's table."""
    s = Machine(seed=0)
    note = s.create("note", 3 * PAGE, b"old")
    a, b = s.spawn("a"), s.spawn("b")
    mine, yours = (p.mmap(file=note, flags=Map.SHARED) for p in (a, b))
    own = b.mmap(file=note)
    mine[0:3] = b"NEW"
    seen = [note.pread(3) == b"NEW", yours[0:3] == b"NEW", own[0:3] == b"NEW"]
    note.pwrite(b"TWO", PAGE)
    seen += [mine[PAGE : PAGE + 3] == b"TWO", own[PAGE : PAGE + 3] == b"TWO"]
    own[0:3] = b"OWN"
    seen += [note.pread(3) == b"OWN", yours[0:3] == b"OWN"]
    note.pwrite(b"SIX", 0)
    note.pwrite(b"SIX", PAGE)
    seen += [own[0:3] == b"SIX", own[PAGE : PAGE + 3] == b"SIX"]
    mine[0:3] = b"END"
    s.crash()
    return [*seen, note.pread(3) == b"END"]


def _pages_that_load() -> int:
    m = Machine(seed=0)
    p = m.spawn("p")
    four = p.mmap(4 * PAGE, file=m.create("short", 4196), flags=Map.SHARED)
    return sum(_loads(p, page) for page in four.pages)


def _loads(p: Process, addr: int) -> bool:
    try:
        p.load(addr)
    except Signal:
        return False
    return True


def _frames_of_three_loads() -> int:
    m = Machine(seed=0)
    p = m.spawn("p")
    huge = p.mmap(file=m.create("huge", 1 << 40), flags=Map.SHARED)
    for at in (0, len(huge) // 2, len(huge) - 1):
        p.load(huge.addr + at)
    return p.stat.rss


# -- exercises ---------------------------------------------------------------------------------------------------------------


def _log() -> dict[str, Any]:
    """Twelve pages, mapped privately: of the first six one was loaded each, and three were stored into."""
    n = Machine(seed=0)
    log = n.create("log", 12 * PAGE)
    app = n.spawn("app")
    copy = app.mmap(file=log)
    app.access(copy.pages[:6])
    for page in copy.pages[4:7]:
        app.store(page, b"mine")
    return {"n": n, "log": log, "app": app, "copy": copy}


def _pages_that_follow() -> int:
    s = _log()
    s["log"].pwrite(b"B" * 12 * PAGE)
    return sum(s["app"].load(page) == b"B" for page in s["copy"].pages)


def _view() -> dict[str, Any]:
    """Ten pages in a mapping of twelve, all ten loaded."""
    k = Machine(seed=0)
    data = k.create("data", 10 * PAGE)
    viewer = k.spawn("viewer")
    view = viewer.mmap(12 * PAGE, file=data, flags=Map.SHARED)
    for page in view.pages[:10]:
        viewer.load(page)
    return {"k": k, "data": data, "viewer": viewer, "view": view}


def _loads_that_end_in_a_signal() -> int:
    s = _view()
    s["data"].truncate(20 * KiB + 1)
    return sum(not _loads(s["viewer"], page) for page in s["view"].pages)


def _ledger() -> dict[str, Any]:
    """Ten pages of a file, in a shared mapping and in a private one."""
    x = Machine(seed=0)
    ledger = x.create("ledger", 10 * PAGE)
    clerk, auditor = x.spawn("clerk"), x.spawn("auditor")
    books = clerk.mmap(file=ledger, flags=Map.SHARED)
    return {
        "x": x,
        "ledger": ledger,
        "clerk": clerk,
        "auditor": auditor,
        "books": books,
        "draft": auditor.mmap(file=ledger),
    }


def _pages_written() -> int:
    s = _ledger()
    s["clerk"].access(s["books"].pages[:7], True)
    s["clerk"].store(s["books"].pages[0] + 1, b"x")
    s["auditor"].access(s["draft"].pages[3:9], True)
    with s["x"].measure() as cost:
        s["auditor"].munmap(s["draft"])
        s["clerk"].msync(s["books"])
    return int(cost.pgpgout)


# -- the puzzle --------------------------------------------------------------------------------------------------------------


def _said(k: int, w: int) -> str:
    return (
        f"{k} process{'es map' if k > 1 else ' maps'} the page and load{'s' * (k == 1)} it, {w} store{'s' * (w == 1)}"
    )


def _frames_by_step(k: int, w: int) -> list[tuple[str, ...]]:
    """One page of a file, mapped privately by k processes; w of them store into it."""
    m = Machine(frames=16, seed=0)
    file = m.create("f", PAGE)
    rows: list[tuple[str, ...]] = [("step", "faults", "copied", "frames")]

    def row(what: str, faults: int, copies: int) -> None:
        info = m.meminfo().rows
        rows.append((what, str(faults), str(copies), str((info["Cached"] + info["AnonPages"]) * KiB // PAGE)))

    areas = []
    for name in "PQRS"[:k]:
        with m.measure() as cost:
            areas.append(m.spawn(name).mmap(file=file))
            areas[-1].touch()
        row(f"{name} maps the page and loads it", cost.faults, cost.copies)
    for area in areas[:w]:
        with m.measure() as cost:
            area.touch(True)
        row(f"{area.process.name} stores", cost.faults, cost.copies)
    return rows


_frames: dict[tuple[int, int], int] = {}


def _frames_of_page(k: int, w: int) -> int:
    if (k, w) not in _frames:
        _frames[k, w] = int(_frames_by_step(k, w)[-1][-1])
    return _frames[k, w]


LAB = Lab(
    "07",
    "Who sees my store, and when?",
    predictions=(
        Prediction(
            "a",
            "frames, once two processes have loaded all 38 pages of a file",
            "two-readers",
            _frames_of_two_readers,
        ),
        Prediction("b", "of 10 ways to change a file and look: how many see it at once", "ten", lambda: sum(_seen())),
        Prediction("c", "of 4 pages mapped of a file of 4196 bytes: how many can be loaded", "edge", _pages_that_load),
        Prediction("d", "frames after 3 loads from a mapped file of 1 TiB", "three-loads", _frames_of_three_loads),
    ),
    exercises=(
        Exercise(
            "07.1",
            "pages",
            _pages_that_follow,
            "Only the three pages that app had stored into are its own. All others are the file's page in the page cache,"
            " whether app had loaded them before or not.",
            slips=(
                Slip(
                    0,
                    "This is the belief that a private mapping is a picture of the file, taken by mmap. mmap copies nothing."
                    " Look at a page that app had not touched when the file was written:",
                    "t = n.branch(); t.files[0].pwrite(b'B' * 49152)\nt.process(app).load(copy.pages[11])",
                ),
                Slip(
                    12,
                    "This is the belief that a mapping follows its file for ever. Look at a page that app had stored into when"
                    " the file was written:",
                    "t = n.branch(); t.files[0].pwrite(b'B' * 49152)\nt.process(app).load(copy.pages[5])",
                ),
                Slip(
                    5,
                    "You let a load make a copy, as a store does. Look at a page that app had only loaded when the file was"
                    " written:",
                    "t = n.branch(); t.files[0].pwrite(b'B' * 49152)\nt.process(app).load(copy.pages[0])",
                ),
                Slip(
                    3,
                    "You counted the pages that app had stored into. Look at one of them after the file was written:",
                    "t = n.branch(); t.files[0].pwrite(b'B' * 49152)\nt.process(app).load(copy.pages[4])",
                ),
            ),
            hints=(
                "Which pages has the kernel copied for app by now, and at which moment?",
                "For each page ask which frame app's PTE names when it loads: the page cache's, or one of its own?",
                "app.pagemap(copy).shared says which of its present pages are the file's; an absent one will be.",
            ),
            scene=_log,
        ),
        Exercise(
            "07.2",
            "loads",
            _loads_that_end_in_a_signal,
            "The file has five pages and one byte, so its last page is page 5, and the rest of that page reads as zeros. Pages"
            " past it left the viewer's page table when the file was cut, and there is nothing to bring back.",
            slips=(
                Slip(
                    12,
                    "This is the belief that a cut takes the whole mapping away. Load from page 0 after it:",
                    "t = k.branch(); t.files[0].truncate(20481)\nt.process(viewer).load(view)",
                ),
                Slip(
                    7,
                    "You left out the page with the file's last byte. A page counts as soon as one byte of it is in the file;"
                    " the rest of it is zeros:",
                    "t = k.branch(); t.files[0].truncate(20481)\nt.process(viewer).load(view.pages[5], 3)",
                ),
                Slip(
                    2,
                    "This is the belief that pages which were loaded before stay loadable. The cut takes them out of every page"
                    " table. Is page 7 still there?",
                    "t = k.branch(); t.files[0].truncate(20481)\nt.process(viewer).pagemap(view).present[7]",
                ),
                Slip(
                    4,
                    "You counted the pages that were cut off, and let those after the old end be loaded. They never were in the"
                    " file. Before the cut:",
                    "try: said = k.branch().process(viewer).load(view.pages[11])\n"
                    "except Signal as signal: said = str(signal)\n"
                    "said",
                ),
                Slip(
                    0,
                    "This is the belief that past the end of a file a mapping reads zeros. That holds within the last page only."
                    " Before the cut:",
                    "try: said = k.branch().process(viewer).load(view.pages[10])\n"
                    "except Signal as signal: said = str(signal)\n"
                    "said",
                ),
            ),
            hints=(
                "How many pages does a file of 20481 bytes have?",
                "Draw the 12 pages in a row and mark the file's last byte.",
                "t = k.branch(); t.files[0].truncate(20481), then load from each page and catch Signal.",
            ),
            scene=_view,
        ),
        Exercise(
            "07.3",
            "pages",
            _pages_written,
            "Pages 0 to 6 of the file were dirty in the page cache; that one of them was stored into twice does not matter. The"
            " draft's pages are the auditor's own, and are gone with its mapping.",
            slips=(
                Slip(
                    13,
                    "You added the auditor's pages: the belief that munmap brings a private mapping's changes to the file. After"
                    " stores into three private pages:",
                    f"{PRIVATE}q.munmap(tiny)\nq.machine.files[0].fsync()",
                ),
                Slip(
                    9,
                    "You counted every page that anybody stored into. The auditor's stores went to copies. After stores into"
                    " three private pages:",
                    f"{PRIVATE}q.machine.files[0].fsync()",
                ),
                Slip(
                    10,
                    "This is the belief that msync writes all it is told. It writes the dirty pages of the range. Three pages are"
                    " mapped here, and one was stored into:",
                    f"{SMALL}q.machine.files[0].fsync()",
                ),
                Slip(
                    8,
                    "You counted stores. A page is dirty or not, however often it was stored into. Two stores, and what is"
                    " written:",
                    f"{SMALL}q.machine.files[0].fsync()",
                ),
                Slip(
                    6,
                    "You counted the auditor's pages. After stores into three private pages, the file has to be given:",
                    f"{PRIVATE}q.machine.files[0].fsync()",
                ),
            ),
            hints=(
                "Whose stores went into pages of the file, and whose into copies?",
                "msync writes pages that are dirty. What makes a page dirty, and how often?",
                "Do it on a branch, and look at meminfo().rows['Dirty'] before msync: it counts in kB.",
            ),
            scene=_ledger,
        ),
        Puzzle(
            "07.4",
            "lambda k, w: k",
            "lambda k, w: 1 + w",
            ("k", "w"),
            tuple(sorted(((k, w) for k in range(1, 5) for w in range(k + 1)), key=lambda case: (case[0] < 2, case))),
            _frames_of_page,
            "The page cache keeps its page whoever maps it, so nobody is ever the last owner: each one who stores takes a frame"
            " more.",
            slips=(
                Slip(
                    lambda k, w: min(1 + w, k),
                    "Your rule lets the last one who stores keep the frame, as after fork. Here somebody else still has it.",
                ),
                Slip(lambda k, w: k, "Your rule gives each process a frame of its own, whether or not it stores."),
                Slip(lambda k, w: 1, "Your rule is that of a shared mapping: one frame for all, stores included."),
                Slip(lambda k, w: k + 1, "Your rule lets a load make a copy, as a store does."),
                Slip(
                    lambda k, w: k + w, "Your rule gives each process a frame at its load, and one more at its store."
                ),
            ),
            hints=(
                "Try k = 2 on paper for w = 0, 1, 2. Who holds the file's page?",
                "After fork the last owner kept its frame. Who is there besides the processes now?",
                'labs.step("07.4", k=2, w=2) shows one case.',
            ),
            said=_said,
            steps=_frames_by_step,
        ),
    ),
    recorded={
        "host-rows": "[True, True, True, True, True, False, False, False, True]",
        "host-end": "(b'g\\x00', 'no signal', 'SIGBUS')",
        "host-huge": "(1099511627776, [52, 0, 0], {'Rss': 192, 'Pss': 192, 'Shared_Dirty': 0, 'Private_Dirty': 64})",
    },
)
