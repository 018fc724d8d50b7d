"""An assignment for otter-grader: the master notebook from which `otter assign` makes the students' and the autograder's.

https://otter-grader.readthedocs.io/en/latest/otter_assign/notebook_format.html. It names no seed and needs no vmlab: whoever has
both could ask for the answers.
"""

from collections.abc import Sequence

from ..problem import Problem
from . import cells, grading, markdown

CONFIG = """# ASSIGNMENT CONFIG
init_cell: true
export_cell: false
solutions_pdf: false
template_pdf: false"""

# otter shares a question's points among its tests: an answer that is merely given would have half of them
NO_POINTS = '''""" # BEGIN TEST CONFIG
points: 0
""" # END TEST CONFIG
'''


def text(problems: Sequence[Problem], solutions: bool) -> str:
    """The teacher's file. It holds the solutions whatever `solutions` says: otter takes them out."""
    out = [cells.raw("config", CONFIG), cells.markdown("problems", "# Problems")]
    for i, p in enumerate(problems, 1):
        answer = f"answer_{i}"
        prompt = f"## Problem {i}\n\n{markdown.problem(p)}\n\nPut into `{answer}` {grading.HOW}."
        out += [
            cells.raw(f"begin-{i}", f"# BEGIN QUESTION\nname: q{i}\npoints: 1"),
            cells.markdown(f"problem-{i}", prompt),
            cells.raw(f"begin-solution-{i}", "# BEGIN SOLUTION"),
            cells.code(f"answer-{i}", f"{answer} = {grading.value(p)}  # SOLUTION"),
            cells.raw(f"end-solution-{i}", "# END SOLUTION"),
            cells.raw(f"begin-tests-{i}", "# BEGIN TESTS"),
            cells.code(f"given-{i}", f"{NO_POINTS}assert {answer} is not ..."),
            cells.code(f"right-{i}", f"# HIDDEN\n{grading.assertion(p, answer)}"),
            cells.raw(f"end-tests-{i}", "# END TESTS"),
            cells.raw(f"end-{i}", "# END QUESTION"),
        ]
    return cells.notebook(out)
