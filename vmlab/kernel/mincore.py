"""mincore(2): which pages of a range are in memory."""

import numpy as np

from ..core import advise, vma
from ..core.state import Access
from ..errors import LimitError
from . import memory
from .check import TOP, page_size, refuse, tags, task_bytes
from .enter import Kernel

CHUNK = 4096  # pages asked about before their answers are stored
MOST = 1 << 28  # pages of one call: more are asked for by mistake


def mincore(k: Kernel, row: int, addr: int, length: int, vec: int | None = None) -> bytes:
    """A byte a page of addr..addr+length-1: 1 if an access would read no device. They are also stored at address vec, unless
    it is None. A hole is ENOMEM, after the answers before it were stored (mm/mincore.c).

    A file's page counts if it is in the page cache, whoever brought it there. (Linux says 1 for all pages of a file that the
    caller could not write; here there is one user, and every file is theirs.)
    """
    no = refuse(k, row, "mincore")
    size = page_size(k)
    if addr % size:
        raise no("EINVAL", f"address {addr:#x} is not a multiple of the page size {size}")
    if addr + length > task_bytes(k):
        raise no("ENOMEM", f"{addr:#x} + {length:#x} lies past the end of the address space")
    npages = -(-length // size)
    if vec is not None and (vec >= TOP or vec + npages > task_bytes(k)):
        raise no("EFAULT", f"{npages} answers at {vec:#x} lie past the end of the address space")
    if npages > MOST:
        raise LimitError(f"{npages} pages are more than one mincore tells ({MOST}): ask in parts")
    k.notice()
    answers = np.zeros(npages, np.uint8)
    start = addr // size
    for at in range(0, npages, CHUNK):
        part = answers[at : at + CHUNK]
        told = _ask(k, row, start + at, part)
        if vec is not None:
            _store(k, row, vec + at, part[:told])
        if told < len(part):
            raise no("ENOMEM", f"nothing is mapped at {(start + at + told) * size:#x}")
    return answers.tobytes()


def _ask(k: Kernel, row: int, start: int, answers: "np.ndarray[tuple[int], np.dtype[np.uint8]]") -> int:
    """Fill in the answers for the pages from start on; how many there are before a hole."""
    stop = start + len(answers)
    at = start
    for v in vma.rows(k.state, *vma.touching(k.state, *tags(row, start, stop))):
        if v.vpn > at:
            break
        end = min(stop, v.vpn + v.npages)
        part = answers[at - start : end - start]
        advise.incore(k.state, row, at, end, not v.shared, v.object, at - v.vpn + v.pgoff, part)
        at = end
    return at - start


def _store(k: Kernel, row: int, vec: int, answers: "np.ndarray[tuple[int], np.dtype[np.uint8]]") -> None:
    """Store answers in the process's memory. A bad address is EFAULT, not a signal."""
    _, failure = memory.move(k, row, vec, answers.copy(), Access.WRITE)
    if failure is not None:
        raise refuse(k, row, "mincore")(
            "EFAULT", f"the kernel could not use the memory given for the answers: {failure}"
        )
