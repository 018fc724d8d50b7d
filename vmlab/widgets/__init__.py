"""What a machine looks like in a notebook. The only code of vmlab that imports ipywidgets, anywidget or bqplot.

from vmlab.widgets import Workbench
Workbench(m)                          the whole machine on one screen
FrameMap(m)                           one part of it, alone
PolicyRace("1 2 3 4 1 2 5")           the same references under several policies
TwoFutures(m)                         a machine and a branch of it, side by side
"""

from .cache import PageCache
from .cellgrid import Cell, CellGrid
from .faults import FaultsOverTime
from .frames import FrameMap
from .free import FreeOverTime
from .futures import TwoFutures
from .log import EventLog
from .part import Part
from .race import PolicyRace
from .resident import ResidentOverTime
from .spaces import AddressSpaces
from .swap import SwapMap
from .swapping import SwapOverTime
from .tables import PageTables
from .tlb import TlbMap
from .walk import Translation
from .workbench import Workbench

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
    "page tables": PageTables,
}

__all__ = [
    "PARTS",
    "AddressSpaces",
    "Cell",
    "CellGrid",
    "EventLog",
    "FaultsOverTime",
    "FrameMap",
    "FreeOverTime",
    "PageCache",
    "PageTables",
    "Part",
    "PolicyRace",
    "ResidentOverTime",
    "SwapMap",
    "SwapOverTime",
    "TlbMap",
    "Translation",
    "TwoFutures",
    "Workbench",
]
