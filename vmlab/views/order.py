"""How the policy in force sees the frames: its lists, from the end at which it looks first, and its note of each page."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..core.policy import aging, lists, mglru, workingset
from ..core.policy.number import Policy
from ..core.state import LOCKED, NONE, State
from . import words
from .look import Array, Look, look_at

SHOWN = 32  # frames of a list, from its first; of a longer one the rest is counted
HANDS = (Policy.CLOCK, Policy.NRU, Policy.WSCLOCK)  # they go round the frames
NO_RULE = (Policy.RANDOM, Policy.PYTHON)  # nothing that could be read says which frame goes
HEADINGS = {
    Policy.PYTHON: "in the order in which they came; the function chooses",
    Policy.FIFO: "in the order in which they came: the oldest goes first",
    Policy.LRU: "in the order of last use: the one used longest ago goes first",
    Policy.LFU: "the one with the fewest references goes first",
    Policy.AGING: "the one with the smallest register goes first",
    Policy.NRU: "from the hand on: the first class that has a page gives the victim",
    Policy.WSCLOCK: "from the hand on: who has left the working set goes first",
    Policy.LINUX: "two lists of each kind: pages go from the left of an inactive one",
    Policy.MGLRU: "generations, the oldest first: none goes from the two youngest of a kind",
}
CLASSES = ("unused, clean", "unused, dirty", "used, clean", "used, dirty")  # of NRU
LINUX_LISTS = ("inactive anon", "active anon", "inactive file", "active file")
KINDS = ("anon", "file")


class Standing(NamedTuple):
    """One list of frames."""

    name: str
    frames: tuple[int, ...]  # the first is looked at first; no more than were asked for
    length: int  # of the whole list
    kind: str = ""  # anon or file, where the policy keeps them apart
    gives: bool = True  # may the next victim come from it, as things are?


class Order(NamedTuple):
    """The frames as a policy has them. Without lists it goes by a hand or by nothing that could be drawn."""

    policy: Policy
    heading: str
    lists: tuple[Standing, ...]
    first: tuple[int, ...]  # the frames that it looks at first, where that is not a hand: one, or one of each kind


def order(s: State | Look, shown: int = SHOWN) -> Order:
    """The lists of the policy in force, `shown` frames of each."""
    look = look_at(s)
    policy = Policy(int(look.state.machine["policy"][0]))
    found = tuple(_lists(look, policy, shown))
    return Order(policy, heading(look, policy), found, _first(look, policy, found))


def heading(look: Look, policy: Policy) -> str:
    """What the order is, in words; of two lists and generations also what came back, as /proc/vmstat counts it."""
    text = HEADINGS.get(policy, "")
    if policy in (Policy.LINUX, Policy.MGLRU):
        st = look.state.stat[0]
        back = int(st.workingset_refault_anon + st.workingset_refault_file)
        soon = int(st.workingset_activate_anon + st.workingset_activate_file)
        text += f"; {words.plural(back, 'page')} came back, {soon:,} so soon as to count as in use" if back else ""
    return text


def _lists(look: Look, policy: Policy, shown: int) -> Iterator[Standing]:
    s = look.state
    m = s.machine[0]
    if policy in (Policy.FIFO, Policy.LRU, Policy.PYTHON):
        yield Standing("first to go", chain(look, int(m.tail), shown), len(look.held))
    elif policy in (Policy.LFU, Policy.AGING):
        queue = chain(look, int(m.tail), len(s.frames))  # of equal notes: who came first
        yield Standing("first to go", *cut(sorted(queue, key=s.frames["word"].tolist().__getitem__), shown))
    elif policy == Policy.NRU:
        of = (2 * look.facts.accessed + look.facts.dirty)[look.held]
        for k, name in enumerate(CLASSES):
            yield Standing(name, *cut(from_the_hand(look, of == k), shown))
    elif policy == Policy.WSCLOCK:
        out = outside(look)[look.held]
        yield Standing("has left", *cut(from_the_hand(look, out), shown))
        yield Standing("working set", *cut(from_the_hand(look, ~out), shown))
    elif policy == Policy.LINUX:
        for k, name in enumerate(LINUX_LISTS):
            yield Standing(name, *listed(look, k, shown), KINDS[k >> 1], not k & 1)
    elif policy == Policy.MGLRU:
        for file, kind in enumerate(KINDS):
            for g in range(oldest(look, file), int(m.youngest) + 1):
                some = listed(look, 2 * (g % mglru.GENERATIONS) + file, shown)
                yield Standing(f"gen {g} {kind}", *some, kind, int(m.youngest) - g >= mglru.SAFE)


def chain(look: Look, tail: int, most: int) -> tuple[int, ...]:
    """Frames of a queue from its tail, where the policy looks first."""
    prev, f = look.state.frames["prev"], tail
    out: list[int] = []
    while f != NONE and len(out) < most:
        out.append(f)
        f = int(prev[f])
    return tuple(out)


def listed(look: Look, k: int, shown: int) -> tuple[tuple[int, ...], int]:
    """Frames of list k, and how many it has."""
    row = look.state.lists[k]
    return chain(look, int(row.tail), shown), int(row.length)


def cut(found: Any, shown: int) -> tuple[tuple[int, ...], int]:
    """The first of some frames, and how many they are."""
    return tuple(int(f) for f in found[:shown]), len(found)


def from_the_hand(look: Look, which: Array) -> Array:
    """Of the frames that hold a page those of a mask, in the order in which the hand comes to them."""
    held = look.held[which]
    hand = int(look.state.machine["hand"][0])
    return np.concatenate([held[held > hand], held[held <= hand]])


def outside(look: Look) -> Array:
    """Of each frame: has its page left the working set, as far as WSClock knows? (A page in use it sees when it comes by.)"""
    m = look.state.machine[0]
    return np.asarray((look.facts.accessed == 0) & (int(m.now) - look.state.frames["word"] > int(m.window)))


def oldest(look: Look, file: int) -> int:
    """The number of the oldest generation of a kind."""
    m = look.state.machine[0]
    return int(m.oldest_file if file else m.oldest_anon)


def generation(look: Look, frame: int) -> int:
    """The number of the generation that a frame's page stands in."""
    k = int(look.state.frames["word"][frame]) & lists.WHICH
    first = oldest(look, k & 1)
    return first + ((k >> 1) - first) % mglru.GENERATIONS


def nru_class(look: Look, frame: int) -> int:
    """The class of a frame's page, an index of CLASSES."""
    return 2 * int(look.facts.accessed[frame]) + int(look.facts.dirty[frame])


def _first(look: Look, policy: Policy, found: tuple[Standing, ...]) -> tuple[int, ...]:
    """The frame that the policy looks at first, of each kind that it keeps apart. Locked ones are passed over: none is taken."""
    if policy in HANDS or policy in NO_RULE:
        return ()
    marks = look.state.frames["marks"]
    out: dict[str, int] = {}
    for x in found:
        if x.gives and x.kind not in out:
            out.update((x.kind, f) for f in reversed(x.frames) if not int(marks[f]) & LOCKED)
    return tuple(out.values())


def label(s: State | Look, frame: int, place: dict[int, int]) -> str:
    """The policy's note of a page in as few letters as fit a cell. `place`: of each frame of a queue, its place in it."""
    look = look_at(s)
    policy, word = Policy(int(look.state.machine["policy"][0])), int(look.state.frames["word"][frame])
    if policy == Policy.LFU:
        return str(word)
    if policy == Policy.AGING:
        return f"{word:02x}"
    if policy == Policy.NRU:
        return str(nru_class(look, frame))
    if policy == Policy.WSCLOCK:
        return "0" if look.facts.accessed[frame] else str(int(look.state.machine["now"][0]) - word)
    if policy == Policy.LINUX:
        return "act" if word & 1 else "ref" if word & workingset.REFERENCED else "in"
    if policy == Policy.MGLRU:
        return str(generation(look, frame))
    if policy == Policy.CLOCK:
        n = len(look.state.frames)
        return str((frame - int(look.state.machine["hand"][0]) - 1) % n + 1)
    return str(place[frame]) if frame in place else ""


def note(s: State | Look, frame: int) -> str:
    """What the policy knows of the page in a frame, in words without a time in them; "" where it knows nothing."""
    look = look_at(s)
    policy, word = Policy(int(look.state.machine["policy"][0])), int(look.state.frames["word"][frame])
    if policy == Policy.LFU:
        return f"LFU: {words.plural(word, 'reference')}"
    if policy == Policy.AGING:
        return f"AGING: register {word:0{aging.BITS}b}"
    if policy == Policy.NRU:
        k = nru_class(look, frame)
        return f"NRU: class {k}, {CLASSES[k]}"
    if policy == Policy.WSCLOCK:
        return f"WSCLOCK: last seen in use at reference {word:,}"
    if policy == Policy.LINUX:
        used = ", found in use once" if word & workingset.REFERENCED else ""
        was = ", was active before" if word & workingset.WORKINGSET and not word & 1 else ""
        return f"LINUX: {LINUX_LISTS[word & 3]} list{used}{was}"
    if policy == Policy.MGLRU:
        kind, m = word & 1, look.state.machine[0]
        return f"MGLRU: generation {generation(look, frame)} of {KINDS[kind]}, of {oldest(look, kind)} to {int(m.youngest)}"
    return ""


def places(s: State | Look) -> dict[int, int]:
    """Of each frame in a queue its place in it, 1 for the one that goes first. Empty where the policy keeps no one queue."""
    look = look_at(s)
    policy = Policy(int(look.state.machine["policy"][0]))
    if policy not in (Policy.FIFO, Policy.LRU, Policy.PYTHON):
        return {}
    return {f: i for i, f in enumerate(chain(look, int(look.state.machine["tail"][0]), len(look.state.frames)), 1)}
