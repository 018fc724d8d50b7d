"""Rules of lab 07."""

from . import Mutation

MUTATIONS = [
    Mutation(
        "a portion of a file begins at its offset",
        "portion",
        "kernel/mmap.py",
        "obj, pgoff = int(file.object), offset // size",
        "obj, pgoff = int(file.object), 0",
    ),
    Mutation(
        "a portion begins at a whole page",
        "portion-odd",
        "kernel/mmap.py",
        "if offset % size:",
        "if False:",
    ),
    Mutation(
        "write() changes the page in the page cache",
        "write-call",
        "core/cpu.py",
        "s.content[f, within + k] = buffer[m.cursor + k]",
        "pass",
    ),
    Mutation(
        "a store through a private mapping goes to a copy",
        "private-store",
        "core/fault.py",
        "foreign = private and obj != mine",
        "foreign = False",
    ),
    Mutation(
        "what was not written back is lost with the power",
        "ten",
        "kernel/crash.py",
        "    objects.discard(k.state, obj, 0, npages)\n",
        "",
    ),
    Mutation(
        "msync writes dirty pages back",
        "msync",
        "kernel/msync.py",
        "if flags & Sync.SYNC and v.shared",
        "if False and v.shared",
    ),
    Mutation(
        "munmap drops the pages that a private mapping has copied, and no others",
        "unmapped",
        "kernel/munmap.py",
        "gone.vpn, gone.vpn + gone.npages)",
        "gone.vpn, gone.vpn + gone.npages)\n"
        "            if v.shared:\n"
        "                objects.discard(k.state, v.object, gone.pgoff, gone.pgoff + gone.npages)",
    ),
    Mutation(
        "a page that a file does not have is SIGBUS, and not SIGSEGV",
        "edge",
        "core/fault.py",
        "return refuse(s, tag, Code.ADRERR, Exit.BUS)",
        "return refuse(s, tag, Code.ADRERR, Exit.SEGV)",
    ),
    Mutation(
        "writeback zeroes what is behind the end of a file",
        "tail",
        "kernel/writeback.py",
        "        s.content[f, inside:] = 0\n",
        "",
    ),
    Mutation(
        "a cut takes the pages of private mappings too",
        "cut",
        "kernel/truncate.py",
        "if start < v.vpn + v.npages:",
        "if v.shared and start < v.vpn + v.npages:",
    ),
]
