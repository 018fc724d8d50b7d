"""Distances under OPT: how many frames a reference needs to hit, for all sizes of memory at once.

OPT is a stack algorithm like LRU: what it keeps with n frames is part of what it keeps with n + 1 (Mattson et al., IBM Systems
Journal 9(2), 1970). One stack stands for memories of every size: the top n pages are those of the memory with n frames. At a
reference the page goes on top; the page that was there is pushed down, and at each place the two that meet contend: who is used
sooner stays, who is used later goes on down, until the referenced page's old place is filled.

    before  a c d b      d is referenced; next uses a: 9, c: 5, b: 7
    after   d            the top; a is pushed down
              c          a meets c: c is used sooner and stays; a goes on
                a        and fills the place where d was
                  b      below nothing changes
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...jit import entry, prefetch
from ..policy import opt
from ..state import AHEAD, register
from ..string import ReferenceString


class State(NamedTuple):
    height: NDArray[np.int64]
    stack: NDArray[np.int32]  # next uses only: which page it is does not matter
    next_use: NDArray[np.int32]
    depths: NDArray[np.int64]  # [d]: references found d places below the top


def start(string: ReferenceString) -> State:
    """An empty stack."""
    next_use = np.empty(len(string), np.int32)
    opt.look_ahead(string.ids, np.full(string.npages, opt.NEVER, np.int32), next_use)
    return State(register(), np.zeros(string.npages, np.int32), next_use, np.zeros(string.npages + 1, np.int64))


@entry
def run(first, n, s):
    """Count the depths of n references from `first` on. First uses have none.

    Among the stack's next uses that of the referenced page is the reference's own position, lower than all others.
    """
    height = s.height[0]
    last = len(s.next_use) - 1
    for i in range(first, first + n):
        prefetch(s.next_use, min(i + AHEAD, last))
        down = s.next_use[i]
        k = 0
        while k < height and s.stack[k] != i:
            here = s.stack[k]
            s.stack[k] = min(down, here) if k > 0 else down
            down = max(down, here) if k > 0 else here
            k += 1
        if k < height:
            s.depths[k] += 1
        else:
            height += 1
        s.stack[k] = down
    s.height[0] = height
