"""What one store through the gate costs, history on: `python tests/benchmarks/bench_gate.py`. At most 50 us at each size.

The median of single stores by the wall clock; and the median of hundreds of stores by the process's own time, in which a busy
computer shows less. Keyframes fall on a few stores of many thousand: they are in the mean.
"""

import statistics
import time

from vmlab import Machine

PAGES = 64
STORES = 20_000
BATCH = 200


def stores(frames: int) -> tuple[float, float, float]:
    """(median by the wall clock, median of the process's time, mean of it), in microseconds, of stores to pages in memory."""
    m = Machine(frames=frames)
    p = m.spawn()
    heap = p.mmap(PAGES * 4096)
    heap.touch(True)
    singles, batches = [], []
    for i in range(0, STORES, BATCH):
        start = time.process_time()
        for k in range(i, i + BATCH):
            begin = time.perf_counter()
            p.store(heap.addr + k * 4099 % heap.length, b"x")
            singles.append(time.perf_counter() - begin)
        batches.append((time.process_time() - start) / BATCH)
    assert m.history.now == STORES + 3
    return tuple(1e6 * n for n in (statistics.median(singles), statistics.median(batches), statistics.mean(batches)))


def main() -> None:
    """Print the table."""
    stores(256)  # compiles, if that was not done yet
    print("one store, history on        median   process time   its mean    at most 50 us")
    for frames in (256, 16_384):
        print(f"{frames:9,} frames           {'{:8.1f}   {:12.1f}   {:8.1f}'.format(*stores(frames))} us")


if __name__ == "__main__":
    main()
