"""The same program gives the same machine, whoever computes it and in whatever portions."""

import os
import sys

import fixedprogram
import numpy as np
import pytest
from needs import ROOT, run

from vmlab import Machine, gate
from vmlab.jit import INTERPRETED
from vmlab.kernel import memory

PAGE = 4096
FEW, MANY = 60, 3000  # references: for the interpreter, for compiled code
SWITCHES = ("NUMBA_DISABLE_JIT", "NUMBA_BOUNDSCHECK", "PYTHONHASHSEED")


def elsewhere(n, **switches):
    """What the program prints in another Python."""
    environment = {name: value for name, value in os.environ.items() if name not in SWITCHES} | switches
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT / "tests"), *filter(None, [os.environ.get("PYTHONPATH")])])
    printed = run([sys.executable, "-c", f"import fixedprogram; fixedprogram.main({n})"], env=environment).splitlines()
    return [line for line in printed if not line.startswith("vmlab: ")]  # other switches are compiled anew, and say so


def here(n):
    return [" ".join(map(str, (m.digest(), *m.state.stat[0]))) for m in fixedprogram.machines(n)]


def test_twice_in_one_python():
    assert here(FEW) == here(FEW)


def test_the_program_goes_everywhere():
    """A digest of a machine that did nothing would be easy to repeat."""
    totals = dict.fromkeys(Machine().state.stat.dtype.names, 0)
    for m in fixedprogram.machines(FEW):
        for name in totals:
            totals[name] += int(m.state.stat[name][0])
    assert [name for name, n in totals.items() if n < 4] == ["oom_kill"]


@pytest.mark.parametrize("seed", ["0", "1"])
def test_other_hash_seeds(seed):
    assert elsewhere(FEW, PYTHONHASHSEED=seed) == here(FEW)


@pytest.mark.slow
@pytest.mark.skipif(INTERPRETED, reason="compares compiled with interpreted; this run has no compiler")
def test_without_the_compiler():
    assert elsewhere(FEW, NUMBA_DISABLE_JIT="1") == here(FEW)


@pytest.mark.slow
@pytest.mark.beside
@pytest.mark.skipif(INTERPRETED, reason="compiled code with and without checks")
def test_with_bounds_checks():
    assert elsewhere(MANY, NUMBA_BOUNDSCHECK="1") == here(MANY)


# -- portions --------------------------------------------------------------------------------------------------------

TRUTH = (
    "tables",
    "pages",
    "frames",
    "uses",
    "slots",
    "content",
    "swap",
    "stat",
    "procs",
    "tlb_tag",
    "tlb_pte",
    "tlb_stamp",
)
# the rest holds which call did it


def program(policy, n, portion):
    """A random reference string with stores, in calls of `portion` references; the machine."""
    m = Machine(frames=8, swap=32 * PAGE, policy=policy, tlb=(4, 2), history=None)
    p = m.spawn()
    heap = p.mmap(12 * PAGE)
    file = p.mmap(6 * PAGE, file=m.create("f", 6 * PAGE), flags=1)
    for k in range(12):
        heap[k * PAGE] = k
    random = np.random.default_rng(7)
    addresses, writes = random.choice([*heap.pages, *file.pages], n), random.random(n) < 0.4
    for i in range(0, n, portion):
        p.access(addresses[i : i + portion], writes[i : i + portion])
    return m, [heap[k * PAGE] for k in range(12)]


@pytest.mark.parametrize("policy", ["clock", "fifo", "lru", fixedprogram.oldest], ids=str)
@pytest.mark.parametrize("portion", [1, 7, 64])
def test_one_call_or_many(policy, portion):
    (whole, bytes_of_whole), (parts, bytes_of_parts) = program(policy, 400, 400), program(policy, 400, portion)
    assert bytes_of_whole == bytes_of_parts == list(range(12))
    differ = [name for name in TRUTH if not np.array_equal(getattr(whole.state, name), getattr(parts.state, name))]
    assert differ == []


@pytest.mark.jit
def test_where_many_miss_and_few_fault():
    """References that walk and do not fault have a loop of their own, but under a policy that is told of each reference. Nothing
    is evicted here, so that what the policy does is no matter; a child shares the pages, so that some stores fault."""
    states = []
    for policy in ("clock", "lru"):
        m = Machine(frames=2000, swap=4 * PAGE, policy=policy, tlb=(64, 4), history=None)
        p = m.spawn()
        heap = p.mmap(800 * PAGE)
        random = np.random.default_rng(3)
        p.access(heap.pages)
        p.access(random.choice(heap.pages, 20_000), random.random(20_000) < 0.01)  # stores to clean pages set D
        p.fork("child")
        p.access(random.choice(heap.pages, 60_000), random.random(60_000) < 0.01)
        p.access(random.choice(heap.pages, 20_000))
        p.access(random.choice(heap.pages[:50], 20_000), writes=True)
        assert m.state.stat["tlb_misses"][0] > 60_000
        assert 400 < m.state.stat["copies"][0] < 800
        states.append(m.state)
    same = ("tables", "pages", "content", "stat", "procs", "tlb_tag", "tlb_pte", "tlb_stamp", "samples", "recent")
    assert [name for name in same if not np.array_equal(getattr(states[0], name), getattr(states[1], name))] == []


def test_one_reference_a_call_or_one_byte():
    """A load is a reference: single loads and a run of references leave the same machine."""
    machines = []
    for single in (True, False):
        m = Machine(frames=4, swap=32 * PAGE, tlb=(4, 2), history=None)
        p = m.spawn()
        pages = np.random.default_rng(1).choice(p.mmap(9 * PAGE).pages, 200)
        if single:
            for page in pages:
                p.load(int(page), 1)
        else:
            p.access(pages)
        machines.append(m.state)
    assert [n for n in TRUTH if not np.array_equal(getattr(machines[0], n), getattr(machines[1], n))] == []


@pytest.mark.parametrize("policy", ["clock", "lru", fixedprogram.oldest], ids=str)
def test_chunks_leave_no_trace(policy, monkeypatch):
    """A long run takes the lock chunk by chunk; how long a chunk is depends on the clock on the wall."""
    digests, chunks = [], []
    access = memory.access

    def counting(*args):
        chunks[-1] += 1
        return access(*args)

    monkeypatch.setattr(memory, "access", counting)
    monkeypatch.setattr(gate, "GROWTH", 1)
    for first in (1, 13, 1000):
        monkeypatch.setattr(gate, "FIRST_CHUNK", first)
        chunks.append(0)
        digests.append(program(policy, 500, 500)[0].digest())
    assert chunks == [500, 39, 1]
    assert len(set(digests)) == 1


@pytest.mark.parametrize("limit", [1, 3, 50])
def test_a_queue_in_steps(limit):
    """step(1), step(3), ... make the references that run() makes."""
    ends = []
    for steps in (False, True):
        m = Machine(frames=5, swap=32 * PAGE, history=None)
        a, b = m.spawn("a"), m.spawn("b")
        pages = {p: list(p.mmap(6 * PAGE).pages) for p in (a, b)}
        random = np.random.default_rng(3)
        m.queue([(p, pages[p][random.integers(6)], random.random() < 0.5) for p in random.choice([a, b], 120)])
        while m.queue_left:
            m.step(limit) if steps else m.run()
        ends.append(m.state)
    assert [n for n in TRUTH if not np.array_equal(getattr(ends[0], n), getattr(ends[1], n))] == []
    assert ends[0].stat[0].refs == 120
