"""The tests of the machine again: without the compiler, and with every array index checked.

numba neither checks bounds nor says so: an index that is one too large reads its neighbour. Python does check, and the
checked build does at full speed.
"""

import os

import pytest
from needs import ROOT, run_module

SCREENS_AND_TOOLS = {"ways_in", "browser", "widgets", "benchmarks", "labs"}
MACHINE = sorted(
    path
    for path in (ROOT / "tests").iterdir()
    if (path.is_dir() and path.name not in SCREENS_AND_TOOLS and any(path.rglob("test_*.py")))
    or path.match("test_*.py")
)


def run_again(which: str, **switches: str) -> None:
    options = ["-q", "-m", which, "-p", "no:cacheprovider", "--durations=5"]
    print(run_module("pytest", *options, *MACHINE, seconds=1500, env=os.environ | switches)[-4000:])


@pytest.mark.slow
def test_without_the_compiler():
    run_again("not slow and not jit", NUMBA_DISABLE_JIT="1")


@pytest.mark.slow
def test_with_bounds_checks():
    run_again("not slow", NUMBA_BOUNDSCHECK="1")
