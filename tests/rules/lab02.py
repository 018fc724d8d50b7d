"""Rules of lab 02."""

from . import Mutation

MUTATIONS = [
    Mutation(
        "mmap makes no page table",
        "promise",
        "kernel/mmap.py",
        "if lock or (flags & Map.POPULATE and not flags & Map.NONBLOCK):",
        "if True:",
    ),
    Mutation(
        "the tables of all levels are counted",
        "first",
        "core/pagetable.py",
        "    p.ntables += 1\n",
        "",
    ),
    Mutation(
        "an index is a field of its own for each level",
        "first",
        "core/translation.py",
        "index = vpn >> shift & mask",
        "index = vpn & mask",
    ),
    Mutation(
        "x86-64 has tables of 512 entries",
        "first",
        "config.py",
        '"x86-64": Geometry((9, 9, 9, 9)',
        '"x86-64": Geometry((9, 9, 8, 10)',
    ),
    Mutation(
        "a table that is there is used again",
        "gib",
        "core/pagetable.py",
        "        if not s.tables[at] & P:\n            s.tables[at] = (make",
        "        if k == 2 or not s.tables[at] & P:\n            s.tables[at] = (make",
    ),
    Mutation(
        "an entry has 4 bytes where addresses have 32 bits",
        "linear",
        "core/translation.py",
        "m.page_shift <= 32",
        "m.page_shift < 32",
    ),
    Mutation(
        "a table is as large as its entries are many",
        "linear",
        "core/translation.py",
        "int(m.fanout) * (4 if",
        "512 * (4 if",
    ),
    Mutation(
        "x86-64 with 57-bit addresses has a fifth level",
        "levels",
        "config.py",
        "Geometry((9, 9, 9, 9, 9), 4096, (1 << 44) - 1)",
        "Geometry((9, 9, 9, 9), 4096, (1 << 35) - 1)",
    ),
    Mutation(
        "Sv39 has three levels",
        "levels",
        "config.py",
        '"sv39": Geometry((9, 9, 9)',
        '"sv39": Geometry((9, 9, 5, 4)',
    ),
]
