"""What `vmlab warm` compiles is all there is to compile: no first click waits."""

import subprocess
import sys
from functools import partial

import pytest

import vmlab
from vmlab import jit

PROGRAM = """
from vmlab import warming
warming.going = True
warming._start_second = lambda: None
for _, step in warming._steps():
    step()
for name, entry in warming.entries():
    right = name == "perform" or list(entry.overloads) == [warming.signature(entry)]
    print(name, len(entry.overloads), right)
"""


@pytest.mark.jit
def test_every_entry_of_the_core_is_warmed_with_one_signature() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    entries = [line.split() for line in done.stdout.splitlines()]
    assert len(entries) >= 15
    assert [e for e in entries if e[1] != "1"] == []
    assert [e for e in entries if e[2] != "True"] == []  # else the second Python compiles what nobody calls


def test_a_second_clone_is_not_taken_for_warm(monkeypatch, tmp_path) -> None:
    """numba keeps what it compiled apart by the sources' folder; so must the mark that says all is compiled."""
    monkeypatch.setattr(jit, "INTERPRETED", False)
    monkeypatch.setattr(jit, "_folder_of", lambda package: tmp_path)
    done: list[str] = []
    for place in ("one", "one", "two"):
        monkeypatch.setattr(jit, "PACKAGE", tmp_path / place)
        jit.warm("core", [(place, partial(done.append, place))], lambda line: None)
    assert done == ["one", "two"]


FIRST_USES = """
import importlib, pkgutil, sys, tempfile
from pathlib import Path
import numpy as np
import vmlab
from vmlab import refstring, trace, warming
for steps in (warming._trace_steps, warming._refstring_steps):
    for _, step in steps():
        step()

def compiled():
    found = {}
    for package in (refstring, trace):
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            for name, f in vars(importlib.import_module(module.name)).items():
                own = hasattr(f, "overloads") and f.py_func.__module__ == module.name
                if own and not f.targetoptions.get("no_cpython_wrapper"):
                    found[f"{module.name}.{name}"] = len(f.overloads)
    return found

before = compiled()
pages = np.random.default_rng(1).integers(0, 1 << 50, 3000)
made = trace.Trace(pages, page_size=1)
with tempfile.TemporaryDirectory() as folder:
    for name in trace.FORMATS:
        made.save(Path(folder, name), name)
        refstring.replay(trace.read(Path(folder, name)), "lru", frames=10)
        trace.read(Path(folder, name)).held()
trace.Trace.pages("1 2 3")
for make in (trace.quicksort, trace.mergesort):
    refstring.replay(make(100), "lru", frames=10)
refstring.replay(pages, "lru", frames=10)
refstring.replay(np.arange(10), "lru", frames=10)
refstring.miss_ratio_curve(pages)
refstring.miss_ratio_curve("1 2 3")
print(*(name for name, n in compiled().items() if n != before[name]))
"""


@pytest.mark.jit
@pytest.mark.jit
def test_first_uses_of_traces_and_replays_compile_the_policy_only() -> None:
    done = subprocess.run([sys.executable, "-c", FIRST_USES], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["vmlab.refstring.policy.lru.run"]


@pytest.mark.jit
def test_warm_compiles_for_each_part(monkeypatch) -> None:
    """A machine asks for its own kernels, people for all."""
    asked: list[str] = []
    monkeypatch.setattr(jit, "warm", lambda package, steps, say, takes="": asked.append(package))
    vmlab.warm()
    assert asked == ["core", "trace", "refstring"]
    vmlab.Machine(frames=2)
    assert asked[3:] == ["core"]
