"""Random: the page in a frame drawn from all goes (Belady, 1966; Silberschatz, 10.4).

The numbers are those of Park and Miller, "Random number generators: good ones are hard to find", CACM 31(10), 1988, with the
multiplier they recommended in 1993: the same seed gives the same replay, here and in vmlab's machine.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import whole
from ...jit import entry, prefetch
from ..state import AHEAD, register
from ..string import ReferenceString

MODULUS, MULTIPLIER = (1 << 31) - 1, 48271


class State(NamedTuple):
    number: NDArray[np.int64]  # the last one drawn
    used: NDArray[np.int64]  # frames that hold a page
    resident: NDArray[np.uint8]  # of each page
    page: NDArray[np.uint32]  # in each frame


def start(string: ReferenceString, frames: int, seed: int = 0) -> State:
    """Empty frames."""
    number = whole("seed", seed) & MODULUS
    if number in (0, MODULUS):  # from these all numbers would be 0
        number = 1
    return State(register(number), register(), np.zeros(string.npages, np.uint8), np.zeros(frames, np.uint32))


@entry
def run(ids, s):
    """Replay `ids`; returns how many of them fault."""
    faults = 0
    number = s.number[0]
    used = s.used[0]
    frames = len(s.page)
    last = len(ids) - 1
    for i in range(len(ids)):
        prefetch(s.resident, ids[min(i + AHEAD, last)])
        page = ids[i]
        if s.resident[page] == 0:
            faults += 1
            if used < frames:
                frame = used
                used += 1
            else:
                number = number * MULTIPLIER % MODULUS
                frame = number * frames >> 31
                s.resident[s.page[frame]] = 0
            s.page[frame] = page
            s.resident[page] = 1
    s.number[0] = number
    s.used[0] = used
    return faults
