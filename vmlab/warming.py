"""Compile the kernels once, so that no first click waits: all of the machine's, and those that traces and replays begin with.

A replacement policy of the replay engine is compiled when it is first used, in a second or so. Two Pythons share the machine's
kernels: this one compiles `perform`, the job with the whole fault path in it, a second one all other entries.
"""

import importlib
import inspect
import os
import pkgutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TextIO

import numba
import numpy as np

from . import jit

going = False  # is this module at work? Then machines are built without asking it


def warm(out: TextIO | None = None) -> None:
    """Compile what is not yet in the cache, with a line of progress on `out` (default: standard error)."""
    warm_machine(out)
    jit.warm("trace", _trace_steps(), _teller(out), "some seconds")
    jit.warm("refstring", _refstring_steps(), _teller(out), "some seconds")


def warm_machine(out: TextIO | None = None) -> None:
    """The same for the machine's kernels alone: what the first machine does."""
    global going
    if going:
        return
    going = True
    try:
        jit.warm("core", _steps(), _teller(out))
    finally:
        going = False


def _teller(out: TextIO | None) -> Callable[[str], object]:
    stream = sys.stderr if out is None else out
    return lambda line: print(line, file=stream, flush=True)


def _trace_steps() -> Iterator[tuple[str, Callable[[], object]]]:
    """Every format read, and the generators that have kernels."""
    trace = importlib.import_module(f"{__package__}.trace")  # by name: a machine knows of warming, and of no traces
    with tempfile.TemporaryDirectory() as folder:
        for name in trace.FORMATS:
            path = os.path.join(folder, name)
            trace.Trace([4096], [0]).save(path, name)
            yield f"reading {name}", trace.read(path).held
    yield "quicksort", lambda: trace.quicksort(2)
    yield "mergesort", lambda: trace.mergesort(2)


def _refstring_steps() -> Iterator[tuple[str, Callable[[], object]]]:
    """What comes before any policy, and the whole curve."""
    refstring = importlib.import_module(f"{__package__}.refstring")
    numbers = importlib.import_module(f"{__package__}.refstring.numbers")
    pages = np.arange(2000, dtype=np.uint64) << np.uint64(40)  # so many that the tables grow
    yield "numbers of pages", lambda: refstring.reference_string(pages)
    yield "numbers of a file's pages", lambda: numbers.Numbers().of(pages)
    yield "a whole curve", lambda: refstring.miss_ratio_curve("1 2 1")


def _steps() -> Iterator[tuple[str, Callable[[], object]]]:
    """Every entry of the core, called with the types it is called with, in an order that shows progress."""
    from .kernel.madvise import Advice
    from .machine import Machine

    m = Machine(frames=8, swap=8 * 4096, tlb=(4, 4), preset="linux")
    p = m.spawn("warm")
    file = m.create("warm", 3 * 4096)
    heap = p.mmap(12 * 4096)
    shared = p.mmap(3 * 4096, file=file, flags=1)
    second = _start_second()
    yield "references", heap.touch
    if second is not None:
        yield "what a second Python has compiled", second.wait
    yield "stores", lambda: heap.touch(True)
    yield "one store", lambda: p.store(heap, b"x")
    yield "read", lambda: file.pwrite(file.pread(10), 5)
    yield "pagemap", lambda: p.pagemap(heap)
    yield "mprotect", lambda: p.mprotect(heap, 4096)
    yield "fork", lambda: p.fork().exit()
    yield "mremap", lambda: p.mremap(p.mmap(4096), 8192, to=0x10000)
    for advice in ("COLD", "PAGEOUT", "WILLNEED", "FREE", "DONTNEED"):
        yield f"madvise {advice}", partial(heap.madvise, Advice[advice])
    yield "pressure", m.pressure
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


def _start_second() -> "subprocess.Popen[bytes] | None":
    """Start the second Python, if there is a processor for it; what it does not do is done here, one by one."""
    if (os.cpu_count() or 1) < 2 or not sys.executable or jit.INTERPRETED:
        return None
    quiet = subprocess.DEVNULL
    code = "from vmlab import warming; warming.compile_small()"
    path = os.pathsep.join(filter(None, [str(jit.PACKAGE.parent), os.environ.get("PYTHONPATH")]))
    try:
        return subprocess.Popen(
            [sys.executable, "-c", code], stdin=quiet, stdout=quiet, stderr=quiet, env=os.environ | {"PYTHONPATH": path}
        )
    except OSError:
        return None


def compile_small() -> None:
    """Compile every entry but `perform`, without calling it."""
    with jit.uncollected():
        for name, entry in entries():
            if name != "perform":
                entry.compile(signature(entry))


def entries() -> Iterator[tuple[str, Any]]:
    """Name and function of every entry of the core."""
    from . import core

    for found in pkgutil.walk_packages(core.__path__, core.__name__ + "."):
        module = importlib.import_module(found.name)
        for name, f in vars(module).items():
            own = hasattr(f, "overloads") and f.py_func.__module__ == found.name
            if own and not f.targetoptions.get("no_cpython_wrapper"):
                yield name, f


def signature(entry: Any) -> tuple[Any, ...]:
    """The types an entry is called with: the state, then words, but for two flags and a vector."""
    from .core import boot

    kind = numba.typeof(boot.boot(boot.Geometry((2,), 16, 4), 2, 0))
    special = {"private": numba.bool_, "clear": numba.bool_, "vec": numba.uint8[::1]}
    return (kind, *(special.get(name, numba.int64) for name in list(inspect.signature(entry.py_func).parameters)[1:]))
