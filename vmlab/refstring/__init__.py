"""Bulk replay of page-reference strings: policies, whole miss-ratio curves, sweeps.

The machine does everything, one access at a time. Here only faults are counted, and as fast as the host's memory allows; a test
replays the same strings through both.

>>> replay("7 0 1 2 0 3 0 4 2 3 0 3 2 1 2 0 1 7 0 1", "lru", frames=3).faults
12
"""

from .policy import POLICIES
from .replaying import Replay, replay
from .string import ReferenceString, reference_string

__all__ = ["POLICIES", "ReferenceString", "Replay", "reference_string", "replay"]
