"""An assignment for nbgrader: the source from which `nbgrader generate_assignment` makes what students get.

https://nbgrader.readthedocs.io/en/stable/user_guide/creating_and_grading_assignments.html; cells carry metadata of schema 3.
It names no seed and needs no vmlab: whoever has both could ask for the answers.
"""

from collections.abc import Sequence
from typing import Any

from ..problem import Problem
from . import cells, grading, markdown


def text(problems: Sequence[Problem], solutions: bool) -> str:
    """The teacher's file. It holds the solutions whatever `solutions` says: nbgrader takes them out."""
    out = [cells.markdown("problems", "# Problems")]
    for i, p in enumerate(problems, 1):
        answer = f"answer_{i}"
        out += [
            cells.markdown(
                f"problem-{i}", f"## Problem {i}\n\n{markdown.problem(p)}", **_marked(f"problem-{i}", locked=True)
            ),
            cells.code(
                f"answer-{i}",
                f"# {answer} = ... ({grading.HOW})\n### BEGIN SOLUTION\n{answer} = {grading.value(p)}\n### END SOLUTION",
                **_marked(f"answer-{i}", solution=True),
            ),
            cells.code(
                f"grade-{i}",
                f"# one point if {answer} is right\n### BEGIN HIDDEN TESTS\n{grading.assertion(p, answer)}\n### END HIDDEN TESTS",
                **_marked(f"grade-{i}", locked=True, grade=True, points=1),
            ),
        ]
    return cells.notebook(out)


def _marked(name: str, **marks: Any) -> dict[str, Any]:
    plain = {"grade": False, "grade_id": name, "locked": False, "schema_version": 3, "solution": False, "task": False}
    return {"nbgrader": plain | marks}
