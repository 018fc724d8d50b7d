"""Break one rule of the kernel at a time: some test of it must notice.

The list was written down before any test was run on it, a rule of Linux's after another, each with the files of tests that
ought to see it. Of the 58, those tests missed 8 when they were first run: MAP_FIXED replaces; a locked range grows within
MEMLOCK; a store gets no neighbours mapped; a fault that fails is not counted; SIGBUS begins a page late; the heap does not grow
over a mapping; mlock is EPERM where nothing may be locked; and mprotect of a private file mapping, where the code that was
broken turned out to be needed by no rule: it went, and the list breaks the line that the rule does stand on. Now all are seen.

A mutant runs without the compiler, so it is looked for by small tests of its rule. Random programs (core/machine_model) and the
rows of the bad inputs are left out: uncompiled they take minutes, and the row of the 10,000 forks then fails whatever the
kernel does, for it asks for speed. That the tests pass where no rule is broken is seen, too. All of them, a quarter of an hour:

    VMLAB_LONG=1 python -m pytest tests/kernel/test_mutations.py

The short setting runs a few of them, and sees to it that each rule still stands where the list says.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pytest
from mutants import copy_of_vmlab
from needs import ROOT

SECONDS = 200  # for one of them, on a slow computer: most take 5, none that is noticed a minute


class Mutation(NamedTuple):
    """`old` in `file` becomes `new`, which breaks `rule`; `tests` must notice: files of tests/, without test_ and .py, or one
    test of a file."""

    rule: str
    file: str
    old: str
    new: str
    tests: str


MUTATIONS = [
    # mmap
    Mutation(
        "mmap of no bytes is EINVAL",
        "kernel/mmap.py",
        "if length == 0:",
        "if length < 0:",
        "kernel/errors",
    ),
    Mutation(
        "a file offset is a multiple of the page size",
        "kernel/mmap.py",
        "if offset % size:",
        "if False:",
        "kernel/errors",
    ),
    Mutation(
        "MAP_FIXED needs an aligned address",
        "kernel/mmap.py",
        'if addr % size:\n            raise no("EINVAL", f"MAP_FIXED',
        'if False:\n            raise no("EINVAL", f"MAP_FIXED',
        "kernel/errors",
    ),
    Mutation(
        "MAP_FIXED_NOREPLACE spares what is there",
        "kernel/mmap.py",
        "if flags & Map.FIXED_NOREPLACE and i != j:",
        "if False:",
        "kernel/errors",
    ),
    Mutation(
        "MAP_FIXED replaces what is there",
        "kernel/mmap.py",
        "    munmap.take(k, row, start, start + npages)  # FIXED",
        "    pass  # FIXED",
        "kernel/mmap",
    ),
    Mutation(
        "a hint that is partly taken is no address",
        "kernel/mmap.py",
        "        if i == j:\n            return start",
        "        if i <= j:\n            return start",
        "kernel/mmap",
    ),
    Mutation(
        "every mapping of a file needs it open for reading",
        "kernel/mmap.py",
        "if not file.mode & Access.READ:",
        "if False:",
        "kernel/errors",
    ),
    Mutation(
        "a shared mapping may not write a file that was opened read-only",
        "kernel/mmap.py",
        "            if prot & Prot.WRITE:\n                raise no(",
        "            if False:\n                raise no(",
        "kernel/errors",
    ),
    Mutation(
        "nor may mprotect let it",
        "kernel/mprotect.py",
        "if prot & Prot.WRITE and v.marks & Mark.MAYNOTWRITE:",
        "if False:",
        "kernel/errors::test_17_a_shared_mapping_of_a_read_only_file_stays_so",
    ),
    Mutation(
        "SHARED_VALIDATE refuses flags that are unknown",
        "kernel/mmap.py",
        "        if flags & ~KNOWN:",
        "        if False:",
        "kernel/errors",
    ),
    Mutation(
        "mappings of one file merge only where their offsets go on",
        "core/vma.py",
        "        and a.pgoff + a.npages == b.pgoff\n",
        "",
        "kernel/files",
    ),
    # munmap, mprotect, msync
    Mutation(
        "munmap needs an aligned address",
        "kernel/munmap.py",
        "if addr % page_size(k):",
        "if False:",
        "kernel/errors",
    ),
    Mutation(
        "munmap frees private pages",
        "kernel/munmap.py",
        'objects.discard(k.state, int(k.state.procs["private"][row]), gone.vpn, gone.vpn + gone.npages)',
        "pass",
        "kernel/cow",
    ),
    Mutation(
        "munmap takes the translations away",
        "kernel/munmap.py",
        "    space.unmap(k.state, row, start, stop)\n    kept",
        "    kept",
        "kernel/errors",
    ),
    Mutation(
        "mprotect of a hole is ENOMEM",
        "kernel/mprotect.py",
        'raise no("ENOMEM", f"nothing is mapped at {at * size:#x}")',
        "break",
        "kernel/errors",
    ),
    Mutation(
        "mprotect refuses bits that are unknown",
        "kernel/mprotect.py",
        "if prot & ~(7 | GROWSDOWN | GROWSUP):",
        "if False:",
        "kernel/errors",
    ),
    Mutation(
        "mprotect does not make a file's page writable to a private mapping",
        "core/space.py",
        "fault.rights(s, f, prot, private, guarded)",
        "fault.rights(s, f, prot, private and obj == NONE, guarded)",
        "kernel/cow",
    ),
    Mutation(
        "nor the zero page",
        "core/space.py",
        "guarded = f == s.machine[0].zero_frame",
        "guarded = False",
        "kernel/fault_kinds",
    ),
    Mutation(
        "msync over a hole is ENOMEM",
        "kernel/msync.py",
        "    if hole or at < last:",
        "    if False:",
        "kernel/errors",
    ),
    Mutation(
        "MS_INVALIDATE of what is locked is EBUSY",
        "kernel/msync.py",
        "if flags & Sync.INVALIDATE and v.marks & Mark.LOCKED:",
        "if False:",
        "kernel/mlock kernel/errors",
    ),
    Mutation(
        "MS_SYNC and MS_ASYNC exclude one another",
        "kernel/msync.py",
        "if flags & Sync.ASYNC and flags & Sync.SYNC:",
        "if False:",
        "kernel/errors",
    ),
    # fork and copy-on-write
    Mutation(
        "fork copies the PTEs only of mappings that were written to",
        "kernel/fork.py",
        "if v.anon and not wiped:\n            _reserve",
        "if not wiped:\n            _reserve",
        "kernel/fork kernel/fault_kinds",
    ),
    Mutation(
        "MADV_DONTFORK keeps a mapping from the child",
        "kernel/fork.py",
        " if not v.marks & Mark.DONTFORK]",
        "]",
        "kernel/fork kernel/madvise",
    ),
    Mutation(
        "MADV_WIPEONFORK empties it for the child",
        "kernel/fork.py",
        "wiped = bool(v.marks & Mark.WIPEONFORK)",
        "wiped = False",
        "kernel/fork kernel/madvise",
    ),
    Mutation(
        "the child inherits no locks",
        "kernel/fork.py",
        "marks = v.marks & ~(Mark.LOCKED | Mark.ONFAULT)",
        "marks = v.marks",
        "kernel/fork kernel/mlock",
    ),
    Mutation(
        "fork takes the right to write from both sides",
        "core/space.py",
        "s.tables[at + k] = pte & ~W\n",
        "pass\n",
        "kernel/fork kernel/cow",
    ),
    Mutation(
        "a page that others use is copied before the store",
        "core/fault.py",
        "if foreign or (not s.frames[f].marks & EXCLUSIVE and rmap.shared(s, f)):",
        "if foreign:",
        "kernel/fork kernel/cow",
    ),
    Mutation(
        "the last owner keeps its frame",
        "core/fault.py",
        "marks & EXCLUSIVE and rmap.shared(s, f)):",
        "marks & EXCLUSIVE):",
        "kernel/fork kernel/cow",
    ),
    Mutation(
        "a private store never reaches the file",
        "core/fault.py",
        "foreign = private and obj != mine",
        "foreign = False",
        "kernel/files kernel/cow",
    ),
    # faults
    Mutation(
        "SIGBUS begins with the page after the last of a file",
        "core/fault.py",
        "index >= s.objects[backing].npages",
        "index > s.objects[backing].npages",
        "kernel/mremap kernel/files",
    ),
    Mutation(
        "what is mapped but forbidden is SEGV_ACCERR",
        "core/fault.py",
        "Code.ACCERR, Exit.SEGV",
        "Code.MAPERR, Exit.SEGV",
        "kernel/errors::test_29_a_store_that_crosses_into_a_read_only_page",
    ),
    Mutation(
        "a fault that fails is not counted",
        "core/fault.py",
        "    s.machine[0].major = 0\n    return why",
        "    s.machine[0].major = 0\n    s.stat[0].minflt += 1\n    return why",
        "kernel/fault_kinds::test_a_fault_that_fails_is_not_counted_anywhere",
    ),
    Mutation(
        "a read of untouched memory maps the zero page",
        "core/fault.py",
        "if m.zero_frame != NONE and private and obj == mine and not write and s.pages[page] == 0:",
        "if False:",
        "kernel/fault_kinds",
    ),
    Mutation(
        "the window of fault-around begins at a multiple of its size",
        "core/fault.py",
        "start = max(tag - (tag & (m.around - 1)), area.first)",
        "start = max(tag, area.first)",
        "kernel/fault_kinds",
    ),
    Mutation(
        "a store gets no neighbours mapped",
        "core/fault.py",
        "    if m.around > 1 and not write and obj != mine:",
        "    if m.around > 1 and obj != mine:",
        "kernel/fault_kinds",
    ),
    Mutation(
        "after a page is written back the next store to it faults",
        "core/frames.py",
        "lost = D | W if tracked else D",
        "lost = D",
        "kernel/fault_kinds",
    ),
    Mutation(
        "a fault that reads a device is major",
        "core/cpu.py",
        "    m.major |= read\n",
        "",
        "kernel/files kernel/fault_kinds",
    ),
    Mutation(
        "a guard is SIGSEGV",
        "core/fault.py",
        "    if m.guards and objects.guarded(s, s.procs[row].private, tag & VPN_MASK):",
        "    if False:",
        "kernel/madvise",
    ),
    # brk and the stack
    Mutation(
        "a lower break frees the pages above it",
        "kernel/brk.py",
        "        munmap.take(k, row, new, last)",
        "        pass",
        "kernel/brk",
    ),
    Mutation(
        "the heap does not grow over a mapping",
        "kernel/brk.py",
        "if _in_the_way(k, row, last, new) or limits.over(",
        "if limits.over(",
        "kernel/brk",
    ),
    Mutation(
        "a stack stops a gap short of the next mapping",
        "kernel/stack.py",
        " or (below and _too_close(below[0], tag))",
        "",
        "kernel/stack",
    ),
    # mremap
    Mutation(
        "a second view needs shared memory",
        "kernel/mremap.py",
        "if old == 0 and not v.shared:",
        "if False:",
        "kernel/mremap",
    ),
    Mutation(
        "no growth over two mappings",
        "kernel/mremap.py",
        "if min(old, new) > v.vpn + v.npages - start:",
        "if False:",
        "kernel/mremap",
    ),
    Mutation(
        "without MAYMOVE it stays",
        "kernel/mremap.py",
        "elif not flags & Remap.MAYMOVE:",
        "elif False:",
        "kernel/mremap",
    ),
    Mutation(
        "a locked range grows within RLIMIT_MEMLOCK",
        "kernel/mremap.py",
        "if v.marks & Mark.LOCKED and (reason := limits.over_lock(k, row, more)):",
        "if reason := '':",
        "kernel/mremap kernel/mlock kernel/limits",
    ),
    # mlock, mincore, madvise
    Mutation(
        "mlock over a hole is ENOMEM",
        "kernel/mlock.py",
        'raise no("ENOMEM", f"nothing is mapped at {at * size:#x}")',
        "break",
        "kernel/mlock",
    ),
    Mutation(
        "where nothing may be locked mlock is EPERM",
        "kernel/mlock.py",
        "    if not limits.getrlimit(k, row, Limit.MEMLOCK):",
        "    if False:",
        "kernel/limits",
    ),
    Mutation(
        "a locked page is never evicted",
        "core/frames.py",
        "marks & (LOCKED | FAILED | OFFLINE)",
        "marks & (FAILED | OFFLINE)",
        "kernel/mlock",
    ),
    Mutation(
        "mincore over a hole is ENOMEM",
        "kernel/mincore.py",
        'raise no("ENOMEM", f"nothing is mapped at {(start + at + told) * size:#x}")',
        "break",
        "kernel/mincore",
    ),
    Mutation(
        "mincore sees the page cache, whoever filled it",
        "core/advise.py",
        "if word == 0 and obj != NONE and index + i < s.objects[obj].npages:",
        "if False:",
        "kernel/mincore",
    ),
    Mutation(
        "MADV_DONTNEED drops private pages",
        "kernel/madvise.py",
        "    objects.empty(k.state, _mine(k, row), start, stop)\n",
        "",
        "kernel/madvise",
    ),
    Mutation(
        "a store takes back what MADV_FREE gave up",
        "core/frames.py",
        "marks & LAZYFREE != 0 and not dirty(s, f)",
        "marks & LAZYFREE != 0",
        "kernel/madvise",
    ),
    Mutation(
        "MADV_REMOVE of a private file mapping is EACCES",
        "kernel/madvise.py",
        "if not v.shared or v.marks & Mark.MAYNOTWRITE:",
        "if v.marks & Mark.MAYNOTWRITE:",
        "kernel/madvise",
    ),
    # reclaim, swap, promises
    Mutation(
        "an unchanged page goes out again without a write",
        "core/reclaim.py",
        "out = fresh | depart(s, f, word)",
        "out = True | depart(s, f, word)",
        "kernel/swap_cache",
    ),
    Mutation(
        "an evicted page is forgotten by the TLB",
        "core/reclaim.py",
        "            if pte & A:\n                tlb.drop",
        "            if False:\n                tlb.drop",
        "core/tlb",
    ),
    Mutation(
        "a dirty page of a file is written before it goes",
        "core/reclaim.py",
        "if s.content.shape[1] > 0 and frames.dirty(s, f):",
        "if False:",
        "kernel/files",
    ),
    Mutation(
        "mode 0 refuses what RAM and swap could never hold",
        "kernel/overcommit.py",
        "        if npages <= most:",
        "        if True:",
        "kernel/overcommit",
    ),
    Mutation(
        "mode 2 refuses what goes over the commit limit",
        "kernel/overcommit.py",
        "    if have + npages <= most:",
        "    if True:",
        "kernel/overcommit",
    ),
]
ASKED = MUTATIONS if os.environ.get("VMLAB_LONG") else MUTATIONS[::25]


def place(part: str) -> str:
    """The file, or the test in it, that a part of `tests` names."""
    file, _, test = part.partition("::")
    path = ROOT / "tests" / f"{file.replace('/', '/test_')}.py"
    assert f"def {test}" in path.read_text("utf-8")
    return f"{path}::{test}" if test else str(path)


def failure(folder: Path, tests: Iterable[str]) -> str:
    """The line that names the first test to fail with the vmlab in `folder`, or ""."""
    env = {name: value for name, value in os.environ.items() if name != "VMLAB_LONG"}  # with it each test is long, too
    env |= {"PYTHONPATH": str(folder), "NUMBA_DISABLE_JIT": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    options = ["-x", "-q", "-rfE", "-m", "not slow and not jit", "-p", "no:cacheprovider"]
    where = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT), *map(place, tests)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *where], cwd=folder, env=env, stdin=subprocess.DEVNULL,
        capture_output=True, timeout=SECONDS, encoding="utf-8", errors="replace",
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return next((line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))), "")


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: m.rule.replace(" ", "-"))
def test_the_rule_stands_once(mutation):
    assert (ROOT / "vmlab" / mutation.file).read_text("utf-8").count(mutation.old) == 1
    assert all(map(place, mutation.tests.split()))


@pytest.mark.slow
@pytest.mark.beside
@pytest.mark.parametrize("mutation", ASKED, ids=lambda m: m.rule.replace(" ", "-"))
def test_some_test_notices(mutation):
    with tempfile.TemporaryDirectory() as folder:
        copy_of_vmlab(Path(folder), mutation.file, mutation.old, mutation.new)
        assert failure(Path(folder), mutation.tests.split())


@pytest.mark.slow
@pytest.mark.skipif(ASKED != MUTATIONS, reason="takes some minutes: VMLAB_LONG=1")
@pytest.mark.parametrize("tests", sorted({part for m in MUTATIONS for part in m.tests.split() if "::" not in part}))
def test_nothing_fails_where_no_rule_is_broken(tests, tmp_path):
    assert not failure(copy_of_vmlab(tmp_path), [tests])
