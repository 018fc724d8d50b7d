"""Out of memory: nothing can be evicted, so a process has to go (mm/oom_kill.c)."""

from typing import TYPE_CHECKING

from ..core import events, translation
from ..core.state import ASID_SHIFT, NONE, Event
from ..errors import Killed, fail
from . import exit as exit_

if TYPE_CHECKING:
    from .enter import Kernel

NEVER, MOST = -1000, 1000  # OOM_SCORE_ADJ_MIN: never killed; OOM_SCORE_ADJ_MAX


def set_score_adj(k: "Kernel", row: int, adj: int) -> None:
    """Make the end of a process likelier or, below 0, less likely (/proc/pid/oom_score_adj). EINVAL outside -1000..1000."""
    if not NEVER <= adj <= MOST:
        raise fail("EINVAL", f"{k.process(row)} oom_score_adj: {adj} is not one of {NEVER} to {MOST}")
    k.state.procs["oom_score_adj"][row] = adj


def badness(k: "Kernel", row: int) -> int | None:
    """The pages that killing a process would free, and oom_score_adj thousandths of all memory on top, both times 1000; None for
    one that is never killed.

    oom_badness: resident, swapped and page-table pages. Linux adds adj times (RAM and swap) / 1000, rounded down; in a machine
    of less than 1000 pages adj would mean nothing then, so here nothing is divided.
    """
    s = k.state
    p, m = s.procs[row], s.machine[0]
    if p.oom_score_adj == NEVER:
        return None
    tables = -(-int(p.ntables) * translation.table_bytes(s) // int(m.page_size))
    return (int(p.rss) + int(p.nswap) + tables) * 1000 + int(p.oom_score_adj) * _total(k)


def _total(k: "Kernel") -> int:
    return len(k.state.frames) + len(k.state.slots)


def score(k: "Kernel", row: int) -> int:
    """Badness in thousandths of RAM and swap, at least 0: /proc/pid/oom_score as proc(5) describes it.

    (Since Linux 5.9 the file shows (1000 + this) * 2 / 3, so that differences below 0 can be seen too.)
    """
    points = badness(k, row)
    return 0 if points is None else max(0, points // _total(k))


def kill(k: "Kernel") -> bool:
    """Kill the process with the highest badness. Returns True if the call that ran out may go on.

    Raises Killed when that process was running the call, ENOMEM when there is nobody to kill.
    """
    s = k.state
    on_demand, s.machine["fail_frame"][0] = s.machine["fail_frame"][0] == NONE, 0
    alive = s.procs["alive"].nonzero()[0].tolist()
    candidates = {row: points for row in alive if (points := badness(k, row)) is not None}
    if not candidates:
        left = "every process that is left is never killed (oom_score_adj -1000)" if alive else "no process is left"
        why = "a request for a frame failed" if on_demand else "no frame can be made free"
        raise fail("ENOMEM", f"{why}, and {left}: nobody's end would free one")
    row = max(candidates, key=lambda r: (candidates[r], int(s.procs["pid"][r])))
    points, adj, who = score(k, row), int(s.procs["oom_score_adj"][row]), k.process(row)
    s.stat["oom_kill"][0] += 1
    events.note(s, int(Event.OOMKILL), row << ASID_SHIFT, NONE, NONE, adj, points)
    exit_.leave(k, row)
    if row == k.caller:
        why = f"all {len(s.frames)} frames and {len(s.slots)} swap slots are taken"
        raise Killed(
            f"{who} was killed: out of memory, {'a request for a frame failed' if on_demand else why} "
            f"(its score was {points} of 1000{f', of which oom_score_adj {adj:+d}' if adj else ''}, the highest)"
        )
    return True
