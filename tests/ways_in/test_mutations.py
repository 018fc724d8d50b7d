"""Break one rule of the kernel at a time: a notebook that speaks of the rule must notice, in the cell that shows it.

nbval compares outputs and nothing else, so a notebook could be green and test nothing. Each mutation is a change of a few
characters in a copy of vmlab; nbval runs the notebook with that copy against the recorded outputs, without the compiler (a
changed source would be compiled anew each time). A copy without any change must pass, so that red means the mutation.

Usually the first FEW of each notebook are tried, and of the first notebook the first ten; with VMLAB_LONG=1 all are:

    VMLAB_LONG=1 python -m pytest tests/ways_in/test_mutations.py
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import NamedTuple

import pytest
from labserver import copy_of_notebooks
from mutants import copy_of_vmlab
from needs import ROOT, need_module
from rules import Mutation, mutations

LONG = bool(os.environ.get("VMLAB_LONG"))
FEW = 5
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
MUTATIONS = [(notebook.name, mutation) for notebook in NOTEBOOKS for mutation in mutations(notebook)]
TRIED = [
    (notebook.name, mutation)
    for notebook in NOTEBOOKS
    for mutation in mutations(notebook)[: None if LONG else 2 * FEW if notebook == NOTEBOOKS[0] else FEW]
]
SECONDS = 180  # for one of them, on a slow computer
_mine = threading.local()


class Outcome(NamedTuple):
    """What nbval said: the cells that did not come out as recorded, and all of its text."""

    status: int
    failed: list[str]
    text: str


def mutant(folder: Path, mutation: Mutation | None) -> Path:
    """A folder with a copy of vmlab, changed or not."""
    return copy_of_vmlab(folder, *(() if mutation is None else (mutation.file, mutation.old, mutation.new)))


def names_of_cells(notebook: Path) -> list[str]:
    """The ids of the code cells, in order."""
    return [cell["id"] for cell in json.loads(notebook.read_text("utf-8"))["cells"] if cell["cell_type"] == "code"]


def until(notebook: Path, last: str) -> None:
    """Cut a notebook off after the cell with the id `last`: what comes then is of no interest, and takes long uncompiled."""
    book = json.loads(notebook.read_text("utf-8"))
    end = [cell["id"] for cell in book["cells"]].index(last)
    book["cells"] = book["cells"][: end + 1]
    notebook.write_text(json.dumps(book), "utf-8")


class Runner:
    """One Python that forks for each run of nbval."""

    def __init__(self) -> None:
        env = os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        env["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # others take longer to load than most cells to run
        self.python = subprocess.Popen(
            [sys.executable, ROOT / "tests" / "nbvalforks.py"], env=env, cwd=ROOT / "tests", encoding="utf-8",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def nbval(self, folder: Path, notebook: str, last: str) -> Outcome:
        """nbval on a copy of a notebook up to the cell `last`, with the vmlab in `folder`; the first cell that differs ends it."""
        copy = copy_of_notebooks(folder) / notebook
        until(copy, last)
        self.python.stdin.write(f"{folder}\t{copy}\n")
        self.python.stdin.flush()
        killer = threading.Timer(SECONDS, self.stop)
        killer.start()
        status = self.python.stdout.readline()
        killer.cancel()
        assert status, f"{notebook} took more than {SECONDS} s, or its runner died"
        said = (folder / "said.txt").read_text("utf-8", "replace")
        names = names_of_cells(copy)
        numbers = re.findall(r"^(?:FAILED|ERROR) \S+::Cell (\d+)", said, re.MULTILINE)
        return Outcome(int(status), [names[int(n)] for n in numbers], said)

    def stop(self) -> None:
        self.python.kill()


def run(notebook: str, mutation: Mutation | None) -> Outcome:
    """One run, by the runner of this thread."""
    need_module("nbval")
    if not hasattr(os, "fork"):
        pytest.skip("this system cannot fork a process, which each of the runs is: try them on Linux or macOS")
    if not hasattr(_mine, "runner"):
        _mine.runner = Runner()
    with tempfile.TemporaryDirectory() as folder:
        return _mine.runner.nbval(mutant(Path(folder), mutation), notebook, last_cell(notebook))


def last_cell(notebook: str) -> str:
    """The last cell in which a rule that is tried shows."""
    shown = {mutation.cell for name, mutation in TRIED if name == notebook}
    return [name for name in names_of_cells(ROOT / "notebooks" / notebook) if name in shown][-1]


def _name(notebook: str, mutation: Mutation) -> str:
    return f"{notebook[:2]}-{mutation.rule.replace(' ', '-')}"


@pytest.mark.slow
@pytest.mark.beside
@pytest.mark.parametrize("notebook", [path.name for path in NOTEBOOKS])
def test_without_a_mutation_the_notebook_passes(notebook):
    outcome = run(notebook, None)
    assert outcome.status == 0, outcome.text


@pytest.mark.slow
@pytest.mark.beside
@pytest.mark.parametrize(("notebook", "mutation"), TRIED, ids=[_name(*pair) for pair in TRIED])
def test_the_notebook_notices(notebook, mutation):
    outcome = run(notebook, mutation)
    assert outcome.status == 1, f"nbval ended with {outcome.status}\n{outcome.text}"
    assert outcome.failed == [mutation.cell], outcome.text


def test_the_mutated_copy_is_the_one_that_runs(tmp_path):
    folder = mutant(tmp_path, None)
    env = os.environ | {"PYTHONPATH": str(folder)}
    command = [sys.executable, "-c", "import importlib.util as u; print(u.find_spec('vmlab').origin)"]
    found = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=True).stdout.strip()
    assert Path(found).is_relative_to(folder)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_at_least_five_rules_of_each(notebook):
    assert len({mutation.rule for mutation in mutations(notebook)}) >= FEW


@pytest.mark.parametrize(("notebook", "mutation"), MUTATIONS, ids=[_name(*pair) for pair in MUTATIONS])
def test_the_rule_stands_once_and_its_cell_is_there(notebook, mutation):
    source = (ROOT / "vmlab" / mutation.file).read_text("utf-8")
    assert source.count(mutation.old) == 1
    assert mutation.cell in names_of_cells(ROOT / "notebooks" / notebook)
