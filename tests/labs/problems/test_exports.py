"""Problems as files: what they hold, what they leave out, and what is refused."""

import ast
import json
import os
import re

import nbformat
import pytest
from nbclient import NotebookClient
from needs import ROOT

from vmlab import labs
from vmlab.errors import PathError
from vmlab.labs.problems import KINDS
from vmlab.labs.problems.export import FORMATS, grading, latex, markdown

SHEET = labs.problems(list(KINDS), seed=7, n=2)
FILES = [("notebook", "x.ipynb"), ("markdown", "x.md"), ("latex", "x.tex")]


def exported(tmp_path, format, solutions=False):
    path = SHEET.export(tmp_path / f"x{FORMATS[format]}", format=format, solutions=solutions)
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize(("format", "name"), FILES)
def test_by_how_the_name_ends(format, name, tmp_path):
    assert SHEET.export(str(tmp_path / name)) == tmp_path / name
    first = (tmp_path / name).read_text(encoding="utf-8")
    os.remove(tmp_path / name)
    assert exported(tmp_path, format) == first


@pytest.mark.parametrize(("format", "name"), FILES)
def test_solutions_only_when_asked_for(format, name, tmp_path):
    with_them = exported(tmp_path, format, solutions=True)
    os.remove(tmp_path / name)
    without = exported(tmp_path, format)
    written = {
        "latex": latex.escaped,
        "markdown": markdown.escaped,
        "notebook": lambda s: json.dumps(markdown.escaped(s), ensure_ascii=False)[1:-1],
    }
    for problem in SHEET:
        for sentence in (problem.solution.reason, *(c.belief for c in problem.choices if c.belief)):
            words = written[format](sentence)
            assert words in with_them, words
            assert words not in without, words
        assert written[format](problem.question.split(". ")[0]) in without


def test_a_notebook_runs(tmp_path):
    SHEET[:3].export(tmp_path / "x.ipynb", solutions=True)
    notebook = nbformat.read(tmp_path / "x.ipynb", as_version=4)
    nbformat.validate(notebook)
    answers = [cell for cell in notebook.cells if cell.id.startswith("answer")]
    answers[0].source = answers[0].source.replace("...", repr(SHEET[0].letter))
    wrong = next(c.letter for c in SHEET[1].choices if c.belief)
    answers[1].source = answers[1].source.replace("...", repr(wrong))
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(ROOT)}}).execute()
    said = [" ".join(cell.outputs[0].text.split()) for cell in answers]
    assert said[0].startswith(f"{SHEET[0].name}: right. ")
    assert said[1].startswith(f"{SHEET[1].name}: not yet. ")
    assert said[2].startswith(f"{SHEET[2].name}: no answer yet")


@pytest.mark.parametrize("solutions", [False, True])
def test_latex_is_balanced(solutions, tmp_path):
    text = exported(tmp_path, "latex", solutions)
    opened = []
    for word, name in re.findall(r"\\(begin|end)\{(\w+)\}", text):
        if word == "begin":
            opened.append(name)
        else:
            assert opened.pop() == name
    assert opened == []
    assert text.isascii()
    bare = re.sub(r"\\[{}$&#%_\\]", "", text)
    assert bare.count("{") == bare.count("}")
    assert not re.search(r'[#$%^~|<>"]', bare)
    for rows in re.findall(r"\\begin\{tabular\}\{([^\n]*)\}\n(.*?)\\end\{tabular\}", text, re.DOTALL):
        columns = len(re.sub(r"p\{.*?\}", "p", rows[0].replace(r"p{0.42\textwidth}", "p")))
        assert {len(re.findall(r"(?<!\\)&", row)) for row in rows[1].splitlines()} == {columns - 1}


def test_markdown_tables_have_as_many_columns_in_each_row(tmp_path):
    text = exported(tmp_path, "markdown", solutions=True)
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1, table


@pytest.mark.parametrize("format", ["nbgrader", "otter"])
def test_assignments_are_notebooks_that_tell_no_seed(format, tmp_path):
    text = exported(tmp_path, format)
    nbformat.validate(nbformat.reads(text, as_version=4))
    assert "vmlab" not in text
    assert "seed" not in text
    assert not any(problem.name in text for problem in SHEET)


@pytest.mark.parametrize("kind", KINDS)
def test_a_grader_takes_what_check_takes(kind, capsys):
    for problem in [*labs.problems(kind, seed=1, n=10)]:
        for choice in problem.choices:
            for given in (choice.letter, choice.letter.upper(), choice.answer, problem.shown(choice.answer)):
                try:
                    exec(grading.assertion(problem, "answer_1"), {"answer_1": given})
                    right = True
                except (AssertionError, ValueError):
                    right = False
                assert right == (not choice.belief), (problem, given)
        exec(f"answer_1 = {grading.value(problem)}\n{grading.assertion(problem, 'answer_1')}", {})
        ast.literal_eval(grading.value(problem))
        with pytest.raises((AssertionError, TypeError)):  # no answer: it is a mistake or a refusal, and no point
            exec(grading.assertion(problem, "answer_1"), {"answer_1": ...})


# -- refused -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "format", "error", "sentence"),
    [
        ("x.pdf", None, ValueError, "'x.pdf' ends in no known way; known are .ipynb, .md and .tex"),
        ("x", None, ValueError, "ends in no known way"),
        ("", None, ValueError, "ends in no known way"),
        (
            "x.md",
            "word",
            ValueError,
            "format='word' is unknown; choose one of notebook, markdown, latex, nbgrader, otter",
        ),
        ("x.md", 3, ValueError, "format=3 is unknown"),
        ("x.md", "otter", ValueError, "'x.md': a file of format otter ends in .ipynb"),
        (3, None, TypeError, "path must be the name of a file, not 3"),
        (None, None, TypeError, "path must be the name of a file, not None"),
        ("no/such/folder/x.md", None, PathError, "'no/such/folder/x.md' cannot be written: No such file or directory"),
        ("a\0b.md", None, PathError, "cannot be written"),
        ("there.md", None, PathError, "'there.md' exists already, and is left as it is"),
    ],
)
def test_refused_in_one_sentence(path, format, error, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.md").write_text("mine")
    with pytest.raises(error, match=re.escape(sentence)) as caught:
        SHEET.export(path.replace("/", os.sep) if os.sep != "/" and isinstance(path, str) else path, format=format)
    assert "\n" not in str(caught.value)
    assert [file.name for file in tmp_path.iterdir()] == ["there.md"]
    assert (tmp_path / "there.md").read_text() == "mine"


def test_no_problems():
    with pytest.raises(ValueError, match="there are no problems to write"):
        SHEET[:0].export("x.md")
