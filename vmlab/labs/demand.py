"""Lab 05: nothing is there until you touch it. Its scenes are those of the notebook's cells, made anew."""

from typing import Any

from .. import KiB, Machine, Map
from .lab import Exercise, Lab, Prediction, Puzzle, Slip

PAGE = 4 * KiB

# -- scenes ------------------------------------------------------------------------------------------------------------------


def _sheet() -> dict[str, Any]:
    """Twenty pages that nobody has touched."""
    desk = Machine(frames=64, preset="linux", seed=0)
    clerk = desk.spawn("clerk")
    return {"desk": desk, "clerk": clerk, "sheet": clerk.mmap(20 * PAGE)}


def _row() -> dict[str, Any]:
    """Sixteen pages that were all stored into."""
    yard = Machine(frames=64, preset="linux", seed=0)
    guard = yard.spawn("guard")
    gate = guard.mmap(16 * PAGE)
    gate.touch(True)
    return {"yard": yard, "guard": guard, "gate": gate}


# -- predictions -------------------------------------------------------------------------------------------------------------


def _read(write_too: bool) -> tuple[int, int]:
    """Minor faults of sixteen loads, or of the stores after them, and Rss in kB then."""
    p = Machine(frames=128, preset="linux", seed=0).spawn("app")
    area = p.mmap(64 * KiB)
    run = p.access(area.pages, False)
    if write_too:
        run = p.access(area.pages, True)
    return int(run.minflt), int(p.stat.rss) * PAGE // KiB


def _populated() -> int:
    p = Machine(frames=128, preset="linux", seed=0).spawn("ready")
    area = p.mmap(64 * KiB, flags=Map.PRIVATE | Map.POPULATE)
    return int(p.access(area.pages, True).minflt)


# -- exercises ---------------------------------------------------------------------------------------------------------------


def _loads_and_stores() -> tuple[int, int]:
    s = _sheet()
    clerk, pages = s["clerk"], s["sheet"].pages
    faults = clerk.access(pages[:12], False).minflt + clerk.access(pages[8:18], True).minflt
    return int(faults), int(clerk.stat.rss) * PAGE // KiB


def _after_dontneed() -> int:
    from .. import Advice

    s = _row()
    guard, pages = s["guard"], s["gate"].pages
    guard.madvise(pages[4], 6 * PAGE, Advice.DONTNEED)
    return int(guard.access(pages, False).minflt + guard.access(pages, True).minflt)


def _said(r: int, w: int, k: int) -> str:
    return f"r = {r}, w = {w}, k = {k}"


def _faults_by_step(r: int, w: int, k: int) -> list[tuple[str, ...]]:
    """Of four pages the first k are stored into, then the first r are loaded from, then the first w stored into."""
    p = Machine(frames=16, preset="linux", seed=0).spawn("P")
    pages = p.mmap(4 * PAGE).pages
    rows: list[tuple[str, ...]] = [("step", "faults", "frames")]
    for what, n, write in (("stores before", k, True), ("loads", r, False), ("stores", w, True)):
        faults = p.access(pages[:n], write).minflt if n else 0
        rows.append((f"{what}: {n}", str(faults), str(p.stat.rss)))
    return rows


_faults: dict[tuple[int, int, int], int] = {}


def _faults_of(r: int, w: int, k: int) -> int:
    if (r, w, k) not in _faults:
        _faults[r, w, k] = sum(int(row[1]) for row in _faults_by_step(r, w, k)[2:])
    return _faults[r, w, k]


LAB = Lab(
    "05",
    "Nothing is there until you touch it",
    predictions=(
        Prediction("a", "minor faults of 16 loads from new memory", "loads", lambda: _read(False)[0]),
        Prediction("b", "kB of memory (Rss) the process has then", "loads", lambda: _read(False)[1]),
        Prediction("c", "minor faults of 16 stores after the loads", "stores", lambda: _read(True)[0]),
        Prediction("d", "faults of 16 stores after MAP_POPULATE", "populate-stores", _populated),
    ),
    exercises=(
        Exercise(
            "05.1",
            "faults",
            lambda: _loads_and_stores()[0],
            "Each load found an empty PTE, and each store found an empty PTE or the zero page. Four pages faulted twice.",
            slips=(
                Slip(
                    18,
                    "You counted one fault for each page touched, as if a load gave the page a frame of its own that the"
                    " store then finds. Frames of the process after the loads:",
                    "t = desk.branch(); t.process(clerk).access(sheet.pages[:12], False)\nint(t.process(clerk).stat.rss)",
                ),
                Slip(
                    10,
                    "You let the loads pass without a fault, as if there were something to load from already:",
                    "t = desk.branch()\nint(t.process(clerk).access(sheet.pages[:12], False).minflt)",
                ),
                Slip(
                    20,
                    "This is the size of the mapping, as if mmap brought every page. Pages with a PTE before the first load:",
                    "int(clerk.pagemap(sheet).present.sum())",
                ),
            ),
            hints=(
                "What does a store find at a page that was only loaded from?",
                "Count the loads and the stores apart.",
                "t = desk.branch(), and .minflt of what access returns.",
            ),
            scene=_sheet,
        ),
        Exercise(
            "05.2",
            "kB",
            lambda: _loads_and_stores()[1],
            "Only a store takes a frame: ten pages of 4 kB. Pages that were only loaded from all show the zero page.",
            slips=(
                Slip(
                    72,
                    "You counted every page touched. Rss after one load from each of twelve pages:",
                    "t = desk.branch(); t.process(clerk).access(sheet.pages[:12], False)\n"
                    "t.process(clerk).smaps().rows[0].Rss",
                ),
                Slip(
                    80,
                    "This is VmSize: the addresses. Before any page is touched they are all there, and the memory is:",
                    "of = clerk.smaps().rows[0]\nof.Size, of.Rss",
                ),
                Slip(
                    24,
                    "You let pages that were loaded from stay with the zero page when they are stored into. Frames after a"
                    " load and a store at one page:",
                    "t = desk.branch(); t.process(clerk).load(sheet); t.process(clerk).store(sheet, b'x')\n"
                    "int(t.process(clerk).stat.rss)",
                ),
            ),
            hints=(
                "Which of the accesses needs bytes of the process's own?",
                "How many pages were stored into?",
                "t.process(clerk).smaps().rows[0].Rss on a branch.",
            ),
            scene=_sheet,
        ),
        Exercise(
            "05.3",
            "faults",
            _after_dontneed,
            "Six pages were taken away at once. Each faulted when it was loaded from, and again when it was stored into.",
            slips=(
                Slip(
                    0,
                    "This is the belief that DONTNEED is a hint, which the kernel may leave for later. Frames after it:",
                    "from vmlab import Advice\nt = yard.branch()\n"
                    "t.process(guard).madvise(gate.pages[4], 6 * 4096, Advice.DONTNEED)\nint(t.process(guard).stat.rss)",
                ),
                Slip(
                    6,
                    "One fault for each page, as if the load had brought a frame. The right to write, after the load:",
                    "from vmlab import Advice\nt = yard.branch()\n"
                    "t.process(guard).madvise(gate.pages[4], 4096, Advice.DONTNEED); t.process(guard).load(gate.pages[4])\n"
                    "t.process(guard).translate(gate.pages[4]).bits",
                ),
                Slip(
                    32,
                    "You let every page fault twice. The pages beside those that were given back are as they were:",
                    "t = yard.branch()\nint(t.process(guard).access(gate.pages[:4], True).minflt)",
                ),
            ),
            hints=(
                "What is left of a page after DONTNEED?",
                "The pages that were not given back: do they fault?",
                "madvise on a branch, then .minflt of access, for loads and for stores.",
            ),
            scene=_row,
        ),
        Puzzle(
            "05.4",
            "lambda r, w, k: r * w",
            "lambda r, w, k: max(r - k, 0) + max(w - k, 0)",
            ("r", "w", "k"),
            tuple(
                sorted(
                    ((r, w, k) for r in range(1, 4) for w in range(4) for k in range(4)),
                    key=lambda case: (case != (2, 3, 1), 0 in case, case),
                )
            ),
            _faults_of,
            "A page with a frame of its own does not fault. Each other page faults at its first load, and at its first store.",
            slips=(
                Slip(lambda r, w, k: r + w, "Your rule lets pages fault that have a frame already."),
                Slip(
                    lambda r, w, k: max(max(r, w) - k, 0),
                    "Your rule has one fault for each page, as if a load took a frame.",
                ),
                Slip(lambda r, w, k: max(w - k, 0), "Your rule lets loads pass without a fault."),
            ),
            hints=(
                "Begin with k = 0.",
                "Loads and stores apart: which of them finds what it needs?",
                "A number of pages is never less than 0.",
            ),
            said=_said,
            steps=_faults_by_step,
        ),
    ),
    recorded={"host-loads": "(100, 0, 100, 400)", "host-populate": "0"},
)
