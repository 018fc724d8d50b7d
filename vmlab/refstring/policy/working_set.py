"""Working set: in memory is what was used within the last `window` references (Denning, "The working set model for program
behavior", CACM 11(5), 1968).

No number of frames: the program has as many as it needs. After reference t the working set is the pages of the references
t - window + 1 .. t; so a reference faults if the last use of its page was more than `window` references ago.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import LimitError, whole
from ...jit import entry, prefetch
from ..state import AHEAD, register
from ..string import MOST, ReferenceString

WIDEST = 1 << 29  # references: positions have 31 bits, and there are two windows of them


class State(NamedTuple):
    window: NDArray[np.int64]
    now: NDArray[np.int64]
    space: NDArray[np.int64]  # sum over the references so far of the pages in memory just after each
    held: NDArray[np.int64]  # pages in memory now
    last: NDArray[np.int32]  # position of each page's last use; far back: none
    past: NDArray[np.uint32]  # the last `window` pages, a ring


def start(string: ReferenceString, window: int) -> State:
    """An empty working set. ValueError, LimitError."""
    if whole("window", window) < 1:
        raise ValueError(f"window is at least 1 reference, not {window}")
    window = min(window, string.references)
    if string.references > MOST and window > WIDEST:
        raise LimitError(f"window is at most {WIDEST:,} for more than {MOST:,} references, not {window:,}")
    return State(
        register(window),
        register(),
        register(),
        register(),
        np.full(string.npages, -window - 1, np.int32),
        np.zeros(window, np.uint32),
    )


@entry
def run(ids, s):
    """Replay `ids`; returns how many of them fault."""
    faults = 0
    window = s.window[0]
    now = s.now[0]
    held = s.held[0]
    last = len(ids) - 1
    for i in range(len(ids)):
        prefetch(s.last, ids[min(i + AHEAD, last)])
        page = ids[i]
        slot = now % window
        if now >= window:  # the reference that leaves the window now
            left = s.past[slot]
            if left != page and np.int64(s.last[left]) == now - window:
                held -= 1
        s.past[slot] = page
        fault = now - np.int64(s.last[page]) > window
        if fault:
            faults += 1
            held += 1
        s.last[page] = now
        s.space[0] += held
        now += 1
    s.now[0] = now
    s.held[0] = held
    return faults


def renew(s: State) -> None:
    """Count positions anew, from whole windows ago: the ring of the window goes on where it was."""
    window = s.window[0]
    gone = max(s.now[0] // window - 1, 0) * window
    s.last[:] = np.maximum(s.last - gone, -window - 1)
    s.now[0] -= gone
