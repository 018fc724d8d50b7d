"""Break one rule of the kernel at a time: a notebook that speaks of the rule must notice, in the cell that shows it.

nbval compares outputs and nothing else, so a notebook could be green and test nothing. Each mutation is a change of a few
characters in a copy of vmlab; nbval runs the notebook with that copy against the recorded outputs, without the compiler (a
changed source would be compiled anew each time). A copy without any change must pass, so that red means the mutation.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest
from needs import ROOT, need_module

MEET, FORK, VICTIM = "00-meet-the-machine.ipynb", "06-fork.ipynb", "08-choosing-a-victim.ipynb"
AT_ONCE = 2
SECONDS = 180  # for one of them, on a slow computer


class Mutation(NamedTuple):
    """`old` in `file` becomes `new`, which breaks `rule`; `cell` is the first cell of the notebook that shows it."""

    notebook: str
    rule: str
    cell: str
    file: str
    old: str
    new: str


MUTATIONS = [
    Mutation(
        MEET,
        "a fault that reads from a device is major",
        "first-load",
        "core/cpu.py",
        "    m.major |= read\n",
        "",
    ),
    Mutation(
        MEET,
        "the TLB remembers a translation",
        "second-load",
        "core/tlb.py",
        "s.tlb_tag[e] = tag\n",
        "s.tlb_tag[e] = NONE\n",
    ),
    Mutation(
        MEET,
        "fork shares the frames of private memory",
        "fork",
        "kernel/fork.py",
        "if v.anon and not wiped:\n            _reserve",
        "if False:\n            _reserve",
    ),
    Mutation(
        MEET,
        "fork takes the right to write from both sides",
        "read-only",
        "core/space.py",
        "s.tables[at + k] = pte & ~W\n",
        "pass\n",
    ),
    Mutation(
        MEET,
        "a store into a page that others use is copied first",
        "child-store",
        "core/fault.py",
        "if foreign or (not s.frames[f].marks & EXCLUSIVE and rmap.shared(s, f)):",
        "if foreign:",
    ),
    Mutation(
        MEET,
        "the last owner of a page keeps its frame",
        "last-owner",
        "core/fault.py",
        "marks & EXCLUSIVE and rmap.shared(s, f)):",
        "marks & EXCLUSIVE):",
    ),
    Mutation(
        MEET,
        "msync writes dirty pages back",
        "msync",
        "kernel/msync.py",
        "if flags & Sync.SYNC and v.shared",
        "if False and v.shared",
    ),
    Mutation(
        MEET,
        "a VMA decides what may be stored",
        "segv",
        "core/fault.py",
        "return prot & access != 0",
        "return True",
    ),
    Mutation(
        MEET,
        "mprotect changes what a VMA allows",
        "mprotect",
        "kernel/mprotect.py",
        "if v.prot == prot:",
        "if True:",
    ),
    Mutation(
        MEET,
        "a store through a private mapping never reaches the file",
        "mprotect",
        "core/fault.py",
        "foreign = private and obj != mine",
        "foreign = False",
    ),
    Mutation(
        MEET,
        "SIGBUS begins after the last page of a file, and not within it",
        "sigbus",
        "core/fault.py",
        "index >= s.objects[backing].npages",
        "index >= s.objects[backing].npages - 1",
    ),
    Mutation(
        MEET,
        "a dirty page of a file is written back before it goes",
        "overcommit",
        "core/reclaim.py",
        "if s.content.shape[1] > 0 and frames.dirty(s, f):",
        "if False:",
    ),
    Mutation(
        MEET,
        "a page comes back from swap with its bytes",
        "again",
        "core/fault.py",
        "frames.copy_bytes(s.content, f, s.swap, slot)",
        "frames.zero_bytes(s.content, f)",
    ),
    Mutation(
        MEET,
        "an unchanged page whose slot has its bytes is not written again",
        "again",
        "core/reclaim.py",
        "out = fresh | depart(s, f, word)",
        "out = True | depart(s, f, word)",
    ),
    Mutation(
        MEET,
        "LRU counts every reference to a page",
        "hot",
        "core/policy/lru.py",
        "if s.machine[0].head != f:",
        "if False:",
    ),
    Mutation(
        MEET,
        "CLOCK spares a page that was touched since the last sweep",
        "hot",
        "core/policy/clock.py",
        " and not frames.test_and_clear_accessed(s, f)",
        "",
    ),
    Mutation(
        FORK,
        "fork shares the frames of private memory and gives the child its page tables",
        "fork",
        "kernel/fork.py",
        "if v.anon and not wiped:\n            _reserve",
        "if False:\n            _reserve",
    ),
    Mutation(
        FORK,
        "fork takes the right to write from the PTEs of the parent as well",
        "same-frames",
        "core/space.py",
        "s.tables[at + k] = pte & ~W\n",
        "pass\n",
    ),
    Mutation(
        FORK,
        "fork takes the right to write from the PTEs and not from the VMAs",
        "same-frames",
        "kernel/fork.py",
        "twin = v._replace(",
        "twin = v._replace(prot=v.prot & ~2, ",
    ),
    Mutation(
        FORK,
        "a store into a page that has another owner is copied",
        "child-stores",
        "core/fault.py",
        "if foreign or (not s.frames[f].marks & EXCLUSIVE and rmap.shared(s, f)):",
        "if foreign:",
    ),
    Mutation(
        FORK,
        "frames that only the one who exits used are free again",
        "child-exits",
        "kernel/exit.py",
        "objects.discard(s, mine, 0, everything)",
        "pass",
    ),
    Mutation(
        FORK,
        "the last owner keeps its frame",
        "last-owner",
        "core/fault.py",
        "marks & EXCLUSIVE and rmap.shared(s, f)):",
        "marks & EXCLUSIVE):",
    ),
    Mutation(
        FORK,
        "Pss divides a page by those who map it",
        "pss",
        "proc.py",
        'column["Pss"][at] += 1 / maps[f]',
        'column["Pss"][at] += 1',
    ),
    Mutation(
        FORK,
        "the child's memory is promised too",
        "pss",
        "kernel/fork.py",
        "marks = v.marks & ~(Mark.LOCKED | Mark.ONFAULT)",
        "marks = v.marks & ~(Mark.LOCKED | Mark.ONFAULT | Mark.ACCOUNT)",
    ),
    Mutation(
        FORK,
        "WIPEONFORK memory is empty in the child",
        "wiped",
        "kernel/fork.py",
        "wiped = bool(v.marks & Mark.WIPEONFORK)",
        "wiped = False",
    ),
    Mutation(
        FORK,
        "DONTFORK memory is not there in the child",
        "left-out",
        "kernel/fork.py",
        " if not v.marks & Mark.DONTFORK]",
        "]",
    ),
    Mutation(
        VICTIM,
        "in a replay FIFO does not count a hit as coming",
        "fifo-three",
        "refstring/policy/fifo.py",
        "faults += 1\n                s.came[page] = faults\n            i += 1",
        "faults += 1\n            s.came[page] = faults\n            i += 1",
    ),
    Mutation(
        VICTIM,
        "in a replay LRU keeps as many pages as there are frames",
        "lru",
        "refstring/policy/lru.py",
        "        if used < tail:\n",
        "        if used <= tail:\n",
    ),
    Mutation(
        VICTIM,
        "in a replay OPT lets go first the pages that are never used again",
        "race",
        "refstring/policy/opt.py",
        "elif dead > 0:",
        "elif dead > 1:",
    ),
    Mutation(
        VICTIM,
        "in a replay OPT lets go the page whose next use is farthest away",
        "opt",
        "refstring/policy/opt.py",
        "highest = max(highest, use)",
        "highest = use",
    ),
    Mutation(
        VICTIM,
        "in a replay a page comes under CLOCK with its bit set",
        "clock",
        "refstring/policy/clock.py",
        'loaded: str = "accessed"',
        'loaded: str = "clear"',
    ),
    Mutation(
        VICTIM,
        "in a replay CLOCK's hand goes on past the newcomer",
        "clock",
        "refstring/policy/clock.py",
        "        hand = hand + ONE if hand + ONE < frames else ZERO\n        prefetch",
        "        prefetch",
    ),
    Mutation(
        VICTIM,
        "in a replay a hit sets the bit that CLOCK looks at",
        "book",
        "refstring/policy/clock.py",
        "        s.note[page] = ACCESSED\n        return 0",
        "        return 0",
    ),
    Mutation(
        VICTIM,
        "the machine's CLOCK spares a page whose bit is set",
        "bits",
        "core/policy/clock.py",
        " and not frames.test_and_clear_accessed(s, f)",
        "",
    ),
    Mutation(
        VICTIM,
        "the machine's CLOCK goes on from where its hand stopped",
        "bits",
        "core/policy/clock.py",
        "            m.hand = f\n",
        "",
    ),
    Mutation(
        VICTIM,
        "the machine's LRU counts a hit as a use",
        "agree-all",
        "core/policy/lru.py",
        "if s.machine[0].head != f:",
        "if False:",
    ),
    Mutation(
        VICTIM,
        "a victim whose slot has its bytes is not written again",
        "stores",
        "core/reclaim.py",
        "out = fresh | depart(s, f, word)",
        "out = True | depart(s, f, word)",
    ),
]


class Outcome(NamedTuple):
    """What nbval said: the cells that did not come out as recorded, and all of its text."""

    status: int
    failed: list[str]
    text: str


def mutant(folder: Path, mutation: Mutation | None) -> Path:
    """A folder with a copy of vmlab, changed or not, to be put before everything else on the path."""
    shutil.copytree(ROOT / "vmlab", folder / "vmlab", ignore=shutil.ignore_patterns("__pycache__"))
    if mutation is not None:
        file = folder / "vmlab" / mutation.file
        source = file.read_text("utf-8")
        assert source.count(mutation.old) == 1, (
            f"{mutation.old!r} stands {source.count(mutation.old)} times in {mutation.file}"
        )
        file.write_text(source.replace(mutation.old, mutation.new), "utf-8")
    return folder


def names_of_cells(notebook: Path) -> list[str]:
    """The ids of the code cells, in order."""
    return [cell["id"] for cell in json.loads(notebook.read_text("utf-8"))["cells"] if cell["cell_type"] == "code"]


def nbval(folder: Path, notebook: str) -> Outcome:
    """nbval on a copy of a notebook, with the vmlab in `folder`, up to the first cell that differs."""
    shutil.copytree(ROOT / "notebooks", folder / "notebooks", ignore=shutil.ignore_patterns(".*"))
    env = os.environ | {"PYTHONPATH": str(folder), "NUMBA_DISABLE_JIT": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    env["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # others take longer to load than most cells to run
    options = "-p nbval.plugin -p no:cacheprovider --nbval --nbval-current-env --nbval-cell-timeout=60 -x -rfE".split()
    command = [sys.executable, "-m", "pytest", *options, f"notebooks/{notebook}"]
    done = subprocess.run(
        command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        timeout=SECONDS, encoding="utf-8", errors="replace",
    )  # fmt: skip
    names = names_of_cells(folder / "notebooks" / notebook)
    numbers = re.findall(r"^(?:FAILED|ERROR) \S+::Cell (\d+)", done.stdout, re.MULTILINE)
    return Outcome(done.returncode, [names[int(n)] for n in numbers], done.stdout)


def run(folder: Path, notebook: str, mutation: Mutation | None) -> Outcome:
    return nbval(mutant(folder, mutation), notebook)


@pytest.fixture(scope="module")
def outcomes(request, tmp_path_factory) -> Iterator[dict[tuple[str, str], Future[Outcome]]]:
    """What comes out of each mutation that is asked for, by notebook and rule: they run AT_ONCE at a time while the tests wait."""
    need_module("nbval")
    asked = [item.callspec.params["mutation"] for item in request.session.items if _is_ours(item)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {
            (notebook, m.rule if m else ""): pool.submit(run, tmp_path_factory.mktemp("mutant"), notebook, m)
            for notebook in (MEET, FORK, VICTIM)
            for m in dict.fromkeys([None, *(a for a in asked if a.notebook == notebook)])
        }
        pool.shutdown(cancel_futures=True)


def _is_ours(item: pytest.Item) -> bool:
    return item.path == Path(__file__) and "mutation" in getattr(getattr(item, "callspec", None), "params", {})


def _name(mutation: Mutation) -> str:
    return f"{mutation.notebook[:2]}-{mutation.rule.replace(' ', '-')}"


@pytest.mark.slow
@pytest.mark.parametrize("notebook", [MEET, FORK, VICTIM])
def test_without_a_mutation_the_notebook_passes(notebook, outcomes):
    outcome = outcomes[notebook, ""].result()
    assert outcome.status == 0, outcome.text


@pytest.mark.slow
@pytest.mark.parametrize("mutation", MUTATIONS, ids=_name)
def test_the_notebook_notices(mutation, outcomes):
    outcome = outcomes[mutation.notebook, mutation.rule].result()
    assert outcome.status == 1, f"nbval ended with {outcome.status}\n{outcome.text}"
    assert outcome.failed == [mutation.cell], outcome.text


def test_the_mutated_copy_is_the_one_that_runs(tmp_path):
    folder = mutant(tmp_path, None)
    env = os.environ | {"PYTHONPATH": str(folder)}
    command = [sys.executable, "-c", "import importlib.util as u; print(u.find_spec('vmlab').origin)"]
    found = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=True).stdout.strip()
    assert Path(found).is_relative_to(folder)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=_name)
def test_the_rule_stands_once_and_its_cell_is_there(mutation):
    source = (ROOT / "vmlab" / mutation.file).read_text("utf-8")
    assert source.count(mutation.old) == 1
    assert mutation.cell in names_of_cells(ROOT / "notebooks" / mutation.notebook)
