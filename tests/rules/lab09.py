"""Rules of lab 09."""

from . import Mutation

MUTATIONS = [
    Mutation(
        "the PTE of a page that goes is not present any more",
        "out",
        "core/reclaim.py",
        "            s.tables[e.pte] = 0\n",
        "",
    ),
    Mutation(
        "an evicted page is in no TLB",
        "pte",
        "core/reclaim.py",
        "tlb.drop(s, e.tag)",
        "pass",
    ),
    Mutation(
        "a fault that reads from swap is major",
        "come-back",
        "core/fault.py",
        "st.pswpin += 1\n        m.major = 1",
        "st.pswpin += 1\n        m.major = 0",
    ),
    Mutation(
        "an unchanged page whose slot has its bytes is not written again",
        "round",
        "core/reclaim.py",
        "out = fresh | depart(s, f, word)",
        "out = True | depart(s, f, word)",
    ),
    Mutation(
        "a page that was changed is written, also where it has a slot",
        "again",
        "core/reclaim.py",
        "out = fresh | depart(s, f, word)",
        "out = fresh | (depart(s, f, word) & False)",
    ),
    Mutation(
        "a page that another owner brought back is found in the swap cache",
        "shared-slot",
        "core/fault.py",
        "        if f != NONE:  # another owner brought it back",
        "        if False:  # another owner brought it back",
    ),
    Mutation(
        "the aligned cluster of slots is read",
        "cluster",
        "core/swapin.py",
        "first = slot & ~(m.cluster - 1)",
        "first = slot",
    ),
    Mutation(
        "pages that were read along are found through their slots",
        "cluster",
        "core/swapin.py",
        "    s.slots[slot].frame = f\n    rmap.own",
        "    rmap.own",
    ),
    Mutation(
        "swappiness decides between pages of files and others",
        "swappiness",
        "core/policy/linux.py",
        "anon * (m.swappiness * whole",
        "anon * (60 * whole",
    ),
]
