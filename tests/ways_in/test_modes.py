"""The tests of the machine again: without the compiler, and with every array index checked.

numba neither checks bounds nor says so: an index that is one too large reads its neighbour. Python does check, and the
checked build does at full speed.
"""

import os

import pytest
from needs import ROOT, run_module

TESTS = ROOT / "tests"
MACHINE = [TESTS / "core", TESTS / "kernel", TESTS / "machine" / "test_past.py"]


def run_again(which: str, *more: str, **switches: str) -> None:
    options = ["-q", "-m", which, "-p", "no:cacheprovider", "--durations=5", *more]
    print(run_module("pytest", *options, *MACHINE, seconds=600, env=os.environ | switches)[-4000:])


@pytest.mark.slow
@pytest.mark.beside
def test_without_the_compiler():
    model = f"--ignore={TESTS / 'core' / 'test_machine_model.py'}"  # thousands of steps: too many for an interpreter
    run_again("not slow and not jit", model, NUMBA_DISABLE_JIT="1")


@pytest.mark.slow
@pytest.mark.beside
def test_with_bounds_checks():
    run_again("not slow", str(TESTS / "conformance"), NUMBA_BOUNDSCHECK="1")
