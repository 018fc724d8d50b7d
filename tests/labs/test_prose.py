"""The notebooks' prose: short cells, no filler, and every number in it stands in something above it."""

import json
import re

import pytest
from needs import ROOT

from vmlab.labs.lab import LABS, lab

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MAX_WORDS = 60
FILLER = re.compile(r"\b(simply|just|of course|obviously|note that|let's|easy|easily|trivial)\b|!", re.IGNORECASE)
NUMBER = re.compile(r"(?<![\w.,])\d[\d,]*(?![\w.]\d)")


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def cells(request):
    return json.loads(request.param.read_text("utf-8"))["cells"]


def prose(cell) -> str:
    """The text of a cell without its heading, its minutes, its tables and its code."""
    text = re.sub(r"^(#+ .*|\*\d+ minutes?\*|\|.*)$", "", "".join(cell["source"]), flags=re.MULTILINE)
    return re.sub(r"`[^`]*`", " code ", text)


def shown(cell) -> str:
    """What a code cell shows: its source and its outputs as text."""
    out = ["".join(cell["source"])]
    for output in cell["outputs"]:
        data = output.get("data", {})
        out += [
            "".join(output.get("text", "")),
            "".join(data.get("text/plain", "")),
            "".join(data.get("text/html", "")),
        ]
    return "\n".join(out)


def test_text_cells_are_short(cells):
    long = {c["id"]: len(prose(c).split()) for c in cells if c["cell_type"] == "markdown"}
    assert {name: n for name, n in long.items() if n > MAX_WORDS} == {}


def test_no_filler(cells):
    assert [FILLER.search(prose(c))[0] for c in cells if c["cell_type"] == "markdown" and FILLER.search(prose(c))] == []


def test_cells_have_names(cells):
    names = [c["id"] for c in cells]
    assert len(set(names)) == len(names)
    assert [n for n in names if not re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", n)] == []


def test_a_number_in_a_sentence_about_an_output_stands_above_it(cells):
    """A cell named read-x reads the output of x: its numbers are those of the cells above, in digits."""
    above, missing = "", []
    for c in cells:
        if c["cell_type"] == "code":
            above += shown(c)
        elif c["id"].startswith("read-"):
            known = {n.replace(",", "") for n in re.findall(r"\d[\d,]*", above)}
            missing += [(c["id"], n) for n in NUMBER.findall(prose(c)) if n.strip(",").replace(",", "") not in known]
    assert missing == []


@pytest.mark.parametrize("number", LABS)
def test_the_cells_that_decide_are_there_and_say_their_names(number):
    (path,) = (ROOT / "notebooks").glob(f"{number}-*.ipynb")
    code = {
        c["id"]: "".join(c["source"]) for c in json.loads(path.read_text("utf-8"))["cells"] if c["cell_type"] == "code"
    }
    for p in lab(number).predictions:
        assert code[p.cell].splitlines()[0] == f"# {p.cell}"


@pytest.mark.parametrize("number", LABS)
def test_every_exercise_is_asked_and_ships_unanswered(number):
    (path,) = (ROOT / "notebooks").glob(f"{number}-*.ipynb")
    text = path.read_text("utf-8")
    for e in lab(number).exercises:
        assert re.search(rf'labs\.check\(\\"{re.escape(e.name)}\\", (\.\.\.|\w+)\)', text)
        assert f"{e.name}: no answer yet." in text
