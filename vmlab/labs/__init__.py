"""What the notebooks need beside the machine: predictions, bills, checks with reasons, hints.

    from vmlab import labs
    labs.predict("00")            a form for your guesses           labs.compare("00")    your guesses beside the machine's
    with labs.bill(m): ...        what a step cost, and whom        labs.host             the same on your own kernel
    labs.check("00.1", 12)        right or not yet, and why         labs.hint("00.1")     one hint at a time
    labs.answer("00.1")           the answer, when you want it      labs.step("00.5", n=3, k=2, r=2)   a case, step by step
    labs.progress("00")           how far you are, labs.progress() in all of them
    labs.Allocator(p)             malloc and free over brk and mmap
    labs.report(trace)            what a program does to memory, of a trace or of a function of yours
    labs.problems("tlb", seed=7)  problems with worked solutions, from a seed

A lab is a file of this folder (its questions, and the machine that answers them) and a line in LABS.
"""

from . import host
from .allocator import Allocator
from .bill import bill
from .checking import answer, check, hint, step
from .form import compare, predict
from .problems import problems
from .report import report
from .scratch import scratch
from .standing import progress

__all__ = [
    "Allocator",
    "answer",
    "bill",
    "check",
    "compare",
    "hint",
    "host",
    "predict",
    "problems",
    "progress",
    "report",
    "scratch",
    "step",
]
