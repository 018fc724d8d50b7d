"""`Allocator`: malloc and free as a C library builds them on brk and mmap, with their notes in the process's own memory."""

from .. import KiB, Process

HEADER = 8  # bytes before each block: its size, and 1 more while it is in use
USED = 1


class Allocator:
    """First fit over an implicit list of blocks (CS:APP 9.9.6). No block is split or merged. It owns the whole heap.

    >>> from vmlab import Machine
    >>> c = Allocator(Machine(frames=16).spawn("p"))
    >>> a = c.malloc(100)
    >>> c.free(a)
    >>> c.malloc(100) == a
    True
    """

    threshold = 128 * KiB  # glibc's M_MMAP_THRESHOLD and M_TRIM_THRESHOLD, mallopt(3)

    def __init__(self, process: Process) -> None:
        self.process = process
        self.first = int(process.machine.state.procs["start_brk"][process.row])

    def malloc(self, n: int) -> int:
        """The address of n bytes: from the heap, or from a mapping of their own where they are many. OSError as brk, mmap."""
        n = max(-(-n // HEADER) * HEADER, HEADER)
        if n >= self.threshold:
            at = self.process.mmap(HEADER + n).addr
        else:
            at = next((at for at, size, used in self.blocks() if not used and size >= n), 0)
            n = self.process.load_int(at) if at else n
            at = at or self.process.sbrk(HEADER + n)
        self.process.store_int(at, n | USED)
        return at + HEADER

    def free(self, addr: int) -> None:
        """Give a block back: one with a mapping of its own to the kernel, others to this allocator, which trims the top."""
        at = addr - HEADER
        size = self.process.load_int(at) & ~USED
        if not self.first <= at < self.process.sbrk(0):
            self.process.munmap(at, HEADER + size)
            return
        self.process.store_int(at, size)
        top = self.process.sbrk(0)
        for at, _, used in reversed(self.blocks()):
            if used:
                break
            top = at
        if self.process.sbrk(0) - top >= self.threshold:
            self.process.brk(top)

    def blocks(self) -> list[tuple[int, int, bool]]:
        """(address of the header, size, in use?) of each block of the heap."""
        found, at, end = [], self.first, self.process.sbrk(0)
        while at < end:
            word = self.process.load_int(at)
            found.append((at, word & ~USED, bool(word & USED)))
            at += HEADER + (word & ~USED)
        return found
