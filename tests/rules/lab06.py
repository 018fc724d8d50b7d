"""Rules of lab 06."""

from . import Mutation

MUTATIONS = [
    Mutation(
        "fork shares the frames of private memory and gives the child its page tables",
        "fork",
        "kernel/fork.py",
        "if v.anon and not wiped:\n            _reserve",
        "if False:\n            _reserve",
    ),
    Mutation(
        "fork takes the right to write from the PTEs of the parent as well",
        "same-frames",
        "core/space.py",
        "s.tables[at + k] = pte & ~W\n",
        "pass\n",
    ),
    Mutation(
        "fork takes the right to write from the PTEs and not from the VMAs",
        "same-frames",
        "kernel/fork.py",
        "twin = v._replace(",
        "twin = v._replace(prot=v.prot & ~2, ",
    ),
    Mutation(
        "a store into a page that has another owner is copied",
        "child-stores",
        "core/fault.py",
        "if foreign or (not s.frames[f].marks & EXCLUSIVE and rmap.shared(s, f)):",
        "if foreign:",
    ),
    Mutation(
        "frames that only the one who exits used are free again",
        "child-exits",
        "kernel/exit.py",
        "objects.discard(s, mine, 0, everything)",
        "pass",
    ),
    Mutation(
        "the last owner keeps its frame",
        "last-owner",
        "core/fault.py",
        "marks & EXCLUSIVE and rmap.shared(s, f)):",
        "marks & EXCLUSIVE):",
    ),
    Mutation(
        "Pss divides a page by those who map it",
        "pss",
        "proc.py",
        'column["Pss"][at] += 1 / maps[f]',
        'column["Pss"][at] += 1',
    ),
    Mutation(
        "the child's memory is promised too",
        "pss",
        "kernel/fork.py",
        "marks = v.marks & ~(Mark.LOCKED | Mark.ONFAULT)",
        "marks = v.marks & ~(Mark.LOCKED | Mark.ONFAULT | Mark.ACCOUNT)",
    ),
    Mutation(
        "WIPEONFORK memory is empty in the child",
        "wiped",
        "kernel/fork.py",
        "wiped = bool(v.marks & Mark.WIPEONFORK)",
        "wiped = False",
    ),
    Mutation(
        "DONTFORK memory is not there in the child",
        "left-out",
        "kernel/fork.py",
        " if not v.marks & Mark.DONTFORK]",
        "]",
    ),
]
