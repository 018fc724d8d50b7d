"""The figures the README promises: `python tests/benchmarks/bench_figures.py`. Medians of five; a quiet machine tells the truth.

Bulk access is set beside a floor measured in the same run: one pass of compiled code that only reads the two input arrays.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import numba
import numpy as np

from vmlab import Machine

ROUNDS = 5
REFS = 10_000_000


def median(measure: Callable[[], float], rounds: int = ROUNDS) -> float:
    """The median of some measurements."""
    return statistics.median(measure() for _ in range(rounds))


def child(code: str, **env: str) -> float:
    """Seconds that a fresh Python takes for `code`, its own start taken off.

    It may keep its bytecode, as every Python does unless told otherwise; then only the first of several compiles our sources.
    """
    usual = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | env

    def run(text: str) -> float:
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", text], check=True, env=usual, stderr=subprocess.DEVNULL)
        return time.perf_counter() - begin

    return run(code) - run("pass")


FAULT = "from vmlab import Machine\nm = Machine()\np = m.spawn()\np.store(p.mmap(4096), b'x')"


def cold() -> float:
    """Seconds of the first fault with an empty cache."""
    with tempfile.TemporaryDirectory() as folder:
        return child(FAULT, NUMBA_CACHE_DIR=folder)


@numba.njit
def _floor(addresses, writes):  # type: ignore[no-untyped-def]
    total = 0
    for i in range(len(addresses)):
        total += addresses[i] + writes[i]
    return total


def bulk(frames: int, swap: int, npages: int) -> tuple[float, float, float]:
    """(accesses a second, the floor's, share of faults) of uniform references to npages pages, three in ten of them stores."""
    rng = np.random.default_rng(2026)
    m = Machine(frames=frames, swap=swap * 4096, contents=False, history=None)
    p = m.spawn()
    heap = p.mmap(npages * 4096)
    addresses = heap.addr + rng.integers(0, npages, REFS) * 4096
    writes = (rng.random(REFS) < 0.3).view(np.uint8)
    faults = p.access(addresses, writes).faults  # warm: what is resident is resident
    _floor(addresses, writes)

    def once(work: Callable[[], object]) -> float:
        begin = time.process_time()
        work()
        return time.process_time() - begin

    def run() -> None:
        nonlocal faults
        faults = p.access(addresses, writes).faults

    ours, floor = [], []
    for _ in range(ROUNDS):
        ours.append(once(run))
        floor.append(once(lambda: _floor(addresses, writes)))
    return REFS / statistics.median(ours), REFS / statistics.median(floor), faults / REFS


def gate(frames: int) -> float:
    """Microseconds of one store through the gate, history on."""
    m = Machine(frames=frames)
    p = m.spawn()
    heap = p.mmap(64 * 4096)
    heap.touch(True)
    times = []
    for i in range(3000):
        begin = time.perf_counter()
        p.store(heap.addr + i, b"x")
        times.append(time.perf_counter() - begin)
    return statistics.median(times) * 1e6


def main() -> None:
    """Print the table."""
    Machine()  # compiles, if that was not done yet
    print(f"import vmlab                        {median(lambda: child('import vmlab')):8.2f} s      at most 0.8")
    print(f"first fault, fresh process, warm    {median(lambda: child(FAULT)):8.2f} s      at most 1.5")
    print(f"the same with an empty cache        {cold():8.1f} s      at most 30")
    rate, floor, share = bulk(4096, 4096, 48)
    print(
        f"access, the TLB hits                {rate / 1e6:8.0f} M/s    at least 200    {rate / floor:.2f} of the floor"
    )
    for frames in (16_384, 100_000):  # the largest machine the Workbench shows; one that leaves the host's caches
        rate, floor, share = bulk(frames, 10 * frames + 16, 10 * frames)
        print(
            f"{share:.0%} fault, {frames:7,} frames        {rate / 1e6:8.1f} M/s    at least 8      {rate / floor:.3f} of the floor"
        )
    for frames in (256, 16_384):
        print(f"one store, {frames:6,} frames            {gate(frames):8.1f} us     at most 50")
    print("click to painted chart: python tests/benchmarks/bench_click.py")


if __name__ == "__main__":
    main()
