"""Every call that changes a machine, by the name under which the history records it."""

from collections.abc import Callable
from typing import Any

from ..core.policy import POLICIES, TOUCHES, Policy, queue
from . import brk, exit, files, fork, memory, mmap, mprotect, msync, munmap, program, truncate
from .enter import REGISTER, Kernel
from .guest import PythonPolicy

SEEN = REGISTER["seen"]


def _access(k: Kernel, row: int, addresses: Any, writes: Any, limit: int | None, until: int = 0) -> None:
    """A recorded `access`, run again: in one go."""
    memory.access(k, row, addresses, writes, len(addresses) if limit is None else limit, until)


def _rerun(k: Kernel, limit: int | None, until: int) -> None:
    """A recorded `run`, run again: segment after segment."""
    left = limit if limit is not None else int(k.state.machine["queue_length"][0] - k.state.machine["queue_at"][0])
    while left > 0:
        made, _, failure = program.advance(k, left, until)
        left -= made
        if failure is not None or made == 0 or k.registers[SEEN] & until:
            return


def _set_policy(k: Kernel, policy: str | Callable[..., int]) -> None:
    """Another policy from now on; the order in which pages came is kept for it."""
    number = Policy.PYTHON if callable(policy) else POLICIES[policy]
    k.policy = PythonPolicy(policy) if callable(policy) else None
    m = k.state.machine[0]
    m.policy, m.touches = number, number in TOUCHES
    if number == Policy.CLOCK:
        queue.dissolve(k.state)
    else:
        queue.rebuild(k.state)


def _truncate(k: Kernel, fd: int, nbytes: int) -> None:
    """ftruncate(2)."""
    truncate.truncate(k, files.of(k, fd), nbytes)


def _sync(k: Kernel) -> int:
    return sum(files.fsync(k, fd) for fd in k.state.files["used"].nonzero()[0].tolist())


CALLS: dict[str, Callable[..., Any]] = {
    "spawn": fork.spawn, "fork": fork.fork, "exit": exit.exit,
    "mmap": mmap.mmap, "munmap": munmap.munmap, "mprotect": mprotect.mprotect, "msync": msync.msync, "brk": brk.brk,
    "load": memory.load, "store": memory.store, "fetch": memory.fetch, "access": _access,
    "open": files.open_host, "create": files.create, "reopen": files.reopen, "close": files.close, "fsync": files.fsync,
    "pread": files.pread, "pwrite": files.pwrite, "read": files.read, "write": files.write,
    "unlink": files.unlink, "refresh": files.refresh, "evict": files.evict, "truncate": _truncate,
    "queue": program.queue, "run": _rerun, "set_policy": _set_policy, "sync": _sync,
}  # fmt: skip
