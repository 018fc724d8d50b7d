"""Replacement policies written in plain Python, in a notebook cell."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import frames
from ..core.state import NONE, State
from ..errors import VmlabError
from ..interrupt import Interrupts
from .outside import Outside


class Candidates:
    """What a policy in plain Python sees: the frames whose page may be evicted, as arrays that run in step.

    frame: their numbers. loaded: the time (in references) at which the page came. accessed, dirty: bool. notes: int64, one for
    every frame of the machine, index it by frame number: what the policy wants to remember, kept with the machine (0 when a
    page comes in). forget_accessed(frame) clears an accessed bit, as CLOCK does when it spares a page.
    """

    def __init__(self, s: State) -> None:
        self._state = s
        owned = np.flatnonzero(s.uses["page"][: len(s.frames)] != NONE)
        seen = np.array([frames.look(s, f, False) for f in owned.tolist()], np.int64)
        takeable = seen & frames.IS_TAKEABLE != 0
        self.frame = owned[takeable]
        self.loaded = s.frames["loaded"][self.frame]
        self.accessed = seen[takeable] & frames.IS_ACCESSED != 0
        self.dirty = seen[takeable] & frames.IS_DIRTY != 0
        self.notes = s.frames["word"]
        self.forgotten: list[int] = []

    def __len__(self) -> int:
        return len(self.frame)

    def __repr__(self) -> str:
        return f"Candidates({len(self)} frames)"

    def forget_accessed(self, frame: int) -> None:
        """Clear the accessed bit of the page in `frame`."""
        frames.look(self._state, int(frame), True)
        self.accessed[self.frame == frame] = False
        self.forgotten.append(int(frame))


class PythonPolicy:
    """A function that names the frame to empty: `function(candidates) -> frame number`."""

    def __init__(self, function: Callable[[Candidates], int]) -> None:
        self.function = function
        self.name = getattr(function, "__name__", type(function).__name__)

    def choose(self, s: State, outside: Outside, interrupts: Interrupts) -> None:
        """Put the frame the function names into machine.victim. What it named, noted and cleared goes into the record."""

        def question() -> tuple[int, list[int], Any]:
            seen = Candidates(s)
            before = seen.notes.copy()
            if not len(seen):
                return NONE, [], None
            with interrupts.allowed():  # it may never return
                victim = self.function(seen)
            if isinstance(victim, bool) or not hasattr(victim, "__index__") or victim not in seen.frame:
                raise VmlabError(
                    f"the policy {self.name} named {victim!r}; it must name one of the {len(seen)} frames in candidates.frame"
                )
            changed = np.flatnonzero(seen.notes != before)
            return int(victim), seen.forgotten, (changed, seen.notes[changed])

        replaying = outside.replaying
        victim, forgotten, notes = outside.ask(question)
        if replaying and notes is not None:
            for f in forgotten:
                frames.look(s, f, True)
            s.frames["word"][notes[0]] = notes[1]
        if victim == NONE:
            raise VmlabError("no frame can be made free: every page is locked or could not be written back")
        s.machine["victim"][0] = victim
