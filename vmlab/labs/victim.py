"""Lab 08: choosing a victim. Replays of the notebook's strings, and machines for the loop."""

from typing import Any

from .. import KiB, Machine, replay
from .lab import Exercise, Lab, Prediction, Puzzle, Slip

PAGE = 4 * KiB
STRING = "1 2 3 4 1 2 5 1 2 3 4 5"  # Belady, Nelson and Shedler 1969
SIX = "6 3 2 5 2 3 1 3 6 2 4 5 1 3 4"  # each rule that a student may take for LRU gives another number
HAND = "4 1 5 6 5 4 3 6 3 1 4 2 1 3 6"  # the same for CLOCK


def _faults(string: str, policy: str, frames: int) -> int:
    return int(replay(string, policy, frames=frames).faults)


def _scene() -> dict[str, Any]:
    return {"replay": replay, "six": SIX, "turns": HAND}


# -- the loop ----------------------------------------------------------------------------------------------------------------


def _said(k: int, n: int, r: int) -> str:
    return (
        f"{k} page{'s' * (k != 1)} in a circle, {n} frame{'s' * (n != 1)}, {'once' if r == 1 else f'{r} times'} around"
    )


def _rounds(k: int, n: int, r: int) -> list[tuple[str, ...]]:
    """A loop over k pages in n frames under LRU, a row for each time around."""
    p = Machine(frames=n, policy="lru", seed=0).spawn("P")
    loop = p.mmap(k * PAGE)
    rows: list[tuple[str, ...]] = [("step", "faults", "hits")]
    for i in range(r):
        faults = int(p.access(loop.pages).faults)
        rows.append((f"time {i + 1} around", str(faults), str(k - faults)))
    return rows


_loops: dict[tuple[int, int, int], int] = {}


def _faults_of_loop(k: int, n: int, r: int) -> int:
    if (k, n, r) not in _loops:
        _loops[k, n, r] = sum(int(faults) for _, faults, _ in _rounds(k, n, r)[1:])
    return _loops[k, n, r]


CASES = [(k, n, r) for k in range(1, 7) for n in range(2, 6) for r in range(1, 4)]

LAB = Lab(
    "08",
    "Which page should go?",
    predictions=(
        Prediction(
            "a", "faults, 3 frames, the page that came first goes", "fifo-three", lambda: _faults(STRING, "fifo", 3)
        ),
        Prediction("b", "the same with 4 frames", "fifo-four", lambda: _faults(STRING, "fifo", 4)),
        Prediction("c", "4 frames, the page unused for longest goes", "lru", lambda: _faults(STRING, "lru", 4)),
        Prediction("d", "4 frames, the fewest that any choice can give", "opt", lambda: _faults(STRING, "opt", 4)),
    ),
    exercises=(
        Exercise(
            "08.1",
            "faults",
            lambda: _faults(SIX, "lru", 3),
            "6 first uses, and 6 pages that had to come back. LRU orders the pages by their last use, so each hit moves a page"
            " to the safe end.",
            slips=(
                Slip(
                    13,
                    "This is FIFO's number: you ordered the pages by when they came, and a hit changed nothing. Look at what is"
                    " in the frames when page 1 is used again before page 4 comes:",
                    'replay("1 2 3 1 4", "lru", frames=3).table().columns[-1]',
                ),
                Slip(
                    9,
                    "This is OPT's number: you looked at what comes next. LRU knows the past only. Here it lets page 2 go,"
                    " although page 2 is what comes after:",
                    'replay("1 2 3 1 4 2", "lru", frames=3).table().columns[4]',
                ),
                Slip(
                    10,
                    "You let the page with the fewest uses go, which is LFU. LRU does not count uses, it asks when the last one"
                    " was. Page 1 is used twice here:",
                    'replay("1 1 2 3 4", "lru", frames=3).table().columns[-1]',
                ),
                Slip(
                    6,
                    "You left out one kind of fault. A first use finds no page in memory, even while frames are free:",
                    'replay("1 2 3", "lru", frames=3).faults',
                ),
            ),
            hints=(
                "At each fault ask of each page in memory: when was it used last?",
                "Keep the pages in a line, the last used at the right. A hit moves its page to the right; who stands at the left?",
                'replay(six, "lru", frames=3).table() draws it.',
            ),
            scene=_scene,
        ),
        Exercise(
            "08.2",
            "faults",
            lambda: _faults(HAND, "clock", 3),
            "A hit sets a bit and leaves the hand where it is. A fault moves the hand: it clears bits until it finds a clear"
            " one, and stops one past the page that came in its place.",
            slips=(
                Slip(
                    14,
                    "You let the hand begin at frame 0 at each fault. It goes on from one past the last victim, so page 6 does"
                    " not take the frame of page 4 here:",
                    'replay("1 2 3 4 5 6", "clock", frames=3).table().columns[-1]',
                ),
                Slip(
                    9,
                    "This is FIFO's number: the hits left no mark. A hit sets the bit, and the hand spares that page once. Page 2"
                    " is used again before page 5 comes:",
                    'replay("1 2 3 4 2 5", "clock", frames=3).table().columns[-1]',
                ),
                Slip(
                    12,
                    "This is LRU's number. CLOCK knows of each page only whether it was used, and not when. All bits are set"
                    " here when page 4 comes, so the order of use is lost:",
                    'replay("1 2 3 1 4", "clock", frames=3).table().columns[-1]',
                ),
                Slip(
                    13,
                    "You let a page come with its bit clear. The reference that faulted is made again and sets the bit, so all"
                    " three pages look alike when page 4 comes:",
                    'replay("1 2 3 1 4", "clock", frames=3).table().columns[-1]',
                ),
                Slip(
                    8,
                    "This is OPT's number, and the hand cannot see what comes next. Here it takes page 1, which is the next one"
                    " wanted:",
                    'replay("1 2 3 4 1", "clock", frames=3).table().columns[3]',
                ),
            ),
            hints=(
                "Beside each page write its bit; where is the hand, and what moves it?",
                "On a hit only a bit changes. On a fault the hand clears bits as it passes and ends one past the newcomer.",
                'replay(turns, "clock", frames=3).table() draws the frames.',
            ),
            scene=_scene,
        ),
        Puzzle(
            "08.3",
            "lambda k, n, r: k * r",
            "lambda k, n, r: k if k <= n else k * r",
            ("k", "n", "r"),
            tuple(
                sorted(CASES, key=lambda case: (not (case[0] > 1 and case[2] > 1), abs(case[0] - case[1] - 1), case))
            ),
            _faults_of_loop,
            "A loop that fits faults at first uses only. One page too many, and LRU lets go each time the very page that is"
            " wanted next.",
            slips=(
                Slip(
                    lambda k, n, r: k * r,
                    "Your rule lets every reference fault, also where the whole loop fits.",
                ),
                Slip(
                    lambda k, n, r: k + max(k - n, 0) * (r - 1),
                    "Your rule lets some pages stay from one time around to the next. Which page did LRU let go shortly before it"
                    " is wanted?",
                ),
                Slip(lambda k, n, r: k, "Your rule counts first uses, as if nothing ever had to go."),
                Slip(
                    lambda k, n, r: max(k - n, 0) * r,
                    "Your rule counts what does not fit, and leaves out that the first use of every page faults.",
                ),
            ),
            hints=(
                "Draw 3 pages in 3 frames, then 4 pages in 3 frames, twice around.",
                "When a page is wanted again, how many other pages were used since its last use?",
                'labs.step("08.3", k=4, n=3, r=3) shows one case.',
            ),
            said=_said,
            steps=_rounds,
        ),
    ),
)
