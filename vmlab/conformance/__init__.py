"""Linux as the oracle: its recorded answers, and the runner that asks a kernel the same questions.

    record      what Linux 6.18 answered: cases (short, each with a point), programs (random, with all they leave)
    vocabulary  the words of the record: constants, slots, what files hold
    player      turns operations of the record into raw calls on a Backend, and its results into answers of the record
    runner      plays entries and compares, in stages; the Report
    sides       what several kernels came to, side by side
    backends    vmlab_backend: a vmlab machine. running: the kernel that runs here, asked through children (tracee)

The record was written from no simulator, and nothing here knows a rule of the kernel.
"""

from .backend import Backend
from .command import main
from .outcome import Result
from .player import Player
from .record import cases, programs
from .runner import Report, run

__all__ = ["Backend", "Player", "Report", "Result", "cases", "main", "programs", "run"]
