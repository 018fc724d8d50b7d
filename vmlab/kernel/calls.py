"""Every call that changes a machine, by the name under which the history keeps it: a function of (kernel, row, arguments)."""

from collections.abc import Callable
from typing import Any

from ..core import failing
from ..core import policy as policies
from ..core.policy import POLICIES
from ..core.policy.number import Policy
from . import (
    brk,
    crash,
    exit,
    files,
    fork,
    limits,
    madvise,
    memory,
    mincore,
    mlock,
    mmap,
    mprotect,
    mremap,
    msync,
    munmap,
    oom,
    overcommit,
    program,
    references,
    remap_file_pages,
    special,
    suspend,
    writeback,
)
from .enter import Kernel
from .guest import PythonPolicy


def set_policy(k: Kernel, policy: str | Callable[..., int]) -> None:
    """Another policy from now on; the order in which pages came is kept for it."""
    number = Policy.PYTHON if callable(policy) else POLICIES[policy]
    k.policy = PythonPolicy(policy) if callable(policy) else None
    policies.begin(k.state, number)


def set_policy_knobs(k: Kernel, swappiness: int, tick: int, window: int) -> None:
    """vm.swappiness, and in references how often accessed bits are read and how far a working set looks back."""
    m = k.state.machine[0]
    m.swappiness, m.window = swappiness, window
    if m.tick != tick:
        policies.set_tick(k.state, tick)


def set_shootdowns(k: Kernel, on: bool) -> None:
    """Whether other cpus are told that a translation has changed. What is stale already stays so."""
    k.state.machine["forgetful"][0] = not on


def set_failure(k: Kernel, what: str, after: int) -> None:
    """The request number `after` from now on fails: "frame", of a frame by a fault; "swap write", of a write to swap."""
    m = k.state.machine[0]
    if what == "frame":
        m.fail_frame, m.wake = after, failing.EVERY
    else:
        m.fail_swap = after


# Of a process: (kernel, its row, arguments)
OF_PROCESS: dict[str, Callable[..., Any]] = {
    "fork": fork.fork, "exit": exit.exit,
    "mmap": mmap.mmap, "munmap": munmap.munmap, "mprotect": mprotect.mprotect, "msync": msync.msync, "brk": brk.brk,
    "mlock": mlock.mlock, "mlock2": mlock.mlock2, "munlock": mlock.munlock, "mlockall": mlock.mlockall,
    "munlockall": mlock.munlockall, "setrlimit": limits.setrlimit,
    "madvise": madvise.madvise, "mincore": mincore.mincore,
    "mremap": mremap.mremap, "remap_file_pages": remap_file_pages.remap_file_pages,
    "load": memory.load, "store": memory.store, "fetch": memory.fetch, "access": references.access,
    "read": files.read, "write": files.write, "pipe_read": special.read, "pipe_write": special.write,
    "suspend": suspend.suspend, "resume": suspend.resume, "set_oom_score_adj": oom.set_score_adj,
}  # fmt: skip

# Of the machine: (kernel, arguments)
OF_MACHINE: dict[str, Callable[..., Any]] = {
    "spawn": fork.spawn,
    "open_zero": files.open_zero, "pipe": files.pipe, "pipe_get": special.get, "pipe_put": special.put,
    "open": files.open_host, "create": files.create, "reopen": files.reopen, "close": files.close, "fsync": files.fsync,
    "pread": files.pread, "pwrite": files.pwrite, "truncate": files.truncate_to, "unlink": files.unlink,
    "refresh": files.refresh, "evict": files.evict, "sync": files.sync,
    "queue": program.queue, "run": program.run, "set_policy": set_policy,
    "set_overcommit": overcommit.set_mode, "set_dirty": writeback.set_dirty, "set_max_map_count": limits.set_max_map_count,
    "set_shootdowns": set_shootdowns, "set_policy_knobs": set_policy_knobs, "set_failure": set_failure,
    "crash": crash.crash,
}  # fmt: skip


def perform(k: Kernel, call: str, row: int | None, args: dict[str, Any]) -> Any:
    """Make a call; row None: of the machine. Raises what the call raises."""
    if row is None:
        return OF_MACHINE[call](k, **args)
    suspend.must_run(k, row, call)
    return OF_PROCESS[call](k, row, **args)
