"""Lab 12: overcommit and the out-of-memory killer. Its scenes are those of the notebook's cells, made anew."""

from typing import Any

from .. import KiB, Killed, Machine, Map, MiB, Prot
from .lab import Exercise, Lab, Prediction, Puzzle, Slip

PAGE = 4 * KiB
GiB = 1024 * MiB
RAM, SWAP = 8, 4  # frames and slots of the puzzle

# -- scenes ------------------------------------------------------------------------------------------------------------------


def large() -> Machine:
    """16 GiB of RAM and as much swap, in pages of 2 MiB and without bytes."""
    return Machine(ram=16 * GiB, swap=16 * GiB, page_size=2 * MiB, mmu=(10, 10, 10), contents=False, seed=0)


def town(adj: int = 0) -> dict[str, Any]:
    """16 frames, 16 slots, three processes that hold 2, 10 and 14 pages; the first may store into 14 more."""
    o = Machine(frames=16, swap=64 * KiB, seed=0)
    procs = [o.spawn(name) for name in ("shell", "browser", "database")]
    areas = [p.mmap(64 * KiB) for p in procs]
    for p, area, held in zip(procs, areas, (2, 10, 14), strict=True):
        p.access(area.pages[:held], True)
    procs[0].oom_score_adj = adj
    return {"o": o, "shell": procs[0], "work": areas[0]}


def _parent() -> dict[str, Any]:
    """A process with 48 kB private, 16 kB shared, and 32 kB that may only be read."""
    f = Machine(frames=64, seed=0)
    parent = f.spawn("parent")
    parent.mmap(48 * KiB)
    parent.mmap(16 * KiB, flags=Map.SHARED | Map.ANONYMOUS)
    parent.mmap(32 * KiB, prot=Prot.READ)
    return {"f": f, "parent": parent}


# -- predictions and exercises -----------------------------------------------------------------------------------------------


def committed(m: Machine) -> int:
    """Committed_AS in kB."""
    return int(m.meminfo().rows["Committed_AS"])


def _granted(m: Machine, nbytes: int, times: int) -> int:
    """How many of some requests are granted."""
    p, granted = m.spawn("p"), 0
    for _ in range(times):
        try:
            p.mmap(nbytes)
            granted += 1
        except OSError:
            pass
    return granted


def _stores() -> int:
    """Pages that a process stores into on 8 frames and 8 slots before it is killed."""
    p = Machine(frames=8, swap=32 * KiB, seed=0).spawn("p")
    area, done = p.mmap(128 * KiB, flags=Map.PRIVATE | Map.NORESERVE), 0
    try:
        for page in area.pages:
            p.store(page, b"x")
            done += 1
    except Killed:
        pass
    return done


def _resident() -> int:
    p = large().spawn("p")
    p.mmap(20 * GiB)
    return p.stat.rss


def _limit() -> int:
    m = Machine(ram=8 * MiB, swap=4 * MiB, seed=0)
    m.overcommit_ratio = 75
    return int(m.meminfo().rows["CommitLimit"]) // 1024


def _promised_by_fork() -> int:
    s = _parent()
    before = committed(s["f"])
    s["parent"].fork("child")
    return committed(s["f"]) - before


def _shell_dies(adj: int) -> bool:
    s = town(adj)
    try:
        s["shell"].access(s["work"].pages, True)
    except Killed:
        return True
    return False


_least: list[int] = []


def _least_adj() -> int:
    """The smallest oom_score_adj with which the shell is the one to go."""
    if not _least:
        low, high = 0, 1000  # the shell lives, the shell dies
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if _shell_dies(middle) else (middle, high)
        _least.append(high)
    return _least[0]


# -- three modes -------------------------------------------------------------------------------------------------------------


def _said(n: int, mode: int, k: int) -> str:
    return f"mode {mode}, {k} request{'s' * (k != 1)} of {n} page{'s' * (n != 1)}"


def _answers(n: int, mode: int, k: int) -> list[tuple[str, ...]]:
    """k requests on a machine of 8 frames and 4 slots, a row for each."""
    m = Machine(frames=RAM, swap=SWAP * PAGE, seed=0)
    m.overcommit = mode
    p = m.spawn("p")
    rows: list[tuple[str, ...]] = [("request", "answer", "pages promised")]
    for i in range(k):
        try:
            p.mmap(n * PAGE)
            said = "granted"
        except OSError:
            said = "ENOMEM"
        rows.append((str(i + 1), said, str(committed(m) * KiB // PAGE)))
    return rows


_grants: dict[tuple[int, int, int], int] = {}


def _grants_of(n: int, mode: int, k: int) -> int:
    if (n, mode, k) not in _grants:
        _grants[mode, n, k] = sum(said == "granted" for _, said, _ in _answers(n, mode, k)[1:])
    return _grants[mode, n, k]


CASES = [(n, mode, k) for mode in range(3) for n in (1, 3, 5, 9, 13) for k in range(1, 5)]
TWO = "t = Machine(ram=4*MiB, swap=1*MiB)\n"

LAB = Lab(
    "12",
    "Can malloc fail? Who dies?",
    predictions=(
        Prediction(
            "a", "GiB that mode 2 promises at most", "limit", lambda: int(large().meminfo().rows["CommitLimit"]) // MiB
        ),
        Prediction(
            "b", "of 3 requests for 20 GiB, granted in mode 0", "thrice", lambda: _granted(large(), 20 * GiB, 3)
        ),
        Prediction("c", "frames that one granted request takes", "untouched", _resident),
        Prediction("d", "8 frames, 8 slots: pages stored into, then killed", "too-far", _stores),
    ),
    exercises=(
        Exercise(
            "12.1",
            "GiB",
            _limit,
            "The ratio is of RAM only, and swap counts whole.",
            slips=(
                Slip(
                    12,
                    "You added up RAM and swap. The ratio, 50 unless it is set, leaves part of RAM out. With 4 and 1:",
                    TWO + 't.meminfo().rows["CommitLimit"] // 1024',
                ),
                Slip(
                    9,
                    "You took the ratio of swap as well. With 1 of RAM and 4 of swap and a ratio of 50, in kB:",
                    't = Machine(ram=1*MiB, swap=4*MiB)\nt.meminfo().rows["CommitLimit"]',
                ),
                Slip(
                    6,
                    "You left swap out. A promise may be kept there too. The limit without swap, and with 1 of it, in kB:",
                    "t, u = Machine(ram=4*MiB, swap=0), Machine(ram=4*MiB, swap=1*MiB)\n"
                    'tuple(y.meminfo().rows["CommitLimit"] for y in (t, u))',
                ),
            ),
            hints=(
                "Which of the two does the ratio belong to?",
                "A share of RAM, and then something is added.",
                'Set overcommit_ratio of a Machine and read meminfo().rows["CommitLimit"]; MiB do as well as GiB.',
            ),
        ),
        Exercise(
            "12.2",
            "kB",
            _promised_by_fork,
            "The child may store into its private memory and get its own copy, so that is promised anew. Shared pages stay the"
            " same pages, and those that may only be read need no copy.",
            slips=(
                Slip(
                    96,
                    "This is all that the child has mapped. Not every mapping is a promise. One that may only be read:",
                    't = Machine(frames=8)\nt.spawn("y").mmap(8*KiB, prot=Prot.READ)\nt.meminfo().rows["Committed_AS"]',
                ),
                Slip(
                    64,
                    "You counted the shared pages twice. They were promised once, to both:",
                    't = Machine(frames=8); y = t.spawn("y")\ny.mmap(8*KiB, flags=Map.SHARED | Map.ANONYMOUS); y.fork("c")\n'
                    't.meminfo().rows["Committed_AS"]',
                ),
                Slip(
                    0,
                    "Fork takes no frames for data, and it does promise. One private page, then a fork:",
                    't = Machine(frames=8); y = t.spawn("y")\ny.mmap(4*KiB); y.fork("c")\nt.meminfo().rows["Committed_AS"]',
                ),
                Slip(
                    80,
                    "You counted what may only be read. Nobody can ever make it differ:",
                    't = Machine(frames=8)\nt.spawn("y").mmap(8*KiB, prot=Prot.READ)\nt.meminfo().rows["Committed_AS"]',
                ),
            ),
            hints=(
                "For each of the three mappings: can the child's pages come to differ from the parent's?",
                "Only what may be stored into, and is private, needs frames of the child's own.",
                'Build it, and read meminfo().rows["Committed_AS"] before and after the fork.',
            ),
            scene=_parent,
        ),
        Exercise(
            "12.3",
            "points",
            _least_adj,
            "When memory is full the database has 6 pages more than the shell. Each of the 32 pages of RAM and swap is 31.25"
            " thousandths, and the adjustment has to be larger than six of them.",
            slips=(
                Slip(
                    375,
                    "This is the distance of the scores before the shell stores. Scores are taken when memory has run out, and"
                    " the shell has grown. Its score after 4 more pages, less the one before:",
                    't = o.branch(); before = t.process("shell").oom_score\n'
                    't.process("shell").access(work.pages[:6], True)\nt.process("shell").oom_score - before',
                ),
                Slip(
                    562,
                    "This is the score of the database. The adjustment is added to what the shell has already:",
                    't = o.branch(); t.process("shell").oom_score_adj = 100\n'
                    't.process("shell").oom_score, o.process("shell").oom_score',
                ),
                Slip(
                    1000,
                    "That is enough, and more than is needed: any process would go first with it. The scores now, none above:",
                    "max(y.oom_score for y in o.processes)",
                ),
            ),
            hints=(
                "How many pages has each of the three when all 32 are taken?",
                "A page of 32 is so many thousandths; the shell lacks some pages to be the largest.",
                "Set shell.oom_score_adj on a branch, let it store into all of work, and see who is left.",
            ),
            scene=town,
        ),
        Puzzle(
            "12.4",
            "lambda n, mode, k: k",
            "lambda n, mode, k: (k if n <= 12 else 0, k, min(k, 8 // n))[mode]",
            ("n", "mode", "k"),
            tuple(sorted(CASES, key=lambda case: (case[2] < 2, case[1] == 1, case[0] not in (5, 13), case))),
            _grants_of,
            "Mode 0 looks at one request alone, mode 1 at nothing, mode 2 at all promises together.",
            slips=(
                Slip(lambda n, mode, k: k, "Your rule refuses nothing, in any mode."),
                Slip(
                    lambda n, mode, k: min(k, 12 // n),
                    "Your rule adds up the promises in every mode. Two of the modes do not.",
                ),
                Slip(
                    lambda n, mode, k: (k if n <= 12 else 0, k, min(k, 12 // n))[mode],
                    "Your rule lets mode 2 promise all of RAM.",
                ),
                Slip(
                    lambda n, mode, k: (k if n <= 12 else 0, k, k if n <= 8 else 0)[mode],
                    "Your rule lets mode 2 look at each request alone.",
                ),
            ),
            hints=(
                "Which mode looks at the sum, and which at one request?",
                "The commit limit here: half of 8 frames, and 4 slots.",
                'labs.step("12.4", n=3, mode=2, k=4) shows one case.',
            ),
            said=_said,
            steps=_answers,
        ),
    ),
    recorded={
        "host-three": "{'mode': 0, 'read and write': 'ENOMEM', 'no reserve': 'ok', 'read only': 'ok'}",
    },
)
