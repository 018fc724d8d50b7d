"""Checks: what a right answer, each known slip, and anything else is told."""

import ast
import json
import re

import pytest
from needs import ROOT

from vmlab import labs
from vmlab.labs import checking, standing
from vmlab.labs.lab import LABS, Exercise, Puzzle, exercise, exercises, lab

NUMBERS = [e for e in exercises() if isinstance(e, Exercise)]
PUZZLES = [e for e in exercises() if isinstance(e, Puzzle)]
SLIPS = [pytest.param(e, s, id=f"{e.name}-{s.answer}") for e in NUMBERS for s in e.slips]


@pytest.fixture(autouse=True)
def nothing_answered(monkeypatch):
    monkeypatch.setattr(standing, "_kept", {})


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


@pytest.mark.parametrize("asked", list(exercises()), ids=lambda e: e.name)
def test_the_answer_only_when_asked(asked, capsys):
    labs.answer(asked.name)
    text = " ".join(capsys.readouterr().out.split())
    expected = f"{asked.truth()} {asked.unit}" if isinstance(asked, Exercise) else asked.rule
    number = asked.name[:2]
    assert text == (
        f"{asked.name}: the answer is {expected}. {asked.reason} "
        f"Lab {number}: 0 of {len(lab(number).exercises)} right; answer shown: {asked.name}."
    )


@pytest.mark.parametrize("asked", PUZZLES, ids=lambda e: e.name)
def test_a_case_step_by_step(asked, capsys):
    for case in asked.cases:
        labs.step(asked.name, **dict(zip(asked.arguments, case)))
        head, *rows = capsys.readouterr().out.splitlines()
        assert head.endswith(asked.said(*case))
        assert len(rows) >= 2
    with pytest.raises(ValueError, match=f"{asked.name} is tried with {asked.arguments[0]} from 1 to "):
        labs.step(asked.name, **dict.fromkeys(asked.arguments, 99))
    with pytest.raises(ValueError, match="is tried with"):
        labs.step(asked.name, q=1)


def test_the_steps_of_a_case_add_up_to_its_answer():
    puzzle = exercise("06.4")
    for case in puzzle.cases:
        head, *rows = puzzle.steps(*case)
        assert sum(int(row[head.index("copied")]) for row in rows) == puzzle.truth(*case) == min(case[1], case[0] - 1)
    rounds = exercise("00.5")
    for case in rounds.cases:
        assert sum(row[1] == "fault" for row in rounds.steps(*case)) - 1 == rounds.truth(*case)


def test_a_number_has_no_cases_to_step():
    with pytest.raises(ValueError, match=r"06\.1 has one case only"):
        labs.step("06.1")


def test_an_answer_is_never_evaluated_as_text(said):
    assert "you gave the text '35 + 35'" in said("06.1", "35 + 35")
    assert "you gave the text 'lambda k, w: w'" in said("06.4", "lambda k, w: w")


def test_units_of_fork(said):
    assert "the question asks for pages, and 280 is that in kB" in said("06.1", 280)
    assert "the question asks for kB, and 10240 is that in bytes" in said("06.2", 10240)


def test_feedback_runs_on_a_scene_of_its_own_and_says_so(said, monkeypatch):
    """A check needs nothing of the notebook, and leaves what is there alone."""
    from types import SimpleNamespace

    scene = exercise("06.1").scene()
    before = scene["forked"].digest()
    monkeypatch.setattr("IPython.core.getipython.get_ipython", lambda: SimpleNamespace(user_ns=scene))
    assert "a scene of its own" not in said("06.1", 100)
    assert scene["forked"].digest() == before
    scene["forked"] = "mine"
    del scene["heap"]
    text = " ".join(said("06.1", 100).split())
    assert text.endswith("-> 30 This was run on a scene of its own; in the notebook forked, heap is another thing now.")


def test_progress(said, capsys):
    said("06.1", 100), said("06.1", 70), said("06.1", 0), said("06.3", 1)
    labs.hint("06.2")
    labs.answer("06.2")
    capsys.readouterr()
    labs.progress("06")
    assert capsys.readouterr().out.splitlines() == [
        "Lab 06: 1 of 4 right; answer shown: 06.2.",
        "  06.1  right, after 2 answers",
        "  06.2  no answer yet, 1 hint, answer shown",
        "  06.3  not yet, after 1 answer",
        "  06.4  no answer yet",
    ]
    labs.progress()
    told = capsys.readouterr().out.splitlines()
    assert [line[4:6] for line in told] == list(LABS) and told[list(LABS).index("06")] == (
        "Lab 06: 1 of 4 right; answer shown: 06.2."
    )
    with pytest.raises(KeyError, match="there is no lab"):
        labs.progress("99")


def test_hints_come_one_at_a_time(capsys):
    for n in (1, 2, 3, 1):
        labs.hint("00.1")
        assert capsys.readouterr().out.startswith(f"00.1, hint {n} of 3: ")
