"""Files and their mappings. Numbers are those of the semantics list (E.1 to E.9); "Part II" its rules."""

import contextlib
import errno

import pytest
from known import PAGE, gauges, known_program

from vmlab import BusError, Machine, Map, SegmentationFault
from vmlab.device import Failing

SHARED = Map.SHARED


@pytest.fixture
def m():
    m = Machine(frames=32, swap=32 * PAGE, history=None)
    yield m
    assert m.check() == []


@pytest.fixture
def p(m):
    return m.spawn("p")


def disk(m, file):
    return m.device(file.object).read(0, 1 << 20)


def test_13_14_15_16_rights_of_descriptors(m, p):
    rw = m.create("f", PAGE)
    r, w = rw.reopen("r"), rw.reopen("w")
    allowed = []
    for name, file in (("rw", rw), ("r", r), ("w", w)):
        for flags in (SHARED, Map.PRIVATE):
            for prot in (0, 1, 3):
                with contextlib.suppress(PermissionError):  # EACCES
                    p.mmap(PAGE, file=file, flags=flags, prot=prot)
                    allowed.append((name, flags.name, prot))
    expected = [("rw", f, n) for f in ("SHARED", "PRIVATE") for n in (0, 1, 3)]
    assert allowed == expected + [("r", "SHARED", 0), ("r", "SHARED", 1)] + [("r", "PRIVATE", n) for n in (0, 1, 3)]


def test_23_offsets_past_the_end(m, p):
    file = m.create("f", PAGE)
    far = p.mmap(PAGE, file=file, offset=1 << 40)
    with pytest.raises(BusError):
        far[0]


def test_43_neighbours_merge_where_the_file_goes_on(m, p):
    file = m.create("f", 4 * PAGE)
    base = p.mmap(4 * PAGE, prot=0).addr
    for at, offset in ((0, 0), (1, 1), (2, 3)):
        p.mmap(PAGE, addr=base + at * PAGE, flags=SHARED | Map.FIXED, file=file, offset=offset * PAGE)
    assert [(v.start - base, v.stop - base, v.offset) for v in p.vmas()][:2] == [
        (0, 2 * PAGE, 0),
        (2 * PAGE, 3 * PAGE, 3 * PAGE),
    ]


def test_47_close_and_unlink_do_not_unmap(m, p):
    file = m.create("f", PAGE, b"text")
    text = p.mmap(PAGE, file=file, flags=SHARED)
    file.unlink()
    assert str(p.maps()).endswith("f (deleted)")
    file.close()
    text[0] = ord("T")
    assert text[0:4] == b"Text"
    text.close()
    assert gauges(m)["objects"] == 1  # the process's own


def test_53_57_58_the_last_page(m, p):
    """Bytes behind the end read 0 and take stores, which never reach the file nor change its size; then SIGBUS."""
    file = m.create("f", PAGE + 10, b"x" * (PAGE + 10))
    text = p.mmap(3 * PAGE, file=file, flags=SHARED)
    assert text[PAGE + 10 : 2 * PAGE] == bytes(PAGE - 10)
    text[PAGE + 9 : PAGE + 12] = b"abc"
    for access in (text.__getitem__, lambda i: text.__setitem__(i, 1)):
        with pytest.raises(BusError) as signal:
            access(2 * PAGE)
        assert (signal.value.code, signal.value.addr) == (2, text.addr + 2 * PAGE)
    assert p.stat.minflt + p.stat.majflt == 1  # a failed fault is not counted
    p.msync(text)
    assert (file.size, disk(m, file)[-1:], file.pread(9, PAGE + 9)) == (PAGE + 10, b"a", b"a")
    assert text[PAGE + 10] == 0  # writeback zeroed the tail


@pytest.mark.parametrize("how", ["truncate", "write"])
def test_59_growing_makes_pages_legal_at_once(m, p, how):
    file = m.create("f", 10, b"0123456789")
    text = p.mmap(2 * PAGE, file=file, flags=SHARED)
    text[12] = 99  # behind the end: gone when the file grows
    with pytest.raises(BusError):
        text[PAGE]
    if how == "truncate":
        file.truncate(PAGE + 5)
    else:
        file.pwrite(b"hello", PAGE)
    assert (text[9:13], text[PAGE : PAGE + 5]) == (b"9\0\0\0", b"hello" if how == "write" else bytes(5))


def test_60_shrinking(m, p):
    file = m.create("f", 3 * PAGE, b"z" * 3 * PAGE)
    text = p.mmap(3 * PAGE, file=file, flags=SHARED)
    text.touch()
    file.truncate(PAGE + 100)
    assert text[PAGE : PAGE + 101] == b"z" * 100 + b"\0"
    with pytest.raises(BusError):
        text[2 * PAGE]
    file.truncate(3 * PAGE)
    assert text[PAGE : 3 * PAGE] == b"z" * 100 + bytes(2 * PAGE - 100)
    assert disk(m, file) == b"z" * (PAGE + 100) + bytes(2 * PAGE - 100)


def test_61_an_empty_file_maps(m, p):
    text = p.mmap(PAGE, file=m.create("f", 0))
    with pytest.raises(BusError, match="'f' has 0 bytes"):
        text[0]


def test_50_before_53_rights_are_checked_before_the_end(m, p):
    """Part II: no mapping, then protection, then the end of the file."""
    text = p.mmap(PAGE, file=m.create("f", 0), prot=1)
    with pytest.raises(SegmentationFault, match="ACCERR"):
        text[0] = 1


def test_55_56_the_kernel_as_reader_takes_faults_and_no_signals(m, p):
    file = m.create("f", 16 * PAGE, bytes(range(256)) * 256)
    heap = p.mmap(16 * PAGE)
    file.pread(16 * PAGE)
    with m.measure() as cost:
        assert p.read(file, heap, 16 * PAGE) == 16 * PAGE
    assert (cost.minflt, heap[0:256]) == (16, bytes(range(256)))
    past = p.mmap(PAGE, file=m.create("empty", 0))
    for bad, prot in ((heap.addr, 1), (past.addr, 3)):
        p.mprotect(bad, PAGE, prot)
        with pytest.raises(OSError, match="EFAULT"):
            p.read(file, bad, 8)
    p.mprotect(heap, prot=3)
    p.mprotect(heap.addr + PAGE, PAGE, 0)
    assert p.read(file, heap.addr + PAGE - 5, 8) == 5  # some bytes went through: a short count
    assert p.write(file, heap.addr + PAGE - 5, 8, 20) == 5
    assert file.pread(8, 20) == b"\0\1\2\3\4" + bytes([25, 26, 27])


def test_68_nothing_reaches_the_disk_before_it_is_asked_for(m, p):
    file = m.create("f", 2 * PAGE)
    text = p.mmap(2 * PAGE, file=file, flags=SHARED)
    text[0:3], text[PAGE] = b"abc", 7
    file.pwrite(b"w", 10)
    assert (file.pread(3), disk(m, file)) == (b"abc", bytes(2 * PAGE))
    p.msync(text, flags=1)  # 83: ASYNC starts no I/O
    p.msync(text, flags=0)
    assert disk(m, file) == bytes(2 * PAGE)
    p.msync(text.addr, PAGE)
    assert disk(m, file) == b"abc".ljust(10, b"\0") + b"w" + bytes(2 * PAGE - 11)
    assert (file.fsync(), disk(m, file)[PAGE]) == (1, 7)
    assert file.fsync() == 0


@pytest.mark.parametrize("how", ["munmap", "exit", "close", "sync", "evict"])
def test_68_who_goes_last_writes_back(m, p, how):
    file = m.create("f", PAGE)
    device = m.device(file.object)
    text = p.mmap(PAGE, file=file, flags=SHARED)
    text[0] = 65
    {"munmap": text.close, "exit": p.exit, "close": file.close, "sync": m.sync, "evict": file.evict}[how]()
    if how in ("munmap", "exit"):
        assert device.read(0, 1) == b"\0"  # the file is open still
        file.close()
    assert device.read(0, 1) == b"A"


def test_one_cache_for_all_descriptors(m, p):
    file = m.create("f", PAGE)
    other = file.reopen("r+")
    a, b = p.mmap(PAGE, file=file, flags=SHARED), p.mmap(PAGE, file=other, flags=SHARED)
    a[0] = 1
    other.pwrite(b"\2", 1)
    assert (b[0], a[1], file.pread(2)) == (1, 2, b"\1\2")
    assert p.pagemap(a).pfn.tolist() == p.pagemap(b).pfn.tolist()


def test_72_a_page_in_the_cache_is_a_minor_fault(m, p):
    file = m.create("f", 2 * PAGE)
    text = p.mmap(2 * PAGE, file=file)
    file.pread(1)
    runs = [p.access([page]) for page in (text.addr, text.addr + PAGE, text.addr)]
    assert [(run.minflt, run.majflt) for run in runs] == [(1, 0), (0, 1), (0, 0)]


# -- a disk that fails ---------------------------------------------------------------------------------------------------


def failing(m, file, **when):
    m.kernel.devices[file.object] = Failing(m.kernel.devices[file.object], **when)


def test_a_page_that_cannot_be_read_is_sigbus(m, p):
    file = m.create("f", 2 * PAGE, b"text")
    failing(m, file, read=1)
    text = p.mmap(2 * PAGE, file=file)
    with pytest.raises(BusError, match=r"reading 'f' failed: .*injected failure"):
        text[0]
    assert (text[0:4], p.stat.majflt) == (b"text", 1)
    with pytest.raises(BusError, match="past its end"):
        p.load(p.mmap(PAGE, file=file, offset=4 * PAGE), 1)
    known_program(m)


def test_msync_says_what_stays_dirty(m, p):
    file = m.create("f", 3 * PAGE)
    failing(m, file, write=2, error=errno.ENOSPC)
    text = p.mmap(3 * PAGE, file=file, flags=SHARED)
    text.touch(True)
    text[0], text[PAGE], text[2 * PAGE] = 1, 2, 3
    with pytest.raises(OSError, match="disk full while writing 'f': 1 of 3 pages written, pages 1-2 stay dirty"):
        p.msync(text)
    assert [disk(m, file)[k * PAGE] for k in range(3)] == [1, 0, 0]
    p.msync(text)
    assert [disk(m, file)[k * PAGE] for k in range(3)] == [1, 2, 3]
    known_program(m)


def test_a_page_that_cannot_be_written_back_is_not_evicted(m, p):
    file = m.create("f", PAGE)
    failing(m, file, write=1)
    text = p.mmap(PAGE, file=file, flags=SHARED)
    text[0] = 65
    p.mmap(40 * PAGE).touch(True)
    assert (p.pagemap(text).present.tolist(), text[0]) == ([True], 65)
    with pytest.raises(OSError, match="could not be written back when it was to be; by now all are written"):
        file.fsync()
    file.fsync()  # told once
    assert disk(m, file)[0] == 65
    past = p.mmap(PAGE, file=file, offset=PAGE)
    with pytest.raises(BusError, match="past its end"):  # the failure of then is not the reason of now
        past[0]


@pytest.mark.parametrize("how", ["munmap", "exit", "replace"])
def test_the_last_owner_goes_even_if_the_disk_fails(m, p, how):
    """munmap and exit report no error of the disk; what could be written is written, the rest is lost."""
    file = m.create("f", 3 * PAGE)
    failing(m, file, write=2)
    device = m.kernel.devices[file.object]
    text = p.mmap(3 * PAGE, file=file, flags=SHARED)
    file.close()
    for k in range(3):
        text[k * PAGE] = k + 1
    if how == "replace":
        p.mmap(3 * PAGE, addr=text.addr, flags=Map.PRIVATE | Map.FIXED)
    else:
        {"munmap": text.close, "exit": p.exit}[how]()
    assert [device.read(k * PAGE, 1)[0] for k in range(3)] == [1, 0, 3]
    assert (m.check(), gauges(m)["frames"], p.alive) == ([], 32, how != "exit")
    known_program(m)
