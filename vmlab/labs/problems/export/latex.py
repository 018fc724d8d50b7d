"""LaTeX: an article that needs no packages beyond those of every installation."""

from collections.abc import Sequence

from ..problem import Problem
from ..tables import Table

HEAD = r"""\documentclass[a4paper]{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage{textcomp}
\usepackage[margin=25mm]{geometry}
\setlength{\parindent}{0pt}
\setlength{\parskip}{6pt}
\sloppy
\begin{document}
"""
FOOT = "\\end{document}\n"
SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_\allowbreak{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "|": r"\textbar{}\allowbreak{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    '"': r"\textquotedbl{}",
    "×": r"\texttimes{}",
}
WIDE = 48  # letters a row from which on columns of long words are broken into lines
BROKEN = r"p{0.42\textwidth}"


def text(problems: Sequence[Problem], solutions: bool) -> str:
    """The whole file: a section for each problem."""
    parts = []
    for i, p in enumerate(problems, 1):
        parts.append(rf"\section*{{{i}. {escaped(p.name)}}}")
        parts += _problem(p)
        if solutions:
            parts += [rf"\subsection*{{Solution of {i}}}", *_solution(p)]
    return HEAD + "\n\n".join(parts) + "\n\n" + FOOT


def escaped(words: str) -> str:
    """Words in which no letter means anything to LaTeX."""
    return "".join(SPECIAL.get(c, c) for c in words)


def _problem(p: Problem) -> list[str]:
    choices = [rf"\item[{c.letter}] {_code(p.shown(c.answer))}" for c in p.choices]
    listed = "\n".join([r"\begin{description}", *choices, r"\end{description}"])
    return [escaped(p.text), *map(_table, p.tables), escaped(p.question), listed]


def _solution(p: Problem) -> list[str]:
    beliefs = [rf"\item[{c.letter}] {escaped(c.belief)}" for c in p.choices if c.belief]
    listed = "\n".join([r"\begin{description}", *beliefs, r"\end{description}"])
    answer = rf"\textbf{{{p.letter}}} {_code(p.shown(p.answer))}"
    return [answer, _table(p.solution.steps), escaped(p.solution.reason), listed]


def _table(table: Table) -> str:
    widths = [max(map(len, column)) for column in zip(table.columns, *table.rows)]
    wide = sum(widths) > 2 * WIDE
    columns = "".join(BROKEN if wide and width > WIDE // 2 else "l" for width in widths)
    rows = [" & ".join(map(escaped, row)) + r" \\" for row in table.rows]
    head = " & ".join(map(escaped, table.columns)) + r" \\ \hline"
    lines = [rf"\begin{{tabular}}{{{columns}}}", head, *rows, r"\end{tabular}"]
    return "\n".join(
        [r"\begin{center}", r"\small", rf"\emph{{{escaped(table.title)}}}\\[2pt]", *lines, r"\end{center}"]
    )


def _code(words: str) -> str:
    lines = [rf"\texttt{{{escaped(line)}}}" for line in words.splitlines()]
    return r" \\ ".join(["\\mbox{}", *lines]) if len(lines) > 1 else lines[0]
