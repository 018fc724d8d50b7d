"""A replacement policy of one's own, written in a notebook cell: `replay(pages, mine, frames=3)`.

A function that names the frame to empty. It is asked when memory is full, and takes what it wants to know, by these names:

    loaded    time at which the page in each frame came (in references)       int64
    used      time at which it was used last                                  int64
    uses      how often it was used since it came                             int64
    accessed  was it used? set at each use; it may clear them, as CLOCK does  bool
    notes     what the policy wants to remember of it; 0 when a page comes    int64
    memo      what the policy wants to remember at all, as a hand: 16 numbers, 0 at first
    now       the time

>>> def lru(used):
...     return used.argmin()

It is compiled where numba compiles it, else interpreted, and gives the same faults. A function of one parameter with another name
is one as `Machine(policy=...)` takes: it sees `candidates` with `.frame .loaded .accessed .dirty .notes .forget_accessed(frame)`.

Or a class, for policies that remember more: `__init__(frames)`; `fault(page)` returns the page that goes, None while there is
room; `hit(page)`, if it has one, is told of the other references. It is interpreted.
"""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import lru_cache
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from ..errors import VmlabError
from ..jit import INTERPRETED
from . import guarded
from .state import register

Policy = Callable[..., Any]  # a function or a class, as the user gives it
KNOWN = ("loaded", "used", "uses", "accessed", "notes", "memo", "now")
MEMO = 16
TURNS = 10_000, 1_000  # of loops that one choice may take: so many, and so many for each frame


class State(NamedTuple):
    """Memory, as a function sees it; what stands in the columns of free frames means nothing."""

    time: NDArray[np.int64]
    filled: NDArray[np.int64]  # frames that hold a page
    turns: NDArray[np.int64]  # of loops left to the choice that is being made
    wrong: NDArray[np.int64]  # what was named that is no frame
    frame: NDArray[np.int32]  # of each page, -1: not in memory
    page: NDArray[np.uint32]  # in each frame
    loaded: NDArray[np.int64]
    used: NDArray[np.int64]
    uses: NDArray[np.int64]
    accessed: NDArray[np.bool_]
    notes: NDArray[np.int64]
    memo: NDArray[np.int64]


class Candidates:
    """The frames as a policy of a machine sees them: arrays that run in step. No reference here is a store."""

    def __init__(self, s: State) -> None:
        self.frame = np.arange(len(s.page))
        self.loaded, self.accessed, self.notes = s.loaded, s.accessed, s.notes
        self.dirty = np.zeros(len(s.page), np.bool_)

    def __len__(self) -> int:
        return len(self.frame)

    def forget_accessed(self, frame: int) -> None:
        """Clear the accessed bit of the page in `frame`."""
        if frame not in self.frame:
            raise ValueError(f"frame {frame!r} is not one of the {len(self)} candidates")
        self.accessed[frame] = False


class FunctionPolicy:
    """A function that names the frame to empty. `how`: compiled or interpreted; `why` it could not be compiled."""

    LOOKS_AT_ALL = True

    def __init__(self, function: Callable[..., Any], name: str) -> None:
        self.function, self.name = function, name
        self.wanted = tuple(inspect.signature(function).parameters)
        self.how, self.why = "interpreted", ""
        self.run: Callable[[NDArray[np.uint32], State], int] = self.play
        if not set(self.wanted) <= {*KNOWN}:
            if len(self.wanted) != 1:
                strange = next(word for word in self.wanted if word not in KNOWN)
                raise TypeError(
                    f"the policy {name} wants to know {strange!r}; a policy can know {', '.join(KNOWN)}, or takes one parameter, "
                    "the candidates"
                )
            self.why = "it takes the candidates as one object"
        elif INTERPRETED:
            self.why = "the compiler is turned off"
        else:
            self._compile()

    def _compile(self) -> None:
        """Compile the loop with the function in it, or note why not."""
        try:
            state = numba.typeof(_start(2, 2))
            compiled = numba.njit(nogil=True)(_driver(guarded.choice(self.function, self.wanted, state)))
            compiled.compile((numba.uint32[::1], state))
            self.run = self._judged(compiled)
            self.how = "compiled"
        except guarded.NotCompiled as error:
            self.why = str(error)
        except Exception as error:  # numba raises many kinds
            lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
            self.why = next((line for line in lines if not line.startswith(("Failed in", "-", "During"))), lines[0])

    def start(self, string: Any, frames: int) -> State:
        """Empty frames."""
        return _start(string.npages, frames)

    def play(self, ids: NDArray[np.uint32], s: State) -> int:
        """Replay `ids`, interpreted; returns how many of them fault. VmlabError where something else than a frame is named."""
        faults = 0
        for page in ids.tolist():
            frame = int(s.frame[page])
            if frame < 0:
                faults += 1
                if s.filled[0] < len(s.page):
                    frame = int(s.filled[0])
                    s.filled[0] += 1
                else:
                    frame = self._named(self._ask(s), s)
                    s.frame[s.page[frame]] = -1
                s.frame[page], s.page[frame] = frame, page
                s.loaded[frame], s.uses[frame], s.notes[frame] = s.time[0], 0, 0
            s.used[frame] = s.time[0]
            s.uses[frame] += 1
            s.accessed[frame] = True
            s.time[0] += 1
        return faults

    def _ask(self, s: State) -> Any:
        with noted(self.name, int(s.time[0])):
            if not set(self.wanted) <= {*KNOWN}:
                return self.function(Candidates(s))
            return self.function(*(int(s.time[0]) if word == "now" else getattr(s, word) for word in self.wanted))

    def _named(self, named: Any, s: State) -> int:
        if not _is_whole(named) or not 0 <= int(named) < len(s.page):
            raise VmlabError(
                f"the policy {self.name} named {named!r} at reference {int(s.time[0]) + 1:,}; it must name one of the frames "
                f"0..{len(s.page) - 1}"
            )
        return int(named)

    def _judged(self, compiled: Callable[..., int]) -> Callable[[NDArray[np.uint32], State], int]:
        """The compiled loop; what it names wrongly, and loops without end, become sentences."""

        def run(ids: NDArray[np.uint32], s: State) -> int:
            with noted(self.name, None):
                faults = compiled(ids, s)
            if faults == ENDLESS:
                raise VmlabError(
                    f"the policy {self.name} took more than {turns(len(s.page)):,} turns of its loops at reference "
                    f"{int(s.time[0]) + 1:,}: does one of them never end?"
                )
            return self._named(int(s.wrong[0]), s) if faults < 0 else int(faults)

        return run

    def resident(self, s: State) -> set[int]:
        """The pages in memory, by their numbers."""
        return set(s.page[: int(s.filled[0])].tolist())

    def held(self, string: Any, s: State, pages: list[int]) -> list[bool]:
        """Which of the pages are in memory."""
        return [page in self.resident(s) for page in pages]

    def __repr__(self) -> str:
        return f"policy {self.name}({', '.join(self.wanted)}), {self.how}{f': {self.why}' if self.why else ''}"


WRONG, ENDLESS = -1, -2


def turns(frames: int) -> int:
    """How many turns of its loops one choice may take."""
    return TURNS[0] + TURNS[1] * frames


def _start(npages: int, frames: int) -> State:
    return State(
        register(),
        register(),
        register(),
        register(),
        np.full(npages, -1, np.int32),
        np.zeros(frames, np.uint32),
        np.zeros(frames, np.int64),
        np.zeros(frames, np.int64),
        np.zeros(frames, np.int64),
        np.zeros(frames, np.bool_),
        np.zeros(frames, np.int64),
        np.zeros(MEMO, np.int64),
    )


def _driver(choose: Any) -> Callable[[NDArray[np.uint32], State], int]:
    """FunctionPolicy.run for numba, with what names the frame compiled in."""
    base, each = TURNS

    def run(ids: Any, s: Any) -> int:
        faults = 0
        frames = len(s.page)
        for i in range(len(ids)):
            page = ids[i]
            frame = np.int64(s.frame[page])
            if frame < 0:
                faults += 1
                if s.filled[0] < frames:
                    frame = s.filled[0]
                    s.filled[0] += 1
                else:
                    s.turns[0] = base + each * frames
                    frame = np.int64(choose(s))
                    if s.turns[0] < 0:
                        return ENDLESS
                    if frame < 0 or frame >= frames:
                        s.wrong[0] = frame
                        return WRONG
                    s.frame[s.page[frame]] = -1
                s.frame[page] = frame
                s.page[frame] = page
                s.loaded[frame] = s.time[0]
                s.uses[frame] = 0
                s.notes[frame] = 0
            s.used[frame] = s.time[0]
            s.uses[frame] += 1
            s.accessed[frame] = True
            s.time[0] += 1
        return faults

    return run


class Game:
    """A policy of a class at work: itself, the pages in memory, and their names."""

    def __init__(self, player: Any, frames: int, labels: Any) -> None:
        self.player, self.frames, self.labels = player, frames, labels
        self.resident: set[int] = set()
        self.time = 0

    def copy(self) -> "Game":
        """As it is now."""
        other = Game(deepcopy(self.player), self.frames, self.labels)
        other.resident, other.time = set(self.resident), self.time
        return other

    def name(self, page: int) -> int:
        """What a page is called."""
        return page if self.labels is None else int(self.labels[page])


class ClassState(NamedTuple):
    """A game, where other policies have arrays."""

    game: Game


class ClassPolicy:
    """A class with `fault(page)`."""

    how, why = "interpreted", "it is a class"

    def __init__(self, made: Callable[[int], Any], name: str) -> None:
        self.made, self.name = made, name
        self.run = self.play

    def start(self, string: Any, frames: int) -> ClassState:
        """An empty memory."""
        return ClassState(Game(self.made(frames), frames, string.labels))

    def play(self, ids: NDArray[np.uint32], s: ClassState) -> int:
        """Replay `ids`; returns how many of them fault. VmlabError where the policy breaks a rule."""
        game, faults = s.game, 0
        hit = getattr(game.player, "hit", None)
        for page in ids.tolist():
            name = game.name(page)
            with noted(self.name, game.time):
                if page not in game.resident:
                    faults += 1
                    named = game.player.fault(name)
                elif hit is not None:
                    hit(name)
            if page not in game.resident:
                self._evict(game, named, name)
                game.resident.add(page)
            game.time += 1
        return faults

    def _evict(self, game: Game, named: Any, coming: int) -> None:
        """Take the page that was named out of memory."""
        at = f"at reference {game.time + 1:,}, to page {coming}"
        held = len(game.resident)
        if named is None:
            if held == game.frames:
                raise VmlabError(
                    f"the policy {self.name} named no page {at}: it would keep {held + 1} pages in {held} "
                    f"frame{'s' * (held > 1)}"
                )
            return
        page = next((p for p in game.resident if game.name(p) == named), None) if _is_whole(named) else None
        if page is None:
            raise VmlabError(f"the policy {self.name} named {named!r} {at}: that page is not in memory")
        if held < game.frames:
            raise VmlabError(
                f"the policy {self.name} evicted page {named} {at}: there was room, {held} of {game.frames} frames were in use"
            )
        game.resident.remove(page)

    def resident(self, s: ClassState) -> set[int]:
        """The pages in memory, by their numbers."""
        return set(s.game.resident)

    def held(self, string: Any, s: ClassState, pages: list[int]) -> list[bool]:
        """Which of the pages are in memory."""
        return [page in s.game.resident for page in pages]

    def __repr__(self) -> str:
        return f"policy {self.name}, {self.how}: {self.why}"


def _is_whole(named: Any) -> bool:
    return hasattr(named, "__index__") and not isinstance(named, bool | np.bool_) and not np.ndim(named)


@contextmanager
def noted(name: str, time: int | None) -> Iterator[None]:
    """What the user's code raises is given a note of whose it is, and at which reference it came."""
    try:
        yield
    except Exception as error:
        error.add_note(f"raised by the policy {name}" + ("" if time is None else f" at reference {time + 1:,}"))
        raise


OwnPolicy = FunctionPolicy | ClassPolicy


def own(given: Any, taken: tuple[str, ...]) -> OwnPolicy:
    """The policy of a function or a class; its name has "(own)" if it is one of those that are taken. TypeError."""
    if not callable(given):
        raise TypeError(
            f"a policy is named by a str, not {given!r}; one of your own is a function that names a frame, or a class with "
            "fault(page)"
        )
    return _made(given, taken)


@lru_cache(maxsize=64)
def _made(given: Any, taken: tuple[str, ...]) -> OwnPolicy:
    """The same, compiled once; again when the cell is run again, for that makes another function."""
    name = getattr(given, "__name__", type(given).__name__)
    name = f"{name} (own)" if name.lower() in taken else name
    if inspect.isclass(given):
        if not callable(getattr(given, "fault", None)):
            raise TypeError(f"the policy {name} is a class without fault(page), which returns the page that goes")
        return ClassPolicy(given, name)
    return FunctionPolicy(given, name)
