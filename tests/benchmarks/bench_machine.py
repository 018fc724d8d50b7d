"""The machine's access loop: `python tests/benchmarks/bench_machine.py [references]`, 5 million unless told otherwise.

Process CPU time, medians of five. Default machine (TLB of 64 entries in 4 ways, x86-64's four levels, CLOCK, events on), contents
off, no history:

    real    four programs recorded by valgrind's lackey, in slices of 100,000 references, all resident
    miss    a million pages at random, all resident: every reference misses the TLB
    fault   the same with 100,000 frames: nine in ten fault and evict

Then the same with one thing changed at a time, a default machine beside each: what a feature costs. (A new one each time: a
machine notes its counters less and less often, so an old one is faster.) TLB misses are asserted
to be those of pycachesim (`pip install pycachesim`), a cache of the TLB's geometry with lines of a page, LRU.
"""

import importlib.util
import statistics
import sys
import time
from itertools import pairwise
from typing import Any

import numpy as np
from bench_replay import real

from vmlab import Machine, Process

ROUNDS = 5
PAGE = 4096
SMALL = 512  # bytes of a page where pages have bytes: so many fit this computer's memory
PAGES = 1_000_000
GAP = 256  # pages: what lies further apart is another mapping
LEAST = {"real": 300, "miss": 50, "fault": 12}  # M references a second
FEATURES: dict[str, dict[str, Any]] = {
    "contents, of 512 bytes a page": {"contents": True},
    "FIFO": {"policy": "fifo"},
    "exact LRU": {"policy": "lru"},
    "Linux's two lists": {"policy": "linux"},
    "multi-generational LRU": {"policy": "mglru"},
    "no TLB": {"tlb": None},
    "a TLB of 1,536 entries, 12 ways": {"tlb": (1536, 12)},
    "watermarks, kswapd": {"min_free": 64},
    "swap-in by clusters of 8": {"page_cluster": 3},
    'preset="linux"': {"preset": "linux"},
}


def traces(n: int) -> dict[str, tuple[Any, Any]]:
    """(page numbers, writes) by name. Three in ten of the random references are stores."""
    rng = np.random.default_rng(2026)
    uniform = rng.integers(0, PAGES, n)
    writes = (rng.random(n) < 0.3).view(np.uint8)
    random = {"miss": (uniform, writes), "fault": (uniform, writes)}
    pages = real(n)
    if pages is None:
        print("valgrind is not installed, so there is no real trace: apt install valgrind")
        return random
    return {"real": (pages.astype(np.int64), False)} | random


def laid_out(process: Process, pages: Any, size: int) -> Any:
    """Map what a trace touches, a mapping for each cluster of its pages; the address of each reference."""
    seen = np.unique(pages)
    at = np.zeros(len(seen), np.int64)
    cuts = [0, *(np.flatnonzero(np.diff(seen) > GAP) + 1).tolist(), len(seen)]
    for first, stop in pairwise(cuts):
        mapped = process.mmap(int(seen[stop - 1] - seen[first] + 1) * size)
        at[first:stop] = mapped.addr + (seen[first:stop] - seen[first]) * size
    return at[np.searchsorted(seen, pages)]


class Bench:
    """A machine on which a trace has run once: what is resident is resident."""

    def __init__(self, name: str, pages: Any, writes: Any, **knobs: Any) -> None:
        frames = {"real": 4096, "miss": PAGES + 10_000, "fault": 100_000}[name]
        swap = {"real": 4096, "miss": 4096, "fault": PAGES + 4096}[name]
        if knobs.get("contents"):
            knobs = knobs | {"mmu": (9, 9, 9, 9), "page_size": SMALL}
        size = knobs.get("page_size", PAGE)
        usual = {"frames": frames, "swap": swap * size, "contents": False, "history": None, "max_bytes": 8 << 30}
        self.process = Machine(**usual | knobs).spawn()
        self.addresses, self.writes = laid_out(self.process, pages, size), writes
        self.cost = self.once()

    def once(self) -> Any:
        """Make all references."""
        self.cost = self.process.access(self.addresses, self.writes)
        return self.cost

    def seconds(self) -> float:
        """Process CPU time of all references."""
        begin = time.process_time()
        self.once()
        return time.process_time() - begin


def beside(a: Bench, b: Bench) -> tuple[float, float]:
    """The median times of two machines, measured in turn; ns a reference."""
    times: list[tuple[float, float]] = [(a.seconds(), b.seconds()) for _ in range(ROUNDS)]
    return tuple(statistics.median(t) / len(a.addresses) * 1e9 for t in zip(*times, strict=True))  # type: ignore[return-value]


def same_tlb_misses(pages: Any) -> str:
    """Assert that a machine with a fresh TLB misses as often as pycachesim's cache; in words."""
    if importlib.util.find_spec("cachesim") is None:
        return "pycachesim is not installed, so nothing is compared with it: pip install pycachesim"
    from cachesim import Cache, CacheSimulator, MainMemory

    process = Machine(frames=4096, contents=False, history=None).spawn()
    addresses = laid_out(process, pages, PAGE)
    ours = process.access(addresses).tlb_misses
    memory, tlb = MainMemory(), Cache("TLB", 16, 4, PAGE, "LRU")
    memory.load_to(tlb)
    memory.store_from(tlb)
    CacheSimulator(tlb, memory).loadstore([((a,), ()) for a in addresses.tolist()], length=1)
    theirs = tlb.stats()["MISS_count"]
    assert ours == theirs, f"{ours:,} TLB misses, pycachesim has {theirs:,}"
    return f"TLB misses of {len(pages):,} references: {ours:,}, and pycachesim's {theirs:,}"


def main() -> None:
    """Print the tables."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000_000
    all_traces = traces(n)
    if "real" in all_traces:
        print(same_tlb_misses(all_traces["real"][0][: min(n, 1_000_000)]))
    for name, (pages, writes) in all_traces.items():
        plain = Bench(name, pages, writes)
        ns = statistics.median(plain.seconds() for _ in range(ROUNDS)) / n * 1e9
        miss, fault = plain.cost.tlb_misses / n, plain.cost.faults / n
        print(
            f"\n{name:6}{ns:8.2f} ns {1e3 / ns:6.0f} M/s   at least {LEAST[name]}   {miss:.1%} miss the TLB, {fault:.1%} fault"
        )
        for feature, knobs in FEATURES.items():
            default, changed = beside(Bench(name, pages, writes), Bench(name, pages, writes, **knobs))
            print(f"  {feature:34}{changed:8.2f} ns beside {default:8.2f}: {changed - default:+8.2f}")


if __name__ == "__main__":
    main()
