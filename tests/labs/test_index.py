"""The index of the labs says what the labs say, and leads to cells that are there."""

import json
import re

import pytest
from needs import ROOT

from vmlab.labs.lab import LABS

FOLDER = ROOT / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("[0-9]*.ipynb"))


def cells(name: str) -> dict[str, str]:
    """The sources of a notebook's cells, by id."""
    book = json.loads((FOLDER / name).read_text("utf-8"))
    return {cell["id"]: "".join(cell["source"]) for cell in book["cells"]}


def rows(cell: str) -> list[list[str]]:
    """The rows of the table in a cell of the index, below its heading."""
    lines = [line for line in cells("index.ipynb")[cell].splitlines() if line.startswith("| ")]
    return [[part.strip() for part in line.strip("|").split("|")] for line in lines[1:]]


def test_every_lab_is_listed_in_order():
    linked = [re.search(r"\]\((.*)\)", row[0])[1] for row in rows("contents")]
    assert linked == [path.name for path in NOTEBOOKS]
    assert [name[:2] for name in linked] == list(LABS)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_lab_is_told_as_it_tells_itself(path):
    [row] = [row for row in rows("contents") if path.name in row[0]]
    its = cells(path.name)
    assert its["title"].splitlines()[0] == "# " + re.match(r"\[(.*)\]", row[0])[1]
    assert f"*{row[1]} minutes." in its["title"]
    assert its["outcome"] == f"When you are done you can {row[2]}."


ASKED = [(lab, cell) for _, where in rows("ask") for lab, names in re.findall(r"(\d\d) ((?:\*[\w-]+\*(?:, )?)+)", where)
         for cell in re.findall(r"\*([\w-]+)\*", names)]  # fmt: skip


def test_every_question_leads_somewhere():
    assert len(rows("ask")) == 34
    assert all(re.search(r"\d\d \*[\w-]+\*", where) for _, where in rows("ask"))
    assert {lab for lab, _ in ASKED} == set(LABS) - {"00"}


@pytest.mark.parametrize(("lab", "cell"), ASKED, ids=lambda value: value)
def test_the_cell_is_there_and_says_its_name(lab, cell):
    [path] = FOLDER.glob(f"{lab}-*.ipynb")
    assert cells(path.name)[cell].splitlines()[0].startswith(f"# {cell}")
