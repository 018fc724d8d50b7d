"""The past can be reached exactly: undo, redo, seek, branch, save."""

import copy
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from vmlab import (
    Advice,
    ConfigError,
    Event,
    File,
    HistoryError,
    KiB,
    Limit,
    Lock,
    Machine,
    Map,
    Mapping,
    Process,
    Prot,
    SegmentationFault,
)  # fmt: skip
from vmlab.kernel import calls


def oldest(frames):
    """A policy in Python that remembers: it spares a page once."""
    order = np.argsort(frames.loaded, kind="stable")
    for f in frames.frame[order]:
        if frames.notes[f]:
            return f
        frames.notes[f] = 1
    return frames.frame[order[0]]


def story(m: Machine, path: Path) -> list[Callable[[], object]]:
    """A program that uses every kind of call; one function a step of the history."""
    p = m.spawn("editor")
    heap = p.mmap(48 * KiB, name="heap")
    file = m.open(path, "r+")
    text = p.mmap(file.size, file=file, flags=Map.SHARED)
    own = m.create("scratch", 20_000, b"own" * 100)
    rng = np.random.default_rng(3)
    addresses = heap.addr + rng.integers(0, 12, 400) * 4 * KiB

    def forbidden() -> None:
        with pytest.raises(SegmentationFault):
            p.load(64, 1)

    return [
        lambda: p.store(heap, b"hello"),
        lambda: p.access(addresses, rng.random(400) < 0.5),
        lambda: p.fork("child"),
        lambda: m.process("child").at(heap).__setitem__(slice(0, 4), b"mine"),
        lambda: p.store(text, b"CHANGED"),
        lambda: p.msync(text),
        forbidden,
        lambda: setattr(m, "policy", oldest),
        lambda: p.access(addresses[::-1].copy(), True),
        lambda: own.pwrite(b"more", 19_000),
        lambda: own.truncate(5_000),
        lambda: m.queue(addresses, p),
        lambda: m.step(7),
        lambda: m.run(until=Event.FAULT),
        lambda: m.run(),
        lambda: setattr(m, "policy", "lru"),
        lambda: p.mprotect(heap, 4 * KiB, Prot.NONE),
        lambda: p.munmap(text),
        lambda: m.process("child").exit(),
        *advanced(m, p, heap, own),
        lambda: m.crash(),
        lambda: file.close(),
    ]


def advanced(m: Machine, p: Process, heap: Mapping, own: File) -> list[Callable[[], object]]:
    """The calls of the second day, on the same process."""
    page = 4 * KiB
    shared = p.mmap(4 * page, file=own, flags=Map.SHARED)
    zeros = m.zero()
    r, w = m.pipe()
    brk = p.sys.brk(0)

    def advise(where: Mapping, *advice: Advice) -> list[Callable[[], object]]:
        return [partial(p.madvise, where.addr + 2 * page, page, a) for a in advice]

    moved = [0x10_0000_0000 + k * page for k in range(3, 12)]
    around = partial(p.access, moved + moved[::-1] + moved[:4], True)

    return [
        lambda: p.sys.brk(brk + 2 * page),
        lambda: p.store(brk, b"heap"),
        lambda: p.mlock(heap.addr + page, page),
        lambda: p.mlock(heap.addr + 3 * page, page, onfault=True),
        lambda: p.munlock(heap.addr + page, page),
        lambda: p.mlockall(Lock.FUTURE),
        lambda: p.munlockall(),
        lambda: p.rlimit(Limit.MEMLOCK, 8 * page),
        *advise(heap, Advice.WILLNEED, Advice.COLD, Advice.PAGEOUT, Advice.FREE, Advice.DONTNEED, Advice.RANDOM),
        *advise(heap, Advice.POPULATE_WRITE, Advice.WIPEONFORK, Advice.GUARD_INSTALL, Advice.GUARD_REMOVE),
        lambda: p.store(shared, b"shared"),
        *advise(shared, Advice.REMOVE, Advice.DONTFORK),
        lambda: p.mincore(heap),
        lambda: p.mremap(heap, 12 * page, to=0x10_0000_0000),
        lambda: p.store(0x10_0000_0000 + 5 * page, b"moved"),
        lambda: p.sys.remap_file_pages(shared.addr, page, 0, 1, 0),
        lambda: p.sys.write(w.fd, shared.addr, 100),
        lambda: p.sys.read(r.fd, 0x10_0000_0000 + 5 * page, 50),
        lambda: w.write(b"more"),
        lambda: r.read(20),
        lambda: p.mmap(page, file=zeros, flags=Map.PRIVATE).touch(True),
        lambda: p.read(own, shared, 100, 0),
        lambda: p.write(own, shared, 100, 200),
        lambda: setattr(p, "oom_score_adj", -500),
        lambda: p.suspend(),
        lambda: p.resume(),
        lambda: own.reopen("r"),
        lambda: own.fsync(),
        lambda: own.evict(),
        lambda: own.pread(10),
        lambda: m.sync(),
        lambda: setattr(m, "overcommit", 2),
        lambda: setattr(m, "dirty_background_ratio", 5),
        lambda: own.pwrite(b"dirty" * 900, 0),
        lambda: setattr(m, "max_map_count", 100),
        *(call for name in m.policies for call in (partial(setattr, m, "policy", name), around)),
        lambda: setattr(m, "swappiness", 100),
        lambda: setattr(m, "tick", 3),
        lambda: setattr(m, "window", 30),
        lambda: m.fail("swap write", after=2),
        around,
        lambda: setattr(m, "shootdowns", True),
        lambda: own.unlink(),
    ]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "alice.txt"
    file.write_bytes(bytes(range(256)) * 40)
    return file


def played(path: Path, **config: object) -> tuple[Machine, dict[int, tuple[str, bytes]]]:
    """A machine after the story, and what it and the host's file were at each moment."""
    m = Machine(frames=8, swap=64 * 4 * KiB, page_cluster=2, min_free=1, **config)
    steps = story(m, path)
    seen = {m.history.now: (m.digest(), path.read_bytes())}
    for step in steps:
        step()
        assert m.check() == []
        seen[m.history.now] = m.digest(), path.read_bytes()
    return m, seen


def test_every_moment_is_reached_exactly(path: Path) -> None:
    m, seen = played(path)
    order = [*reversed(seen), *seen, *sorted(seen, key=lambda n: n * 7 % 23)]
    for moment in order:
        m.seek(moment)
        assert (m.digest(), path.read_bytes()) == seen[moment], f"moment {moment}"
        assert m.check() == []
    assert m.history.now == order[-1]


def test_the_story_leaves_no_call_out(path: Path) -> None:
    m, _ = played(path)
    made = {m.history[n].call for n in range(m.history.first + 1, m.history.last + 1)}
    assert made >= (calls.OF_PROCESS.keys() | calls.OF_MACHINE.keys()) - {"fetch", "refresh"}


def test_keyframes_in_between_change_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vmlab.history.WORK_BETWEEN", -1.0)
    monkeypatch.setattr(
        "vmlab.history.History._last_copy", property(lambda self: 0.0, lambda self, x: None), raising=False
    )
    m, seen = played(path)
    assert len(m.history.frames) > 10
    for moment in reversed(seen):
        m.seek(moment)
        assert m.digest() == seen[moment][0]


def test_a_call_after_undo_forgets_the_future(path: Path) -> None:
    m, _ = played(path)
    m.undo(3)
    last = m.history.last
    m.spawn("other")
    assert m.history.last == last - 2
    with pytest.raises(HistoryError, match="there is no moment"):
        m.redo()


def test_undo_says_when_somebody_else_changed_the_file(path: Path) -> None:
    m = Machine(frames=8)
    p = m.spawn()
    file = m.open(path, "r+")
    text = p.mmap(file.size, file=file, flags=Map.SHARED)
    text[0:4] = b"OURS"
    p.msync(text)
    assert path.read_bytes()[:4] == b"OURS"
    with path.open("r+b") as f:
        f.write(b"THEM")
    before = m.digest()
    with pytest.raises(HistoryError, match="somebody else changed"):
        m.undo()
    assert (m.digest(), path.read_bytes()[:4]) == (before, b"THEM")


def test_seek_into_the_middle_of_a_run() -> None:
    def start() -> tuple[Machine, object, np.ndarray]:
        m = Machine(frames=4, swap=64 * 4 * KiB)
        heap = m.spawn().mmap(40 * KiB)
        return m, heap.process, heap.addr + np.arange(300) * 7 % 10 * 4 * KiB

    m, p, addresses = start()
    p.access(addresses, True)
    m.seek(m.history.now - 1, reference=123)
    other, q, _ = start()
    q.access(addresses[:123], True)
    assert m.state.content.tobytes() == other.state.content.tobytes()
    assert m.kernel.count() == other.kernel.count()


def test_the_far_end_is_dropped_and_said() -> None:
    m = Machine(frames=8, history=6 << 20)
    heap = m.spawn().mmap(16 * KiB)
    for _ in range(40):
        heap.process.access(heap.addr + np.arange(30_000) % 16_384, True)
    assert m.history.dropped > 0
    assert m.history._held <= 6 << 20
    with pytest.raises(
        HistoryError, match=f"cannot go back further than moment {m.history.first}: .* older steps were dropped"
    ):
        m.seek(1)
    m.undo()


def test_no_history_says_so() -> None:
    m = Machine(history=None)
    m.spawn()
    with pytest.raises(HistoryError, match="keeps no history"):
        m.undo()


def test_a_branch_has_a_future_of_its_own(path: Path) -> None:
    m = Machine(frames=16)
    p = m.spawn()
    file = m.open(path, "r+")
    text = p.mmap(file.size, file=file, flags=Map.SHARED)
    text[0:4] = b"both"
    b = copy.deepcopy(m)
    assert b.digest() == m.digest()
    b.process(p).store(text.addr, b"beta")
    b.process(p).msync(text.addr, text.length)
    p.msync(text)
    assert path.read_bytes()[:4] == b"both"
    assert (text[0:4], b.process(p).load(text.addr, 4)) == (b"both", b"beta")
    p.store(text.addr + 2 * 4 * KiB, b"late")
    p.msync(text)
    assert b.process(p).load(text.addr + 2 * 4 * KiB, 4) != b"late"
    assert b.check() == m.check() == []


def test_a_saved_machine_comes_back_equal(path: Path, tmp_path: Path) -> None:
    m, _ = played(path)
    m.save(tmp_path / "m.npz")
    back = Machine.load(tmp_path / "m.npz")
    assert back.digest() == m.digest()
    assert back.check() == []
    back.spawn("later")
    (tmp_path / "bad.npz").write_bytes(b"PK\x03\x04 not a zip")
    with pytest.raises(ConfigError, match="not a saved machine"):
        Machine.load(tmp_path / "bad.npz")
    m.policy = oldest
    with pytest.raises(ConfigError, match="policy written in Python"):
        m.save(tmp_path / "m.npz")


def test_bookmarks_name_moments() -> None:
    m = Machine()
    m.spawn("a")
    m.bookmark("one process")
    m.spawn("b")
    m.seek(m.bookmarks["one process"])
    assert [p.name for p in m.processes] == ["a"]
