"""Lab 10: the page cache at work. Its scenes are those of the notebook's cells, made anew."""

from typing import Any

from .. import Advice, KiB, Machine, Map
from .lab import Exercise, Lab, Prediction, Puzzle, Slip

PAGE = 4 * KiB
AT = 1 << 40  # an address at which a window of fault-around begins

# -- predictions -------------------------------------------------------------------------------------------------------------


def _scanned() -> dict[str, Any]:
    """A file of 256 pages, of which none is in memory, and the first scan of it."""
    m = Machine(frames=320, preset="linux", seed=0)
    data = m.create("data", 256 * PAGE)
    first = m.spawn("first")
    text = first.mmap(file=data, addr=AT)
    return {"m": m, "data": data, "first": first, "text": text, "cost": first.access(text.pages)}


def _faults_of_second() -> int:
    s = _scanned()
    second = s["m"].spawn("second")
    return int(second.access(second.mmap(file=s["data"], addr=AT).pages).faults)


def _stored_again() -> int:
    s = _draft()
    s["editor"].access(s["draft"].pages[:16], True)
    s["editor"].msync(s["draft"])
    return int(s["editor"].access(s["draft"].pages[:16], True).faults)


def _swapped_out() -> int:
    s = _scanned()
    s["first"].munmap(s["text"])
    return int(s["first"].access(s["first"].mmap(200 * PAGE).pages, True).pswpout)


# -- exercises ---------------------------------------------------------------------------------------------------------------


def _shelf() -> dict[str, Any]:
    """A file of 100 pages, all in the page cache, and a process that has mapped it and loaded nothing."""
    r = Machine(frames=256, preset="linux", seed=0)
    shelf = r.create("shelf", 100 * PAGE)
    guest = r.spawn("guest")
    seen = guest.mmap(file=shelf, addr=AT)
    guest.madvise(seen, advice=Advice.WILLNEED)
    return {"r": r, "shelf": shelf, "guest": guest, "seen": seen}


def _pages_present() -> int:
    s = _shelf()
    s["guest"].access([s["seen"].pages[i] for i in (0, 8, 40, 41, 99)])
    return int(s["guest"].pagemap(s["seen"]).present.sum())


def _kinds() -> dict[str, Any]:
    """One page a fault: 30 pages of a file, ten of them in the page cache; 14 pages of memory, six of them in swap."""
    z = Machine(frames=128, seed=0)
    job = z.spawn("job")
    story = job.mmap(file=z.create("story", 30 * PAGE), addr=AT)
    pad = job.mmap(14 * PAGE, addr=AT << 1)
    job.madvise(story.addr, 10 * PAGE, Advice.WILLNEED)
    for at in pad.pages[:6]:
        job.store(at, b"x")
    job.madvise(pad.addr, 6 * PAGE, Advice.PAGEOUT)
    return {"z": z, "job": job, "story": story, "pad": pad}


def _major_faults() -> int:
    s = _kinds()
    return int(s["job"].access([*s["story"].pages, *s["pad"].pages]).majflt)


def _draft() -> dict[str, Any]:
    """24 pages of a file, mapped shared and loaded."""
    y = Machine(frames=320, preset="linux", seed=0)
    editor = y.spawn("editor")
    draft = editor.mmap(file=y.create("draft", 24 * PAGE), flags=Map.SHARED, addr=AT)
    for page in draft.pages:
        editor.load(page)
    return {"y": y, "editor": editor, "draft": draft, "loaded": y.branch()}


def _faults_of_stores() -> int:
    s = _draft()
    faults = 0
    for first, stop, times in ((0, 10, 1), (5, 15, 1), (5, 15, 2)):
        faults += int(s["editor"].access([*s["draft"].pages[first:stop]] * times, True).faults)
        s["editor"].msync(s["draft"])
    return faults


# -- the puzzle --------------------------------------------------------------------------------------------------------------


def _said(s: int, w: int) -> str:
    return f"{16 * w} pages, a load from {'every page' if s == 1 else f'one page in {s}'}"


def _loads_by_step(s: int, w: int) -> list[tuple[str, ...]]:
    """16 * w pages of a file in the page cache; a process loads from one page in s."""
    m = Machine(frames=128, preset="linux", seed=0)
    p = m.spawn("P")
    area = p.mmap(file=m.create("f", 16 * w * PAGE), addr=AT)
    p.madvise(area, advice=Advice.WILLNEED)
    rows: list[tuple[str, ...]] = [("step", "faults", "pages present")]
    for i in range(0, 16 * w, s):
        faults = int(p.access([area.pages[i]]).faults)
        rows.append((f"load page {i}", str(faults), str(p.stat.rss)))
    return rows


_faults: dict[tuple[int, int], int] = {}


def _faults_of_loads(s: int, w: int) -> int:
    if (s, w) not in _faults:
        _faults[s, w] = sum(int(faults) for _, faults, _ in _loads_by_step(s, w)[1:])
    return _faults[s, w]


CASES = [(s, w) for s in (1, 4, 8, 16, 20, 32, 40) for w in range(1, 5)]

LAB = Lab(
    "10",
    "Why was the second read fast?",
    predictions=(
        Prediction(
            "a",
            "major faults of a scan of 256 pages that are on the disk",
            "cold",
            lambda: int(_scanned()["cost"].majflt),
        ),
        Prediction("b", "faults of a second process that then scans the same 256", "warm", _faults_of_second),
        Prediction("c", "faults, when 16 pages stored into and synced are stored into again", "synced", _stored_again),
        Prediction("d", "pages swapped out, when 200 frames are wanted and 64 are free", "squeeze", _swapped_out),
    ),
    exercises=(
        Exercise(
            "10.1",
            "pages",
            _pages_present,
            "Two whole windows of 16, for pages 0 and 8 and for pages 40 and 41, and the last window, which the end of the file"
            " cuts to four pages. All of them count in Rss, though five were touched.",
            slips=(
                Slip(
                    5,
                    "You counted the pages that were touched. Load from page 8, and look at the PTE of page 9:",
                    "t = r.branch(); t.process(guest).load(seen.pages[8])\nt.process(guest).pagemap(seen).present[9]",
                ),
                Slip(
                    48,
                    "You gave every window 16 pages. A window ends with the file. What is left of the file for the last one:",
                    "len(seen.pages) % 16",
                ),
                Slip(
                    80,
                    "You gave each of the five loads a window of its own. Two loads in one window, and the faults they take:",
                    "t = r.branch()\nt.process(guest).access([seen.pages[0], seen.pages[8]]).faults",
                ),
                Slip(
                    100,
                    "This is the belief that what is in the page cache is in the page table. Load from page 0, and look at page"
                    " 50:",
                    "t = r.branch(); t.process(guest).load(seen)\n"
                    "t.process(guest).mincore(seen)[50].item(), t.process(guest).pagemap(seen).present[50].item()",
                ),
                Slip(
                    3,
                    "You counted the faults. One fault maps more than one page. Load from page 0, and look at page 5:",
                    "t = r.branch(); t.process(guest).load(seen)\nt.process(guest).pagemap(seen).present[5]",
                ),
            ),
            hints=(
                "Which of the five loads fault, and which find a PTE?",
                "Draw the 100 pages in rows of sixteen. Mark the rows in which something was loaded.",
                "t = r.branch(), make the loads, and count pagemap(seen).present for guest.",
            ),
            scene=_shelf,
        ),
        Exercise(
            "10.2",
            "faults",
            _major_faults,
            "Twenty pages had to be read from the file and six from swap. The ten that were in the page cache and the eight that"
            " were never touched needed no device: minor faults.",
            slips=(
                Slip(
                    20,
                    "This is the belief that a page comes back from swap by a minor fault. Swap is on a device. Load from the"
                    " first page of pad, and count major faults:",
                    "t = z.branch()\nt.process(job).access(pad.pages[:1]).majflt",
                ),
                Slip(
                    36,
                    "You counted every page of the file. Load from its first page, which is in the page cache, and count major"
                    " faults:",
                    "t = z.branch()\nt.process(job).access(story.pages[:1]).majflt",
                ),
                Slip(
                    28,
                    "You let the untouched pages be major, and those in swap minor. Load from the last page of pad, which was"
                    " never touched, and from its first:",
                    "t = z.branch()\n[t.process(job).access(part).majflt for part in (pad.pages[13:], pad.pages[:1])]",
                ),
                Slip(
                    44,
                    "You counted every fault. A fault is major if it waits for a device. Load from the last page of pad:",
                    "t = z.branch(); load = t.process(job).access(pad.pages[13:])\nload.minflt, load.majflt",
                ),
                Slip(
                    18,
                    "You counted the other kind. Load from the first page of the story, which is in the page cache:",
                    "t = z.branch(); load = t.process(job).access(story.pages[:1])\nload.minflt, load.majflt",
                ),
            ),
            hints=(
                "For each page ask: does somebody have to wait for a device?",
                "There are four kinds of page here. Make a list: kind, how many, device or not.",
                "t = z.branch(); t.process(job).access(...) gives a cost with .minflt and .majflt.",
            ),
            scene=_kinds,
        ),
        Exercise(
            "10.3",
            "faults",
            _faults_of_stores,
            "Each round of ten finds its pages clean, since msync has made their PTEs read-only again: ten faults, three times."
            " The stores that follow on a dirty page find it writable.",
            slips=(
                Slip(
                    40,
                    "You let every store fault. Once a page is dirty the kernel has heard of it. Two stores into one page:",
                    "t = loaded.branch(); page = draft.pages[:1]\nt.process(editor).access([*page, *page], True).faults",
                ),
                Slip(
                    15,
                    "You counted the pages. After msync a page is clean, and the kernel wants to hear of the next store. Store,"
                    " msync, and store:",
                    "t = loaded.branch(); e = t.process(editor); e.store(draft, b'x'); e.msync(draft)\n"
                    "e.access(draft.pages[:1], True).faults",
                ),
                Slip(
                    0,
                    "This is the belief that a page that is present and in a writable VMA takes a store without a fault. Look at"
                    " its PTE after the load:",
                    "loaded.process(editor).translate(draft).bits",
                ),
                Slip(
                    20,
                    "You left out the first round: the pages were loaded, so you took them for writable. One store after the"
                    " load:",
                    "t = loaded.branch()\nt.process(editor).access(draft.pages[:1], True).faults",
                ),
                Slip(
                    25,
                    "You let pages 5 to 9 stay writable over the first msync. Store, msync, and look at the PTE:",
                    "t = loaded.branch(); e = t.process(editor); e.store(draft, b'x'); e.msync(draft)\ne.translate(draft).bits",
                ),
            ),
            hints=(
                "When does the kernel want to hear of a store, and how can it?",
                "Write down for each page whether its PTE is writable, before each round.",
                "translate(draft).bits on a branch, after a load, after a store and after msync.",
            ),
            scene=_draft,
        ),
        Puzzle(
            "10.4",
            "lambda s, w: w",
            "lambda s, w: -(-16 * w // max(s, 16))",
            ("s", "w"),
            tuple(sorted(CASES, key=lambda case: (case[1] < 2, case[0] == 16, case[0] < 2, case))),
            _faults_of_loads,
            "Up to one load in 16 pages every window is met, and each costs one fault. Beyond that each load has a window of its"
            " own, and the windows between are never met.",
            slips=(
                Slip(lambda s, w: -(-16 * w // s), "Your rule lets every load fault, as if one fault mapped one page."),
                Slip(lambda s, w: w, "Your rule counts every window, also those in which nothing is loaded."),
                Slip(lambda s, w: 16 * w, "Your rule counts the pages, as if each were touched and faulted."),
                Slip(lambda s, w: 0, "Your rule lets the page cache stand in for the page table: no faults at all."),
                Slip(lambda s, w: 1, "Your rule lets one fault map the whole file."),
            ),
            hints=(
                "Draw 32 pages in two rows of sixteen. Mark the loads for s = 4, then for s = 20.",
                "A window costs one fault if anything in it is loaded. How many windows are there, and how many loads?",
                'labs.step("10.4", s=20, w=3) shows one case.',
            ),
            said=_said,
            steps=_loads_by_step,
        ),
    ),
    recorded={
        "host-warm": "((17, 0), (0, 0))",
        "host-cold": "{'NORMAL': (16, 1), 'SEQUENTIAL': (16, 1), 'RANDOM': (0, 256), 'WILLNEED': (17, 0)}",
        "host-stores": "[16, 0, 16, 0]",
    },
)
