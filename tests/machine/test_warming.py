"""What `vmlab warm` compiles is all there is to compile: no first click waits."""

import subprocess
import sys

from vmlab import jit

PROGRAM = """
import importlib, pkgutil
import vmlab.core
from vmlab import warming
warming.going = True
for _, step in warming._steps():
    step()
for found in pkgutil.walk_packages(vmlab.core.__path__, "vmlab.core."):
    module = importlib.import_module(found.name)
    for name, f in vars(module).items():
        entry = hasattr(f, "overloads") and not f.targetoptions.get("no_cpython_wrapper")
        if entry and f.py_func.__module__ == found.name:
            print(found.name, name, len(f.overloads))
"""


def test_every_entry_of_the_core_is_warmed_with_one_signature() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    entries = [line.split() for line in done.stdout.splitlines()]
    assert len(entries) >= 15
    assert [e for e in entries if e[2] != "1"] == []


def test_a_second_clone_is_not_taken_for_warm(monkeypatch, tmp_path) -> None:
    """numba keeps what it compiled apart by the sources' folder; so must the mark that says all is compiled."""
    monkeypatch.setattr(jit, "INTERPRETED", False)
    monkeypatch.setattr(jit, "_folder_of", lambda package: tmp_path)
    done: list[str] = []
    for place in ("one", "one", "two"):
        monkeypatch.setattr(jit, "_HERE", tmp_path / place)
        jit.warm("core", [(place, lambda: None)], done.append)
    assert [line.split()[-1] for line in done if "compiling" not in line] == ["one", "two"]
