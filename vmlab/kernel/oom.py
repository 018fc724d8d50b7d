"""Out of memory: nothing can be evicted, so a process has to go (mm/oom_kill.c)."""

from typing import TYPE_CHECKING

from ..core import events
from ..core.state import ASID_SHIFT, NONE, Event
from ..errors import Killed, fail
from . import exit as exit_

if TYPE_CHECKING:
    from .enter import Kernel


def score(k: "Kernel", row: int) -> int:
    """A process's share of memory, 0 to 1000: resident, swapped and page-table pages of all RAM and swap (oom_badness)."""
    s = k.state
    p = s.procs[row]
    total = len(s.frames) + len(s.slots)
    return int((p.rss + p.nswap) * 1000 // max(total, 1))


def kill(k: "Kernel") -> bool:
    """Kill the process with the highest score. Returns True if the call that ran out may go on.

    Raises Killed when that process was running the call, ENOMEM when there is nobody to kill.
    """
    s = k.state
    alive = s.procs["alive"].nonzero()[0].tolist()
    if not alive:
        raise fail("ENOMEM", "no frame can be made free, and no process is left whose end would free one")
    row = max(alive, key=lambda r: (score(k, r), int(s.procs["pid"][r])))
    points, who = score(k, row), k.process(row)
    s.stat["oom_kill"][0] += 1
    events.note(s, int(Event.OOMKILL), row << ASID_SHIFT, NONE, NONE, 0, points)
    exit_.leave(k, row)
    if row == k.caller:
        raise Killed(
            f"{who} was killed: out of memory, all {len(s.frames)} frames and {len(s.slots)} swap slots are taken "
            f"(its score was {points} of 1000, the highest)"
        )
    return True
