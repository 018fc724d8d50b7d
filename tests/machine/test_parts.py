"""Into the middle of a run and on from there; what the record cannot hold; what fails in the middle."""

from pathlib import Path

import numpy as np
import pytest

from vmlab import Busy, Event, HistoryError, KiB, Machine, Map, SegmentationFault, VmlabError

PAGE = 4 * KiB


def worked(path: Path | None = None, **config: object):
    """A machine of four frames, with a heap larger than they are, and a host's file mapped if there is one."""
    m = Machine(**{"frames": 4, "swap": 64 * PAGE, **config})
    p = m.spawn("a")
    heap = p.mmap(10 * PAGE)
    text = None
    if path is not None:
        file = m.open(path, "r+")
        text = p.mmap(file.size, file=file, flags=Map.SHARED)
    return m, p, heap, text


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "book"
    file.write_bytes(b"".join(bytes([65 + i]) * PAGE for i in range(6)))
    return file


def mixed(heap, text) -> tuple[np.ndarray, np.ndarray]:
    """References to both, in which dirty pages of the file are evicted."""
    rng = np.random.default_rng(5)
    pages = np.array([*heap.pages, *text.pages])
    return rng.choice(pages, 200), rng.random(200) < 0.6


def test_every_reference_of_a_run(path: Path) -> None:
    """seek(n, reference=k) is the machine that ran only k references: arrays, digest and the host's file."""
    original = path.read_bytes()
    m, p, heap, text = worked(path)
    p.store(text, b"first")
    before = m.history.now
    p.access(*mixed(heap, text))
    after, end = m.digest(), path.read_bytes()
    assert end != original
    for k in (0, 1, 57, 58, 59, 123, 199, 200, 1000):
        m.seek(before, reference=k)
        state, files = m.digest(), path.read_bytes()
        m.seek(before)
        assert path.read_bytes() == original
        path.write_bytes(original)
        n, q, other_heap, other_text = worked(path)
        q.store(other_text, b"first")
        addresses, writes = mixed(other_heap, other_text)
        q.access(addresses[:k], writes[:k])
        assert state == n.digest(), k
        assert files == path.read_bytes(), k
        path.write_bytes(original)
    m.redo()
    assert (m.digest(), path.read_bytes()) == (after, end)


def test_a_future_from_the_middle_of_a_run(path: Path) -> None:
    m, p, heap, text = worked(path)
    p.access(*mixed(heap, text))
    moment = m.history.now - 1
    m.seek(moment, reference=77)
    middle, files = m.digest(), path.read_bytes()
    p.store(heap, b"another future")
    assert (m.history.now, m.history.last) == (moment + 2, moment + 2)
    assert m.history[moment + 1].args["limit"] == 77
    last = m.digest()
    m.undo()
    assert (m.digest(), path.read_bytes()) == (middle, files)
    m.redo()
    assert m.digest() == last
    m.seek(0)
    m.seek(moment + 2)
    assert m.digest() == last
    assert m.check() == []


def test_undo_from_the_middle_goes_to_the_beginning_of_the_run() -> None:
    m, p, heap, _ = worked()
    beginning = m.digest()
    p.access(heap.addr + np.arange(50) % 10 * PAGE, True)
    m.seek(m.history.now - 1, reference=20)
    m.undo()
    assert m.digest() == beginning


def test_the_middle_of_what_is_no_run() -> None:
    m, _p, heap, _ = worked()
    heap[0] = 1
    now, digest = m.history.now, m.digest()
    with pytest.raises(ValueError, match="step 3 is store, which makes no run of references"):
        m.seek(2, reference=1)
    with pytest.raises(HistoryError, match="no step after moment 3"):
        m.seek(3, reference=1)
    with pytest.raises(ValueError, match="reference must be"):
        m.seek(2, reference=-1)
    assert (m.history.now, m.digest()) == (now, digest)


def test_the_middle_of_the_queue() -> None:
    m, p, heap, _ = worked()
    q = p.fork("b")
    m.queue([(who, heap.addr + i % 7 * PAGE, i % 3 == 0) for i in range(60) for who in (p, q)])
    queued = m.history.now
    m.run(70)
    m.run(until=Event.SWAPIN)
    m.run()
    totals, steps = m.kernel.count(), m.history.last
    assert m.queue_left == 0
    m.seek(queued, reference=33)
    assert m.queue_left == 120 - 33
    middle = m.digest()
    m.seek(queued)
    m.run(33)
    assert m.digest() == middle
    assert m.history.last == queued + 1 < steps
    m.run()
    assert m.queue_left == 0
    assert m.check() == []
    assert m.kernel.count() == totals  # in other portions


def test_a_run_that_ends_in_a_signal_is_replayed_with_it() -> None:
    m, p, heap, _ = worked()
    bad = np.array([heap.addr, heap.addr + PAGE, 64, heap.addr])
    outside = np.array([heap.addr, 1 << 62, heap.addr])
    for addresses, done in ((bad, 2), (outside, 1)):
        with pytest.raises(SegmentationFault) as caught:
            p.access(addresses, True)
        assert caught.value.done == done
        digest = m.digest()
        m.undo()
        m.redo()
        assert m.digest() == digest
    m.queue(outside, p)
    with pytest.raises(SegmentationFault):
        m.run()
    assert m.queue_left == 1
    digest = m.digest()
    m.undo()
    m.redo()
    assert (m.digest(), m.queue_left) == (digest, 1)


def test_arguments_too_large_to_keep() -> None:
    m, p, heap, _ = worked(history=4 << 20)
    many = heap.addr + np.arange(200_000) % 10 * PAGE
    before = m.digest()
    p.access(many, True)
    after = m.digest()
    step = m.history[m.history.now]
    assert step.opaque
    assert "addresses" not in step.args
    with pytest.raises(HistoryError, match="its middle cannot be reached"):
        m.seek(step.n - 1, reference=5)
    m.undo()
    assert m.digest() == before
    m.redo()
    assert m.digest() == after


def test_the_record_keeps_arrays_of_its_own() -> None:
    m, p, heap, _ = worked()
    addresses = heap.addr + np.arange(30) % 10 * PAGE
    writes = np.ones(30, bool)
    p.access(addresses, writes)
    m.queue((addresses, writes), p)
    m.run()
    digest = m.digest()
    addresses[:], writes[:] = 0, False
    m.seek(0)
    m.seek(m.history.last)
    assert m.digest() == digest


def test_a_policy_that_fails_half_way_is_replayed() -> None:
    """What it noted and cleared before it failed is part of the machine."""
    asked = []

    def careless(frames):
        asked.append(len(frames))
        frames.notes[frames.frame[0]] = 7
        frames.forget_accessed(frames.frame[1])
        if len(asked) == 3:
            raise ZeroDivisionError("careless")
        return frames.frame[0] if len(asked) != 5 else -1

    m, _p, heap, _ = worked(policy=careless)
    digests = [m.digest()]
    for error in (ZeroDivisionError, VmlabError, None):
        if error is None:
            heap.touch(True)
        else:
            with pytest.raises(error):
                heap.touch(True)
        digests.append(m.digest())
        assert m.check() == []
    times = len(asked)
    for n in (2, 0, 3, 1, 3):
        m.seek(2 + n)
        assert m.digest() == digests[n]
    m.seek(0)
    m.seek(5)
    assert m.digest() == digests[3]
    assert len(asked) == times


def test_a_policy_may_look_and_not_touch() -> None:
    caught = []

    def meddling(frames):
        for attempt in (m.spawn, m.undo, lambda: m.seek(0), m.branch):
            with pytest.raises(Busy) as refusal:
                attempt()
            caught.append(str(refusal.value))
        assert m.check() == []
        with pytest.raises(ValueError, match="not one of the"):
            frames.forget_accessed(99)
        return frames.frame[0]

    m, _, heap, _ = worked(policy=meddling)
    for i in range(5):
        heap[i * PAGE] = i
    assert "not change it" in caught[0]


def test_memory_error_in_the_middle_takes_the_call_back(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    """limits-08: as if it had never been called; host files too."""
    from vmlab.kernel import calls, msync

    m, p, heap, text = worked(path)
    text[0:4] = b"mine"
    heap[0:2] = b"ok"

    def fails(k, row, **args):
        msync.msync(k, row, **args)
        raise MemoryError

    monkeypatch.setitem(calls.OF_PROCESS, "msync", fails)
    now, digest = m.history.now, m.digest()
    with pytest.raises(MemoryError):
        p.msync(text)
    assert (m.history.now, m.digest(), path.read_bytes()[:4]) == (now, digest, b"AAAA")
    monkeypatch.undo()
    p.msync(text)
    assert path.read_bytes()[:4] == b"mine"
    assert heap[0:2] == b"ok"
    assert m.check() == []
