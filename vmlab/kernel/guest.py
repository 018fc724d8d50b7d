"""Replacement policies written in plain Python, in a notebook cell."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..core import frames
from ..core.state import NONE, State
from ..errors import VmlabError
from ..interrupt import Allowed
from .outside import Outside, bare


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
        self.notes = s.frames["word"].copy()
        self.forgotten: list[int] = []

    def __len__(self) -> int:
        return len(self.frame)

    def __repr__(self) -> str:
        return f"Candidates({len(self)} frames)"

    def forget_accessed(self, frame: int) -> None:
        """Clear the accessed bit of the page in `frame`. ValueError if that is not one of the candidates."""
        if frame not in self.frame:
            raise ValueError(f"frame {frame!r} is not one of the {len(self)} candidates")
        self.accessed[self.frame == frame] = False
        self.forgotten.append(int(frame))


class Choice(NamedTuple):
    """What a policy did: the frame it named (NONE: it had no choice), the error it made instead, what it cleared and noted."""

    victim: int
    error: Exception | None
    forgotten: tuple[int, ...] = ()
    noted: Any = np.zeros(0, np.int64)  # frames whose note it changed
    notes: Any = np.zeros(0, np.int64)  # to what

    @property
    def nbytes(self) -> int:
        """About how much memory this takes."""
        return 200 + 8 * len(self.forgotten) + self.noted.nbytes + self.notes.nbytes  # type: ignore[no-any-return]


class PythonPolicy:
    """A function that names the frame to empty: `function(candidates) -> frame number`."""

    def __init__(self, function: Callable[[Candidates], int]) -> None:
        self.function = function
        self.name = getattr(function, "__name__", type(function).__name__)

    def choose(self, s: State, outside: Outside) -> None:
        """Put the frame the function names into machine.victim. What it named, noted and cleared goes into the record.

        Ctrl-C ends the function. What it changed counts also where it then failed.
        """
        choice = outside.ask(lambda: self._ask(Candidates(s)))
        for f in choice.forgotten:
            frames.look(s, f, True)
        s.frames["word"][choice.noted] = choice.notes
        if choice.error is not None:
            if not outside.replaying:
                outside.answers[-1] = choice._replace(error=bare(choice.error))
            outside.error = choice.error if not outside.replaying else bare(choice.error)
            raise outside.error
        if choice.victim == NONE:
            raise VmlabError("no frame can be made free: every page is locked or could not be written back")
        s.machine["victim"][0] = choice.victim

    def _ask(self, seen: Candidates) -> Choice:
        if not len(seen):
            return Choice(NONE, None)
        before, victim, error = seen.notes.copy(), NONE, None
        try:
            with Allowed():
                named = self.function(seen)
            victim = self._judged(named, seen)
        except Exception as raised:
            error = raised
        noted = np.flatnonzero(seen.notes != before)
        return Choice(victim, error, tuple(seen.forgotten), noted, seen.notes[noted])

    def _judged(self, named: Any, seen: Candidates) -> int:
        if isinstance(named, bool) or not hasattr(named, "__index__") or int(named) not in seen.frame:
            raise VmlabError(
                f"the policy {self.name} named {named!r}; it must name one of the {len(seen)} frames in candidates.frame"
            )
        return int(named)
