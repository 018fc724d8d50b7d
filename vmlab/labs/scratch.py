"""Files to write to: copies, so that what ships with the notebooks stays as it is."""

import shutil
import tempfile
from pathlib import Path

_folders: list[tempfile.TemporaryDirectory[str]] = []  # they go when Python ends


def scratch(path: str, name: str | None = None) -> Path:
    """A fresh copy of a file in a temporary folder of its own, which goes when Python ends."""
    folder: tempfile.TemporaryDirectory[str] = tempfile.TemporaryDirectory(prefix="vmlab-", ignore_cleanup_errors=True)
    _folders.append(folder)
    return Path(shutil.copyfile(path, Path(folder.name) / (name or Path(path).name)))
