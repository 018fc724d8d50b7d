"""Compile every kernel of the machine once, so that no first click waits."""

import sys
from collections.abc import Callable, Iterator
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
    from .machine import Machine

    m = Machine(frames=8, swap=8 * 4096, tlb=(4, 4))
    p = m.spawn("warm")
    file = m.create("warm", 3 * 4096)
    heap = p.mmap(12 * 4096)
    yield "references", heap.touch
    yield "stores", lambda: heap.touch(True)
    yield "one store", lambda: p.store(heap, b"x")
    yield "read", lambda: file.pwrite(file.pread(10), 5)
    yield "pagemap", lambda: p.pagemap(heap)
    yield "mprotect", lambda: p.mprotect(heap, 4096)
    yield "fork", lambda: p.fork().exit()
    yield "mremap", lambda: p.mremap(p.mmap(4096), 8192, to=0x10000)
    yield "munmap", lambda: p.munmap(heap)
    yield "populate", lambda: p.mmap(4096, flags=2 | 0x8000)
    yield "writeback", file.evict
    yield "close", file.close
