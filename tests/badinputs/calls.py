"""Arguments of the simulated system calls: the errno, or the signal, and the machine as it was."""

import errno
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vmlab import Advice, BusError, ConfigError, Killed, Lock, Machine, Map, Prot, Remap, SegmentationFault, Sync
from vmlab.core import state

from . import PAGE, row

RW = Prot.READ | Prot.WRITE
PRIVATE = Map.PRIVATE | Map.ANONYMOUS
FIXED = PRIVATE | Map.FIXED
TOP = 1 << 64
FAR = 0x10_0000_0000  # where nothing is mapped


def digest(m: Machine) -> str:
    """The machine's, but for what says that a call was made: the number of the step, and the series of samples."""
    s = state.copy(m.state)
    for field in ("step", "nsample", "sample_due", "sample_late", "looked", "counted"):
        s.machine[field] = 0
    return state.digest(s._replace(samples=s.samples[:0], sample_rss=s.sample_rss[:0], sample_wss=s.sample_wss[:0]))


def unchanged(m: Machine, call: Callable[[], object], error: type[BaseException], words: str) -> Any:
    """The error that a call must end with; the machine must then be what it was before."""
    before = digest(m)
    with pytest.raises(error, match=words) as caught:
        call()
    assert digest(m) == before
    return caught.value


def refused(m: Machine, name: str, call: Callable[..., object], *args: Any, **kwargs: Any) -> None:
    """A call that must fail with an errno and change nothing."""
    error = unchanged(m, lambda: call(*args, **kwargs), OSError, rf"\({name}: ")
    assert error.errno == getattr(errno, name)


def refusing(name: str, error: str, call: str, *args: Any) -> None:
    """A row in which one call of p.sys is refused whatever is mapped."""

    @row(name)
    def _(m: Machine, lab: Path) -> Generator:
        p = m.process("user")
        yield
        refused(m, error, getattr(p.sys, call), *args)


def mapped(m: Machine, n: int) -> Any:
    """Pages of "user", with bytes in all of them and holes on both sides."""
    area = m.process("user").mmap(n * PAGE, addr=FAR, flags=FIXED)
    for k in range(n):
        area[k * PAGE] = k + 1
    return area


# -- mmap ----------------------------------------------------------------------------------------------------------------

refusing("kernel-01", "EINVAL", "mmap", 0, 0, RW, PRIVATE, -1, 0)
refusing("kernel-02", "ENOMEM", "mmap", 0, TOP - 4095, RW, PRIVATE, -1, 0)
refusing("kernel-04", "EINVAL", "mmap", 0, PAGE, RW, PRIVATE, -1, 1)
refusing("kernel-06", "EINVAL", "mmap", 0, PAGE, RW, Map.ANONYMOUS, -1, 0)
refusing("kernel-08 unknown", "EBADF", "mmap", 0, PAGE, RW, Map.PRIVATE, 9999, 0)
refusing("kernel-08 negative", "EBADF", "mmap", 0, PAGE, RW, Map.PRIVATE, -1, 0)
refusing("kernel-10", "EINVAL", "mmap", FAR + 1, PAGE, RW, FIXED, -1, 0)
refusing("kernel-11", "ENOMEM", "mmap", 1 << 47, PAGE, RW, FIXED, -1, 0)


@row("kernel-03")
def _(m: Machine, lab: Path) -> Generator:
    p = m.process("user")
    yield
    for wrong, error in (
        (-1, ValueError),
        (2**70, ValueError),
        (1.5, TypeError),
        ("4096", TypeError),
        (True, TypeError),
    ):
        unchanged(m, lambda wrong=wrong: p.mmap(wrong), error, r"length must be an int of 0\.\.2\*\*64-1")
    unchanged(m, lambda: p.mmap(None), TypeError, r"length must be an int of 0\.\.2\*\*64-1, not None")


@row("kernel-05")
def _(m: Machine, lab: Path) -> Generator:
    p, f = m.process("user"), m.create("f", PAGE)
    yield
    unchanged(m, lambda: p.mmap(PAGE, file=f, offset=-4096), ValueError, r"offset must be an int of 0\.\.2\*\*64-1")
    refused(m, "EOVERFLOW", p.sys.mmap, 0, PAGE, RW, Map.PRIVATE, f.fd, TOP - 4096)


@row("kernel-07")
def _(m: Machine, lab: Path) -> Generator:
    p, f = m.process("user"), m.create("f", PAGE)
    yield
    refused(m, "EOPNOTSUPP", p.sys.mmap, 0, PAGE, RW, Map.SHARED_VALIDATE | 1 << 22, f.fd, 0)


@row("kernel-08 closed")
def _(m: Machine, lab: Path) -> Generator:
    p, f = m.process("user"), m.create("f", PAGE)
    fd = f.fd
    f.close()
    yield
    refused(m, "EBADF", p.sys.mmap, 0, PAGE, RW, Map.PRIVATE, fd, 0)
    refused(m, "EBADF", p.mmap, PAGE, file=f)


@row("kernel-09")
def _(m: Machine, lab: Path) -> Generator:
    p, w = m.process("user"), m.create("f", PAGE).reopen("w")
    yield
    for prot, flags in ((RW, Map.SHARED), (Prot.READ, Map.PRIVATE), (Prot.NONE, Map.SHARED)):
        refused(m, "EACCES", p.mmap, PAGE, prot=prot, flags=flags, file=w)


@row("kernel-12")
def _(m: Machine, lab: Path) -> Generator:
    p, area = m.process("user"), mapped(m, 2)
    yield
    how = PRIVATE | Map.FIXED_NOREPLACE
    refused(m, "EEXIST", p.sys.mmap, FAR + PAGE, 4 * PAGE, RW, how, -1, 0)
    assert area[PAGE] == 2


@row("kernel-13")
def _(m: Machine, lab: Path) -> Generator:
    p, f = m.process("user"), m.create("f", 4 * PAGE, b"".join(bytes([65 + k]) * PAGE for k in range(4)))
    p.mmap(4 * PAGE, addr=FAR, flags=Map.PRIVATE | Map.FIXED, file=f)
    yield
    p.mmap(2 * PAGE, addr=FAR, flags=FIXED)
    assert [p.load(FAR + k * PAGE) for k in range(4)] == [b"\0", b"\0", b"C", b"D"]
    assert p.vma(FAR + 2 * PAGE).offset == 2 * PAGE


# -- munmap, mprotect, mremap --------------------------------------------------------------------------------------------

refusing("kernel-14 length 0", "EINVAL", "munmap", FAR, 0)
refusing("kernel-14 unaligned", "EINVAL", "munmap", FAR + 1, PAGE)


@row("kernel-15")
def _(m: Machine, lab: Path) -> Generator:
    p = m.process("user")
    yield
    before = digest(m)
    assert p.sys.munmap(FAR, 8 * PAGE) == 0
    assert digest(m) == before


@row("kernel-16")
def _(m: Machine, lab: Path) -> Generator:
    p, _ = m.process("user"), mapped(m, 4)
    p.munmap(FAR + 2 * PAGE, PAGE)
    yield
    with pytest.raises(OSError, match=r"\(ENOMEM: "):
        p.sys.mprotect(FAR, 4 * PAGE, Prot.READ)
    assert [p.vma(FAR + k * PAGE).perms for k in (0, 1, 3)] == ["r--p", "r--p", "rw-p"]


@row("kernel-17")
def _(m: Machine, lab: Path) -> Generator:
    p, r = m.process("user"), m.create("f", PAGE).reopen("r")
    area = p.mmap(PAGE, prot=Prot.READ, flags=Map.SHARED, file=r)
    yield
    refused(m, "EACCES", p.sys.mprotect, area.addr, PAGE, RW)


@row("kernel-18")
def _(m: Machine, lab: Path) -> Generator:
    p, _ = m.process("user"), mapped(m, 4)
    p.mprotect(FAR + 2 * PAGE, 2 * PAGE, Prot.READ)
    yield
    refused(m, "EFAULT", p.sys.mremap, FAR, 4 * PAGE, 8 * PAGE, Remap.MAYMOVE, 0)


@row("kernel-19")
def _(m: Machine, lab: Path) -> Generator:
    p, _ = m.process("user"), mapped(m, 2)
    yield
    refused(m, "EINVAL", p.sys.mremap, FAR, 2 * PAGE, 0, Remap.MAYMOVE, 0)


@row("kernel-20")
def _(m: Machine, lab: Path) -> Generator:
    p, _ = m.process("user"), mapped(m, 2)
    yield
    refused(m, "EINVAL", p.sys.mremap, FAR, 2 * PAGE, 2 * PAGE, Remap.MAYMOVE | Remap.FIXED, FAR)


@row("kernel-21")
def _(m: Machine, lab: Path) -> Generator:
    p, _ = m.process("user"), mapped(m, 2)
    yield
    before = digest(m)
    assert p.sys.mremap(FAR, 2 * PAGE, 2 * PAGE, 0, 0) == FAR
    assert digest(m) == before


# -- msync, madvise, mincore, mlock --------------------------------------------------------------------------------------


@row("kernel-22")
def _(m: Machine, lab: Path) -> Generator:
    p, f = m.process("user"), m.create("f", 3 * PAGE)
    area = p.mmap(3 * PAGE, addr=FAR, flags=Map.SHARED | Map.FIXED, file=f)
    area[0], area[2 * PAGE] = 7, 8
    p.munmap(FAR + PAGE, PAGE)
    yield
    refused(m, "EINVAL", p.sys.msync, FAR, PAGE, Sync.SYNC | Sync.ASYNC)
    refused(m, "EINVAL", p.sys.msync, FAR + 1, PAGE, Sync.SYNC)
    with pytest.raises(OSError, match=r"\(ENOMEM: "):
        p.sys.msync(FAR, 3 * PAGE, Sync.SYNC)
    device = m.device(f.object)
    assert device.read(0, 1) + device.read(2 * PAGE, 1) == b"\x07\x08"


@row("kernel-23")
def _(m: Machine, lab: Path) -> Generator:
    p, f = m.process("user"), m.create("f", PAGE)
    area = p.mmap(PAGE, flags=Map.SHARED, file=f)
    area.lock()
    yield
    refused(m, "EBUSY", p.sys.msync, area.addr, PAGE, Sync.SYNC | Sync.INVALIDATE)


@row("kernel-24")
def _(m: Machine, lab: Path) -> Generator:
    p, _ = m.process("user"), mapped(m, 1)
    yield
    refused(m, "EINVAL", p.sys.madvise, FAR, PAGE, 1212)


@row("kernel-25")
def _(m: Machine, lab: Path) -> Generator:
    p, area = m.process("user"), mapped(m, 1)
    area.lock()
    yield
    refused(m, "EINVAL", p.sys.madvise, FAR, PAGE, Advice.DONTNEED)
    assert area[0] == 1


@row("kernel-26")
def _(m: Machine, lab: Path) -> Generator:
    p, _ = m.process("user"), mapped(m, 2)
    yield
    refused(m, "EINVAL", p.sys.mincore, FAR + 1, PAGE, None)
    refused(m, "ENOMEM", p.sys.mincore, FAR, 3 * PAGE, None)
    refused(m, "EFAULT", p.sys.mincore, FAR, PAGE, 0)


@row("kernel-34")
def _(m: Machine, lab: Path) -> Generator:
    p = m.spawn("greedy")
    area = p.mmap(40 * PAGE)
    yield
    with pytest.raises((OSError, Killed), match=r"\(ENOMEM: |out of memory"):
        p.mlock(area)
    if p.alive:
        p.exit()
    assert m.check() == []


@row("kernel-34 every frame")
def _(m: Machine, lab: Path) -> Generator:
    p = m.spawn("greedy")
    p.mlockall(Lock.FUTURE)
    yield
    with pytest.raises(Killed, match="out of memory"):
        for _ in range(40):
            p.mmap(PAGE)
    assert not p.alive


# -- loads and stores ----------------------------------------------------------------------------------------------------


@row("kernel-27")
def _(m: Machine, lab: Path) -> Generator:
    p = m.spawn("other")
    end = m.kernel.state.machine["task_pages"][0].item() * PAGE
    p.mmap(PAGE, addr=end - PAGE, flags=FIXED)
    p.store(end - PAGE, b"last")
    yield
    for addr, n, code, done in ((0, 1, 1, 0), (TOP - 1, 1, 1, 0), (end - 3, 8, 1, 3)):
        with pytest.raises(SegmentationFault) as caught:
            p.load(addr, n)
        assert (caught.value.code, caught.value.done, len(caught.value.data)) == (code, done, done)


@row("kernel-28")
def _(m: Machine, lab: Path) -> Generator:
    p = m.process("user")
    yield
    faults = p.stat
    assert (p.load(0, 0), p.load(FAR, 0), p.load(TOP - 1, 0)) == (b"", b"", b"")
    assert p.stat == faults


@row("kernel-29")
def _(m: Machine, lab: Path) -> Generator:
    p, area = m.process("user"), mapped(m, 2)
    p.mprotect(FAR + PAGE, PAGE, Prot.READ)
    yield
    with pytest.raises(SegmentationFault, match="SEGV_ACCERR") as caught:
        p.store(FAR + PAGE - 3, b"abcdef")
    assert (caught.value.code, caught.value.done, area[PAGE - 3 : PAGE + 3]) == (2, 3, b"abc\2\0\0")


@row("kernel-30")
def _(m: Machine, lab: Path) -> Generator:
    p, f = m.process("user"), m.create("f", PAGE + 100, b"f" * (PAGE + 100))
    area = p.mmap(3 * PAGE, file=f)
    yield
    assert area[PAGE + 99 : PAGE + 103] == b"f\0\0\0"
    with pytest.raises(BusError) as caught:
        area[2 * PAGE]
    assert caught.value.code == 2


# -- processes -----------------------------------------------------------------------------------------------------------


@row("kernel-31")
def _(m: Machine, lab: Path) -> Generator:
    gone = m.spawn("gone")
    gone.exit()
    yield
    unchanged(m, gone.fork, ProcessLookupError, r"process 2 \(gone\) has ended at step \d+ \(running: 1\)")
    unchanged(m, lambda: m.process(99), ProcessLookupError, r"no process 99 \(running: 1\)")


@row("kernel-32")
def _(m: Machine, lab: Path) -> Generator:
    gone = m.spawn("gone")
    gone.exit()
    step = m.history.now
    yield
    unchanged(m, gone.exit, ProcessLookupError, rf"process 2 \(gone\) has ended at step {step}")


@row("kernel-33")
def _(m: Machine, lab: Path) -> Generator:
    p = m.process("user")
    free, children, refusals = int(m.state.machine["nfree"][0]), [], 0
    yield
    for _ in range(10_000):
        if len(children) < 63:
            children.append(p.fork())
        elif refusals < 100:  # each of the others would be refused as these
            with pytest.raises(BlockingIOError, match=r"64 processes .*\(EAGAIN: "):
                p.fork()
            refusals += 1
    assert refusals == 100
    for child in children:
        child.exit()
    assert int(m.state.machine["nfree"][0]) == free


@row("kernel-35")
def _(m: Machine, lab: Path) -> Generator:
    p = m.spawn("greedy")
    area = p.mmap(144 * PAGE, flags=Map.PRIVATE | Map.NORESERVE)
    yield
    with pytest.raises(Killed, match=r"process 2 \(greedy\) was killed: out of memory, .* the highest"):
        p.access(np.arange(144) * PAGE + area.addr, True)
    assert m.vmstat().rows["oom_kill"] == 1


# -- machines that cannot be ---------------------------------------------------------------------------------------------


@row("kernel-36")
def _(m: Machine, lab: Path) -> Generator:
    yield
    for wrong in (3000, 0, 2**40):
        with pytest.raises(ConfigError, match=r"a page must be a power of two from 16 bytes to 64 KiB \(to 1 GiB with"):
            Machine(page_size=wrong, mmu=(4, 4))


@row("kernel-37")
def _(m: Machine, lab: Path) -> Generator:
    yield
    for wrong in (0, 1):
        with pytest.raises(ConfigError, match=r"at least 2 frames \(a copy needs its source and its target\)"):
            Machine(frames=wrong)
