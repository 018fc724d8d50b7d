"""What cannot be built or asked for is refused in a sentence, at once; limits are named."""

import copy
import gc
import pickle
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest

from vmlab import ConfigError, GiB, KiB, LimitError, Machine, SegmentationFault

BAD_MACHINES = {
    "page size 3000": ({"mmu": (9, 9), "page_size": 3000}, "power of two from 16 bytes to 64 KiB"),
    "page size 0": ({"mmu": (9, 9), "page_size": 0}, "power of two"),
    "page size 2**40": ({"mmu": (4,), "page_size": 1 << 40, "contents": False}, "1 GiB with contents=False"),
    "0 frames": ({"frames": 0}, "at least 2 frames"),
    "1 frame": ({"frames": 1}, "a copy needs its source and its target"),
    "10**9 frames": ({"frames": 10**9}, r"need 3\.\d+ TiB; the limit is .* \(a quarter of the memory"),
    "ram and frames": ({"ram": 64 * KiB, "frames": 3}, "ram=65536 and frames=3 disagree"),
    "ram, no whole pages": ({"ram": 5000}, "not a whole number of pages"),
    "x86-64, pages of 16": ({"page_size": 16}, "x86-64 has pages of 4096 bytes"),
    "an unknown MMU": ({"mmu": "vax"}, "choose one of x86-64"),
    "an unknown policy": ({"policy": "best"}, "choose one of fifo, clock, lru"),
    "three TLB sets": ({"tlb": (12, 4)}, "the number of sets must be a power of two"),
    "no TLB shape": ({"tlb": 64}, "give \\(entries, ways\\)"),
    "an unknown filesystem": ({"filesystem": "fat"}, "choose one of ext4, tmpfs"),
    "unknown costs": ({"costs": "tape"}, "choose one of hdd"),
    "no CPU": ({"cpus": 0}, "from 1 to 64"),
    "negative swap": ({"swap": -4096}, "swap=-4096"),
    "true frames": ({"frames": True}, "frames=True"),
}


@pytest.mark.parametrize("what", BAD_MACHINES)
def test_a_machine_that_cannot_be(what: str) -> None:
    arguments, words = BAD_MACHINES[what]
    with pytest.raises(ConfigError, match=words):
        Machine(**arguments)


BAD_CALLS: dict[str, tuple[Callable[[Machine], object], type[Exception], str]] = {
    "length -1": (lambda m: m.processes[0].mmap(-1), ValueError, r"length must be an int of 0..2\*\*64-1"),
    "length 2**70": (lambda m: m.processes[0].mmap(1 << 70), ValueError, "length must be an int"),
    "length 1.5": (lambda m: m.processes[0].mmap(1.5), TypeError, "length must be an int"),
    "length '4096'": (lambda m: m.processes[0].mmap("4096"), TypeError, "length must be an int"),
    "length None": (lambda m: m.processes[0].mmap(None), TypeError, "length must be an int"),
    "length True": (lambda m: m.processes[0].mmap(True), TypeError, "length must be an int"),
    "offset -4096": (lambda m: m.processes[0].mmap(4096, offset=-4096), ValueError, "offset must be"),
    "load of 2 GiB": (lambda m: m.processes[0].load(0, 2 * GiB), LimitError, "do it in parts"),
    "process 99": (lambda m: m.process(99), ProcessLookupError, r"no process 99 \(running: 1\)"),
    "addresses 1.5": (lambda m: m.processes[0].access([1.5]), TypeError, "whole numbers in one dimension"),
    "writes too short": (lambda m: m.processes[0].access([0, 1], [True]), ValueError, "2 addresses and 1 writes"),
    "a mode of open": (lambda m: m.open("x", "w"), ValueError, "mode must be 'r' or 'r\\+'"),
    "a policy by a wrong name": (lambda m: setattr(m, "policy", "best"), ConfigError, "choose one of"),
    "pickle": (lambda m: pickle.dumps(m), TypeError, "m.save\\(path\\) and Machine.load"),
    "a negative file": (lambda m: m.create("x", -1), ValueError, "size must be an int"),
}


@pytest.mark.parametrize("what", BAD_CALLS)
def test_a_call_with_bad_arguments_changes_nothing(what: str) -> None:
    call, error, words = BAD_CALLS[what]
    m = Machine(frames=8)
    m.spawn("one").mmap(4096)[0:2] = b"ok"
    before, version = m.digest(), m.version
    with pytest.raises(error, match=words):
        call(m)
    assert (m.digest(), m.version) == (before, version)


def test_the_event_ring_and_the_samples_stay_bounded() -> None:
    m = Machine(frames=4, swap=64 * 4 * KiB, contents=False)
    heap = m.spawn().mmap(40 * KiB)
    for _ in range(20):
        heap.process.access(list(heap.pages) * 200, True)
    assert len(m.events) == len(m.state.events) < int(m.state.machine["nevent"][0])
    assert 0 < len(m.samples) <= len(m.state.samples)
    assert (m.samples["now"][1:] > m.samples["now"][:-1]).all()
    assert m.samples["minflt"][-1] == m.vmstat().rows["pgfault"] - m.vmstat().rows["pgmajfault"]


def test_two_machines_share_nothing() -> None:
    a, b = Machine(frames=8), Machine(frames=8)
    before = b.digest()
    a.spawn().mmap(4096)[0] = 1
    assert b.digest() == before
    assert copy.deepcopy(a).digest() == a.digest()


def test_a_save_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    m = Machine(frames=8)
    m.save(tmp_path / "m.npz")
    old = (tmp_path / "m.npz").read_bytes()
    m.spawn()

    def fails(*_: object, **__: object) -> None:
        raise OSError(28, "no space left")

    monkeypatch.setattr("numpy.savez", fails)
    with pytest.raises(OSError, match="no space"):
        m.save(tmp_path / "m.npz")
    assert (tmp_path / "m.npz").read_bytes() == old
    assert [f.name for f in tmp_path.iterdir()] == ["m.npz"]
    with pytest.raises(OSError, match=r"cannot write .*nowhere"):
        m.save(tmp_path / "nowhere" / "m.npz")


def test_a_machine_that_nobody_holds_gives_its_memory_back_at_once() -> None:
    """Not when Python next looks for rings of objects: it counts objects, and a machine is few of many bytes."""
    gc.collect()
    gc.disable()
    try:
        m = Machine(frames=16)
        p = m.spawn("a")
        heap, file = p.mmap(8 * KiB), m.create("f", 100)
        heap[0:4], child = b"abcd", p.fork("b")
        p.sys.munmap(heap.addr + 4 * KiB, 4 * KiB)
        with pytest.raises(OSError, match="EINVAL"):
            p.sys.munmap(1, 0)
        for touch, *args in ((p.load, 0, 1), (p.store, 0, b"a"), (p.call, 0), (p.access, [heap.addr, 0])):
            with pytest.raises(SegmentationFault):
                touch(*args)
        m.undo(2)
        m.redo(1)
        branch = m.branch()
        other = branch.process(p)
        other.store(heap.addr, b"other")
        seen = weakref.ref(m), weakref.ref(branch)
        del m, p, heap, file, child, branch, other, touch
        assert [ref() for ref in seen] == [None, None]
    finally:
        gc.enable()
