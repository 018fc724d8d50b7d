"""vmlab: a simulated machine of memory mappings and virtual memory, with Linux's rules, for notebooks.

>>> from vmlab import Machine, KiB
>>> m = Machine(ram=64 * KiB)
>>> p = m.spawn("editor")
>>> heap = p.mmap(8 * KiB)
>>> with m.measure() as cost:
...     heap[0] = 65
>>> cost.minflt
1
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .config import GiB, KiB, MiB
from .core.clock import Costs
from .core.state import Event, Exit
from .counts import Cost, Run
from .errors import (
    BusError,
    Busy,
    ConfigError,
    HistoryError,
    Killed,
    LimitError,
    PathError,
    SegmentationFault,
    Signal,
    Suspended,
    TraceError,
    VmlabError,
)
from .file import File
from .kernel.crash import Lost
from .kernel.guest import Candidates
from .kernel.limits import RLIM_INFINITY, Limit
from .kernel.madvise import Advice
from .kernel.mlock import Lock
from .kernel.mmap import Map, Prot
from .kernel.mremap import Remap
from .kernel.msync import Sync
from .machine import Machine
from .mapping import Mapping
from .process import Process
from .saving import __version__
from .warming import warm

if TYPE_CHECKING:
    from .refstring import miss_ratio_curve, replay, sweep
    from .trace import Trace, record

# Loaded when they are first used, so that `import vmlab` stays light
_LATER = {
    "Trace": ".trace",
    "miss_ratio_curve": ".refstring",
    "record": ".trace",
    "replay": ".refstring",
    "sweep": ".refstring",
}


def __getattr__(name: str) -> Any:
    if name == "trace":
        return import_module(".trace", __name__)
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_LATER[name], __name__), name)
    return value


def __dir__() -> list[str]:
    return [*globals(), *_LATER, "trace"]


__all__ = [
    "RLIM_INFINITY",
    "Advice",
    "BusError",
    "Busy",
    "Candidates",
    "ConfigError",
    "Cost",
    "Costs",
    "Event",
    "Exit",
    "File",
    "GiB",
    "HistoryError",
    "KiB",
    "Killed",
    "Limit",
    "LimitError",
    "Lock",
    "Lost",
    "Machine",
    "Map",
    "Mapping",
    "MiB",
    "PathError",
    "Process",
    "Prot",
    "Remap",
    "Run",
    "SegmentationFault",
    "Signal",
    "Suspended",
    "Sync",
    "Trace",
    "TraceError",
    "VmlabError",
    "__version__",
    "miss_ratio_curve",
    "record",
    "replay",
    "sweep",
    "warm",
]
