"""A reference string and few frames: how many faults. Silberschatz, chapter 10; OSTEP, chapter 22."""

from typing import NamedTuple

from ... import replay
from .answers import Form
from .draws import Draws
from .problem import Posed
from .tables import Table

RULES = {
    "fifo": "the page that came first goes",
    "lru": "the page unused for longest goes",
    "opt": "the page goes whose next use is farthest in the future",
    "clock": "a hand goes around the frames: it clears reference bits until it finds a clear one, and that page goes; a page that"
    " comes has its bit set",
}
BELIEFS = {
    "fifo": "This is FIFO's number: a hit changes nothing, and pages go in the order in which they came.",
    "lru": "This is LRU's number: pages are ordered by their last use.",
    "opt": "This is OPT's number: it looks at what comes next.",
    "clock": "This is CLOCK's number: a page used since the hand came by is spared once.",
    "lfu": "This is LFU's number: the page with the fewest uses goes.",
    "mru": "This is MRU's number: the page used last goes.",
}


class Case(NamedTuple):
    """A reference string, a policy, so many frames."""

    policy: str
    frames: int
    string: tuple[int, ...]


def draw(d: Draws) -> Case:
    frames = d.between(3, 4)
    pages = frames + d.between(1, 3)
    string = [d.below(pages)]
    for _ in range(d.between(12, 17)):
        string.append(d.one_of([page for page in range(pages) if page != string[-1]]))
    return Case(d.one_of(list(RULES)), frames, tuple(string))


def pose(case: Case) -> Posed:
    run = replay(list(case.string), case.policy, frames=case.frames)
    head, *lines = run.table().rows()
    distinct = len(set(case.string))
    others = [
        (replay(list(case.string), name, frames=case.frames).faults, BELIEFS[name])
        for name in BELIEFS
        if name != case.policy
    ]
    columns = list(zip(*[head, *lines]))
    rows = tuple(tuple("" if word is None else str(word) for word in column) for column in columns[1:])
    return Posed(
        f"Memory has {case.frames} page frames, empty at first. When none is free, {RULES[case.policy]}"
        f" ({case.policy.upper()}). The reference string is {' '.join(map(str, case.string))}.",
        (),
        "How many references fault, first uses counted?",
        Form.COUNT,
        int(run.faults),
        [
            *others,
            (
                run.faults - min(distinct, case.frames),
                "This leaves out the faults while frames were free. A first use always faults.",
            ),
            (distinct, "This counts first uses alone. A page that had to go faults again."),
            (run.hits, "These are the hits."),
        ],
        Table("the frames after each reference", tuple(map(str, columns[0])), rows),
        f"{case.policy.upper()}: {RULES[case.policy]}.",
    )
