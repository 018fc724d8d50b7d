"""The words of the record: Linux's constants by name, where mappings are put, what a new file holds.

The numbers are Linux's for x86-64, written out here and not taken from vmlab: a wrong constant there must show.

    operation      fields, and what it does
    open           f size fill                        make file f, all of its pages in the page cache
    fread fwrite ftruncate fsize unlink evict         f off n | bytes | byte size: by somebody outside the processes
    mmap           p as len prot flags f mode off at  without `at`: at the start of a fresh slot, which `as` names
    munmap mlock munlock mprotect msync madvise mincore mlock2      p at len, prot | flags | advice
    mlockall munlockall remap_file_pages rlimit fork exit           p, flags | ...
    mremap         p at old new flags to as           to: an address, or "slot"
    brk            p delta                            from the page-aligned break at the start; absolute: the number
    load store memset call                            p at n | bytes | n byte
    read_into write_from pipe_into pipe_from          p f at n off: read(2) and write(2) into and out of its memory
    perms vmas vmlck probe frames                     what can be seen of its mappings, locks, rights and frames

An address is a number (modulo 2**64) or [symbol, bytes]. Symbols are names of a process; fork copies them.
"""

from collections.abc import Iterable, Mapping
from itertools import groupby

PAGE = 4096
WORD = (1 << 64) - 1

# A slot for every mmap without an address, so that mappings can grow in place and never have a neighbour by chance:
#
#    ARENA            ARENA + SLOT     ARENA + 2 SLOT
#    | first mapping  | second mapping | third ...
ARENA = 1 << 45
SLOT = 64 << 20

PROT = {"n": 0, "r": 1, "w": 2, "x": 4}
MAP = {
    "SHARED": 1, "PRIVATE": 2, "SHARED_VALIDATE": 3, "FIXED": 0x10, "ANON": 0x20, "GROWSDOWN": 0x100,
    "UNKNOWN10": 0x400, "LOCKED": 0x2000, "NORESERVE": 0x4000, "POPULATE": 0x8000, "NONBLOCK": 0x10000,
    "STACK": 0x20000, "FIXED_NOREPLACE": 0x100000,
}  # fmt: skip
MS = {"ASYNC": 1, "INVALIDATE": 2, "SYNC": 4}
MREMAP = {"MAYMOVE": 1, "FIXED": 2, "DONTUNMAP": 4}
MADV = {
    "NORMAL": 0, "RANDOM": 1, "SEQUENTIAL": 2, "WILLNEED": 3, "DONTNEED": 4, "FREE": 8, "REMOVE": 9, "DONTFORK": 10,
    "DOFORK": 11, "MERGEABLE": 12, "UNMERGEABLE": 13, "HUGEPAGE": 14, "NOHUGEPAGE": 15, "DONTDUMP": 16, "DODUMP": 17,
    "WIPEONFORK": 18, "KEEPONFORK": 19, "COLD": 20, "PAGEOUT": 21, "POPULATE_READ": 22, "POPULATE_WRITE": 23,
    "DONTNEED_LOCKED": 24, "GUARD_INSTALL": 102, "GUARD_REMOVE": 103,
}  # fmt: skip
MCL = {"CURRENT": 1, "FUTURE": 2, "ONFAULT": 4}
MLOCK2 = {"ONFAULT": 1}
RLIMIT = {"DATA": 2, "AS": 9}
CODE = {("SIGSEGV", 1): "MAPERR", ("SIGSEGV", 2): "ACCERR", ("SIGBUS", 1): "ADRALN", ("SIGBUS", 2): "ADRERR"}


def bits(table: Mapping[str, int], names: int | Iterable[str | int]) -> int:
    """The flags word of some names of a table; numbers stand for themselves, a number alone for the whole word."""
    if isinstance(names, int):
        return names & 0xFFFFFFFF
    word = 0
    for name in names:
        word |= name if isinstance(name, int) else table[name]
    return word


def rights(prot: int | str) -> int:
    """PROT_* bits of letters such as "rw"; "n" is none."""
    return prot if isinstance(prot, int) else sum(PROT[c] for c in set(prot))


def filling(fill: str, nbytes: int, f: str) -> bytes:
    """What file f holds when made: "zero", "byte:XX", or "pattern", which tells files, pages and blocks of 64 apart."""
    if fill == "zero":
        return bytes(nbytes)
    if fill.startswith("byte:"):
        return bytes.fromhex(fill[5:]) * nbytes
    blocks = (bytes([(ord(f[0]) + 17 * (k >> 6) + (k & 63)) & 255]) * 64 for k in range(-(-nbytes // 64)))
    return b"".join(blocks)[:nbytes]


def run_lengths(page: bytes) -> str:
    """A page as text, "4093*00,1*ab,2*b2": how the record keeps it."""
    return ",".join(f"{len(list(run))}*{byte:02x}" for byte, run in groupby(page))
