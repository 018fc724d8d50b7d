"""Files that are no files of a disk: /dev/zero and pipes. Each is an own file (device.OwnFile) whose key names its kind.

A pipe holds buffers of one page (fs/pipe.c): what is copied to or from memory counts buffer by buffer, so that a bad address
costs the buffer in which it lies. Its object's length is what waits to be read; the device also keeps what was read of its
first buffer.
"""

from typing import Any

import numpy as np

from ..core.state import Access, Kind
from ..device import OwnFile
from ..errors import fail
from . import memory
from .check import page_size, refuse
from .enter import Kernel

FILE, ZERO, PIPE = "file", "zero", "pipe"
BUFFERS = 16  # pages that a pipe holds


def kind(k: Kernel, obj: int) -> str:
    """FILE, ZERO or PIPE."""
    key = k.devices[obj].key[0]
    return str(key) if key in (ZERO, PIPE) else FILE


def new(k: Kernel, what: str, name: str) -> int:
    """The object of a new special file. Nothing refers to it yet."""
    number = 1 + max((int(str(d.key[1])) for d in k.devices.values() if d.key[0] == what), default=0)
    obj = k.new_object(Kind.FILE, 0, name)
    k.state.objects["refs"][obj] = 0
    k.devices[obj] = OwnFile(number, name, 0, kind=what)
    return obj


def _end(k: Kernel, fd: int, access: Access) -> int:
    """The object of the end of a pipe that allows `access`. EBADF; EINVAL for what is no pipe."""
    files = k.state.files
    if not 0 <= fd < len(files) or not files["used"][fd] or not int(files["mode"][fd]) & access:
        raise fail("EBADF", f"file {fd} is not open for {'reading' if access == Access.READ else 'writing'}")
    obj = int(files["object"][fd])
    if kind(k, obj) != PIPE:
        raise fail(
            "EINVAL", f"{k.file_name(obj)} is no pipe: a file has no position here, name the offset (pread, pwrite)"
        )
    return obj


def _other_end(k: Kernel, obj: int, access: Access) -> bool:
    """Is the other end of a pipe, which allows `access`, open?"""
    files = k.state.files
    return bool(((files["used"] != 0) & (files["object"] == obj) & (files["mode"] & int(access) != 0)).any())


def read(k: Kernel, row: int | None, fd: int, addr: int, n: int) -> Any:
    """read(2) of a pipe into the memory of the process in `row`: bytes read, 0 at its end. row None: the bytes themselves.

    EAGAIN if it is empty and somebody could still write; EFAULT if not even the first buffer could be stored.
    """
    obj = _end(k, fd, Access.READ)
    waiting = int(k.state.objects["length"][obj])
    if not waiting and n and _other_end(k, obj, Access.WRITE):
        raise fail("EAGAIN", f"{k.file_name(obj)} is empty: a read would wait")
    data = k.devices[obj].read(k.devices[obj].size() - waiting, min(n, waiting))
    done = len(data)
    if row is not None and data:
        done = _whole(k, row, obj, addr, data)
    _keep(k, obj, waiting - done)
    return data if row is None else done


def _whole(k: Kernel, row: int, obj: int, addr: int, data: bytes) -> int:
    """Store what a pipe gave: how many bytes of it, in whole buffers. EFAULT if none."""
    done, failure = memory.move(k, row, addr, np.frombuffer(data, np.uint8).copy(), Access.WRITE)
    if failure is not None:
        size = page_size(k)
        waiting = int(k.state.objects["length"][obj])
        begun = (k.devices[obj].size() - waiting) % size  # bytes of the first buffer that were read before
        done = max(0, (begun + done) // size * size - begun)
        if not done:
            raise refuse(k, row, "read")(
                "EFAULT", f"the kernel could not use the memory given for {k.file_name(obj)}: {failure}"
            )
    return done


def write(k: Kernel, row: int | None, fd: int, addr: int, n: int, data: bytes = b"") -> int:
    """write(2) to a pipe from the memory of the process in `row`, or of `data` from outside: bytes written, as many as fit.

    EAGAIN if it is full, EPIPE if nobody can read it, EFAULT if not even the first buffer could be filled.
    """
    obj = _end(k, fd, Access.WRITE)
    if not _other_end(k, obj, Access.READ):
        raise fail("EPIPE", f"{k.file_name(obj)} has no reader")
    size = page_size(k)
    waiting = int(k.state.objects["length"][obj])
    held = k.devices[obj].size()
    n = min(n, BUFFERS * size - held)
    if n <= 0:
        raise fail("EAGAIN", f"{k.file_name(obj)} is full: a write would wait")
    data = data[:n]
    if row is not None:
        buffer = np.zeros(n, np.uint8)
        done, failure = memory.move(k, row, addr, buffer, Access.READ)
        if failure is not None:
            first = min(n, -held % size)  # what completes the last buffer
            done = first + (done - first) // size * size if done >= first else 0
            if not done:
                raise refuse(k, row, "write")(
                    "EFAULT", f"the kernel could not use the memory given for {k.file_name(obj)}: {failure}"
                )
        data = buffer[:done].tobytes()
    k.devices[obj].resize(held + len(data))
    k.devices[obj].write(held, data)
    k.set_size(obj, waiting + len(data))
    return len(data)


def _keep(k: Kernel, obj: int, waiting: int) -> None:
    """Only `waiting` bytes of a pipe are still to be read: buffers that were emptied go."""
    device = k.devices[obj]
    size, held = page_size(k), device.size()
    gone = held if not waiting else (held - waiting) // size * size
    if gone:
        rest = device.read(gone, held - gone)
        device.resize(0)
        device.resize(len(rest))
        if rest:
            device.write(0, rest)
    k.set_size(obj, waiting)


def get(k: Kernel, fd: int, n: int) -> bytes:
    """Read a pipe from outside."""
    return bytes(read(k, None, fd, 0, n))


def put(k: Kernel, fd: int, data: bytes) -> int:
    """Write to a pipe from outside."""
    return write(k, None, fd, 0, len(data), data)
