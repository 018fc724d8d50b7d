"""The scripts and style sheets beside this file, without comments and indentation: a notebook keeps a copy for each widget."""

import re
from pathlib import Path

HERE = Path(__file__).parent


def script(name: str) -> str:
    """A script as a widget carries it. Its comments stand on lines of their own or two spaces after code."""
    lines = (re.sub(r"(^|\s+)// .*$", "", line).strip() for line in _read(name).splitlines())
    return "\n".join(line for line in lines if line)


def sheet(*names: str) -> str:
    """Style sheets, joined."""
    text = re.sub(r"/\*.*?\*/", "", "".join(_read(name) for name in names), flags=re.DOTALL)
    return re.sub(r"\s*\n\s*", "", text)


def _read(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")
