"""What the charts over time show, against counts made another way: by pencil, reference by reference, or from the machine."""

import random

import numpy as np
import pytest
from widgets.scenes import PAGE, swapping

from vmlab import Advice, Costs, Machine, Map, gate, views
from vmlab.core import events, recent
from vmlab.core.state import NONE
from vmlab.views import Axis

SECOND = 10**9
EVERY = {
    "faults": views.faults_over_time,
    "swap": views.swap_over_time,
    "free": views.free_over_time,
    "resident": views.resident_over_time,
    "working sets": views.working_sets_over_time,
    "hits": views.hits_over_time,
    "dirty": views.dirty_over_time,
    "pressure": views.pressure_over_time,
}


def at(d: views.Series, name: str, time: float) -> float:
    """The value of a step function at a time."""
    return float(d.values[name][np.searchsorted(d.time, time, "right") - 1])


def two_programs(n: int = 3000, seed: int = 1):
    """A machine of 32 frames, and references of two programs in turns: (machine, rows, [(row, page)...])."""
    m = Machine(frames=32, swap=256 * PAGE)
    rng = random.Random(seed)
    programs = [m.spawn("a"), m.spawn("b")]
    areas = [p.mmap(60 * PAGE) for p in programs]
    string = []
    while len(string) < n:
        k = rng.randrange(2)
        base, reach, length = rng.randrange(40), rng.choice([3, 8, 20]), rng.choice([1, 7, 200])
        some = [base + rng.randrange(reach) for _ in range(length)]
        if length == 1:
            programs[k].load(areas[k].addr + some[0] * PAGE)
        else:
            programs[k].access(np.array(areas[k].pages)[some], rng.random() < 0.5)
        string += [(programs[k].row, page) for page in some]
    return m, programs, string


def test_a_working_set_by_pencil():
    """Denning's example, in the window of 8 references: 1 2 3 1 2 3 4 4 4 4 4 4 4 4."""
    m = Machine(frames=8, swap=0)
    p = m.spawn("p")
    area = p.mmap(4 * PAGE)
    assert views.working_set_windows(m.state) == [4, 16, 64]
    pages = [1, 2, 3, 1, 2, 3, 4, 4, 4, 4, 4]
    sizes = [1, 2, 3, 3, 3, 3, 4, 3, 2, 1, 1]  # the distinct ones among the last four
    for page in pages:
        p.load(area.addr + (page - 1) * PAGE)
        assert views.working_set_sizes(m.state, 4)["A"] == sizes[int(m.state.machine["now"][0]) - 1]
    d = views.working_sets_over_time(m.state, window=4)
    # a hit is no event and no miss: the call that made it is a sample where it is due, which at first is always
    assert [at(d, "A", t) for t in range(1, 12)] == sizes
    assert d.window == 4


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_working_sets_are_the_distinct_pages_of_the_last_references(seed):
    m, programs, string = two_programs(seed=seed)
    s = m.state
    n = int(s.machine["nsample"][0])
    longest = len(s.recent)
    assert longest == 256
    for i in range(n):
        now = int(s.samples["now"][i])
        for k, window in enumerate(recent.windows(longest)):
            last = set(string[max(0, now - window) : now])
            for p in programs:
                counted = int(s.sample_wss[i, k * 8 + p.row])
                assert counted == sum(row == p.row for row, _ in last), (i, now, window)
    assert not s.marked.any()
    for letter, p in zip("AB", programs, strict=True):
        d = views.working_sets_over_time(s, window=64)
        assert d.values[letter][-1] == len({page for row, page in string[-64:] if row == p.row})


def test_evicted_pages_are_in_the_working_set():
    m = Machine(frames=4, swap=64 * PAGE)
    p = m.spawn("p")
    p.access(list(p.mmap(20 * PAGE).pages), True)
    assert views.working_set_sizes(m.state, 64)["A"] == 20 and p.status().rows["VmRSS"] <= 4 * 4


def test_who_comes_into_a_row_does_not_inherit_the_working_set():
    m = Machine(frames=8, swap=0)
    p = m.spawn("p")
    p.mmap(4 * PAGE).touch(True)
    p.exit(0)
    q = m.spawn("q")
    q.mmap(PAGE).touch(True)
    assert views.working_set_sizes(m.state, 64) == {views.letter(m.state, q.row): 1}


def test_a_window_that_is_not_counted_is_refused_in_words():
    with pytest.raises(ValueError, match="window=7: this machine counts working sets over 8, 32, 128 references"):
        views.working_sets_over_time(Machine(frames=16).state, window=7)


def test_samples_pay_for_what_they_count():
    """A machine of many frames does not count them at each miss: a sample that cannot pay says so, and the chart holds on."""
    m = Machine(frames=1 << 14, swap=0, contents=False)
    p = m.spawn("p")
    area = p.mmap((1 << 14) * PAGE)
    p.access(np.array(area.pages[:4000]), True)
    s = m.state
    n, looked = int(s.machine["nsample"][0]), int(s.machine["looked"][0])
    earned = events.FREE + (int(s.machine["now"][0]) >> 3) + (int(s.machine["step"][0]) << 11)
    assert looked <= earned
    counted = s.samples["dirty"][:n] != NONE
    assert 60 < counted.sum() < 180
    assert (np.diff(s.samples["now"][:n][counted]) < 400).all()  # spread over the run
    d = views.dirty_over_time(s)
    known = dict(zip(s.samples["now"][:n][counted].tolist(), s.samples["dirty"][:n][counted].tolist()))
    last = max(known)
    assert at(d, "anonymous", last) == known[last] == last  # each reference was a store to a page of its own
    assert d.values["anonymous"][-1] == 4000 and at(d, "anonymous", 3999) == known[last]


def test_dirty_pages_are_those_that_the_frames_say():
    m = Machine(frames=16, swap=64 * PAGE)
    f = m.create("f", 8 * PAGE)
    p = m.spawn("p")
    text = p.mmap(8 * PAGE, file=f, flags=Map.SHARED)
    heap = p.mmap(6 * PAGE)
    steps = []  # (references so far, dirty of files, dirty anonymous)
    text[0], text[PAGE], text[2 * PAGE] = 1, 1, 1
    steps.append((3, 3, 0))
    heap.touch(True)
    text.flush(0, PAGE)
    steps.append((9, 2, 6))
    p.load(heap.addr)
    steps.append((10, 2, 6))
    p.madvise(heap.addr, 2 * PAGE, Advice.DONTNEED)  # no event: the next sample tells
    p.load(heap.addr + 2 * PAGE)
    steps.append((11, 2, 4))
    d = views.dirty_over_time(m.state)
    for time, files, anonymous in steps:
        assert (at(d, "files", time), at(d, "anonymous", time)) == (files, anonymous), time
    frames = views.frames(m.state)
    assert int(frames.dirty.sum()) == 6
    assert m.meminfo().rows["Dirty"] == 2 * PAGE // 1024


def lru_hits(string: list[tuple[int, int]], entries: int, ways: int) -> list[bool]:
    """Hits of a TLB as a list of lists: set-associative, the way unused for longest goes."""
    sets: list[list] = [[] for _ in range(entries // ways)]
    made = []
    for row, page in string:
        one = sets[page % len(sets)]
        made.append((row, page) in one)
        if made[-1]:
            one.remove((row, page))
        elif len(one) == ways:
            one.pop(0)
        one.append((row, page))
    return made


def test_the_hit_rate_is_that_of_a_tlb_made_of_lists():
    m = Machine(frames=64, swap=0, tlb=(8, 4))
    p = m.spawn("p")
    area = p.mmap(32 * PAGE)
    first = area.addr // PAGE
    rng = random.Random(7)
    pages = (
        [rng.randrange(4) for _ in range(60)]
        + [k % 32 for k in range(64)]
        + [5] * 100
        + [rng.randrange(12) for _ in range(80)]
    )
    p.access([area.addr + k * PAGE for k in pages], False)
    hit = lru_hits([(0, first + k) for k in pages], 8, 4)
    d = views.hits_over_time(m.state)
    w = int(d.window)
    assert w == 16 and hit.count(False) == m.state.stat["tlb_misses"][0]
    for t in range(1, len(pages) + 1):
        last = hit[max(0, t - w) : t]
        share = 100 * sum(last) / len(last)
        if t in d.time:
            assert at(d, "hits", t) == pytest.approx(share), t
    # a hundred hits in a row: no sample between them, and yet the chart does not say "misses" until the next one
    assert at(d, "hits", 60 + 64 + w + 1) == 100 and at(d, "hits", 60 + 64) == 0


def test_faults_leave_the_window_where_nothing_happens():
    m = Machine(frames=64, swap=0)
    p = m.spawn("p")
    area = p.mmap(20 * PAGE)
    p.access([*area.pages, *([area.addr] * 480)], True)
    d = views.faults_over_time(m.state)
    assert d.window == 32
    assert [at(d, "minor", t) for t in (20, 32, 33, 40, 51, 52, 500)] == [20, 20, 19, 12, 1, 0, 0]


def test_pressure_is_the_share_of_the_time_that_was_waited():
    """Only reading takes time: a page from swap is a second of waiting, a page of a file a second of none."""
    m = Machine(frames=64, swap=64 * PAGE, costs=Costs(tlb=0, walk=0, fault=0, copy=0, read=SECOND, write=0))
    p = m.spawn("p")
    heap, text = p.mmap(4 * PAGE), p.mmap(12 * PAGE, file=m.create("f", 12 * PAGE))
    heap.touch(True)  # 4 references that cost nothing
    p.madvise(heap, advice=Advice.PAGEOUT)
    heap.touch()  # 4 that wait a second each
    text.touch()  # 12 that take a second each and are no wait
    d = views.pressure_over_time(m.state)
    assert d.window == 8
    # at 10: references 3..10 are four waits, and two reads of the file; at 16 the last waits have left the window
    assert [at(d, "some", t) for t in (4, 5, 8, 10, 16, 20)] == pytest.approx([0, 100, 100, 100 * 4 / 6, 0, 0])
    assert d.values["full"] == pytest.approx(d.values["some"])
    assert m.clock_ns == 16 * SECOND


@pytest.mark.parametrize("name", EVERY)
def test_the_axes_are_three_ways_to_look_at_one_line(name):
    m = swapping().machine
    kinds = {axis: EVERY[name](m.state, axis) for axis in Axis}
    ends = {
        Axis.REFERENCES: int(m.state.machine["now"][0]),
        Axis.EVENTS: int(m.state.machine["nevent"][0]),
        Axis.TIME: m.clock_ns,
    }
    for axis, d in kinds.items():
        assert d.now == d.time[-1] == ends[axis] and d.time[0] == 0
        assert (np.diff(d.time) >= 0).all()
        for line, v in d.values.items():
            assert np.array_equal(v, kinds[Axis.REFERENCES].values[line]) and v.dtype == np.float64 == d.time.dtype


def test_simulated_time_of_each_sample_is_the_clock_then():
    m = Machine(frames=8, swap=64 * PAGE)
    p = m.spawn("p")
    area = p.mmap(20 * PAGE)
    clock = {}
    for k in [0, 1, 2, 3, 0, 1, 9, 10, 11, 12, 13, 0, 1, 2]:
        p.store(area.addr + k * PAGE, b"x")
        clock[int(m.state.machine["now"][0])] = m.clock_ns
    samples = m.samples
    for now, ns in clock.items():
        assert samples["ns"][samples["now"] == now][-1] == ns
    bulk = Machine(frames=8, swap=64 * PAGE)
    q = bulk.spawn("p")
    other = q.mmap(20 * PAGE)
    q.access([other.addr + k * PAGE for k in [0, 1, 2, 3, 0, 1, 9, 10, 11, 12, 13, 0, 1, 2]], True)
    for row in bulk.samples[bulk.samples["now"] > 0]:
        assert row["ns"] == clock[int(row["now"])]


def test_a_long_run_has_lines_to_its_end():
    m = Machine(frames=64, swap=400 * PAGE, contents=False)
    p = m.spawn("p")
    area = p.mmap(300 * PAGE)
    rng = np.random.default_rng(3)
    p.access(np.array(area.pages)[rng.integers(0, 300, 400_000)], True)
    for view in EVERY.values():
        d = view(m.state)
        assert 300 < len(d.time) <= 2000 and d.now == 400_000
    sets = views.working_sets_over_time(m.state, window=512)
    assert len(np.unique(sets.values["A"])) > 10  # it was counted until the end, and moves


def test_a_working_set_shrinks_while_every_reference_hits():
    """A phase of 20 pages, then a loop of two: no miss says that the other pages are not used any more."""
    m = Machine(frames=64, swap=0, contents=False)
    p = m.spawn("p")
    area = p.mmap(20 * PAGE)
    p.access([*area.pages, *([area.addr, area.addr + PAGE] * 1000)], True)
    assert m.state.stat["tlb_misses"][0] == 20
    sizes = views.working_sets_over_time(m.state, window=128)
    assert [at(sizes, "A", t) for t in (20, 100, 128 + 20 + 128, 1500, 2020)] == [20, 20, 2, 2, 2]
    assert np.diff(m.samples["now"]).max() == 32


def test_chunks_leave_no_trace_in_the_samples(monkeypatch):
    ways = []
    for chunk in (1 << 20, 137):
        monkeypatch.setattr(gate, "FIRST_CHUNK", chunk)
        monkeypatch.setattr(gate, "CHUNK_SECONDS", 0)
        m = Machine(frames=32, swap=256 * PAGE)
        p = m.spawn("p")
        area = p.mmap(80 * PAGE)
        rng = np.random.default_rng(5)
        m.queue((np.array(area.pages)[rng.integers(0, 80, 5000)], True), p)
        ways.append((len(list(m.run_chunks())), m.digest()))
    assert ways[0][0] < 5 and ways[1][0] > 30 and ways[0][1] == ways[1][1]
