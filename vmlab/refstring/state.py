"""What the state of every policy is made of: arrays, also where there is only one number to keep."""

import numpy as np
from numpy.typing import NDArray

AHEAD = 96  # references between asking the host's memory for a page's notes and reading them: some 200 ns of work
FAR = 1024  # and between asking for a piece of the string itself and reading it: 4 KiB, where the host's own look-ahead ends


def register(value: int = 0) -> NDArray[np.int64]:
    """An array of one number: kernels change arrays in place, and Python's numbers not."""
    return np.array([value], np.int64)
