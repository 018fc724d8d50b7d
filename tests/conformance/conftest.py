"""What the record came to is printed at the end of every run, passed or not."""

from typing import Any

import pytest

REPORTS = pytest.StashKey[dict[str, str]]()


def pytest_configure(config: Any) -> None:
    config.stash.setdefault(REPORTS, {})


@pytest.fixture
def say(request: pytest.FixtureRequest) -> Any:
    """say(title, text): print it below the run's summary."""
    return request.config.stash.setdefault(REPORTS, {}).__setitem__


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for title, text in terminalreporter.config.stash.get(REPORTS, {}).items():
        terminalreporter.write_sep("-", title)
        terminalreporter.write_line(text)
