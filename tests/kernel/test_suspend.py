"""SIGSTOP and SIGCONT (signal(7)): who is suspended makes no reference; its pages are as good to reclaim as anybody's."""

import pytest

from vmlab import Advice, KiB, Machine, Suspended, views

PAGE = 4 * KiB


def three(frames=32):
    m = Machine(frames=frames, swap=64 * PAGE)
    ps = [m.spawn(name) for name in "abc"]
    return m, [(p, p.mmap(8 * PAGE)) for p in ps]


def refs(p):
    return p.stat.minflt + p.stat.majflt


def test_every_call_of_its_own_is_refused():
    m, [(a, heap), *_] = three()
    a.suspend()
    assert a.suspended
    calls = [
        lambda: a.load(heap), lambda: a.store(heap, b"x"), lambda: a.access([heap.addr]), lambda: a.mmap(PAGE), lambda: a.fork(),
        lambda: a.munmap(heap), lambda: heap.madvise(Advice.DONTNEED), lambda: a.call(heap), lambda: heap.touch(),
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(Suspended, match=r"^process 1 \(a\) is suspended and cannot \w+: resume it first"):
            call()
    assert refs(a) == 0
    a.resume()
    a.store(heap, b"x")
    assert not a.suspended
    assert m.check() == []


def test_what_others_do_to_it_works():
    m, [(a, _), *_] = three()
    a.suspend()
    a.suspend()
    a.oom_score_adj = 5
    a.rlimit(9, 1 << 20)
    assert "State:\tT (stopped)" in a.status()
    a.exit()
    assert not a.alive
    assert m.check() == []


def test_its_references_wait_and_the_others_go_on():
    m, [(a, ha), (b, hb), (c, hc)] = three()
    m.queue([ha.addr + k * PAGE for k in range(4)], a)
    m.queue([hb.addr + k * PAGE for k in range(3)], b)
    m.queue([hc.addr + k * PAGE for k in range(2)], c)
    m.step(2)
    a.suspend()
    m.step()
    assert (refs(a), refs(b), refs(c)) == (2, 1, 0)
    run = m.run()
    assert run.done == 4
    assert (refs(a), refs(b), refs(c), m.queue_left) == (2, 3, 2, 2)
    with pytest.raises(Suspended, match="every reference that waits is of a suspended process"):
        m.step()
    assert m.queue_left == 2
    a.resume()
    assert m.run().done == 2
    assert (refs(a), m.queue_left) == (4, 0)
    assert m.check() == []


def test_who_is_resumed_comes_next():
    m, [(a, ha), (b, hb), (c, hc)] = three()
    m.queue([ha.addr, ha.addr + PAGE], a)
    m.queue([hb.addr, hb.addr + PAGE], b)
    m.queue([hc.addr], c)
    a.suspend()
    m.step()
    a.resume()
    m.step(3)  # b's segment has begun and is finished, then a's, which came before c's
    assert (refs(a), refs(b), refs(c)) == (2, 2, 0)


def test_two_suspended_keep_their_order():
    m, [(a, ha), (b, hb), (c, hc)] = three()
    for p, h in ((a, ha), (b, hb), (a, ha), (c, hc)):
        m.queue([h.addr], p)
    a.suspend()
    b.suspend()
    m.run()
    assert [refs(p) for p in (a, b, c)] == [0, 0, 1]
    b.resume()
    m.run()
    assert [refs(p) for p in (a, b, c)] == [0, 1, 1]
    a.resume()
    assert m.run().done == 2


def test_its_pages_are_swapped_out():
    m, [(a, ha), (_, hb), *_] = three(frames=8)
    ha.touch(True)
    a.suspend()
    hb.touch(True)
    assert (a.stat.rss, a.stat.nswap, a.suspended) == (0, 8, True)
    a.resume()
    assert refs(a) == 8
    ha[0]
    assert a.stat.majflt == 1
    assert m.check() == []


def test_a_child_runs_and_a_killed_one_leaves_the_queue():
    m, [(a, ha), (b, hb), *_] = three()
    assert not a.fork().suspended
    m.queue([ha.addr], a)
    m.queue([hb.addr], b)
    a.suspend()
    m.run()
    a.exit()
    with pytest.raises(ProcessLookupError, match="its 1 waiting references are dropped"):
        m.run()


def test_undo_and_a_branch_know_it():
    m, [(a, ha), (b, hb), *_] = three()
    m.queue([ha.addr, ha.addr + PAGE], a)
    m.queue([hb.addr], b)
    m.step()
    a.suspend()
    m.run()
    after = m.digest()
    twin = m.branch()
    m.undo(2)
    assert not a.suspended
    m.redo(2)
    assert m.digest() == after == twin.digest()
    a.resume()
    m.undo()
    assert a.suspended
    twin.process(a).resume()
    assert twin.run().done == 1


def test_it_is_told():
    m, [(a, _), *_] = three()
    a.suspend()
    assert views.story(m.state, m.history[m.history.now]).headline == "A a was suspended: its references wait."
    a.resume()
    assert views.story(m.state, m.history[m.history.now]).short == "A resume"
