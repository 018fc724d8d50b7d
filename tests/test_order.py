"""The order in which a policy looks at the frames: as pencil and paper have it, and as the next victim shows it."""

import numpy as np
import pytest

from vmlab import KiB, Machine, Map, views
from vmlab.core.policy.number import Policy
from vmlab.views.order import label, places
from vmlab.widgets import FrameMap

PAGE = 4 * KiB


def made(policy: str, string: str, frames: int = 4, **knobs):
    """A machine on which one process has stored into pages 0, 1, ... of its heap; page k came into frame k."""
    m = Machine(frames=frames, policy=policy, swap=32 * PAGE, seed=1, **knobs)
    p = m.spawn("p")
    heap = p.mmap(16 * PAGE, name="heap")
    for page in string.split():
        p.store(heap.addr + int(page) * PAGE, b"x")
    return m, p, heap


def listed(m) -> dict[str, tuple[int, ...]]:
    return {x.name: x.frames for x in views.order(m.state).lists}


@pytest.mark.parametrize(
    ("policy", "order"),
    [("fifo", (0, 1, 2, 3)), ("lru", (1, 3, 0, 2)), ("lfu", (1, 3, 2, 0))],
)
def test_a_queue_begins_with_who_goes_first(policy, order):
    """0 1 2 3 come; then 0, 2, 0, 2 and 0 once before: uses 3 1 3 1 -> LFU 1 and 3 have one, in the order in which they came."""
    m, p, heap = made(policy, "0 1 2 3 0 0 2" if policy == "lfu" else "0 1 2 3 0 2")
    found = views.order(m.state)
    assert found.lists[0].frames == order and found.first == order[:1]
    p.store(heap.addr + 9 * PAGE, b"x")
    assert int(p.pagemap(heap.addr + 9 * PAGE, PAGE).pfn[0]) == order[0]


@pytest.mark.parametrize("policy", ["fifo", "lru", "lfu", "aging"])
def test_the_next_victim_is_the_one_that_is_looked_at_first(policy):
    m, p, heap = made(policy, "0 1 2 3 4 5 6 7", frames=8, tick=3)
    p.mlock(heap.addr + 2 * PAGE, PAGE)
    rng = np.random.default_rng(7)
    for page in rng.integers(0, 16, 200).tolist():
        if p.pagemap(heap.addr + page * PAGE, PAGE).pfn[0] >= 0:
            p.load(heap.addr + page * PAGE, 1)
            continue
        due, tick = views.order(m.state).first, m.state.machine["tick_due"][0] <= m.state.machine["now"][0]
        p.load(heap.addr + page * PAGE, 1)
        if not tick:  # of aging: before this reference every register is shifted
            assert (int(p.pagemap(heap.addr + page * PAGE, PAGE).pfn[0]),) == due
    assert m.state.stat["evictions"][0] > 40


def test_a_locked_frame_is_passed_over():
    m, p, heap = made("fifo", "0 1 2 3")
    p.mlock(heap.addr, PAGE)
    assert listed(m)["first to go"] == (0, 1, 2, 3)
    assert views.order(m.state).first == (1,)
    assert views.frame_sentence(m.state, 0) == "frame 0: A p heap page 0, dirty, locked."


def test_registers_of_aging():
    """A tick each two references: 0 is used in the second and third pair, 1 in the first only, 2 in the second."""
    m, _, _ = made("aging", "0 1 0 2 0 0 0", tick=2)
    assert [label(m.state, f, {}) for f in range(3)] == ["e0", "20", "40"]
    assert views.frame_facts(m.state, 1) == (
        "Anonymous, not accessed, 1 PTE, came at reference 1; AGING: register 00100000."
    )
    assert listed(m)["first to go"] == (1, 2, 0)


def test_classes_of_nru():
    """A fault reads 0 for a victim: all were accessed, so the hand clears them; then 1 is loaded and 2 stored to."""
    m, p, heap = made("nru", "0 1 2 3 4")
    p.load(heap.addr + PAGE, 1)
    found = views.order(m.state)
    assert {x.name: x.frames for x in found.lists} == {
        "unused, clean": (),
        "unused, dirty": (2, 3),
        "used, clean": (),
        "used, dirty": (1, 0),
    }
    assert found.first == () and label(m.state, 2, {}) == "1"
    assert views.frame_facts(m.state, 2).endswith("NRU: class 1, unused, dirty.")


def test_the_working_set_of_wsclock():
    m, p, heap = made("wsclock", "0 1 2 3", window=5)
    p.access(np.full(20, heap.addr), False)
    assert listed(m) == {"has left": (), "working set": (0, 1, 2, 3)}  # accessed bits are set: nobody has looked yet
    p.store(heap.addr + 4 * PAGE, b"x")  # the hand looks
    p.access(np.full(20, heap.addr + 4 * PAGE), False)
    gone = listed(m)["has left"]
    assert set(gone) == {1, 2, 3} and set(listed(m)["working set"]) == {0}


def test_linux_has_two_lists_of_each_kind():
    """All come in as inactive. There are pages of a file, which go first: 4 and 5, just used, get a second turn each; then 4
    is found not in use, and goes."""
    m = Machine(frames=6, policy="linux", swap=32 * PAGE)
    p = m.spawn("p")
    f = m.create("alice.txt", 2 * PAGE, b"x" * PAGE)
    heap = p.mmap(8 * PAGE, name="heap")
    text = p.mmap(2 * PAGE, file=f, flags=Map.SHARED)
    for page in range(4):
        p.store(heap.addr + page * PAGE, b"x")
    text.touch()
    found = views.order(m.state)
    assert [(x.name, x.frames, x.length, x.gives) for x in found.lists] == [
        ("inactive anon", (0, 1, 2, 3), 4, True),
        ("active anon", (), 0, False),
        ("inactive file", (4, 5), 2, True),
        ("active file", (), 0, False),
    ]
    assert found.first == (0, 4) and found.policy == Policy.LINUX
    p.store(heap.addr + 4 * PAGE, b"x")
    assert [label(m.state, k, {}) for k in range(6)] == ["in"] * 5 + ["ref"]
    assert listed(m)["inactive anon"] == (0, 1, 2, 3, 4) and listed(m)["inactive file"] == (5,)
    assert views.frame_facts(m.state, 5).endswith("LINUX: inactive file list, found in use once.")


def test_generations_of_mglru():
    """Nothing goes from the two youngest of a kind: with three generations from 1 on, 1 alone gives."""
    m = Machine(frames=6, policy="mglru", swap=32 * PAGE)
    p = m.spawn("p")
    heap = p.mmap(8 * PAGE, name="heap")
    for page in range(6):
        p.store(heap.addr + page * PAGE, b"x")
    begin = views.order(m.state)
    young = int(m.state.machine["youngest"][0])
    assert [x.frames for x in begin.lists if x.length] == [(0, 1, 2, 3, 4, 5)]
    assert all(label(m.state, f, {}) == str(young) for f in range(6))
    assert [x.gives for x in begin.lists if x.kind == "anon"] == [g <= young - 2 for g in range(young + 1)]
    for page in (6, 7, 0, 6, 1):
        p.store(heap.addr + page * PAGE, b"x")
    told = views.order(m.state)
    assert sum(x.length for x in told.lists) == 6
    assert sorted(f for x in told.lists for f in x.frames) == list(range(6))
    for x in told.lists:
        for f in x.frames:
            assert x.name == f"gen {label(m.state, f, {})} anon"


@pytest.mark.parametrize("policy", Machine(frames=4).policies)
def test_every_frame_that_holds_a_page_is_on_one_list(policy):
    m, _, _ = made(policy, "0 1 2 3 4 5 0 1 6", frames=5)
    found = views.order(m.state)
    if found.lists:
        assert sorted(f for x in found.lists for f in x.frames) == [0, 1, 2, 3, 4]
        assert sum(x.length for x in found.lists) == 5 and found.heading
    else:
        assert policy in ("clock", "random")


def test_of_a_long_list_the_first_are_shown():
    m, _, _ = made("fifo", "0 1 2 3", frames=40)
    m.process("p").mmap(36 * PAGE).touch(True)
    (x,) = views.order(m.state, 8).lists
    assert (x.frames, x.length) == (tuple(range(8)), 40)
    part = FrameMap(m)
    assert part.lists.glyphs[30:] == ["30", "…"] and part.lists.row_labels[0][1] == "first to go 40"


def test_the_frame_map_draws_the_lists():
    """Labels, marks, lists and words; a frame picked in a list is selected in the map too."""
    m, _, _ = made("lru", "0 1 2 3 0 2")
    part = FrameMap(m)
    assert part.facts == "4, 0 free; LRU looks at 1 first"
    assert part.lists.glyphs[:4] == ["1", "3", "0", "2"]
    assert ["next" in c for c in part.grid.classes] == [False, True, False, False]
    assert part.rule.value == "LRU: in the order of last use: the one used longest ago goes first."
    part.lists._handle_custom_msg({"event": "pick", "index": 1}, [])
    assert part.grid.selected == [3] and part.lists.selected == [1]
    assert part.status == (
        "frame 3: A p heap page 3, dirty. Anonymous, accessed, 1 PTE, came at reference 3. "
        "3 references old; for LRU number 2 of 4 to go."
    )
    shown = {}
    for what in part.label.options:
        part.label.value = what
        shown[what] = part.grid.glyphs
    assert shown == {
        "owner": ["A"] * 4,
        "number": ["0", "1", "2", "3"],
        "order": ["3", "1", "4", "2"],
        "age": ["6", "5", "4", "3"],
    }
    m.policy = "clock"
    part.screen.limiter.flush()
    assert part.lists.layout.display == "none" and part.facts.endswith("CLOCK hand at 0")
    assert "<td>A p heap page 1, dirty.</td><td>Anonymous, accessed, 1 PTE, came at reference 1.</td>" in part.to_html()


def test_places_of_a_queue():
    m, _, _ = made("fifo", "2 0 1")
    assert places(m.state) == {0: 1, 1: 2, 2: 3}  # frames fill up from 0
