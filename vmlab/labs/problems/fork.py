"""fork and copy-on-write: who copies, who faults, how many frames. OSTEP, chapter 23; CS:APP, 9.8.2."""

from typing import NamedTuple

from ... import Machine, Process
from .answers import Form
from .draws import Draws
from .problem import Posed
from .scene import plural
from .tables import Table

PAGE = 4096
QUESTIONS = {
    "copies": "How many pages does the kernel copy, from the fork to the end?",
    "faults": "How many page faults does P take, from the fork to the end?",
    "frames": "How many page frames hold data of the two processes at the end?",
}


class Case(NamedTuple):
    """P stores into `npages` pages and forks Q; then each of `events`: (who, pages from the first on), or (who, 0) for exit."""

    npages: int
    events: tuple[tuple[str, int], ...]
    asked: str


def draw(d: Draws) -> Case:
    npages = d.between(8, 60)
    child, parent = d.between(2, npages - 1), d.between(2, npages - 1)
    events = d.one_of(
        [
            (("Q", child), ("P", parent)),
            (("P", parent), ("Q", child)),
            (("Q", child), ("Q", 0), ("P", parent)),
            (("Q", child), ("P", parent), ("Q", 0)),
            (("P", parent), ("Q", child), ("Q", 0)),
            (("Q", child), ("Q", child), ("P", parent)),
        ]
    )
    return Case(npages, events, d.one_of(list(QUESTIONS)))


def pose(case: Case) -> Posed:
    m = Machine(frames=2 * case.npages + 8, swap=0, contents=False, history=None)
    p = m.spawn("P")
    heap = p.mmap(case.npages * PAGE)
    heap.touch(True)
    rows = [(f"P stores into {case.npages} pages", "", "", str(_frames(m)))]
    with m.measure() as all_of_it:
        before = p.stat.minflt
        with m.measure() as cost:
            q = p.fork("Q")
        rows.append(("P forks Q", str(cost.faults), str(cost.copies), str(_frames(m))))
        who: dict[str, Process] = {"P": p, "Q": q}
        for name, n in case.events:
            with m.measure() as cost:
                if n:
                    who[name].access(heap.pages[:n], True)
                else:
                    who[name].exit()
            rows.append((_said(name, n), str(cost.faults), str(cost.copies), str(_frames(m))))
    copies, faults, frames = all_of_it.copies, p.stat.minflt - before, _frames(m)
    answer = {"copies": copies, "faults": faults, "frames": frames}[case.asked]
    return Posed(
        f"Process P has stored into each of its {plural(case.npages, 'page')}, and forks Q. Then, in this order: "
        + "; ".join(_said(name, n) for name, n in case.events)
        + ". The kernel copies on write, and no page is swapped out.",
        (),
        QUESTIONS[case.asked],
        Form.COUNT,
        answer,
        _wrong(case, copies, faults, frames, all_of_it.faults),
        Table("step by step", ("step", "faults", "pages copied", "frames with data"), tuple(rows)),
        "Fork copies no page and takes write access from both. The first store into a shared page faults and copies; a store by the"
        " last owner of a page faults and copies nothing.",
    )


def _frames(m: Machine) -> int:
    return len(m.state.frames) - int(m.state.machine["nfree"][0])


def _said(name: str, n: int) -> str:
    return f"{name} stores into the first {plural(n, 'page')}" if n else f"{name} exits"


def _wrong(case: Case, copies: int, faults: int, frames: int, all_faults: int) -> list[tuple[int, str]]:
    stores = {name: max(n for who, n in case.events if who == name) for name in "PQ"}
    both = stores["P"] + stores["Q"]
    ended = any(n == 0 for _, n in case.events)
    if case.asked == "frames":
        return [
            (
                case.npages + copies,
                "This adds up all copies. When a process exits, the frames that only it used are free.",
            ),
            (
                2 * case.npages,
                "This gives each process a frame for each page, as if fork copied everything, and nobody gave any back.",
            ),
            (
                case.npages + both,
                "This adds a frame for each page stored into by either. Of two owners only the first to store leaves.",
            ),
            (case.npages + stores["Q"], "This gives frames to the stores of Q alone. Fork makes both sides equal."),
            (
                case.npages,
                "This leaves out the copies that are still there at the end, or keeps only what one process had.",
            ),
            (both, "These are the pages stored into. Pages that nobody stored into are in frames as well."),
            (copies, "These are the copies. The originals are in frames as well."),
        ]
    wrong = [
        (case.npages, "This lets fork do it for every page. Fork itself touches page tables, not pages."),
        (0, "This is the belief that P owns the originals and that only Q pays. Fork makes both sides equal."),
        (both, "This makes every store into a shared page pay the same, whoever came first."),
        (
            stores["Q"],
            "This counts what Q stores into. Each process pays for its own stores, and the first to store leaves.",
        ),
        (stores["P"], "This counts what P stores into. A page whose other owner left or copied is P's alone."),
        (
            case.npages + both,
            "This adds the pages that fork shared to those stored into later. Sharing is no copy and no fault.",
        ),
        (case.npages - stores["P"], "These are the pages that P left alone. Pages nobody stores into cost nothing."),
    ]
    if case.asked == "copies":
        wrong.insert(0, (all_faults, "These are the faults of both. The last owner of a page faults without a copy."))
        if ended:
            wrong.insert(
                1,
                (
                    case.npages + copies,
                    "This adds a copy for each page at exit. Nothing is copied when a process ends.",
                ),
            )
    else:
        wrong.insert(
            0, (copies, "These are the copies of both processes. Faults are charged to who stores, copy or no copy.")
        )
        wrong.insert(1, (all_faults, "These are the faults of both processes. P is charged for its own."))
        wrong.insert(2, (case.npages + faults, "This adds the faults with which P filled its pages before the fork."))
    return wrong
