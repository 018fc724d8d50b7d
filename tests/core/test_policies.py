"""Replacement policies: the counts printed in textbooks, and plain-Python textbooks reference by reference."""

from collections import OrderedDict, deque

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from vmlab import Machine, VmlabError
from vmlab.errors import Killed

PAGE = 4096
BELADY = [1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5]  # Belady, Nelson, Shedler: An anomaly ..., CACM 12(6), 1969
SILBERSCHATZ = [7, 0, 1, 2, 0, 3, 0, 4, 2, 3, 0, 3, 2, 1, 2, 0, 1, 7, 0, 1]  # Operating System Concepts, 10.4
STALLINGS = [2, 3, 2, 1, 5, 2, 4, 5, 3, 2, 5, 2]  # Operating Systems, 8.2; he does not count the first three faults
COUNTS = [
    (BELADY, 3, {"fifo": 9, "lru": 10, "clock": 9}),
    (BELADY, 4, {"fifo": 10, "lru": 8, "clock": 10}),
    (SILBERSCHATZ, 3, {"fifo": 15, "lru": 12, "clock": 14}),
    (STALLINGS, 3, {"fifo": 9, "lru": 7, "clock": 8}),
]
strings = st.lists(st.integers(0, 8), min_size=1, max_size=60)
frame_counts = st.integers(2, 7)


class Fifo:
    def __init__(self, n):
        self.n, self.pages = n, deque()

    def fault(self, page, write):
        if page in self.pages:
            return False
        if len(self.pages) == self.n:
            self.pages.popleft()
        self.pages.append(page)
        return True


class Lru:
    def __init__(self, n):
        self.n, self.pages = n, OrderedDict()

    def fault(self, page, write):
        missing = page not in self.pages
        if missing and len(self.pages) == self.n:
            self.pages.popitem(last=False)
        self.pages[page] = True
        self.pages.move_to_end(page)
        return missing


class Lifo(Fifo):
    def fault(self, page, write):
        missing = page not in self.pages
        if missing and len(self.pages) == self.n:
            self.pages.pop()
        if missing:
            self.pages.append(page)
        return missing


class Lfu:
    """Silberschatz, 10.4.6. Of pages used equally often the first that came."""

    def __init__(self, n):
        self.n, self.pages = n, {}  # page: its references; a dict keeps the order of arrival

    def fault(self, page, write):
        missing = page not in self.pages
        if missing and len(self.pages) == self.n:
            del self.pages[min(self.pages, key=self.pages.get)]
        self.pages[page] = self.pages.get(page, 0) + 1
        return missing


class Frames:
    """Policies that look at frames and their bits; `choose` names the frame to empty."""

    def __init__(self, n):
        self.n, self.hand, self.now = n, 0, -1
        self.frames, self.used, self.dirty, self.word = [None] * n, [False] * n, [False] * n, [0] * n

    @property
    def pages(self):
        return [page for page in self.frames if page is not None]

    def fault(self, page, write):
        self.now += 1
        self.before()
        missing = page not in self.frames
        if missing:
            f = self.frames.index(None) if None in self.frames else self.choose()
            self.frames[f], self.dirty[f], self.word[f] = page, False, self.new()
        f = self.frames.index(page)
        self.used[f] = True
        self.dirty[f] |= write
        return missing

    def before(self):
        """What the passing of time does."""

    def new(self):
        """The note on a page that comes in."""
        return 0

    def round(self):
        """The frames once round, from the hand on; the hand is left after the one at which the caller stops."""
        for _ in range(self.n):
            f = self.hand
            self.hand = (self.hand + 1) % self.n
            yield f


class Clock(Frames):
    def choose(self):
        while True:
            for f in self.round():
                if not self.used[f]:
                    return f
                self.used[f] = False


class Nru(Frames):
    """Stallings, 8.2: what the Macintosh did; Silberschatz, 10.4.5.3."""

    def choose(self):
        while True:
            for f in self.round():
                if not self.used[f] and not self.dirty[f]:
                    return f
            for f in self.round():
                if not self.used[f]:
                    return f
                self.used[f] = False


class Draw(Frames):
    """Park and Miller's generator, worked with as they print it: without an intermediate result beyond 31 bits."""

    def __init__(self, n, seed=1):
        super().__init__(n)
        self.seed = seed

    def choose(self):
        q, r = 44488, 3399  # 2**31 - 1 = 48271 * q + r
        high, low = divmod(self.seed, q)
        test = 48271 * low - r * high
        self.seed = test if test > 0 else test + (1 << 31) - 1
        return int(self.seed / (1 << 31) * self.n)


class Aging(Frames):
    """Tanenbaum, Modern Operating Systems, 3.4.7. Registers of 8 bits, a tick every n references."""

    def __init__(self, n):
        super().__init__(n)
        self.came = []  # pages in order of arrival

    def before(self):
        if self.now and self.now % self.n == 0:
            for f in range(self.n):
                if self.frames[f] is None:
                    continue
                self.word[f] = int(f"{int(self.used[f])}{self.word[f]:08b}"[:8], 2)
                self.used[f] = False

    def fault(self, page, write):
        missing = super().fault(page, write)
        if missing:
            self.came.append(page)
        return missing

    def choose(self):
        f = min(range(self.n), key=lambda f: (self.word[f], self.came.index(self.frames[f])))
        self.came.remove(self.frames[f])
        return f


class AgingAtFaults(Frames):
    """Aging with its ticks at the faults, the first of equals by frame: what the Python policy below does."""

    def choose(self):
        self.word = [word >> 1 | used << 7 for word, used in zip(self.word, self.used)]
        self.used = [False] * self.n
        return self.word.index(min(self.word))


class Wsclock(Frames):
    """Carr and Hennessy, SOSP 1981; Tanenbaum, 3.4.9. The window is n references."""

    def new(self):
        return self.now

    def choose(self):
        start, old, young = self.hand, [], []
        for k in range(self.n):
            f = (start + k) % self.n
            if self.used[f]:
                self.used[f], self.word[f] = False, self.now
            if self.now - self.word[f] > self.n:
                old.append(f)
                if not self.dirty[f]:
                    break
            else:
                young.append(f)
        clean = [f for f in old if not self.dirty[f]]
        young.sort(key=lambda f: self.dirty[f])  # stable: the first clean one, else the first
        f = (clean + old + young)[0]
        self.hand = (f + 1) % self.n
        return f


class TwoLists:
    """Linux's active and inactive list of anonymous pages, with refault distance: mm/vmscan.c and the comment that begins
    mm/workingset.c. The oldest page stands first."""

    def __init__(self, n):
        self.n, self.active, self.inactive, self.age, self.thrashes = n, [], [], 0, False
        self.used, self.referenced, self.worked, self.gone = set(), set(), set(), {}

    @property
    def pages(self):
        return self.active + self.inactive

    def fault(self, page, write):
        missing = page not in self.pages
        if missing:
            if len(self.pages) == self.n:
                self.evict()
            soon = page in self.gone and self.age - self.gone[page] <= len(self.active)
            (self.active if soon else self.inactive).append(page)
            self.age += soon
            self.thrashes |= soon
        self.used.add(page)
        return missing

    def deactivate(self):
        page = self.active.pop(0)
        self.used.discard(page)
        self.inactive.append(page)

    def evict(self):
        if self.thrashes and self.active:
            self.deactivate()
        self.thrashes = False
        while True:
            while len(self.inactive) < len(self.active):
                self.deactivate()
            page = self.inactive.pop(0)
            if page not in self.used:
                break
            self.used.remove(page)
            if page in self.referenced:
                self.active.append(page)
                self.age += 1
            else:
                self.referenced.add(page)
                self.inactive.append(page)
        self.referenced.discard(page)
        self.gone[page] = self.age
        self.age += 1


class Generations:
    """Linux's multi-generational LRU, anonymous pages only: Documentation/mm/multigen_lru.rst. In a generation the oldest page
    stands first."""

    def __init__(self, n):
        self.n, self.frames, self.used = n, [], set()
        self.generations = {0: [], 1: [], 2: [], 3: []}

    @property
    def pages(self):
        return [page for page in self.frames if page is not None]

    def fault(self, page, write):
        missing = page not in self.frames
        if missing:
            if len(self.frames) < self.n:
                self.frames.append(page)
            else:
                self.frames[self.frames.index(self.evicted())] = page
            self.generations[max(self.generations)].append(page)
        self.used.add(page)
        return missing

    def evicted(self):
        while True:
            while len(self.generations) > 2:
                oldest = self.generations[min(self.generations)]
                while oldest:
                    page = oldest.pop(0)
                    if page not in self.used:
                        return page
                    self.rejuvenate(page)
                del self.generations[min(self.generations)]
            for page in self.frames:
                if page in self.used:
                    next(g for g in self.generations.values() if page in g).remove(page)
                    self.rejuvenate(page)
            self.generations[max(self.generations) + 1] = []

    def rejuvenate(self, page):
        self.used.remove(page)
        self.generations[max(self.generations)].append(page)


def fifo(candidates):
    return candidates.frame[np.argmin(candidates.loaded)]


def lifo(candidates):
    return int(candidates.frame[np.argmax(candidates.loaded)])


def aging(candidates):
    frame = candidates.frame
    candidates.notes[frame] = candidates.notes[frame] >> 1 | candidates.accessed.astype(np.int64) << 7
    for f in frame:
        candidates.forget_accessed(f)
    return frame[np.argmin(candidates.notes[frame])]


TEXTBOOK = {
    "fifo": Fifo, "lru": Lru, "clock": Clock, "random": Draw, "nru": Nru, "lfu": Lfu, "aging": Aging, "wsclock": Wsclock,
    "linux": TwoLists, "mglru": Generations, fifo: Fifo, lifo: Lifo, aging: AgingAtFaults,
}  # fmt: skip


def test_every_policy_has_its_textbook():
    assert set(Machine.policies) == {policy for policy in TEXTBOOK if isinstance(policy, str)}


def machine(policy, frames, processes=1, **kwargs):
    """A machine, and for each process the addresses of ten pages."""
    m = Machine(frames=frames, swap=64 * PAGE, policy=policy, history=None, seed=1, **kwargs)
    ps = [m.spawn(f"p{k}") for k in range(processes)]
    return m, [(p, list(p.mmap(10 * PAGE).pages)) for p in ps]


def count(policy, string, frames):
    _, [(p, pages)] = machine(policy, frames)
    return p.access([pages[k] for k in string]).faults


@pytest.mark.parametrize("policy", ["fifo", "lru", "clock"])
@pytest.mark.parametrize(
    ("string", "frames", "faults"), COUNTS, ids=["belady-3", "belady-4", "silberschatz", "stallings"]
)
def test_textbook_counts(policy, string, frames, faults):
    assert count(policy, string, frames) == faults[policy]


def test_beladys_anomaly():
    assert count("fifo", BELADY, 4) > count("fifo", BELADY, 3)


@pytest.mark.parametrize("policy", TEXTBOOK, ids=lambda p: p if isinstance(p, str) else f"python-{p.__name__}")
@settings(max_examples=40, deadline=None)
@given(
    string=strings,
    writes=st.integers(0, (1 << 60) - 1),
    frames=frame_counts,
    tlb=st.sampled_from([None, (1, 1), (2, 2), (64, 4)]),
)
def test_each_reference_as_in_the_textbook(policy, string, writes, frames, tlb):
    m, [(p, pages)] = machine(policy, frames, tlb=tlb)
    book = TEXTBOOK[policy](frames)
    for i, k in enumerate(string):
        write = bool(writes >> i & 1)
        assert p.access([pages[k]], write).faults == book.fault(k, write), f"reference {i} of {string}"
        here = p.pagemap(pages[0], 10 * PAGE).present
        assert here.nonzero()[0].tolist() == sorted(book.pages), f"after reference {i} of {string}"
    assert m.check() == []


@pytest.mark.parametrize("policy", Machine.policies)
@settings(max_examples=30, deadline=None)
@given(string=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 4)), max_size=40), frames=frame_counts)
def test_frames_of_all_processes_are_one_pool(policy, string, frames):
    m, processes = machine(policy, frames, 3, cpus=2)
    book = TEXTBOOK[policy](frames)
    for who, k in string:
        p, pages = processes[who]
        assert p.access([pages[k]]).faults == book.fault((who, k), False)
    assert m.check() == []


@pytest.mark.parametrize("policy", Machine.policies)
@settings(max_examples=30, deadline=None)
@given(string=strings, frames=frame_counts)
def test_one_run_is_many_references(policy, string, frames):
    """The bulk loop finds the same faults as one call for each reference."""
    book = TEXTBOOK[policy](frames)
    assert count(policy, string, frames) == sum(book.fault(k, False) for k in string)


@pytest.mark.parametrize("one_by_one", [False, True])
@pytest.mark.parametrize(("ticks", "goes"), [(6, 1), (12, 0)])
def test_aging_tells_what_was_used_up_to_eight_ticks_ago(ticks, goes, one_by_one):
    """Page 0 came first and was used after page 1. With the memory of 8 ticks gone they look alike, and the first goes."""
    _, [(p, pages)] = machine("aging", 3, tick=1)
    string = [pages[k] for k in (0, 1, 0, *[2] * ticks, 3)]
    if one_by_one:
        for page in string:
            p.load(page, 1)
    else:
        p.access(string)
    assert [k for k in (0, 1) if not p.pagemap(pages[k], PAGE).present[0]] == [goes]


def test_wsclock_takes_a_clean_page_outside_the_working_set_before_a_dirty_one():
    """The fault of 3 finds 0, 1 and 2 in use just now and takes 0, which is clean. When 4 is wanted, 1 and 2 were last seen five
    references ago, with a window of 2: both are outside. 1 is the first, and dirty."""
    _, [(p, pages)] = machine("wsclock", 3, window=2)
    for k in (0, 1, 2, 3, 3, 3, 3, 3, 4):
        p.access([pages[k]], k == 1)
    assert p.pagemap(pages[0], 5 * PAGE).present.tolist() == [False, True, False, True, True]


@settings(max_examples=30, deadline=None)
@given(string=strings)
def test_lru_gains_by_frames(string):
    """LRU is a stack algorithm (Mattson et al., IBM Systems Journal 9(2), 1970)."""
    counts = [count("lru", string, frames) for frames in range(2, 11)]
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] == len(set(string))


@pytest.mark.parametrize("frames", [2, 3, 8])
@pytest.mark.parametrize("policy", ["lru", "fifo", "clock"])
def test_a_loop_one_page_too_long_always_faults(policy, frames):
    loop = list(range(frames + 1)) * 5
    assert count(policy, loop, frames) == len(loop)
    assert count(policy, loop, frames + 1) == frames + 1


def broken(candidates):
    raise ZeroDivisionError("my mistake")


@pytest.mark.parametrize("named", [-1, 3, 99, 1.0, "1", None, True, [0]], ids=repr)
def test_nonsense_is_refused_in_words(named):
    """Frame 3 does not exist; True is no number of a frame."""
    m, [(p, pages)] = machine(lambda c: named, 3)
    p.access(pages[:3], True)
    with pytest.raises(VmlabError, match=r"named .*; it must name one of the 3 frames"):
        p.access(pages[3:4])
    usable(m, p, pages)


def test_an_error_in_a_policy_comes_through():
    m, [(p, pages)] = machine(broken, 3)
    p.access(pages[:3], True)
    with pytest.raises(ZeroDivisionError, match="my mistake"):
        p.load(pages[3], 1)
    usable(m, p, pages)


def usable(m, p, pages):
    """The machine is as it was, and goes on under another policy."""
    assert m.check() == []
    assert (p.stat.minflt, p.stat.rss) == (3, 3)
    m.policy = "fifo"
    assert p.access(pages[:4]).faults == 1
    assert m.check() == []


def test_the_source_of_a_copy_is_no_candidate():
    """Copying a page needs a frame; a policy asked for one cannot name the page that is being copied."""
    offered = []

    def watch(candidates):
        offered.append(candidates.frame.tolist())
        return candidates.frame[0]

    m, [(p, pages)] = machine(watch, 2)
    p.store(pages[0], b"parent")
    child = p.fork()
    p.store(pages[1], b"x")
    source = p.translate(pages[0]).frame
    child.store(pages[0], b"child!")
    assert offered == [[1 - source]]
    assert (p.load(pages[0], 6), child.load(pages[0], 6), m.check()) == (b"parent", b"child!", [])


@pytest.mark.parametrize("policy", ["lru", "fifo"])
def test_a_policy_chosen_while_running_knows_the_order_of_arrival(policy):
    m, [(p, pages)] = machine("clock", 3)
    p.access(pages[:3])
    m.policy = policy
    p.access(pages[3:4])
    assert p.pagemap(pages[0], 4 * PAGE).present.tolist() == [False, True, True, True]


@pytest.mark.parametrize("policy", [*Machine.policies, fifo])
def test_locked_pages_stay_and_the_last_free_frame_goes_round(policy):
    m, [(p, pages)] = machine(policy, 4)
    p.mlock(pages[0], 3 * PAGE)
    for k in (*range(3, 10), *range(3, 10)):
        p.store(pages[k], b"x")
    assert p.pagemap(pages[0], 10 * PAGE).present.nonzero()[0].tolist() == [0, 1, 2, 9]
    p.mlock(pages[9], PAGE)
    with pytest.raises((Killed, VmlabError)):  # and no endless search
        p.store(pages[3], b"y")
    assert m.check() == []


@pytest.mark.parametrize("policy", [*Machine.policies, fifo])
def test_without_swap_clean_file_pages_make_room(policy):
    """Linux scans no anonymous pages where there is no swap (mm/vmscan.c, get_scan_count)."""
    m = Machine(frames=4, swap=0, policy=policy)
    p = m.spawn()
    heap, text = p.mmap(2 * PAGE), p.mmap(8 * PAGE, file=m.create("text", 8 * PAGE), flags=2, prot=1)
    heap.touch(True)
    text.touch()
    heap.touch()
    text.touch()
    assert p.alive
