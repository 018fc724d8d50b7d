"""A machine for the tests of system calls; after each of them it must be well."""

from typing import Any, NamedTuple

import pytest
from known import PAGE

from vmlab import Machine, Process


class Lab(NamedTuple):
    """A process with four pages of memory and a hole behind; a file of 1.5 pages, opened three ways."""

    m: Machine
    p: Process
    heap: Any
    rw: Any
    r: Any
    w: Any


@pytest.fixture
def m():
    """A machine of 64 frames and as many slots."""
    m = Machine(frames=64, swap=64 * PAGE)
    yield m
    assert m.check() == []


@pytest.fixture
def p(m):
    """Its one process."""
    return m.spawn("p")


@pytest.fixture
def lab():
    m = Machine(frames=32, swap=32 * PAGE)
    p = m.spawn("p")
    p.mmap(PAGE, name="above")
    heap = p.mmap(5 * PAGE)
    heap[0:20000] = bytes(range(250)) * 80
    p.munmap(heap.addr + 4 * PAGE, PAGE)
    rw = m.create("f", PAGE + PAGE // 2, b"file" * 1536)
    yield Lab(m, p, heap, rw, rw.reopen("r"), rw.reopen("w"))
    assert m.check() == []
