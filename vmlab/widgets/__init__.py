"""What a machine looks like in a notebook. The only code of vmlab that imports ipywidgets, anywidget or bqplot.

from vmlab.widgets import Workbench
Workbench(m)                          the whole machine on one screen
FrameMap(m)                           one part of it, alone
PolicyRace("1 2 3 4 1 2 5")           the same references under several policies
TwoFutures(m)                         a machine and a branch of it, side by side
"""

from .cache import PageCache
from .cellgrid import Cell, CellGrid
from .chart import Chart
from .dirtying import DirtyOverTime
from .faults import FaultsOverTime
from .frames import FrameMap
from .free import FreeOverTime
from .futures import TwoFutures
from .hits import HitsOverTime
from .log import EventLog
from .part import Part
from .pressing import PressureOverTime
from .race import PolicyRace
from .resident import ResidentOverTime
from .spaces import AddressSpaces
from .swap import SwapMap
from .swapping import SwapOverTime
from .tables import PageTables
from .tlb import TlbMap
from .walk import Translation
from .workbench import Workbench
from .workingsets import WorkingSetsOverTime

# The parts by the name that Workbench(show=[...]) takes, in the order of the screen. A new one: a file and a line here.
PARTS: dict[str, type[Part]] = {
    "address spaces": AddressSpaces,
    "translation": Translation,
    "log": EventLog,
    "tlb": TlbMap,
    "frames": FrameMap,
    "page cache": PageCache,
    "swap": SwapMap,
    "faults": FaultsOverTime,
    "swap traffic": SwapOverTime,
    "resident": ResidentOverTime,
    "free": FreeOverTime,
    "working sets": WorkingSetsOverTime,
    "hit rate": HitsOverTime,
    "dirty pages": DirtyOverTime,
    "pressure": PressureOverTime,
    "page tables": PageTables,
}
ON_REQUEST = ("working sets", "hit rate", "dirty pages", "pressure")  # not on the screen until asked for

__all__ = [
    "ON_REQUEST",
    "PARTS",
    "AddressSpaces",
    "Cell",
    "CellGrid",
    "Chart",
    "DirtyOverTime",
    "EventLog",
    "FaultsOverTime",
    "FrameMap",
    "FreeOverTime",
    "HitsOverTime",
    "PageCache",
    "PageTables",
    "Part",
    "PolicyRace",
    "PressureOverTime",
    "ResidentOverTime",
    "SwapMap",
    "SwapOverTime",
    "TlbMap",
    "Translation",
    "TwoFutures",
    "Workbench",
    "WorkingSetsOverTime",
]
