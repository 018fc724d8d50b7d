"""Is a machine as it was? What can be seen of it from outside, its gauges, and a program with known results."""

import errno
from collections.abc import Callable
from typing import Any

import pytest

from vmlab import Machine, Process

PAGE = 4096


def errno_of(call: Callable[..., Any], *args: Any, **kwargs: Any) -> int:
    """The errno with which a call fails; it must."""
    with pytest.raises(OSError, match=r"\[Errno") as caught:
        call(*args, **kwargs)
    return caught.value.errno


def fails(name: str, call: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """A call must fail with this error, and its sentence name it."""
    with pytest.raises(OSError, match=name) as caught:
        call(*args, **kwargs)
    assert errno.errorcode[caught.value.errno] == name


def locked(p: Process) -> int:
    """Pages that a process has locked."""
    return p.status().rows["VmLck"] * 1024 // PAGE


def gauges(m: Machine) -> dict[str, Any]:
    """What must be as before when everything that was begun has ended."""
    s, reg = m.state, m.state.machine[0]

    def length(links, first):
        n = 0
        while first != -1:
            n, first = n + 1, int(links[first])
        return n

    return {
        "frames": int(reg.nfree), "slots": int(reg.nslot_free), "mappings": int(reg.nvma), "alive": int(s.procs["alive"].sum()),
        "objects": int(s.objects["used"].sum()), "references": int(s.objects["refs"][s.objects["used"] != 0].sum()),
        "uses": length(s.uses["next"], int(reg.use_free)) - len(s.uses),
        "tables": int(reg.table_top) // int(reg.fanout) - length(s.table_next, int(reg.table_free)),
        "nodes": int(reg.node_top) // 512 - length(s.page_next, int(reg.node_free)),
        "tlb": int((s.tlb_tag != -1).sum()),
    }  # fmt: skip


def picture(m: Machine) -> Any:
    """Every mapping of every process with its bytes, and every file: what a failed call must not change."""
    branch = m.branch()  # looking takes faults
    seen = []
    for p in branch.processes:
        for v in p.vmas():
            p.mprotect(v.start, v.stop - v.start, 1)
            for page in range(v.start, v.stop, branch.page_size):
                try:
                    seen.append((p.pid, page, v.perms, v.offset, v.name, p.load(page, branch.page_size)))
                except Exception as signal:
                    seen.append((p.pid, page, v.perms, v.offset, v.name, type(signal).__name__))
    return seen, [(f.name, f.mode, branch.device(f.object).size()) for f in branch.files]


def known_program(m: Machine) -> None:
    """Is the machine usable? A program with known results leaves every gauge where it was."""
    before = gauges(m)
    p = m.spawn("known")
    with m.measure() as cost:
        heap = p.mmap(2 * PAGE)
        heap[PAGE - 2 : PAGE + 2] = b"well"
        child = p.fork()
        child.store(heap, b"child")
    assert (cost.minflt, cost.majflt, cost.copies) == (3, 0, 1)
    assert (heap[PAGE - 2 : PAGE + 2], heap[0], child.load(heap, 5)) == (b"well", 0, b"child")
    child.exit()
    p.exit()
    assert gauges(m) == before
    assert m.check() == []
