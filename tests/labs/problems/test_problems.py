"""Problems: the same from the same seed, with choices that differ, right by another way of working them out."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
from labs.problems import plain
from needs import ROOT

from vmlab import labs
from vmlab.labs.problems import KINDS, Sheet
from vmlab.labs.problems.answers import shown
from vmlab.labs.problems.draws import Draws

SEEDS = range(12)
every = pytest.mark.parametrize("kind", KINDS)
_sheets: dict[tuple[str, int], Sheet] = {}


def sheet(kind, seed):
    if (kind, seed) not in _sheets:
        _sheets[kind, seed] = labs.problems(kind, seed=seed, n=5)
    return _sheets[kind, seed]


def all_of(kind):
    return [problem for seed in SEEDS for problem in sheet(kind, seed)]


@every
def test_right_by_another_way(kind):
    solve = getattr(plain, kind.replace("-", "_"))
    for problem in all_of(kind):
        assert (
            problem.answer == pytest.approx(solve(problem))
            if isinstance(problem.answer, float)
            else (problem.answer == solve(problem))
        ), problem


@every
def test_choices_differ_for_every_seed(kind):
    for problem in all_of(kind):
        words = [problem.shown(choice.answer) for choice in problem.choices]
        assert len(set(words)) == 4, problem
        assert [c.letter for c in problem.choices] == list("abcd")
        right = [c for c in problem.choices if not c.belief]
        assert [c.answer for c in right] == [problem.answer]
        assert problem.letter == right[0].letter


@every
def test_the_right_choice_is_anywhere(kind):
    assert {problem.letter for problem in all_of(kind)} == set("abcd")


@every
def test_the_same_seed_gives_the_same_problem(kind):
    again = labs.problems(kind, seed=3, n=5)
    assert again == sheet(kind, 3)
    assert repr(again) == repr(sheet(kind, 3))
    assert again[2:] == sheet(kind, 3)[2:]
    assert labs.problems(kind, seed=3, n=2) == again[:2]
    assert labs.problems(kind, seed=4, n=5) != again
    assert len({repr(problem).partition("\n")[2] for problem in all_of(kind)}) > 0.9 * len(all_of(kind))


def test_the_same_in_another_python():
    command = "from vmlab import labs; print(labs.problems(['translation', 'tlb'], seed=7, n=3))"
    printed = [
        subprocess.run(
            [sys.executable, "-c", command],
            env=os.environ | {"PYTHONHASHSEED": seed},
            cwd=ROOT,
            capture_output=True,
            text=True,
        ).stdout.strip()
        for seed in ("0", "1")
    ]
    assert printed == [repr(labs.problems(["translation", "tlb"], seed=7, n=3))] * 2


def test_draws_are_those_of_splitmix64():
    """A number once drawn stays: a teacher's sheet must be the same next year."""
    d = Draws("translation", 7, 1)
    assert [d.below(100) for _ in range(8)] == [47, 7, 25, 89, 56, 62, 95, 55]
    d._state = 1234567  # https://rosettacode.org/wiki/Pseudo-random_numbers/Splitmix64
    assert [d.below(1 << 64) for _ in range(3)] == [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert sorted(d.shuffled(range(9))) == list(range(9))


# -- feedback ------------------------------------------------------------------------------------------------------------------


@every
def test_feedback(kind, capsys):
    for problem in all_of(kind)[:15]:
        for choice in problem.choices:
            for given in (choice.letter, f" {choice.letter.upper()} ", choice.answer, problem.shown(choice.answer)):
                problem.check(given)
                said = " ".join(capsys.readouterr().out.split())
                if choice.belief:
                    assert said == f"{problem.name}: not yet. {choice.belief}"
                else:
                    assert said == f"{problem.name}: right. {problem.solution.reason}"


@every
def test_a_belief_does_not_give_the_answer_away(kind):
    for problem in all_of(kind):
        for belief in filter(None, (choice.belief for choice in problem.choices)):
            if problem.answer not in ("page fault", "succeeds"):  # said of what the student chose
                assert not re.search(rf"(?<![\w.]){re.escape(shown(problem.form, problem.answer))}(?![\w.])", belief), (
                    problem
                )


@every
@pytest.mark.parametrize(
    "given", [None, True, [1], b"a", object(), 1j, "", "1 + 1", "__import__('os')", "9" * 5000, float("nan")]
)
def test_what_is_no_answer_is_told(kind, given, capsys):
    problem = sheet(kind, 0)[0]
    problem.check(given)
    said = capsys.readouterr().out
    assert said.startswith(f"{problem.name}: ")
    assert "right." not in said
    assert len(said) < 500


def test_no_answer_yet_and_numbers_of_numpy(capsys):
    problem = sheet("tlb", 0)[0]
    problem.check()
    assert "no answer yet" in capsys.readouterr().out
    problem.check(np.int64(problem.answer))
    problem.check(float(problem.answer))
    assert capsys.readouterr().out.count("right.") == 2
    problem.check(10**9)
    assert "not one of the slips" in capsys.readouterr().out


# -- shown ---------------------------------------------------------------------------------------------------------------------


@every
def test_shown_with_the_solution_folded_away(kind):
    for problem in all_of(kind)[:10]:
        text, html = repr(problem), problem._repr_html_()
        assert problem.question.split()[0] in text
        assert all(problem.shown(c.answer).splitlines()[0] in text for c in problem.choices)
        assert problem.solution.reason not in text
        before, folded = html.split("<details>")
        assert problem.solution.reason.split()[0] in folded
        assert "Solution" not in before
        assert repr(problem.solution).startswith(problem.solution.steps.title)
        assert all(len(line) <= 120 for line in text.splitlines()), text


# -- asked for badly -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        ({"kind": "calculus"}, ValueError, "there are no problems of kind 'calculus'; there are: translation, "),
        ({"kind": 3}, TypeError, "kind must be one of translation, "),
        ({"kind": []}, ValueError, "no kind is asked for"),
        ({"kind": ["tlb", None]}, ValueError, "no problems of kind None"),
        ({"n": 0}, ValueError, "n=0: a sheet has 1 to 100 problems"),
        ({"n": -1}, ValueError, "n=-1: "),
        ({"n": 1_000_000}, ValueError, "n=1,000,000: a sheet has 1 to 100"),
        ({"n": 2.5}, TypeError, "n must be a whole number, not 2.5"),
        ({"seed": "seven"}, TypeError, "seed must be a whole number, not 'seven'"),
        ({"seed": None}, TypeError, "seed must be a whole number, not None"),
        ({"seed": True}, TypeError, "seed must be a whole number, not True"),
    ],
)
def test_bad_input_is_one_sentence(arguments, error, sentence):
    with pytest.raises(error, match=re.escape(sentence)) as caught:
        labs.problems(**({"kind": "tlb"} | arguments))
    assert "\n" not in str(caught.value)


def test_any_whole_number_is_a_seed():
    for seed in (-1, 0, 2**200, np.int32(5)):
        assert len(labs.problems("translation", seed=seed, n=1)) == 1
    assert labs.problems("translation", seed=np.int32(5)) == labs.problems("translation", seed=5)


def test_several_kinds_on_one_sheet():
    both = labs.problems(["tlb", "translation"], seed=1, n=2)
    assert [p.name for p in both] == ["tlb 1.1", "tlb 1.2", "translation 1.1", "translation 1.2"]
    assert both[:2] == labs.problems("tlb", seed=1, n=2)
