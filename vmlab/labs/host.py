"""The same on the computer under the notebook: what its own kernel counts. Nothing here is simulated."""

import mmap
import platform


def first_touch(npages: int) -> str:
    """Store into npages pages of new private memory, twice; in a sentence, the faults of each round (getrusage(2))."""
    try:
        from resource import RUSAGE_SELF, getrusage
    except ImportError:
        return f"{platform.system()} does not tell a program its minor faults (pages of {mmap.PAGESIZE} bytes)."
    flags = mmap.MAP_PRIVATE | getattr(mmap, "MAP_ANONYMOUS", getattr(mmap, "MAP_ANON", 0))
    area = mmap.mmap(-1, npages * mmap.PAGESIZE, flags=flags)
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        area.madvise(mmap.MADV_NOHUGEPAGE)  # one fault brings one page
    faults = []
    for _ in range(2):
        before = getrusage(RUSAGE_SELF).ru_minflt
        area[:: mmap.PAGESIZE] = bytes(npages)  # one loop in C: Python's own faults stay few
        faults.append(getrusage(RUSAGE_SELF).ru_minflt - before)
    area.close()
    return (
        f"{platform.system()}, pages of {mmap.PAGESIZE} bytes: the first stores into {npages} pages took {faults[0]} minor faults,"
        f" the second {faults[1]}."
    )
