"""A notebook to work in: each answer is checked where it stands, by vmlab, with the reason."""

from collections.abc import Sequence

from ..problem import Problem
from . import cells, markdown


def text(problems: Sequence[Problem], solutions: bool) -> str:
    """The file. Its cells make the problems again from kind, seed and number."""
    out = [cells.markdown("problems", "# Problems"), cells.code("import", "from vmlab import labs")]
    for i, p in enumerate(problems, 1):
        again = f'labs.problems("{p.kind}", seed={p.seed}, n={p.number})[-1]'
        out.append(cells.markdown(f"problem-{i}", f"## {i}. {p.name}\n\n{markdown.problem(p)}"))
        out.append(cells.code(f"answer-{i}", f"# answer-{i}\nanswer = ...\n{again}.check(answer)"))
        if solutions:
            out.append(cells.markdown(f"solution-{i}", f"### Solution of {i}\n\n{markdown.solution(p)}"))
    return cells.notebook(out)
