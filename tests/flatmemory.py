"""What every program must see, whatever the machine does underneath: bytes of pages, and who looks at which.

A model without frames, PTEs, TLB, page cache or swap. A page of a process is a page of an object (a file, or shared
memory) or its own copy of one; that is all.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

READ, WRITE = 1, 2
MAPERR, ACCERR, ADRERR = ("SIGSEGV", 1), ("SIGSEGV", 2), ("SIGBUS", 2)


class Object:
    """Bytes that several mappings see."""

    def __init__(self, data: bytes = b"") -> None:
        self.data = bytearray(data)

    def resize(self, n: int) -> None:
        self.data[:] = self.data[:n].ljust(n, b"\0")


class Page(NamedTuple):
    """What is mapped at a page number; object None is private anonymous memory."""

    prot: int
    shared: bool
    object: Object | None
    index: int


@dataclass
class Memory:
    """A process: what is mapped where, and its own copies of pages."""

    size: int  # of a page
    pages: dict[int, Page] = field(default_factory=dict)
    own: dict[int, bytes] = field(default_factory=dict)

    def fork(self) -> "Memory":
        return Memory(self.size, dict(self.pages), dict(self.own))

    def map(self, first: int, npages: int, prot: int, shared: bool, obj: Object | None, index: int) -> None:
        for k in range(npages):
            self.own.pop(first + k, None)
            self.pages[first + k] = Page(prot, shared, obj, index + k)

    def unmap(self, first: int, npages: int) -> None:
        for vpn in range(first, first + npages):
            self.pages.pop(vpn, None)
            self.own.pop(vpn, None)

    def protect(self, first: int, npages: int, prot: int) -> bool:
        """False at a hole: what lies before it has changed, what lies behind it has not."""
        for vpn in range(first, first + npages):
            if vpn not in self.pages:
                return False
            self.pages[vpn] = self.pages[vpn]._replace(prot=prot)
        return True

    def shrunk(self, obj: Object) -> None:
        """A file became shorter: pages past its end are lost, own copies too."""
        for vpn, page in self.pages.items():
            if page.object is obj and page.index >= -(-len(obj.data) // self.size):
                self.own.pop(vpn, None)

    def refusal(self, vpn: int, access: int) -> tuple[str, int] | None:
        """(signal, code) that an access to a page gets, or None."""
        page = self.pages.get(vpn)
        if page is None:
            return MAPERR
        if not page.prot & (7 if access == READ else access):
            return ACCERR
        if page.object is not None and page.index >= -(-len(page.object.data) // self.size):
            return ADRERR
        return None

    def seen(self, vpn: int) -> bytes:
        page = self.pages[vpn]
        if vpn in self.own:
            return self.own[vpn]
        data = page.object.data[page.index * self.size : (page.index + 1) * self.size] if page.object else b""
        return bytes(data).ljust(self.size, b"\0")

    def load(self, addr: int, n: int) -> tuple[bytes, tuple[str, int] | None]:
        """Bytes read, and the signal that stopped it."""
        out = b""
        while len(out) < n:
            vpn, within = divmod(addr + len(out), self.size)
            if refused := self.refusal(vpn, READ):
                return out, refused
            out += self.seen(vpn)[within : within + n - len(out)]
        return out, None

    def store(self, addr: int, data: bytes) -> tuple[int, tuple[str, int] | None]:
        """How many bytes were stored, and the signal that stopped it. Nothing may go past the end of a shared file."""
        done = 0
        while done < len(data):
            vpn, within = divmod(addr + done, self.size)
            if refused := self.refusal(vpn, WRITE):
                return done, refused
            part = data[done : done + self.size - within]
            page = self.pages[vpn]
            if page.shared:
                start = page.index * self.size + within
                assert page.object is not None and start + len(part) <= len(page.object.data)
                page.object.data[start : start + len(part)] = part
            else:
                old = self.seen(vpn)
                self.own[vpn] = old[:within] + part + old[within + len(part) :]
            done += len(part)
        return done, None

    def copy_pages(self, first: int, npages: int) -> None:
        """A store to each page that leaves its bytes as they are, up to the first that may not be stored to."""
        for vpn in range(first, first + npages):
            if self.refusal(vpn, WRITE):
                return
            if not self.pages[vpn].shared:
                self.own[vpn] = self.seen(vpn)

    def inside(self, addr: int, n: int) -> bool:
        """Does no byte of a range lie behind the end of a shared file, in its last page?"""
        for a in range(addr, addr + n):
            vpn, within = divmod(a, self.size)
            page = self.pages.get(vpn)
            if page is None or not page.shared or self.refusal(vpn, WRITE):
                continue
            if page.object is not None and page.index * self.size + within >= len(page.object.data):
                return False
        return True
