"""Linux's active and inactive lists, worked by hand from the rules of mm/vmscan.c, mm/swap.c and mm/workingset.c."""

import pytest

from vmlab import Machine, Map
from vmlab.core.state import SHADOW
from vmlab.kernel.madvise import Advice

PAGE = 4096
READ, WRITE, EXEC = 1, 2, 4


class Lab:
    """A machine, and a file whose pages a process maps."""

    def __init__(self, frames, npages=64, prot=READ, **kwargs):
        self.m = Machine(frames=frames, swap=kwargs.pop("swap", 64 * PAGE), policy="linux", **kwargs)
        self.p = self.m.spawn("p")
        self.f = self.m.create("f", npages * PAGE)
        self.text = self.p.mmap(npages * PAGE, file=self.f, prot=prot, flags=Map.SHARED)

    def touch(self, *pages):
        for k in pages:
            self.p.access([self.text.addr + k * PAGE])

    def here(self):
        return [k for k, there in enumerate(self.text.mincore()) if there]

    def count(self, *names):
        rows = self.m.vmstat().rows
        return tuple(rows[name] for name in names)

    def lists(self):
        """(inactive, active) pages of files."""
        return self.count("nr_inactive_file", "nr_active_file")


def shadows(m):
    return int((m.state.pages & SHADOW != 0).sum())


def test_the_first_use_spares_a_page_and_the_second_activates_it():
    lab = Lab(4)
    lab.touch(0, 1, 2, 3)
    assert lab.lists() == (4, 0)
    lab.touch(4)  # each of the four was used once, by its own fault: a second turn; then the oldest is not in use
    assert (lab.here(), lab.lists(), lab.count("pgactivate")) == ([1, 2, 3, 4], (4, 0), (0,))
    lab.touch(1, 5)  # 1 was used again
    assert (lab.here(), lab.lists(), lab.count("pgactivate")) == ([1, 3, 4, 5], (3, 1), (1,))


def test_a_dirty_page_that_was_used_once_goes_later():
    lab = Lab(4, prot=READ | WRITE)
    lab.p.store(lab.text.addr, b"dirty")
    lab.touch(1, 2, 3, 4)  # all had one use; on their second turn 0 is dirty, so 1 goes
    assert lab.here() == [0, 2, 3, 4]
    lab.touch(5, 6)  # 2, then 3: 0 has gone to the young end
    assert lab.here() == [0, 4, 5, 6]


def test_a_page_that_comes_back_soon_is_active_at_once():
    lab = Lab(6)
    lab.touch(0, 1, 2, 3, 4, 5, 6)  # a second turn for all, then 0 goes at age 0
    lab.touch(1, 2, 7)  # 1 and 2 are activated, ages 1 and 2; 3 goes at age 3
    assert (lab.here(), lab.lists()) == ([1, 2, 4, 5, 6, 7], (4, 2))
    names = (
        "workingset_refault_file",
        "workingset_activate_file",
        "workingset_restore_file",
        "workingset_refault_anon",
    )
    assert lab.count(*names) == (0, 0, 0, 0)
    lab.touch(3)  # for it 4 goes at age 4; at age 5 the distance of 3 is 5 - 3 = 2, and 2 pages are active
    assert (lab.here(), lab.lists(), lab.count(*names)) == ([1, 2, 3, 5, 6, 7], (3, 3), (1, 1, 0, 0))
    lab.touch(0)  # that was thrashing: 1 is deactivated; 5 goes at age 6; 7 - 0 is more than the 2 that are active now
    assert (lab.here(), lab.lists(), lab.count(*names)) == ([0, 1, 2, 3, 6, 7], (4, 2), (2, 1, 0, 0))
    lab.touch(8)  # 6 and 7 had one use: a second turn; 1 had been active and goes at age 7
    assert lab.here() == [0, 2, 3, 6, 7, 8]
    lab.touch(1)  # 0 had one use; 6 goes at age 8; 9 - 7 = 2: 1 is active again, as it had been
    assert (lab.here(), lab.lists(), lab.count(*names)) == ([0, 1, 2, 3, 7, 8], (3, 3), (3, 2, 1, 0))
    lab.touch(6)  # thrashing: 2 is deactivated; 7 goes at age 10, for the return of 1 counts too; 11 - 8 is more than 2
    assert (lab.here(), lab.lists(), lab.count(*names)) == ([0, 1, 2, 3, 6, 8], (4, 2), (4, 2, 1, 0))
    assert lab.m.check() == []


def test_activations_count_in_the_distance():
    lab = Lab(8)
    lab.touch(*range(9))  # 0 goes at age 0
    lab.touch(1, 2, 3, 9)  # three are activated, ages 1 to 3; 4 goes at age 4
    lab.touch(0)  # 5 goes at age 5: 6 - 0 is more than the 3 that are active
    assert (lab.lists(), lab.count("workingset_refault_file", "workingset_activate_file")) == ((5, 3), (1, 0))


def test_anonymous_pages_keep_their_shadow_beside_the_slot():
    """The same, in swap; each page that goes is written, whatever it holds."""
    lab = Lab(6)
    heap = lab.p.mmap(16 * PAGE)
    for k in (0, 1, 2, 3, 4, 5, 6, 1, 2, 7, 3):
        lab.p.access([heap.addr + k * PAGE], True)
    assert lab.p.pagemap(heap).present.nonzero()[0].tolist() == [1, 2, 3, 5, 6, 7]
    assert lab.count("nr_inactive_anon", "nr_active_anon", "workingset_refault_anon", "workingset_activate_anon") == (
        3,
        3,
        1,
        1,
    )
    assert (shadows(lab.m), lab.m.check()) == (0, [])


def test_a_stream_does_not_push_out_what_is_used():
    """The purpose of it all: 48 pages read once pass by 4 that were read twice. LRU drops those."""

    def kept(policy):
        m = Machine(frames=16, policy=policy)
        hot, stream = m.create("hot", 4 * PAGE), m.create("stream", 48 * PAGE)
        for k in (0, 1, 2, 3, 0, 1, 2, 3):
            hot.pread(1, k * PAGE)
        for k in range(48):
            stream.pread(1, k * PAGE)
        with m.measure() as cost:
            for k in range(4):
                hot.pread(1, k * PAGE)
        return 4 - cost.pgpgin

    assert (kept("linux"), kept("lru"), kept("fifo"), kept("clock")) == (4, 0, 0, 0)


def test_two_users_or_code_count_at_once():
    lab = Lab(4)
    other = lab.m.spawn("other")
    same = other.mmap(PAGE, file=lab.f, prot=READ, flags=Map.SHARED)
    lab.touch(0)
    other.load(same, 1)
    lab.touch(1, 2, 3, 4)
    assert (lab.lists(), lab.here()) == ((3, 1), [0, 2, 3, 4])


def test_code_in_use_gets_another_turn_of_the_active_list():
    lab = Lab(4, prot=READ | EXEC)
    lab.touch(0, 1, 2, 3, 4)  # each is activated at the first look; 0 and 1 come down again, and 0 goes
    assert (lab.here(), lab.lists(), lab.count("pgactivate")) == ([1, 2, 3, 4], (2, 2), (4,))
    lab.touch(1, 2, 4, 5)  # 1 goes up, so one must come down: not 2, which is in use, but 3; and then 3 goes
    assert (lab.here(), lab.lists(), lab.count("pgactivate")) == ([1, 2, 4, 5], (2, 2), (6,))


@pytest.mark.parametrize(("swappiness", "files"), [(0, []), (200, [0, 1])])
def test_swappiness_weighs_the_two_kinds(swappiness, files):
    """2 pages of a file and 14 anonymous ones; 4 must go. (Neither kind has cost anything yet.)"""
    lab = Lab(16, swappiness=swappiness)
    heap = lab.p.mmap(18 * PAGE)
    lab.touch(0, 1)
    for k in range(18):
        lab.p.access([heap.addr + k * PAGE], True)
    assert lab.here() == files
    assert lab.p.pagemap(heap).present.sum() == 16 - len(files)


def test_what_each_kind_has_cost_weighs_too():
    """get_scan_count and lru_note_cost, in figures: 2 pages of a file and 14 anonymous ones, swappiness 100."""
    lab = Lab(16, swappiness=100)
    heap = lab.p.mmap(16 * PAGE)
    lab.touch(0, 1)
    for k in range(15):
        lab.p.access([heap.addr + k * PAGE], True)
    # 14 * 100 to 2 * 100: anonymous pages are due for 7/8 of a victim, so it is one of the file, after two were passed by
    m = lab.m.state.machine[0]
    assert (m.turn, m.cost_file, m.cost_anon, lab.here()) == (65536 * 7 // 8, 2, 0, [1])
    lab.p.access([heap.addr + 15 * PAGE], True)
    # Costs 2 and 0, each raised by their sum and by 1: 5 and 3, all 7. So 15 * (100 * 7 // 3) to 1 * (100 * 7 // 5): an anonymous
    # page is due. Passed by were 15, and a write costs 32; 47 + 2 is more than a quarter of the 16 pages: both fade by half.
    m = lab.m.state.machine[0]
    assert m.turn == 65536 * 7 // 8 + 65536 * 15 * 233 // (15 * 233 + 140) - 65536
    assert (m.cost_file, m.cost_anon, lab.here()) == (1, 23, [1])


def test_many_unused_pages_of_files_go_first():
    """cache_trim_mode: whatever swappiness says."""
    lab = Lab(16, swappiness=200)
    heap = lab.p.mmap(8 * PAGE)
    for k in range(4):
        lab.p.access([heap.addr + k * PAGE], True)
    lab.touch(*range(16))
    assert (lab.p.pagemap(heap).present.sum(), lab.here()) == (4, list(range(4, 16)))


def test_after_a_refault_the_files_are_not_alone_in_it():
    """Many of their pages are unused, but one came back too soon: both kinds are weighed again."""
    lab = Lab(8, swappiness=100)
    heap = lab.p.mmap(2 * PAGE)
    heap.touch(True)
    lab.touch(0, 1, 2, 3, 4, 5, 6, 1, 2, 7, 3)  # as above
    assert (lab.lists(), lab.count("workingset_activate_file"), lab.m.state.machine[0].turn) == ((3, 3), (1,), 0)
    lab.touch(0)
    assert lab.m.state.machine[0].turn + lab.count("pswpout")[0] > 0


def test_a_file_that_thrashes_drives_idle_memory_out():
    """6 pages of a file, over and over, beside 4 anonymous pages that nobody uses: 8 frames. A stream would not."""

    def swapped(pages, rounds):
        lab = Lab(8, swappiness=100)
        heap = lab.p.mmap(4 * PAGE)
        heap.touch(True)
        for _ in range(rounds):
            lab.touch(*pages)
        assert lab.m.check() == []
        return 4 - int(lab.p.pagemap(heap).present.sum())

    assert swapped(range(6), 20) >= 2
    assert swapped(range(60), 1) == 0


def test_without_swap_no_anonymous_page_is_looked_at():
    lab = Lab(8, swap=0)
    heap = lab.p.mmap(6 * PAGE)
    heap.touch(True)
    lab.touch(*range(6))
    assert (lab.p.pagemap(heap).present.sum(), lab.here()) == (6, [4, 5])
    used = [row.Referenced for area, row in zip(lab.p.vmas(), lab.p.smaps().rows) if area.start == heap.addr]
    assert used == [6 * PAGE // 1024]


def test_madvise_cold_deactivates_and_free_joins_the_files():
    lab = Lab(4)
    heap = lab.p.mmap(2 * PAGE)
    heap.touch(True)
    lab.touch(0, 1)
    names = ("nr_inactive_anon", "nr_active_anon", "nr_inactive_file", "nr_active_file")
    for _ in range(2):
        lab.f.pread(1, 0)
    assert lab.count(*names) == (2, 0, 1, 1)
    lab.text.madvise(Advice.COLD)
    assert lab.count(*names) == (2, 0, 2, 0)
    heap.madvise(Advice.FREE)
    assert lab.count(*names) == (0, 0, 4, 0)
    heap[0] = 1  # taken back: it is found to be anonymous again when reclaim looks at it
    lab.touch(2, 3, 4, 5)
    assert lab.count(*names) == (1, 0, 3, 0)
    assert (heap[0], lab.m.check()) == (1, [])


def test_the_last_page_that_may_go_is_found_on_whichever_list():
    """Three anonymous pages are locked, the fourth was given up and then stored to."""
    lab = Lab(4, swappiness=200)
    heap = lab.p.mmap(5 * PAGE)
    lab.p.mlock(heap.addr, 3 * PAGE)
    heap[3 * PAGE] = 1
    lab.p.madvise(heap.addr + 3 * PAGE, PAGE, Advice.FREE)
    heap[3 * PAGE] = 2
    heap[4 * PAGE] = 3
    assert (lab.p.alive, heap[3 * PAGE], heap[4 * PAGE], lab.m.check()) == (True, 2, 3, [])


def test_shadows_go_with_their_pages():
    lab = Lab(4, prot=READ | WRITE)
    lab.touch(*range(12))
    assert shadows(lab.m) == 8
    lab.p.madvise(lab.text.addr, 2 * PAGE, Advice.REMOVE)
    assert shadows(lab.m) == 6
    lab.f.truncate(4 * PAGE)
    assert (shadows(lab.m), lab.m.check()) == (2, [])
    lab.f.truncate(12 * PAGE)
    lab.touch(*range(4, 12))
    assert lab.count("workingset_refault_file") == (0,)
    lab.m.policy = "clock"
    assert (shadows(lab.m), lab.m.check()) == (0, [])


def test_a_shadow_is_nothing_to_a_program():
    lab = Lab(4)
    lab.touch(*range(8))
    assert list(lab.text.mincore()) == [0] * 4 + [1] * 4 + [0] * 56
    assert lab.p.pagemap(lab.text).swapped.sum() == 0
    child = lab.p.fork()
    assert child.load(lab.text.addr, PAGE) == bytes(PAGE)
    assert lab.m.check() == []


def test_one_without_swap_space_left_falls_back_on_what_needs_none():
    lab = Lab(8, swap=4 * PAGE)
    heap = lab.p.mmap(8 * PAGE)
    heap.touch(True)
    lab.touch(0, 1, 2, 3)
    heap.touch()
    assert (lab.p.alive, lab.m.check()) == (True, [])


def test_what_a_program_drops_is_not_remembered():
    """Only reclaim leaves a shadow (mm/vmscan.c, remove_mapping: invalidation does not count as eviction)."""
    lab = Lab(6)
    lab.f.pread(3 * PAGE, 0)
    assert lab.f.evict() == 3
    assert shadows(lab.m) == 0
    lab.touch(0, 1, 2, 3, 4, 5, 6, 7)
    assert shadows(lab.m) == 2  # two had to go
    assert lab.f.evict() == 0  # all are mapped
    assert shadows(lab.m) == 2
