"""What the state of every policy is made of: arrays, also where there is only one number to keep."""

import numpy as np
from numpy.typing import NDArray

AHEAD = 128  # references between asking the host's memory for a page's notes and reading them: some 200 ns of work


def register(value: int = 0) -> NDArray[np.int64]:
    """An array of one number: kernels change arrays in place, and Python's numbers not."""
    return np.array([value], np.int64)
