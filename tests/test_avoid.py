"""Could this fault have been avoided? Answers that pencil and paper give too."""

import numpy as np
import pytest

from vmlab import KiB, Machine
from vmlab.views import avoid, could_avoid

PAGE = 4 * KiB


def after(string: str, frames: int, policy: str = "fifo", bulk: bool = False):
    """The answer for the last page of a reference string, on a machine that has just made it."""
    pages = [int(c) for c in string.split()]
    m = Machine(frames=frames, policy=policy, swap=64 * PAGE, seed=0)
    p = m.spawn("p")
    area = p.mmap(8 * PAGE)
    if bulk:
        p.access(area.addr + PAGE * np.array(pages), True)
    else:
        for page in pages:
            area[page * PAGE] = 1
    was = m.digest()
    found = could_avoid(p, area.addr + pages[-1] * PAGE)
    assert m.digest() == was
    return found


@pytest.mark.parametrize("bulk", [False, True], ids=["single", "bulk"])
def test_one_frame_more(bulk):
    """0 goes for 3; with a fourth frame nobody goes. No policy helps: 0 is the oldest in every sense."""
    found = after("0 1 2 3 0", 3, bulk=bulk)
    assert found.sentence == "Yes, with 1 frame more: 4 faults up to then, not 5."
    assert {t.knob for t in found.trials if t.came != avoid.NOTHING} >= {"policy lru", "policy clock"}
    hint = found.trials[0]
    assert (hint.knob, hint.came, hint.faults) == ("MADV_WILLNEED just before", avoid.MINOR, 5)


@pytest.mark.parametrize("bulk", [False, True], ids=["single", "bulk"])
def test_another_policy(bulk):
    """FIFO sends 0 away for 3 although it was just used; LRU sends 1."""
    found = after("0 1 2 0 3 0", 3, bulk=bulk)
    assert found.cheapest.knob == "policy lru"
    assert (found.cheapest.faults, found.faults) == (4, 5)
    assert not any("frame" in t.knob for t in found.trials)  # what is cheaper was found first


def test_another_policy_than_the_one_that_was_chosen_on_the_way():
    """The machine was built with LRU and has become FIFO: LRU is tried, from the start to the end."""
    m = Machine(frames=3, policy="lru", swap=64 * PAGE, seed=0)
    m.policy = "fifo"
    p = m.spawn("p")
    area = p.mmap(8 * PAGE)
    for page in (0, 1, 2, 0, 3, 0):
        area[page * PAGE] = 1
    found = could_avoid(p, area)
    assert found.cheapest is not None and found.cheapest.knob == "policy lru"
    assert "policy fifo" not in {t.knob for t in found.trials}


def test_a_past_too_long_to_run_again_is_not(monkeypatch):
    monkeypatch.setattr(avoid, "MOST_REFERENCES", 4)
    found = after("0 1 2 3 0", 3)
    assert found.sentence == "It cannot be tried: 5 references led here, and at most 4 are run again."


@pytest.mark.parametrize(("pages", "frames", "more"), [(5, 3, 2), (6, 3, 3), (7, 2, 5), (8, 3, 5)])
def test_the_fewest_frames(pages, frames, more):
    """A loop of k pages stays in memory with k frames, and not with one less."""
    found = after(" ".join(map(str, [*range(pages), 0])), frames, "lru")
    assert found.cheapest.knob == f"{more} frames more"
    assert found.cheapest.faults == pages


def test_a_first_touch_is_spared_by_populating():
    """Linux counts the 8 faults of populating too."""
    found = after("5", 64)
    assert found.cheapest == found.trials[0]
    assert (found.cheapest.knob, found.cheapest.faults, found.faults) == ("MAP_POPULATE when it was mapped", 8, 1)
    assert not any("more" in t.knob or "policy" in t.knob for t in found.trials)  # no memory and no policy brings it
    assert {t.came for t in found.trials[1:]} == {avoid.SAME}  # nor a larger page: nothing else in it was touched


def test_memory_spares_no_copy():
    """After fork the first store copies, however many frames there are: neither they nor a policy are tried. Nor do larger
    pages spare the only store; the last size tried leaves two frames, which a copy needs.
    """
    m = Machine(frames=16)
    p = m.spawn("p")
    area = p.mmap(PAGE)
    area[0] = 1
    child = p.fork()
    child.at(area)[0] = 2
    found = could_avoid(child, area)
    assert found.fault.startswith("Step 5: ") and "copied" in found.fault
    assert found.sentence == (
        "Not by any of: MAP_POPULATE when it was mapped, pages of 8 KiB (8 frames), pages of 16 KiB (4 frames), "
        "pages of 32 KiB (2 frames)."
    )


def test_a_larger_page_spares_the_second_copy():
    """Two pages of 4 KiB are one of 8: the store to the first has copied both. 2 touches and 2 copies become 1 and 1."""
    m = Machine(frames=16)
    p = m.spawn("p")
    area = p.mmap(2 * PAGE)
    area[0] = area[PAGE] = 1
    child = p.fork()
    child.at(area)[0] = 2
    child.at(area)[PAGE] = 2
    found = could_avoid(child, area.addr + PAGE)
    assert found.sentence == "Yes, with pages of 8 KiB (8 frames): 2 faults up to then, not 4."


def test_a_larger_page_is_not_tried_where_the_program_would_be_another():
    """It unmaps one page of a pair, which with pages of 8 KiB it could not."""
    m = Machine(frames=16)
    p = m.spawn("p")
    area = p.mmap(4 * PAGE)
    p.munmap(area.addr + PAGE, PAGE)
    p.store(area.addr, b"x")
    assert [t.knob for t in could_avoid(p, area.addr).trials] == ["MAP_POPULATE when it was mapped"]


def test_a_read_from_a_file_is_foreseen_by_a_hint(tmp_path):
    """The past runs again on copies: the file of the host, which it has written to, stays as it is."""
    path = tmp_path / "f"
    path.write_bytes(b"old" * PAGE)
    m = Machine(frames=8)
    p = m.spawn("p")
    with m.open(path, "r+") as f:
        area = p.mmap(3 * PAGE, file=f)
        area[0:3] = b"new"
        area.flush()
        assert area[2 * PAGE : 2 * PAGE + 1] == (b"old" * PAGE)[2 * PAGE : 2 * PAGE + 1]
        stood = path.read_bytes(), path.stat().st_mtime_ns
        found = could_avoid(p, area.addr + 2 * PAGE)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == stood
    # willneed, populate; page 2 has a page of 8 KiB for itself, and shares one of 16 KiB with page 0
    assert [t.came for t in found.trials] == [avoid.MINOR, avoid.NOTHING, avoid.SAME, avoid.NOTHING]
    assert found.sentence.startswith("Yes, with MAP_POPULATE")


def test_what_cannot_be_tried_says_why():
    m = Machine(frames=4)
    p = m.spawn("p")
    area = p.mmap(4 * PAGE)
    assert could_avoid(p, area).sentence == "There is no fault to avoid."
    area[0] = 1
    branch = m.branch()
    assert could_avoid(branch.process(p), area.addr).sentence == (
        "It cannot be tried: this machine is a branch, or was loaded; its past does not reach back to where it was built."
    )
    bare = Machine(frames=4, history=None)
    q = bare.spawn("q")
    own = q.mmap(PAGE)
    own[0] = 1
    found = could_avoid(q, own)
    assert found.sentence == "It cannot be tried: the record does not reach back to the start of the machine."


def test_a_file_that_has_changed_since(tmp_path):
    """Run again, the mapping is past the end of the file: the answer is not about another past."""
    path = tmp_path / "f"
    path.write_bytes(bytes(3 * PAGE))
    m = Machine(frames=8)
    p = m.spawn("p")
    area = p.mmap(3 * PAGE, file=m.open(path))
    assert area[2 * PAGE] == 0
    path.write_bytes(b"")
    found = could_avoid(p, area.addr + 2 * PAGE)
    assert found.sentence == "It cannot be tried: run again, the fault does not come (a file has changed)."


def test_it_stops_when_it_takes_too_long(monkeypatch):
    monkeypatch.setattr(avoid, "SECONDS", 0.0)
    found = after("0 1 2 3 0", 3)
    assert (found.trials, found.sentence) == ((), "The rest would take too long.")


def test_repr_is_a_table():
    lines = repr(after("0 1 2 3 0", 3)).splitlines()
    assert lines[0].startswith("Step 7: page 0 of A p's anonymous came back from swap slot")
    assert lines[1].startswith("Yes, with 1 frame more")
    assert lines[-1].split()[:4] == ["as", "it", "was", "comes"]
    assert all("faults" in line and line.endswith("ns") for line in lines[2:])
