"""`vmlab lab` and its sentences."""

import json
import os
import re
import socket
import subprocess
import sys
import time
import webbrowser
from pathlib import Path

import labserver
import pytest
from needs import ROOT, need_module, run_module, run_pip

from vmlab import cli


@pytest.fixture
def shipped(tmp_path):
    """The labs as a wheel brings them."""
    source = tmp_path / "shipped"
    (source / "data").mkdir(parents=True)
    (source / "00-first.ipynb").write_text("first")
    (source / "01-second.ipynb").write_text("second")
    (source / "data" / "alice.txt").write_text("text")
    (source / ".ipynb_checkpoints").mkdir()
    (source / ".ipynb_checkpoints" / "00-first.ipynb").write_text("old")
    return source


def tree(folder: Path) -> dict[str, str]:
    return {
        p.relative_to(folder).as_posix(): p.read_text()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name != cli.MANIFEST
    }


def test_lays_out_all_once(shipped, tmp_path):
    labs = tmp_path / "labs"
    assert cli.lay_out(shipped, labs) == [f"The labs are in {labs}: 3 laid down."]
    assert tree(labs) == {"00-first.ipynb": "first", "01-second.ipynb": "second", "data/alice.txt": "text"}
    assert cli.lay_out(shipped, labs) == [f"The labs are in {labs}: nothing to change."]


def test_keeps_what_the_student_changed_and_updates_the_rest(shipped, tmp_path):
    labs = tmp_path / "labs"
    cli.lay_out(shipped, labs)
    (labs / "00-first.ipynb").write_text("my answers")
    assert cli.lay_out(shipped, labs) == [f"The labs are in {labs}: 1 changed by you and kept."]

    (shipped / "00-first.ipynb").write_text("first, better")
    (shipped / "01-second.ipynb").write_text("second, better")
    said, about = cli.lay_out(shipped, labs)
    assert said == f"The labs are in {labs}: 1 updated, 1 changed by you and kept."
    assert about.startswith(f"{labs / '00-first.ipynb'} is yours and was kept; this version of vmlab has a new one")
    assert tree(labs) == {"00-first.ipynb": "my answers", "01-second.ipynb": "second, better", "data/alice.txt": "text"}

    (labs / "00-first.ipynb").rename(labs / "mine.ipynb")
    assert cli.lay_out(shipped, labs) == [f"The labs are in {labs}: 1 laid down."]
    assert (labs / "mine.ipynb").read_text() == "my answers"


@pytest.mark.parametrize("manifest", [None, "", "[1]", "\x00", '{"00-first.ipynb": 3}'])
def test_without_a_manifest_all_that_differs_is_the_students(shipped, tmp_path, manifest):
    labs = tmp_path / "labs"
    cli.lay_out(shipped, labs)
    (labs / cli.MANIFEST).unlink() if manifest is None else (labs / cli.MANIFEST).write_text(manifest)
    (shipped / "00-first.ipynb").write_text("first, better")
    cli.lay_out(shipped, labs)
    assert (labs / "00-first.ipynb").read_text() == "first"
    assert json.loads((labs / cli.MANIFEST).read_text())


def test_never_follows_or_replaces_what_is_not_a_copy(shipped, tmp_path):
    labs = tmp_path / "labs"
    (labs / "00-first.ipynb").mkdir(parents=True)
    elsewhere = tmp_path / "elsewhere.ipynb"
    elsewhere.write_text("elsewhere")
    (labs / "01-second.ipynb").symlink_to(elsewhere)
    cli.lay_out(shipped, labs)
    assert (labs / "00-first.ipynb").is_dir()
    assert elsewhere.read_text() == "elsewhere"
    assert (labs / "01-second.ipynb").is_symlink()


def test_a_folder_that_cannot_be_made_is_told(monkeypatch, tmp_path, shipped):
    monkeypatch.setattr(cli, "_PACKAGE", tmp_path)
    with pytest.raises(cli.Refusal, match="came without its notebooks"):
        cli.labs_folder(tmp_path)
    shipped.rename(tmp_path / "_notebooks")
    (tmp_path / cli.LABS).write_text("a file")
    with pytest.raises(cli.Refusal, match=r"cannot be laid out in .*vmlab-labs: "):
        cli.labs_folder(tmp_path)


def test_chooses_by_the_beginning_of_a_name(shipped, tmp_path):
    assert cli.choose(shipped, None).name == "00-first.ipynb"
    assert cli.choose(shipped, "01").name == "01-second.ipynb"
    assert cli.choose(shipped, str(shipped / "01-second.ipynb")) == shipped / "01-second.ipynb"
    with pytest.raises(cli.Refusal, match=r"no notebook '07' in .* There are: 00-first, 01-second\."):
        cli.choose(shipped, "07")
    with pytest.raises(cli.Refusal, match="There are: none"):
        cli.choose(tmp_path, None)


def test_takes_the_next_port():
    with socket.socket() as s:
        taken = labserver.free_port()
        s.bind(("127.0.0.1", taken))
        s.listen()
        assert taken < cli.free_port(taken) < taken + 50
        with pytest.raises(cli.Refusal, match="all taken: give another one with --port"):
            cli.free_port(taken, tries=1)
    with pytest.raises(cli.Refusal, match="from 1 to 65535"):
        cli.free_port(0)


@pytest.fixture
def started(monkeypatch):
    """`vmlab lab` up to the moment at which JupyterLab takes over: the commands it would become."""
    commands = []
    monkeypatch.setattr(cli.os, "execv", lambda path, command: commands.append(command))
    monkeypatch.setattr(cli, "_warm", lambda: 0)
    monkeypatch.setenv("JUPYTER_TOKEN", "secret")
    return commands


@pytest.mark.skipif(os.name == "nt", reason="Windows has no exec")
def test_opens_the_clones_own_notebooks(started, capsys, monkeypatch):
    monkeypatch.setattr(webbrowser, "get", lambda: None)
    cli.main(["lab"])
    said = capsys.readouterr().out
    assert "JupyterLab opens at: http://127.0.0.1:" in said
    assert "/lab/tree/00-" in said
    assert f"--ServerApp.root_dir={ROOT / 'notebooks'}" in started[0]
    assert "--no-browser" not in started[0]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no exec")
def test_says_the_address_where_there_is_no_browser(started, capsys, monkeypatch):
    def none():
        raise webbrowser.Error

    monkeypatch.setattr(webbrowser, "get", none)
    cli.main(["lab"])
    said = capsys.readouterr().out
    assert re.search(r"No browser was found\.\nOpen this address: http://\S+\?token=secret\n", said)
    assert "--no-browser" in started[0]


def test_without_jupyterlab_says_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setattr(cli.importlib.util, "find_spec", lambda name: None)
    assert cli.main(["lab"]) == 1
    assert capsys.readouterr().err == "vmlab: JupyterLab is not installed beside vmlab: pip install 'vmlab[lab]'\n"


def test_the_page_of_the_workbench_is_for_who_has_the_token(started, capsys, monkeypatch):
    class Server:
        returncode = 0

        def __init__(self, command):
            started.append(command)

        def wait(self):
            return 0

        def poll(self):
            return 0

    monkeypatch.setattr(cli.importlib.util, "find_spec", lambda name: name)
    monkeypatch.setattr(cli.subprocess, "Popen", Server)
    assert cli.main(["dashboard", "--no-browser"]) == 0
    assert re.search(r"Open this address: http://127.0.0.1:\d+/\?token=secret\n", capsys.readouterr().out)
    [command] = started
    assert str(ROOT / "notebooks" / "workbench.ipynb") in command and "--Voila.auto_token=True" in command
    assert "--Voila.ip=127.0.0.1" in command and not [word for word in command if "secret" in word]  # ps would tell it


def test_without_voila_says_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setattr(cli.importlib.util, "find_spec", lambda name: None)
    assert cli.main(["dashboard"]) == 1
    assert capsys.readouterr().err == "vmlab: Voilà is not installed beside vmlab: pip install 'vmlab[dashboard]'\n"


def test_version():
    assert re.fullmatch(r"vmlab \d+\.\d+.*\n", run_module("vmlab", "--version"))


def answers(command: list, cwd: Path, env: dict[str, str], said: Path) -> str:
    """Run `vmlab lab` until the address it says answers; returns what it said."""
    with said.open("wb") as out:
        server = subprocess.Popen(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        for _ in range(900):
            text = said.read_text()
            if address := re.search(r"Open this address: (http://\S+)\?token=(\w+)", text):
                try:
                    status, page = labserver.fetch(address[1], address[2])
                    assert status == 200
                    assert "jupyter-config-data" in page
                    return text
                except OSError:  # not yet
                    pass
            assert server.poll() is None, text
            time.sleep(0.2)
        pytest.fail(said.read_text())
    finally:
        server.terminate()
        server.wait(30)


@pytest.mark.slow
def test_jupyterlab_of_the_clone_answers_beside_another(tmp_path):
    need_module("jupyterlab")
    with socket.socket() as s:
        port = labserver.free_port()
        s.bind(("127.0.0.1", port))
        s.listen()
        command = [sys.executable, "-m", "vmlab", "lab", "--no-browser", "--port", str(port)]
        said = answers(command, ROOT, dict(os.environ), tmp_path / "said")
    assert f"Port {port} is taken, perhaps by another server: using " in said


@pytest.mark.slow
def test_a_wheel_brings_the_labs_along(tmp_path):
    """Built from the clone, installed elsewhere, started in an empty folder, twice."""
    need_module("jupyterlab")
    site, empty = tmp_path / "site", tmp_path / "student"
    empty.mkdir()
    run_pip(sys.executable, "wheel", "-q", "--no-deps", "-w", tmp_path, ROOT)
    (wheel,) = tmp_path.glob("vmlab-*-py3-none-any.whl")
    run_pip(sys.executable, "install", "-q", "--no-deps", "--target", site, wheel)
    env = os.environ | {"PYTHONPATH": str(site)}
    command = [sys.executable, "-m", "vmlab", "lab", "--no-browser", "--port", str(labserver.free_port())]

    said = answers(command, empty, env, tmp_path / "said")
    labs = empty / "vmlab-labs"
    assert re.search(rf"The labs are in {re.escape(str(labs))}: \d+ laid down\.", said)
    shipped = {p.relative_to(ROOT / "notebooks") for p in (ROOT / "notebooks").rglob("*") if p.is_file()}
    shipped = {p for p in shipped if not any(part.startswith(".") for part in p.parts)}
    assert {p.relative_to(labs) for p in labs.rglob("*") if p.is_file() and p.name[0] != "."} == shipped

    first = min(labs.glob("*.ipynb"))
    first.write_text(first.read_text() + "\n")
    before = first.read_bytes()
    said = answers(command, empty, env, tmp_path / "said")
    assert "1 changed by you and kept." in said
    assert first.read_bytes() == before
