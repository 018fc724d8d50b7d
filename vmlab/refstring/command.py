"""`vmlab replay` and `vmlab curve`: a trace file replayed, from a shell."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import VmlabError
from ..trace import Trace, read
from . import plot, shown
from .curves import ROWS, miss_ratio_curve, spread
from .policy import POLICIES
from .replaying import COLUMNS, Replay, replay
from .string import ReferenceString, reference_string

_BAR = 30  # characters
_POINTS = 500  # of a curve that is drawn


def main(argv: Sequence[str]) -> int:
    """Run `replay` or `curve`; 0, or 1 after one sentence on stderr, or 2 for a wrong command line, or 130 after Ctrl-C."""
    asked = _parser().parse_args(argv)
    try:
        trace = read(asked.trace, page_size=asked.page_size)
        data, table, picture = (_replay if asked.command == "replay" else _curve)(trace, asked)
        if asked.plot is not None:
            Path(asked.plot).write_text(picture, "utf-8")
    except KeyboardInterrupt:
        print("vmlab: stopped", file=sys.stderr)
        return 130
    except (VmlabError, ValueError, TypeError, OSError) as error:
        print(f"vmlab: {error}", file=sys.stderr)
        return 1
    print(json.dumps(data) if asked.json else table)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="vmlab")
    commands = parser.add_subparsers(dest="command", required=True)
    both = argparse.ArgumentParser(add_help=False)
    both.add_argument("trace", help="a trace file, of any format that vmlab reads")
    both.add_argument("--page-size", type=int, metavar="BYTES", help="default: what the format says")
    both.add_argument("--json", action="store_true", help="print JSON instead of a table")
    both.add_argument("--plot", metavar="FILE.svg", help="draw the miss ratios, too")
    one = commands.add_parser("replay", parents=[both], help="faults under some policies, with some numbers of frames")
    one.add_argument("--policy", nargs="+", default=["lru"], metavar="NAME", help=f"of {', '.join(POLICIES)}")
    one.add_argument("--frames", nargs="+", type=int, required=True, metavar="N", help="frames of memory")
    all_sizes = commands.add_parser("curve", parents=[both], help="the miss ratio for every number of frames")
    all_sizes.add_argument("--policy", choices=("lru", "opt"), default="lru")
    all_sizes.add_argument("--sample", type=float, metavar="SHARE", help="of the pages to look at, as 0.01 (SHARDS)")
    return parser


def _replay(trace: Trace, asked: argparse.Namespace) -> tuple[Any, str, str]:
    """(for JSON, table, picture) of replays under each policy with each number of frames."""
    string = _string(trace)
    replays: list[Replay] = []
    for k, policy in enumerate(asked.policy):
        for i, frames in enumerate(asked.frames):
            replays.append(replay(string, policy, frames))
            _bar("replaying", (k * len(asked.frames) + i + 1) / (len(asked.policy) * len(asked.frames)))
    rows = [(r.policy, r.frames, r.references, r.string.distinct, r.faults, r.miss_ratio) for r in replays]
    curves = {
        policy: sorted((r.frames or 1, r.miss_ratio) for r in replays if r.policy == policy.lower())
        for policy in asked.policy
    }
    data = [dict(zip((name.replace(" ", "_") for name in COLUMNS), row)) for row in rows]
    return data, shown.text(COLUMNS, rows), plot.svg(trace.name, curves)


def _curve(trace: Trace, asked: argparse.Namespace) -> tuple[Any, str, str]:
    """(for JSON, table, picture) of a whole curve."""
    curve = miss_ratio_curve(_string(trace), asked.policy, asked.sample)
    frames, ratios = curve.frames.tolist(), curve.miss_ratios.tolist()
    data = {"policy": curve.policy, "references": curve.references, "frames": frames, "miss_ratios": ratios}
    table = shown.text(("frames", "miss ratio"), [(frames[k], ratios[k]) for k in spread(len(frames), ROWS)])
    return (
        data,
        table,
        plot.svg(trace.name, {curve.policy: [(frames[k], ratios[k]) for k in spread(len(frames), _POINTS)]}),
    )


def _string(trace: Trace) -> ReferenceString:
    """The pages of a trace, with a bar while it is read."""
    return reference_string(trace.held(tell=lambda share: _bar("reading", share)).page_numbers())


def _bar(what: str, share: float) -> None:
    """How far the work is, on one line of a terminal; nothing where stderr is none."""
    if sys.stderr.isatty():
        done = round(_BAR * share)
        end = "\r" if share < 1 else "\r" + " " * (len(what) + _BAR + 8) + "\r"
        print(f"\r{what} [{'#' * done}{'.' * (_BAR - done)}] {share:4.0%}", end=end, file=sys.stderr, flush=True)
