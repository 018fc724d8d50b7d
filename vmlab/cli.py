"""The ways in from a shell: `vmlab lab`, `dashboard`, `warm`, `record`, `replay`, `curve`, `conformance`."""

import argparse
import hashlib
import importlib.util
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from . import __version__

LABS = "vmlab-labs"  # the folder a student works in, where there is no clone
MANIFEST = ".vmlab-manifest.json"  # in LABS: the hash of each file as it was laid down
PORT = 8888
DASHBOARD, DASHBOARD_PORT = "workbench", 8866  # the notebook that is shown, and Voilà's own port
_PACKAGE = Path(__file__).resolve().parent


class Refusal(Exception):
    """What was asked for cannot be done; the message is the sentence to print."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, or 1 after one sentence on stderr, or 2 for a wrong command line."""
    argv = list(sys.argv[1:] if argv is None else argv)
    if argv[:1] == ["conformance"]:  # has options of its own
        from . import conformance

        return int(conformance.main(argv[1:]) or 0)
    if argv[:1] == ["record"]:
        from .trace import command

        return command.main(argv[1:])
    if argv[:1] in (["replay"], ["curve"]):
        from .refstring import command as replaying

        return replaying.main(argv)
    asked = _parser().parse_args(argv)
    try:
        if asked.command == "warm":
            return _warm()
        serve = _dashboard if asked.command == "dashboard" else _lab
        return serve(asked.notebook, asked.port, browser=not asked.no_browser)
    except Refusal as refusal:
        print(f"vmlab: {refusal}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="vmlab", description="Virtual memory to look at, in Jupyter notebooks.")
    parser.add_argument("--version", action="version", version=f"vmlab {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    lab = commands.add_parser("lab", help="open the labs in JupyterLab")
    lab.add_argument("notebook", nargs="?", help="a notebook, or how its name begins, such as 00 (default: the first)")
    lab.add_argument("--port", type=int, default=PORT, help="the first port to try (default: %(default)s)")
    lab.add_argument("--no-browser", action="store_true", help="print the address instead of opening it")
    page = commands.add_parser("dashboard", help="show the Workbench as a page without cells, through Voilà")
    page.add_argument("notebook", nargs="?", default=DASHBOARD, help="another notebook, or how its name begins")
    page.add_argument("--port", type=int, default=DASHBOARD_PORT, help="the first port to try (default: %(default)s)")
    page.add_argument("--no-browser", action="store_true", help="print the address instead of opening it")
    commands.add_parser("warm", help="compile the kernels now rather than at the first use")
    commands.add_parser("record", help="run a program and write down which addresses it touches", add_help=False)
    commands.add_parser("replay", help="the faults of a trace under some policies", add_help=False)
    commands.add_parser("curve", help="the miss ratio of a trace for every number of frames", add_help=False)
    commands.add_parser("conformance", help="compare with what Linux answered", add_help=False)
    return parser


def _warm() -> int:
    from . import warm

    warm()
    return 0


# The folder of the labs


def labs_folder(here: Path) -> tuple[Path, list[str]]:
    """The folder to open, and sentences about what was done to get it: the clone's own, else a copy below `here`."""
    clone = _PACKAGE.parent
    if (clone / "notebooks").is_dir() and (clone / "pyproject.toml").is_file():
        return clone / "notebooks", []
    source, target = _PACKAGE / "_notebooks", here / LABS
    if not source.is_dir():
        raise Refusal("this installation came without its notebooks: install it again.")
    try:
        return target, lay_out(source, target)
    except OSError as error:
        raise Refusal(f"the labs cannot be laid out in {target}: {error.strerror}.") from error


def lay_out(source: Path, target: Path) -> list[str]:
    """Copy the labs below `source` to `target`, and say in sentences what was done.

    A file that the student changed is never written to; one that is as it was laid down gives way to a newer one.
    """
    manifest = target / MANIFEST
    laid = _read_manifest(manifest)
    new, updated, kept, sentences = 0, 0, 0, []
    target.mkdir(parents=True, exist_ok=True)
    for file in sorted(source.rglob("*")):
        name = file.relative_to(source).as_posix()
        if not file.is_file() or any(part.startswith((".", "__")) for part in Path(name).parts):
            continue
        copy, wanted = target / name, _hash(file)
        present = _hash(copy) if os.path.lexists(copy) else None
        if present not in (None, wanted, laid.get(name)):
            kept += 1
            if laid.get(name) != wanted:
                sentences.append(
                    f"{copy} is yours and was kept; this version of vmlab has a new one: rename yours and "
                    f"run this again, or see {file}."
                )
            continue
        if present != wanted:
            _copy(file, copy)
            new, updated = new + (present is None), updated + (present is not None)
        laid[name] = wanted
    _write(manifest, json.dumps(laid, indent=1, sort_keys=True).encode())
    done = [
        f"{n} {what}" for n, what in ((new, "laid down"), (updated, "updated"), (kept, "changed by you and kept")) if n
    ]
    return [f"The labs are in {target}: {', '.join(done) or 'nothing to change'}.", *sentences]


def _read_manifest(manifest: Path) -> dict[str, str]:
    """What was laid down; nothing where that cannot be read, so that every file counts as the student's."""
    try:
        laid = json.loads(manifest.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return laid if isinstance(laid, dict) else {}


def _hash(file: Path) -> str:
    """A digest of a file's bytes; of nothing that a file could hold where it cannot be read."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return "unreadable"


def _copy(file: Path, copy: Path) -> None:
    copy.parent.mkdir(parents=True, exist_ok=True)
    _write(copy, file.read_bytes())


def _write(file: Path, data: bytes) -> None:
    """All of `data`, or the file as it was: never half of it."""
    part = file.with_name(f".{file.name}.part")
    part.write_bytes(data)
    os.replace(part, file)


def choose(folder: Path, asked: str | None) -> Path:
    """The notebook to open: a path, or the first of `folder` whose name begins as asked."""
    if asked is not None and Path(asked).is_file():
        return Path(asked).resolve()
    notebooks = sorted(folder.glob("*.ipynb"))
    for notebook in notebooks:
        if notebook.name.startswith(asked or ""):
            return notebook
    names = ", ".join(notebook.stem for notebook in notebooks) or "none"
    raise Refusal(f"there is no notebook {asked or ''!r} in {folder}. There are: {names}.")


# Servers


def free_port(first: int, tries: int = 50) -> int:
    """The first port from `first` on that nobody listens on."""
    if not 1 <= first <= 65535:
        raise Refusal(f"--port {first}: a port is a number from 1 to 65535.")
    last = min(first + tries, 65536) - 1
    for port in range(first, last + 1):
        with socket.socket() as s:
            if os.name == "posix":  # as the server does it, or a port that was just left would look taken
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
                return port
            except PermissionError as error:
                raise Refusal(f"port {port} is not for you: this system keeps it for its own services.") from error
            except OSError:
                continue
    raise Refusal(f"the ports {first} to {last} are all taken: give another one with --port.")


def _prepare(asked: str | None, first_port: int) -> tuple[Path, Path, int]:
    """(the folder to serve, the notebook to open, a free port), with all compiled; says what was done."""
    folder, sentences = labs_folder(Path.cwd())
    for sentence in sentences:
        print(sentence)
    notebook = choose(folder, asked)
    root = folder if notebook.is_relative_to(folder) else notebook.parent
    port = free_port(first_port)
    if port != first_port:
        print(f"Port {first_port} is taken, perhaps by another server: using {port}.")
    _warm()
    return root, notebook, port


def _lab(asked: str | None, first_port: int, *, browser: bool) -> int:
    """Open a notebook in JupyterLab, which takes over this process."""
    if importlib.util.find_spec("jupyterlab") is None:
        raise Refusal("JupyterLab is not installed beside vmlab: pip install 'vmlab[lab]'")
    root, notebook, port = _prepare(asked, first_port)
    browser = browser and _has_browser()
    address = f"http://127.0.0.1:{port}/lab/tree/{notebook.relative_to(root).as_posix()}?token={_token()}"
    print(f"{'JupyterLab opens at' if browser else 'Open this address'}: {address}", flush=True)
    command = [sys.executable, "-m", "jupyterlab", str(notebook), f"--ServerApp.root_dir={root}"]
    command += ["--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}"]
    command += [] if browser else ["--no-browser"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # a container: root is the only user there
        command += ["--allow-root"]
    if os.name == "nt":  # its exec returns to the shell at once
        return subprocess.call(command)
    os.execv(command[0], command)


def _dashboard(asked: str | None, first_port: int, *, browser: bool) -> int:
    """Show a notebook as a page through Voilà, until Ctrl-C. Each visitor gets a machine of his own."""
    if importlib.util.find_spec("voila") is None:
        raise Refusal("Voilà is not installed beside vmlab: pip install 'vmlab[dashboard]'")
    _, notebook, port = _prepare(asked, first_port)
    browser = browser and _has_browser()
    address = f"http://127.0.0.1:{port}/?token={_token()}"
    print(f"{'The page opens at' if browser else 'Open this address'}: {address}", flush=True)
    # With a token from the environment: a page has a Python behind it, which is not for everybody on this computer.
    # Voilà would open a browser without it, so that is done here
    command = [sys.executable, "-m", "voila", str(notebook), "--Voila.ip=127.0.0.1", f"--port={port}"]
    command += ["--Voila.port_retries=0", "--Voila.auto_token=True", "--no-browser"]
    server = subprocess.Popen(command)
    if browser:
        threading.Thread(target=_open_when_up, args=(address, server), daemon=True).start()
    before = signal.signal(signal.SIGTERM, lambda *_: server.terminate())  # who ends this command ends the server
    try:
        return server.wait()
    except KeyboardInterrupt:  # Voilà was told too
        server.wait()
        return 0
    finally:
        signal.signal(signal.SIGTERM, before)


def _open_when_up(address: str, server: "subprocess.Popen[bytes]") -> None:
    """Open a browser as soon as the server answers at all; the page itself is made anew for each visitor."""
    login = address.partition("?")[0] + "login"
    while server.poll() is None:
        try:
            urllib.request.urlopen(login, timeout=5).close()
        except urllib.error.HTTPError:
            pass  # an answer
        except OSError:
            time.sleep(0.2)
            continue
        webbrowser.open(address)
        return


def _token() -> str:
    """The word that opens the server: the one that is set, or one of ours, so that the address can be said before it starts."""
    return os.environ.setdefault("JUPYTER_TOKEN", secrets.token_hex(24))


def _has_browser() -> bool:
    try:
        webbrowser.get()
    except webbrowser.Error:
        print("No browser was found.")
        return False
    return True
