"""What a process can be told to do: for each verb its fields, the Python it stands for, and the doing."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..core.state import State
from ..device.paths import regular_files, within
from ..kernel.mmap import Map, Prot
from .address import named, parse, size_code, size_of

if TYPE_CHECKING:
    from ..file import File
    from ..machine import Machine
    from ..process import Process

FILES = 200  # names offered
PATTERNS = ("in order", "round and round", "at random", "hot and cold")
SHARING = ("private", "shared", "shared, read only")
EXTENTS = ("all of it", "part")
PROTS = {"read": Prot.READ, "read + write": Prot.READ | Prot.WRITE, "none": Prot.NONE}
MOST_REFERENCES = 1_000_000


class Ask(NamedTuple):
    """What the command line says: the machine, who, and the text of every field."""

    machine: "Machine"
    process: "Process | None"
    field: dict[str, str]

    @property
    def state(self) -> State:
        return self.machine.state

    @property
    def who(self) -> "Process":
        """The process. ValueError if there is none yet."""
        if self.process is None:
            raise ValueError("there is no process yet: choose “spawn” first")
        return self.process

    @property
    def name(self) -> str:
        """What the process is called in the Python text."""
        return self.process.letter.lower() if self.process is not None else "p"

    def addr(self) -> int:
        """The address in the field `at`."""
        return parse(self.state, self.who.row, self.field["at"])

    def addr_code(self) -> str:
        """The same as Python."""
        return f"{self.addr():#x}"

    def length(self) -> int:
        """The number of bytes in the field `n`."""
        return size_of(self.field["n"])


class Verb(NamedTuple):
    fields: tuple[str, ...]
    code: Callable[[Ask], str]
    do: Callable[[Ask], Any]


def folder_files() -> list[str]:
    """The regular files of the notebook's folder."""
    return regular_files(os.curdir, FILES)


def is_own(m: "Machine", f: "File") -> bool:
    """Is it a file of the machine's own, not of the host?"""
    return bool(m.device(f.object).key[0] == "own")


def open_file(ask: Ask) -> "File":
    """The chosen file, opened as the mapping needs it; one that is open already in that way is used again."""
    m, name = ask.machine, ask.field["file"]
    if not name:
        raise ValueError("no file is chosen: there is none in this folder")
    mode = "r+" if ask.field["sharing"] == "shared" else "r"
    mine = [f for f in m.files if f.name == name and is_own(m, f)]
    if mine:
        return next((f for f in mine if f.mode == mode), mine[0])
    at = os.stat(within(os.curdir, name))
    for f in m.files:
        if f.mode == mode and m.device(f.object).key == ("host", at.st_dev, at.st_ino):
            return f
    return m.open(name, mode)


def _map_code(ask: Ask) -> str:
    f = ask.field
    mode = ', "r+"' if f["sharing"] == "shared" else ""
    mine = next((k for k, x in enumerate(ask.machine.files) if x.name == f["file"] and is_own(ask.machine, x)), None)
    file = f"m.open({f['file']!r}{mode})" if mine is None else f"m.files[{mine}]"
    length, offset = "f.size", ""
    if f["extent"] == "part":
        length, offset = size_code(size_of(f["length"])), f", offset={size_code(size_of(f['offset']))}"
    flags = "" if f["sharing"] == "private" else ", flags=Map.SHARED"
    prot = ", prot=Prot.READ" if f["sharing"] == "shared, read only" else ""
    return f"f = {file}; {ask.name}.mmap({length}, file=f{offset}{flags}{prot})"


def _map(ask: Ask) -> Any:
    ask.who  # noqa: B018  nothing is opened for nobody
    f = open_file(ask)
    length, offset = f.size, 0
    if ask.field["extent"] == "part":
        length, offset = size_of(ask.field["length"]), size_of(ask.field["offset"])
    sharing = ask.field["sharing"]
    flags = Map.PRIVATE if sharing == "private" else Map.SHARED
    prot = Prot.READ if sharing == "shared, read only" else Prot.READ | Prot.WRITE
    return ask.who.mmap(length, file=f, offset=offset, flags=flags, prot=prot)


def _allocate_code(ask: Ask) -> str:
    flags = ", flags=Map.SHARED" if ask.field["anon"] == "shared" else ""
    label = ask.field["label"].strip()
    name = f", name={label!r}" if label else ""
    return f"{ask.name}.mmap({size_code(size_of(ask.field['size']))}{flags}{name})"


def _allocate(ask: Ask) -> Any:
    flags = Map.SHARED if ask.field["anon"] == "shared" else Map.PRIVATE
    return ask.who.mmap(size_of(ask.field["size"]), flags=flags, name=ask.field["label"].strip() or None)


def references(ask: Ask) -> tuple[Any, Any]:
    """(addresses, writes) of the chosen workload over the area at the address: always the same for the same words."""
    s, p = ask.state, ask.who
    addr, size = ask.addr(), int(s.machine["page_size"][0])
    area = p.vma(addr)
    if area is None:
        raise ValueError(f"nothing is mapped at {named(s, p.row, addr)}")
    n = size_of(ask.field["count"])
    if not 1 <= n <= MOST_REFERENCES:
        raise ValueError(f"{n:,} references: type a number from 1 to {MOST_REFERENCES:,}")
    npages = (area.stop - area.start) // size
    rng = np.random.default_rng(npages)
    kind = ask.field["pattern"]
    if kind == "in order":
        page = np.arange(n) * npages // n
    elif kind == "round and round":
        page = np.arange(n) % npages
    elif kind == "at random":
        page = rng.integers(0, npages, n)
    else:
        hot = max(1, npages // 5)
        page = np.where(rng.random(n) < 0.8, rng.integers(0, hot, n), rng.integers(0, npages, n))
    writes = (rng.random(n) < 0.3) if "w" in area.perms else np.zeros(n, bool)
    return (area.start + page * size).astype(np.int64), writes


def _pattern_code(ask: Ask) -> str:
    return f"{size_of(ask.field['count']):,} references, {ask.field['pattern']}, {ask.field['at']}"


def touched(ask: Ask) -> Any:
    """The first byte of every page of the range."""
    size = ask.machine.page_size
    addr, n = ask.addr(), ask.length()
    if n > MOST_REFERENCES * size:
        raise ValueError(f"{n:,} bytes are too many to touch at once")
    first = addr // size * size
    return np.maximum(np.arange(first, addr + max(n, 1), size, dtype=np.int64), addr)


def data_of(ask: Ask) -> bytes:
    """The bytes to store."""
    return ask.field["text"].encode("utf-8")


VERBS: dict[str, Verb] = {
    "store": Verb(
        ("text", "at"),
        lambda a: f"{a.name}.store({a.addr_code()}, {data_of(a)!r})",
        lambda a: a.who.store(a.addr(), data_of(a)),
    ),
    "load": Verb(
        ("some", "at"),
        lambda a: f"{a.name}.load({a.addr_code()}, {size_of(a.field['some'])})",
        lambda a: a.who.load(a.addr(), size_of(a.field["some"])),
    ),
    "touch": Verb(
        ("rw", "n", "at"),
        lambda a: (
            f"{a.name}.access(range({a.addr_code()}, {a.addr() + a.length():#x}, {a.machine.page_size}), "
            f"{a.field['rw'] == 'write'})"
        ),
        lambda a: a.who.access(touched(a), a.field["rw"] == "write"),
    ),
    "map file": Verb(("file", "extent", "sharing"), _map_code, _map),
    "allocate": Verb(("size", "label", "anon"), _allocate_code, _allocate),
    "run workload": Verb(
        ("count", "pattern", "at"),
        lambda a: f"{a.name}.access({_pattern_code(a)})",
        lambda a: a.who.access(*references(a)),
    ),
    "queue workload": Verb(
        ("count", "pattern", "at"),
        lambda a: f"m.queue(({_pattern_code(a)}), {a.name})",
        lambda a: a.machine.queue(references(a), a.who),
    ),
    "fork": Verb(("child",), lambda a: f"{a.name}.fork({a.field['child']!r})", lambda a: a.who.fork(a.field["child"])),
    "protect": Verb(
        ("n", "at", "prot"),
        lambda a: f"{a.name}.mprotect({a.addr_code()}, {a.length()}, {_prot_code(a.field['prot'])})",
        lambda a: a.who.mprotect(a.addr(), a.length(), PROTS[a.field["prot"]]),
    ),
    "unmap": Verb(
        ("n", "at"),
        lambda a: f"{a.name}.munmap({a.addr_code()}, {a.length()})",
        lambda a: a.who.munmap(a.addr(), a.length()),
    ),
    "sync": Verb(
        ("n", "at"),
        lambda a: f"{a.name}.msync({a.addr_code()}, {a.length()})",
        lambda a: a.who.msync(a.addr(), a.length()),
    ),
    "exit": Verb((), lambda a: f"{a.name}.exit()", lambda a: a.who.exit()),
    "spawn": Verb(("child",), lambda a: f"m.spawn({a.field['child']!r})", lambda a: a.machine.spawn(a.field["child"])),
}


def _prot_code(prot: str) -> str:
    return {"read": "Prot.READ", "read + write": "Prot.READ | Prot.WRITE", "none": "Prot.NONE"}[prot]
