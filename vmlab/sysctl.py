"""Knobs of a running machine, named as in /proc/sys/vm, and one that no real kernel has."""

from typing import Any

from . import config
from .core.policy import linux
from .past import Past

FIELDS = ("dirty_background_ratio", "dirty_ratio", "dirty_expire", "dirty_writeback")  # of core.state.MACHINE
CALL = ("background", "ratio", "expire", "interval")  # what the call names them
MOST_MAPS = MOST_FAILURES = (1 << 31) - 1
MOST_SWAPPINESS = linux.MOST_SWAPPINESS
MOST_REFERENCES = 1 << 40  # of a tick, or of a window
FAILURES = ("frame", "swap write")


def dirty_knob(at: int, about: str) -> property:
    """The property of one of the dirty_* knobs."""
    name, most = list(config.DIRTY.items())[at]

    def get(self: Past) -> int:
        return int(self.state.machine[FIELDS[at]][0])

    def put(self: Past, value: Any) -> None:
        now = {call: int(self.state.machine[field][0]) for call, field in zip(CALL, FIELDS, strict=True)}
        self.change("set_dirty", **now | {CALL[at]: config.whole(name, value, 0, most)})

    return property(get, put, doc=about)


def policy_knob(name: str, least: int, most: int, about: str) -> property:
    """The property of one of the knobs of replacement policies."""

    def get(self: Past) -> int:
        return int(self.state.machine[name][0])

    def put(self: Past, value: Any) -> None:
        now = {knob: int(self.state.machine[knob][0]) for knob in ("swappiness", "tick", "window")}
        self.change("set_policy_knobs", **now | {name: config.whole(name, value, least, most)})

    return property(get, put, doc=about)


class Sysctl(Past):
    """A machine whose knobs can be turned."""

    dirty_background_ratio = dirty_knob(
        0, "Percent of free and file memory that may be dirty before the flusher writes; 100: off."
    )
    dirty_ratio = dirty_knob(
        1, "Percent of free and file memory that may be dirty before writers must write themselves; 100: off."
    )
    dirty_expire_centisecs = dirty_knob(
        2, "How long a file is dirty, in simulated time, when the flusher writes it as it wakes."
    )
    dirty_writeback_centisecs = dirty_knob(3, "How often the flusher wakes, in simulated time; 0: never.")

    @property
    def overcommit(self) -> int:
        """How much memory may be promised: 0 all but the absurd, 1 any, 2 no more than RAM and swap can keep; proc(5).

        >>> from vmlab import Machine
        >>> m = Machine(frames=8, swap=0)
        >>> p = m.spawn("p")
        >>> m.overcommit = 2
        >>> p.mmap(5 * 4096)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        OSError: [Errno 12] ... 5 more would go over the commit limit of 4 ...
        """
        return int(self.state.machine["overcommit"][0])

    @overcommit.setter
    def overcommit(self, mode: int) -> None:
        self.change("set_overcommit", mode=config.whole("overcommit", mode, 0, 2), ratio=self.overcommit_ratio)

    @property
    def overcommit_ratio(self) -> int:
        """Percent of RAM that overcommit mode 2 promises, swap on top; proc(5)."""
        return int(self.state.machine["overcommit_ratio"][0])

    @overcommit_ratio.setter
    def overcommit_ratio(self, ratio: int) -> None:
        self.change("set_overcommit", mode=self.overcommit, ratio=config.whole("overcommit_ratio", ratio, 0, 1000))

    swappiness = policy_knob(
        "swappiness",
        0,
        MOST_SWAPPINESS,
        'Of policies "linux" and "mglru", as in /proc/sys/vm: 0 swaps only when hardly a page of a file is left, 60 is the usual,'
        " at 100 swapping counts as costly as reading files, 200 swaps rather than drop pages of files.",
    )
    tick = policy_knob(
        "tick", 1, MOST_REFERENCES, 'Of policy "aging": after how many references each accessed bits are read.'
    )
    window = policy_knob(
        "window", 1, MOST_REFERENCES, 'Of policy "wsclock": how many references a working set looks back.'
    )

    @property
    def max_map_count(self) -> int:
        """How many mappings a process may have; one more is ENOMEM."""
        return int(self.state.machine["max_map_count"][0])

    @max_map_count.setter
    def max_map_count(self, most: int) -> None:
        self.change("set_max_map_count", most=config.whole("max_map_count", most, 0, MOST_MAPS))

    @property
    def shootdowns(self) -> bool:
        """Is every CPU told when a translation changes? If not, another CPU's TLB goes on with the old one, and check() says so.

        Without the shootdown a process on another CPU reads and writes a frame that is no longer its own.
        """
        return not self.state.machine["forgetful"][0]

    @shootdowns.setter
    def shootdowns(self, on: bool) -> None:
        self.change("set_shootdowns", on=bool(on))

    def fail(self, what: str, after: int = 1) -> None:
        """Let something fail once: of all that happen from now on, number `after`.

        what: "frame", a fault asks for a frame and there is none to be had, so that the out-of-memory killer comes; "swap write",
        a page is to be written to swap and cannot: it stays in memory.

        >>> from vmlab import Machine
        >>> m = Machine()
        >>> heap = m.spawn("p").mmap(8 * 4096)
        >>> m.fail("frame", after=3)
        >>> heap.touch()  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        vmlab.errors.Killed: process 1 (p) was killed: out of memory, ...
        """
        which = config.choose("what", what, {name: name for name in FAILURES})
        self.change("set_failure", what=which, after=config.whole("after", after, 1, MOST_FAILURES))
