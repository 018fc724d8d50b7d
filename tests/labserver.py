"""A JupyterLab server of the tests' own."""

import json
import os
import random
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from needs import ROOT


class Lab(NamedTuple):
    """A server that is running: its address without a slash at the end, its token, and the folder it serves."""

    url: str
    token: str
    folder: Path

    def get(self, path: str, timeout: float = 30) -> tuple[int, str]:
        """Status and text of a page."""
        return fetch(f"{self.url}/{path}", self.token, timeout)


def fetch(url: str, token: str, timeout: float = 30) -> tuple[int, str]:
    """Status and text of a page, as the owner of the token."""
    request = urllib.request.Request(url, headers={"Authorization": f"token {token}"})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, answer.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode("utf-8", "replace")


def private_folders(home: Path) -> dict[str, str]:
    """The environment that keeps Jupyter out of the user's own folders, and its news off the screen."""
    env = {
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "IPYTHONDIR": str(home / "ipython"),
    }
    news = home / "settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    news.parent.mkdir(parents=True, exist_ok=True)
    news.write_text(json.dumps({"fetchNews": "false", "checkForUpdates": False}))
    return env


def copy_of_notebooks(folder: Path) -> Path:
    """A copy of notebooks/ in `folder`: running one may write to its data."""
    return shutil.copytree(ROOT / "notebooks", folder / "notebooks", ignore=shutil.ignore_patterns(".*"))


def free_port() -> int:
    """A port that nobody listens on at this moment.

    Below those that systems hand to clients: one who waits there for a server could be connected to himself.
    """
    while True:
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", random.randrange(20000, 32000)))
            except OSError:
                continue
            return s.getsockname()[1]


def options(port: int, token: str) -> list[str]:
    """The options of a server for one test machine."""
    return [
        "--no-browser",
        "--allow-root",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={token}",
        "--LabApp.expose_app_in_browser=True",
        "--JupyterNotebookApp.expose_app_in_browser=True",
    ]


@contextmanager
def serving(
    command: Sequence[object],
    lab: Lab,
    log: Path,
    env: dict[str, str],
    seconds: float = 90,
    path: str = "api/status",
) -> Iterator[Lab]:
    """Start a server, wait until it answers, and stop it in the end; an early death is told with its log."""
    with log.open("wb") as out:
        server = subprocess.Popen(
            [str(part) for part in command], cwd=lab.folder, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )
    try:
        limit = time.monotonic() + seconds
        while True:
            try:
                if lab.get(path, timeout=5)[0] == 200:
                    break
            except OSError:
                pass
            assert server.poll() is None, f"the server ended with {server.returncode}\n{log.read_text()}"
            assert time.monotonic() < limit, f"the server did not answer in {seconds} s\n{log.read_text()}"
            time.sleep(0.2)
        yield lab
    finally:
        server.terminate()  # twice in a row would skip the shutdown of its kernels
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()


@contextmanager
def lab_server(folder: Path, home: Path, python: str = sys.executable) -> Iterator[Lab]:
    """JupyterLab of an interpreter, serving `folder`, with Jupyter's own folders below `home`."""
    lab = Lab(f"http://127.0.0.1:{free_port()}", secrets.token_hex(8), folder)
    port = int(lab.url.rpartition(":")[2])
    env = os.environ | private_folders(home)
    with serving([python, "-m", "jupyterlab", *options(port, lab.token)], lab, home / "server.log", env):
        yield lab


def notebook(*cells: str) -> str:
    """A notebook with these cells, as a file's text."""
    code = [
        {"cell_type": "code", "id": f"c{k}", "metadata": {}, "source": c, "outputs": [], "execution_count": None}
        for k, c in enumerate(cells)
    ]
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    return json.dumps({"cells": code, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5})
