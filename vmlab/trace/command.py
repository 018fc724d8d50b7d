"""`vmlab record`: a program's trace, from a shell."""

import argparse
import os
import sys
from collections.abc import Sequence

from ..errors import VmlabError
from .format import FORMATS
from .recording import failure, run
from .writing import format_of


def main(argv: Sequence[str]) -> int:
    """Record a program; 0, or 1 after one sentence on stderr, or 2 for a wrong command line, or 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="vmlab record",
        usage="vmlab record [-o FILE] [--limit N] [--] PROGRAM ...",
        description="Run a program under valgrind's lackey and write its trace to a file.",
    )
    parser.add_argument(
        "-o", metavar="FILE", help="default: PROGRAM.npz; its ending says the format: " + ", ".join(FORMATS)
    )
    parser.add_argument("--limit", type=int, metavar="N", help="stop the program after N references")
    parser.add_argument("command", nargs="+", metavar="PROGRAM ...")
    own, command = _split(argv)
    asked = parser.parse_args([*own, "--", *command])
    target = asked.o or f"{os.path.basename(asked.command[0])}.npz"
    try:
        format_of(target)  # before the program runs, not after
        trace = run(asked.command, asked.limit)
        trace.save(target)
    except KeyboardInterrupt:
        print("vmlab: stopped, nothing was written", file=sys.stderr)
        return 130
    except (VmlabError, OSError) as error:
        print(f"vmlab: {error}", file=sys.stderr)
        return 1
    print(f"{target}: {trace!r}", file=sys.stderr)
    if said := failure(trace):
        print(f"vmlab: {said}", file=sys.stderr)
        return 1
    return 0


def _split(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """Our own options, and the program with its own: all from the first word on that is no option of ours."""
    k = 0
    while k < len(argv) and argv[k].startswith("-") and argv[k] != "--":
        k += 2 if argv[k] in ("-o", "--limit") else 1
    return list(argv[:k]), list(argv[k + 1 if argv[k : k + 1] == ["--"] else k :])
