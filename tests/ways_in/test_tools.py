"""Lint, format, layers and types, each as one test that shows what the tool said."""

import sys
from pathlib import Path

from needs import need_module, run, run_module


def test_lint():
    need_module("ruff")
    run_module("ruff", "check", ".")


def test_format():
    need_module("ruff")
    run_module("ruff", "format", "--diff", ".")


def test_layers():
    need_module("importlinter")
    run([sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"])


def test_types():
    need_module("mypy")
    run_module("mypy", "--no-error-summary")


def test_packages_agree():
    run([Path(sys.executable), "-m", "pip", "--disable-pip-version-check", "check"])
