"""What is printed: one true line for each thing, tables as /proc has them, costs."""

import doctest
import importlib
import inspect

import numpy as np
import pytest

import vmlab
from vmlab import Event, Exit, KiB, Machine, Map, Prot, SegmentationFault, views

PAGE = 4 * KiB


@pytest.fixture
def m() -> Machine:
    m = Machine(frames=8, swap=16 * PAGE)
    p = m.spawn("editor")
    p.mmap(4 * PAGE, name="heap")[0:5] = b"hello"
    text = m.create("alice.txt", 10_000)
    p.mmap(2 * PAGE, file=text, offset=PAGE, prot=Prot.READ)
    p.mmap(PAGE, flags=Map.SHARED)
    p.mmap(PAGE, prot=Prot.NONE)
    p.sbrk(100)
    return m


def test_reprs(m: Machine) -> None:
    p = m.process("editor")
    assert repr(m) == "Machine(8 frames of 4096 bytes, 7 free; 16 swap slots, 16 free; clock; 1 process)"
    assert repr(p) == "Process(1, 'editor')"
    assert repr(p.sys) == "Sys(Process(1, 'editor'))"
    assert repr(m.files) == "[File('alice.txt', 10000 bytes, 'r+')]"
    assert repr(m.history) == "History(moment 8 of 8, from 0)"
    assert repr(m.history[2]) == "Step(2, 'mmap')"
    assert (
        repr(p.access([p.vmas()[0].start])) == "Run(1 done, 1 reference, 1 minor, 0 major, 1 TLB miss, 1,461 ns, DONE)"
    )
    file = m.files[0]
    file.close()
    assert repr(file) == "File(0, closed)"
    p.exit()
    assert repr(p) == "Process(1, 'editor', ended)"
    with pytest.raises(ProcessLookupError, match=r"process 1 \(editor\) has ended at step 11 \(running: none\)"):
        p.load(0)


def test_maps(m: Machine) -> None:
    maps = m.process("editor").maps()
    lines = [line.split(maxsplit=5) for line in str(maps).splitlines()]
    assert [(perms, offset, *name) for _, perms, offset, _, _, *name in lines] == [
        ("rw-p", "00000000", "[heap]"),
        ("---p", "00000000"),
        ("rw-s", "00000000", "/dev/zero (deleted)"),
        ("r--p", "00001000", "alice.txt"),
        ("rw-p", "00000000", "[anon:heap]"),
    ]
    assert [f"{a.start:x}-{a.stop:x}" for a in maps.rows] == [line[0] for line in lines]
    assert repr(maps) == str(maps)
    area = m.process("editor").vma(maps.rows[3].start + 5)
    assert area is not None and (area.name, area.offset, area.shared) == ("alice.txt", PAGE, False)
    assert m.process("editor").vma(0) is None


def test_status_and_stat(m: Machine) -> None:
    p = m.process("editor")
    assert str(p.status()).splitlines() == [
        "Name:\teditor",
        "State:\tR (running)",
        "Pid:\t1",
        "VmSize:\t      36 kB",
        "VmLck:\t       0 kB",
        "VmRSS:\t       4 kB",
        "VmSwap:\t       0 kB",
        "VmPTE:\t      16 kB",
    ]
    assert p.status().rows == {"VmSize": 36, "VmLck": 0, "VmRSS": 4, "VmSwap": 0, "VmPTE": 16}
    assert p.stat == (1, 0, 1, 0, 4)
    assert (p.letter, p.pid, p.alive) == ("A", 1, True)


def test_vmstat(m: Machine) -> None:
    p = m.process("editor")
    heap = p.mmap(12 * PAGE)
    heap.touch(True)
    heap.touch()
    rows = m.vmstat().rows
    assert str(m.vmstat()) == "\n".join(f"{name} {n}" for name, n in rows.items())
    stat = m.state.stat[0]
    assert rows["pgfault"] == stat.minflt + stat.majflt
    assert (rows["pgmajfault"], rows["pswpin"], rows["pswpout"]) == (stat.majflt, stat.pswpin, stat.pswpout)
    assert rows["pgsteal"] == stat.evictions > 0
    assert rows["nr_free_pages"] == 0


def test_costs_are_differences(m: Machine) -> None:
    p = m.process("editor")
    heap = p.mmap(2 * PAGE)
    with m.measure() as cost:
        assert cost.refs == 0
        heap[0] = 1
        assert (cost.refs, cost.minflt) == (1, 1)  # so far
        heap[PAGE] = 1
    heap[5] = 1
    assert (cost.refs, cost.minflt, cost.majflt, cost.faults, cost.zero) == (2, 2, 0, 2, 2)
    assert repr(cost) == "Cost(2 references, 2 minor, 0 major, 2 TLB misses, 2,922 ns)"
    assert {"refs", "pswpin", "ns"} <= set(dir(cost))
    with pytest.raises(AttributeError, match="a Cost has no 'reefs'; it counts refs, tlb_misses"):
        cost.reefs  # noqa: B018
    before = m.clock_ns
    run = p.access(heap.addr + np.arange(100) % 2 * PAGE)
    assert (run.done, run.why, run.refs, run.ns) == (100, Exit.DONE, 100, m.clock_ns - before)


def test_costs_survive_an_error_and_an_undo(m: Machine) -> None:
    heap = m.process("editor").mmap(PAGE)
    with pytest.raises(SegmentationFault), m.measure() as cost:
        heap.process.load(heap.addr + PAGE - 1, 2)
    assert cost.refs == 1
    with m.measure() as cost:
        m.undo()
    assert cost.refs == -1


def test_a_run_says_why_it_ended(m: Machine) -> None:
    p = m.process("editor")
    heap = p.mmap(12 * PAGE)
    m.queue([*heap.pages, *heap.pages], p)
    assert (m.step(2).why, m.queue_left) == (Exit.DONE, 22)
    assert repr(m.run(until=Event.FAULT)).endswith(" LIMIT)")
    assert m.run(until=Event.SWAPOUT).pswpout == 1
    assert m.run(until=Event.SWAPIN).pswpin == 1
    assert m.run(0).done == 0
    with pytest.raises(ValueError, match="99 is not a valid Event"):
        m.run(until=99)
    with pytest.raises(ValueError, match="limit must be an int"):
        m.run(-1)
    m.run()
    assert (m.run().done, m.queue_left) == (0, 0)
    file = p.mmap(2 * PAGE, file=m.files[0], prot=Prot.READ)
    m.queue([heap.addr, *file.pages], p)
    assert m.run(until=Event.PAGEIN).pgpgin == 1


def test_a_queue_of_a_process_that_ends(m: Machine) -> None:
    p = m.process("editor")
    child = p.fork("child")
    heap = child.mmap(PAGE)
    m.queue([(child, heap.addr)] * 5 + [(p, p.vmas()[0].start)] * 3)
    m.step(2)
    child.exit()
    with pytest.raises(ProcessLookupError, match="process 2 has ended; its 3 waiting references are dropped"):
        m.run()
    digest = m.digest()
    m.undo()
    m.redo()
    assert (m.digest(), m.run().done) == (digest, 3)


def test_pagemap(m: Machine) -> None:
    p = m.process("editor")
    heap = p.mmap(3 * PAGE)
    heap[0], heap[PAGE] = 1, 2
    p.fork()
    heap[0] = 3
    where = p.pagemap(heap)
    assert where.present.tolist() == [True, True, False]
    assert where.exclusive.tolist() == [True, False, False]
    assert (where.pfn >= 0).tolist() == where.present.tolist()
    assert where.swapped.tolist() == [False] * 3
    assert where.slot.tolist() == [-1] * 3
    p.mmap(12 * PAGE).touch(True)
    asleep = p.pagemap(heap.addr, heap.length)
    assert asleep.swapped.any()
    assert (asleep.slot >= 0).tolist() == asleep.swapped.tolist()


def test_pagemap_tells_the_slot_of_private_and_shared_pages() -> None:
    m = Machine(frames=4, swap=64 * PAGE, policy="fifo")
    p = m.spawn("p")
    mine, ours = p.mmap(PAGE), p.mmap(PAGE, flags=Map.SHARED)
    mine.touch(True)
    ours.touch(True)
    p.mmap(4 * PAGE).touch(True)
    assert [int(p.pagemap(area).slot[0]) for area in (mine, ours)] == [0, 1]


def test_pagemap_calls_a_page_exclusive_that_nobody_else_maps(m: Machine) -> None:
    """Bit 56 of /proc/pid/pagemap, as Linux 6.18 showed it: after fork none, then those that the child left, then all."""
    p = m.spawn("p")
    heap = p.mmap(3 * PAGE)
    heap.touch(True)
    child = p.fork()
    assert p.pagemap(heap).exclusive.sum() == 0
    child.store(heap, b"x")
    assert p.pagemap(heap).exclusive.tolist() == child.pagemap(heap).exclusive.tolist() == [True, False, False]
    assert "writable" not in p.translate(heap).bits
    child.exit()
    assert p.pagemap(heap).exclusive.all()


def test_doctests() -> None:
    for name in (
        "vmlab",
        *(f"vmlab.{n}" for n in ("machine", "process", "mapping", "file", "gate", "history", "counts", "config")),
    ):
        assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_public_names_say_what_they_are() -> None:
    for name in vmlab.__all__:
        thing = getattr(vmlab, name)
        if not (inspect.isclass(thing) or inspect.isfunction(thing)):
            continue
        assert inspect.getdoc(thing), name
        if not inspect.isclass(thing) or issubclass(thing, (int, tuple, BaseException)):
            continue
        for cls in (c for c in thing.__mro__ if c.__module__.startswith("vmlab")):
            for attribute, value in vars(cls).items():
                if not attribute.startswith("_") and (inspect.isfunction(value) or isinstance(value, property)):
                    assert inspect.getdoc(value), f"{cls.__name__}.{attribute}"


def test_handles_of_files(m: Machine) -> None:
    """A closed handle is closed, also when another file has its number; an undo opens it again."""
    text = m.files[0]
    text.close()
    text.close()
    other = m.create("other", 5, b"other")
    assert other.fd == 0
    for call in (lambda: text.size, lambda: text.pread(1), text.fsync, lambda: text.name):
        with pytest.raises(OSError, match="file 0 is closed"):
            call()
    m.undo(2)
    assert (text.closed, text.size) == (False, 10_000)
    m.spawn()
    assert (text.size, text == m.files[0], text.reopen("r").mode) == (10_000, True, "r")
    with text as again:
        assert again.pwrite(b"x") == 1
    assert text.closed


@pytest.mark.parametrize(
    ("mmu", "page_size", "tables", "kb"),
    [
        ("x86-64", 4096, 4, 16),  # 512 entries of 8 bytes fill a page
        ("i386", 4096, 2, 8),  # 1024 of 4 bytes
        ((10, 10), 4096, 2, 8),
        ((20,), 4096, 1, 4096),  # one table of a million entries is not a page
        ((9, 9, 9), 2 << 20, 3, 12),  # nor is a table as large as the pages that it maps
        ((2,), 4096, 1, 0),  # 16 bytes
    ],
)
def test_vmpte_is_the_size_of_the_tables(mmu, page_size, tables, kb):
    p = Machine(mmu=mmu, page_size=page_size, frames=2, swap=0, contents=False).spawn("p")
    p.mmap(page_size).touch(True)
    assert (p.stat.ntables, p.status().rows["VmPTE"]) == (tables, kb)
    seen = views.page_tables(p.machine.state, p.row)
    assert (len(seen.tables), seen.nbytes // 1024) == (tables, kb)
