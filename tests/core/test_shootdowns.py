"""A machine that forgets TLB shootdowns: the harm is done, and check() names the entry."""

import re

import pytest

from vmlab import Machine

PAGE = 4096


def two(policy: str, shootdowns: bool) -> tuple:
    """Two processes, each on a CPU of its own; the first needs every frame, so that the second's page must go."""
    m = Machine(frames=4, swap=64 * PAGE, cpus=2, policy=policy, shootdowns=shootdowns)
    a, b = m.spawn("a"), m.spawn("b")
    mine = b.mmap(PAGE)
    mine[0] = ord("b")
    frame = int(b.pagemap(mine).pfn[0])
    big = a.mmap(4 * PAGE)
    for page in range(4):
        big[page * PAGE] = ord("a")
    return m, mine, frame


@pytest.mark.parametrize("policy", Machine.policies)
def test_told_the_other_cpu_faults(policy):
    m, mine, _ = two(policy, shootdowns=True)
    assert (m.check(), mine[0]) == ([], ord("b"))


@pytest.mark.parametrize("policy", Machine.policies)
def test_not_told_it_reads_a_frame_of_another_process(policy):
    m, mine, frame = two(policy, shootdowns=False)
    page = mine.addr // PAGE
    who = rf"TLB entry \d+ of CPU 1 \(process row 1, page {page:#x}\)"
    sentence = f"{who} is stale: it says frame {frame}, the page table says nothing"
    found = m.check()
    assert [s for s in found if re.fullmatch(sentence, s)]
    assert all("TLB entry" in s for s in found)
    assert mine[0] == ord("a")  # what a stored
    mine[1] = ord("!")  # and b stores into a's memory
    big = m.process("a").vmas()[0].start
    assert ord("!") in [m.process("a").load(big + k * PAGE + 1)[0] for k in range(4)]


def test_its_own_cpu_is_never_stale():
    """What a process changes itself is dropped where it runs, whoever ran last."""
    m = Machine(frames=16, cpus=2, shootdowns=False)
    a, b = m.spawn("a"), m.spawn("b")
    mine = b.mmap(4 * PAGE)
    mine.touch(True)
    a.mmap(PAGE).touch(True)
    b.mprotect(mine, PAGE, 1)
    b.munmap(mine.addr + PAGE, PAGE)
    b.fork()
    assert m.check() == []


def test_one_cpu_has_nobody_to_tell():
    m = Machine(frames=4, swap=64 * PAGE, shootdowns=False)
    for name in "ab":
        m.spawn(name).mmap(4 * PAGE).touch(True)
    assert m.check() == []


def test_it_can_be_turned_and_saved(tmp_path):
    m, *_ = two("clock", shootdowns=True)
    m.shootdowns = False
    assert m.shootdowns is False
    m.undo()
    assert m.shootdowns is True
    m, *_ = two("clock", shootdowns=False)
    m.save(tmp_path / "m")
    twin = Machine.load(tmp_path / "m")
    assert (twin.digest(), twin.check()) == (m.digest(), m.check())
    m.seek(0)
    m.seek(m.history.last)
    assert m.digest() == twin.digest()
