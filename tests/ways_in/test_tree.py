"""What stands in the tree, and what its modules may import and call."""

import ast
import os
import re
import sys
import tokenize

import pytest
from needs import ROOT, committed_files, run

VISIBLE = {"pyproject.toml", "vmlab", "notebooks", "tests", "binder", "README.md"}
SOURCES = sorted((ROOT / "vmlab").rglob("*.py"))
# What can run code that stands in a file
FORBIDDEN = {
    "pickle",
    "cPickle",
    "cloudpickle",
    "joblib",
    "dill",
    "shelve",
    "marshal",
    "yaml",
    "eval",
    "exec",
    "memmap",
}
# A lab's counter-examples are its own text, shown so that a student can paste them, and run as shown; no answer gets there.
# A policy that the user wrote, and handed over to be run, is made again with its loops counted, from its own source
OWN_TEXT = {"vmlab/labs/checking.py": {"eval", "exec"}, "vmlab/refstring/guarded.py": {"eval", "exec"}}
# A library, and the parts of vmlab that may load it
MAY_LOAD = {
    "ipywidgets": ("widgets", "labs"),
    "bqplot": ("widgets", "labs"),
    "anywidget": ("widgets",),
    "IPython": ("widgets", "labs"),
    "traitlets": ("widgets", "labs", "gate.py", "machine.py"),
    "pandas": ("refstring", "widgets"),
}


def name(path):
    return path.relative_to(ROOT).as_posix()


def test_visible_top_level():
    tops = {file.parts[0] for file in committed_files()}
    assert {top for top in tops if not top.startswith(".")} == VISIBLE


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_no_module_runs_code_of_a_file(path):
    with tokenize.open(path) as file:
        used = {token.string for token in tokenize.generate_tokens(file.readline) if token.type == tokenize.NAME}
    assert used & FORBIDDEN == OWN_TEXT.get(name(path), set())


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_libraries_are_loaded_where_they_belong(path):
    part = path.relative_to(ROOT / "vmlab").parts[0]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            loaded = [alias.name for alias in node.names]
        else:
            loaded = [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
        for library in loaded:
            allowed = MAY_LOAD.get(library.split(".")[0])
            assert allowed is None or part in allowed, f"line {node.lineno} loads {library}"


@pytest.mark.parametrize("module", ["vmlab", "vmlab.cli"])
def test_import_loads_no_widgets(module):
    loaded = run([sys.executable, "-c", f"import sys, {module}; print(*sys.modules)"]).split()
    assert not {"ipywidgets", "bqplot", "pandas", "IPython", "anywidget"} & set(loaded)


def test_no_path_of_this_clone_in_the_tree():
    here = os.fsencode(ROOT) + b"/"
    assert [file for file in committed_files() if here in (ROOT / file).read_bytes()] == []


def test_each_lab_opens_on_binder_by_its_own_link():
    text = (ROOT / "README.md").read_text("utf-8")
    links = re.findall(
        r"\[(\d\d)\]\(https://mybinder\.org/v2/gh/([\w.-]+/[\w.-]+)/HEAD\?urlpath=lab/tree/(\S+\.ipynb)\)", text
    )
    labs = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
    assert [(number, path) for number, _, path in links] == [(lab.name[:2], name(lab)) for lab in labs]
    assert len({repository for _, repository, _ in links}) == 1
