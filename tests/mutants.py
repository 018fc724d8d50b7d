"""Copies of vmlab with one rule broken, for the tests that see whether anything notices."""

import shutil
from pathlib import Path

from needs import ROOT


def copy_of_vmlab(folder: Path, file: str = "", old: str = "", new: str = "") -> Path:
    """`folder`, with a copy of vmlab in it to be put before everything else on the path; `old` in `file` becomes `new`."""
    shutil.copytree(ROOT / "vmlab", folder / "vmlab", ignore=shutil.ignore_patterns("__pycache__"))
    if file:
        place = folder / "vmlab" / file
        source = place.read_text("utf-8")
        assert source.count(old) == 1, f"{old!r} stands {source.count(old)} times in {file}"
        place.write_text(source.replace(old, new), "utf-8")
    return folder
