"""Resources, limits, and what two machines in one Python share."""

import copy
import itertools
import pickle
from collections.abc import Generator
from pathlib import Path

import numpy as np
import pytest

from vmlab import ConfigError, HistoryError, LimitError, Machine, Map, SegmentationFault

from . import PAGE, program, row


@row("limits-04", LimitError, "more than 1,000,000 references one by one")
def _(m: Machine, lab: Path) -> Generator:
    yield
    m.queue(itertools.repeat((m.process("user"), 1 << 20)))


@row(
    "limits-05",
    ConfigError,
    r"1,000,000,000 frames .* of 4096 bytes need 3\.\d+ TiB; the limit is .* \(a quarter of the memory",
)
def _(m: Machine, lab: Path) -> Generator:
    yield
    Machine(frames=10**9)


@row("limits-05 ram", ConfigError, r"268,435,456 frames .* need 1\.0\d+ TiB; the limit is .*max_bytes= raises it")
def _(m: Machine, lab: Path) -> Generator:
    yield
    Machine(1 << 40)


@row("limits-05 the MMU", ConfigError, "the limit is 1 MiB")
def _(m: Machine, lab: Path) -> Generator:
    yield
    Machine(frames=2, mmu=(20,), page_size=16, max_bytes=1 << 20)


@row("limits-06")
def _(m: Machine, lab: Path) -> Generator:
    yield
    p = m.process("user")
    p.mmap(1 << 46, flags=Map.PRIVATE | Map.NORESERVE)
    with pytest.raises(OSError, match="RAM and swap together"):
        p.mmap(1 << 40)
    assert sum(a.nbytes for a in m.state) < 16 << 20


@row(
    "limits-10",
    HistoryError,
    r"cannot go back further than moment [\d]+: [\d]+ older steps were dropped to stay within 3,000,000",
)
def _(m: Machine, lab: Path) -> Generator:
    m = Machine(frames=8, history=3_000_000)
    p = m.spawn()
    heap = p.mmap(PAGE)
    for i in range(6000):
        p.store(heap.addr + i % PAGE, b"x")
    assert m.history.nbytes <= 3_000_000
    yield
    m.undo()
    m.redo()
    m.seek(0)


@row("limits-13 an address", SegmentationFault, r"no address of this machine \(SIGSEGV, SI_KERNEL\)")
def _(m: Machine, lab: Path) -> Generator:
    yield
    m.process("user").load(1 << 63)


@row("limits-13 addresses", SegmentationFault, "process 1 .user. stored to 0x")
def _(m: Machine, lab: Path) -> Generator:
    yield
    m.process("user").access(np.array([1 << 63, (1 << 64) - 1], np.uint64), True)


@row("limits-13 queued", SegmentationFault, "process 1 .user. loaded from 0xffff")
def _(m: Machine, lab: Path) -> Generator:
    m.queue([(1 << 64) - 1], m.process("user"))
    yield
    m.run()


@row("limits-13 a length", OSError, "are more than the address space has")
def _(m: Machine, lab: Path) -> Generator:
    yield
    m.process("user").mmap((1 << 64) - 1)


@row("limits-13 a write", LimitError, "more than one write takes")
def _(m: Machine, lab: Path) -> Generator:
    file = m.create("f", 100)
    yield
    m.process("user").write(file, 1 << 20, (1 << 64) - 1)


@row("limits-13 a seed", ConfigError, "seed=1180591620717411303424: it must be a whole number")
def _(m: Machine, lab: Path) -> Generator:
    yield
    Machine(seed=1 << 70)


@row("limits-16")
def _(m: Machine, lab: Path) -> Generator:
    yield
    a, b = Machine(frames=8), Machine(frames=8)
    before = b.digest()
    assert program(a) == program(a)
    assert b.digest() == before


@row("limits-17", TypeError, "a Machine is not pickled")
def _(m: Machine, lab: Path) -> Generator:
    yield
    assert copy.deepcopy(m).digest() == m.digest()
    pickle.dumps(m)
