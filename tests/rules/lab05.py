"""Rules of lab 05."""

from . import Mutation

MUTATIONS = [
    Mutation(
        "memory that was never written takes no frame",
        "loads",
        "core/fault.py",
        "and not write and s.pages[page] == 0:",
        "and not write and False:",
    ),
    Mutation(
        "MAP_POPULATE faults every page in before mmap returns",
        "populate",
        "kernel/mmap.py",
        "if lock or (flags & Map.POPULATE",
        "if lock or (False and flags & Map.POPULATE",
    ),
    Mutation(
        "a VMA decides what may be stored",
        "forbidden",
        "core/fault.py",
        "return prot & access != 0",
        "return True",
    ),
    Mutation(
        "DONTNEED takes the bytes at once",
        "dontneed",
        "kernel/madvise.py",
        "Advice.DONTNEED: _dontneed, ",
        "Advice.DONTNEED: _cold, ",
    ),
    Mutation(
        "a page that comes from swap is a major fault",
        "major",
        "core/fault.py",
        "st.pswpin += 1\n        m.major = 1",
        "st.pswpin += 1\n        m.major = 0",
    ),
    Mutation(
        "a fresh frame is full of zeros",
        "fresh",
        "core/fault.py",
        "frames.zero_bytes(s.content, f)\n",
        "pass\n",
    ),
    Mutation(
        "FREE leaves the pages until frames are needed",
        "lazy",
        "kernel/madvise.py",
        "Advice.FREE: _free",
        "Advice.FREE: _cold",
    ),
]
