"""Rules of lab 08."""

from . import Mutation

MUTATIONS = [
    Mutation(
        "in a replay FIFO does not count a hit as coming",
        "fifo-three",
        "refstring/policy/fifo.py",
        "faults += 1\n                s.came[page] = faults\n            i += 1",
        "faults += 1\n            s.came[page] = faults\n            i += 1",
    ),
    Mutation(
        "in a replay LRU keeps as many pages as there are frames",
        "lru",
        "refstring/policy/lru.py",
        "        if used < tail:\n",
        "        if used <= tail:\n",
    ),
    Mutation(
        "in a replay OPT lets go first the pages that are never used again",
        "race",
        "refstring/policy/opt.py",
        "elif dead > 0:",
        "elif dead > 1:",
    ),
    Mutation(
        "in a replay OPT lets go the page whose next use is farthest away",
        "opt",
        "refstring/policy/opt.py",
        "highest = max(highest, use)",
        "highest = use",
    ),
    Mutation(
        "in a replay a page comes under CLOCK with its bit set",
        "clock",
        "refstring/policy/clock.py",
        'loaded: str = "accessed"',
        'loaded: str = "clear"',
    ),
    Mutation(
        "in a replay CLOCK's hand goes on past the newcomer",
        "clock",
        "refstring/policy/clock.py",
        "            return frame\n",
        "            s.hand[0] = frame\n            return frame\n",
    ),
    Mutation(
        "in a replay a hit sets the bit that CLOCK looks at",
        "book",
        "refstring/policy/clock.py",
        "            s.note[page] = before | ACCESSED\n",
        "",
    ),
    Mutation(
        "the machine's CLOCK spares a page whose bit is set",
        "bits",
        "core/policy/clock.py",
        " and not frames.test_and_clear_accessed(s, f)",
        "",
    ),
    Mutation(
        "the machine's CLOCK goes on from where its hand stopped",
        "bits",
        "core/policy/clock.py",
        "            m.hand = f\n",
        "",
    ),
    Mutation(
        "the machine's LRU counts a hit as a use",
        "agree-all",
        "core/policy/lru.py",
        "if s.machine[0].head != f:",
        "if False:",
    ),
    Mutation(
        "a victim whose slot has its bytes is not written again",
        "stores",
        "core/reclaim.py",
        "out = fresh | depart(s, f, word)",
        "out = True | depart(s, f, word)",
    ),
]
