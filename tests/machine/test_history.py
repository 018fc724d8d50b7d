"""The record: what it holds, what it lets go, and that it is exact whatever the program does."""

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from vmlab import HistoryError, KiB, Machine, Map, Prot, SegmentationFault, Signal, VmlabError
from vmlab import history as history_module

PAGE = 4 * KiB


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "book"
    path.write_bytes(b"".join(bytes([65 + i]) * PAGE for i in range(6)))
    return path


# -- any program -----------------------------------------------------------------------------------------------------


def first(frames) -> int:
    frames.notes[frames.frame[0]] += 1
    frames.forget_accessed(frames.frame[-1])
    return int(frames.frame[0])


def something(m: Machine, book: Path, rng: random.Random) -> Callable[[], object]:
    """A call of any kind, with arguments that may well be wrong."""
    p = rng.choice(m.processes)
    areas = p.vmas() or [None]
    area = rng.choice(areas)
    at = area.start + rng.randrange(area.stop - area.start) if area else 1 << 20
    page = at // PAGE * PAGE
    files = m.files
    file = rng.choice(files) if files else m.open(book, "r+")
    return rng.choice(
        [
            lambda: p.mmap(rng.randrange(1, 5) * PAGE, flags=rng.choice((Map.PRIVATE, Map.SHARED))),
            lambda: p.mmap(3 * PAGE, file=file, offset=PAGE, flags=Map.SHARED),
            lambda: p.mmap(3 * PAGE, file=file, prot=Prot.READ | Prot.WRITE),
            lambda: p.mmap(PAGE, addr=page, flags=Map.PRIVATE | Map.FIXED),
            lambda: p.munmap(page, 2 * PAGE),
            lambda: p.mprotect(page, PAGE, rng.choice((0, 1, 3))),
            lambda: p.msync(page, PAGE),
            lambda: p.store(at, os.urandom(rng.randrange(1, 9000))),
            lambda: p.store(at, b"x"),
            lambda: p.load(at, rng.randrange(1, 9000)),
            lambda: p.call(at),
            lambda: p.access([rng.randrange(a.start, a.stop) for a in areas * 9 if a], rng.random() < 0.5),
            lambda: m.queue([(q, at) for q in m.processes for _ in range(5)]),
            lambda: m.step(rng.randrange(1, 9)),
            lambda: m.run(until=rng.randrange(10)),
            lambda: p.sbrk(rng.randrange(3 * PAGE)),
            lambda: p.fork("child") if len(m.processes) < 4 else None,
            lambda: p.exit() if len(m.processes) > 1 else None,
            lambda: m.open(book, rng.choice(("r", "r+"))),
            lambda: m.create("own", rng.randrange(20_000), b"data"),
            lambda: file.pwrite(os.urandom(rng.randrange(1, 5000)), rng.randrange(30_000)),
            lambda: file.pread(5000, rng.randrange(30_000)),
            lambda: file.truncate(rng.randrange(30_000)),
            lambda: p.read(file, at, 5000, PAGE),
            lambda: p.write(file, at, 3000, 100),
            file.fsync,
            file.evict,
            file.refresh,
            file.unlink,
            file.close,
            lambda: file.reopen("r"),
            m.sync,
            lambda: setattr(m, "policy", rng.choice((*Machine.policies, first))),
        ]
    )


@pytest.mark.parametrize("seed", range(8))
def test_any_program_is_replayed_exactly(book: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also with a keyframe here and there; the host's file is at each moment what it was."""
    if seed % 2:
        monkeypatch.setattr(history_module, "WORK_BETWEEN", 0.002)
    rng = random.Random(seed)
    m = Machine(frames=6, swap=128 * PAGE)
    m.spawn("a")
    m.open(book, "r+")
    seen = {m.history.now: (m.digest(), book.read_bytes())}
    for _ in range(120):
        call = something(m, book, rng)
        try:
            call()
        except (OSError, Signal, VmlabError):
            pass
        if not m.processes:
            break
        seen[m.history.now] = m.digest(), book.read_bytes()
        assert m.check() == []
    moments = sorted(seen)
    for moment in [*reversed(moments), *moments, *rng.sample(moments, 20)]:
        m.seek(moment)
        assert (m.digest(), book.read_bytes()) == seen[moment], (
            moment,
            m.history[moment + 1 if moment < m.history.last else moment],
        )


# -- host files ------------------------------------------------------------------------------------------------------


def test_truncation_of_a_host_file_is_undone(book: Path) -> None:
    m = Machine(frames=8)
    file = m.open(book, "r+")
    whole = book.read_bytes()
    file.pwrite(b"grown", 7 * PAGE)
    file.fsync()
    grown = book.read_bytes()
    file.truncate(PAGE + 10)
    file.truncate(2 * PAGE)
    assert book.read_bytes() == whole[: PAGE + 10] + bytes(PAGE - 10)
    m.undo(2)
    assert book.read_bytes() == grown
    m.seek(1)
    assert book.read_bytes() == whole
    m.seek(m.history.last)
    assert book.read_bytes() == whole[: PAGE + 10] + bytes(PAGE - 10)


def test_too_much_was_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    path.touch()
    os.truncate(path, 1 << 40)
    m = Machine(frames=8)
    m.open(path, "r+").truncate(0)
    with pytest.raises(
        HistoryError, match="cannot put back the size of 'huge': more than 67,108,864 bytes were cut off"
    ):
        m.undo()
    assert path.stat().st_size == 0


def test_somebody_else_changed_one_of_many(book: Path) -> None:
    """Nothing is half done: what was put back already is written again."""
    m = Machine(frames=8)
    file = m.open(book, "r+")
    for i in range(4):
        file.pwrite(bytes([97 + i]), i * PAGE)
        file.fsync()
    with book.open("r+b") as f:
        f.seek(PAGE)
        f.write(b"THEIRS")
    before, digest, now = book.read_bytes(), m.digest(), m.history.now
    with pytest.raises(
        HistoryError, match=r"cannot put back bytes 4096 to 8192 of 'book': somebody else changed the file"
    ):
        m.seek(1)
    assert (book.read_bytes(), m.digest(), m.history.now) == (before, digest, now)
    m.undo(4)
    after = book.read_bytes()
    assert after[2 * PAGE : 2 * PAGE + 1] == b"C"
    os.truncate(book, 2 * PAGE)
    with pytest.raises(HistoryError, match="cannot write again"):
        m.redo(4)
    assert book.read_bytes() == after[: 2 * PAGE]


def test_a_size_that_somebody_else_changed(book: Path) -> None:
    m = Machine(frames=8)
    file = m.open(book, "r+")
    file.truncate(PAGE)
    os.truncate(book, 100)
    with pytest.raises(HistoryError, match=r"cannot put back the size of 'book': .* it has 100 bytes, not 4096"):
        m.undo()
    assert m.history.now == 2


def test_a_write_that_failed_half_way(book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vmlab.device import HostFile

    m = Machine(frames=8)
    file = m.open(book, "r+")
    file.pwrite(b"abcdef")
    real, calls = HostFile._pwrite, []

    def half(self: HostFile, data: bytes, offset: int) -> int:
        calls.append(offset)
        if len(calls) > 1:
            raise OSError(28, "No space left on device")
        return real(self, data[:3], offset)

    monkeypatch.setattr(HostFile, "_pwrite", half)
    with pytest.raises(OSError, match="disk full"):
        file.fsync()
    monkeypatch.undo()
    assert book.read_bytes()[:6] == b"abcAAA"
    m.undo()
    assert book.read_bytes()[:6] == b"AAAAAA"


# -- what it holds ---------------------------------------------------------------------------------------------------


def test_the_far_end_goes_and_bookmarks_with_it() -> None:
    m = Machine(frames=8, history=3_000_000)
    p = m.spawn()
    heap = p.mmap(PAGE)
    m.bookmark("early")
    for i in range(6000):
        p.store(heap.addr + i % 3900, bytes([i % 256]) * 100)
        assert m.history.nbytes <= 3_000_000
    h = m.history
    assert h.first > 2
    assert (h.dropped, h.last, m.bookmarks) == (h.first, 6002, {})
    assert [step.n for step in h] == list(range(h.first + 1, 6003))
    digest = m.digest()
    m.seek(h.first)
    m.seek(h.last)
    assert m.digest() == digest
    with pytest.raises(IndexError, match="step 1 is not in the record"):
        h[1]


def test_large_arguments_count() -> None:
    """Steps that take memory and no time make room as those that take time."""
    m = Machine(frames=8, history=20 << 20)
    f = m.create("f", 0)
    for _ in range(30):
        with pytest.raises(OSError, match="is no place"):
            f.pwrite(bytes(1 << 20), -1)
    assert m.history.nbytes <= 20 << 20
    assert 0 < m.history.dropped < 31


def test_a_history_too_small_for_one_copy() -> None:
    m = Machine(frames=64, history=100_000)
    p = m.spawn()
    heap = p.mmap(64 * PAGE)
    for page in heap.pages:
        p.store(page, os.urandom(PAGE))
    p.access([*heap.pages] * 20_000)
    assert m.history.now == 67
    with pytest.raises(
        HistoryError, match=r"cannot go back further than moment 67: a copy of this machine takes [\d,]+ bytes"
    ):
        m.undo()
    p.store(heap, b"goes on")
    assert (m.history.now, m.history.first, m.history.nbytes) == (68, 68, 0)


def test_without_history_steps_are_still_counted() -> None:
    m = Machine(frames=8, history=None)
    p = m.spawn()
    p.mmap(PAGE)[0] = 1
    assert (m.history.now, int(m.events["step"][-1]), len(m.history)) == (3, 3, 0)
    with pytest.raises(SegmentationFault):
        p.load(0)
    b = m.branch()
    b.process(p).exit()
    assert (p.alive, b.history.now, m.history.now) == (True, 5, 4)


def test_wrong_moments() -> None:
    m = Machine(frames=8)
    m.spawn()
    for call, error, words in (
        (lambda: m.undo(2), HistoryError, "cannot go back further than moment 0"),
        (lambda: m.seek(5), HistoryError, "there is no moment 5; the last is 1"),
        (lambda: m.undo(0), ValueError, "from 1 up"),
        (lambda: m.seek("1"), TypeError, "moment must be a whole number"),
        (lambda: m.redo(True), TypeError, "n must be a whole number"),
    ):
        with pytest.raises(error, match=words):
            call()
    version = m.version
    m.seek(1)
    assert (m.history.now, m.version) == (1, version + 1)
