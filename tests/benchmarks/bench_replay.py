"""Replay beside libCacheSim: `python tests/benchmarks/bench_replay.py [references]`, 20 million unless told otherwise.

Process CPU time, medians of five rounds, ours and the peer's in turn; equal miss counts are asserted. The peer (`pip install
libcachesim`, its `process_trace`) is given a file in its own format, oracleGeneral; ours dense uint32 ids in memory. "from
addresses" has the making of the dense ids inside our time. The peer makes a hash table of 2**24 slots whatever the cache; "tuned"
is the same with one that suits the cache, which its makers do not choose for you. Two traces: Zipf 1.0 over a million pages, and
four programs recorded by valgrind's lackey, in slices of 100,000 references; memory is a tenth of the pages.
"""

import importlib.util
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np

from vmlab.refstring import ReferenceString, miss_ratio_curve, reference_string, replay

ROUNDS = 5
SLICE = 100_000
PAGE_SHIFT = 12
PROGRAMS = (
    ["ls", "-R", "/usr/lib"],
    ["sort", "-n", "/usr/share/dict/words", "/etc/services", "/etc/passwd"],
    [sys.executable, "-c", "import json"],
    ["grep", "-r", "printf", "/usr/include"],
)
ORACLE_GENERAL = np.dtype([("time", "<u4"), ("id", "<u8"), ("size", "<u4"), ("next", "<i8")])
# policy, options, the peer's class, times the peer at least: Zipf, real
ROWS: list[tuple[str, dict[str, Any], str, int, int]] = [
    ("fifo", {}, "FIFO", 60, 30),
    ("lru", {}, "LRU", 50, 20),
    ("clock", {"loaded": "clear"}, "Clock", 30, 20),
    ("sieve", {}, "Sieve", 30, 15),
    ("slru", {"segments": 4}, "SLRU", 8, 4),
    ("2q", {}, "TwoQ", 8, 4),
    ("arc", {}, "ARC", 8, 4),
    ("lfu", {"ties": "recent"}, "LFU", 8, 4),
    ("s3-fifo", {"variant": "libcachesim"}, "S3FIFO", 8, 4),
    ("lirs", {"stack": 2}, "LIRS", 8, 4),
]
DIFFERS = {"lirs"}  # counts are printed, not asserted: see tests/refstring/test_peer.py


def zipf(n: int) -> Any:
    """Pages of a Zipf law with exponent 1 over a million, in no order, somewhere in a 48-bit address space."""
    rng = np.random.default_rng(2026)
    share = np.cumsum(1 / np.arange(1, 1_000_001))
    drawn = np.searchsorted(share / share[-1], rng.random(n))
    return rng.permutation(1_000_000)[drawn].astype(np.uint64) + np.uint64(0x7F0_0000_0000 >> PAGE_SHIFT)


def real(n: int) -> Any:
    """Pages of four programs, in slices; None where valgrind is not installed. A program that is short begins again."""
    if not shutil.which("valgrind"):
        return None
    each = [np.resize(recorded(command, n // 4), n // 4) for command in PROGRAMS]
    spaces = [pages + np.uint64(k << 40) for k, pages in enumerate(each)]
    cuts = range(0, n // 4, SLICE)
    return np.concatenate([pages[cut : cut + SLICE] for cut in cuts for pages in spaces])


def recorded(command: list[str], n: int) -> Any:
    """The first n pages that a program touches: instructions, loads, stores."""
    pages = np.empty(n, np.uint64)
    lackey = ["valgrind", "--tool=lackey", "--trace-mem=yes", "--log-fd=1", *command]
    with subprocess.Popen(lackey, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as running:
        assert running.stdout is not None
        k = 0
        for line in running.stdout:
            if line[:3] in (b"I  ", b" L ", b" S ", b" M ") and b"," in line:
                pages[k] = int(line[3 : line.index(b",")], 16) >> PAGE_SHIFT
                k += 1
                if k == n:
                    break
        running.kill()
    return pages[:k]


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """Process CPU time, and what came out."""
    begin = time.process_time()
    found = work()
    return time.process_time() - begin, found


def medians(*works: Callable[[], Any]) -> tuple[list[float], list[Any]]:
    """The median time of each, taken in turn, and what each gave last. One round before is not counted."""
    found = [work() for work in works]
    times: list[list[float]] = [[] for _ in works]
    for _ in range(ROUNDS):
        for k, work in enumerate(works):
            taken, found[k] = seconds(work)
            times[k].append(taken)
    return [statistics.median(t) for t in times], found


class Peer:
    """libCacheSim, on a file that it maps."""

    def __init__(self, string: ReferenceString, folder: str) -> None:
        self.module = importlib.import_module("libcachesim")
        self.n = len(string)
        rows = np.zeros(self.n, ORACLE_GENERAL)
        rows["id"], rows["size"] = string.ids.astype(np.uint64) + 1, 1
        self.path = str(Path(folder) / "trace.oracleGeneral.bin")
        rows.tofile(self.path)

    def misses(self, kind: str, frames: int, tuned: bool = False) -> int:
        """The misses of one cache; tuned: with a hash table of its size, not of the peer's own 2**24 slots."""
        lcs = self.module
        reader = lcs.TraceReader(self.path, lcs.TraceType.ORACLE_GENERAL_TRACE, lcs.ReaderInitParam())
        cache = getattr(lcs, kind)(frames, **({"hashpower": max(8, (2 * frames).bit_length())} if tuned else {}))
        ratio, _ = cache.process_trace(reader)
        return round(ratio * self.n)


@numba.njit
def _read(ids):  # type: ignore[no-untyped-def]
    total = 0
    for i in range(len(ids)):
        total += ids[i]
    return total


@numba.njit
def _touch(ids, notes):  # type: ignore[no-untyped-def]
    for i in range(len(ids)):
        notes[ids[i]] += 1


def table(name: str, pages: Any, column: int) -> None:
    """All rows of one trace."""
    string, n = reference_string(pages), len(pages)
    frames = max(2, string.distinct // 10)
    print(f"\n{name}: {n:,} references to {string.distinct:,} pages, {frames:,} frames; ns a reference")

    def ns(taken: float) -> float:
        return taken / n * 1e9

    notes = np.zeros(string.npages, np.int32)
    (read, touch, dense), _ = medians(
        lambda: _read(string.ids), lambda: _touch(string.ids, notes), lambda: reference_string(pages)
    )
    print(f"floor: reading the ids {ns(read):.2f}, and one word of each page's notes changed {ns(touch):.2f}")
    print(f"dense ids from addresses {ns(dense):.2f}   under {(10, 2)[column]}")
    if importlib.util.find_spec("libcachesim") is None:
        print("libcachesim is not installed, so there is no peer in this table: pip install libcachesim")
        for policy, options, *_ in ROWS:
            (ours,), _ = medians(lambda p=policy, o=options: replay(string, p, frames=frames, **o))
            print(f"{policy:10s} {ns(ours):8.2f}")
    else:
        with tempfile.TemporaryDirectory() as folder:
            peer = Peer(string, folder)
            print("           ours    peer   ratio  at least  from addresses    tuned   ratio")
            for policy, options, kind, *least in ROWS:
                (ours, theirs, tuned), (found, *misses) = medians(
                    lambda p=policy, o=options: replay(string, p, frames=frames, **o).faults,
                    lambda k=kind: peer.misses(k, frames),
                    lambda k=kind: peer.misses(k, frames, tuned=True),
                )
                assert {found} == set(misses) or policy in DIFFERS, f"{policy}: {found} faults, the peer has {misses}"
                print(
                    f"{policy:8s} {ns(ours):7.2f} {ns(theirs):7.2f} {theirs / ours:6.1f}x {least[column]:8d}x "
                    f"{theirs / (ours + dense):14.1f}x {ns(tuned):8.2f} {tuned / ours:6.1f}x"
                    + (f"   {found:,} and {misses[0]:,} misses" if found not in misses else "")
                )
            (curve, one), _ = medians(lambda: miss_ratio_curve(string), lambda: peer.misses("LRU", frames))
            print(f"LRU curve, all sizes {ns(curve):.2f}; the peer's LRU at one size {ns(one):.2f}: "
                  f"{one / curve:.1f}x   at least {(5, 2)[column]}x")  # fmt: skip
    (opt, shards), (_, sampled) = medians(
        lambda: replay(string, "opt", frames=frames), lambda: miss_ratio_curve(string, sample=0.01)
    )
    print(f"OPT with its next-use pass {n / opt / 1e6:6.0f} M references/s   at least {(100, 200)[column]}")
    exact = miss_ratio_curve(string)
    sizes = [max(1, string.distinct * k // 16) for k in range(1, 9)]
    off = statistics.mean(abs(exact.miss_ratio(k) - sampled.miss_ratio(k)) for k in sizes)
    print(f"SHARDS at 1 %              {n / shards / 1e6:6.0f} M references/s   at least 1000   mean error {off:.4f}")


def main() -> None:
    """Print the tables."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000_000
    table("Zipf 1.0", zipf(n), 0)
    pages = real(n)
    if pages is None:
        print("\nvalgrind is not installed, so there is no real trace: apt install valgrind")
    else:
        table("four programs", pages, 1)


if __name__ == "__main__":
    main()
