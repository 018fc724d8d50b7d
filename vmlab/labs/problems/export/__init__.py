"""Problems as files: a notebook, Markdown, LaTeX, and assignments of nbgrader and otter-grader.

A format is one file with `text(problems, solutions)` and one line in FORMATS.
"""

import os
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol

from ....errors import PathError
from ..problem import Problem

FORMATS = {"notebook": ".ipynb", "markdown": ".md", "latex": ".tex", "nbgrader": ".ipynb", "otter": ".ipynb"}


class Format(Protocol):
    """The file of a format."""

    def text(self, problems: Sequence[Problem], solutions: bool) -> str:
        """What the file holds."""


def write(problems: Sequence[Problem], path: "str | os.PathLike[str]", solutions: bool, format: str | None) -> Path:
    """Write the problems to a new file and return its path. ValueError, TypeError, PathError: nothing was written."""
    if not problems:
        raise ValueError("there are no problems to write")
    try:
        file = Path(path)
    except TypeError:
        raise TypeError(f"path must be the name of a file, not {path!r}") from None
    module: Format = import_module(f"{__package__}.{_named(format, file)}")
    text = module.text(problems, bool(solutions))
    try:
        with open(file, "x", encoding="utf-8", newline="\n") as out:
            out.write(text)
    except FileExistsError:
        raise PathError(
            f"{str(file)!r} exists already, and is left as it is: give another name, or remove it"
        ) from None
    except (OSError, ValueError) as error:
        raise PathError(f"{str(file)!r} cannot be written: {getattr(error, 'strerror', None) or error}") from None
    return file


def _named(format: str | None, file: Path) -> str:
    """The format that is asked for, by its name or by how the file's name ends."""
    if format is None:
        found = next((name for name, suffix in FORMATS.items() if suffix == file.suffix), None)
        if found is None:
            raise ValueError(f"{str(file)!r} ends in no known way; known are .ipynb, .md and .tex, or give format=")
        return found
    if not isinstance(format, str) or format not in FORMATS:
        raise ValueError(f"format={format!r} is unknown; choose one of {', '.join(FORMATS)}")
    if file.suffix != FORMATS[format]:
        raise ValueError(f"{str(file)!r}: a file of format {format} ends in {FORMATS[format]}")
    return format
