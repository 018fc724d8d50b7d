"""The same on the computer under the notebook: what its own kernel counts. Nothing here is simulated.

`show` runs a cell's question on a Linux with /proc, and elsewhere shows what was recorded on one.
"""

import ast
import ctypes
import errno
import faulthandler
import mmap
import os
import platform
import re
import select
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

PAGE = mmap.PAGESIZE
MAP_NORESERVE = 0x4000  # <asm-generic/mman-common.h>; the module mmap names it from Python 3.12 on
SECONDS = 30.0  # that a child may take
RECORDED_ON = "Linux 6.18"
HUGE = 2 << 20  # bytes of a huge page of x86-64, and of arm64 with pages of 4 KiB
NAMES = ("Rss", "Pss", "Shared_Dirty", "Private_Dirty")

PAGEMAP = "/proc/self/pagemap"
PFN = (1 << 55) - 1  # of a word of pagemap (proc(5)): 0 for readers without privilege
PRESENT = 1 << 63
SWAPPED = 1 << 62
MADV_PAGEOUT = 21  # madvise(2); Python's mmap has no name for it


def show(cell: str, ask: Callable[[], Any]) -> None:
    """Print what `ask` returns on this kernel; where there is no /proc, what the cell ("06 host-child") gave on Linux 6.18."""
    if Path(PAGEMAP).exists():
        print(ask())
        return
    from .lab import lab

    number, name = cell.split()
    print(f"{lab(number).recorded[name]}      (recorded on {RECORDED_ON}: {platform.system()} has no /proc)")


def anonymous(nbytes: int, flags: int | None = None) -> mmap.mmap:
    """Memory without a file; flags: mmap.MAP_PRIVATE (default) or mmap.MAP_SHARED.

    Huge pages are forbidden: one fault brings one page, and the mapping does not merge with a neighbour, so that smaps shows
    it alone.
    """
    if not hasattr(mmap, "MAP_PRIVATE"):  # Windows
        return mmap.mmap(-1, nbytes)
    flags = (mmap.MAP_PRIVATE if flags is None else flags) | getattr(mmap, "MAP_ANONYMOUS", 0)
    memory = mmap.mmap(-1, nbytes, flags=flags)
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        memory.madvise(mmap.MADV_NOHUGEPAGE)
    return memory


def windows(fd: int) -> tuple[mmap.mmap, mmap.mmap, mmap.mmap, int]:
    """All of a file mapped three times, twice shared and once private; and the size of a page."""
    return mmap.mmap(fd, 0), mmap.mmap(fd, 0), mmap.mmap(fd, 0, flags=mmap.MAP_PRIVATE), PAGE


def store(memory: mmap.mmap, first: int, stop: int) -> int:
    """Store once into each page from `first` up to `stop`; the minor faults that this thread took (getrusage(2))."""
    data = bytes(stop - first)
    before = minor_faults()
    memory[first * PAGE : stop * PAGE : PAGE] = data  # one loop, in C: Python's own faults stay few
    return minor_faults() - before


def load(memory: mmap.mmap, first: int, stop: int) -> tuple[int, int]:
    """Load once from each page from `first` up to `stop`; the minor and major faults that this thread took."""
    before = faults()
    memory[first * PAGE : stop * PAGE : PAGE]
    return faults()[0] - before[0], faults()[1] - before[1]


def minor_faults() -> int:
    """Of this thread, where the kernel counts threads; else of the process."""
    return faults()[0]


def faults() -> tuple[int, int]:
    """Minor and major faults of this thread, where the kernel counts threads; else of the process (getrusage(2))."""
    resource = import_module("resource")
    used = resource.getrusage(getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF))
    return int(used.ru_minflt), int(used.ru_majflt)


def scratch_file(npages: int) -> int:
    """A new file in the temporary folder, written page by page and synced, open for reading and writing; it has no name."""
    with tempfile.TemporaryFile(buffering=0) as file:
        for _ in range(npages):
            file.write(b"x" * PAGE)
        os.fsync(file.fileno())
        return os.dup(file.fileno())


def forget(fd: int) -> None:
    """Ask the kernel to drop a file's clean pages from its page cache (posix_fadvise(2)); no mapping of it may be left."""
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)


def faults_of(work: Callable[[], Any]) -> int:
    """Minor faults of this thread while `work` runs: the least of three runs, since a disturbance can only add one."""
    counts = []
    for _ in range(3):
        before = minor_faults()
        work()
        counts.append(minor_faults() - before)
    return min(counts)


def in_child(work: Callable[[], Any]) -> Any:
    """Fork, call `work` in the child, and return what it returned there (a literal: numbers, bytes, tuples, ...).

    RuntimeError if it failed, took SECONDS, or cannot be.

    The child leaves by _exit: it never comes back into the notebook's event loop, and runs nobody's clean-up.
    """
    if not hasattr(os, "fork"):
        raise RuntimeError(f"{platform.system()} has no fork")
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # fork with threads: the child touches none of their locks
        pid = os.fork()
    if pid == 0:
        _answer(work, writing)
    os.close(writing)
    try:
        done, value = _received(reading)
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        raise
    finally:
        os.close(reading)
        os.waitpid(pid, 0)
    if not done:
        raise RuntimeError(f"the child failed: {value}")
    return value


def _answer(work: Callable[[], Any], writing: int) -> None:
    """The child's whole life after fork."""
    try:
        try:
            answer = True, work()
        except BaseException as error:
            answer = False, f"{type(error).__name__}: {error}"
        with open(writing, "wb") as pipe:
            pipe.write(repr(answer).encode())
    finally:
        os._exit(0)


def _received(reading: int) -> tuple[bool, Any]:
    data = b""
    while True:
        if not select.select([reading], [], [], SECONDS)[0]:
            raise RuntimeError(f"the child did not answer within {SECONDS:g} seconds")
        piece = os.read(reading, 65536)
        if not piece:
            break
        data += piece
    try:
        found: tuple[bool, Any] = ast.literal_eval(data.decode()) if data else (False, "it ended without an answer")
    except (ValueError, SyntaxError):
        raise RuntimeError(
            "a child answers with numbers, texts, bytes, and lists, tuples, dictionaries of them"
        ) from None
    return found


def ending(work: Callable[[], Any]) -> str:
    """How a child that calls `work` ends: the name of the signal, "SIGBUS", or "no signal". RuntimeError where nothing forks."""
    if not hasattr(os, "fork"):
        raise RuntimeError(f"{platform.system()} has no fork")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        faulthandler.disable()  # or the notebook's own would tell of the signal at length
        try:
            work()
        finally:
            os._exit(0)
    status = os.waitpid(pid, 0)[1]
    return signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else "no signal"


def address(memory: mmap.mmap) -> int:
    """Where a mapping begins."""
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))


def protect(memory: mmap.mmap, first: int, stop: int, writable: bool) -> None:
    """Let pages from `first` up to `stop` be read, and written or not (mprotect(2)). OSError where it is refused.

    ValueError for pages past the mapping: they are somebody else's, and mprotect would change them without a word.
    """
    if not 0 <= first <= stop <= len(memory) // PAGE:
        raise ValueError(f"pages {first} to {stop} are not within the {len(memory) // PAGE} pages of the mapping")
    rights = mmap.PROT_READ | (mmap.PROT_WRITE if writable else 0)
    libc = ctypes.CDLL(None, use_errno=True)
    start = ctypes.c_void_p(address(memory) + first * PAGE)
    if libc.mprotect(start, ctypes.c_size_t((stop - first) * PAGE), rights):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def lines(memory: mmap.mmap) -> int:
    """How many lines of /proc/self/maps, which are VMAs, a mapping lies in."""
    at, stop, found = address(memory), address(memory) + len(memory), 0
    for line in Path("/proc/self/maps").read_text().splitlines():
        first, last = (int(x, 16) for x in line.split()[0].split("-"))
        found += first < stop and at < last
    return found


def smaps(memory: mmap.mmap, names: tuple[str, ...] = NAMES) -> dict[str, int]:
    """Lines of a mapping in /proc/self/smaps, in kB: Rss, Pss, Shared_Dirty and Private_Dirty, unless others are named."""
    at, inside, found = address(memory), False, {}
    for line in Path("/proc/self/smaps").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name in names:
            if inside:
                found[name] = int(rest.split()[0])
        elif "-" in (span := line.split()[0]) and not span.endswith(":"):
            first, stop = (int(x, 16) for x in span.split("-"))
            inside = first <= at < stop
    return {name: found[name] for name in names}


def huge_allowed() -> str:
    """What the kernel's switch for transparent huge pages says: always, madvise or never (transhuge.rst); "not told"."""
    switch = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    said = re.search(r"\[(\w+)\]", switch.read_text()) if switch.exists() else None
    return said[1] if said else "not told"


def aligned(nhuge: int, advice: str) -> tuple[mmap.mmap, int]:
    """New memory in which nhuge huge pages find room, and the first page at which one may begin.

    advice: MADV_HUGEPAGE asks for them, MADV_NOHUGEPAGE forbids them (madvise(2)).
    """
    memory = mmap.mmap(-1, (nhuge + 1) * HUGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with suppress(OSError):  # EINVAL: a kernel built without them gives small pages, whatever is asked
        memory.madvise(getattr(mmap, advice))
    return memory, -address(memory) % HUGE // PAGE


def stores_into(nhuge: int, advice: str) -> int:
    """Minor faults of a store into each page of nhuge x 2 MiB: the least of three runs."""
    counts = []
    for _ in range(3):
        memory, first = aligned(nhuge, advice)
        counts.append(store(memory, first, first + nhuge * HUGE // PAGE))
    return min(counts)


def one_byte(advice: str) -> list[tuple[int, int]]:
    """(Rss, AnonHugePages) in kB: after one byte was stored, and after a page beside it was given back (MADV_DONTNEED)."""
    memory, first = aligned(1, advice)
    seen = []
    memory[first * PAGE] = 1
    seen.append(_held(memory))
    memory.madvise(mmap.MADV_DONTNEED, (first + 1) * PAGE, PAGE)
    seen.append(_held(memory))
    return seen


def _held(memory: mmap.mmap) -> tuple[int, int]:
    found = smaps(memory, ("Rss", "AnonHugePages"))
    return found["Rss"], found["AnonHugePages"]


def pfns(memory: mmap.mmap) -> list[int]:
    """The frame number of each page, as /proc/self/pagemap tells it: 0 where the page has no frame, or you no privilege."""
    return [word & PFN if word & PRESENT else 0 for word in _words(memory)]


def page_out(memory: mmap.mmap) -> int:
    """Ask the kernel to send every page of a mapping to swap; how many are there then. Without swap they stay: 0."""
    memory.madvise(MADV_PAGEOUT)
    return sum(bool(word & SWAPPED) for word in _words(memory))


def swap() -> str:
    """How much swap this computer has, and how its kernel uses it (/proc/meminfo, /proc/sys/vm)."""
    sizes = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    knobs = ", ".join(
        f"{name} {Path('/proc/sys/vm', name).read_text().strip()}" for name in ("page-cluster", "swappiness")
    )
    return f"SwapTotal {sizes['SwapTotal'].strip()}, {knobs}"


def _words(memory: mmap.mmap) -> list[int]:
    """What /proc/self/pagemap says of each page (proc(5))."""
    with open(PAGEMAP, "rb", buffering=0) as pagemap:
        pagemap.seek(address(memory) // PAGE * 8)
        data = pagemap.read(len(memory) // PAGE * 8)
    return [int.from_bytes(data[i : i + 8], sys.byteorder) for i in range(0, len(data), 8)]


def kept(before: list[int], after: list[int]) -> int | str:
    """How many pages have the frame that they had; "hidden" where the kernel shows no frame numbers (0 == 0 says nothing)."""
    if not any(before) or not any(after):
        return "hidden"
    return sum(a == b != 0 for a, b in zip(before, after, strict=True))


def status(name: str) -> int:
    """A line of /proc/self/status: VmPTE is the size of the page tables, in kB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise KeyError(f"/proc/self/status has no {name}")


def tlb() -> str:
    """What /proc/cpuinfo says of the TLB: whether its entries are tagged (x86-64: pcid), and its size where it is told."""
    text = Path("/proc/cpuinfo").read_text()
    flags = re.search(r"^flags\s*:(.*)$", text, re.MULTILINE)
    size = re.search(r"^TLB size\s*: (\d+) 4K pages$", text, re.MULTILINE)
    tagged = "not told" if flags is None else "yes" if "pcid" in flags[1].split() else "no"
    return f"pcid: {tagged}; TLB: {f'{size[1]} entries of 4 KiB' if size else 'not told'}"


def first_touch(npages: int) -> str:
    """Store into npages pages of new private memory, twice; in a sentence, the faults of each round (getrusage(2))."""
    try:
        minor_faults()
    except ImportError:
        return f"{platform.system()} does not tell a program its minor faults (pages of {PAGE} bytes)."
    area = anonymous(npages * PAGE)
    faults = [store(area, 0, npages) for _ in range(2)]
    area.close()
    return (
        f"{platform.system()}, pages of {PAGE} bytes: the first stores into {npages} pages took {faults[0]} minor faults,"
        f" the second {faults[1]}."
    )


def three_promises() -> dict[str, Any]:
    """The overcommit mode, and what this kernel answers to three requests for 1 TiB, of which not a byte is touched."""
    private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    both = mmap.PROT_READ | mmap.PROT_WRITE
    asked = {
        "read and write": (private, both),
        "no reserve": (private | MAP_NORESERVE, both),
        "read only": (private, mmap.PROT_READ),
    }
    said: dict[str, Any] = {"mode": int(Path("/proc/sys/vm/overcommit_memory").read_text())}
    for name, (flags, prot) in asked.items():
        try:
            mmap.mmap(-1, 1 << 40, flags=flags, prot=prot).close()
            said[name] = "ok"
        except OSError as error:
            said[name] = errno.errorcode[error.errno or 0]
    return said
