"""Policies as people write them in a notebook cell: raced against the others, compiled or interpreted, and told what they break."""

import random
from pathlib import Path

import numpy as np
import pytest

from vmlab import Machine, VmlabError
from vmlab.refstring import broken, policy, replay, sweep
from vmlab.trace import Trace, read

BELADY = "1 2 3 4 1 2 5 1 2 3 4 5"


def lru(used):
    return used.argmin()


def fifo(loaded):
    return loaded.argmin()


def clock(accessed, memo):
    hand = memo[0]
    while accessed[hand]:
        accessed[hand] = False
        hand = (hand + 1) % len(accessed)
    memo[0] = (hand + 1) % len(accessed)
    return hand


def lfu(uses, loaded):
    best = 0
    for f in range(len(uses)):
        if (uses[f], loaded[f]) < (uses[best], loaded[best]):
            best = f
    return best


def oldest(candidates):
    """As a machine takes it."""
    return candidates.frame[candidates.loaded.argmin()]


def second_chance(candidates):
    while True:
        order = np.lexsort((candidates.loaded, candidates.notes))
        frame = candidates.frame[order[0]]
        if not candidates.accessed[frame]:
            return frame
        candidates.forget_accessed(frame)
        candidates.notes[frame] = candidates.notes.max() + 1


class Lru:
    def __init__(self, frames):
        self.frames, self.order = frames, []

    def hit(self, page):
        self.order.remove(page)
        self.order.append(page)

    def fault(self, page):
        self.order.append(page)
        return self.order.pop(0) if len(self.order) > self.frames else None


class Fifo(Lru):
    hit = None


def string(n=6000):
    rng = np.random.default_rng(4)
    return np.concatenate(
        [rng.zipf(1.3, n // 2) % 200, np.arange(n // 4) % 70, rng.integers(0, 60, n - n // 2 - n // 4)]
    )


FUNCTIONS = {"lru": lru, "fifo": fifo, "clock": clock, "lfu": lfu}


@pytest.mark.jit
@pytest.mark.parametrize("name", FUNCTIONS)
def test_count_for_count_compiled_and_interpreted(name):
    mine = FUNCTIONS[name]
    p = policy.find(mine)
    assert repr(p).endswith("), compiled")
    for frames in (1, 2, 17, 64, 1000):
        found, theirs = replay(string(), mine, frames=frames), replay(string(), name, frames=frames)
        assert found.faults == theirs.faults
        assert (found.missed() == theirs.missed()).all()
        assert p.play(theirs.string.ids, p.start(theirs.string, frames)) == theirs.faults
    assert repr(replay(BELADY, lru, frames=3)) == (
        "Replay(lru (own), compiled, 3 frames: 10 faults of 12 references, miss ratio 0.8333)"
    )


@pytest.mark.parametrize(("mine", "name"), [(Lru, "lru"), (Fifo, "fifo"), (oldest, "fifo")])
def test_count_for_count_interpreted(mine, name):
    for frames in (1, 2, 17, 64):
        found = replay(string(2000), mine, frames=frames)
        assert (found.missed() == replay(string(2000), name, frames=frames).missed()).all()
    assert ", interpreted, 64 frames:" in repr(found)
    assert repr(replay(BELADY, mine, frames=3).table()) == repr(replay(BELADY, name, frames=3).table())


def test_why_it_is_interpreted():
    assert repr(policy.find(oldest)) == (
        "policy oldest(candidates), interpreted: it takes the candidates as one object"
    )
    assert repr(policy.find(Lru)) == "policy Lru (own), interpreted: it is a class"


@pytest.mark.jit
def test_what_does_not_compile_is_interpreted():
    seen = {}

    def outer(used):
        seen.setdefault("times", []).append(len(used))  # a dictionary of lists of the cell's
        return used.argmin()

    def sometimes(used):
        if used[0] >= 0:
            return used.argmin()
        return None

    def half(used):
        return used.argmin() / 1

    made = {}
    exec("def lru(used):\n    for _ in range(3): pass\n    return used.argmin()", made)
    for mine, why in (
        (outer, "interpreted: "),
        (sometimes, "it returns OptionalType(int64), not a whole number whatever happens"),
        (half, "it returns float64, not a whole number"),
        (made["lru"], "it has loops, and its source is not to be had"),
    ):
        assert why in repr(policy.find(mine)).replace("Optional(", "OptionalType(")
        if mine is not half:
            assert replay(string(500), mine, frames=9).faults == replay(string(500), "lru", frames=9).faults
    assert set(seen["times"]) == {9}
    with pytest.raises(
        VmlabError, match=r"the policy half named (np\.float64\()?0\.0\)? at reference 4; it must name one of"
    ):
        replay(BELADY, half, frames=3)


def test_a_race_in_memory_and_from_a_file(tmp_path: Path):
    expected = {name: replay(string(), name, frames=30).faults for name in ("lru", "clock")}
    raced = sweep(string(), ["lru", lru, clock, Lru], [30, 40])
    assert [r.policy for r in raced[::2]] == ["lru", "lru (own)", "clock (own)", "Lru (own)"]
    assert [r.faults for r in raced[::2]] == [expected["lru"], expected["lru"], expected["clock"], expected["lru"]]
    assert raced.faults(clock, 30) == raced.faults("clock (own)", 30) == expected["clock"]
    Trace(string() + 10**9, page_size=1).save(tmp_path / "t.npy")
    for mine in (lru, Lru):
        assert replay(read(tmp_path / "t.npy"), mine, frames=30).faults == expected["lru"]

    def namesake(used):
        return used.argmin()

    other = namesake

    def namesake(used):
        return used.argmax()

    with pytest.raises(ValueError, match="two policies are called namesake"):
        sweep(BELADY, [namesake, other], [3])


def newest(loaded):
    return loaded.argmax()


def newest_by_notes(notes, loaded):
    """The page that came since the choice before has no note: it is the newest."""
    newest = notes.argmin() if notes.max() else loaded.argmax()
    notes[:] = 1
    return newest


@pytest.mark.jit
def test_notes_are_0_when_a_page_comes():
    faults = replay(string(), newest, frames=30).faults
    p, held = policy.find(newest_by_notes), replay(string(), newest_by_notes, frames=30)
    assert (held.faults, p.how) == (faults, "compiled")
    assert p.play(held.string.ids, p.start(held.string, 30)) == faults


@pytest.mark.parametrize("mine", [oldest, second_chance])
def test_the_same_function_on_a_machine(mine):
    pages = string(800) % 40
    m = Machine(frames=12, swap=64 * 4096, policy=mine)
    p = m.spawn("user")
    heap = p.mmap(40 * 4096)
    faults = p.access(heap.addr + pages * 4096).faults
    assert faults == replay(pages, mine, frames=12).faults


def test_a_class_is_told_the_names_of_pages(tmp_path: Path):
    told = []

    class Seen(Lru):
        def fault(self, page):
            told.append(page)
            return super().fault(page)

    replay([1 << 60, 7, 1 << 60], Seen, frames=2)
    Trace([1 << 60, 7, 1 << 60], page_size=1).save(tmp_path / "t.npy")
    replay(read(tmp_path / "t.npy"), Seen, frames=2)
    assert told == [1 << 60, 7] * 2


# -- what is broken ------------------------------------------------------------------------------------------------------


def past_the_end(used):
    return len(used)


def beyond(used):
    return used[len(used)]


def negative(used):
    return -1


def divides(uses):
    return 1 // int(uses[0] - 1)


def for_ever(used):
    while True:
        pass


def for_ever_over_bits(accessed):
    hand = 0
    while accessed[hand]:
        hand = (hand + 1) % len(accessed)
    return hand


def throws_dice(used):
    return random.randrange(len(used))


def catches_all(used):
    while True:
        try:
            used[0] += 1
        except Exception:
            pass


class Hoards(Fifo):
    def fault(self, page):
        return None


class Hasty(Lru):
    def fault(self, page):
        self.order.append(page)
        return self.order.pop(0) if len(self.order) >= max(self.frames, 2) else None


class Elsewhere(Lru):
    def fault(self, page):
        return page + 7 if super().fault(page) is not None else None


class Newcomer(Lru):
    def fault(self, page):
        return page if super().fault(page) is not None else None


class Forgetful(Lru):
    shared: list = []  # noqa: RUF012 - the mistake that is looked for

    def __init__(self, frames):
        self.frames, self.order = frames, self.shared


class NoHands:
    def __init__(self):
        pass

    def fault(self, page):
        pass


class BadHit(Lru):
    def hit(self, page):
        raise RuntimeError("no")


FAULTY = {
    past_the_end: "named 1 at reference 2; it must name one of the frames 0..0 (the string 0 1, 1 frame)",
    negative: "named -1 at reference 2; it must name one of the frames 0..0 (the string 0 1, 1 frame)",
    beyond: "raised IndexError at reference 2: index 1 is out of bounds for axis 0 with size 1 (the string 0 1, 1 frame)",
    divides: "raised ZeroDivisionError at reference 2: ",
    for_ever: "was not done after 220,000 steps at reference 2: does a loop never end? (the string 0 1, 1 frame)",
    for_ever_over_bits: "was not done after 220,000 steps at reference 2: does a loop never end?",
    catches_all: "was not done after 220,000 steps at reference 2: does a loop never end?",
    throws_dice: "did not do the same when it was run again: after reference",
    Hoards: "named no page at reference 2, to page 1: it would keep 2 pages in 1 frame (the string 0 1, 1 frame)",
    Hasty: "evicted page 0 at reference 2, to page 1: there was room, 1 of 2 frames were in use (the string 0 1, 2 frames)",
    Elsewhere: "named 8 at reference 2, to page 1: that page is not in memory (the string 0 1, 1 frame)",
    Newcomer: "named 1 at reference 2, to page 1: that page is not in memory (the string 0 1, 1 frame)",
    Forgetful: "at reference ",
    NoHands: "raised TypeError at reference 1: ",
    BadHit: "raised RuntimeError at reference 2: no (the string 0 0, 1 frame)",
}


@pytest.mark.parametrize("mine", FAULTY, ids=lambda mine: mine.__name__)
def test_what_it_broke(mine):
    found = broken(mine)
    assert found
    assert FAULTY[mine] in repr(found)
    assert repr(found).startswith(f"the policy {mine.__name__} ")
    assert len(found.pages) <= (6 if mine is throws_dice else 4)  # of dice nobody knows


def test_what_shows_late_is_shown_shortly():
    def late(uses):
        return 99 if uses.sum() > 12 else 0

    found = broken(late)
    assert "named 99 at reference" in found.sentence
    assert 13 < len(found.pages) < 20  # it takes 13 uses; the strings that are tried have 20 references and more


def test_a_class_that_throws_dice():
    class Dice(Fifo):
        def fault(self, page):
            random.shuffle(self.order)
            return super().fault(page)

    assert "did not do the same when it was run again" in broken(Dice).sentence


@pytest.mark.parametrize("mine", [lru, clock, lfu, oldest, second_chance, Lru, Fifo], ids=lambda mine: mine.__name__)
def test_nothing_is_broken(mine):
    found = broken(mine)
    assert not found
    assert "kept every rule, in" in repr(found)


@pytest.mark.jit
def test_compiled_otherwise_than_interpreted():
    """A number that changes is a constant to numba."""
    memory = np.zeros(1, np.int64)

    def drifts(used):
        return (used.argmin() + memory[0]) % len(used)

    p = policy.find(drifts)
    interpreted = p.play

    def play(ids, s):
        memory[0] = 1
        return interpreted(ids, s)

    p.play = play
    assert "did not do the same when it was compiled: after reference" in repr(broken(drifts))


@pytest.mark.jit
@pytest.mark.parametrize(
    ("mine", "kind", "words"),
    [
        (past_the_end, VmlabError, "named 3 at reference 4; it must name one of the frames 0..2"),
        (negative, VmlabError, "named -1 at reference 4"),
        (beyond, IndexError, "out of bounds"),
        (for_ever, VmlabError, "took more than 13,000 turns of its loops at reference 4: does one of them never end"),
        (for_ever_over_bits, VmlabError, "took more than 13,000 turns"),
        (Hoards, VmlabError, "it would keep 4 pages in 3 frames"),
        (Elsewhere, VmlabError, "named 11 at reference 4, to page 4: that page is not in memory"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_replay_ends_in_a_sentence_too(mine, kind, words):
    """Compiled code cannot be interrupted: it must end by itself."""
    assert policy.find(mine).how == ("interpreted" if isinstance(mine, type) else "compiled")
    with pytest.raises(kind, match=words) as caught:
        replay(BELADY, mine, frames=3)
    if kind is IndexError:
        assert caught.value.__notes__ == ["raised by the policy beyond"]


@pytest.mark.parametrize(
    ("mine", "kind", "words"),
    [
        (
            lambda used, age: 0,
            TypeError,
            "wants to know 'age'; a policy can know loaded, used, uses, accessed, notes, memo, now",
        ),
        (object(), TypeError, "a policy is named by a str, not <object.*one of your own is a function"),
        (int, TypeError, r"is a class without fault\(page\)"),
    ],
)
def test_what_is_no_policy(mine, kind, words):
    with pytest.raises(kind, match=words):
        replay(BELADY, mine, frames=3)
    with pytest.raises(TypeError, match="is one of vmlab's own policies"):
        broken("lru")
    with pytest.raises(TypeError, match="'lru \\(own\\)' has no option 'seed'"):
        replay(BELADY, lru, frames=3, seed=1)
