"""Compile every kernel of the machine once, so that no first click waits."""

import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import TextIO

from . import jit

going = False  # is this module at work? Then machines are built without asking it


def warm(out: TextIO | None = None) -> None:
    """Compile what is not yet in the cache, with a line of progress on `out` (default: standard error)."""
    global going
    if going:
        return
    going = True
    stream = sys.stderr if out is None else out
    try:
        jit.warm("core", _steps(), lambda line: print(line, file=stream, flush=True))
    finally:
        going = False


def _steps() -> Iterator[tuple[str, Callable[[], object]]]:
    """Every entry of the core, called with the types it is called with, in an order that shows progress."""
    from .kernel.madvise import Advice
    from .machine import Machine

    m = Machine(frames=8, swap=8 * 4096, tlb=(4, 4), preset="linux")
    p = m.spawn("warm")
    file = m.create("warm", 3 * 4096)
    heap = p.mmap(12 * 4096)
    shared = p.mmap(3 * 4096, file=file, flags=1)
    yield "references", heap.touch
    yield "stores", lambda: heap.touch(True)
    yield "one store", lambda: p.store(heap, b"x")
    yield "read", lambda: file.pwrite(file.pread(10), 5)
    yield "pagemap", lambda: p.pagemap(heap)
    yield "mprotect", lambda: p.mprotect(heap, 4096)
    yield "fork", lambda: p.fork().exit()
    yield "mremap", lambda: p.mremap(p.mmap(4096), 8192, to=0x10000)
    for advice in ("COLD", "PAGEOUT", "WILLNEED", "FREE", "DONTNEED"):
        yield f"madvise {advice}", partial(heap.madvise, Advice[advice])
    yield "mincore", heap.mincore
    yield "mlock", lambda: p.mlock(heap, 4096)
    yield "munmap", lambda: p.munmap(heap)
    yield "populate", lambda: p.mmap(4096, flags=2 | 0x8000)
    yield "writeback", file.evict
    yield "read-ahead", lambda: file.pread(1)
    for advice in ("REMOVE", "GUARD_INSTALL"):
        yield f"madvise {advice}, shared", partial(shared.madvise, Advice[advice])
    yield "fork with guards", lambda: p.fork().exit()
    yield "madvise GUARD_REMOVE", partial(shared.madvise, Advice.GUARD_REMOVE)
    yield "close", file.close
