"""The raw system calls of a process: Linux's order of arguments, unsigned numbers, nothing defaulted. What the oracle drives."""

from typing import TYPE_CHECKING

from .kernel import limits

if TYPE_CHECKING:
    from .process import Process


class Sys:
    """`p.sys.mmap(addr, length, prot, flags, fd, offset)` and its like. A call that fails raises OSError with errno."""

    def __init__(self, process: "Process") -> None:
        self._process = process

    def _call(self, call: str, **args: object) -> int:
        p = self._process
        answer = p.machine.change(call, p.row, **args)
        return 0 if answer is None else int(answer)

    def mmap(self, addr: int, length: int, prot: int, flags: int, fd: int, offset: int) -> int:
        """The address of the mapping."""
        return self._call("mmap", addr=addr, length=length, prot=prot, flags=flags, fd=fd, offset=offset)

    def munmap(self, addr: int, length: int) -> int:
        """0."""
        return self._call("munmap", addr=addr, length=length)

    def mprotect(self, addr: int, length: int, prot: int) -> int:
        """0."""
        return self._call("mprotect", addr=addr, length=length, prot=prot)

    def msync(self, addr: int, length: int, flags: int) -> int:
        """0."""
        return self._call("msync", addr=addr, length=length, flags=flags)

    def mlock(self, addr: int, length: int) -> int:
        """0."""
        return self._call("mlock", addr=addr, length=length)

    def mlock2(self, addr: int, length: int, flags: int) -> int:
        """0."""
        return self._call("mlock2", addr=addr, length=length, flags=flags)

    def munlock(self, addr: int, length: int) -> int:
        """0."""
        return self._call("munlock", addr=addr, length=length)

    def mlockall(self, flags: int) -> int:
        """0."""
        return self._call("mlockall", flags=flags)

    def munlockall(self) -> int:
        """0."""
        return self._call("munlockall")

    def setrlimit(self, resource: int, limit: int, hard: int | None = None) -> int:
        """0. The soft limit and the hard one, which stays where None is given."""
        return self._call("setrlimit", resource=resource, limit=limit, hard=hard)

    def getrlimit(self, resource: int) -> int:
        """The soft limit."""
        p = self._process
        return limits.getrlimit(p.machine.kernel, p.row, resource)

    def madvise(self, addr: int, length: int, advice: int) -> int:
        """0."""
        return self._call("madvise", addr=addr, length=length, advice=advice)

    def mincore(self, addr: int, length: int, vec: int | None) -> int | bytes:
        """0, the answers are stored at vec; or, where vec is None, the answers: a byte a page."""
        p = self._process
        answers = bytes(p.machine.change("mincore", p.row, addr=addr, length=length, vec=vec))
        return answers if vec is None else 0

    def mremap(self, addr: int, old_length: int, new_length: int, flags: int, new_addr: int) -> int:
        """The address of the mapping, moved or not."""
        args = {"addr": addr, "old_length": old_length, "new_length": new_length, "flags": flags, "new_addr": new_addr}
        return self._call("mremap", **args)

    def remap_file_pages(self, addr: int, size: int, prot: int, pgoff: int, flags: int) -> int:
        """0."""
        return self._call("remap_file_pages", addr=addr, size=size, prot=prot, pgoff=pgoff, flags=flags)

    def brk(self, addr: int) -> int:
        """The new end of the heap, or the old one where it could not be set."""
        return self._call("brk", addr=addr)

    def fork(self) -> int:
        """The child's pid."""
        return self._process.fork().pid

    def exit(self, status: int) -> int:
        """0: this process is gone."""
        return self._call("exit", status=status)

    def pread(self, fd: int, addr: int, n: int, offset: int) -> int:
        """Bytes read into memory."""
        return self._call("read", fd=fd, addr=addr, n=n, offset=offset)

    def pwrite(self, fd: int, addr: int, n: int, offset: int) -> int:
        """Bytes written from memory."""
        return self._call("write", fd=fd, addr=addr, n=n, offset=offset)

    def read(self, fd: int, addr: int, n: int) -> int:
        """Bytes read from a pipe into memory."""
        return self._call("pipe_read", fd=fd, addr=addr, n=n)

    def write(self, fd: int, addr: int, n: int) -> int:
        """Bytes written from memory to a pipe."""
        return self._call("pipe_write", fd=fd, addr=addr, n=n)

    def __repr__(self) -> str:
        return f"Sys({self._process!r})"
