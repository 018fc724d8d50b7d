"""The rules of which each notebook speaks, and a change of a few characters that breaks each: a file a notebook.

`tests/ways_in/test_mutations.py` makes the changes one at a time and asks the notebook to notice.
"""

from importlib import import_module
from pathlib import Path
from typing import NamedTuple


class Mutation(NamedTuple):
    """`old` in `file` becomes `new`, which breaks `rule`; `cell` is the first cell of the notebook that shows it."""

    rule: str
    cell: str
    file: str
    old: str
    new: str


def mutations(notebook: Path) -> list[Mutation]:
    """What is done to vmlab to try a notebook: `MUTATIONS` of the file named `lab` and the notebook's number."""
    found: list[Mutation] = import_module(f"rules.lab{notebook.name[:2]}").MUTATIONS
    return found
