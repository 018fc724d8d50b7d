"""What all tests share: Jupyter's folders of their own, a JupyterLab server, callbacks that raise."""

import os
from pathlib import Path

import beside
import labserver
import pytest
from needs import ROOT, need_module


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    return beside.ended(pyfuncitem) or None


def pytest_sessionfinish():
    beside.stop()


@pytest.fixture(scope="session", autouse=True)
def jupyter_home(tmp_path_factory):
    """Private Jupyter folders for this session and all it starts: the user's settings neither matter nor change."""
    home = tmp_path_factory.mktemp("jupyter")
    with pytest.MonkeyPatch.context() as patch:
        for name, folder in labserver.private_folders(home).items():
            patch.setenv(name, folder)
        for name in ("JUPYTER_TOKEN", "JUPYTER_PATH", "JUPYTER_CONFIG_PATH"):
            patch.delenv(name, raising=False)
        yield home


@pytest.fixture(scope="session", autouse=True)
def compiled(request, jupyter_home):
    """Every kernel compiled before the first test: none that waits for a page to change waits for a compiler."""
    import vmlab

    vmlab.warm()
    beside.start(request.session.items)


@pytest.fixture(scope="session")
def artifacts() -> Path:
    """The folder for screenshots and logs worth keeping: $ARTIFACTS, else .artifacts/ in the clone."""
    folder = Path(os.environ.get("ARTIFACTS") or ROOT / ".artifacts")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def lab_server(tmp_path_factory):
    """A JupyterLab server on its own copy of the notebooks, in which it saves: `.url .token .folder .get(path)`."""
    need_module("jupyterlab")
    with labserver.lab_server(
        labserver.copy_of_notebooks(tmp_path_factory.mktemp("clone")), tmp_path_factory.mktemp("server")
    ) as lab:
        yield lab


@pytest.fixture
def no_swallow(monkeypatch):
    """Exceptions of widget callbacks reach the test; ipywidgets only logs them."""
    from ipywidgets.widgets import widget

    def call(self, *args, **kwargs):
        for callback in self.callbacks:
            callback(*args, **kwargs)

    monkeypatch.setattr(widget.CallbackDispatcher, "__call__", call)
