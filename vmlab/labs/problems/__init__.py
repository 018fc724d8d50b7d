"""Problems with worked solutions, drawn from a seed: the same seed gives the same problem, in every Python.

    from vmlab import labs
    sheet = labs.problems("translation", seed=7, n=5)      five problems of one kind (sheet.KINDS), or of a list of kinds
    sheet[0]                                               text, tables, question, choices; the solution folded away
    sheet[0].check("b")                                    right or not yet, and which belief leads there
    sheet[0].solution                                      what the machine did, step by step
    sheet.export("sheet.ipynb", solutions=True)            also .md and .tex, and format="nbgrader" or "otter"

How it is made. A kind is a file with two functions: `draw` takes numbers from Draws, which knows kind, seed and number and
nothing else; `pose` builds the machine (or the replay) that the numbers describe, runs it, and writes down the question, what
the machine answered, its steps, and the answers that wrong beliefs lead to. `problem` puts both together, `sheet` holds many,
`export` writes them. A kind is one file and one line in sheet.KINDS.
"""

from .problem import Choice, Problem, Solution
from .sheet import KINDS, Sheet, problems
from .tables import Table

__all__ = ["KINDS", "Choice", "Problem", "Sheet", "Solution", "Table", "problems"]
