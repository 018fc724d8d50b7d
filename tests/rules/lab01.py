"""Rules of lab 01."""

from . import Mutation

MUTATIONS = [
    Mutation(
        "mmap hands out addresses, and frames only if it is asked to",
        "mapped",
        "kernel/mmap.py",
        "if lock or (flags & Map.POPULATE and not flags & Map.NONBLOCK):",
        "if True:",
    ),
    Mutation(
        "the offset of an address is kept",
        "first-store",
        "core/translation.py",
        "frame * int(m.page_size) + offset",
        "frame * int(m.page_size)",
    ),
    Mutation(
        "a PTE is present once its page has a frame",
        "mapped",
        "core/translation.py",
        "if pte & P else NONE\n    physical",
        "if not pte & P else NONE\n    physical",
    ),
    Mutation(
        "an address without a VMA is refused",
        "invalid",
        "core/fault.py",
        "Code.MAPERR, Exit.SEGV)\n    area",
        "Code.ACCERR, Exit.SEGV)\n    area",
    ),
    Mutation(
        "a TLB miss does not fault if the PTE is present",
        "misses",
        "core/cpu.py",
        "if at == NONE or not grants(s.tables[at], access):",
        "if True:",
    ),
    Mutation(
        "the hardware sets dirty at the first store",
        "bits",
        "core/cpu.py",
        " | A | (D if access == Access.WRITE else 0)",
        " | A",
    ),
    Mutation(
        "the hardware sets accessed at the first load",
        "bits",
        "core/cpu.py",
        " | A | (D if access",
        " | (D if access",
    ),
    Mutation(
        "the size of a page says how many bits are offset",
        "toy",
        "core/translation.py",
        "divmod(addr, int(m.page_size))",
        "divmod(addr, 4096)",
    ),
    Mutation(
        "each level of the walk has its own bits of the page number",
        "bits",
        "core/translation.py",
        "index = vpn >> shift & mask",
        "index = vpn & mask",
    ),
    Mutation(
        "a page comes back from swap with its bytes",
        "moved",
        "core/fault.py",
        "frames.copy_bytes(s.content, f, s.swap, slot)",
        "frames.zero_bytes(s.content, f)",
    ),
]
