"""What users may give as arguments of a process's calls: checked, and turned into what the kernel takes."""

from typing import Any

from .errors import LimitError, number, shown
from .file import File
from .kernel.files import MOST_BYTES
from .kernel.mmap import Map, Prot
from .mapping import ACCESS_COPY, ACCESS_DEFAULT, ACCESS_READ, ACCESS_WRITE, Mapping

READ_WRITE = Prot.READ | Prot.WRITE
ACCESS = {  # prot and flags of each access of mmap.mmap
    ACCESS_DEFAULT: (READ_WRITE, Map.PRIVATE),
    ACCESS_READ: (Prot.READ, Map.SHARED),
    ACCESS_WRITE: (READ_WRITE, Map.SHARED),
    ACCESS_COPY: (READ_WRITE, Map.PRIVATE),
}


def as_python(access: int, prot: int | None, flags: int | None) -> tuple[int, int]:
    """(prot, flags) that a mapping gets. ValueError for an access that Python does not know, or one beside prot or flags."""
    if access not in ACCESS:
        raise ValueError(
            f"mmap invalid access parameter: {access!r} is none of mmap.ACCESS_READ, ACCESS_WRITE, ACCESS_COPY"
        )
    if access != ACCESS_DEFAULT and (prot is not None or flags is not None):
        raise ValueError("mmap can't specify both access and flags, prot")
    usual = ACCESS[access]
    return int(usual[0] if prot is None else number("prot", prot)), int(
        usual[1] if flags is None else number("flags", flags)
    )


def rest(file: File | None, offset: int) -> int:
    """The bytes of a file from `offset` on, for a mapping of all that is left. ValueError if there are none."""
    if file is None:
        raise TypeError("length must be an int of 0..2**64-1, not None: no file says how long the mapping is")
    if file.size == 0:
        raise ValueError(f"cannot mmap an empty file: {file.name} has no bytes")
    if offset >= file.size:
        raise ValueError(f"mmap offset is greater than file size: {offset} of {file.size} bytes")
    return file.size - offset


def name_text(name: Any) -> str:
    """A name as the machine keeps it: any text that has bytes. TypeError, ValueError."""
    if not isinstance(name, str):
        raise TypeError(f"name must be a string, not {type(name).__name__}")
    try:
        name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise ValueError(f"no name can be {shown(name)!r}: it has no bytes") from None
    return name


def address(addr: "int | Mapping") -> int:
    """An address, given as a number or as a mapping (its start)."""
    return addr.addr if isinstance(addr, Mapping) else number("addr", addr)


def span(addr: "int | Mapping", length: int | None) -> dict[str, int]:
    """addr and length of a range; the length of a mapping may be left out."""
    if length is None:
        if not isinstance(addr, Mapping):
            raise TypeError("length is needed where addr is a number")
        return {"addr": addr.addr, "length": addr.length}
    return {"addr": address(addr), "length": number("length", length)}


def memory_limit(n: int) -> None:
    """LimitError for more bytes than one load or store moves."""
    if n > MOST_BYTES:
        raise LimitError(f"{n} bytes are more than one call moves ({MOST_BYTES}): do it in parts")
