"""Notebooks as their files hold them (nbformat 4.5), written without nbformat: it is no part of what vmlab needs."""

import json
from collections.abc import Sequence
from typing import Any

Cell = dict[str, Any]


def markdown(name: str, source: str, **metadata: Any) -> Cell:
    """A cell of prose."""
    return {"cell_type": "markdown", "id": name, "metadata": metadata, "source": source}


def raw(name: str, source: str) -> Cell:
    """A cell that nothing reads but the tool it is for."""
    return {"cell_type": "raw", "id": name, "metadata": {}, "source": source}


def code(name: str, source: str, **metadata: Any) -> Cell:
    """A cell of Python that has not run."""
    return {
        "cell_type": "code", "execution_count": None, "id": name, "metadata": metadata, "outputs": [], "source": source,
    }  # fmt: skip


def notebook(cells: Sequence[Cell]) -> str:
    """The file that holds the cells."""
    metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    whole = {"cells": list(cells), "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
