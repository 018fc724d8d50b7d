"""An open file as users hold it."""

from typing import TYPE_CHECKING, Any

from .core.state import Access, name_of
from .errors import fail, number, shown, whole
from .history import Step
from .kernel import files

if TYPE_CHECKING:
    from .machine import Machine


class File:
    """An open file of the machine: a file of the host, or one of the machine's own (`Machine.create`).

    Reads and writes go through the page cache, which mappings of the file share. The host's file changes on fsync, close,
    msync, or eviction of a dirty page.
    """

    def __init__(self, machine: "Machine", fd: int) -> None:
        self.machine = machine
        self._fd = fd
        self._closed = False  # then another file may have this number
        self._closing: Step | None = None  # the step that closed it, to know whether that was undone

    def __repr__(self) -> str:
        if self.closed:
            return f"File({self._fd}, closed)"
        return f"File({self.name!r}, {self.size} bytes, {self.mode!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, File) and (self.machine, self._fd) == (other.machine, other._fd)

    def __hash__(self) -> int:
        return hash((id(self.machine), self._fd))

    def __enter__(self) -> "File":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def closed(self) -> bool:
        """Is it closed? An undo of the close opens it again."""
        step = self._closing
        undone = step is not None and self.machine.history.undone(step)
        return (self._closed and not undone) or not self.machine.state.files["used"][self._fd]

    @property
    def fd(self) -> int:
        """Its number among the open files. EBADF if it is closed."""
        if self.closed:
            raise fail("EBADF", f"file {self._fd} is closed")
        return self._fd

    @property
    def object(self) -> int:
        """Its number among the machine's memory objects. EBADF if it is closed."""
        return files.of(self.machine.kernel, self.fd)

    @property
    def name(self) -> str:
        """Its base name, fit to print."""
        return shown(name_of(self.machine.state, int(self.machine.state.objects["name"][self.object])))

    @property
    def size(self) -> int:
        """Its length in bytes, as the machine knows it."""
        return int(self.machine.state.objects["length"][self.object])

    @property
    def mode(self) -> str:
        """How it was opened: r, w, r+ or path."""
        mode = int(self.machine.state.files["mode"][self.fd])
        return {int(Access.READ): "r", int(Access.WRITE): "w", int(Access.READ | Access.WRITE): "r+"}.get(mode, "path")

    def pread(self, n: int, offset: int = 0) -> bytes:
        """Up to n bytes at an offset; fewer at the end. LimitError above 1 GiB."""
        return bytes(self.machine.change("pread", fd=self.fd, n=number("n", n), offset=whole("offset", offset)))

    def pwrite(self, data: bytes, offset: int = 0) -> int:
        """Write bytes at an offset; the file grows if they end past its end. EBADF if it was not opened for writing."""
        return int(self.machine.change("pwrite", fd=self.fd, data=bytes(data), offset=whole("offset", offset)))

    def read(self, n: int) -> bytes:
        """Read up to n bytes from a pipe. BlockingIOError if it is empty; b"" once nobody can write to it."""
        return bytes(self.machine.change("pipe_get", fd=self.fd, n=whole("n", n)))

    def write(self, data: bytes) -> int:
        """Write to a pipe; how many bytes fitted. BlockingIOError if it is full, BrokenPipeError if nobody can read it."""
        return int(self.machine.change("pipe_put", fd=self.fd, data=bytes(data)))

    def truncate(self, size: int) -> None:
        """Make it `size` bytes long. Pages past a nearer end leave every mapping: touching them is SIGBUS."""
        self.machine.change("truncate", fd=self.fd, nbytes=whole("size", size))

    def fsync(self) -> int:
        """Write its dirty pages back; how many there were. EIO if one cannot be written."""
        return int(self.machine.change("fsync", fd=self.fd))

    def evict(self) -> int:
        """Write it back and drop its pages that no process maps, as posix_fadvise(DONTNEED); how many went."""
        return int(self.machine.change("evict", fd=self.fd))

    def unlink(self) -> None:
        """Take its name away; who has it open or mapped keeps it. EPERM for a file of the host."""
        self.machine.change("unlink", fd=self.fd)

    def reopen(self, mode: str) -> "File":
        """Another open file description of the same file: "r", "w", "r+" or "path" (neither)."""
        return File(self.machine, self.machine.change("reopen", fd=self.fd, mode=mode))

    def close(self) -> None:
        """Write its changes back and forget this description. Mappings of it go on."""
        if not self.closed:
            h = self.machine.history
            before = h.now
            try:
                self.machine.change("close", fd=self._fd)
            finally:  # also where the last writeback failed
                self._closed = h.now > before
                self._closing = h[h.now] if self._closed and h.on else None

    def changed(self) -> str | None:
        """A sentence if somebody else changed the file of the host since the machine looked, else None."""
        device: Any = self.machine.device(self.object)
        return device.changed() if hasattr(device, "changed") else None

    def refresh(self) -> None:
        """Look at the host's file again: clean pages are dropped and the size is taken over. Dirty pages stay."""
        self.machine.change("refresh", fd=self.fd)
