"""Rules of lab 10."""

from . import Mutation

MUTATIONS = [
    Mutation(
        "a fault on a page of a file maps its neighbours that are in memory",
        "one-load",
        "core/fault.py",
        "if m.around > 1 and not write and obj != mine:",
        "if False:",
    ),
    Mutation(
        "the window of fault-around begins at a multiple of 16 PTEs",
        "one-load",
        "core/fault.py",
        "start = max(tag - (tag & (m.around - 1)), area.first)",
        "start = max(tag, area.first)",
    ),
    Mutation(
        "a fault reads around its page",
        "one-load",
        "core/readahead.py",
        "first = max(index - n // 2, 0)",
        "first = index",
    ),
    Mutation(
        "a page that comes back from swap is a major fault",
        "kinds",
        "core/fault.py",
        "        st.pswpin += 1\n        m.major = 1\n",
        "        st.pswpin += 1\n",
    ),
    Mutation(
        "Pss divides a page by those who map it",
        "rss",
        "proc.py",
        'column["Pss"][at] += 1 / maps[f]',
        'column["Pss"][at] += 1',
    ),
    Mutation(
        "munmap leaves the pages of a file in the page cache",
        "unmapped",
        "kernel/munmap.py",
        "gone.vpn, gone.vpn + gone.npages)",
        "gone.vpn, gone.vpn + gone.npages)\n"
        "            if v.object != NONE:\n"
        "                objects.discard(k.state, v.object, gone.pgoff, gone.pgoff + gone.npages)",
    ),
    Mutation(
        "SEQUENTIAL reads on from the fault",
        "advice",
        "core/readahead.py",
        " and not marks & Mark.SEQUENTIAL",
        "",
    ),
    Mutation(
        "RANDOM reads nothing ahead",
        "advice",
        "core/readahead.py",
        "if n <= 1 or marks & Mark.RANDOM:",
        "if n <= 1:",
    ),
    Mutation(
        "the first store into a clean page of a file faults",
        "stored",
        "core/fault.py",
        "private, foreign or (tracked and not write))",
        "private, foreign)",
    ),
    Mutation(
        "writeback makes the PTEs of a page read-only again",
        "synced",
        "core/frames.py",
        "lost = D | W if tracked else D",
        "lost = D",
    ),
    Mutation(
        "the flusher writes what is dirty over its threshold",
        "flusher",
        "kernel/writeback.py",
        "            write_some(k, found - background)\n",
        "            pass\n",
    ),
    Mutation(
        "tmpfs does not track what is dirty",
        "filesystems",
        "config.py",
        'out["tracking"] = 0',
        "pass",
    ),
]
