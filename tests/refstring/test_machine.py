"""The machine and the replay engine agree, fault for fault, for every policy both have."""

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from vmlab import Machine
from vmlab.core.policy import POLICIES as THERE
from vmlab.refstring import POLICIES as HERE
from vmlab.refstring import replay

PAGE = 4096
BOTH = [name for name in HERE if name in THERE]
strings = st.lists(st.integers(0, 11), min_size=1, max_size=60) | st.builds(
    lambda n, times: list(range(n)) * times, st.integers(1, 12), st.integers(1, 5)
)


def machine_faults(string, policy, frames):
    """For each reference whether the machine faults: reads of anonymous memory, one process, as many frames for data."""
    m = Machine(frames=frames, swap=16 * PAGE, policy=policy, contents=False, history=None)
    p = m.spawn()
    heap = p.mmap(12 * PAGE)
    return [p.access([heap.addr + page * PAGE]).faults for page in string]


def test_they_have_policies_in_common():
    assert {"fifo", "lru", "clock"} <= set(BOTH)


@pytest.mark.parametrize("policy", BOTH)
@settings(max_examples=25, deadline=None)
@given(string=strings, frames=st.integers(2, 9))
def test_the_machine_and_the_replay_engine_agree(policy, string, frames):
    assert replay(string, policy, frames=frames).missed().tolist() == machine_faults(string, policy, frames)
