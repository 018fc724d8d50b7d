"""What a system call did, in one sentence."""

from collections.abc import Callable
from typing import Any

from ..core.state import NONE
from ..errors import shown
from ..kernel.limits import RLIM_INFINITY, Limit
from ..kernel.madvise import KNOWN, Advice
from ..kernel.mremap import Remap
from . import words
from .look import Look, permissions
from .sentences import Happening

ACCESSES = ("load", "store", "fetch", "access", "run")
AT_ADDRESS = (
    "load", "store", "fetch", "access", "munmap", "mprotect", "msync", "mlock", "mlock2", "munlock", "madvise", "mincore",
    "mremap", "remap_file_pages",
)  # fmt: skip
SHORT = {"stored to": "store", "fetched from": "fetch"}
MAP_SHARED = 1


def verb(step: Any, write: bool) -> str:
    """What a step of references did to memory. `write`: its last reference was a store, where that is known."""
    if step.call == "store" or write:
        return "stored to"
    if step.call == "fetch":
        return "fetched from"
    writes = step.args.get("writes")
    return "stored to" if writes is not None and len(writes) and bool(writes[-1]) else "read"


def told(look: Look, step: Any, happened: list[Happening]) -> tuple[str, str]:
    """(headline, short form) of a call that is no run of references."""
    who = look.process[step.row] if step.row is not None else "The machine"
    tell = TELL.get(step.call)
    if tell is None:
        return f"{who}: {shown(step.call)}.", shown(step.call)
    return tell(look, who, step.args, happened)


def _pages(look: Look, a: dict[str, Any]) -> str:
    return words.plural(-(-int(a.get("length", 0)) // look.page_size), "page")


def _file(look: Look, fd: Any) -> str:
    if not isinstance(fd, int) or not 0 <= fd < len(look.state.files):
        return ""
    obj = int(look.state.files["object"][fd])
    return look.file_name(obj) if obj != NONE else ""


def _spawn(look: Look, who: str, a: dict[str, Any], happened: list[Happening]) -> tuple[str, str]:
    name = shown(str(a.get("name", "")))
    return f"{name} started.", f"spawn {name}"


def _fork(look: Look, who: str, a: dict[str, Any], happened: list[Happening]) -> tuple[str, str]:
    name = shown(str(a.get("name") or ""))
    child = next((look.process[r] for r in reversed(look.living) if look.process_name[r] == name), name)
    return f"{who} forked {child}: both see the same frames, no page was copied.", f"fork → {child}"


def _exit(look: Look, who: str, a: dict[str, Any], happened: list[Happening]) -> tuple[str, str]:
    return f"{who} ended.", "exit"


def _mmap(look: Look, who: str, a: dict[str, Any], happened: list[Happening]) -> tuple[str, str]:
    how = "shared" if int(a.get("flags", 0)) & MAP_SHARED else "private"
    file = _file(look, a.get("fd"))
    if file:
        from_page = int(a.get("offset", 0)) // look.page_size
        part = f" from page {from_page} on" if from_page else ""
        return f"{who} mapped {_pages(look, a)} of {file}{part}, {how}.", f"mmap {file}, {how}"
    return f"{who} allocated {_pages(look, a)} of anonymous memory, {how}.", f"mmap {_pages(look, a)}"


def _munmap(look: Look, who: str, a: dict[str, Any], happened: list[Happening]) -> tuple[str, str]:
    return f"{who} unmapped {_pages(look, a)} at {int(a.get('addr', 0)):#x}.", f"munmap {_pages(look, a)}"


def _mprotect(look: Look, who: str, a: dict[str, Any], happened: list[Happening]) -> tuple[str, str]:
    prot = permissions(int(a.get("prot", 0)), False)[:3]
    return f"{who} set {_pages(look, a)} at {int(a.get('addr', 0)):#x} to {prot}.", f"mprotect {_pages(look, a)} {prot}"


def _msync(look: Look, who: str, a: dict[str, Any], happened: list[Happening]) -> tuple[str, str]:
    n = sum(h.tag == "write" for h in happened)
    return f"{who} wrote {words.plural(n, 'dirty page')} back (msync).", f"msync: {words.plural(n, 'page')} written"


def _mlock(look: Look, who: str, a: dict[str, Any], happened: list[Happening]) -> tuple[str, str]:
    when = ", each page once it is touched" if a.get("flags") else ""
    return f"{who} locked {_pages(look, a)} at {int(a.get('addr', 0)):#x} in memory{when}.", f"mlock {_pages(look, a)}"


def _munlock(look: Look, who: str, a: dict[str, Any], happened: list[Happening]) -> tuple[str, str]:
    return f"{who} unlocked {_pages(look, a)} at {int(a.get('addr', 0)):#x}.", f"munlock {_pages(look, a)}"


def _mlockall(look: Look, who: str, a: dict[str, Any], happened: list[Happening]) -> tuple[str, str]:
    flags = int(a.get("flags", 0))
    what = " and ".join(w for w, bit in (("all that is mapped", 1), ("all that will be", 2)) if flags & bit)
    return f"{who} locked {what} in memory.", "mlockall"


def _munlockall(look: Look, who: str, a: dict[str, Any], happened: list[Happening]) -> tuple[str, str]:
    return f"{who} unlocked everything.", "munlockall"


def _setrlimit(look: Look, who: str, a: dict[str, Any], happened: list[Happening]) -> tuple[str, str]:
    resource, limit = int(a.get("resource", 0)), int(a.get("limit", 0))
    name = f"RLIMIT_{Limit(resource).name}" if resource in set(Limit) else f"resource {resource}"
    most = "no limit" if limit == RLIM_INFINITY else f"{limit:,} bytes"
    return f"{name} of {who} is now {most}.", f"{name} {most}"


def _madvise(look: Look, who: str, a: dict[str, Any], happened: list[Happening]) -> tuple[str, str]:
    advice = int(a.get("advice", 0))
    name = Advice(advice).name if advice in KNOWN else f"advice {advice}"
    return (
        f"{who} advised {name} for {_pages(look, a)} at {int(a.get('addr', 0)):#x}.",
        f"madvise {_pages(look, a)} {name}",
    )


def _mincore(look: Look, who: str, a: dict[str, Any], happened: list[Happening]) -> tuple[str, str]:
    where = f"{_pages(look, a)} at {int(a.get('addr', 0)):#x}"
    return f"{who} asked which of {where} are in memory.", f"mincore {_pages(look, a)}"


def _mremap(look: Look, who: str, a: dict[str, Any], happened: list[Happening]) -> tuple[str, str]:
    n, new = (words.plural(-(-int(a.get(key, 0)) // look.page_size), "page") for key in ("old_length", "new_length"))
    addr, flags = int(a.get("addr", 0)), int(a.get("flags", 0))
    if not int(a.get("old_length", 0)):
        return f"{who} mapped the memory at {addr:#x} a second time: {new}.", f"mremap: {new} twice"
    if flags & Remap.FIXED:
        where = f"to {int(a.get('new_addr', 0)):#x}"
        return f"{who} moved {n} at {addr:#x} {where}, {new} there: no page was copied.", f"mremap {n} {where}"
    return f"{who} resized {n} at {addr:#x} to {new}: no page was copied.", f"mremap {n} → {new}"


def _remap_file_pages(look: Look, who: str, a: dict[str, Any], happened: list[Happening]) -> tuple[str, str]:
    n = words.plural(int(a.get("size", 0)) // look.page_size, "page")
    where = f"{int(a.get('addr', 0)):#x} show the object from page {int(a.get('pgoff', 0))} on"
    return f"{who} made {n} at {where} (remap_file_pages).", f"remap_file_pages {n}"


def _brk(look: Look, who: str, a: dict[str, Any], happened: list[Happening]) -> tuple[str, str]:
    return f"{who} moved the end of its heap to {int(a.get('addr', 0)):#x}.", "brk"


def _open(look: Look, who: str, a: dict[str, Any], happened: list[Happening]) -> tuple[str, str]:
    name = shown(str(a.get("path", a.get("name", ""))).replace("\\", "/").rsplit("/", 1)[-1])
    return f"{name} was opened.", f"open {name}"


def _create(look: Look, who: str, a: dict[str, Any], happened: list[Happening]) -> tuple[str, str]:
    name = shown(str(a.get("name", "")))
    return f"{name} was created: a file of the machine's own, {int(a.get('nbytes', 0)):,} bytes.", f"create {name}"


def _pipe_read(look: Look, who: str, a: dict[str, Any], happened: list[Happening]) -> tuple[str, str]:
    return f"{who} read up to {int(a.get('n', 0)):,} bytes from a pipe.", "read pipe"


def _pipe_write(look: Look, who: str, a: dict[str, Any], happened: list[Happening]) -> tuple[str, str]:
    return f"{who} wrote up to {int(a.get('n', 0)):,} bytes to a pipe.", "write pipe"


def _queue(look: Look, who: str, a: dict[str, Any], happened: list[Happening]) -> tuple[str, str]:
    n = sum(len(seg.addresses) for seg in a.get("segments", ()))
    return f"{words.plural(n, 'reference')} wait to be made.", f"queue {words.plural(n, 'reference')}"


def _policy(look: Look, who: str, a: dict[str, Any], happened: list[Happening]) -> tuple[str, str]:
    policy = a.get("policy", "")
    name = policy.upper() if isinstance(policy, str) else shown(getattr(policy, "__name__", "a function"))
    return f"From now on {name} chooses what to evict.", f"policy {name}"


def _policy_knobs(look: Look, who: str, a: dict[str, Any], happened: list[Happening]) -> tuple[str, str]:
    swappiness, tick, window = (int(a.get(name, 0)) for name in ("swappiness", "tick", "window"))
    far = f"a tick is {words.plural(tick, 'reference')}, a working set looks back {words.plural(window, 'reference')}"
    return f"From now on swappiness is {swappiness}, {far}.", f"swappiness {swappiness}, tick {tick}, window {window}"


def _overcommit(look: Look, who: str, a: dict[str, Any], happened: list[Happening]) -> tuple[str, str]:
    mode, ratio = int(a.get("mode", 0)), int(a.get("ratio", 0))
    what = ("all but the absurd", "any amount", f"no more than {ratio} % of RAM and all of swap")[mode]
    return f"From now on programs are promised {what} (overcommit mode {mode}).", f"overcommit {mode}"


def _oom_score_adj(look: Look, who: str, a: dict[str, Any], happened: list[Happening]) -> tuple[str, str]:
    adj = int(a.get("adj", 0))
    what = "is never killed" if adj == -1000 else f"is killed as if it had {adj / 10:+g} % of memory"
    return f"{who} {what} when memory runs out (oom_score_adj).", f"oom_score_adj {adj}"


def _dirty(look: Look, who: str, a: dict[str, Any], happened: list[Happening]) -> tuple[str, str]:
    background, ratio = int(a.get("background", 0)), int(a.get("ratio", 0))
    when = f"from {background} % dirty memory on, writers from {ratio} % on"
    seconds = f"{int(a.get('interval', 0)) / 100:g} s for what has been dirty for {int(a.get('expire', 0)) / 100:g} s"
    return f"The flusher writes {when}; it wakes each {seconds}.", f"dirty {background} %, {ratio} %"


def _max_map_count(look: Look, who: str, a: dict[str, Any], happened: list[Happening]) -> tuple[str, str]:
    n = words.plural(int(a.get("most", 0)), "mapping")
    return f"From now on a process may have {n} (max_map_count).", f"max_map_count {int(a.get('most', 0))}"


def _shootdowns(look: Look, who: str, a: dict[str, Any], happened: list[Happening]) -> tuple[str, str]:
    if a.get("on"):
        return "From now on every CPU is told when a translation changes.", "shootdowns on"
    return "From now on other CPUs are not told when a translation changes: their TLBs may be stale.", "shootdowns off"


def _failure(look: Look, who: str, a: dict[str, Any], happened: list[Happening]) -> tuple[str, str]:
    what, after = str(a.get("what", "")), int(a.get("after", 1))
    nouns = "requests for a frame" if what == "frame" else "writes to swap"
    return f"Of the next {nouns}, number {after} will fail.", f"fail {what}"


def _crash(look: Look, who: str, a: dict[str, Any], happened: list[Happening]) -> tuple[str, str]:
    return "Power failed: memory and swap are lost, files have what was written back.", "crash"


def _sync(look: Look, who: str, a: dict[str, Any], happened: list[Happening]) -> tuple[str, str]:
    n = sum(h.tag == "write" for h in happened)
    files = "its file" if n == 1 else "their files"
    return f"{words.plural(n, 'dirty page')} written back to {files}.", f"sync: {n} written"


TELL: dict[str, Callable[..., tuple[str, str]]] = {
    "spawn": _spawn,
    "fork": _fork,
    "exit": _exit,
    "mmap": _mmap,
    "munmap": _munmap,
    "mprotect": _mprotect,
    "msync": _msync,
    "mlock": _mlock,
    "mlock2": _mlock,
    "munlock": _munlock,
    "mlockall": _mlockall,
    "munlockall": _munlockall,
    "setrlimit": _setrlimit,
    "madvise": _madvise,
    "mincore": _mincore,
    "fsync": _sync,
    "sync": _sync,
    "mremap": _mremap,
    "remap_file_pages": _remap_file_pages,
    "brk": _brk,
    "open": _open,
    "create": _create,
    "pipe_read": _pipe_read,
    "pipe_write": _pipe_write,
    "open_zero": lambda look, who, a, happened: ("/dev/zero was opened.", "open /dev/zero"),
    "pipe": lambda look, who, a, happened: ("A pipe was made.", "pipe"),
    "suspend": lambda look, who, a, happened: (f"{who} was suspended: its references wait.", "suspend"),
    "resume": lambda look, who, a, happened: (f"{who} goes on.", "resume"),
    "set_oom_score_adj": _oom_score_adj,
    "queue": _queue,
    "set_policy": _policy,
    "set_policy_knobs": _policy_knobs,
    "set_overcommit": _overcommit,
    "set_dirty": _dirty,
    "set_max_map_count": _max_map_count,
    "set_shootdowns": _shootdowns,
    "set_failure": _failure,
    "crash": _crash,
}
