"""What a test needs from outside: where that is missing the test is skipped with a sentence; with CI=true it fails."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
_OFFLINE = re.compile(r"NewConnectionError|NameResolutionError|name resolution|No matching distribution|Max retries")


def committed_files() -> list[Path]:
    """The files that a commit of the tree as it is would hold, relative to its root; all where git is not used."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True) if shutil.which("git") else None
    if listed is None or listed.returncode:
        files = [path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file()]
        return [file for file in files if "__pycache__" not in file.parts and ".venv" not in file.parts]
    names = {os.fsdecode(name) for name in listed.stdout.split(b"\0") if name}
    return [Path(name) for name in sorted(names) if (ROOT / name).is_file()]


def missing(sentence: str) -> NoReturn:
    """Skip the test, saying why; the gate must not pass by skipping."""
    if os.environ.get("CI") == "true":
        pytest.fail(sentence, pytrace=False)
    pytest.skip(sentence)


def need(program: str | Sequence[str], how: str) -> str:
    """The path of a program, or of the first of several that is there."""
    names = [program] if isinstance(program, str) else program
    for name in names:
        if path := shutil.which(name):
            return path
    missing(f"{names[0]} is not installed: {how}")


def need_module(module: str) -> None:
    """A module that the test extra brings."""
    if importlib.util.find_spec(module) is None:
        missing(f"{module} is not installed: pip install -e '.[lab,test]'")


def need_zstd() -> None:
    """What unfolds zstd files: the standard library's, or the module before it."""
    if sys.version_info < (3, 14):
        need_module("zstandard")


def need_chromium() -> str:
    """The path of a Chromium or Chrome."""
    return need(CHROMIUM, "apt-get install chromium, or install Google Chrome")


def run(command: Sequence[object], *, seconds: float = 300, **kwargs) -> str:
    """Run a command in the clone and return what it printed; a status other than 0 fails the test with all of that."""
    kwargs.setdefault("cwd", ROOT)
    done = subprocess.run(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=seconds,
        encoding="utf-8",
        errors="replace",
        **kwargs,
    )
    if done.returncode:
        pytest.fail(f"{' '.join(map(str, command))}\nended with {done.returncode}\n{done.stdout}", pytrace=False)
    return done.stdout


def run_pip(python: object, *arguments: object, **kwargs) -> None:
    """Run pip of an interpreter; without a network the test is skipped."""
    command = [python, "-m", "pip", "--disable-pip-version-check", *arguments]
    try:
        run(command, seconds=900, **kwargs)
    except pytest.fail.Exception as failure:
        if _OFFLINE.search(str(failure)):
            missing(f"pip needs the package registry, which it could not reach:\n{failure}")
        raise


def run_module(module: str, *arguments: object, **kwargs) -> str:
    """Run `python -m module` with the interpreter of the tests."""
    return run([sys.executable, "-m", module, *arguments], **kwargs)
