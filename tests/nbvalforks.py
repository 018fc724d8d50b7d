"""nbval many times over, for tests that change vmlab and ask a notebook to notice: `python nbvalforks.py`.

Most of a short run is Python's imports: of pytest, of nbval, of the kernel, of the charts. Here they are done once, all but
vmlab's own; a run is a fork of this Python, and its notebook's kernel a fork of that. A line of stdin names a folder, into which
the run goes, and a notebook in it; when it has ended a line of stdout has its exit status, and `said.txt` in the folder what
nbval printed. What stands in the folder is imported before everything else.
"""

import importlib
import os
import signal
import sys
from types import SimpleNamespace
from typing import Any

SAME = (
    "bqplot",
    "IPython",
    "ipykernel.kernelapp",
    "ipywidgets",
    "numba",
    "numba.typed",
    "numpy",
    "pandas",
    "nbval.plugin",
)
OPTIONS = "-p nbval.plugin -p no:cacheprovider --nbval --nbval-current-env --nbval-cell-timeout=60 -x -rfE".split()
SECONDS = 60  # until a kernel answers


def kernel(
    startup_timeout: float = SECONDS, kernel_name: str = "", stderr: Any = None, cwd: str = "."
) -> tuple[Any, Any]:
    """A kernel that is a fork of this process, and its client: what nbval asks `start_new_kernel` for."""
    from jupyter_client import BlockingKernelClient
    from jupyter_client.connect import write_connection_file

    # sockets are files in the run's folder: of free ports another Python may take one before the kernel does
    connection, _ = write_connection_file(transport="ipc", ip=os.path.join(os.getcwd(), "kernel"))
    child = os.fork()
    if not child:
        os.chdir(cwd)
        os.setsid()
        os.environ.pop("PYTEST_CURRENT_TEST", None)  # with it ipykernel leaves out what child processes print
        from ipykernel.kernelapp import IPKernelApp

        try:
            IPKernelApp.launch_instance(argv=["-f", connection])
        finally:
            os._exit(0)
    client = BlockingKernelClient(connection_file=connection)
    client.load_connection_file()
    client.start_channels()
    client.wait_for_ready(timeout=startup_timeout)

    def is_alive() -> bool:
        return os.waitpid(child, os.WNOHANG) == (0, 0)

    def shutdown_kernel(now: bool = True) -> None:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)

    def interrupt_kernel() -> None:
        os.kill(child, signal.SIGINT)

    manager = SimpleNamespace(
        is_alive=is_alive, shutdown_kernel=shutdown_kernel, interrupt_kernel=interrupt_kernel,
        kernel_spec=SimpleNamespace(language="python"),
    )  # fmt: skip
    return manager, client


def run(folder: str, notebook: str) -> int:
    """nbval's exit status, from a fork of this process."""
    child = os.fork()
    if not child:
        status = 70
        try:
            os.chdir(folder)
            said = os.open("said.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(said, 1)
            os.dup2(said, 2)
            sys.path.insert(0, folder)
            os.environ["PYTHONPATH"] = folder
            sys.modules["nbval.kernel"].start_new_kernel = kernel
            status = int(sys.modules["pytest"].main([*OPTIONS, notebook]))
            sys.stdout.flush()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main() -> None:
    """Run what stdin names until it ends."""
    for name in ("pytest", *SAME):
        importlib.import_module(name)
    assert "vmlab" not in sys.modules
    for line in sys.stdin:
        folder, notebook = line.rstrip("\n").split("\t")
        print(run(folder, notebook), flush=True)


if __name__ == "__main__":
    main()
