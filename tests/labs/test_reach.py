"""Lab 03's known answers at full size: the notebook makes 4 of the 1024 rows and columns and multiplies."""

import numpy as np
import pytest

from vmlab import Machine, MiB
from vmlab.labs.lab import exercise

MATRIX = {"ram": 16 * MiB, "tlb": (64, 64), "contents": False, "swap": 0, "history": None}


def walk(order: str, **machine) -> int:
    """TLB misses of a walk over 1024 x 1024 numbers of 8 bytes, every page in memory: "C" by rows, "F" by columns."""
    p = Machine(**MATRIX | machine).spawn()
    area = p.mmap(8 * MiB)
    at = area.addr + 8 * np.arange(1 << 20).reshape(1024, 1024)
    p.access(area.pages)
    p.access(at[500:504].ravel())  # none of the first row's pages is in the TLB
    run = p.access(at.ravel(order))
    assert run.faults == 0
    return int(run.tlb_misses)


def test_the_whole_matrix():
    assert (walk("C"), walk("F")) == (2048, 1_048_576)


@pytest.mark.parametrize("order", "CF")
def test_the_whole_matrix_on_large_pages(order):
    p = Machine(**MATRIX | {"mmu": (9, 9, 9), "page_size": 2 * MiB}).spawn()
    at = p.mmap(8 * MiB).addr + 8 * np.arange(1 << 20).reshape(1024, 1024)
    assert p.access(at.ravel(order)).tlb_misses == 4


def test_the_rule_of_the_puzzle_is_the_matrix_at_another_size():
    asked = exercise("03.4")
    rule = eval(asked.rule)
    assert all(rule(*case) == asked.truth(*case) for case in asked.cases)
    assert rule(1024, 2, 64) // 8 * 512 == walk("F")
