"""Checks: what a right answer, each known slip, and anything else is told."""

import ast
import json
import re

import pytest
from needs import ROOT

from vmlab import labs
from vmlab.labs import checking
from vmlab.labs.lab import LABS, Exercise, Puzzle, exercise, exercises, lab

NUMBERS = [e for e in exercises() if isinstance(e, Exercise)]
PUZZLES = [e for e in exercises() if isinstance(e, Puzzle)]
SLIPS = [pytest.param(e, s, id=f"{e.name}-{s.answer}") for e in NUMBERS for s in e.slips]


@pytest.fixture
def said(capsys):
    """`said(name, answer)` -> what the check prints."""

    def told(name, answer=...):
        labs.check(name, answer)
        return capsys.readouterr().out

    return told


def names_of_notebook(number: str) -> set[str]:
    """The names that the cells of a lab's notebook assign."""
    (path,) = (ROOT / "notebooks").glob(f"{number}-*.ipynb")
    cells = json.loads(path.read_text("utf-8"))["cells"]
    trees = [ast.parse("".join(c["source"])) for c in cells if c["cell_type"] == "code"]
    return {n.id for t in trees for n in ast.walk(t) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


@pytest.mark.parametrize("number", LABS)
def test_a_lab_has_its_parts(number):
    found = lab(number)
    assert found.number == number
    assert 3 <= len(found.predictions) <= 4
    assert all(e.name.startswith(f"{number}.") for e in found.exercises)
    with pytest.raises(KeyError, match="there are: 00"):
        lab("99")


@pytest.mark.parametrize("asked", list(exercises()), ids=lambda e: e.name)
def test_no_answer_yet(asked, said):
    assert said(asked.name) == f"{asked.name}: no answer yet. Put yours in place of the dots and run the cell again.\n"


@pytest.mark.parametrize("asked", NUMBERS, ids=lambda e: e.name)
def test_the_machines_answer_is_right_and_has_a_reason(asked, said):
    text = said(asked.name, asked.truth())
    assert text.startswith(f"{asked.name}: right. ")
    assert " ".join(text.split()).endswith(asked.reason)


@pytest.mark.parametrize("asked", NUMBERS, ids=lambda e: e.name)
def test_wrong_answers_are_told_apart(asked):
    wrong = [s.answer for s in asked.slips]
    assert len(set(wrong)) == len(wrong) >= 3
    assert asked.truth() not in wrong


@pytest.mark.parametrize(("asked", "slip"), SLIPS)
def test_a_slip_is_told_its_belief_and_shown_what_contradicts_it(asked, slip, said):
    text = said(asked.name, slip.answer)
    assert text.startswith(f"{asked.name}: not yet. ")
    assert re.search(r"\n    -> \S", text)
    assert all(len(line) <= checking.WIDTH for line in text.splitlines() if not line.startswith("    "))


@pytest.mark.parametrize(("asked", "slip"), SLIPS)
def test_no_feedback_gives_the_answer_away(asked, slip, said):
    truth = asked.truth()
    told = said(asked.name, slip.answer) + " ".join(asked.hints)
    assert str(truth) not in re.findall(r"(?<![\w.])\d+(?!\w|\.\d)", told.removeprefix(asked.name))


@pytest.mark.parametrize(("asked", "slip"), SLIPS)
def test_pasted_code_leaves_the_notebooks_names_alone(asked, slip):
    stored = {n.id for n in ast.walk(ast.parse(slip.code)) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    anew = {"cost", "q"}  # the notebook sets these where it reads them
    assert stored & names_of_notebook(asked.name[:2]) <= anew
    assert len(slip.code.splitlines()) <= 4


@pytest.mark.parametrize("asked", NUMBERS, ids=lambda e: e.name)
def test_other_answers(asked, said):
    assert 'not one of the slips we know. labs.hint("' in " ".join(said(asked.name, 999).split())
    assert f"takes a whole number of {asked.unit}; you gave the text '70'." in said(asked.name, "70")
    assert "you gave the number 2.5" in said(asked.name, 2.5)
    assert "you gave the truth value True" in said(asked.name, True)
    assert "you gave -1" in said(asked.name, -1)
    assert f"{asked.name}: right." in said(asked.name, type("Index", (), {"__index__": lambda self: asked.truth()})())


def test_the_right_number_in_another_unit(said):
    asked = exercise("00.4")
    assert "only the unit is wrong" in said("00.4", asked.truth() * 4)
    assert "only the unit is wrong" in said("00.4", asked.truth() * 4096)


def test_unknown_exercises():
    with pytest.raises(KeyError, match=r"there are: 00\.1, 00\.2"):
        labs.check("00.9", 1)


@pytest.mark.parametrize("asked", PUZZLES, ids=lambda e: e.name)
def test_puzzles(asked, said):
    right = eval(asked.rule)
    assert said(asked.name, right).startswith(f"{asked.name}: right, in all {len(asked.cases)} cases. ")
    for slip in asked.slips:
        text = " ".join(said(asked.name, slip.answer).split())
        assert text.startswith(f'{asked.name}: not yet. {slip.belief} labs.step("{asked.name}", ')
        assert re.search(r" -> your rule says -?\d+, the machine made \d+ \(\d+ of \d+ cases agree\)$", text)
    assert "takes a function, such as" in said(asked.name, 3)


def test_a_function_that_fails_or_never_returns_is_told_where(said, monkeypatch):
    assert "n=3, k=2, r=2: ZeroDivisionError" in said("00.5", lambda n, k, r: n / 0)
    assert "return n / 0" not in said("00.5", lambda n, k: n)
    monkeypatch.setattr(checking, "SECONDS", 0.1)
    assert "has not come back after 0.1 seconds" in said("00.5", lambda n, k, r: [None for _ in iter(int, 1)])


def test_hints_come_one_at_a_time(capsys):
    for n in (1, 2, 3, 1):
        labs.hint("00.1")
        assert capsys.readouterr().out.startswith(f"00.1, hint {n} of 3: ")
