"""What a real program touches, recorded by valgrind's lackey (valgrind manual, chapter 15).

Lackey runs the program's machine code itself and notes every reference, down a pipe of its own: the program's output stays apart.
Address randomisation is off meanwhile (personality(2), ADDR_NO_RANDOMIZE), so that the same program, with the same environment,
gives the same trace, as far as the program itself is the same each time.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

from ..budget import memory_limit, size_text
from ..errors import LimitError, TraceError, shown, whole
from . import lines
from .format import lackey
from .source import Opened
from .trace import Chunk, Trace, joined

MOST_OUTPUT = 1 << 20  # bytes kept of what a program prints
_ADDR_NO_RANDOMIZE, _ASK = 0x0040000, 0xFFFFFFFF  # linux/personality.h


class Recording(Trace):
    """The trace of a program that ran. status: what it ended with, negative for a signal, None if it was stopped at the limit.

    output, errors: the first MiB of what it printed to its standard output and standard error.
    """

    status: int | None = None
    output: bytes = b""
    errors: bytes = b""


def record(command: Sequence[str], *, limit: int | None = None) -> Recording:
    """Run a program under lackey and return its trace: loads, stores and instruction fetches.

    command: the program and its arguments, as ["ls", "-l"]; it reads nothing. limit: references after which it is stopped.
    TraceError: no valgrind, no such program, or one that valgrind cannot run. LimitError: a trace of more than a quarter of
    this process's memory. A program that fails is warned of, and the trace is what it did until then. Ctrl-C ends it.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        trace = run(command, limit, stdin=subprocess.DEVNULL, stdout=output, stderr=errors)
        trace.output, trace.errors = _beginning(output), _beginning(errors)
    if said := failure(trace):
        warnings.warn(said, stacklevel=2)
    return trace


def run(command: Sequence[str], limit: int | None, **streams: Any) -> Recording:
    """Run a program with these standard streams, and return its trace without its output."""
    if isinstance(command, (str, bytes)) or not all(isinstance(word, (str, os.PathLike)) for word in command):
        raise TypeError(f'a command is a list of its words, as ["ls", "-l"], not {command!r}')
    if not command:
        raise TraceError('a command needs a program: ["ls", "-l"]')
    if limit is not None and whole("limit", limit) < 1:
        raise TraceError(f"limit={limit}: it must be a whole number of 1 or more")
    name = shown(os.path.basename(command[0]))
    if shutil.which(command[0]) is None:
        raise TraceError(f"there is no program '{shown(os.fspath(command[0]))}'")
    budget, refs, parts = memory_limit() // 4, 0, []
    with _lackey(command, streams) as (process, pipe):
        for chunk in lines.stream(_Pipe(name, pipe), lackey.LINES).chunks:
            parts.append(chunk if limit is None else _first(chunk, limit - refs))
            refs += len(parts[-1].addresses)
            if refs == limit:
                break
            if refs * 9 > budget:
                raise LimitError(
                    f"'{name}' made {refs:,} references so far, 9 bytes each; the limit is {size_text(budget)}, a quarter of "
                    "the memory this process may use: limit= stops after so many references"
                )
        status = None if refs == limit else process.wait()
    if not refs:
        raise TraceError(f"valgrind could not run '{name}': it ended with status {status} before its first instruction")
    recording = Recording(*joined(parts), name=name)
    recording.status = status
    return recording


def failure(recording: Recording) -> str:
    """A sentence about a program that failed, "" for one that did not."""
    status = recording.status
    if not status:
        return ""
    last = recording.errors.decode("utf-8", "replace").strip().splitlines()[-1:]
    how = f"ended with status {status}" if status > 0 else f"was ended by {signal.Signals(-status).name}"
    return f"'{recording.name}' {how}{''.join(f': {shown(line)}' for line in last)}"


class _Pipe:
    """What lackey writes, in place of a file."""

    def __init__(self, name: str, pipe: BinaryIO) -> None:
        self.name, self._pipe = name, pipe

    @contextmanager
    def open(self) -> Iterator[Opened]:
        yield Opened(self._pipe, self._pipe, 0)


@contextmanager
def _lackey(command: Sequence[str], streams: Any) -> Iterator[tuple["subprocess.Popen[bytes]", BinaryIO]]:
    """The program running under lackey, and the pipe that the trace comes through; in the end neither is left."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise TraceError("recording needs valgrind, which is not installed (Linux: apt-get install valgrind)")
    ours, theirs = os.pipe()
    with os.fdopen(ours, "rb") as pipe:
        try:
            # What the program forks is not recorded: its references would come in between
            options = ["--tool=lackey", "--trace-mem=yes", f"--log-fd={theirs}", "--child-silent-after-fork=yes", "--"]
            with _same_addresses():
                process = subprocess.Popen(
                    [valgrind, *options, *command],
                    env=_environment(),
                    pass_fds=(theirs,),
                    start_new_session=True,
                    **streams,
                )
        finally:
            os.close(theirs)
        try:
            yield process, pipe
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _environment() -> dict[str, str]:
    """This process's, with LD_PRELOAD first.

    Valgrind puts its libraries there, and makes the variable if it is missing: the last one, with the 16 random bytes after it
    that the kernel gives each process (getauxval(3), AT_RANDOM). The dynamic linker's strcspn reads up to three bytes past the
    end of the list and looks them up in a table, so that addresses in it would differ from run to run.
    """
    return {
        "LD_PRELOAD": os.environ.get("LD_PRELOAD", ""),
        **{k: v for k, v in os.environ.items() if k != "LD_PRELOAD"},
    }


@contextmanager
def _same_addresses() -> Iterator[None]:
    """What is started within gets the same addresses each time; said in a warning where the host refuses that."""
    try:
        personality = ctypes.CDLL(None).personality
    except (AttributeError, OSError, TypeError):  # no Linux
        yield
        return
    before = personality(_ASK)
    if before == -1 or personality(before | _ADDR_NO_RANDOMIZE) == -1:
        warnings.warn(
            "this host does not let address randomisation be turned off: traces differ from run to run", stacklevel=6
        )
        yield
        return
    try:
        yield
    finally:
        personality(before)


def _first(chunk: Chunk, n: int) -> Chunk:
    """The first n references."""
    return chunk._replace(addresses=chunk.addresses[:n], kinds=None if chunk.kinds is None else chunk.kinds[:n])


def _beginning(file: Any) -> bytes:
    file.seek(0)
    return bytes(file.read(MOST_OUTPUT))
