"""A program that goes through everything the machine has, with the same seed every time: its digest is the machine's."""

import numpy as np

from vmlab import Machine, Map, SegmentationFault

PAGE = 4096


def oldest(candidates) -> int:
    """FIFO in plain Python, which also notes how often it was asked."""
    candidates.notes[candidates.frame] += 1
    return int(candidates.frame[np.argmin(candidates.loaded)])


def machines(n: int):
    """The machine after the program, under each policy and a different TLB; `n` references to each."""
    early = {"page_cluster": 2, "min_free": 2}  # pages come before they are asked for, and go before they must
    shapes = [("clock", (4, 2), 1, early), ("fifo", (1, 1), 2, {}), ("lru", (16, 4), 1, early), (oldest, None, 1, {})]
    shapes += [(policy, (4, 2), 1, early) for policy in Machine.policies[3:]]
    for seed, (policy, tlb, cpus, knobs) in enumerate(shapes):
        m = Machine(frames=12, swap=48 * PAGE, policy=policy, tlb=tlb, cpus=cpus, asids=seed % 2 == 0, **knobs)
        go(m, n, np.random.default_rng(seed))
        yield m


def go(m: Machine, n: int, random) -> None:
    a = m.spawn("a")
    file = m.create("text", 5 * PAGE - 100, bytes(range(256)) * 79)
    heap = a.mmap(10 * PAGE)
    text = a.mmap(5 * PAGE, file=file, flags=Map.SHARED)
    copy = a.mmap(3 * PAGE, file=file, offset=PAGE)
    both = a.mmap(4 * PAGE, flags=Map.SHARED)
    heap[0:5], copy[7:12], both[0] = b"hello", b"mine!", 9
    b = a.fork("b")
    pages = [page for area in (heap, text, copy, both) for page in area.pages]
    for p in (a, b):
        p.access(random.choice(pages, n) + random.integers(0, 64, n), random.random(n) < 0.3)
    a.access([*text.pages, *both.pages, *text.pages] * 6)  # they come back soon after they went
    b.store(heap.addr + PAGE - 2, b"over the border")
    a.munmap(heap.addr + 3 * PAGE, 2 * PAGE)
    a.mprotect(heap.addr + 5 * PAGE, PAGE, 1)
    for bad in (heap.addr + 3 * PAGE, heap.addr + 5 * PAGE):
        try:
            a.store(bad, b"x")
        except SegmentationFault:
            pass
    text[10:14] = b"text"
    a.msync(text)
    file.truncate(3 * PAGE + 10)
    file.pwrite(b"longer again", 4 * PAGE)
    a.read(file, both.addr + PAGE, 5000, 100)
    m.queue([(p, pages[k % 3]) for k in range(20) for p in (a, b)])
    m.step(7)
    m.run()
    b.sbrk(2 * PAGE)
    c = b.fork("c")
    c.exit()
    a.exit(3)
    assert m.check() == []


def main(n: int) -> None:
    for m in machines(n):
        print(m.digest(), *m.state.stat[0])


if __name__ == "__main__":
    import sys

    main(int(sys.argv[1]))
