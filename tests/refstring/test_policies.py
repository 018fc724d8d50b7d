"""Every policy against a plain-Python textbook, reference by reference, and the counts that books print."""

from collections import OrderedDict

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import example, given, settings
from refstring import textbook

from vmlab.refstring import POLICIES, reference_string, replay
from vmlab.refstring.calm import BLOCK
from vmlab.refstring.policy import clock, lru, sieve

BELADY = "1 2 3 4 1 2 5 1 2 3 4 5"  # Belady, Nelson, Shedler, CACM 12(6), 1969
SILBERSCHATZ = "7 0 1 2 0 3 0 4 2 3 0 3 2 1 2 0 1 7 0 1"  # Operating System Concepts, 10.4
STALLINGS = "2 3 2 1 5 2 4 5 3 2 5 2"  # Operating Systems, 8.2; he does not count the first three faults
COUNTS = [
    (BELADY, 3, {"fifo": 9, "lru": 10, "opt": 7}),
    (BELADY, 4, {"fifo": 10, "lru": 8, "opt": 6}),
    (SILBERSCHATZ, 3, {"fifo": 15, "lru": 12, "opt": 9}),
    (STALLINGS, 3, {"fifo": 9, "lru": 7, "opt": 6, "clock": 8}),
]
# name of a case: (policy, options, textbook); an option may be drawn
CASES = {
    "fifo": ("fifo", {}, textbook.Fifo),
    "lru": ("lru", {}, textbook.Lru),
    "clock": ("clock", {}, textbook.Clock),
    "clock, clear": ("clock", {"loaded": st.just("clear")}, textbook.Clock),
    "sieve": ("sieve", {}, textbook.Sieve),
    "opt": ("opt", {}, textbook.Opt),
    "mru": ("mru", {}, textbook.Mru),
    "lfu": ("lfu", {}, textbook.Lfu),
    "lfu, recent": ("lfu", {"ties": st.just("recent")}, textbook.Lfu),
    "random": ("random", {"seed": st.integers(0, 1 << 40)}, textbook.Random),
    "nru": ("nru", {}, textbook.Nru),
    "aging": ("aging", {"tick": st.none() | st.integers(1, 9)}, textbook.Aging),
    "slru": ("slru", {"protected": st.sampled_from([0, 0.3, 0.5, 0.8, 1])}, textbook.Slru),
    "slru, 4": ("slru", {"segments": st.integers(3, 5)}, textbook.S4lru),
    "2q": ("2q", {"kin": st.sampled_from([0, 0.25, 0.6]), "kout": st.sampled_from([0, 0.5, 1])}, textbook.TwoQ),
    "arc": ("arc", {}, textbook.Arc),
    "lirs": (
        "lirs",
        {"hir": st.sampled_from([0.01, 0.3, 0.7]), "stack": st.sampled_from([None, 1, 1.5])},
        textbook.Lirs,
    ),
    "s3-fifo": (
        "s3-fifo",
        {"small": st.sampled_from([0, 0.1, 0.4, 1]), "variant": st.sampled_from(["paper", "libcachesim"])},
        textbook.S3Fifo,
    ),
    "w-tinylfu": (
        "w-tinylfu",
        {
            "window": st.sampled_from([0.01, 0.4, 1]),
            "protected": st.sampled_from([0, 0.8, 1]),
            "sample": st.integers(1, 6),
        },
        textbook.WTinyLfu,
    ),
    "working-set": ("working-set", {"window": st.integers(1, 12)}, textbook.WorkingSet),
    "pff": ("pff", {"interval": st.integers(1, 12)}, textbook.Pff),
}


def strings(most):
    """Random strings, and what policies fear: loops, loops with a page in between, two working sets in turn, repetitions."""
    pages = st.integers(0, most)
    loops = st.builds(
        lambda n, times, hot: [p for k in range(n) for p in (k, hot)] * times, pages, st.integers(2, 5), pages
    )
    phases = st.builds(
        lambda a, b, times: (a * times + b * times) * 2,
        st.lists(pages, min_size=1, max_size=6),
        st.lists(pages, min_size=1, max_size=6),
        st.integers(1, 4),
    )
    runs = st.lists(st.tuples(pages, st.integers(1, 4)), min_size=1).map(lambda r: [p for p, n in r for _ in range(n)])
    plain = st.lists(pages, min_size=1, max_size=60)
    return st.one_of(plain, loops.filter(bool), phases, runs)


def test_every_policy_has_a_textbook():
    assert {policy for policy, _, _ in CASES.values()} == set(POLICIES)


@pytest.mark.parametrize("case", CASES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_each_reference_as_in_the_textbook(case, data):
    policy, drawn, book = CASES[case]
    string = data.draw(strings(14))
    options = {name: data.draw(value) for name, value in drawn.items()}
    sized = {} if policy in ("working-set", "pff") else {"frames": data.draw(st.integers(2, 16))}
    if policy == "opt":
        options["string"] = string
    expected = textbook.faults(book(**sized, **options), string)
    options.pop("string", None)
    result = replay(string, policy, **sized, **options)
    assert result.missed().tolist() == expected
    assert result.faults == sum(expected)


@pytest.mark.parametrize("case", CASES)
def test_long_strings_too(case):
    """Long enough for the heaps, logs, halvings and bitmaps to go through all that they do."""
    policy, _drawn, book = CASES[case]
    rng = np.random.default_rng(2026)
    string = np.concatenate(
        [rng.zipf(1.2, 1500) % 300, np.arange(120), rng.integers(0, 60, 600), np.arange(120)]
    ).tolist()
    options = {"window": 50} if policy == "working-set" else {"interval": 10} if policy == "pff" else {"frames": 70}
    if case in ("clock, clear", "lfu, recent"):
        options |= {"loaded": "clear"} if policy == "clock" else {"ties": "recent"}
    if case == "slru, 4":
        options["segments"] = 4
    expected = textbook.faults(book(**options, **({"string": string} if policy == "opt" else {})), string)
    result = replay(string, policy, **options)
    assert np.flatnonzero(result.missed() != expected).tolist() == []
    assert result.faults == sum(expected)


@pytest.mark.parametrize(
    ("string", "frames", "faults"), COUNTS, ids=["belady-3", "belady-4", "silberschatz", "stallings"]
)
def test_counts_that_books_print(string, frames, faults):
    assert {policy: replay(string, policy, frames=frames).faults for policy in faults} == faults


@pytest.mark.parametrize("policy", [p for p in POLICIES if p not in ("working-set", "pff", "lirs")])
def test_one_frame_leaves_no_choice(policy):
    string = "1 1 2 2 2 1 3 3 1"
    assert replay(string, policy, frames=1).faults == 5


@pytest.mark.parametrize("policy", [p for p in POLICIES if p not in ("working-set", "pff")])
@pytest.mark.parametrize("frames", [5, 6, 1000])
def test_with_a_frame_for_each_page_only_first_uses_fault(policy, frames):
    string = "1 2 3 4 5 " * 4 + "5 4 3 2 1"
    assert replay(string, policy, frames=frames).faults == 5


@pytest.mark.parametrize("policy", [p for p in POLICIES if p not in ("working-set", "pff")])
@settings(max_examples=30, deadline=None)
@given(string=strings(9), frames=st.integers(2, 8))
@example(string=[0, 1, 2, 0, 1, 3, 0, 3, 1, 2, 1], frames=4)
def test_nobody_beats_opt(policy, string, frames):
    assert replay(string, "opt", frames=frames).faults <= replay(string, policy, frames=frames).faults


@settings(max_examples=60, deadline=None)
@given(string=strings(12), window=st.integers(1, 12))
def test_size_of_the_working_set(string, window):
    book = textbook.WorkingSet(window)
    textbook.faults(book, string)
    assert replay(string, "working-set", window=window).space == pytest.approx(sum(book.sizes) / len(string))


@settings(max_examples=60, deadline=None)
@given(string=strings(12), interval=st.integers(1, 12))
def test_size_under_pff(string, interval):
    book = textbook.Pff(interval)
    textbook.faults(book, string)
    assert replay(string, "pff", interval=interval).space == pytest.approx(sum(book.sizes) / len(string))


@settings(max_examples=30, deadline=None)
@given(string=strings(9), frames=st.integers(2, 6))
def test_names_of_pages_change_nothing(string, frames):
    """Pages far apart are renumbered by first touch, and then fault alike."""
    far = [(1 << 63) + page * 0x1234567 for page in string]
    assert reference_string(far).labels is not None
    for policy in ("lru", "sieve", "arc", "opt"):
        assert (
            replay(far, policy, frames=frames).missed().tolist()
            == replay(string, policy, frames=frames).missed().tolist()
        )


class QuickLru:
    """A dictionary in order of use."""

    def __init__(self, frames):
        self.frames, self.order = frames, OrderedDict()

    def fault(self, page):
        missing = page not in self.order
        self.order[page] = None
        self.order.move_to_end(page)
        if len(self.order) > self.frames:
            self.order.popitem(last=False)
        return missing


class QuickClock(textbook.Clock):
    """The textbook's with a dictionary from pages to frames."""

    def __init__(self, frames, loaded="accessed"):
        super().__init__(frames, loaded)
        self.frame = {}

    def fault(self, page):
        if page in self.frame:
            self.bit[self.frame[page]] = True
            return False
        if len(self.frame) < len(self.page):
            f = len(self.frame)
        else:
            while self.bit[self.hand]:
                self.bit[self.hand] = False
                self.hand = (self.hand + 1) % len(self.page)
            f = self.hand
            self.hand = (self.hand + 1) % len(self.page)
            del self.frame[self.page[f]]
        self.frame[page], self.page[f], self.bit[f] = f, page, self.loaded
        return True


class QuickSieve:
    """The textbook's with a page's neighbours in dictionaries: `newer` of the newest, and `older` of the oldest, is None."""

    def __init__(self, frames):
        self.frames, self.visited, self.newer, self.older = frames, {}, {}, {None: None}
        self.newest = self.oldest = self.hand = None

    def fault(self, page):
        if page in self.visited:
            self.visited[page] = True
            return False
        if len(self.visited) == self.frames:
            at = self.oldest if self.hand is None else self.hand
            while self.visited[at]:
                self.visited[at] = False
                at = self.oldest if self.newer[at] is None else self.newer[at]
            self.hand = self.newer[at]
            before, after = self.older.pop(at), self.newer.pop(at)
            if before is None:
                self.oldest = after
            else:
                self.newer[before] = after
            if after is None:
                self.newest = before
            else:
                self.older[after] = before
            del self.visited[at]
        self.visited[page], self.older[page], self.newer[page] = False, self.newest, None
        if self.newest is None:
            self.oldest = page
        else:
            self.newer[self.newest] = page
        self.newest = page
        return True


QUICK = {  # for so many frames that references are told apart in groups, where the textbook is too slow
    "lru": (lru, {}, QuickLru, textbook.Lru),
    "clock": (clock, {}, QuickClock, textbook.Clock),
    "clock, clear": (clock, {"loaded": "clear"}, QuickClock, textbook.Clock),
    "sieve": (sieve, {}, QuickSieve, textbook.Sieve),
}


def in_groups(frames, n=120_000):
    """Strings in which pages are used just before they would be evicted, and others."""
    rng = np.random.default_rng(frames)
    loop = np.arange(n) % (frames - 3)
    strays = rng.random(n)
    fresh = frames + np.arange(n // 4)
    ahead = np.arange(n // 4) % frames + rng.integers(-50, 200, n // 4) % frames
    new = np.where(strays < 0.5, frames + np.arange(n), rng.integers(0, frames // 2, n))
    return {
        "a loop that fits": loop,
        "a loop that does not": np.arange(n) % (frames + 3),
        "a loop and strays": np.where(strays < 0.1, frames + (strays * 1e6).astype(int), loop),
        "zipf": rng.zipf(1.05, n) % (4 * frames),
        "uniform": rng.integers(0, 2 * frames, n),
        "phases": rng.integers(0, frames, n) + np.arange(n) // 20_000 * (frames // 2),
        # the hand sweeps all, and then pages are used that it is about to reach
        "all used, then others": np.concatenate([np.arange(2 * frames) % frames, np.stack([fresh, ahead], 1).ravel()]),
        # SIEVE's hand stays by the newest pages, some of which are used again before it comes
        "used again soon": np.where(np.roll(strays, 9) < 0.1, np.roll(new, 5), new),
    }


@pytest.mark.parametrize("case", QUICK)
@settings(max_examples=60, deadline=None)
@given(string=strings(14), frames=st.integers(2, 16))
def test_quick_ones_are_the_textbook(case, string, frames):
    _, options, quick, book = QUICK[case]
    assert textbook.faults(quick(frames, **options), string) == textbook.faults(book(frames, **options), string)


@pytest.mark.jit
@pytest.mark.parametrize("frames", [4096, 5000])
@pytest.mark.parametrize("kind", in_groups(10, 1))
@pytest.mark.parametrize("case", QUICK)
def test_in_groups_too(case, frames, kind):
    policy, options, quick, _ = QUICK[case]
    string = reference_string(in_groups(frames)[kind])
    faulted = np.array(textbook.faults(quick(frames, **options), string.ids.tolist()))
    assert policy.run(string.ids, policy.start(string, frames, **options)) == sum(faulted)
    state, at = policy.start(string, frames, **options), 0
    for share in (30_000, 77, 60_000, 15, len(string)):  # in pieces: the way through a piece begins anew
        piece = string.ids[at : at + share]
        assert policy.run(piece, state) == sum(faulted[at : at + share])
        at += len(piece)


@pytest.mark.jit
@pytest.mark.parametrize("policy", ["fifo", "lru", "clock", "sieve", "nru"])
def test_both_ways_through_a_string_find_the_same(policy):
    """Blocks with few faults, blocks with many, and both kinds at each other's end; one reference at a time takes one way only."""
    rng = np.random.default_rng(11)
    stray = [(rng.random(BLOCK + 5) < 0.01) * rng.integers(100, 130, BLOCK + 5) for _ in range(4)]
    calm = [rng.integers(0, 140, BLOCK + 5) + 40 * k + stray[k] for k in range(4)]
    wild = [rng.integers(0, 900, BLOCK // 2 + 7), np.tile(np.arange(800), 12)]
    string = np.concatenate([calm[0], calm[1], wild[0], calm[2], np.repeat(calm[3], 2), wild[1], calm[0]])
    found = replay(string, policy, frames=150)
    missed = np.cumsum(found.missed())
    assert missed[-1] == found.faults
    for end in rng.integers(1, len(string), 25).tolist():
        assert replay(string[:end], policy, frames=150).faults == missed[end - 1]


@pytest.mark.jit
@pytest.mark.parametrize("case", CASES)
def test_three_hundred_random_strings(case):
    """Longer than those above: what adapts needs time to do so."""
    policy, _, book = CASES[case]
    rng = np.random.default_rng(5)
    fixed = {"clock, clear": {"loaded": "clear"}, "lfu, recent": {"ties": "recent"}, "slru, 4": {"segments": 4}}
    for _ in range(300):
        pages = int(rng.integers(4, 16))
        favourites = rng.integers(0, pages, 3)
        string = np.where(rng.random(150) < 0.4, favourites[rng.integers(0, 3, 150)], rng.integers(0, pages, 150))
        string[60:100] = np.arange(40) % pages
        size = int(rng.integers(2, 9))
        sized = {"working-set": "window", "pff": "interval"}.get(policy, "frames")
        options = {sized: size, **fixed.get(case, {})}
        book_options = options | ({"string": string.tolist()} if policy == "opt" else {})
        expected = textbook.faults(book(**book_options), string.tolist())
        assert replay(string, policy, **options).missed().tolist() == expected
