"""Bills: whom a step is charged to."""

import pytest
from known import PAGE

from vmlab import Machine, Prot, labs

PAGES = 6


@pytest.fixture
def billed(capsys):
    """`billed(m, work)` -> the lines of the bill."""

    def printed(m, work, **options):
        with labs.bill(m, **options):
            work()
        return capsys.readouterr().out.splitlines()

    return printed


@pytest.fixture
def m():
    return Machine(frames=32)


def test_each_process_pays_for_its_own(m, billed):
    p = m.spawn("parent")
    heap = p.mmap(PAGES * PAGE)
    assert billed(m, lambda: heap.touch(True)) == [
        "          minor faults  pages copied",
        "parent               6             0",
        "data frames 0 -> 6, page-table frames 0 -> 4",
    ]
    assert billed(m, lambda: p.fork("child")) == [
        "          minor faults  pages copied",
        "parent               0             0",
        "child                0             0",
        "data frames 6 -> 6, page-table frames 4 -> 8",
    ]
    child = m.process("child")

    def both():
        child.access(heap.pages[:2], True)
        p.access(heap.pages[1:4], True)

    assert billed(m, both)[1:] == [
        "parent               3             2",
        "child                2             2",
        "data frames 6 -> 10, page-table frames 8 -> 8",
    ]


def test_one_who_ends_is_billed_still(m, billed):
    p = m.spawn("p")
    heap = p.mmap(PAGE)
    heap[0] = 1
    child = p.fork("child")

    def last():
        child.store(heap, b"x")
        child.exit()

    assert billed(m, last)[1:] == [
        "p                    0             0",
        "child                1             1",
        "data frames 1 -> 1, page-table frames 8 -> 4",
    ]


def test_columns(m, billed):
    p = m.spawn("p")
    text = p.mmap(2 * PAGE, file=m.create("f", 2 * PAGE), prot=Prot.READ)
    assert billed(m, text.touch, columns=("major faults",))[:2] == ["          major faults", "p                    2"]
    with pytest.raises(
        ValueError, match="a bill has no column 'money'; it has: minor faults, major faults, pages copied"
    ):
        billed(m, text.touch, columns=("money",))


def test_names_that_two_have(m, billed):
    m.spawn("p"), m.spawn("p")
    assert [line.split("  ")[0] for line in billed(m, lambda: None)[1:3]] == ["p (1)", "p (2)"]


def test_nobody_runs(m, billed):
    assert billed(m, lambda: None) == [
        "          minor faults  pages copied",
        "data frames 0 -> 0, page-table frames 0 -> 0",
    ]


def test_copies_that_the_log_has_lost_are_told_in_all(billed):
    m = Machine(frames=16384, contents=False)
    p = m.spawn("p")
    heap = p.mmap(5000 * PAGE)
    heap.touch(True)
    p.fork("q")
    assert billed(m, lambda: heap.touch(True))[1:4] == [
        "p                 5000             ?",
        "q                    0             ?",
        "the event log is too short to say whose: 5000 pages copied in all",
    ]


def test_a_block_that_fails_has_no_bill(m, capsys):
    with pytest.raises(ZeroDivisionError), labs.bill(m):
        raise ZeroDivisionError
    assert capsys.readouterr().out == ""


def test_a_bill_changes_nothing(m, billed):
    p = m.spawn("p")
    p.mmap(PAGE)[0] = 1
    before, steps = m.digest(), m.history.now
    billed(m, lambda: None)
    assert (m.digest(), m.history.now) == (before, steps)
