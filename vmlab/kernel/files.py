"""Files: open, close, read(2), write(2), fsync, unlink; and reading and writing between files and a process's memory."""

import itertools
from typing import Any

import numpy as np

from ..core import frames, objects, reclaim, state
from ..core.invariants import pages_of
from ..core.state import NONE, RESIDENT, SHIFT, TMPFS, Access, Exit, Kind
from ..device import Device, HostFile, Overlay, OwnFile
from ..errors import LimitError, fail, shown
from . import memory, special, truncate, writeback
from .check import page_size, refuse
from .enter import Kernel
from .exit import put
from .outside import is_host

MODES = {"r": Access.READ, "w": Access.WRITE, "r+": Access.READ | Access.WRITE, "path": 0}
MOST_BYTES = 1 << 30  # of one read or write: more is asked for by mistake


def open_host(k: Kernel, path: str, mode: str) -> int:
    """The number of a new open file on a regular file of the host. Two names of one file share one page cache."""
    device = _opened(k, path, mode)
    for obj, other in k.devices.items():
        if other.key == device.key:
            return describe(k, obj, mode, device if device.writable and not other.writable else None)
    return describe(k, attach(k, device), mode, None)


def _opened(k: Kernel, path: str, mode: str) -> Device:
    """The device of a host's file; a branch or a loaded machine gets an overlay over it, as it was when it was opened."""
    if not k.sealed:
        return k.outside.ask(lambda: HostFile.open(path, mode))

    def opened() -> tuple[Overlay, object]:
        overlay = Overlay(HostFile.open(path, mode))
        return overlay, overlay.save()

    overlay, fresh = k.outside.ask(opened)
    overlay.restore(fresh)
    return overlay


def create(k: Kernel, name: str, nbytes: int, data: bytes) -> int:
    """The number of a new open file that lives in the machine alone."""
    truncate.must_be_size(k, f"'{shown(name)}'", nbytes)
    number = 1 + max((int(str(d.key[1])) for d in k.devices.values() if d.key[0] == "own"), default=0)
    return describe(k, attach(k, OwnFile(number, name, nbytes, data)), "r+", None)


def open_zero(k: Kernel, mode: str) -> int:
    """The number of a new open file on /dev/zero: reads give zeros, writes go nowhere, mappings are anonymous memory."""
    return describe(k, special.new(k, special.ZERO, "/dev/zero"), mode, None)


def pipe(k: Kernel) -> tuple[int, int]:
    """pipe(2): the numbers of its two ends, for reading and for writing."""
    obj = special.new(k, special.PIPE, "pipe")
    return describe(k, obj, "r", None), describe(k, obj, "w", None)


def attach(k: Kernel, device: Device) -> int:
    """The object of a device."""
    nbytes = k.outside.ask(device.size) if is_host(device) else device.size()
    obj = k.new_object(Kind.FILE, nbytes, device.name)
    k.state.objects["refs"][obj] = 0
    k.devices[obj] = device
    return obj


def describe(k: Kernel, obj: int, mode: str, device: Device | None) -> int:
    """A new open file description of an object; its number."""
    if device is not None:
        k.devices[obj] = device
    s = k.state
    fd = int(s.files["used"].argmin())
    if s.files["used"][fd]:
        fd = len(s.files)
        k.state = s = s._replace(files=state.longer(s.files, fd))
    s.files[fd] = (obj, MODES[mode], 1, 1)
    s.objects["refs"][obj] += 1
    return fd


def reopen(k: Kernel, fd: int, mode: str) -> int:
    """Another open file description of the same file."""
    return describe(k, of(k, fd), mode, None)


def of(k: Kernel, fd: int) -> int:
    """The object of an open file. EBADF if it is closed."""
    if not 0 <= fd < len(k.state.files) or not k.state.files["used"][fd]:
        raise fail("EBADF", f"file {fd} is not open")
    return int(k.state.files["object"][fd])


def close(k: Kernel, fd: int) -> None:
    """Write the file's changes back and forget the description; mappings go on. It is closed also where this raises EIO."""
    obj = of(k, fd)
    try:
        fsync(k, fd)
    finally:
        k.state.files["used"][fd] = 0
        put(k, obj)


def truncate_to(k: Kernel, fd: int, nbytes: int) -> None:
    """ftruncate(2). EINVAL if the file is not open for writing, as on Linux."""
    obj = of(k, fd)
    if not k.state.files["mode"][fd] & Access.WRITE:
        raise fail("EINVAL", f"{k.file_name(obj)} is not open for writing")
    if special.kind(k, obj) != special.FILE:
        raise fail("EINVAL", f"{k.file_name(obj)} has no length")
    truncate.truncate(k, obj, nbytes)


def sync(k: Kernel) -> int:
    """Write all dirty pages of all files to their devices; how many went. Never fails, as sync(2): the next fsync or msync of
    a file that could not be written says so (writeback.tell)."""
    done = 0
    for obj in sorted(k.devices):
        before = int(k.state.stat["pgpgout"][0])
        try:
            _sync(k, obj)
        except OSError:
            k.state.objects["failed"][obj] = 1
        done += int(k.state.stat["pgpgout"][0]) - before
    return done


def fsync(k: Kernel, fd: int) -> int:
    """Write all dirty pages of a file to its device; how many there were. EIO if that fails, or failed unseen before."""
    obj = of(k, fd)
    done = _sync(k, obj)
    writeback.tell(k, obj)
    return done


def _sync(k: Kernel, obj: int) -> int:
    done = writeback.flush(k, obj, 0, int(k.state.objects["npages"][obj]))
    device = k.devices[obj]
    if not is_host(device):
        device.sync()
    elif done:
        k.outside.ask(device.sync)
    return done


def pread(k: Kernel, fd: int, n: int, offset: int) -> bytes:
    """Up to n bytes at an offset, through the page cache; fewer at the end of the file."""
    obj = of(k, fd)
    if not k.state.files["mode"][fd] & Access.READ:
        raise fail("EBADF", f"{k.file_name(obj)} is not open for reading")
    must_be_offset(k, obj, offset)
    k.notice()
    if special.kind(k, obj) == special.ZERO and n <= MOST_BYTES:
        return bytes(max(0, n))
    n = max(0, min(n, int(k.state.objects["length"][obj]) - offset))
    if n > MOST_BYTES:
        raise LimitError(
            f"{n} bytes of {k.file_name(obj)} are more than one read gives ({MOST_BYTES}): read it in parts, pread(n, offset)"
        )
    buffer = np.zeros(n, np.uint8)
    for at, stop in _held(k, obj, offset, offset + n):
        part = np.zeros(stop - at, np.uint8)
        _transfer(k, obj, at, part, Access.READ)
        buffer[at - offset : stop - offset] = part
    return buffer.tobytes()


def _held(k: Kernel, obj: int, start: int, stop: int) -> list[tuple[int, int]]:
    """The byte ranges of start..stop-1 that must be read: all of it, but for the holes of a file on tmpfs, which a read
    leaves holes (mm/shmem.c, shmem_file_read_iter)."""
    device, size = k.devices[obj], page_size(k)
    if k.state.machine["filesystem"][0] != TMPFS or not isinstance(device, OwnFile):
        return [(start, stop)]
    parts: list[tuple[int, int]] = []
    for index in range(start // size, -(-stop // size)):
        at = objects.locate(k.state, obj, index)
        if not device.hole(index * size) or (at != NONE and k.state.pages[at] & RESIDENT):
            first, end = max(start, index * size), min(stop, (index + 1) * size)
            if parts and parts[-1][1] == first:
                first = parts.pop()[0]
            parts.append((first, end))
    return parts


def pwrite(k: Kernel, fd: int, data: bytes, offset: int) -> int:
    """Write bytes at an offset, through the page cache; the file grows if they end past its end."""
    obj = of(k, fd)
    if not k.state.files["mode"][fd] & Access.WRITE:
        raise fail("EBADF", f"{k.file_name(obj)} is not open for writing")
    must_be_offset(k, obj, offset)
    if not data or special.kind(k, obj) == special.ZERO:
        return len(data)
    if offset + len(data) > int(k.state.objects["length"][obj]):
        truncate.truncate(k, obj, offset + len(data))
    for part in _parts(k, data, offset):
        _transfer(k, obj, offset, np.frombuffer(part, np.uint8).copy(), Access.WRITE)
        offset += len(part)
        writeback.throttle(k)
    return len(data)


def _parts(k: Kernel, data: bytes, offset: int) -> list[bytes]:
    """What is written to one page after the other, where a writer may be throttled in between; else all of it."""
    if k.state.machine["dirty_ratio"][0] >= writeback.OFF:
        return [data]
    size = page_size(k)
    cuts = [0, *range(size - offset % size, len(data), size), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(cuts)]


def must_be_offset(k: Kernel, obj: int, offset: int) -> None:
    """EINVAL for what is no place in a file: loff_t is signed (fs/read_write.c, ksys_pread64)."""
    if special.kind(k, obj) == special.PIPE:
        raise fail("ESPIPE", f"{k.file_name(obj)} has no offsets: a pipe is read from its start and written at its end")
    if not 0 <= offset < 1 << 63:
        raise fail("EINVAL", f"{offset} is no place in {k.file_name(obj)}: offsets are 0 to 2**63-1")


def _transfer(k: Kernel, obj: int, offset: int, buffer: Any, access: Access) -> None:
    if not k.state.content.shape[1]:
        raise fail("EIO", f"this machine only counts (contents=False): {k.file_name(obj)} has no bytes here")
    k.state.machine["cursor"][0] = 0
    why = k.transfer(obj, offset, buffer, int(access))
    if why != Exit.DONE:
        error, k.io_error = k.io_error, None
        raise fail("EIO", f"reading {k.file_name(obj)} failed: {error or 'the file became shorter'}")


def read(k: Kernel, row: int, fd: int, addr: int, n: int, offset: int) -> int:
    """pread(2) into a process's memory; bytes read. A bad address is EFAULT, or a short count if some bytes went through."""
    obj = of(k, fd)
    data = pread(k, fd, n, offset)
    done, failure = memory.move(k, row, addr, np.frombuffer(data, np.uint8).copy(), Access.WRITE)
    return _count(k, row, "read", obj, done, failure)


def write(k: Kernel, row: int, fd: int, addr: int, n: int, offset: int) -> int:
    """pwrite(2) from a process's memory; bytes written. A bad address is EFAULT, or a short count if some bytes went through."""
    obj = of(k, fd)
    must_be_offset(k, obj, offset)
    if n > MOST_BYTES:
        raise LimitError(f"{n} bytes are more than one write takes ({MOST_BYTES}): write {k.file_name(obj)} in parts")
    buffer = np.zeros(n, np.uint8)
    done, failure = memory.move(k, row, addr, buffer, Access.READ)
    if done:
        pwrite(k, fd, buffer[:done].tobytes(), offset)
    return _count(k, row, "write", obj, done, failure)


def _count(k: Kernel, row: int, call: str, obj: int, done: int, failure: Exception | None) -> int:
    if failure is not None and done == 0:
        raise refuse(k, row, call)(
            "EFAULT", f"the kernel could not use the memory given for {k.file_name(obj)}: {failure}"
        )
    return done


def unlink(k: Kernel, fd: int) -> None:
    """Take a file's name away; who has it open or mapped keeps it. Only for files of the machine's own."""
    obj = of(k, fd)
    if is_host(k.devices[obj]):
        raise fail("EPERM", f"{k.file_name(obj)} is a file of the host, which a simulated unlink does not delete")
    label = state.name_of(k.state, int(k.state.objects["name"][obj]))
    k.state, name = state.intern(k.state, f"{label} (deleted)")
    k.state.objects["name"][obj] = name


def refresh(k: Kernel, fd: int) -> None:
    """Take a host file as it is now: clean pages that no process maps are dropped, the size is taken over."""
    obj = of(k, fd)
    device = k.devices[obj]
    if isinstance(device, HostFile):
        nbytes = k.outside.ask(device.size)
        truncate.resize(k, obj, nbytes)
        k.outside.ask(device.refresh)
    _drop(k, obj)


def evict(k: Kernel, fd: int) -> int:
    """Write a file back and drop its pages that no process maps; how many went (posix_fadvise DONTNEED)."""
    obj = of(k, fd)
    fsync(k, fd)
    return _drop(k, obj) if k.state.machine["filesystem"][0] != TMPFS else 0  # the pages of tmpfs are its files


def _drop(k: Kernel, obj: int) -> int:
    went = 0
    for index, _, word in list(pages_of(k.state, obj)):
        f = word >> SHIFT
        if word & RESIDENT and not mapped(k, f) and not frames.look(k.state, f, False) & frames.IS_DIRTY:
            k.run(reclaim.evict_page, obj, index)
            if not int(k.state.pages[objects.locate(k.state, obj, index)]) & RESIDENT:
                objects.discard(k.state, obj, index, index + 1)  # nor is it remembered (mm/vmscan.c, remove_mapping)
                went += 1
    return went


def mapped(k: Kernel, f: int) -> bool:
    """Does any PTE map frame f?"""
    u = f
    while u != NONE:
        if k.state.uses["pte"][u] != NONE:
            return True
        u = int(k.state.uses["next"][u])
    return False
