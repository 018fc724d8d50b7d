"""Belady's anomaly: the shortest strings, found a second time by trying every string with the textbook's policies."""

from itertools import pairwise, product

import pytest
from refstring import textbook

from vmlab.refstring import replay, smallest_anomaly


def shortest(book, frames, longest, pages):
    """The length of the shortest anomaly, by brute force; None."""
    for length in range(1, longest + 1):
        for string in product(range(pages), repeat=length):
            if any(a == b for a, b in pairwise(string)):
                continue
            few, more = (sum(textbook.faults(book(frames + k), string)) for k in (0, 1))
            if more > few:
                return length
    return None


@pytest.mark.jit
def test_beladys_own_string_is_a_shortest_one():
    found = smallest_anomaly("fifo", 3)
    fewer, more = found.replays()
    assert (fewer.faults, more.faults, len(found.string)) == (9, 10, 12)
    assert found.string.ids.tolist() == [0, 1, 2, 3, 0, 1, 4, 0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("policy", "book"), [("fifo", textbook.Fifo), ("lru", textbook.Lru), ("clock", textbook.Clock)]
)
@pytest.mark.parametrize("frames", [1, 2])
def test_up_to_seven_references_to_four_pages_as_by_brute_force(policy, book, frames):
    found = smallest_anomaly(policy, frames, longest=7, pages=4)
    assert (None if found.string is None else len(found.string)) == shortest(book, frames, 7, 4)


@pytest.mark.parametrize("policy", ["random", "nru", "sieve", "2q"])
def test_what_is_found_is_an_anomaly(policy):
    found = smallest_anomaly(policy, 3, longest=9)
    if found.string is not None:
        fewer, more = (replay(found.string, policy, frames=n).faults for n in (3, 4))
        assert more > fewer


def test_stack_algorithms_have_none():
    assert smallest_anomaly("lru", 3, longest=9).string is None
    with pytest.raises(ValueError, match="no anomaly up to 9"):
        smallest_anomaly("lru", 3, longest=9).replays()
