"""The tests of the machine again: without the compiler, and with every array index checked.

numba neither checks bounds nor says so: an index that is one too large reads its neighbour. Python does check, and the
checked build does at full speed.
"""

import os

import pytest
from needs import ROOT, run_module

LONG = bool(os.environ.get("VMLAB_LONG"))
TESTS = ROOT / "tests"
MACHINE = [TESTS / "core", TESTS / "kernel", TESTS / "machine" / "test_past.py"]


def run_again(which: str, *more: str, **switches: str) -> None:
    options = ["-q", "-m", which, "-p", "no:cacheprovider", "--durations=5", *more]
    run_module(
        "pytest", *options, *MACHINE, seconds=1500, env=os.environ | switches
    )  # its words, where it fails, are raised


@pytest.mark.slow
@pytest.mark.beside(minutes=True)
def test_without_the_compiler():
    many = [
        TESTS / "core" / "test_machine_model.py",
        TESTS / "kernel" / "test_failures.py",
    ]  # steps, for an interpreter
    run_again("not slow and not jit", *(f"--ignore={path}" for path in many), NUMBA_DISABLE_JIT="1")


@pytest.mark.slow
@pytest.mark.beside(minutes=True)
def test_with_bounds_checks():
    run_again("not slow", str(TESTS / "conformance"), NUMBA_BOUNDSCHECK="1")


@pytest.mark.slow
@pytest.mark.skipif(not LONG, reason="takes an hour: VMLAB_LONG=1")
@pytest.mark.parametrize("switch", ["NUMBA_DISABLE_JIT", "NUMBA_BOUNDSCHECK"])
def test_the_record_on_restless_machines(switch: str) -> None:
    """The short setting of conformance/test_record.py, without the compiler and with bounds checks."""
    env = {name: value for name, value in os.environ.items() if name != "VMLAB_LONG"} | {switch: "1"}
    options = ["-q", "-p", "no:cacheprovider", "-k", "only_what", str(TESTS / "conformance" / "test_record.py")]
    print(run_module("pytest", *options, seconds=3600, env=env)[-4000:])
