"""Examples that books print, posed as problems: the machine must answer what the book says."""

import pytest

from vmlab.labs.problems import access_time, fork, maps, mmap, replacement, tlb, translation, walk

# CS:APP 3e, 9.6.4 "Putting it together": 14-bit addresses, pages of 64 bytes; figure 9.20(b), the first 16 entries.
# Page 0 (PPN 28) is left out: here no program maps page 0.
CSAPP = {2: 0x33, 3: 0x02, 5: 0x16, 8: 0x13, 9: 0x17, 10: 0x09, 13: 0x2D, 14: 0x11, 15: 0x0D}


@pytest.mark.parametrize(
    ("case", "answer"),
    [
        # OSTEP, chapter 18: 64-byte address space, pages of 16 bytes, virtual page 1 in frame 7; movl <virtual 21> -> 117
        (translation.Case(2, 16, 8, ((1, 7), (2, 5), (3, 2)), 21), 117),
        # OSTEP, homework of chapter 18 (paging-linear-translate): 16 KiB, page table 8000000c 0 0 80000006
        (translation.Case(2, 4096, 16, ((3, 6),), 0x3229), 0x6229),
        (translation.Case(2, 4096, 16, ((3, 6),), 0x1369), "page fault"),
        # CS:APP 3e, 9.6.4: address 0x03d4; practice problem 9.4: 0x03d7
        (translation.Case(8, 64, 64, tuple(CSAPP.items()), 0x03D4), 0x354),
        (translation.Case(8, 64, 64, tuple(CSAPP.items()), 0x03D7), 0x357),
    ],
)
def test_translation(case, answer):
    assert translation.pose(case).answer == answer


@pytest.mark.parametrize(
    ("case", "answer"),
    [
        # OSTEP, chapter 20, "A detailed multi-level example": 16 KiB, pages of 64 bytes; page 254 is in frame 55, so 0x3f80
        # is at 00 1101 1100 0000. (Pages 0 and 1 of the figure are left out, as above; 4, 5 and 255 are there.)
        (walk.Walk((4, 4), 64, 128, ((4, 80), (5, 59), (254, 55), (255, 45)), 0x3F80), 0x0DC0),
        # OSTEP, homework of chapter 20 (paging-multilevel-translate), seed 0, as the program solves it itself (-c)
        (walk.Walk((5, 5), 32, 128, ((0x611C >> 5, 0x35),), 0x611C), 0x6BC),
        (walk.Walk((5, 5), 32, 128, ((0x611C >> 5, 0x35),), 0x3DA8), "page fault"),
        # x86-64: 4 tables for a page; 67 for 128 MiB of pages (64 of 512, 3 above); 769 for 256 pages, one every 512 GiB
        (walk.Tree("x86-64", 16, 1, 1), 4),
        pytest.param(walk.Tree("x86-64", 1 << 15, 1 << 15, 1), 67, marks=pytest.mark.jit),
        (walk.Tree("x86-64", 16, 256, 1 << 27), 769),
    ],
)
def test_walk(case, answer):
    assert walk.pose(case).answer == answer


def test_tlb():
    """OSTEP, chapter 19, "Example: accessing an array": a[0] to a[9], 4 bytes each, from 100 on; pages of 16 bytes.

    miss hit hit miss hit hit hit miss hit hit: a hit rate of 70 percent.
    """
    case = tlb.Case(4, 4, 16, tuple(range(100, 140, 4)))
    posed = tlb.pose(case)
    assert posed.answer == 3
    assert " ".join(row[-1] for row in posed.solution.rows) == "miss hit hit miss hit hit hit miss hit hit"


SILBERSCHATZ = (7, 0, 1, 2, 0, 3, 0, 4, 2, 3, 0, 3, 2, 1, 2, 0, 1, 7, 0, 1)  # Operating System Concepts, 10.4: 3 frames
BELADY = (1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5)  # Belady, Nelson and Shedler 1969
OSTEP = (0, 1, 2, 0, 1, 3, 0, 3, 1, 2, 1)  # chapter 22: 3 pages in the cache; hits: optimal 6, FIFO 4, LRU 6


@pytest.mark.parametrize(
    ("string", "policy", "frames", "faults"),
    [
        (SILBERSCHATZ, "fifo", 3, 15),
        (SILBERSCHATZ, "lru", 3, 12),
        (SILBERSCHATZ, "opt", 3, 9),
        (SILBERSCHATZ, "clock", 3, 14),
        (BELADY, "fifo", 3, 9),
        (BELADY, "fifo", 4, 10),
        (BELADY, "lru", 3, 10),
        (BELADY, "lru", 4, 8),
        (BELADY, "opt", 3, 7),
        (BELADY, "opt", 4, 6),
        (BELADY, "clock", 3, 9),
        (BELADY, "clock", 4, 10),
        (OSTEP, "opt", 3, 5),
        (OSTEP, "fifo", 3, 7),
        (OSTEP, "lru", 3, 5),
    ],
)
def test_replacement(string, policy, frames, faults):
    assert replacement.pose(replacement.Case(policy, frames, string)).answer == faults


@pytest.mark.parametrize(
    ("asked", "answer"),
    [("copies", 30), ("faults", 100), ("frames", 100)],
)
def test_fork(asked, answer):
    """Lab 06's row: of 100 pages the child stores into 30 and exits; then the parent stores into 100, and copies none of them.

    All 30 copies are the child's: CS:APP 3e, 9.8.2, and Linux's rule for the last owner, mm/memory.c (wp_can_reuse_anon_folio).
    """
    assert fork.pose(fork.Case(100, (("Q", 30), ("Q", 0), ("P", 100)), asked)).answer == answer


def test_maps():
    """mmap(2) and mprotect(2): 8 pages, the middle 2 changed: 3 lines; changed back: 1; the middle 2 unmapped: 2."""
    calls = (maps.Call("mmap", 0, 8, "rw-"), maps.Call("mprotect", 3, 2, "r--"), maps.Call("mprotect", 3, 2, "rw-"))
    assert [len(maps.pose(calls[:n]).answer.splitlines()) for n in (1, 2, 3)] == [1, 3, 1]
    assert len(maps.pose((*calls, maps.Call("munmap", 3, 2))).answer.splitlines()) == 2


ANONYMOUS = "MAP_PRIVATE|MAP_ANONYMOUS"


@pytest.mark.parametrize(
    ("call", "arguments", "answer"),
    [
        # mmap(2): ERRORS and NOTES
        ("mmap", (0, 0, mmap.RW, ANONYMOUS, -1, 0), "EINVAL"),
        ("mmap", (0, 4096, mmap.R, "MAP_PRIVATE", "fd", 100), "EINVAL"),
        ("mmap", (0, 4096, mmap.RW, "MAP_SHARED", "fd", 0), "EACCES"),
        ("mmap", (0x10000, 4096, mmap.RW, f"{ANONYMOUS}|MAP_FIXED", -1, 0), "succeeds"),
        ("mmap", (0x10000, 4096, mmap.RW, f"{ANONYMOUS}|MAP_FIXED_NOREPLACE", -1, 0), "EEXIST"),
        # munmap(2): "It is not an error if the indicated range does not contain any mapped pages."
        ("munmap", (0x18000, 4096), "succeeds"),
        ("munmap", (0x10001, 4096), "EINVAL"),
        # mprotect(2), msync(2), mincore(2), madvise(2): ENOMEM
        ("mprotect", (0x10000, 5 * 4096, mmap.R), "ENOMEM"),
        ("mprotect", (0x20000, 4096, mmap.RW), "EACCES"),
        ("msync", (0x18000, 4096, "MS_SYNC"), "ENOMEM"),
        ("mincore", (0x18000, 4096), "ENOMEM"),
        ("madvise", (0x18000, 4096, "MADV_DONTNEED"), "ENOMEM"),
        # CS:APP 3e, 9.8, and mmap(2), SIGBUS: a file of 4196 bytes, mapped with a page too many
        ("load", (0x20000 + 4195,), "succeeds"),
        ("load", (0x20000 + 4196,), "succeeds"),
        ("load", (0x20000 + 8192,), "SIGBUS"),
        ("load", (0x20000 + 16384,), "SIGSEGV"),
        ("store", (0x20000,), "SIGSEGV"),
    ],
)
def test_mmap(call, arguments, answer):
    assert mmap.pose(mmap.Case(4, 4196, call, arguments)).answer == answer


@pytest.mark.parametrize(
    ("case", "answer"),
    [
        (access_time.Faults(1000, 1, 200, 8_000_000), 8199.8),  # Silberschatz 10.2.2: "8.2 microseconds"
        (access_time.Faults(1000, 1, 100, 8_000_000), 8099.9),  # the same with 100 ns
        (access_time.Hits(1, 10, 80), 12),  # Silberschatz 9.3.2.1: "0.80 × 10 + 0.20 × 20 = 12 nanoseconds"
        (access_time.Hits(1, 10, 99), 10.1),
    ],
)
def test_access_time(case, answer):
    assert access_time.pose(case).answer == pytest.approx(answer)
