"""What /proc/self/maps prints after some calls: how VMAs split and merge. mmap(2), mprotect(2), munmap(2), proc(5)."""

from collections.abc import Callable
from typing import NamedTuple

from ... import Machine, Map, Prot
from .answers import Form
from .draws import Draws
from .problem import Posed
from .tables import Table

PAGE = 4096
BASE = 0x10000
MOST = 12  # pages of the stretch that the calls are about
RIGHTS = {"rw-": Prot.READ | Prot.WRITE, "r--": Prot.READ, "r-x": Prot.READ | Prot.EXEC}
WORDS = {"rw-": "PROT_READ|PROT_WRITE", "r--": "PROT_READ", "r-x": "PROT_READ|PROT_EXEC"}


class Call(NamedTuple):
    """mmap, mprotect or munmap of `npages` pages, `first` pages above BASE; with these rights."""

    name: str
    first: int
    npages: int
    rights: str = ""

    def __str__(self) -> str:
        where = f"{BASE + self.first * PAGE:#x}, {self.npages * PAGE:#x}"
        if self.name == "mmap":
            return f"mmap({where}, {WORDS[self.rights]}, MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED, -1, 0)"
        return f"{self.name}({where}{', ' + WORDS[self.rights] if self.rights else ''})"


class Area(NamedTuple):
    """Pages first..stop-1 with these rights."""

    first: int
    stop: int
    rights: str


def draw(d: Draws) -> tuple[Call, ...]:
    half = d.between(3, 6)
    rights = d.one_of(["rw-", "r--"])
    calls = [Call("mmap", 0, half, rights)]
    if d.below(2):
        calls.append(Call("mmap", half, d.between(2, MOST - half), d.one_of(["rw-", "r--"])))
    top = calls[-1].first + calls[-1].npages
    for _ in range(d.between(1, 3)):
        first = d.between(0, top - 1)
        npages = d.between(1, top - first)
        if d.below(3) == 0:
            calls.append(Call("munmap", first, npages))
        else:
            calls.append(Call("mprotect", first, npages, d.one_of(list(RIGHTS))))
            if any(call.name == "munmap" for call in calls):
                calls.pop()  # a hole may lie in the range: that is ENOMEM, and another question
    return tuple(calls)


def pose(case: tuple[Call, ...]) -> Posed:
    p = Machine(swap=0, history=None).spawn("P")
    rows = []
    for call in case:
        addr, nbytes = BASE + call.first * PAGE, call.npages * PAGE
        if call.name == "mmap":
            p.mmap(nbytes, addr=addr, prot=RIGHTS[call.rights], flags=Map.PRIVATE | Map.FIXED)
        elif call.name == "mprotect":
            p.mprotect(addr, nbytes, RIGHTS[call.rights])
        else:
            p.munmap(addr, nbytes)
        rows.append((str(call), "; ".join(_short(line) for line in p.maps().splitlines()) or "nothing"))
    return Posed(
        "A process with nothing mapped makes these calls, and each succeeds: " + "; ".join(map(str, case)) + ".",
        (),
        "What does /proc/self/maps print at the end? (Addresses and rights are what matters.)",
        Form.LINES,
        _lines(p.maps()),
        _wrong(case),
        Table("the mappings after each call", ("call", "mappings"), tuple(rows)),
        "A change of some pages of a VMA splits it at the borders; neighbours that are alike in all respects become one.",
    )


def _lines(text: str) -> str:
    return "\n".join(" ".join(line.split()) for line in text.splitlines()) or "nothing"


def _short(line: str) -> str:
    return " ".join(line.split()[:2])


# -- what wrong beliefs lead to ------------------------------------------------------------------------------------------------


def _wrong(case: tuple[Call, ...]) -> list[tuple[str, str]]:
    return [
        (
            _believed(case, merge=set(), cut=_cut),
            "This keeps neighbours apart that are alike. Linux merges what it can.",
        ),
        (
            _believed(case, merge={"mmap", "mprotect", "munmap"}, cut=_whole),
            "Here a call changes every VMA it touches as a whole. It changes the pages of its range, and the VMA is split.",
        ),
        (
            _believed(case[:-1], merge={"mmap", "mprotect", "munmap"}, cut=_cut),
            "Here the last call leaves no trace. Rights and holes show in maps at once, before any page is touched.",
        ),
        (
            _believed(case, merge={"mmap", "mprotect", "munmap"}, cut=_longer),
            "Here each range is a page longer. The second argument is a length, and the last page ends where it says.",
        ),
        (
            _believed(case, merge={"mmap"}, cut=_cut),
            "Here only mmap merges. mprotect merges too, when pages become like their neighbours.",
        ),
        (
            _believed(case, merge={"everything"}, cut=_cut),
            "Here neighbours are one VMA whatever their rights. A VMA has one set of rights.",
        ),
        (
            _believed(tuple(c for c in case if c.name != "munmap"), merge={"mmap", "mprotect"}, cut=_cut),
            "Here munmap leaves the range mapped. Its addresses are free at once.",
        ),
        (
            _believed(tuple(c for c in case if c.name == "mmap"), merge={"mmap"}, cut=_cut),
            "Here only mmap makes lines. mprotect and munmap change VMAs as well.",
        ),
    ]


def _believed(case: tuple[Call, ...], merge: set[str], cut: "Cut") -> str:
    """The lines as they would be if only calls in `merge` merged, and each changed what `cut` makes of the VMAs."""
    areas: list[Area] = []
    for call in case:
        areas = sorted(cut(areas, call))
        if call.name in merge or "everything" in merge:
            areas = _merged(areas, "everything" in merge)
    return (
        "\n".join(f"{BASE + a.first * PAGE:x}-{BASE + a.stop * PAGE:x} {a.rights}p 00000000 00:00 0" for a in areas)
        or "nothing"
    )


Cut = Callable[[list[Area], Call], list[Area]]


def _cut(areas: list[Area], call: Call) -> list[Area]:
    """As Linux does it: what lies outside the range stays, what lies inside goes or has the new rights."""
    first, stop = call.first, call.first + call.npages
    out = [Area(call.first, stop, call.rights)] if call.name == "mmap" else []
    for a in areas:
        out += [Area(a.first, min(a.stop, first), a.rights), Area(max(a.first, stop), a.stop, a.rights)]
        if call.name == "mprotect":
            out.append(Area(max(a.first, first), min(a.stop, stop), call.rights))
    return [a for a in out if a.first < a.stop]


def _whole(areas: list[Area], call: Call) -> list[Area]:
    """Each VMA that the range touches is changed as a whole."""
    if call.name == "mmap":
        return _cut(areas, call)
    touched = [a for a in areas if a.first < call.first + call.npages and call.first < a.stop]
    rest = [a for a in areas if a not in touched]
    return rest if call.name == "munmap" else rest + [a._replace(rights=call.rights) for a in touched]


def _longer(areas: list[Area], call: Call) -> list[Area]:
    """Each range has a page more."""
    return _cut(areas, call._replace(npages=call.npages + 1))


def _merged(areas: list[Area], all_of_them: bool) -> list[Area]:
    out: list[Area] = []
    for a in areas:
        if out and out[-1].stop == a.first and (all_of_them or out[-1].rights == a.rights):
            out[-1] = out[-1]._replace(stop=a.stop)
        else:
            out.append(a)
    return out
