"""The views agree with the core, and change nothing."""

import numpy as np
import pytest
from widgets.scenes import PAGE, evil, forked, swapping

from vmlab import Advice, Machine, Map, Prot, SegmentationFault, views
from vmlab.core import objects, pagetable
from vmlab.core.state import ASID_SHIFT, FRAME_MASK, NONE, RESIDENT, SHIFT, SWAPPED, P
from vmlab.views import pages, spaces

SCENES = {"forked": lambda: forked().machine, "swapping": lambda: swapping().machine, "evil": evil, "empty": Machine}
VIEWS = {
    "address spaces": views.address_spaces,
    "tlb": views.tlb,
    "frames": views.frames,
    "page cache": views.page_cache,
    "swap": views.swap,
    "faults": views.faults_over_time,
    "swap over time": views.swap_over_time,
    "free": views.free_over_time,
    "resident": views.resident_over_time,
    "log": views.log,
}


def same(a, b) -> bool:
    if isinstance(a, np.ndarray):
        return np.array_equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    return a == b


def arrays(x):
    if isinstance(x, np.ndarray):
        yield x
    elif isinstance(x, dict):
        for y in x.values():
            yield from arrays(y)
    elif isinstance(x, (list, tuple)):
        for y in x:
            yield from arrays(y)


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("name", VIEWS)
def test_a_view_is_pure(scene, name):
    m = SCENES[scene]()
    before = m.digest()
    first = VIEWS[name](m.state)
    again = VIEWS[name](m.state)
    assert m.digest() == before
    assert same(first, again)
    for x, y in zip(arrays(first), arrays(again)):
        assert not np.shares_memory(x, y)
        assert not any(np.shares_memory(x, field) for field in m.state)
        assert x.dtype in (np.float64, np.uint8, np.int64)


@pytest.mark.parametrize("scene", ["forked", "swapping", "evil"])
def test_pages_agree_with_the_core(scene):
    m = SCENES[scene]()
    s, look = m.state, views.look_at(m.state)
    for row in look.living:
        root = int(s.procs["root"][row])
        for area in look.areas[row]:
            for vpn in range(area.first, area.stop):
                assert pages.leaf(look, root, vpn) == pagetable.locate(s, root, vpn)
                p = views.page(look, row, vpn)
                if p.object != NONE:
                    at = objects.locate(s, p.object, p.index)
                    assert pages.word(look, p.object, p.index) == (int(s.pages[at]) if at != NONE else 0)


@pytest.mark.parametrize("scene", ["forked", "swapping", "evil"])
def test_ribbons_agree_with_single_pages(scene):
    m = SCENES[scene]()
    look = views.look_at(m.state)
    v = views.address_spaces(look)
    assert v.npages.max() == 1
    for r in v.ribbons:
        for i, vpn in enumerate(v.vpn.tolist()):
            p = views.page(look, r.row, vpn)
            state = spaces.STATES[r.cells.state[i]] or "nothing"
            assert state == p.state
            if state == "nothing":
                continue
            assert r.cells.number[i] == (p.frame if p.frame != NONE else p.slot)
            marks = r.cells.dirty[i], r.cells.accessed[i], r.cells.locked[i], r.cells.cow[i]
            assert [bool(x) for x in marks] == [p.dirty, p.accessed, p.locked, p.cow]
            if p.state in ("mapped", "swapped"):
                assert r.cells.sharers[i] == p.sharers


def test_buckets_count_what_single_pages_are():
    m = Machine(frames=40, swap=64 * PAGE)
    p = m.spawn()
    area = p.mmap(300 * PAGE, flags=Map.NORESERVE | Map.PRIVATE)
    p.access(np.array(area.pages[10:90]), True)
    fine = views.address_spaces(m.state, columns=1000).ribbons[0].cells
    coarse = views.address_spaces(m.state)
    assert len(coarse.vpn) <= 80 and coarse.npages.max() == 4
    for k, state in enumerate((spaces.MAPPED, spaces.CACHED, spaces.SWAP)):
        total = float((coarse.ribbons[0].cells.shares[:, k] * coarse.npages).sum())
        assert round(total) == int((fine.state == state).sum())
    assert int((fine.state == spaces.MAPPED).sum()) == coarse.ribbons[0].resident == 40


def test_a_huge_mapping_costs_what_it_touches():
    m = Machine(frames=16, swap=0)
    p = m.spawn()
    area = p.mmap(1 << 40, flags=Map.NORESERVE | Map.PRIVATE)
    area[5] = 1
    v = views.address_spaces(m.state)
    assert len(v.vpn) <= 80
    assert float((v.ribbons[0].cells.shares[:, 0] * v.npages).sum()) == pytest.approx(1)


def test_frames_name_their_owners():
    s = forked()
    f = views.frames(s.machine.state)
    mine, shared = (views.page(s.machine.state, s.b.row, s.heap.addr // PAGE + k).frame for k in (0, 1))
    assert tuple(views.frame_letters(s.machine.state, k) for k in (mine, shared)) == ("B", "AB")
    assert f.sharers[shared] == 2
    assert (f.kind == 0).sum() == f.free == 64 - (6 + 2 + 1)


def test_shared_slots_have_both_sleepers():
    m = swapping().machine
    look = views.look_at(m.state)
    w = views.swap(look)
    for slot, obj, index in [(a, o, i) for a, who in w.who.items() for o, i in who]:
        word = pages.word(look, obj, index)
        assert word & SWAPPED and word >> SHIFT == slot
    assert "AB" in w.letters
    assert w.used == int((m.state.slots["refs"] > 0).sum())


def test_the_tlb_view_holds_only_live_translations():
    m = swapping().machine
    s = m.state
    t = views.tlb(s)
    assert len(t.entries) == 64 and t.ways == 4
    for e in t.entries:
        if e.row != NONE:
            pte = int(s.tables[pagetable.locate(s, int(s.procs["root"][e.row]), e.vpn)])
            assert pte & P and (pte >> SHIFT) & FRAME_MASK == e.frame
    assert views.tlb(Machine(tlb=None).state).ways == 0


def test_translation_ends_at_the_byte():
    s = forked()
    t = views.translation(s.machine.state, s.a.row, s.text.addr + 2)
    assert t.around[t.at : t.at + 1] == b"I"
    assert t.physical == t.page.frame * PAGE + 2
    assert [v.index for v in t.levels] == [s.text.addr >> 12 + 9 * k & 511 for k in (3, 2, 1, 0)]
    assert t.levels[-1].entries[1] == (t.levels[-1].index, f"f{t.page.frame}")
    assert {name: on for _, name, on in t.bits}["dirty"]


def test_translation_looks_in_the_tlb_of_the_process_s_own_cpu():
    m = Machine(frames=16, cpus=2)
    first, second = (m.spawn(name).mmap(PAGE) for name in "pq")
    for area in (first, second):
        area.touch()
    for area in (first, second):
        assert views.translation(m.state, area.process.row, area.addr).tlb_hit


def test_translation_predicts_what_happens():
    s = swapping()
    m = s.machine
    predicted = {}
    for area in (s.heap, s.text):
        for addr in area.pages:
            look = views.look_at(m.state)
            t = views.translation(look, s.a.row, addr)
            with m.measure() as cost:
                s.a.load(addr, 1)
            story = views.story(m.state, m.history[m.history.now])
            predicted[t.would] = predicted.get(t.would, 0) + 1
            assert story.tag == t.would
            if cost.pswpout + cost.pgpgout == 0:
                assert cost.ns == sum(ns for _, ns in t.costs)
    assert set(predicted) >= {"MAJOR", "minor"} or set(predicted) >= {"MAJOR", "hit"}


def test_story_of_a_copy():
    s = forked()
    story = views.story(s.machine.state, s.machine.history[s.machine.history.now])
    assert story.tag == "copy"
    assert story.headline.startswith("B spell stored to heap page 0, shared with A: copied frame ")
    assert (story.row, story.vpn) == (s.b.row, s.heap.addr // PAGE)
    assert story.ns > story.walk_ns > 0


def test_a_slot_kept_for_a_page_that_has_changed_is_no_copy():
    m = Machine(frames=8)
    p = m.spawn("p")
    heap = p.mmap(PAGE, name="heap")
    heap.touch(True)
    p.madvise(heap, advice=Advice.PAGEOUT)
    heap.touch()
    frame = int(p.pagemap(heap).pfn[0])
    clean = f"swap slot 0: a copy of frame {frame}; it can go out again without a write."
    assert views.slot_sentence(m.state, 0) == clean
    assert views.frame_sentence(m.state, frame).endswith("; swap slot 0 has a copy.")
    heap.touch(True)
    stale = f"swap slot 0: kept for frame {frame}, whose page has changed since; it goes out again with a write."
    assert views.slot_sentence(m.state, 0) == stale
    assert views.frame_sentence(m.state, frame).endswith(", dirty; swap slot 0 is kept for it.")


def test_story_of_a_first_store_to_a_clean_page():
    """It walks to set the dirty bit, and is no miss."""
    m = Machine(frames=8)
    heap = m.spawn("p").mmap(PAGE, name="heap")
    heap.touch()
    heap.touch(True)
    story = views.story(m.state, m.history[m.history.now])
    assert (story.tag, story.short) == ("walk", "A store heap 0: walk")
    assert story.headline == "A p stored to heap page 0: a TLB hit, and a walk to set the dirty bit."
    assert "clean PTE" in story.second


def test_story_of_a_fault_that_evicts():
    s = swapping()
    s.a.load(s.text.addr + 3 * PAGE, 1)
    m = s.machine
    story = views.story(m.state, m.history[m.history.now], policy="clock")
    assert story.tag == "MAJOR"
    assert story.headline == f"A editor read alice.txt page 3: read from the file into frame {story_frame(story)}."
    assert story.second.startswith("CLOCK: frame ") and " held page " in story.second
    assert story.happened[0].startswith("page 3 of alice.txt read into frame ") and "; frame " in story.happened[0]


def test_a_fault_is_one_happening():
    s = forked()
    before = int(s.machine.state.machine["nevent"][0])
    with s.machine.measure() as cost:
        for addr in s.text.pages:
            s.b.load(addr, 1)
    told = views.log(s.machine.state, 50)
    mine = [h for h in told if h.number >= before]
    assert len(mine) == cost.faults == 7
    assert [h.tag for h in mine].count("MAJOR") == cost.majflt == 6
    assert {(h.row, h.vpn) for h in mine} == {(s.b.row, a // PAGE) for a in s.text.pages if a != s.text.addr + PAGE}


def story_frame(story) -> str:
    return story.headline.rsplit("frame ", 1)[1].rstrip(".")


def as_linux():
    """A machine that does what Linux does, a process on it, and a file of eight pages that is not in memory."""
    m = Machine(frames=32, swap=32 * PAGE, preset="linux")
    file = m.create("alice.txt", 8 * PAGE, b"Alice" * PAGE)
    return m, m.spawn("editor"), file


def test_the_zero_page_is_told_everywhere():
    m, p, _ = as_linux()
    heap = p.mmap(2 * PAGE, name="heap")
    p.load(heap.addr, 1)
    page = views.page(m.state, p.row, heap.addr // PAGE)
    assert page.state == "zero" and page.accessed and not page.dirty
    assert "maps the shared zero page" in pages.sentence(m.state, page)
    t = views.translation(m.state, p.row, heap.addr)
    assert (t.would, t.physical, t.around) == ("hit", 32 * PAGE, bytes(len(t.around)))
    assert len(t.around) > 0
    assert views.select_page(m.state, p.row, heap.addr // PAGE).frame == NONE
    held = next(e for e in views.tlb(m.state).entries if e.row == p.row)
    assert "maps the shared zero page" in views.tlb_sentence(m.state, held)
    assert [h.sentence for h in views.log(m.state)] == [
        "page 0 of A editor's heap read for the first time: the shared zero page, no frame"
    ]


def test_what_one_fault_brings_along_is_one_happening():
    m, p, file = as_linux()
    text = p.mmap(8 * PAGE, file=file, flags=Map.SHARED)
    p.load(text.addr, 1)
    assert [(h.tag, h.sentence) for h in views.log(m.state)] == [
        (
            "MAJOR",
            "page 0 of alice.txt read into frame 0; 7 more read ahead; 7 of its neighbours, in the page cache too, mapped with it",
        )
    ]


def test_the_first_store_to_a_clean_page_is_told_as_such():
    m, p, file = as_linux()
    text = p.mmap(8 * PAGE, file=file, flags=Map.SHARED)
    p.load(text.addr, 1)
    p.store(text.addr, b"x")
    last = views.log(m.state)[-1]
    assert last.tag == "minor"
    assert last.sentence.startswith("page 0 of alice.txt is clean, in frame 0: its first store faults")


def test_a_read_call_reads_ahead_too():
    m, _, file = as_linux()
    file.pread(1)
    assert views.log(m.state)[-1].sentence == "page 0 of alice.txt read into frame 0; 7 more read ahead"


def test_watermarks_stand_beside_the_free_frames():
    plain, marked = Machine(frames=64, swap=64 * PAGE), Machine(frames=64, swap=64 * PAGE, min_free=4)
    assert list(views.free_over_time(plain.state).values) == ["free"]
    lines = views.free_over_time(marked.state).values
    m = marked.state.machine[0]
    assert list(lines) == ["free", "low", "high"]
    assert set(lines["low"]) == {m.low} and set(lines["high"]) == {m.high} and 4 <= m.low < m.high


def test_why_a_page_is_where_it_is():
    s = swapping()
    here = s.heap.addr // PAGE
    slot = views.page(s.machine.state, s.b.row, here + 2).slot
    frames = {e.frame for e in views.log(s.machine.state, 400) if e.tag == "minor" and e.vpn == here + 2}
    told = [c.sentence for c in views.why(s.machine.state, s.a.row, here + 2)]
    assert f"dirty, written to swap slot {slot}" in told[0] and "page 2 of A editor's heap" in told[0]
    assert "touched for the first time" in told[-1] and str(min(frames)) in told[-1]
    steps = [c.step for c in views.why(s.machine.state, s.a.row, here + 1)]
    assert steps == sorted(steps, reverse=True) and steps[0] == s.machine.history.now  # the load that brought it back
    untouched = s.a.mmap(PAGE)
    assert views.why(s.machine.state, s.a.row, untouched.addr // PAGE) == []


def test_the_tree_of_page_tables():
    """Two pages 1 GiB apart share the root and its one entry; each needs a table of level 2 and one of level 1 of its own."""
    m = Machine(frames=16, swap=0)
    p = m.spawn("editor")
    assert views.page_tables(m.state, p.row).tables == []
    for addr in (0x4000_0000_0000, 0x4000_4000_5000):
        p.mmap(4 * PAGE, addr=addr, flags=Map.FIXED | Map.PRIVATE).touch(True)
    seen = views.page_tables(m.state, p.row)
    assert [(t.level, t.index, t.used, t.runs) for t in seen.tables] == [
        (4, NONE, 1, ((128, 129),)),
        (3, 128, 2, ((0, 2),)),
        (2, 0, 1, ((0, 1),)),
        (1, 0, 4, ((0, 4),)),
        (2, 1, 1, ((0, 1),)),
        (1, 0, 4, ((5, 9),)),
    ]
    assert (seen.nbytes, seen.resident) == (6 * PAGE, 8)
    assert len(seen.tables) == m.state.procs["ntables"][p.row]
    assert [t.vpn << 12 for t in seen.tables if t.level == 1] == [0x4000_0000_0000, 0x4000_4000_0000]


def test_the_flushers_turn_is_told():
    m = Machine(frames=8, swap=8 * PAGE, preset="linux")  # a tenth of so little is less than a page
    p = m.spawn("editor")
    f = m.create("alice.txt", 4 * PAGE, b"x" * 4 * PAGE)
    text = p.mmap(f.size, file=f, flags=Map.SHARED)
    p.store(text.addr, b"y")
    flush = views.story(m.state, m.history[m.history.now]).second
    assert (
        flush
        == "Then the flusher: frame 0 held page 0 of alice.txt, dirty, written back to the file, and stays, clean."
    )
    p.access([text.addr, text.addr + PAGE], True)
    assert (
        views.story(m.state, m.history[m.history.now]).second
        == "Then the flusher wrote 2 dirty pages back to their files."
    )


def test_a_stopped_process_is_told_apart():
    s = forked()
    s.b.suspend()
    assert [r.stopped for r in spaces.address_spaces(s.machine.state).ribbons] == [False, True]


def test_story_of_a_signal():
    s = forked()
    with pytest.raises(SegmentationFault):
        s.a.load(0x1000, 1)
    story = views.story(s.machine.state, s.machine.history[s.machine.history.now])
    assert story.tag == "SEGV" and story.alert
    assert story.headline.startswith("A editor read 0x1000: nothing is mapped there")


@pytest.mark.parametrize(
    ("call", "headline"),
    [
        (lambda p, at: p.mlock(at, 2 * PAGE), "A p locked 2 pages at 0x10000 in memory."),
        (
            lambda p, at: p.mlock(at, PAGE, onfault=True),
            "A p locked 1 page at 0x10000 in memory, each page once it is touched.",
        ),
        (lambda p, at: p.munlock(at, PAGE), "A p unlocked 1 page at 0x10000."),
        (lambda p, at: p.mlockall(3), "A p locked all that is mapped and all that will be in memory."),
        (lambda p, at: p.munlockall(), "A p unlocked everything."),
        (lambda p, at: p.rlimit(9, 1 << 20), "RLIMIT_AS of A p is now 1,048,576 bytes."),
        (lambda p, at: p.rlimit(8, (1 << 64) - 1), "RLIMIT_MEMLOCK of A p is now no limit."),
    ],
)
def test_stories_of_locks_and_limits(call, headline):
    m = Machine()
    p = m.spawn("p")
    p.mmap(2 * PAGE, addr=0x10000)
    call(p, 0x10000)
    assert views.story(m.state, m.history[m.history.now]).headline == headline


def test_selection_goes_round():
    s = swapping()
    look = views.look_at(s.machine.state)
    for row in look.living:
        for area in look.areas[row]:
            for vpn in range(area.first, area.stop):
                one = views.select_page(look, row, vpn)
                if one.frame != NONE and views.page(look, row, vpn).state == "mapped":
                    assert views.select_frame(look, one.frame, row)[:2] == one[:2]
                if one.slot != NONE:
                    assert views.select_slot(look, one.slot, row)[:2] == one[:2]
                if one.object != NONE:
                    assert views.select_file(look, one.object, one.index, row)[:2] == one[:2]
                for kin in views.kin(look, one):
                    other = views.select_page(look, *kin)
                    assert (other.frame, other.slot) == (one.frame, one.slot)


def test_series_end_now_and_stay_short():
    m = Machine(frames=8, swap=64 * PAGE)
    p = m.spawn()
    area = p.mmap(32 * PAGE)
    rng = np.random.default_rng(1)
    for _ in range(5):
        p.access(np.array(area.pages)[rng.integers(0, 32, 5000)], True)
    for view in (views.faults_over_time, views.swap_over_time, views.free_over_time, views.resident_over_time):
        d = view(m.state)
        assert d.now == 25_000 and d.time[0] == 0 and (np.diff(d.time) >= 0).all()
        assert len(d.time) <= 1000
        for v in d.values.values():
            assert v.dtype == np.float64 and len(v) == len(d.time)
    assert views.swap_over_time(m.state).values["out"][-1] == m.state.stat["pswpout"][0]
    assert views.faults_over_time(m.state).window == 2048


def test_letters_and_names():
    s = forked()
    look = views.look_at(s.machine.state)
    assert [look.process[r] for r in look.living] == ["A editor", "B spell"]
    assert views.where(look, s.a.row, s.heap.addr // PAGE + 2) == "heap page 2"
    assert views.page_of(look, s.a.row, s.heap.addr // PAGE + 2) == "page 2 of A editor's heap"
    assert views.page_of(look, s.a.row, s.text.addr // PAGE + 1) == "page 1 of alice.txt"
    s.a.mprotect(s.heap.addr + PAGE, PAGE)
    assert views.where(s.machine.state, s.a.row, s.heap.addr // PAGE + 2) == "heap page 2"
    assert len(views.areas(s.machine.state, s.a.row)) == 2


def test_resident_and_tags_are_what_the_kernel_counts():
    m = swapping().machine
    look = views.look_at(m.state)
    rows = look.mapped.tag >> ASID_SHIFT
    for r in look.living:
        assert int((rows == r).sum()) == int(m.state.procs["rss"][r])
        held = pages.words_of(look, int(m.state.procs["private"][r]))[1]
        assert int((held & SWAPPED > 0).sum()) == int(m.state.procs["nswap"][r])
        assert (held & (RESIDENT | SWAPPED) > 0).all()


@pytest.mark.parametrize("bulk", [False, True], ids=["single", "bulk"])
def test_whom_the_kernel_kills_is_told_where_it_happened(bulk):
    """A store of one process, and another one is gone: the step says so, whoever stored."""
    m = Machine(frames=16, swap=0)
    m.spawn("victim").mmap(8 * PAGE).touch(True)
    greedy = m.spawn("greedy")
    greedy.oom_score_adj = -500
    area = greedy.mmap(12 * PAGE)
    area.touch(True) if bulk else [greedy.store(page, b"x") for page in area.pages[:9]]
    assert m.vmstat().rows["oom_kill"] == 1
    h = m.history
    told = views.story(m.state, h[h.last])
    assert told.tag == "OOM" and not told.alert
    assert told.second.startswith("No frame was left: A victim was killed: out of memory (score ")
    assert told.short.endswith(", A killed")
    greedy.store(area.addr, b"y")
    assert views.story(m.state, h[h.last]).tag in ("hit", "walk")


def test_a_heading_ends_where_the_rights_change():
    """mprotect of the middle makes three VMAs, and three stretches on the screen; page numbers go on as before."""
    m = Machine(frames=16, swap=0)
    p = m.spawn("editor")
    heap = p.mmap(8 * PAGE, name="heap")
    assert [(h.npages, h.labels) for h in views.address_spaces(m.state).headings] == [(8, (("A", "heap", "rw-p"),))]
    p.mprotect(heap.addr + 3 * PAGE, 2 * PAGE, Prot.READ)
    told = [(h.npages, h.labels[0][2]) for h in views.address_spaces(m.state).headings]
    assert told == [(3, "rw-p"), (2, "r--p"), (3, "rw-p")]
    assert views.where(views.look_at(m.state), p.row, heap.addr // PAGE + 4) == "heap page 4"
    p.mprotect(heap.addr + 3 * PAGE, 2 * PAGE, Prot.READ | Prot.WRITE)
    assert len(views.address_spaces(m.state).headings) == 1


def test_a_heading_says_where_in_the_file_it_begins():
    """As /proc/pid/maps says, also where the rights change and where the beginning was unmapped."""
    m = Machine(frames=16, swap=0)
    p, file = m.spawn("editor"), m.create("text", 9 * PAGE)
    area = p.mmap(6 * PAGE, file=file, offset=2 * PAGE)
    p.mprotect(area.addr + 3 * PAGE, PAGE, Prot.READ)
    p.mmap(PAGE, file=file)
    told = {h.vpn * PAGE: h.labels[0][1] for h in views.address_spaces(m.state).headings}
    assert {addr: int(said.partition("+")[2] or "0", 16) for addr, said in told.items()} == {
        int(line.split("-")[0], 16): int(line.split()[2], 16) for line in str(p.maps()).splitlines() if "text" in line
    }
    assert sorted(told.values()) == ["text", "text +0x2000", "text +0x5000", "text +0x6000"]
    p.munmap(area.addr, 2 * PAGE)
    labels = {h.vpn * PAGE: h.labels for h in views.address_spaces(m.state).headings}
    assert labels[area.addr + 2 * PAGE] == (("A", "text +0x4000", "rw-p"),)


def test_letters_of_a_heading_stand_in_the_order_of_their_processes():
    """A later process in an earlier row: B before C."""
    m = Machine(frames=16, swap=0)
    first, second = m.spawn("first"), m.spawn("second")
    second.mmap(PAGE, name="same")
    first.exit()
    m.spawn("third").mmap(PAGE, name="same")
    assert [h.labels for h in views.address_spaces(m.state).headings] == [(("BC", "same", "rw-p"),)]
