"""What Binder does with binder/, step by step and without docker, and then on a machine with another CPU."""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import labserver
import pytest
from needs import ROOT, committed_files, run, run_pip

pytestmark = pytest.mark.slow

# Binder builds on one machine and runs on another. Loaded by every Python of the environment, once `site` is done.
OTHER_CPU = """
from llvmlite import binding
binding.get_host_cpu_name = lambda: "nocona"
binding.get_host_cpu_features = lambda: binding.FeatureMap(sse3=True)
"""
TARGET = "from numba.core.registry import cpu_target as t; print(t.target_context.codegen().magic_tuple()[1:])"


class Image(NamedTuple):
    """What was built: the copy of the repository, its Python, and the environment of its container."""

    repo: Path
    python: Path
    env: dict[str, str]

    def start(self, *command: object) -> list[object]:
        """A command as the container runs it."""
        return [self.repo / "binder" / "start", *command]

    def compiled(self) -> set[str]:
        """The machine code on disk."""
        return {p.relative_to(self.repo).as_posix() for p in self.repo.rglob("*.nb[ci]")}


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """The image, built as repo2docker does: the home folder is the repository, so its caches are part of the image."""
    repo = tmp_path_factory.mktemp("binder") / "home"
    for file in committed_files():
        (repo / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, repo / file)
    venv = repo.parent / "venv"
    run([sys.executable, "-m", "venv", venv])
    bin_ = venv / ("Scripts" if os.name == "nt" else "bin")
    python = bin_ / "python"
    env = os.environ | labserver.private_folders(repo.parent / "jupyter")
    env |= {"PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}", "VIRTUAL_ENV": str(venv)}
    for name in [name for name in env if name.startswith(("NUMBA_", "PYTHON"))]:
        del env[name]
    run_pip(python, "install", "-q", "-r", "binder/requirements.txt", cwd=repo, env=env)
    env |= {"HOME": str(repo), "XDG_CACHE_HOME": str(repo / ".cache")}
    run([repo / "binder" / "postBuild"], cwd=repo, env=env, seconds=600)

    packages = run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], env=env).strip()
    (Path(packages) / "other_cpu.py").write_text(OTHER_CPU)
    (Path(packages) / "other_cpu.pth").write_text("import other_cpu\n")
    return Image(repo, python, env)


def test_files_are_what_repo2docker_wants():
    binder = ROOT / "binder"
    assert {p.name for p in binder.iterdir()} == {"runtime.txt", "requirements.txt", "postBuild", "start"}
    assert (binder / "runtime.txt").read_text().strip() == "python-3.12"
    for script in ("postBuild", "start"):
        assert os.access(binder / script, os.X_OK)
        assert "export NUMBA_CPU_NAME=generic" in (binder / script).read_text()


def test_the_other_cpu_is_another(image):
    """Without binder/start numba would compile for the CPU it finds; with it the two machines have one target."""
    assert run([image.python, "-c", TARGET], env=image.env).startswith("('nocona', ")
    assert run(image.start(image.python, "-c", TARGET), env=image.env).strip() == "('generic', '')"


def test_jupyterlab_answers(image):
    port, token = labserver.free_port(), "binder"
    lab = labserver.Lab(f"http://127.0.0.1:{port}", token, image.repo)
    command = image.start("jupyter", "lab", *labserver.options(port, token))
    with labserver.serving(command, lab, image.repo.parent / "server.log", image.env):
        status, page = lab.get("lab/tree/notebooks/00-meet-the-machine.ipynb")
        assert status == 200
        assert "jupyter-config-data" in page
        status, extensions = lab.get("lab/api/extensions", timeout=120)
        assert status == 200
        loaded = {extension["name"] for extension in json.loads(extensions) if extension["enabled"]}
        assert {"bqplot", "anywidget", "jupyter-widgets-jupyterlab-manager"} <= loaded, loaded
        assert lab.get("api/contents/notebooks/00-meet-the-machine.ipynb?content=0")[0] == 200


def test_the_first_notebook_compiles_nothing(image):
    """Run by Jupyter's own Python in the container, on the other CPU: no machine code is written."""
    before = image.compiled()
    assert before, "postBuild left no machine code in the image"
    notebook = image.repo / "notebooks" / "00-meet-the-machine.ipynb"
    run(image.start("jupyter", "execute", notebook), cwd=image.repo, env=image.env, seconds=600)
    assert image.compiled() == before
