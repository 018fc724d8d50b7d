"""Rules of lab 04."""

from . import Mutation

MUTATIONS = [
    Mutation(
        "mmap brings no page into a frame",
        "map",
        "kernel/mmap.py",
        "if lock or (flags & Map.POPULATE",
        "if True or (flags & Map.POPULATE",
    ),
    Mutation(
        "a VMA has one set of rights",
        "protect",
        "kernel/mprotect.py",
        "if v.prot == prot:",
        "if True:",
    ),
    Mutation(
        "a VMA decides what may be stored",
        "forbidden",
        "core/fault.py",
        "return prot & access != 0",
        "return True",
    ),
    Mutation(
        "alike neighbours are merged",
        "restore",
        "core/vma.py",
        "if out and mergeable(out[-1], v):",
        "if False:",
    ),
    Mutation(
        "munmap of what is not mapped is no error",
        "hole",
        "kernel/munmap.py",
        "    take(k, row, start, stop)\n",
        "    if vma.at(k.state, row, start) < 0:\n        raise no('ENOMEM', '')\n    take(k, row, start, stop)\n",
    ),
    Mutation(
        "a length is rounded up to whole pages",
        "ranges",
        "kernel/check.py",
        "-(-(addr + length) // size)",
        "(addr + length) // size",
    ),
    Mutation(
        "MAP_FIXED_NOREPLACE refuses where something is mapped",
        "noreplace",
        "kernel/mmap.py",
        "if flags & Map.FIXED_NOREPLACE and i != j:",
        "if False:",
    ),
    Mutation(
        "DONTNEED takes the bytes at once",
        "dontneed",
        "kernel/madvise.py",
        "Advice.DONTNEED: _dontneed, ",
        "Advice.DONTNEED: _cold, ",
    ),
    Mutation(
        "no more is promised than memory and swap could hold",
        "refused",
        "kernel/overcommit.py",
        "if npages <= most:",
        "if True:",
    ),
    Mutation(
        "what a lowered break leaves above it goes back",
        "trim",
        "kernel/brk.py",
        "munmap.take(k, row, new, last)",
        "pass",
    ),
    Mutation(
        "a shared mapping has an object of its own, which takes no second one",
        "shared-pair",
        "core/vma.py",
        "and a[3:7] == b[3:7]  # object, prot, marks, file\n        and a.name == b.name\n        and a.pgoff + a.npages ==",
        "and a.prot == b.prot and b.pgoff ==",
    ),
    Mutation(
        "mremap takes the frames along",
        "moved",
        "kernel/mremap.py",
        "    moving.move(k.state, row, start, start + old, to)\n",
        "",
    ),
]
