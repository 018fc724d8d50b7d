"""Who is killed when memory runs out: E.140; mm/oom_kill.c, oom_badness."""

import errno

import pytest

from vmlab import KiB, Killed, Machine, views

PAGE = 4 * KiB


def pair(frames=64, swap=0, **knobs):
    """A machine and two processes, of 8 and of 24 pages (and 4 page tables each, as everybody with one heap)."""
    m = Machine(frames=frames, swap=swap, **knobs)
    small, large = m.spawn("small"), m.spawn("large")
    for p, n in ((small, 8), (large, 24)):
        p.mmap(n * PAGE).touch(True)
    return m, small, large


def fill(p):
    """Touch more pages than there is memory."""
    p.mmap(200 * PAGE, flags=0x4002).touch(True)


def test_e140_the_score_is_the_share_of_memory():
    _, small, large = pair(frames=60, swap=40 * PAGE)
    assert (small.oom_score, large.oom_score) == ((8 + 4) * 10, (24 + 4) * 10)  # of 100 pages, in thousandths
    large.madvise(large.vmas()[0].start, 10 * PAGE, advice=21)  # PAGEOUT: swapped pages count too
    assert large.oom_score == 280


def test_e140_adj_is_added():
    _, small, _ = pair(frames=60, swap=40 * PAGE)
    for adj, score in ((0, 120), (500, 620), (1000, 1120), (-100, 20), (-500, 0), (-1000, 0)):
        small.oom_score_adj = adj
        assert (small.oom_score_adj, small.oom_score) == (adj, score)


def test_the_largest_goes():
    m, small, large = pair()
    other = m.spawn("other")
    with pytest.raises(Killed, match=r"^process 3 \(other\) was killed"):  # 32 pages it has when it wants one more
        fill(other)
    assert (small.alive, large.alive, other.alive) == (True, True, False)


def test_adj_turns_the_choice():
    m, small, large = pair()
    small.oom_score_adj = 400
    other = m.spawn("other")
    other.mmap(33 * PAGE, flags=0x4002).touch(True)
    assert (small.alive, large.alive, other.alive) == (False, True, True)
    killed = [h.sentence for h in views.log(m.state) if h.tag == "OOM"]
    assert killed == ["A small was killed: out of memory (score 587, oom_score_adj +400)"]
    assert m.check() == []


def test_e140_minus_1000_is_never_killed():
    m, small, large = pair()
    large.oom_score_adj = -1000
    other = m.spawn("other")
    other.oom_score_adj = -1000
    other.mmap(33 * PAGE, flags=0x4002).touch(True)
    assert (small.alive, large.alive) == (False, True)
    with pytest.raises(OSError, match="every process that is left is never killed") as failure:
        fill(other)
    assert failure.value.errno == errno.ENOMEM
    assert large.alive
    assert other.alive
    assert m.check() == []


def test_the_sentence_tells_adj():
    _, _, large = pair()
    large.oom_score_adj = 10
    with pytest.raises(Killed, match=r"its score was \d+ of 1000, of which oom_score_adj \+10, the highest"):
        fill(large)


def test_a_child_has_its_parents():
    _, small, _ = pair()
    small.oom_score_adj = -7
    assert small.fork().oom_score_adj == -7


@pytest.mark.parametrize("adj", [-1001, 1001])
def test_e140_what_is_no_adj(adj):
    _, small, _ = pair()
    with pytest.raises(OSError, match="is not one of -1000 to 1000") as failure:
        small.oom_score_adj = adj
    assert failure.value.errno == errno.EINVAL


def test_it_is_undone_and_told():
    m, small, _ = pair()
    small.oom_score_adj = 250
    step = m.history[m.history.now]
    assert (
        views.story(m.state, step).headline
        == "A small is killed as if it had +25 % of memory when memory runs out (oom_score_adj)."
    )
    m.undo()
    assert small.oom_score_adj == 0
    m.redo()
    assert small.oom_score_adj == 250
