"""Traces: which addresses a program touched, in order. Read from files, written, made, recorded.

t = read("ls.lackey")                     # any format, found from the content; larger than memory is fine
t = Trace.load("ls.lackey")               # all of it in memory
t = Trace.pages("1 2 3 4 1 2 5")          # a reference string as typed
t = zipf(1_000_000, 10_000, seed=1)       # made; GENERATORS has them all
    t = record(["ls", "-l"])                  # what a program touches, through valgrind's lackey
    with Watch() as watch: ...                # what a piece of numpy code touches; then watch.trace
"""

from .format import FORMATS
from .generator import (
    GENERATORS,
    blocked_walk,
    chase,
    column_walk,
    loop,
    mergesort,
    phases,
    quicksort,
    row_walk,
    scan,
    uniform,
    zipf,
)
from .reading import read
from .recording import Recording, record
from .trace import Chunk, FileTrace, Kind, Trace
from .watching import Watch

__all__ = [
    "FORMATS",
    "GENERATORS",
    "Chunk",
    "FileTrace",
    "Kind",
    "Recording",
    "Trace",
    "Watch",
    "blocked_walk",
    "chase",
    "column_walk",
    "loop",
    "mergesort",
    "phases",
    "quicksort",
    "read",
    "record",
    "row_walk",
    "scan",
    "uniform",
    "zipf",
]
