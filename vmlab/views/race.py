"""A race of policies: the same references under each of some policies, with each of some numbers of frames.

Nothing here knows a machine: the strings are replayed by vmlab.refstring. A lane is one policy with one number of frames, as
textbooks draw it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..refstring import POLICIES, Replay, Table, reference_string, replay

MOST_REFERENCES = 60  # that fit a screen
MOST_LANES = 12
MOST_FRAMES = 64
STRINGS = {  # known from textbooks
    "Belady's anomaly": "1 2 3 4 1 2 5 1 2 3 4 5",
    "Silberschatz, Operating System Concepts": "7 0 1 2 0 3 0 4 2 3 0 3 2 1 2 0 1 7 0 1",
    "a loop, one page too long": "1 2 3 4 1 2 3 4 1 2 3 4",
    "a scan through a working set": "1 2 1 2 3 4 5 6 7 8 1 2 1 2",
}


@dataclass(frozen=True)
class Lane:
    """A policy with a number of frames. gone[i]: the page that reference i pushed out, None for none; why[i] says why it."""

    policy: str
    frames: int
    replay: Replay
    table: Table
    gone: list[int | None]
    why: list[str]

    @property
    def faults(self) -> int:
        """How many references fault."""
        return self.replay.faults


def lanes(string: Any, policies: Sequence[str], frames: Sequence[int]) -> list[Lane]:
    """A lane for each policy with each number of frames. ValueError, TypeError, LimitError: what cannot be raced, in words."""
    references = reference_string(string)
    if len(references) > MOST_REFERENCES:
        raise ValueError(
            f"{len(references):,} references do not fit a screen: at most {MOST_REFERENCES}; sweep() takes any number"
        )
    for name in policies:
        if name.lower() not in POLICIES:
            raise ValueError(f"there is no policy {name!r}: choose of {', '.join(with_frames())}")
        if name.lower() not in with_frames():
            raise ValueError(f"{name} has no frames to race with")
    if not policies or not frames:
        raise ValueError("a race needs a policy and a number of frames at least")
    if len(policies) * len(frames) > MOST_LANES:
        raise ValueError(f"{len(policies) * len(frames)} lanes are too many to compare: at most {MOST_LANES}")
    if worst := [n for n in frames if not 1 <= n <= MOST_FRAMES]:
        raise ValueError(f"{worst[0]} frames cannot be drawn: 1 to {MOST_FRAMES}")
    return [_lane(references, name.lower(), n) for name in policies for n in frames]


def with_frames() -> list[str]:
    """The policies that take a number of frames."""
    return [name for name in POLICIES if name not in ("working-set", "pff")]


def _lane(string: Any, name: str, frames: int) -> Lane:
    replayed = replay(string, name, frames=frames)
    table = replayed.table()
    before: list[int | None] = []
    gone: list[int | None] = []
    why: list[str] = []
    for i, column in enumerate(table.columns):
        left = [page for page in before if page is not None and page not in column]
        gone.append(left[0] if left else None)
        why.append(_reason(name, table, i, left[0]) if left else "")
        before = column
    return Lane(name, frames, replayed, table, gone, why)


def _reason(name: str, table: Table, i: int, page: int) -> str:
    """Why `page` went at reference i, for the policies whose rule is one number; else that the policy chose it."""
    past, future = table.pages[:i], table.pages[i + 1 :]
    if name == "fifo":
        came = max(k for k in range(i) if table.pages[k] == page and table.missed[k])
        return f"page {page} came first, at reference {came + 1}"
    if name in ("lru", "mru"):
        used = max(k for k in range(i) if past[k] == page)
        return f"page {page} was used {'longest ago' if name == 'lru' else 'last'}, at reference {used + 1}"
    if name == "opt":
        return (
            f"page {page} is wanted again at reference {i + 2 + future.index(page)}, later than the others"
            if page in future
            else f"page {page} is never wanted again"
        )
    return f"{name} chose page {page}"


def curves(string: Any, policies: Sequence[str]) -> dict[str, list[int]]:
    """For each policy its faults with 1, 2, ... frames, up to one for each page of the string."""
    references = reference_string(string)
    most = min(references.distinct, MOST_FRAMES)
    return {name.lower(): [replay(references, name, frames=n).faults for n in range(1, most + 1)] for name in policies}


def anomalies(faults: dict[str, list[int]]) -> list[str]:
    """A sentence for each policy that faults more often with a frame more (Belady's anomaly)."""
    return [
        f"{name}: {counts[n]} faults with {n + 1} frames, {counts[n + 1]} with {n + 2}: Belady's anomaly"
        for name, counts in faults.items()
        for n in range(len(counts) - 1)
        if counts[n + 1] > counts[n]
    ]
