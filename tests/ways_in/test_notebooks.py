"""Every notebook is committed as it ran, and runs again to the same outputs."""

import json
import re
import tempfile
from pathlib import Path

import pytest
from labserver import copy_of_notebooks
from needs import ROOT, need_module, run_module

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
VIEW, STATE = "application/vnd.jupyter.widget-view+json", "application/vnd.jupyter.widget-state+json"
SOMEBODYS = re.compile(r"(?<![\w.~])(/(?:home|Users|root|tmp|var/folders)/|[A-Z]:\\\\)")
MAX_BYTES = 800_000
MAX_LINES = 6
MARKER = re.compile(r"^#\s*(NBVAL_\w+)\s*$")
# Cells that print what the host says, by lab; in others there is none
MARKS = {
    "00": 1,
    "01": 2,
    "02": 1,
    "03": 2,
    "04": 2,
    "05": 2,
    "06": 5,
    "07": 3,
    "09": 2,
    "10": 3,
    "11": 2,
    "12": 1,
    "13": 2,
}


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture
def notebook(path):
    return json.loads(path.read_text("utf-8"))


def source(cell) -> str:
    return "".join(cell["source"])


def code_cells(notebook) -> list[dict]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def outputs(notebook) -> list[dict]:
    return [output for cell in code_cells(notebook) for output in cell["outputs"]]


def test_the_first_notebook_is_there():
    assert (ROOT / "notebooks" / "00-meet-the-machine.ipynb").is_file()


def test_executed_once_from_top_to_bottom(notebook):
    counts = [cell["execution_count"] for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1))


def test_no_cell_failed(notebook):
    assert [output for output in outputs(notebook) if output["output_type"] == "error"] == []


def test_runs_with_the_python_that_is_there(notebook):
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"


def test_small_enough_for_a_diff(path):
    assert path.stat().st_size < MAX_BYTES


def test_widgets_show_without_running(notebook):
    shown = {output["data"][VIEW]["model_id"] for output in outputs(notebook) if VIEW in output.get("data", {})}
    state = notebook["metadata"].get("widgets", {}).get(STATE, {}).get("state", {})
    assert shown <= set(state)


def test_cells_have_one_idea(notebook):
    assert [source(cell) for cell in code_cells(notebook) if len(source(cell).splitlines()) > MAX_LINES] == []


def test_no_path_of_somebodys_machine(path):
    found = SOMEBODYS.search(path.read_text("utf-8"))
    assert found is None, f"{found[0]!r} at character {found.start()}"


def test_every_mark_for_nbval_has_its_reason(notebook, path):
    """`# NBVAL_IGNORE_OUTPUT` stands above a comment that says what the host decides; nothing is skipped, no tags."""
    assert sum(source(cell).count("NBVAL_") for cell in code_cells(notebook)) == MARKS.get(path.name[:2], 0)
    for cell in code_cells(notebook):
        assert not [tag for tag in cell["metadata"].get("tags", []) if "nbval" in tag or tag == "raises-exception"]
        lines = source(cell).splitlines()
        for line, after in zip(lines, [*lines[1:], ""]):
            if marker := MARKER.match(line):
                assert marker[1] == "NBVAL_IGNORE_OUTPUT"
                assert re.match(r"# this computer decides: ( ?\S+){3,}", after), f"no reason under {line!r}"
        assert source(cell).count("NBVAL_") == sum(bool(MARKER.match(line)) for line in lines)


@pytest.mark.slow
@pytest.mark.beside
def test_the_outputs_are_the_same_again():
    """nbval, strictly: as `pytest --nbval --nbval-current-env --nbval-cell-timeout=120 notebooks`."""
    need_module("nbval")
    run_module("vmlab", "warm", seconds=600)  # or the first cell would print the progress of the compiler
    options = ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=120", "-p", "no:cacheprovider", "-q"]
    with tempfile.TemporaryDirectory() as home:
        run_module("pytest", *options, copy_of_notebooks(Path(home)), seconds=1200, cwd=home)
