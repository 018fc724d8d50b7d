"""Break one rule at a time: the notebook that speaks of the rule must notice, in the cell that shows it.

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

NOTEBOOK = "00-meet-the-machine.ipynb"
VICTIM = "08-choosing-a-victim.ipynb"
AT_ONCE = 2
SECONDS = 180  # for one of them, on a slow computer


class Mutation(NamedTuple):
    """`old` in `file` becomes `new`, which breaks `rule`; `cell` is the first cell of the notebook that shows it."""

    rule: str
    cell: str
    file: str
    old: str
    new: str
    notebook: str = NOTEBOOK


MUTATIONS = [
    Mutation(
        "a fault that reads from a device is major",
        "first-load",
        "core/cpu.py",
        "    m.major |= read\n",
        "",
    ),
    Mutation(
        "the TLB remembers a translation",
        "second-load",
        "core/tlb.py",
        "s.tlb_tag[e] = tag\n",
        "s.tlb_tag[e] = NONE\n",
    ),
    Mutation(
        "fork shares the frames of private memory",
        "fork",
        "kernel/fork.py",
        "if v.anon and not wiped:\n            _reserve",
        "if False:\n            _reserve",
    ),
    Mutation(
        "fork takes the right to write from both sides",
        "read-only",
        "core/space.py",
        "s.tables[at + k] = pte & ~W\n",
        "pass\n",
    ),
    Mutation(
        "a store into a page that others use is copied first",
        "child-store",
        "core/fault.py",
        "if foreign or (not s.frames[f].marks & EXCLUSIVE and rmap.shared(s, f)):",
        "if foreign:",
    ),
    Mutation(
        "the last owner of a page keeps its frame",
        "last-owner",
        "core/fault.py",
        "marks & EXCLUSIVE and rmap.shared(s, f)):",
        "marks & EXCLUSIVE):",
    ),
    Mutation(
        "msync writes dirty pages back",
        "msync",
        "kernel/msync.py",
        "if flags & Sync.SYNC and v.shared",
        "if False and v.shared",
    ),
    Mutation(
        "a VMA decides what may be stored",
        "segv",
        "core/fault.py",
        "return prot & access != 0",
        "return True",
    ),
    Mutation(
        "mprotect changes what a VMA allows",
        "mprotect",
        "kernel/mprotect.py",
        "if v.prot == prot:",
        "if True:",
    ),
    Mutation(
        "a store through a private mapping never reaches the file",
        "mprotect",
        "core/fault.py",
        "foreign = private and obj != mine",
        "foreign = False",
    ),
    Mutation(
        "SIGBUS begins after the last page of a file, and not within it",
        "sigbus",
        "core/fault.py",
        "index >= s.objects[backing].npages",
        "index >= s.objects[backing].npages - 1",
    ),
    Mutation(
        "a dirty page of a file is written back before it goes",
        "overcommit",
        "core/reclaim.py",
        "if s.content.shape[1] > 0 and frames.dirty(s, f):",
        "if False:",
    ),
    Mutation(
        "a page comes back from swap with its bytes",
        "again",
        "core/fault.py",
        "frames.copy_bytes(s.content, f, s.swap, slot)",
        "frames.zero_bytes(s.content, f)",
    ),
    Mutation(
        "an unchanged page whose slot has its bytes is not written again",
        "again",
        "core/reclaim.py",
        "out = fresh | depart(s, f, word)",
        "out = True | depart(s, f, word)",
    ),
    Mutation(
        "LRU counts every reference to a page",
        "hot",
        "core/policy/lru.py",
        "if s.machine[0].head != f:",
        "if False:",
    ),
    Mutation(
        "CLOCK spares a page that was touched since the last sweep",
        "hot",
        "core/policy/clock.py",
        " and not frames.test_and_clear_accessed(s, f)",
        "",
    ),
    Mutation(
        "in a replay FIFO does not count a hit as coming",
        "fifo-three",
        "refstring/policy/fifo.py",
        "faults += 1\n                s.came[page] = faults\n            i += 1",
        "faults += 1\n            s.came[page] = faults\n            i += 1",
        VICTIM,
    ),
    Mutation(
        "in a replay LRU keeps as many pages as there are frames",
        "lru",
        "refstring/policy/lru.py",
        "        if used < tail:\n",
        "        if used <= tail:\n",
        VICTIM,
    ),
    Mutation(
        "in a replay OPT lets go first the pages that are never used again",
        "race",
        "refstring/policy/opt.py",
        "elif dead > 0:",
        "elif dead > 1:",
        VICTIM,
    ),
    Mutation(
        "in a replay OPT lets go the page whose next use is farthest away",
        "opt",
        "refstring/policy/opt.py",
        "highest = max(highest, use)",
        "highest = use",
        VICTIM,
    ),
    Mutation(
        "in a replay a page comes under CLOCK with its bit set",
        "clock",
        "refstring/policy/clock.py",
        'loaded: str = "accessed"',
        'loaded: str = "clear"',
        VICTIM,
    ),
    Mutation(
        "in a replay CLOCK's hand goes on past the newcomer",
        "clock",
        "refstring/policy/clock.py",
        "        hand = hand + ONE if hand + ONE < frames else ZERO\n        prefetch",
        "        prefetch",
        VICTIM,
    ),
    Mutation(
        "in a replay a hit sets the bit that CLOCK looks at",
        "book",
        "refstring/policy/clock.py",
        "        s.note[page] = ACCESSED\n        return 0",
        "        return 0",
        VICTIM,
    ),
    Mutation(
        "the machine's CLOCK spares a page whose bit is set",
        "bits",
        "core/policy/clock.py",
        " and not frames.test_and_clear_accessed(s, f)",
        "",
        VICTIM,
    ),
    Mutation(
        "the machine's CLOCK goes on from where its hand stopped",
        "bits",
        "core/policy/clock.py",
        "            m.hand = f\n",
        "",
        VICTIM,
    ),
    Mutation(
        "the machine's LRU counts a hit as a use",
        "agree-all",
        "core/policy/lru.py",
        "if s.machine[0].head != f:",
        "if False:",
        VICTIM,
    ),
    Mutation(
        "a victim whose slot has its bytes is not written again",
        "stores",
        "core/reclaim.py",
        "out = fresh | depart(s, f, word)",
        "out = True | depart(s, f, word)",
        VICTIM,
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


def run(folder: Path, mutation: Mutation | None, notebook: str) -> Outcome:
    return nbval(mutant(folder, mutation), notebook)


@pytest.fixture(scope="module")
def outcomes(request, tmp_path_factory) -> Iterator[dict[str, Future[Outcome]]]:
    """What comes out of each mutation and each whole notebook asked for: AT_ONCE of them run while the tests wait."""
    need_module("nbval")
    asked = [item.callspec.params for item in request.session.items if _is_ours(item)]
    wanted = {p["notebook"]: (None, p["notebook"]) for p in asked if "notebook" in p}
    wanted |= {p["mutation"].rule: (p["mutation"], p["mutation"].notebook) for p in asked if "mutation" in p}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {
            name: pool.submit(run, tmp_path_factory.mktemp("mutant"), mutation, notebook)
            for name, (mutation, notebook) in wanted.items()
        }
        pool.shutdown(cancel_futures=True)


def _is_ours(item: pytest.Item) -> bool:
    given = getattr(getattr(item, "callspec", None), "params", {})
    return item.path == Path(__file__) and item.get_closest_marker("slow") is not None and bool(given)


@pytest.mark.slow
@pytest.mark.parametrize("notebook", [NOTEBOOK, VICTIM])
def test_without_a_mutation_the_notebook_passes(notebook, outcomes):
    outcome = outcomes[notebook].result()
    assert outcome.status == 0, outcome.text


@pytest.mark.slow
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: m.rule.replace(" ", "-"))
def test_the_notebook_notices(mutation, outcomes):
    outcome = outcomes[mutation.rule].result()
    assert outcome.status == 1, f"nbval ended with {outcome.status}\n{outcome.text}"
    assert outcome.failed == [mutation.cell], outcome.text


def test_the_mutated_copy_is_the_one_that_runs(tmp_path):
    folder = mutant(tmp_path, None)
    env = os.environ | {"PYTHONPATH": str(folder)}
    command = [sys.executable, "-c", "import importlib.util as u; print(u.find_spec('vmlab').origin)"]
    found = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=True).stdout.strip()
    assert Path(found).is_relative_to(folder)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: m.rule.replace(" ", "-"))
def test_the_rule_stands_once_and_its_cell_is_there(mutation):
    source = (ROOT / "vmlab" / mutation.file).read_text("utf-8")
    assert source.count(mutation.old) == 1
    assert mutation.cell in names_of_cells(ROOT / "notebooks" / mutation.notebook)
