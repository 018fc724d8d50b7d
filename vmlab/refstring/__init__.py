"""Bulk replay of page-reference strings: policies, whole miss-ratio curves, sweeps.

The machine does everything, one access at a time. Here only faults are counted, and as fast as the host's memory allows; a test
replays the same strings through both.

>>> replay("7 0 1 2 0 3 0 4 2 3 0 3 2 1 2 0 1 7 0 1", "lru", frames=3).faults
12
"""

from .anomaly import Anomaly, smallest_anomaly
from .curves import (
    MissRatioCurve,
    ReuseDistances,
    WorkingSetSizes,
    miss_ratio_curve,
    reuse_distances,
    working_set_sizes,
)
from .policy import POLICIES
from .reduction import Reduced, reduce
from .replaying import Replay, replay
from .rules import Finding, broken
from .string import ReferenceString, reference_string
from .sweeping import Sweep, sweep
from .table import Table

__all__ = [
    "POLICIES",
    "Anomaly",
    "Finding",
    "MissRatioCurve",
    "Reduced",
    "ReferenceString",
    "Replay",
    "ReuseDistances",
    "Sweep",
    "Table",
    "WorkingSetSizes",
    "broken",
    "miss_ratio_curve",
    "reduce",
    "reference_string",
    "replay",
    "reuse_distances",
    "smallest_anomaly",
    "sweep",
    "working_set_sizes",
]
