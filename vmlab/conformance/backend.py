"""Backend: the raw calls that a kernel under test offers. One it has not stays NotImplementedError: not built yet.

Arguments are unsigned 64-bit numbers in Linux's order. Processes are numbers (0 exists after `reset`), files letters.
Calls of a process come back as Result, also when they fail; what an outsider does to a file comes back as its value.
"""

from typing import Any

from .outcome import Result

UNMAPPED = 0  # an address at which nothing is: no entry of the record maps page 0, nor may a process

Frame = tuple[int, bool] | None  # its number; whether it belongs to a file or to shared memory. None: no frame


class Backend:
    """A kernel to be asked. Subclass it and write `_sys` and the calls it does not cover; translate words, decide nothing."""

    name = "abstract"
    zero_frame: int | None = None  # the number of the shared zero page, if there is one

    def reset(self) -> None:
        """A new machine with process 0 and no file."""
        raise NotImplementedError

    def close(self) -> None:
        """Give back what it holds."""

    def check(self) -> list[str]:
        """Sentences about invariants that do not hold."""
        return []

    # files, from outside
    def create(self, f: str, data: bytes) -> None:
        """Make file f with these bytes, all of its pages in the page cache."""
        raise NotImplementedError

    def unlink(self, f: str) -> None:
        """Take its name away; descriptors and mappings stay."""
        raise NotImplementedError

    def fread(self, f: str, offset: int, n: int) -> bytes:
        raise NotImplementedError

    def fwrite(self, f: str, offset: int, data: bytes) -> None:
        raise NotImplementedError

    def ftruncate(self, f: str, nbytes: int) -> None:
        raise NotImplementedError

    def fsize(self, f: str) -> int:
        raise NotImplementedError

    def evict(self, f: str) -> None:
        """Write it back, and drop what nobody maps from the page cache."""
        raise NotImplementedError

    # system calls of process p: those of one line are the same for every kernel that takes them by name
    def _sys(self, p: int, name: str, *arguments: Any) -> Result:
        """One system call of process p, with its faults."""
        raise NotImplementedError(name)

    def _descriptor(self, f: str | None, mode: str) -> int:
        """The number of the descriptor that `mmap` tells of."""
        raise NotImplementedError(f"file {f}")

    def mmap(
        self, p: int, addr: int, length: int, prot: int, flags: int, f: str | None, mode: str, offset: int
    ) -> Result:
        """f: None for no descriptor, "bad" for one that is not open, "pipe_r", "pipe_w", a path, or a file.

        mode: r, w, rw or path (O_PATH). All processes share one open file description for each (f, mode).
        """
        return self._sys(p, "mmap", addr, length, prot, flags, self._descriptor(f, mode), offset)

    def munmap(self, p: int, addr: int, length: int) -> Result:
        return self._sys(p, "munmap", addr, length)

    def mprotect(self, p: int, addr: int, length: int, prot: int) -> Result:
        return self._sys(p, "mprotect", addr, length, prot)

    def msync(self, p: int, addr: int, length: int, flags: int) -> Result:
        return self._sys(p, "msync", addr, length, flags)

    def madvise(self, p: int, addr: int, length: int, advice: int) -> Result:
        return self._sys(p, "madvise", addr, length, advice)

    def mincore(self, p: int, addr: int, length: int) -> Result:
        """data: one byte a page."""
        raise NotImplementedError

    def mincore_into_nowhere(self, p: int, addr: int, length: int) -> Result:
        """mincore with a vector that is not mapped."""
        return self._sys(p, "mincore", addr, length, UNMAPPED)

    def mlock(self, p: int, addr: int, length: int) -> Result:
        return self._sys(p, "mlock", addr, length)

    def mlock2(self, p: int, addr: int, length: int, flags: int) -> Result:
        return self._sys(p, "mlock2", addr, length, flags)

    def munlock(self, p: int, addr: int, length: int) -> Result:
        return self._sys(p, "munlock", addr, length)

    def mlockall(self, p: int, flags: int) -> Result:
        return self._sys(p, "mlockall", flags)

    def munlockall(self, p: int) -> Result:
        return self._sys(p, "munlockall")

    def mremap(self, p: int, old: int, old_length: int, new_length: int, flags: int, new: int) -> Result:
        return self._sys(p, "mremap", old, old_length, new_length, flags, new)

    def remap_file_pages(self, p: int, addr: int, size: int, prot: int, pgoff: int, flags: int) -> Result:
        return self._sys(p, "remap_file_pages", addr, size, prot, pgoff, flags)

    def brk(self, p: int, addr: int) -> Result:
        """The system call, not the library's: value is the break, moved or not."""
        return self._sys(p, "brk", addr)

    def rlimit(self, p: int, resource: int, limit: int) -> Result:
        """limit: the soft limit; of RLIMIT_AS, the room above what is mapped now; -1: none."""
        raise NotImplementedError

    def fork(self, p: int, child: int) -> Result:
        raise NotImplementedError

    def exit(self, p: int) -> None:
        raise NotImplementedError

    def read_into(self, p: int, f: str, addr: int, n: int, offset: int) -> Result:
        """pread(2) of f into its memory; value: bytes read."""
        return self._sys(p, "pread", self._descriptor(f, "rw"), addr, n, offset)

    def write_from(self, p: int, f: str, addr: int, n: int, offset: int) -> Result:
        """pwrite(2) to f out of its memory; value: bytes written."""
        return self._sys(p, "pwrite", self._descriptor(f, "rw"), addr, n, offset)

    def pipe_into(self, p: int, addr: int, data: bytes) -> Result:
        """read(2) of a pipe that holds `data`."""
        raise NotImplementedError

    def pipe_from(self, p: int, addr: int, n: int) -> Result:
        """write(2) to a pipe."""
        raise NotImplementedError

    # the CPU
    def load(self, p: int, addr: int, n: int) -> Result:
        """n bytes upwards, up to the first fault."""
        raise NotImplementedError

    def store(self, p: int, addr: int, data: bytes) -> Result:
        raise NotImplementedError

    def call(self, p: int, addr: int) -> Result:
        """Jump to addr, where x86-64 code stands; value: what it returns."""
        raise NotImplementedError

    # what can be seen
    def vmas(self, p: int) -> list[tuple[int, int, str]]:
        """Its mappings by address: first byte, byte after the last, "rw-p"."""
        raise NotImplementedError

    def vmlck(self, p: int) -> int:
        """KiB locked."""
        raise NotImplementedError

    def frames(self, p: int, addr: int, npages: int) -> list[Frame]:
        """The frame of each page, without touching it."""
        raise NotImplementedError
