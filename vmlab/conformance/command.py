"""The command `vmlab conformance`: plays the record on the running kernel and on a vmlab machine, and prints one table."""

import argparse
import platform
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from .backend import Backend
from .player import Player
from .record import RESIDENCY, TAIL, Case, Filesystem, Program, Stage, cases, programs
from .runner import RECORDED, Report, run
from .running import DIRECTORIES, RunningBackend, why_not
from .sides import differences, table

RUNNING = "running kernel"
VMLAB = "vmlab"
INTERRUPTED = 130  # the exit status that shells give after Ctrl-C

Entries = Sequence[Sequence[Case | Program]]  # of one kind, and of the other


def main(argv: Sequence[str] | None = None) -> int:
    """Play the record, print the table; 0 if nothing that exists in vmlab differs in results or final bytes.

    What the running kernel answers otherwise is shown, and is no failure: the record is that of another kernel.
    """
    arguments = _parser().parse_args(argv)
    entries = [chosen for played in (cases, programs) if (chosen := _only(played(), arguments.only))]
    if not entries:
        print(f"No entry of the record has {arguments.only!r} in its id.")
        return 1
    sides: dict[str, list[Report]] = {}
    try:
        with _terminated_like_interrupted():
            if arguments.running:
                sides |= _ask_running(arguments, entries)
            sides[VMLAB] = _ask_vmlab(arguments, entries)
    except KeyboardInterrupt:
        print("\nvmlab: stopped; its children are gone and their files removed.", file=sys.stderr)
        return INTERRUPTED
    for block in differences(sides, [entry for chosen in entries for entry in chosen], arguments.show):
        print(block + "\n")
    print(table(sides))
    return int(any(report.differ for report in sides[VMLAB]))


def _ask_running(arguments: argparse.Namespace, entries: Entries) -> dict[str, list[Report]]:
    """The running kernel's reports; none, and a sentence that says why, where it cannot be asked."""
    filesystem = Filesystem(arguments.filesystem)
    if refusal := why_not(filesystem, arguments.directory):
        print(f"The running kernel is not asked: {refusal}\n", flush=True)
        return {}
    directory = arguments.directory or DIRECTORIES[filesystem]
    backend = RunningBackend(directory)
    print(f"The running kernel is Linux {platform.release()}; its files lie in {directory} ({filesystem}).")
    print(*backend.remarks(), "", sep="\n", flush=True)
    return {RUNNING: _play(RUNNING, backend, entries, filesystem=filesystem)}


def _ask_vmlab(arguments: argparse.Namespace, entries: Entries) -> list[Report]:
    from .vmlab_backend import VmlabBackend  # here, so that the record can be read without a machine

    filesystem = Filesystem(arguments.filesystem)
    machine = VmlabBackend(filesystem=str(filesystem), **_machine(arguments))
    without, frames = ((TAIL, RESIDENCY), arguments.frames) if "frames" in arguments else ((), None)
    wanted = tuple(Stage) if arguments.check else RECORDED
    return _play(VMLAB, machine, entries, filesystem=filesystem, stages=wanted, without=without, frames=frames)


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """SIGTERM ends what is inside as Ctrl-C does, so that it cleans up."""
    if threading.current_thread() is not threading.main_thread():  # only there can handlers be set
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _play(name: str, backend: Backend, entries: Entries, **how: Any) -> list[Report]:
    """A report for each kind of entry. Whatever happens, Ctrl-C too, the backend gives back what it holds."""
    player = Player(backend)
    try:
        return [run(player, _progress(name, chosen), **how) for chosen in entries]
    finally:
        backend.close()


def _progress(name: str, entries: Sequence[Case | Program]) -> Iterator[Case | Program]:
    """The entries; how far we are stands in the terminal's last line meanwhile."""
    shown = sys.stderr.isatty()
    for k, entry in enumerate(entries):
        if shown:
            print(f"\r{name}: {k + 1} of {len(entries)}\033[K", end="", file=sys.stderr, flush=True)
        yield entry
    if shown:
        print("\r\033[K", end="", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vmlab conformance",
        description="Ask the kernel that runs here, and a vmlab machine, what Linux 6.18 was asked; compare the answers.",
        epilog="Exit status: 0 if vmlab differs nowhere in results and final bytes.",
    )
    parser.add_argument(
        "--show", type=int, metavar="N", help="of each stage only the first N entries that differ (all)"
    )
    parser.add_argument("--only", default="", metavar="ID", help="only entries whose id contains ID")
    parser.add_argument(
        "--filesystem", default="tmpfs", choices=list(map(str, Filesystem)), help="whose answers (tmpfs)"
    )
    parser.add_argument("--check", action="store_true", help="look at every invariant after every step")
    running = parser.add_argument_group("the running kernel, asked through children that are traced")
    running.add_argument("--no-running", dest="running", action="store_false", help="leave it out")
    places = ", ".join(f"{place} for {name}" for name, place in DIRECTORIES.items())
    running.add_argument("--directory", metavar="DIR", help=f"where its files go ({places})")
    machine = parser.add_argument_group("the machine, which must not matter to results and bytes")
    unset = argparse.SUPPRESS
    machine.add_argument(
        "--frames",
        type=int,
        default=unset,
        metavar="N",
        help="page frames; page tails, mincore, and what locks too many, are left out",
    )
    machine.add_argument("--policy", default=unset, metavar="NAME", help="replacement policy")
    machine.add_argument("--tlb", type=_tlb, default=unset, metavar="E,W", help="TLB entries and ways; 0 for none")
    return parser


def _tlb(text: str) -> tuple[int, int] | None:
    entries, _, ways = text.partition(",")
    return (int(entries), int(ways or entries)) if int(entries) else None


def _machine(arguments: argparse.Namespace) -> dict[str, Any]:
    """The machine's arguments that were given."""
    return {name: value for name, value in vars(arguments).items() if name in ("frames", "policy", "tlb")}


def _only(entries: Iterable[Any], text: str) -> list[Case | Program]:
    return [entry for entry in entries if text in entry.id]
