"""nbgrader and otter-grader themselves make assignments of what is exported, and grade what students hand in.

Both bring a server, sphinx and pins of their own (0.7 GB), so they are kept in an environment beside vmlab's:

    python -m venv graders && graders/bin/pip install nbgrader otter-grader
    VMLAB_GRADERS=graders pytest tests/labs/problems/test_graders.py

Without that variable these tests are skipped, in CI too.
"""

import json
import os
import shutil
from pathlib import Path

import pytest
from needs import ROOT, run

from vmlab import labs
from vmlab.labs.problems import KINDS

SHEET = labs.problems(list(KINDS), seed=7, n=1)
HALF = len(SHEET) // 2
GRADERS = os.environ.get("VMLAB_GRADERS", "")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not GRADERS,
        reason="VMLAB_GRADERS is not set: make an environment with pip install nbgrader otter-grader, and name its folder",
    ),
]


def command(name, *arguments, cwd, home):
    """Run a command of the graders' environment, which sees neither vmlab nor our settings."""
    folder = (ROOT / GRADERS).resolve() / "bin"
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "JUPYTER"))}
    kernels = {"JUPYTER_PREFER_ENV_PATH": "1", "JUPYTER_CONFIG_DIR": str(home), "JUPYTER_DATA_DIR": str(home)}
    env = kept | kernels | {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "HOME": str(home)}
    return run([folder / name, *arguments], cwd=cwd, env=env)


def handed_in(notebook: Path, to: Path, answers: list[object]) -> None:
    """A student fills in the answers, in the cells that ask for them."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))
    for number, answer in enumerate(answers, 1):
        mine = [
            cell
            for cell in cells["cells"]
            if cell["cell_type"] == "code"
            and "".join(cell["source"]).startswith((f"answer_{number} =", f"# answer_{number} ="))
        ]
        assert len(mine) == 1
        if answer is not None:
            mine[0]["source"] = f"answer_{number} = {answer!r}"
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_text(json.dumps(cells), encoding="utf-8")


def answers_of(how: str) -> list[object]:
    """right: values and letters in turn; wrong; blank; half: every other one right."""
    right = [p.letter if i % 2 else p.shown(p.answer) for i, p in enumerate(SHEET)]
    wrong = [next(c.letter for c in p.choices if c.belief) for p in SHEET]
    blank: list[object] = [None] * len(SHEET)
    return {"right": right, "wrong": wrong, "blank": blank, "half": [*right[:HALF], *wrong[HALF:]]}[how]


POINTS = {"right": len(SHEET), "wrong": 0, "blank": 0, "half": HALF}


def tells_no_answers(notebook: Path) -> None:
    text = notebook.read_text(encoding="utf-8")
    for word in ("assert ", "SOLUTION", "HIDDEN", "vmlab"):
        if not (word == "assert " and " is not ..." in text):
            assert word not in text
    assert not any(json.dumps(p.solution.reason)[1:-1] in text for p in SHEET)


def test_nbgrader(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    source = tmp_path / "source" / "sheet"
    source.mkdir(parents=True)
    SHEET.export(source / "problems.ipynb", format="nbgrader")
    said = command("nbgrader", "generate_assignment", "sheet", "--create", cwd=tmp_path, home=home)
    assert "ERROR" not in said
    assert "Success" in command("nbgrader", "validate", source / "problems.ipynb", cwd=tmp_path, home=home)
    released = tmp_path / "release" / "sheet" / "problems.ipynb"
    tells_no_answers(released)
    for how in POINTS:
        handed_in(released, tmp_path / "submitted" / how / "sheet" / "problems.ipynb", answers_of(how))
    command("nbgrader", "autograde", "sheet", "--create", cwd=tmp_path, home=home)
    command("nbgrader", "export", "--to", "grades.csv", cwd=tmp_path, home=home)
    head, *rows = [line.split(",") for line in (tmp_path / "grades.csv").read_text().splitlines()]
    grades = {
        row[head.index("student_id")]: (float(row[head.index("score")]), float(row[head.index("max_score")]))
        for row in rows
    }
    assert grades == {how: (points, len(SHEET)) for how, points in POINTS.items()}


def test_otter(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    SHEET.export(tmp_path / "problems.ipynb", format="otter")
    command("otter", "assign", "problems.ipynb", "made", cwd=tmp_path, home=home)
    students = tmp_path / "made" / "student" / "problems.ipynb"
    tells_no_answers(students)
    (grader,) = (tmp_path / "made" / "autograder").glob("*.zip")
    for how, points in POINTS.items():
        folder = tmp_path / how
        handed_in(students, folder / "problems.ipynb", answers_of(how))
        command(
            "otter",
            "run",
            "-a",
            shutil.copy(grader, folder),
            "-o",
            folder,
            folder / "problems.ipynb",
            cwd=folder,
            home=home,
        )
        tests = json.loads((folder / "results.json").read_text())["tests"]
        assert sum(test.get("max_score") or 0 for test in tests) == pytest.approx(len(SHEET)), tests
        assert sum(test.get("score") or 0 for test in tests) == pytest.approx(points), how
