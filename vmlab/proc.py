"""What Linux tells in /proc, in its words: vmstat, meminfo, and a process's maps, status and smaps."""

from typing import Any, NamedTuple

import numpy as np

from .core import clock, frames, psi, translation, vma
from .core.invariants import leaves_of, pages_of
from .core.policy.number import Policy
from .core.state import (
    DIRTY,
    FRAME_MASK,
    LAZYFREE,
    LOCKED,
    NONE,
    SHIFT,
    SWAPPED,
    A,
    D,
    Kind,
    Mark,
    State,
    name_of,
)  # fmt: skip
from .errors import shown
from .kernel import limits, overcommit, writeback
from .kernel.check import page_size
from .kernel.enter import Kernel


class Text(str):
    """Text as /proc prints it, which also holds its `.rows`."""

    rows: Any

    def __new__(cls, text: str, rows: Any) -> "Text":
        self = super().__new__(cls, text)
        self.rows = rows
        return self

    def __repr__(self) -> str:
        return str(self)


class Watermarks(NamedTuple):
    """In free frames. All 0: there are none, and frames are emptied once none is free."""

    min: int
    low: int
    high: int


def watermarks(s: State) -> Watermarks:
    """The machine's, as /proc/zoneinfo tells them."""
    m = s.machine[0]
    return Watermarks(int(m.least), int(m.low), int(m.high))


RECLAIM = ("pgscan_kswapd", "pgscan_direct", "pgsteal_kswapd", "pgsteal_direct", "allocstall")


WORKINGSET = (
    "pgactivate", "pgdeactivate", "workingset_refault_anon", "workingset_refault_file", "workingset_activate_anon",
    "workingset_activate_file", "workingset_restore_anon", "workingset_restore_file",
)  # fmt: skip


class Stalled(NamedTuple):
    """A line of /proc/pressure/memory: percent of the last 10, 60 and 300 seconds, and microseconds in all."""

    avg10: float
    avg60: float
    avg300: float
    total: int


class Pressure(NamedTuple):
    some: Stalled
    full: Stalled


def pressure(s: State) -> Text:
    """How long processes waited for memory, as /proc/pressure/memory tells it; `.rows` is a Pressure. Changes nothing."""
    now = s._replace(machine=s.machine.copy(), pressure=s.pressure.copy())
    psi.settle(now, clock.now_ns(s))
    lines = Pressure(*(
        Stalled(_percent(avg10), _percent(avg60), _percent(avg300), total // 1000)
        for total, _, avg10, avg60, avg300 in now.pressure.tolist()
    ))  # fmt: skip
    text = (
        f"{name} avg10={of.avg10:.2f} avg60={of.avg60:.2f} avg300={of.avg300:.2f} total={of.total}"
        for name, of in lines._asdict().items()
    )
    return Text("\n".join(text), lines)


def _percent(avg: int) -> float:
    """An average as psi_show prints it: two places, cut off."""
    return (avg >> psi.FSHIFT) + (avg & psi.FIXED - 1) * 100 // psi.FIXED / 100


def vmstat(s: State) -> Text:
    """Counters with the names of /proc/vmstat."""
    st, m = s.stat[0], s.machine[0]
    dirty, (background, most) = _dirty(s), writeback.thresholds(s)
    rows = {
        "nr_free_pages": int(m.nfree), **_listed(s), "pgfault": int(st.minflt + st.majflt), "pgmajfault": int(st.majflt),
        "pgpgin": int(st.pgpgin), "pgpgout": int(st.pgpgout), "pswpin": int(st.pswpin), "pswpout": int(st.pswpout),
        **{name: int(st[name]) for name in (*RECLAIM, *WORKINGSET)},
        "swap_ra": int(st.swap_ra), "swap_ra_hit": int(st.swap_ra_hit),
        "nr_dirty": dirty, "nr_writeback": 0,  # a page is written within the call that begins it
        "nr_dirtied": int(m.nr_dirtied) + max(0, dirty - int(m.dirty_seen) + int(st.pgpgout) - int(m.written_seen)),
        "nr_written": int(st.pgpgout),
        "nr_dirty_threshold": most, "nr_dirty_background_threshold": background,
        "pgcopy": int(st.copies), "pgreuse": int(st.reuses), "pgsteal": int(st.evictions), "oom_kill": int(st.oom_kill),
    }  # fmt: skip
    return Text("\n".join(f"{name} {n}" for name, n in rows.items()), rows)


def _listed(s: State) -> dict[str, int]:
    """How many pages are active and inactive: all 0 under a policy that does not tell them apart. Of generations the youngest
    two are active (include/linux/mm_inline.h, lru_gen_is_active)."""
    policy, n = s.machine["policy"][0], s.lists["length"].tolist()
    if policy == Policy.MGLRU:
        lately = [2 * (int(s.machine["youngest"][0]) - k) % 8 for k in range(4)]
        n = [sum(n[k + file] for k in half) for file in (0, 1) for half in (lately[2:], lately[:2])]
    elif policy != Policy.LINUX:
        n = [0] * 4
    return dict(zip(("nr_inactive_anon", "nr_active_anon", "nr_inactive_file", "nr_active_file"), n))


def meminfo(s: State) -> Text:
    """What memory holds, in KiB, with the names of /proc/meminfo."""
    size = int(s.machine["page_size"][0])
    kind, word = s.objects["kind"], s.uses["page"][: len(s.frames)]
    owner = kind[s.uses["object"][: len(s.frames)][word != NONE]]
    pages = {
        "MemTotal": len(s.frames), "MemFree": int(s.machine["nfree"][0]),
        "Cached": int(((owner == Kind.SHARED) | (owner == Kind.FILE)).sum()),
        "SwapCached": int((s.frames["slot"][word != NONE] != NONE).sum()),
        "SwapTotal": len(s.slots), "SwapFree": int(s.machine["nslot_free"][0]), "Dirty": _dirty(s),
        "AnonPages": int((owner == Kind.PRIVATE).sum()), "Shmem": int((owner == Kind.SHARED).sum()),
        "Mlocked": int((s.frames["marks"] & LOCKED != 0).sum()),
        "CommitLimit": overcommit.commit_limit(s), "Committed_AS": overcommit.committed(s),
    }  # fmt: skip
    rows = {name: n * size // 1024 for name, n in pages.items()}
    return Text("\n".join(f"{name + ':':16}{n:8} kB" for name, n in rows.items()), rows)


def _dirty(s: State) -> int:
    """How many pages of files are dirty."""
    return sum(frames.look(s, f, False) & frames.IS_DIRTY != 0 for f in _file_frames(s))


def _file_frames(s: State) -> list[int]:
    """The frames that hold pages of files."""
    held = s.uses["page"][: len(s.frames)] != NONE
    file = s.objects["kind"][s.uses["object"][: len(s.frames)]] == Kind.FILE
    return [int(f) for f in (held & file).nonzero()[0]]


# -- a process -----------------------------------------------------------------------------------------------------------


class Area(NamedTuple):
    """One VMA, in bytes: what a line of /proc/pid/maps says."""

    start: int
    stop: int
    perms: str
    offset: int
    name: str
    shared: bool


def vmas(k: Kernel, row: int) -> list[Area]:
    """The VMAs of the process in `row`, by address."""
    size = page_size(k)
    out = []
    for v in vma.of_process(k.state, row):
        file = _is_file(k, v)
        label = name_of(k.state, int(k.state.objects["name"][v.object])) if file else name_of(k.state, v.name)
        offset = v.pgoff * size if file else 0
        out.append(Area(v.vpn * size, (v.vpn + v.npages) * size, v.perms, offset, shown(label), v.shared))
    return out


def _is_file(k: Kernel, v: vma.Vma) -> bool:
    return v.object != NONE and v.object in k.devices


def maps(k: Kernel, row: int) -> Text:
    """/proc/pid/maps of the process in `row`; `.rows` holds an Area for each line (fs/proc/task_mmu.c, show_map_vma)."""
    lines = []
    areas = vmas(k, row)
    for v, of in zip(vma.of_process(k.state, row), areas, strict=True):
        plain = not of.name or of.name.startswith("[") or _is_file(k, v)
        name = of.name if plain else f"[anon:{of.name}]"
        if not of.name and of.shared:
            name = "/dev/zero (deleted)"
        lines.append(f"{of.start:x}-{of.stop:x} {of.perms} {of.offset:08x} 00:00 0 {name}".rstrip())
    return Text("\n".join(lines), areas)


def status(k: Kernel, row: int) -> Text:
    """/proc/pid/status of the process in `row`: its sizes, `.rows` in KiB (fs/proc/task_mmu.c, task_mem)."""
    p = k.state.procs[row]
    size = page_size(k)
    pages = {
        "VmSize": sum(v.npages for v in vma.of_process(k.state, row)), "VmLck": limits.locked(k, row),
        "VmRSS": int(p.rss), "VmSwap": int(p.nswap),
    }  # fmt: skip
    rows = {name: n * size // 1024 for name, n in pages.items()}
    rows["VmPTE"] = int(p.ntables) * translation.table_bytes(k.state) // 1024
    state = "T (stopped)" if p.stopped else "R (running)"
    head = [f"Name:\t{shown(name_of(k.state, int(p.name)))}", f"State:\t{state}", f"Pid:\t{int(p.pid)}"]
    return Text("\n".join([*head, *(f"{name}:\t{kb:8d} kB" for name, kb in rows.items())]), rows)


# -- smaps ---------------------------------------------------------------------------------------------------------------

FLAGS = (  # of VmFlags, in Linux's order (fs/proc/task_mmu.c, show_smap_vma_flags)
    ("gd", Mark.GROWSDOWN), ("lo", Mark.LOCKED), ("sr", Mark.SEQUENTIAL), ("rr", Mark.RANDOM), ("dc", Mark.DONTFORK),
    ("lf", Mark.ONFAULT), ("ac", Mark.ACCOUNT), ("nr", Mark.NORESERVE), ("wf", Mark.WIPEONFORK), ("dd", Mark.DONTDUMP),
    ("hg", Mark.HUGEPAGE), ("nh", Mark.NOHUGEPAGE),
)  # fmt: skip


class Sizes(NamedTuple):
    """What smaps says of one mapping, in KiB; Pss is what Rss comes to when each page is divided by those who map it."""

    Size: float
    Rss: float
    Pss: float
    Shared_Clean: float
    Shared_Dirty: float
    Private_Clean: float
    Private_Dirty: float
    Referenced: float
    Anonymous: float
    LazyFree: float
    Swap: float
    SwapPss: float
    Locked: float


def smaps(k: Kernel, row: int) -> Text:
    """/proc/pid/smaps of the process in `row`; `.rows` has a Sizes for each mapping (fs/proc/task_mmu.c, show_smap)."""
    s = k.state
    areas = vma.of_process(s, row)
    pages = _sizes(s, row, areas) * (page_size(k) / 1024)
    sizes = [Sizes(*n) for n in pages.tolist()]
    text = []
    for head, v, of in zip(maps(k, row).splitlines(), areas, sizes, strict=True):
        text.append(head)
        text += [f"{name + ':':16}{int(kb):8} kB" for name, kb in of._asdict().items()]
        text.append(f"VmFlags: {' '.join(_flags(v))}")
    return Text("\n".join(text), sizes)


def _flags(v: vma.Vma) -> list[str]:
    rights = [name for name, bit in (("rd", 1), ("wr", 2), ("ex", 4)) if v.prot & bit]
    may = ["mr", *(["mw"] if not v.marks & Mark.MAYNOTWRITE else []), "me"]
    return rights + (["sh"] if v.shared else []) + may + (["ms"] if v.shared else []) + [
        name for name, mark in FLAGS if v.marks & mark
    ]  # fmt: skip


def _sizes(s: State, row: int, areas: list[vma.Vma]) -> Any:
    """In pages, a row for each area in the order of Sizes."""
    out = np.zeros((len(areas), len(Sizes._fields)))
    column = {name: out[:, i] for i, name in enumerate(Sizes._fields)}
    starts = np.array([v.vpn for v in areas])
    column["Size"][:] = [v.npages for v in areas]
    maps = np.bincount((s.tables[s.uses["pte"][s.uses["pte"] != NONE]] >> SHIFT) & FRAME_MASK, minlength=len(s.frames))
    for vpn, _, pte in leaves_of(s, row):
        f = (pte >> SHIFT) & FRAME_MASK
        if f == int(s.machine["zero_frame"][0]):
            continue  # nobody's memory
        at = int(starts.searchsorted(vpn, "right")) - 1
        marks = int(s.frames["marks"][f])
        dirty = "Dirty" if pte & D or marks & DIRTY else "Clean"
        anonymous = s.objects["kind"][s.uses["object"][f]] == Kind.PRIVATE
        column["Rss"][at] += 1
        column["Pss"][at] += 1 / maps[f]
        column[f"{'Shared' if maps[f] > 1 else 'Private'}_{dirty}"][at] += 1
        column["Referenced"][at] += bool(pte & A)
        column["Anonymous"][at] += bool(anonymous)
        column["LazyFree"][at] += bool(marks & LAZYFREE and dirty == "Clean")
        column["Locked"][at] += 1 / maps[f] if areas[at].marks & Mark.LOCKED else 0
    for vpn, _, word in pages_of(s, int(s.procs["private"][row])):
        if word & SWAPPED:
            at = int(starts.searchsorted(vpn, "right")) - 1
            column["Swap"][at] += 1
            column["SwapPss"][at] += 1 / max(1, int(s.slots["refs"][word >> SHIFT]))
    return out
