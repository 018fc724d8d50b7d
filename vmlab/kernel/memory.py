"""Loads, stores and instruction fetches of a process: one at a time, or a whole reference string."""

from typing import Any

import numpy as np

from ..core.state import Access, Code, Exit
from ..errors import BusError, SegmentationFault, Signal
from .check import TOP, page_size, task_bytes
from .enter import CODE, CURSOR, OBJECT, UNTIL, Kernel

VERB = {Access.READ: "loaded from", Access.WRITE: "stored to", Access.EXEC: "fetched an instruction from"}


def load(k: Kernel, row: int, addr: int, n: int) -> bytes:
    """n bytes from addr on, one reference a page. Raises a Signal with the bytes read before it."""
    buffer = np.zeros(n, np.uint8)
    _raise(move(k, row, addr, buffer, Access.READ)[1], buffer)
    return buffer.tobytes()


def store(k: Kernel, row: int, addr: int, data: bytes) -> None:
    """Store bytes from addr on, upwards. Raises a Signal; the bytes before it are stored."""
    _raise(move(k, row, addr, np.frombuffer(data, np.uint8).copy(), Access.WRITE)[1])


def fetch(k: Kernel, row: int, addr: int) -> None:
    """Fetch one instruction byte at addr, as a jump there would. Raises a Signal where it may not be executed."""
    _raise(move(k, row, addr, np.zeros(1, np.uint8), Access.EXEC)[1])


def _raise(failure: Signal | None, read: Any = None) -> None:
    """Raise a signal, if there is one, with the bytes `read` before it.

    No frame keeps it: it holds the frames it passed, and they would hold the machine until Python looks for rings.
    """
    if failure is not None:
        try:
            if read is not None:
                failure.data = read[: failure.done].tobytes()
            raise failure
        finally:
            del failure


def move(k: Kernel, row: int, addr: int, buffer: Any, access: Access) -> tuple[int, Signal | None]:
    """(bytes done, the signal that stopped it or None)."""
    k.notice()
    inside = buffer[: max(0, task_bytes(k) - addr)]
    k.switch(row)
    why = k.move(addr, inside, int(access)) if len(inside) else Exit.DONE
    done = int(k.registers[CURSOR])
    if done == len(buffer):
        return done, None
    return done, signal(k, row, why, addr + done, access, done)


def signal(k: Kernel, row: int, why: Exit, addr: int, access: Access, done: int) -> Signal:
    """The signal that an access at addr gets, with its sentence."""
    who = f"{k.process(row)} {VERB[access]} {addr:#x}"
    if why == Exit.BUS:
        return _bus(k, who, addr, done)
    code = int(k.registers[CODE]) if why == Exit.SEGV else 0
    if code == Code.ACCERR:
        return SegmentationFault(
            f"{who}: the mapping does not allow it (SIGSEGV, SEGV_ACCERR)", addr=addr, code=code, done=done
        )
    space = page_size(k) << int(k.state.machine["vpn_bits"][0])
    halves = (
        task_bytes(k) <= space // 2
    )  # x86-64, Sv39: the upper half is sign-extended; i386 and small ones use every word
    if why != Exit.SEGV and (space // 2 <= addr < TOP - space // 2 if halves else addr >= space):
        return SegmentationFault(f"{who}: no address of this machine (SIGSEGV, SI_KERNEL)", code=Code.KERNEL, done=done)
    return SegmentationFault(
        f"{who}: nothing is mapped there (SIGSEGV, SEGV_MAPERR)", addr=addr, code=Code.MAPERR, done=done
    )


def _bus(k: Kernel, who: str, addr: int, done: int) -> BusError:
    obj = int(k.registers[OBJECT])
    error, k.io_error = k.io_error, None
    reason = f"reading {k.file_name(obj)} failed: {error}" if error else "the page lies past the end of its object"
    if not error and obj in k.devices:
        reason = f"{k.file_name(obj)} has {int(k.state.objects['length'][obj])} bytes, the page lies past its end"
    return BusError(f"{who}: {reason} (SIGBUS, BUS_ADRERR)", addr=addr, code=Code.ADRERR, done=done)


def access(k: Kernel, row: int, addresses: Any, writes: Any, limit: int, until: int = 0) -> Exit:
    """Make references addresses[0..], at most `limit`, all within the address space: why it stopped; the cursor says where.

    addresses: int64, contiguous, writable. writes: uint8, as long, or of length 1. Raises no signal.
    """
    k.caller = row
    k.switch(row)
    k.registers[UNTIL] = until
    return k.references(addresses, writes, limit)
