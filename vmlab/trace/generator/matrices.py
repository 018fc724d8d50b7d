"""Walks over a matrix as it lies in memory: element (i, j) is i * strides[0] + j * strides[1] bytes from the first.

    C order     (0,0) (0,1) (0,2) ... (1,0) (1,1) ...      a row lies in few pages; a column has a page for each row,
                |<--- strides[0] --->|                     if a row is as long as a page

The walk is the loop that a program would run; which is fast and which is slow is for the strides to say.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import TraceError
from ..trace import Trace
from .sizes import BASE, count


def row_walk(matrix: npt.NDArray[Any]) -> Trace:
    """Loads of all elements, row by row. matrix: a numpy array of two dimensions; only its shape and strides are looked at."""
    rows, columns = _shape(matrix)
    i, j = np.divmod(np.arange(rows * columns), columns)
    return _trace(matrix, i, j, "row")


def column_walk(matrix: npt.NDArray[Any]) -> Trace:
    """Loads of all elements, column by column."""
    rows, columns = _shape(matrix)
    j, i = np.divmod(np.arange(rows * columns), rows)
    return _trace(matrix, i, j, "column")


def blocked_walk(matrix: npt.NDArray[Any], block: int) -> Trace:
    """Loads of all elements, block by block of block x block elements, each block column by column.

    What is done to a matrix product or a transposition so that both of its operands stay near (Lam, Rothberg and Wolf, The
    Cache Performance and Optimizations of Blocked Algorithms, ASPLOS 1991).
    """
    rows, columns = _shape(matrix)
    count("block", block)
    i, j = np.divmod(np.arange(rows * columns), columns)
    order = np.lexsort((i, j, j // block, i // block))  # the last key counts most
    return _trace(matrix, i[order], j[order], f"blocks of {block}")


def _shape(matrix: Any) -> tuple[int, int]:
    if not isinstance(matrix, np.ndarray) or matrix.ndim != 2:
        raise TraceError("a walk needs a numpy array of two dimensions, for example np.empty((1000, 1000))")
    count("elements", matrix.size)
    return matrix.shape[0], matrix.shape[1]


def _trace(matrix: npt.NDArray[Any], i: Any, j: Any, how: str) -> Trace:
    """Loads of the elements (i, j), the one that lies lowest at BASE: strides may be negative."""
    offsets = i * matrix.strides[0] + j * matrix.strides[1]
    rows, columns = matrix.shape
    loads = np.zeros(matrix.size, np.uint8)
    return Trace(BASE + offsets - offsets.min(), loads, name=f"{rows:,} x {columns:,} matrix by {how}")
