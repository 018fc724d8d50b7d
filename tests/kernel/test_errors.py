"""Bad input from careless and hostile hands: the errno or the error, in time, and nothing has changed."""

import re
import time

import pytest
from known import PAGE, gauges, known_program, picture

from vmlab import BusError, ConfigError, Killed, LimitError, Machine, Map, SegmentationFault

SHARED, PRIVATE, FIXED, ANON = Map.SHARED, Map.PRIVATE, Map.FIXED, int(Map.PRIVATE | Map.ANONYMOUS)
TOP = 1 << 64
TASK = (1 << 47) - PAGE


def raw(x, length=PAGE, flags=ANON, fd=-1, offset=0, addr=0, prot=3):
    return x.p.sys.mmap(addr, length, prot, int(flags), fd, offset)


# what is done; the errno or error it gets (and a word of its sentence)
REFUSED = {
    "01 length 0": (lambda x: raw(x, 0), "EINVAL"),
    "02 length wraps": (lambda x: raw(x, TOP - PAGE + 1), "ENOMEM"),
    "02 length of all": (lambda x: raw(x, TOP - 1), "ENOMEM"),
    "03 length -1": (lambda x: x.p.mmap(-1), ValueError),
    "03 length 2**70": (lambda x: x.p.mmap(1 << 70), ValueError),
    "03 length 1.5": (lambda x: x.p.mmap(1.5), TypeError),
    "03 length text": (lambda x: x.p.mmap("4096"), TypeError),
    "03 length None": (lambda x: x.p.mmap(None), TypeError),
    "03 length True": (lambda x: x.p.mmap(True), TypeError),
    "04 offset 1": (lambda x: x.p.mmap(PAGE, file=x.rw, offset=1), "EINVAL"),
    "05 offset -4096": (lambda x: x.p.mmap(PAGE, file=x.rw, offset=-PAGE), ValueError),
    "05 raw offset": (lambda x: raw(x, flags=PRIVATE, fd=x.rw.fd, offset=TOP - PAGE), "EOVERFLOW"),
    "06 no type": (lambda x: raw(x, flags=Map.ANONYMOUS), "EINVAL"),
    "06 both types, anonymous": (lambda x: raw(x, flags=3 | Map.ANONYMOUS), "EINVAL"),
    "07 unknown flag": (lambda x: raw(x, flags=3 | 1 << 25, fd=x.rw.fd), "EOPNOTSUPP"),
    "07 MAP_SYNC": (lambda x: raw(x, flags=3 | 1 << 19, fd=x.rw.fd), "EOPNOTSUPP"),
    "07 NOREPLACE": (lambda x: raw(x, flags=3 | 1 << 20, fd=x.rw.fd, addr=1 << 40), "EOPNOTSUPP"),
    "08 descriptor -1": (lambda x: raw(x, flags=PRIVATE, fd=-1), "EBADF"),
    "08 descriptor 9999": (lambda x: raw(x, flags=PRIVATE, fd=9999), "EBADF"),
    "08 descriptor 2**63": (lambda x: raw(x, flags=PRIVATE, fd=1 << 63), "EBADF"),
    "09 write-only": (lambda x: x.p.mmap(PAGE, file=x.w, prot=0), "EACCES"),
    "10 FIXED unaligned": (lambda x: raw(x, addr=x.heap.addr + 1, flags=ANON | FIXED), "EINVAL"),
    "11 FIXED above": (lambda x: raw(x, addr=1 << 47, flags=ANON | FIXED), "ENOMEM"),
    "11 FIXED far above": (lambda x: raw(x, addr=TOP - PAGE, flags=ANON | FIXED), "ENOMEM"),
    "12 NOREPLACE": (lambda x: raw(x, addr=x.heap.addr, flags=ANON | Map.FIXED_NOREPLACE), "EEXIST"),
    "14 munmap 0": (lambda x: x.p.munmap(x.heap.addr, 0), "EINVAL"),
    "14 munmap unaligned": (lambda x: x.p.munmap(x.heap.addr + 1, PAGE), "EINVAL"),
    "14 munmap past the end": (lambda x: x.p.munmap(TASK, PAGE), "EINVAL"),
    "16 mprotect in a hole": (lambda x: x.p.mprotect(x.heap.addr + 4 * PAGE, PAGE), "ENOMEM"),
    "16 mprotect wraps": (lambda x: x.p.mprotect(TOP - PAGE, PAGE), "ENOMEM"),
    "16 mprotect past the end": (lambda x: x.p.mprotect(1 << 62, PAGE), "ENOMEM"),
    "16 mprotect unknown bits": (lambda x: x.p.mprotect(x.heap, prot=0x80), "EINVAL"),
    "22 SYNC and ASYNC": (lambda x: x.p.msync(x.heap, flags=5), "EINVAL"),
    "22 msync unaligned": (lambda x: x.p.msync(x.heap.addr + 1, PAGE), "EINVAL"),
    "22 msync unknown flag": (lambda x: x.p.msync(x.heap, flags=8), "EINVAL"),
    "22 msync over a hole": (lambda x: x.p.msync(x.heap), "ENOMEM"),
    "22 msync past the end": (lambda x: x.p.msync(1 << 60, PAGE), "ENOMEM"),
    "27 load at 0": (lambda x: x.p.load(0, 1), (SegmentationFault, 1, 0)),
    "27 load at -1": (lambda x: x.p.load(-1, 1), ValueError),
    "27 load at the last": (lambda x: x.p.load(TOP - 1, 1), (SegmentationFault, 1, 0)),
    "27 load that is not canonical": (lambda x: x.p.load(1 << 47, 1), (SegmentationFault, 128, 0)),
    "27 load into the hole": (lambda x: x.p.load(x.heap.addr + 4 * PAGE - 3, 9), (SegmentationFault, 1, 3)),
    "27 load of 2**40": (lambda x: x.p.load(x.heap, 1 << 40), LimitError),
    "31 fork of a process that has ended": (lambda x: ended(x).fork(), (ProcessLookupError, r"\(running: 1\)")),
    "31 process 99": (lambda x: x.m.process(99), (ProcessLookupError, r"no process 99 \(running: 1\)")),
    "32 exit twice": (lambda x: ended(x).exit(), (ProcessLookupError, r"process 2 \(gone\) has ended at step \d+")),
    "36 page size 3000": (lambda x: Machine(mmu=(9, 9), page_size=3000), (ConfigError, "power of two")),
    "36 page size 0": (lambda x: Machine(mmu=(9, 9), page_size=0), (ConfigError, "power of two")),
    "36 page size 2**40": (lambda x: Machine(mmu=(9, 9), page_size=1 << 40), (ConfigError, "64 KiB")),
    "36 page size of x86-64": (lambda x: Machine(page_size=8192), (ConfigError, "4096")),
    "37 no frames": (lambda x: Machine(frames=0), (ConfigError, "at least 2 frames")),
    "37 one frame": (lambda x: Machine(frames=1), (ConfigError, "at least 2 frames")),
    "37 half a frame": (lambda x: Machine(ram=6000), (ConfigError, "whole number of pages")),
    # what the list did not think of
    "17 map shared and writable": (lambda x: x.p.mmap(PAGE, file=x.r, flags=SHARED), "EACCES"),
    "closed file": (lambda x: closed(x).pread(1), "EBADF"),
    "map a closed file": (lambda x: x.p.mmap(PAGE, file=closed(x)), "EBADF"),
    "pread of a write-only file": (lambda x: x.w.pread(1), "EBADF"),
    "pwrite to a read-only file": (lambda x: x.r.pwrite(b"x"), "EBADF"),
    "read at -1": (lambda x: x.p.read(x.rw, x.heap, 5, -1), "EINVAL"),
    "write at -1": (lambda x: x.p.write(x.rw, x.heap, 5, -1), "EINVAL"),
    "pwrite at 2**63": (lambda x: x.rw.pwrite(b"x", 1 << 63), "EINVAL"),
    "pwrite up to 2**63": (lambda x: x.rw.pwrite(b"xx", (1 << 63) - 1), "EINVAL"),
    "truncate to 2**70": (lambda x: x.rw.truncate(1 << 70), "EINVAL"),
    "write of 2**40 bytes": (lambda x: x.p.write(x.rw, x.heap, 1 << 40), LimitError),
    "read into a hole": (lambda x: x.p.read(x.rw, x.heap.addr + 4 * PAGE, 9), "EFAULT"),
    "write from a hole": (lambda x: x.p.write(x.rw, x.heap.addr + 4 * PAGE, 9), "EFAULT"),
    "heap below its start": (lambda x: x.p.brk(PAGE), "ENOMEM"),
    "more than RAM and swap": (lambda x: x.p.mmap(65 * PAGE), "ENOMEM"),
    "below mmap_min_addr": (lambda x: raw(x, addr=PAGE, flags=ANON | FIXED), "EPERM"),
}  # fmt: skip


def ended(x):
    gone = x.p.fork("gone")
    gone.exit()
    return gone


def closed(x):
    file = x.rw.reopen("r")
    file.close()
    return file


@pytest.mark.parametrize("row", REFUSED)
def test_refused_and_nothing_changed(lab, row):
    call, wanted = REFUSED[row]
    before, start = picture(lab.m), time.process_time()
    if isinstance(wanted, str):
        with pytest.raises(OSError, match=rf".* .*\({wanted}: "):
            call(lab)
    elif isinstance(wanted, tuple) and issubclass(wanted[0], SegmentationFault):
        with pytest.raises(SegmentationFault, match=r"^process 1 \(p\) loaded from 0x") as signal:
            call(lab)
        assert (signal.value.code, signal.value.done) == wanted[1:]
    else:
        kind, words = wanted if isinstance(wanted, tuple) else (wanted, r"\w+ \w+")
        with pytest.raises(kind, match=words):
            call(lab)
    assert time.process_time() - start < 2
    assert picture(lab.m) == before
    known_program(lab.m)


def test_13_fixed_over_half_a_file_mapping_leaves_the_offset_of_the_other(lab):
    file = lab.m.create("four", 4 * PAGE, b"".join(bytes([k]) * PAGE for k in range(4)))
    text = lab.p.mmap(4 * PAGE, file=file)
    lab.p.mmap(2 * PAGE, addr=text.addr, flags=PRIVATE | FIXED)
    assert [text[k * PAGE] for k in range(4)] == [0, 0, 2, 3]
    assert lab.p.vma(text.addr + 2 * PAGE).offset == 2 * PAGE


def test_15_munmap_of_a_hole_succeeds(lab):
    before = picture(lab.m)
    lab.p.munmap(lab.heap.addr + 4 * PAGE, PAGE)
    lab.p.munmap(1 << 30, 1 << 30)
    assert picture(lab.m) == before


def test_16_mprotect_changes_what_lies_before_the_hole(lab):
    with pytest.raises(OSError, match="ENOMEM"):
        lab.p.mprotect(lab.heap.addr + 3 * PAGE, 3 * PAGE, 1)
    perms = [v.perms for v in lab.p.vmas()]
    assert perms == ["rw-p", "r--p", "rw-p"]  # the last lies behind the hole


def test_17_a_shared_mapping_of_a_read_only_file_stays_so(lab):
    text = lab.p.mmap(PAGE, file=lab.r, flags=SHARED, prot=1)
    before = picture(lab.m)
    with pytest.raises(OSError, match="EACCES"):
        lab.p.mprotect(text, prot=3)
    assert picture(lab.m) == before
    lab.p.mprotect(lab.p.mmap(PAGE, file=lab.r, prot=1), prot=3)  # a private one may


def test_22_msync_over_a_hole_writes_what_is_mapped(lab):
    text = lab.p.mmap(2 * PAGE, file=lab.rw, flags=SHARED)
    text[0], text[PAGE] = 1, 2
    lab.p.munmap(text.addr + PAGE, PAGE)
    lab.p.mmap(PAGE, file=lab.rw, flags=SHARED | FIXED, addr=text.addr + 2 * PAGE, offset=PAGE)
    with pytest.raises(OSError, match="ENOMEM"):
        lab.p.msync(text.addr, 3 * PAGE)
    device = lab.m.device(lab.rw.object)
    assert (device.read(0, 1), device.read(PAGE, 1)) == (b"\1", b"\2")


def test_28_a_load_of_nothing_is_no_access(lab):
    faults = lab.p.stat.minflt
    assert (lab.p.load(0, 0), lab.p.stat.minflt) == (b"", faults)
    lab.p.store(0, b"")


def test_29_a_store_that_crosses_into_a_read_only_page(lab):
    lab.p.mprotect(lab.heap.addr + PAGE, PAGE, 1)
    with pytest.raises(SegmentationFault, match="does not allow it") as signal:
        lab.p.store(lab.heap.addr + PAGE - 3, b"xyzzy")
    s = signal.value
    assert (s.code, s.done, s.addr) == (2, 3, lab.heap.addr + PAGE)
    assert lab.heap[PAGE - 3 : PAGE + 1] == b"xyz" + bytes([PAGE % 250])


def test_30_past_the_end_of_a_file(lab):
    text = lab.p.mmap(3 * PAGE, file=lab.r, prot=1)
    assert text[PAGE + PAGE // 2 - 2 : 2 * PAGE] == b"le" + bytes(PAGE // 2)
    with pytest.raises(BusError, match=r"'f' has 6144 bytes, the page lies past its end \(SIGBUS") as signal:
        lab.p.load(text.addr + 2 * PAGE - 1, 2)
    assert (signal.value.code, signal.value.done, signal.value.data) == (2, 1, b"\0")


def test_33_fork_bomb(lab):
    free = gauges(lab.m)

    def bomb():
        for _ in range(10_000):
            lab.p.fork()

    with pytest.raises(OSError, match=r"64 processes are running.*EAGAIN"):
        bomb()
    assert len(lab.m.processes) == 64
    assert gauges(lab.m)["frames"] == free["frames"]
    for child in lab.m.processes[1:]:
        child.exit()
    for k in range(4):
        lab.p.store(lab.heap.addr + k * PAGE, b"x")  # the last owner keeps its frame
    assert gauges(lab.m) | {"tlb": free["tlb"]} == free
    known_program(lab.m)


@pytest.mark.parametrize(
    "policy", ["clock", "fifo", "lru", lambda c: c.frame[0]], ids=["clock", "fifo", "lru", "python"]
)
def test_35_swap_full(policy):
    m = Machine(frames=6, swap=4 * PAGE, policy=policy)
    small, large = m.spawn("small"), m.spawn("large")
    little = small.mmap(2 * PAGE)
    little[0:5], little[PAGE] = b"alive", 7
    big = large.mmap(10 * PAGE)
    start = time.process_time()
    with pytest.raises(
        Killed, match=r"^process 2 \(large\) was killed: out of memory, .*score was \d+ of 1000"
    ) as killed:
        big[0:] = b"x" * 10 * PAGE
    assert time.process_time() - start < 2
    assert re.search("all 6 frames and 4 swap slots are taken", str(killed.value))
    assert (large.alive, little[0:5], little[PAGE], m.vmstat().rows["oom_kill"]) == (False, b"alive", 7, 1)
    known_program(m)


def test_35_who_is_killed_is_not_always_who_asks():
    m = Machine(frames=6, swap=0)
    large, small = m.spawn("large"), m.spawn("small")
    large.mmap(5 * PAGE).touch(True)
    little = small.mmap(3 * PAGE, flags=PRIVATE | Map.POPULATE)
    assert (large.alive, small.alive, little[2 * PAGE]) == (False, True, 0)
    known_program(m)


def test_35_nobody_else_is_told():
    """A read from outside needs a frame: the process that ran last is killed, and the read goes on."""
    m = Machine(frames=4, swap=0)
    file = m.create("f", PAGE, b"read")
    p = m.spawn()
    p.mmap(4 * PAGE).touch(True)
    assert (file.pread(4), p.alive) == (b"read", False)
    known_program(m)


@pytest.mark.jit
def test_a_thousand_children_leave_nothing(lab):
    def go():
        child = lab.p.fork()
        for k in range(4):
            child.store(lab.heap.addr + k * PAGE, b"child")
        child.mmap(PAGE, file=lab.rw, flags=SHARED)[0] = 102
        child.exit()
        for k in range(4):
            lab.p.store(lab.heap.addr + k * PAGE, b"mine!")

    go()
    before, pools = gauges(lab.m), [len(a) for a in lab.m.state]
    for _ in range(1000):
        go()
    assert gauges(lab.m) == before
    assert [len(a) for a in lab.m.state] == pools
    assert [lab.heap[k * PAGE : k * PAGE + 5] for k in range(4)] == [b"mine!"] * 4
