"""Lab 13: its trace is what the notebook says, and its rules hold at other sizes."""

import numpy as np
import pytest
from needs import ROOT

from vmlab import KiB, MiB, Trace
from vmlab.labs import pagesizes
from vmlab.labs.lab import exercise


def test_the_trace_that_ships_with_the_notebooks():
    path = ROOT / "notebooks" / "data" / "true.lackey.gz"
    trace = Trace.load(path)
    assert (len(trace), int((~trace.writes).sum()), int(trace.writes.sum())) == (15_000, 10_722, 4_278)
    assert len(np.unique(np.asarray(trace))) == pagesizes.REAL_PAGES
    assert path.stat().st_size < 150_000


@pytest.mark.parametrize(("size", "pages"), [(4 * KiB, 384), (64 * KiB, 24), (2 * MiB, 1)])
def test_columns_by_hand(size, pages):
    """384 rows of 4 KiB lie on 384, 24 or 1 pages. If the entries hold them only the first column misses."""
    for entries in (16, 32):
        p = pagesizes.machine(size, entries).spawn()
        column = p.mmap(384 * 4 * KiB).addr + 4 * KiB * np.arange(384)
        missed = [int(p.access(column + 8 * j).tlb_misses) for j in range(3)]
        assert missed == [pages, *([0, 0] if pages <= entries else [pages, pages])]


def test_the_rule_of_the_puzzle_is_the_matrix_of_the_notebook():
    rule = eval(exercise("13.4").rule)
    assert [rule(256, size // (4 * KiB), 32, 2) for size in pagesizes.SIZES] == [512, 16, 1]
    assert rule(384, 16, 16, 3) == exercise("13.1").truth()


def test_places_by_hand():
    """A place in every 40 KiB, 30 of them: no page of 64 KiB from the first to that of the last, at 1160 KiB, is left out."""
    assert exercise("13.2").truth() == (1160 // 64 + 1) * 64


def test_the_formula_by_hand():
    """Twice over three arrays of 8 pages, and the product's pages have gone when they are wanted again."""
    assert exercise("13.3").truth() == 2 * 3 * 8
