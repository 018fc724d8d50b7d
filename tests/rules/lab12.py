"""Rules of lab 12."""

from . import Mutation

MUTATIONS = [
    Mutation(
        "a promise takes no frame until it is kept",
        "two-ways",
        "kernel/overcommit.py",
        '(areas["marks"] & Mark.ACCOUNT) != 0',
        '(areas["marks"] & Mark.ACCOUNT) < 0',
    ),
    Mutation(
        "the commit limit counts swap whole",
        "limit",
        "kernel/overcommit.py",
        "// 100 + len(s.slots)",
        "// 100",
    ),
    Mutation(
        "the commit limit counts the ratio's share of RAM",
        "limit",
        "kernel/overcommit.py",
        'int(s.machine["overcommit_ratio"][0]) // 100',
        "1",
    ),
    Mutation(
        "mode 0 refuses what RAM and swap together could never hold",
        "three-calls",
        "kernel/overcommit.py",
        "        if npages <= most:\n",
        "        if True:\n",
    ),
    Mutation(
        "MAP_NORESERVE promises nothing",
        "ways-round",
        "kernel/mmap.py",
        "reserve = not flags & Map.NORESERVE or",
        "reserve = True or",
    ),
    Mutation(
        "memory that may only be read is promised once it becomes writable",
        "ways-round",
        "kernel/mprotect.py",
        "        reason = overcommit.refused(k, npages)\n",
        "        pass\n",
    ),
    Mutation(
        "mode 1 refuses nothing",
        "modes",
        "kernel/overcommit.py",
        "    if m.overcommit == ALWAYS:\n",
        "    if False:\n",
    ),
    Mutation(
        "mode 2 adds up what is promised",
        "modes",
        "kernel/overcommit.py",
        "    if have + npages <= most:\n",
        "    if npages <= most:\n",
    ),
    Mutation(
        "in mode 2 fork asks for the child's promises",
        "fork",
        "kernel/fork.py",
        '["overcommit"][0] == overcommit.NEVER and',
        '["overcommit"][0] == 9 and',
    ),
    Mutation(
        "the score counts pages in swap",
        "town",
        "kernel/oom.py",
        "int(p.nswap) + tables",
        "tables",
    ),
    Mutation(
        "the process with the highest score is killed, whoever asked",
        "kill",
        "kernel/oom.py",
        "row = max(candidates",
        "row = min(candidates",
    ),
    Mutation(
        "oom_score_adj is added to the score",
        "adjusted",
        "kernel/oom.py",
        " + int(p.oom_score_adj) * _total(k)",
        "",
    ),
    Mutation(
        "RLIMIT_DATA lets memory pass that may only be read",
        "limits",
        "kernel/limits.py",
        "bool(prot & WRITE) and not marks",
        "not marks",
    ),
]
