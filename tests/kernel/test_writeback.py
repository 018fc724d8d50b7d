"""The flusher and throttled writers (87 of the semantics list; Documentation/admin-guide/sysctl/vm.rst), and fsync and msync."""

import errno

import numpy as np
import pytest
from known import PAGE

from vmlab import ConfigError, Costs, Event, Machine, Map
from vmlab.device import Failing

FRAMES = 100  # all free or of files, so that a ratio is a number of pages


@pytest.fixture
def lab():
    m = Machine(frames=FRAMES, swap=0, preset="linux")
    p = m.spawn("writer")
    f = m.create("f", 60 * PAGE)
    yield m, p, p.mmap(file=f, flags=Map.SHARED), f
    assert m.check() == []


def dirty(m: Machine) -> int:
    """nr_dirty; the other counters must fit to it."""
    rows = m.vmstat().rows
    assert rows["nr_dirtied"] - rows["nr_written"] == rows["nr_dirty"] == m.meminfo().rows["Dirty"] * 1024 // PAGE
    return rows["nr_dirty"]


def store(p, area, n: int, start: int = 0) -> None:
    p.access(np.arange(start, start + n) * PAGE + area.addr, True)


def test_87_the_defaults_are_linuxs(lab):
    m = lab[0]
    knobs = m.dirty_background_ratio, m.dirty_ratio, m.dirty_expire_centisecs, m.dirty_writeback_centisecs
    assert knobs == (10, 20, 3000, 500)
    rows = m.vmstat().rows
    assert (rows["nr_dirty_background_threshold"], rows["nr_dirty_threshold"], rows["nr_writeback"]) == (10, 20, 0)
    classic = Machine(frames=8)
    assert (classic.dirty_background_ratio, classic.dirty_ratio, classic.dirty_writeback_centisecs) == (100, 100, 0)


def test_87_above_the_background_threshold_the_flusher_writes(lab):
    m, p, area, f = lab
    store(p, area, 10)
    assert (dirty(m), m.vmstat().rows["nr_written"]) == (10, 0)
    store(p, area, 1, start=10)
    assert (dirty(m), m.vmstat().rows["nr_written"]) == (10, 1)
    store(p, area, 4, start=11)
    assert (dirty(m), m.vmstat().rows["nr_written"]) == (10, 5)
    assert (m.vmstat().rows["nr_dirtied"], f.fsync(), dirty(m)) == (15, 10, 0)


def test_the_pages_it_wrote_are_tracked_again(lab):
    m, p, area, _ = lab
    store(p, area, 15)
    with m.measure() as cost:
        store(p, area, 15)
    assert (cost.minflt, dirty(m)) == (5, 10)  # the five that were written fault, and five others go


def test_anonymous_memory_is_not_dirtyable(lab):
    m, p, area, _ = lab
    p.mmap(50 * PAGE).touch(
        True
    )  # half of memory: 10 % of the rest is 5 pages, but reading ahead took some for the file
    rows = m.vmstat().rows
    assert (rows["nr_dirty_background_threshold"], rows["nr_dirty_threshold"]) == (5, 10)
    store(p, area, 12)
    assert dirty(m) == 5


def test_87_a_writer_over_dirty_ratio_writes_before_it_goes_on(lab):
    m, _, _, f = lab
    f.pwrite(bytes(60 * PAGE))
    step = m.history[m.history.now]
    seen = [(Event(e.kind), int(e["index"])) for e in m.events if e.step == step.n]
    first = seen.index((Event.WRITEBACK, 0))
    assert first < seen.index((Event.PAGEIN, 32))  # the second half was not yet in memory
    assert dirty(m) == 10
    m.undo()
    m.dirty_ratio = 100
    f.pwrite(bytes(60 * PAGE))
    assert dirty(m) == 10
    seen = [(Event(e.kind), int(e["index"])) for e in m.events if e.step == m.history.now]
    assert seen.index((Event.WRITEBACK, 0)) > seen.index((Event.PAGEIN, 32))


def test_87_so_does_a_store_in_the_middle_of_a_run(lab):
    m, p, area, _ = lab
    store(p, area, 60)
    seen = [(Event(e.kind), int(e["index"])) for e in m.events if e.step == m.history.now]
    wrote = [k for k, (kind, _) in enumerate(seen) if kind == Event.WRITEBACK]
    stored = [k for k, (kind, _) in enumerate(seen) if kind in (Event.MKWRITE, Event.MAP)]
    assert wrote and stored and wrote[0] < stored[-1]
    dirtied = 0  # at no moment are more dirty than the threshold and the page that went over it
    for kind, _ in seen:
        dirtied += {Event.WRITEBACK: -1, Event.MAP: 1, Event.MKWRITE: 1}.get(kind, 0)
        assert dirtied <= 21
    assert dirty(m) == 10


def test_a_store_goes_on_where_nothing_can_be_written(lab, monkeypatch):
    m, p, area, f = lab

    def full(offset, data):
        raise OSError(errno.ENOSPC, "disk full")

    monkeypatch.setattr(m.kernel.devices[f.object], "write", full)
    store(p, area, 40)
    assert dirty(m) == 40


@pytest.mark.parametrize("expire", [3000, 700])
def test_87_what_is_dirty_for_long_is_written(expire):
    m = Machine(
        frames=FRAMES, preset="linux", costs=Costs(tlb=10**9), dirty_expire_centisecs=expire
    )  # a second a reference
    p = m.spawn()
    f = m.create("f", 4 * PAGE)
    area, heap = p.mmap(file=f, flags=Map.SHARED), p.mmap(PAGE)
    area[0] = 1
    since = m.clock_ns
    while dirty(m):
        before = m.clock_ns
        heap[0]
    late = expire / 100 + 5  # and up to one wake-up later
    assert (before - since) / 1e9 < late + 1
    assert expire / 100 <= (m.clock_ns - since) / 1e9 <= late + 1
    m.dirty_writeback_centisecs = 0
    area[0] = 2
    for _ in range(60):
        heap[0]
    assert dirty(m) == 1


def test_classic_writes_when_asked_and_never_else():
    m = Machine(frames=FRAMES)
    p = m.spawn()
    f = m.create("f", 60 * PAGE)
    area = p.mmap(file=f, flags=Map.SHARED)
    store(p, area, 60)
    assert dirty(m) == 60
    area.flush(0, 7 * PAGE)
    assert dirty(m) == 53
    assert (f.fsync(), dirty(m)) == (53, 0)


def test_tmpfs_has_nothing_to_write_back():
    m = Machine(frames=FRAMES, preset="linux", filesystem="tmpfs")
    assert (m.dirty_background_ratio, m.dirty_ratio, m.dirty_writeback_centisecs) == (100, 100, 0)


def test_a_page_that_cannot_be_written_stays_dirty(lab):
    m, p, area, f = lab
    m.kernel.devices[f.object] = Failing(m.device(f.object), write=3)
    store(p, area, 15)
    assert dirty(m) == 13  # two went; then the flusher gave up, and told nobody
    store(p, area, 1)
    assert dirty(m) == 10


def test_the_flusher_belongs_to_the_step(tmp_path):
    """Undo puts back what it wrote to a file of the host, and a run that is undone in part had no flusher yet."""
    path = tmp_path / "book"
    path.write_bytes(bytes(40 * PAGE))
    m = Machine(frames=FRAMES, preset="linux")
    p = m.spawn()
    area = p.mmap(file=m.open(path, "r+"), flags=Map.SHARED)
    area[0] = 7
    seen = {m.history.now: (m.digest(), path.read_bytes())}
    m.queue((np.arange(40) * PAGE + area.addr, True), p)
    seen[m.history.now] = m.digest(), path.read_bytes()
    m.run()
    seen[m.history.now] = m.digest(), path.read_bytes()
    assert path.read_bytes()[0] == 7
    for moment in (*seen, *reversed(seen), *seen):
        m.seek(moment)
        assert (m.digest(), path.read_bytes()) == seen[moment]
    last = max(seen)
    m.seek(last - 1, 20)
    assert (dirty(m), path.read_bytes()[0]) == (20, 0)
    area[39 * PAGE] = 9  # goes on from there: now the flusher has its turn
    assert (dirty(m), path.read_bytes()[0]) == (10, 7)
    m.undo()
    assert (dirty(m), path.read_bytes()[0]) == (20, 0)
    m.undo()
    assert (m.digest(), path.read_bytes()) == seen[last - 1]


def test_knobs_and_their_limits():
    m = Machine(frames=FRAMES)
    m.dirty_background_ratio, m.dirty_ratio = 5, 6
    assert (m.dirty_background_ratio, m.dirty_ratio, m.dirty_expire_centisecs) == (5, 6, 3000)
    m.dirty_background_ratio = 30  # not below the other: half of it (domain_dirty_limits)
    assert m.vmstat().rows["nr_dirty_background_threshold"] == 3
    m.undo(3)
    assert (m.dirty_background_ratio, m.dirty_ratio) == (100, 100)
    with pytest.raises(ConfigError, match="dirty_ratio=101: it must be a whole number from 0 to 100"):
        m.dirty_ratio = 101
    with pytest.raises(ConfigError, match="dirty_expire_centisecs=-1"):
        Machine(dirty_expire_centisecs=-1)
