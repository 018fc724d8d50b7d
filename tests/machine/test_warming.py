"""What `vmlab warm` compiles is all there is to compile: no first click waits."""

import subprocess
import sys
from functools import partial

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
