"""Lab 11: working sets and thrashing. Replays of the notebook's strings, and machines on which jobs go over their pages."""

from typing import Any

from .. import KiB, Machine, Mapping, MiB, replay
from ..counts import Run
from ..refstring import working_set_sizes
from .lab import Exercise, Lab, Prediction, Puzzle, Slip

PAGE = 4 * KiB
LOOP = "1 2 3 4 5 " * 20
NEEDS = (150, 200, 250, 180, 300)  # pages of each job
OTHERS = (40, 90, 200, 240)  # those of the exercises, in 500 frames
NAMES = "archive backup compile database editor finder games history".split()
VISITS = "6 7 1 7 2 3 4 3 4 5 3 4 4 5 3"  # ever used, resident, window and working set are four numbers


def jobs(needs: Any, frames: int = 1000) -> tuple[Machine, list[Mapping]]:
    """A machine with a job for each of `needs`, which has so many pages."""
    m = Machine(frames=frames, swap=8 * MiB, policy="lru", costs="hdd", contents=False, seed=0)
    return m, [m.spawn(name).mmap(need * PAGE) for name, need in zip(NAMES, needs, strict=False)]


def turn(m: Machine, areas: list[Mapping]) -> Run:
    """Every job stores once into each of its pages, one job after the other."""
    for area in areas:
        m.queue((area.pages, True), area.process)
    return m.run()


def _scene() -> dict[str, Any]:
    return {
        "jobs": jobs,
        "turn": turn,
        "replay": replay,
        "working_set_sizes": working_set_sizes,
        "others": list(OTHERS),
        "visits": VISITS,
    }


# -- predictions and exercises -----------------------------------------------------------------------------------------------


def _faults(policy: str, frames: int) -> int:
    return int(replay(LOOP, policy, frames=frames).faults)


def _second_turn(needs: Any, frames: int) -> Run:
    m, areas = jobs(needs, frames)
    turn(m, areas)
    return turn(m, areas)


def _percent() -> int:
    run = _second_turn(NEEDS, 1000)
    return int(100 * run.majflt // run.refs)


def _third_turn() -> int:
    m, areas = jobs(OTHERS, 500)
    turn(m, areas), turn(m, areas)
    return int(turn(m, areas).majflt)


def _least_to_suspend() -> int:
    """The pages of the smallest job without which the others do not fault."""
    fits = [
        n for k, n in enumerate(OTHERS) if _second_turn([m for j, m in enumerate(OTHERS) if j != k], 500).majflt == 0
    ]
    return min(fits)


def _working_set() -> int:
    return int(working_set_sizes(VISITS, window=6).pages[-1])


# -- how many jobs -----------------------------------------------------------------------------------------------------------


def _said(k: int, n: int) -> str:
    return f"jobs of {k} page{'s' * (k != 1)} each, {n} frames"


def _degrees(k: int, n: int) -> list[tuple[str, ...]]:
    """What a second turn costs, a row for each number of jobs, up to the first that faults."""
    rows: list[tuple[str, ...]] = [("jobs", "pages", "faults of the second turn")]
    many, faults = 0, 0
    while faults == 0:
        many += 1
        faults = int(_second_turn([k] * many, n).majflt)
        rows.append((str(many), str(k * many), str(faults)))
    return rows


_degree: dict[tuple[int, int], int] = {}


def _most_jobs(k: int, n: int) -> int:
    if (k, n) not in _degree:
        _degree[k, n] = sum(faults == "0" for _, _, faults in _degrees(k, n)[1:])
    return _degree[k, n]


CASES = [(k, n) for k in range(1, 6) for n in range(2, 8)]
SMALL = "t, of = jobs([3, 4, 5], frames=10)\n"
FOUR = "t, of = jobs([1, 4, 5, 3], frames=10)\n"

LAB = Lab(
    "11",
    "When does one more job kill the machine?",
    predictions=(
        Prediction("a", "faults, 4 frames, LRU", "loop-four", lambda: _faults("lru", 4)),
        Prediction("b", "faults, 5 frames, LRU", "loop-five", lambda: _faults("lru", 5)),
        Prediction("c", "faults, 4 frames, the fewest any choice can give", "policies", lambda: _faults("opt", 4)),
        Prediction("d", "five jobs, 80 frames too few: faults of 100 references", "cliff", _percent),
    ),
    exercises=(
        Exercise(
            "11.1",
            "faults",
            _third_turn,
            "Every reference of the turn. The jobs together are one circle that is longer than memory, and LRU lets go each"
            " time what is wanted soonest.",
            slips=(
                Slip(
                    70,
                    "You counted the pages that do not fit, as if the others could stay. Here 2 pages do not fit, and these are"
                    " the faults of a turn:",
                    SMALL + "turn(t, of)\nturn(t, of).majflt",
                ),
                Slip(
                    0,
                    "You took first uses for the only faults. A page that had to go faults again, at every time around:",
                    'replay("1 2 3 " * 5, "lru", frames=2).faults',
                ),
                Slip(
                    500,
                    "You filled each frame once. A turn goes on after all frames have a new page. References that faulted, and"
                    " frames:",
                    SMALL + 'turn(t, of)\nturn(t, of).majflt, t.meminfo().rows["MemTotal"] // 4',
                ),
                Slip(
                    530,
                    "You let the smallest job keep its pages. Replacement looks at pages and not at jobs. What is left of a job"
                    " of 3 pages at the end of a turn:",
                    SMALL + 'turn(t, of)\nt.process("archive").stat.rss',
                ),
            ),
            hints=(
                "Add up what the jobs need, and compare it with the frames.",
                "When a page is wanted again, how many other pages were used since? Are there so many frames?",
                "x, y = jobs(others, frames=500) and three times turn(x, y) show it.",
            ),
            scene=_scene,
        ),
        Exercise(
            "11.2",
            "pages",
            _least_to_suspend,
            "Without it the other three fit. The next smaller one leaves too many pages, and the larger ones would stand still for"
            " nothing.",
            slips=(
                Slip(
                    40,
                    "One job less is not enough if what is left still does not fit. Here the smallest of four is stopped:",
                    FOUR + 't.process("archive").suspend(); turn(t, of)\nturn(t, of).majflt',
                ),
                Slip(
                    70,
                    "This is how many frames are missing. A job is stopped whole, or not. Here 3 frames are missing, a job of 4"
                    " is stopped, and so many pages are left:",
                    FOUR + 't.process("backup").suspend()\nturn(t, of).refs',
                ),
                Slip(
                    240,
                    "That is enough, and it is more than is needed. Here the largest of four is stopped, and so many frames are"
                    " left over:",
                    FOUR + 't.process("compile").suspend()\n10 - turn(t, of).refs',
                ),
            ),
            hints=(
                "How many frames are missing?",
                "Which jobs are at least so large? Which of those is the smallest?",
                'Take x, y = jobs(others, frames=500), suspend x.process("archive"), and count the faults of the second turn(x, y);'
                " then the next job.",
            ),
            scene=_scene,
        ),
        Exercise(
            "11.3",
            "pages",
            _working_set,
            "The different pages among the last six references. What was used before them does not count, nor does it matter"
            " what is still in memory.",
            slips=(
                Slip(
                    7,
                    "These are all pages that were ever used. The window forgets. Here it is 4 references long:",
                    'working_set_sizes("1 2 6 5 5 5 5", window=4).pages[-1]',
                ),
                Slip(
                    6,
                    "This is the length of the window, in references. A page that is used twice in it counts once:",
                    'working_set_sizes("4 4 4 4 4 4", window=6).pages[-1]',
                ),
                Slip(
                    5,
                    "These are the pages in memory, the resident set. Memory keeps a page until its frame is wanted; the working"
                    " set does not ask for frames. Resident, and in the working set:",
                    'table = replay("1 2 6 4 5 5 5 5", "lru", frames=5).table()\n'
                    'len(table.columns[-1]), int(working_set_sizes("1 2 6 4 5 5 5 5", window=4).pages[-1])',
                ),
            ),
            hints=(
                "Which references are in the window?",
                "Underline the last six references. How many different pages are they?",
                "working_set_sizes(visits, window=6).pages has the size after each reference.",
            ),
            scene=_scene,
        ),
        Puzzle(
            "11.4",
            "lambda k, n: n",
            "lambda k, n: n // k",
            ("k", "n"),
            tuple(sorted(CASES, key=lambda case: (not 1 < case[0] < case[1], case[1] % case[0] == 0, case))),
            _most_jobs,
            "As many as fit whole. The part of a job that would still fit is of no use to it.",
            slips=(
                Slip(
                    lambda k, n: n // k + 1,
                    "Your rule admits one job too many, as if a little too few frames cost little.",
                ),
                Slip(
                    lambda k, n: n,
                    "Your rule gives each job one frame, as if what does not fit could be fetched for nothing.",
                ),
                Slip(
                    lambda k, n: max(1, n // k),
                    "Your rule always admits one job. A job that is larger than memory thrashes alone.",
                ),
                Slip(lambda k, n: -(-n // k), "Your rule rounds up. The last job does not fit whole."),
            ),
            hints=(
                "How many pages have j jobs together?",
                "A turn without faults needs all of them in memory at once.",
                'labs.step("11.4", k=3, n=7) adds jobs one by one.',
            ),
            said=_said,
            steps=_degrees,
        ),
    ),
    recorded={
        "host-rss": "{'Rss': 400, 'Pss': 200, 'Shared_Dirty': 400, 'Private_Dirty': 0}",
        "host-memory": "{'MemFree:': 19942, 'MemAvailable:': 22167, 'Cached:': 2165}",
    },
)
