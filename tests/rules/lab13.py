"""Rules of lab 13."""

from . import Mutation

MUTATIONS = [
    Mutation(
        "the TLB remembers a translation",
        "columns",
        "core/tlb.py",
        "s.tlb_tag[e] = tag\n",
        "s.tlb_tag[e] = NONE\n",
    ),
    Mutation(
        "the entry unused for longest makes room",
        "columns",
        "core/tlb.py",
        "oldest = min(oldest, ",
        "oldest = max(oldest, ",
    ),
    Mutation(
        "a walk costs a step for each level",
        "columns",
        "core/clock.py",
        'count["walks"] * levels * cost["walk"]',
        'count["walks"] * cost["walk"]',
    ),
    Mutation(
        "VmRSS counts whole pages, however large",
        "scattered",
        "proc.py",
        '"VmRSS": int(p.rss),',
        '"VmRSS": int(p.rss) * 4096 // size,',
    ),
    Mutation(
        "a walk in blocks stays in its rows as long as they are near",
        "order",
        "trace/generator/matrices.py",
        "j // block, i // block))",
        "i // block, j // block))",
    ),
    Mutation(
        "lackey notes stores",
        "real",
        "trace/format/lackey.py",
        "return 1 if second == _S else 0",
        "return 0 if second == _S else 0",
    ),
    Mutation(
        "a page used twice in a row hits with one frame",
        "curve",
        "refstring/curve/distances.py",
        "    s.histogram[0] += repeated\n",
        "",
    ),
    Mutation(
        "the working set is the pages of the last references, and no more",
        "windows",
        "refstring/policy/working_set.py",
        "    window = s.window[0]\n    now = s.now[0]\n    held",
        "    window = s.window[0] - 1\n    now = s.now[0]\n    held",
    ),
    Mutation(
        "CLOCK spares a page that was used since the hand came by",
        "policies",
        "refstring/policy/clock.py",
        "        before = s.note[page]\n        s.note[page] = IN if",
        "        before = s.note[page] & ~ACCESSED\n        s.note[page] = IN if",
    ),
    Mutation(
        "the page of an address is what its low bits leave",
        "real-sizes",
        "trace/trace.py",
        "shift = np.uint64(self.page_size.bit_length() - 1)",
        "shift = np.uint64(12)",
    ),
    Mutation(
        "a report leaves out page sizes that take twice the memory",
        "report",
        "labs/report.py",
        "s.memory < MOST_MEMORY * first.memory",
        "s.memory < 99 * first.memory",
    ),
    Mutation(
        "element i, j lies where the strides of its array say",
        "own",
        "trace/watching.py",
        "(np.arange(n) * stride)",
        "(np.arange(n) * array.itemsize)",
    ),
]
