"""Copies to write to, and the host's own counters."""

import re
import sys

from vmlab import labs
from vmlab.labs import scratch


def test_a_copy_in_a_folder_of_its_own(tmp_path):
    original = tmp_path / "a.txt"
    original.write_bytes(b"one\r\n")
    first, second = labs.scratch(original), labs.scratch(str(original), "b.txt")
    assert first.read_bytes() == second.read_bytes() == b"one\r\n"
    assert (first.name, second.name) == ("a.txt", "b.txt")
    assert first.parent != second.parent
    first.write_bytes(b"two")
    assert original.read_bytes() == b"one\r\n"


def test_copies_go_when_python_ends():
    import subprocess

    code = "from vmlab import labs; print(labs.scratch(__import__('sys').argv[1]))"
    done = subprocess.run([sys.executable, "-c", code, __file__], capture_output=True, text=True, check=True)
    from pathlib import Path

    assert not Path(done.stdout.strip()).exists()


def test_the_host_counts_one_fault_a_page_and_then_none():
    assert labs.host.first_touch(10)  # rehearsed: Python's own pages are touched now
    said = labs.host.first_touch(64)
    if "does not tell" not in said:
        first, second = map(int, re.findall(r"took (\d+) minor faults, the second (\d+)", said)[0])
        assert first >= 64 > second


def test_scratch_is_a_function_also_as_a_module_name():
    assert callable(scratch)
