"""What makes itself an array is a reference string: a trace, a column of pandas."""

import numpy as np
import pandas as pd
import pytest

from vmlab import replay, trace


def test_a_trace_is_replayed_by_its_pages():
    made = trace.zipf(2000, 50, seed=3)
    assert replay(made, "lru", frames=8).faults == replay(made.page_numbers(), "lru", frames=8).faults
    matrix = np.zeros((16, 1024))  # rows of two pages: each column touches one page of each row
    walk = trace.column_walk(matrix)
    assert replay(walk, "fifo", frames=15).faults == len(walk) == matrix.size
    pages = len(np.unique(walk.page_numbers()))
    assert pages in (32, 33)  # numpy does not begin an array at a page
    assert replay(walk, "fifo", frames=pages).faults == pages


def test_a_column_of_pandas():
    assert replay(pd.Series([1, 2, 1, 3]), "fifo", frames=3).faults == 3
    with pytest.raises(TypeError, match="whole numbers"):
        replay(pd.Series([1.5, 2.0]), "fifo", frames=3)
    assert replay(np.array([7, 7, 8]), "lru", frames=1).faults == 2
