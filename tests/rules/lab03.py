"""Rules of lab 03."""

from . import Mutation

MUTATIONS = [
    Mutation(
        "a walk costs a step for each level",
        "machine",
        "core/clock.py",
        'count["walks"] * levels * cost["walk"]',
        'count["walks"] * cost["walk"]',
    ),
    Mutation(
        "the TLB remembers a translation",
        "along",
        "core/tlb.py",
        "s.tlb_tag[e] = tag\n",
        "s.tlb_tag[e] = NONE\n",
    ),
    Mutation(
        "the entry unused for longest makes room",
        "huge",
        "core/tlb.py",
        "oldest = min(oldest, ",
        "oldest = max(oldest, ",
    ),
    Mutation(
        "a store's walk sets the dirty bit",
        "bits",
        "core/cpu.py",
        " | A | (D if access == Access.WRITE else 0)",
        " | A",
    ),
    Mutation(
        "an entry of a clean page may not store",
        "bits",
        "core/tlb.py",
        "tag if (pte & (D | W)) == (D | W) else NONE",
        "tag",
    ),
    Mutation(
        "an evicted page is in no TLB",
        "gone",
        "core/reclaim.py",
        "tlb.drop(s, e.tag)",
        "pass",
    ),
    Mutation(
        "an empty entry is filled first",
        "free-entry",
        "core/tlb.py",
        "    s.tlb_stamp[e] = NONE\n",
        "",
    ),
    Mutation(
        "tagged entries stay over a switch",
        "switch",
        "core/cpu.py",
        "c.proc != row and not m.asids",
        "c.proc != row",
    ),
    Mutation(
        "a switch flushes entries without tags",
        "switch",
        "core/cpu.py",
        "c.proc != row and not m.asids",
        "False",
    ),
    Mutation(
        "a shootdown reaches the other CPUs",
        "stale",
        "core/tlb.py",
        "if m.forgetful and cpu != m.cpu:",
        "if cpu != m.cpu:",
    ),
    Mutation(
        "the low bits of a page's number choose its set",
        "look",
        "core/tlb.py",
        "(tag & (m.tlb_sets - 1))) * m.tlb_ways",
        "(tag & ((m.tlb_sets - 1) & 14))) * m.tlb_ways",
    ),
]
