"""`vmlab replay` and `vmlab curve`: a trace file replayed, from a shell."""

import argparse
import json
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import VmlabError
from ..trace import Trace, read
from . import plot, shown
from .bar import Bar
from .curves import ROWS, miss_ratio_curve, spread
from .filestring import near
from .policy import POLICIES
from .replaying import COLUMNS, Replay, replay, string_of

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
    with Bar("reading") as reading:
        string = string_of(trace, reading)
    many = len(asked.policy) * len(asked.frames)
    if many > 1:
        string = near(string)
    replays: list[Replay] = []
    with Bar("replaying") as replaying:
        for policy in asked.policy:
            for frames in asked.frames:
                part = partial(_part, replaying, len(replays), many)
                replays.append(replay(string, policy, frames, progress=part))
    rows = [(r.policy, r.frames, r.references, r.string.distinct, r.faults, r.miss_ratio) for r in replays]
    curves = {
        policy: sorted((r.frames or 1, r.miss_ratio) for r in replays if r.policy == policy.lower())
        for policy in asked.policy
    }
    data = [dict(zip((name.replace(" ", "_") for name in COLUMNS), row)) for row in rows]
    return data, shown.text(COLUMNS, rows), plot.svg(trace.name, curves)


def _curve(trace: Trace, asked: argparse.Namespace) -> tuple[Any, str, str]:
    """(for JSON, table, picture) of a whole curve."""
    curve = miss_ratio_curve(trace, asked.policy, asked.sample)
    frames, ratios = curve.frames.tolist(), curve.miss_ratios.tolist()
    data = {"policy": curve.policy, "references": curve.references, "frames": frames, "miss_ratios": ratios}
    table = shown.text(("frames", "miss ratio"), [(frames[k], ratios[k]) for k in spread(len(frames), ROWS)])
    return (
        data,
        table,
        plot.svg(trace.name, {curve.policy: [(frames[k], ratios[k]) for k in spread(len(frames), _POINTS)]}),
    )


def _part(bar: Bar, done: int, many: int, share: float) -> None:
    """So much of one of many replays is done."""
    bar((done + share) / many)
