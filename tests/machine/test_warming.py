"""What `vmlab warm` compiles is all there is to compile: no first click waits."""

import subprocess
import sys

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
