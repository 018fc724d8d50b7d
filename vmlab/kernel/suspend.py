"""SIGSTOP and SIGCONT: a process that is suspended makes no reference and no call until it is resumed (signal(7)).

Its memory is as good as anybody's: its pages grow old and are swapped out, its frames may be reclaimed.
"""

from ..core.state import PROC
from ..errors import Suspended
from .enter import Kernel

STOPPED = (PROC.names or ()).index("stopped")
FROM_OUTSIDE = frozenset(
    {"suspend", "resume", "exit", "setrlimit", "set_oom_score_adj"}
)  # calls that others make for it


def suspend(k: Kernel, row: int) -> None:
    """SIGSTOP. A process that is suspended already stays so."""
    k.state.procs["stopped"][row] = 1


def resume(k: Kernel, row: int) -> None:
    """SIGCONT. A process that runs goes on."""
    k.state.procs["stopped"][row] = 0


def stopped(k: Kernel, row: int) -> bool:
    """Is the process in `row` suspended?"""
    return bool(k.processes[row, STOPPED])


def must_run(k: Kernel, row: int, call: str) -> None:
    """Suspended if the process cannot make the call because it does not run."""
    if k.processes[row, STOPPED] and call not in FROM_OUTSIDE:
        raise Suspended(f"{k.process(row)} is suspended and cannot {call}: resume it first (SIGCONT)")
