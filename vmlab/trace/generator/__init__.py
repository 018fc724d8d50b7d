"""Traces made to order: the same arguments, the same trace.

To add one, add its line here, and its name to those of vmlab.trace.
"""

from collections.abc import Callable

from ..trace import Trace
from .chase import chase
from .draws import uniform, zipf
from .matrices import blocked_walk, column_walk, row_walk
from .phases import phases
from .scans import loop, scan
from .sorting import mergesort, quicksort

GENERATORS: dict[str, Callable[..., Trace]] = {
    made.__name__: made
    for made in (
        uniform,
        zipf,
        scan,
        loop,
        phases,
        row_walk,
        column_walk,
        blocked_walk,
        chase,
        quicksort,
        mergesort,
    )
}

__all__ = [
    "GENERATORS",
    "blocked_walk",
    "chase",
    "column_walk",
    "loop",
    "mergesort",
    "phases",
    "quicksort",
    "row_walk",
    "scan",
    "uniform",
    "zipf",
]
