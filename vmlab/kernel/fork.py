"""Processes begin: spawn, a new one with an empty address space, and fork(2), a copy."""

from ..core import advise, events, space, state, vma
from ..core.state import ASID_SHIFT, FAN, NONE, Event, Kind, Mark
from ..errors import fail
from . import limits, overcommit
from .check import page_size, refuse
from .enter import Kernel


def spawn(k: Kernel, name: str, parent: int = 0) -> int:
    """The row of a new process with nothing mapped. EAGAIN at the machine's limit of processes."""
    s = k.state
    row = int(s.procs["alive"].argmin())
    if s.procs["alive"][row]:
        raise fail("EAGAIN", f"{len(s.procs)} processes are running, the most this machine can have")
    k.state, label = state.intern(s, name)
    mine = k.new_object(Kind.PRIVATE, 0, row=row)
    s = k.state
    m = s.machine[0]
    k.set_size(mine, (1 << int(m.vpn_bits)) * int(m.page_size))
    m.last_pid += 1
    heap = heap_page(int(m.task_pages)) * page_size(k)
    s.procs[row] = (
        1, m.last_pid, parent, NONE, NONE, mine, 0, 0, 0, 0, 0, heap, heap, NONE, label,
        NONE, NONE, NONE, 0,
        0, 0,
        limits.STACK, NONE, NONE, NONE, NONE,
    )  # fmt: skip
    return row


def heap_page(task_pages: int) -> int:
    """The page at which heaps begin: two thirds up, as for a position-independent program (ELF_ET_DYN_BASE), at a round number."""
    if task_pages >= 1 << 35:
        return 0x555555760
    return task_pages * 2 // 3 & ~0xF if task_pages > 64 else task_pages * 2 // 3


def fork(k: Kernel, row: int, name: str) -> int:
    """The row of a child: the same mappings, private pages shared copy-on-write.

    PTEs are copied only for private mappings that have had a write fault since they were made; all others start empty and
    fault again (mm/memory.c, vma_needs_copy). Locks are not inherited. DONTFORK mappings are absent in the child, WIPEONFORK
    ones empty, as if just made (kernel/fork.c, dup_mmap).
    """
    areas = [v for v in vma.of_process(k.state, row) if not v.marks & Mark.DONTFORK]
    promised = sum(v.npages for v in areas if v.marks & Mark.ACCOUNT)
    if k.state.machine["overcommit"][0] == overcommit.NEVER and (reason := overcommit.refused(k, promised)):
        raise refuse(k, row, "fork")("ENOMEM", reason)
    child = spawn(k, name, int(k.state.procs["pid"][row]))
    for field in ("start_brk", "brk", "oom_score_adj", *limits.FIELD.values(), *limits.HARD.values()):
        k.state.procs[field][child] = k.state.procs[field][row]
    for v in areas:
        wiped = bool(v.marks & Mark.WIPEONFORK)
        if v.object != NONE:
            k.state.objects["refs"][v.object] += 1
        anon = 0
        if v.anon and not wiped:  # the child's pages are its own kin from now on (mm/rmap.c, anon_vma_fork)
            k.state.machine["last_anon"][0] += 1
            anon = -int(k.state.machine["last_anon"][0])
        away = child - row << ASID_SHIFT
        marks = v.marks & ~(Mark.LOCKED | Mark.ONFAULT)
        twin = v._replace(first=v.first + away, stop=v.stop + away, anon=anon, marks=marks)
        i, _ = vma.touching(k.state, twin.first, twin.first)
        k.state = vma.splice(k.state, i, i, [twin])
        if v.anon and not wiped:
            _reserve(k, row, v)
            inherit = advise.clone_guards if v.shared else space.clone
            inherit(k.state, row, child, v.vpn, v.vpn + v.npages)
    s = k.state
    events.note(s, int(Event.FORK), row << ASID_SHIFT, NONE, NONE, 0, child)
    return child


def _reserve(k: Kernel, row: int, v: vma.Vma) -> None:
    """Lengthen the pools until cloning v cannot run out of rows: capacity is checked before the first write."""
    s = k.state
    m = s.machine[0]
    leaf_nodes, leaf_tables, links = (int(n) for n in space.need(s, row, v.vpn, v.vpn + v.npages))
    tables = (2 * leaf_tables + int(m.levels)) * int(m.fanout)
    nodes = (2 * leaf_nodes + state.TALLEST) * FAN
    short = (
        int(m.table_top) + tables - len(s.tables),
        int(m.node_top) + nodes - len(s.pages),
        links - int(space.count_free(s, links)),
    )
    for pool, missing in enumerate(short):
        if missing > 0:
            k.state = state.grow(k.state, pool, missing)
