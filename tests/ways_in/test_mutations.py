"""Break one rule of the kernel at a time: a notebook that speaks of the rule must notice, in the cell that shows it.

nbval compares outputs and nothing else, so a notebook could be green and test nothing. Each mutation is a change of a few
characters in a copy of vmlab; nbval runs the notebook with that copy against the recorded outputs, without the compiler (a
changed source would be compiled anew each time). A copy without any change must pass, so that red means the mutation.

Usually the first FEW of each notebook are tried, and of the first notebook the first ten; with VMLAB_LONG=1 all are:

    VMLAB_LONG=1 python -m pytest tests/ways_in/test_mutations.py
"""

import json
import os
import queue
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest
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
AT_ONCE = 2
SECONDS = 180  # for one of them, on a slow computer


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
        shutil.copytree(ROOT / "notebooks", folder / "notebooks", ignore=shutil.ignore_patterns(".*"))
        copy = folder / "notebooks" / notebook
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


def run(runners: queue.SimpleQueue[Runner], folder: Path, notebook: str, mutation: Mutation | None) -> Outcome:
    """One run, by a runner that is idle."""
    runner = runners.get()
    try:
        return runner.nbval(mutant(folder, mutation), notebook, last_cell(notebook))
    finally:
        runners.put(runner)


def last_cell(notebook: str) -> str:
    """The last cell in which a rule that is tried shows."""
    shown = {mutation.cell for name, mutation in TRIED if name == notebook}
    return [name for name in names_of_cells(ROOT / "notebooks" / notebook) if name in shown][-1]


@pytest.fixture(scope="module")
def outcomes(request, tmp_path_factory) -> Iterator[dict[tuple[str, str], Future[Outcome]]]:
    """What comes out of each mutation that is asked for, by notebook and rule: they run AT_ONCE at a time while the tests wait."""
    need_module("nbval")
    if not hasattr(os, "fork"):
        pytest.skip("this system cannot fork a process, which each of the runs is: try them on Linux or macOS")
    params = [item.callspec.params for item in request.session.items if _is_ours(item)]
    every = [Runner() for _ in range(AT_ONCE)]
    runners: queue.SimpleQueue[Runner] = queue.SimpleQueue()
    for runner in every:
        runners.put(runner)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {
            (notebook, m.rule if m else ""): pool.submit(run, runners, tmp_path_factory.mktemp("mutant"), notebook, m)
            for notebook in dict.fromkeys(asked["notebook"] for asked in params)
            for m in dict.fromkeys(
                [None, *(a["mutation"] for a in params if a["notebook"] == notebook and "mutation" in a)]
            )
        }
        pool.shutdown(cancel_futures=True)
    for runner in every:
        runner.stop()


def _is_ours(item: pytest.Item) -> bool:
    return item.path == Path(__file__) and "outcomes" in getattr(item, "fixturenames", ())


def _name(notebook: str, mutation: Mutation) -> str:
    return f"{notebook[:2]}-{mutation.rule.replace(' ', '-')}"


@pytest.mark.slow
@pytest.mark.parametrize("notebook", [path.name for path in NOTEBOOKS])
def test_without_a_mutation_the_notebook_passes(notebook, outcomes):
    outcome = outcomes[notebook, ""].result()
    assert outcome.status == 0, outcome.text


@pytest.mark.slow
@pytest.mark.parametrize(("notebook", "mutation"), TRIED, ids=[_name(*pair) for pair in TRIED])
def test_the_notebook_notices(notebook, mutation, outcomes):
    outcome = outcomes[notebook, mutation.rule].result()
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
