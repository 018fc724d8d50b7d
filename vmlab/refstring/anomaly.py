"""Belady's anomaly: the shortest string on which a policy faults more often with one more frame, or the proof that there is none.

Every string up to a length is tried, but for names: pages are numbered in order of first use, as it does not matter what they are
called. The strings are the branches of a tree; both memories are copied where it forks, and a branch is left when too few
references remain for the larger memory to fall behind.

                 1
                 12
            121      123
         1212 1213 1231 1232 1234
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import LimitError, whole
from . import policy
from .replaying import Replay, begin, frame_count, replay
from .string import ReferenceString, reference_string

MOST = 16  # references; the number of strings grows by the number of pages with each


@dataclass(frozen=True, repr=False)
class Anomaly:
    """The shortest string with more faults in `frames + 1` frames than in `frames`, or None: up to `longest` there is none."""

    policy: str
    frames: int
    longest: int
    pages: int
    string: ReferenceString | None
    options: dict[str, Any] = field(default_factory=dict)

    def replays(self) -> tuple[Replay, Replay]:
        """The two replays to look at. ValueError if there is no anomaly."""
        if self.string is None:
            raise ValueError(f"{self.policy} shows no anomaly up to {self.longest} references")
        fewer, more = (replay(self.string, self.policy, self.frames + k, **self.options) for k in (0, 1))
        return fewer, more

    def __repr__(self) -> str:
        head = f"Anomaly({self.policy}, {self.frames} and {self.frames + 1} frames: "
        if self.string is None:
            return f"{head}none in any string of up to {self.longest} references to {self.pages} pages)"
        fewer, more = self.replays()
        text = " ".join(str(page + 1) for page in self.string.ids.tolist())
        return f"{head}{fewer.faults} and {more.faults} faults of {text})"


def smallest_anomaly(name: str, frames: int, longest: int = 12, pages: int | None = None, **options: Any) -> Anomaly:
    """The smallest string of Belady's anomaly with `frames` and `frames + 1` frames, or a proof by exhaustion.

    longest : references to go up to
    pages : different pages (None: frames + 2)

    Strings in which a page follows itself are left out: the second use hits with any number of frames.

    >>> smallest_anomaly("lru", 2, longest=6)
    Anomaly(lru, 2 and 3 frames: none in any string of up to 6 references to 4 pages)
    """
    frames = frame_count(frames)
    if not 1 <= whole("longest", longest) <= MOST:
        raise LimitError(f"strings of 1 to {MOST} references can be tried, not of {longest}")
    if name == "opt" or "frames" not in policy.parameters(policy.find(name)):
        raise ValueError(
            f"{name} is not tried: opt needs the future and never shows it, and the others must have frames"
        )
    most = frames + 2 if pages is None else whole("pages", pages)
    if most < 1:
        raise ValueError(f"pages is at least 1, not {most}")
    full = reference_string(np.arange(max(most, longest)))
    starts = [begin(full, name, frames + k, options)[1] for k in (0, 1)]
    run = policy.find(name).run
    ids = full.ids[:most]
    for length in range(1, longest + 1):
        # (string so far, its pages, the two memories, faults of the larger less those of the smaller)
        stack: list[tuple[list[int], int, Any, Any, int]] = [([], 0, *starts, 0)]
        while stack:
            string, used, small, large, behind = stack.pop()
            for page in range(min(used, most - 1), -1, -1):
                if string and page == string[-1]:
                    continue
                one, two = _copy(small), _copy(large)
                now = behind - run(ids[page : page + 1], one) + run(ids[page : page + 1], two)
                longer = [*string, page]
                if now > 0:
                    return Anomaly(name, frames, longest, most, reference_string(longer), options)
                if now + length - len(longer) > 0:
                    stack.append((longer, max(used, page + 1), one, two, now))
    return Anomaly(name, frames, longest, most, None, options)


def _copy(state: Any) -> Any:
    return type(state)(*(array.copy() for array in state))
