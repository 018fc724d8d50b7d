"""Rules of lab 11."""

from . import Mutation

MUTATIONS = [
    Mutation(
        "in a replay LRU keeps as many pages as there are frames",
        "loop-five",
        "refstring/policy/lru.py",
        "        if used < tail:\n",
        "        if used <= tail:\n",
    ),
    Mutation(
        "with n frames LRU hits the references of distances below n",
        "curve",
        "refstring/curves.py",
        "hits = _lru(string, tell) if",
        "hits = _lru(string, tell)[::-1] if",
    ),
    Mutation(
        "a page leaves the working set with the reference that leaves the window",
        "window",
        "refstring/policy/working_set.py",
        "                held -= 1\n",
        "                pass\n",
    ),
    Mutation(
        "a page used again within the window stays in the working set",
        "window",
        "refstring/policy/working_set.py",
        " and np.int64(s.last[left]) == now - window",
        "",
    ),
    Mutation(
        "a page read from a file costs time",
        "eat",
        "core/clock.py",
        '(count["pswpin"] + count["pgpgin"])',
        '(count["pswpin"])',
    ),
    Mutation(
        "somebody who waits for memory is told by PSI",
        "pressure",
        "core/psi.py",
        "    s.pressure[0].total += ns\n",
        "",
    ),
    Mutation(
        "PSI's full counts only while nobody else has work",
        "pressure",
        "core/psi.py",
        "if s.machine[0].others == 0:",
        "if True:",
    ),
    Mutation(
        "a suspended process makes no reference",
        "suspend",
        "kernel/suspend.py",
        'procs["stopped"][row] = 1',
        'procs["stopped"][row] = 0',
    ),
    Mutation(
        "a resumed process makes the references that waited",
        "resume",
        "kernel/suspend.py",
        'procs["stopped"][row] = 0',
        'procs["stopped"][row] = 1',
    ),
    Mutation(
        "Pss divides a page by those who map it",
        "rss",
        "proc.py",
        'column["Pss"][at] += 1 / maps[f]',
        'column["Pss"][at] += 1',
    ),
    Mutation(
        "kswapd goes on until more than high are free",
        "watermarks",
        "core/reclaim.py",
        "        m.wake = m.high + 1\n",
        "",
    ),
]
