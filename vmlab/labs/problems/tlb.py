"""A TLB and a trace: which loads must walk. OSTEP, chapter 19; CS:APP, 9.6.2."""

from typing import NamedTuple

from ... import Machine, Map
from .answers import Form
from .draws import Draws
from .problem import Posed
from .scene import plural
from .tables import Table

VPN_BITS = 8


class Case(NamedTuple):
    """A TLB of `entries` in sets of `ways`, empty at first, and the loads of one process whose pages all are in memory."""

    entries: int
    ways: int
    page_size: int
    addresses: tuple[int, ...]


def draw(d: Draws) -> Case:
    entries, ways = d.one_of([(4, 1), (4, 2), (4, 4), (2, 2), (8, 2), (2, 1), (8, 1)])
    size = 1 << d.between(4, 8)
    pages = d.some_of(range(16, 32), d.between(entries // 2 + 2, entries + 2))
    loads = [d.one_of(pages)]
    for i in range(1, d.between(10, 14)):  # now and then a neighbour, as programs have them
        loads.append(loads[-1] if i % 4 == 1 else d.one_of([page for page in pages if page != loads[-1]]))
    addresses = [page * size + d.below(size) for page in loads]
    return Case(entries, ways, size, tuple(addresses))


def pose(case: Case) -> Posed:
    size, sets = case.page_size, case.entries // case.ways
    hits = _hits(case, case.entries, case.ways)
    vpns = [addr // size for addr in case.addresses]
    misses = hits.count(False)
    rows = [
        (f"{addr:#x}", str(vpn), str(vpn % sets), "hit" if hit else "miss")
        for addr, vpn, hit in zip(case.addresses, vpns, hits)
    ]
    distinct = len(set(vpns))
    return Posed(
        f"Pages have {size} bytes. The TLB has {case.entries} entries in {plural(sets, 'set')} of"
        f" {plural(case.ways, 'way')}: a page number modulo {sets} is its set, and in a full set the entry unused for longest goes."
        " The TLB is empty, and all pages are in memory. A process loads from these addresses, in this order: "
        + " ".join(f"{addr:#x}" for addr in case.addresses),
        (),
        "How many of these loads miss in the TLB?",
        Form.COUNT,
        misses,
        [
            (distinct, "This counts each page's first use. A page whose entry had to go misses again."),
            (
                _hits(case, case.entries, case.entries).count(False),
                "This lets any entry hold any page. A page fits its own set only.",
            ),
            (
                _hits(case, sets, 1).count(False),
                "This gives each set a single entry. A set has as many entries as it has ways.",
            ),
            (len(hits) - misses, "These are the hits."),
            (0, "All pages are in memory, so no load faults. A TLB miss is no page fault: it is a walk."),
            (len(set(case.addresses)), "This counts addresses. All addresses of a page share its entry."),
            (len(hits), "This lets every load walk. A page whose entry is still there hits."),
            (_fifo(case).count(False), "This lets the entry go that came first. A hit makes an entry the last to go."),
        ],
        Table("load by load", ("address", "page", "set", "TLB"), tuple(rows)),
        "A load hits if its page was used before, and since then fewer other pages of its set than the set has ways.",
    )


def _hits(case: Case, entries: int, ways: int) -> list[bool]:
    """Load by load, on a machine with such a TLB, whether it hits."""
    m = Machine(
        mmu=(VPN_BITS,), page_size=case.page_size, frames=64, swap=0, tlb=(entries, ways), contents=False, history=None
    )
    p = m.spawn("P")
    for vpn in sorted({addr // case.page_size for addr in case.addresses}):
        p.mmap(case.page_size, addr=vpn * case.page_size, flags=Map.PRIVATE | Map.FIXED | Map.POPULATE)
    return [p.access([addr]).tlb_misses == 0 for addr in case.addresses]


def _fifo(case: Case) -> list[bool]:
    """What one finds who lets the entry go that came first."""
    sets: list[list[int]] = [[] for _ in range(case.entries // case.ways)]
    hits = []
    for vpn in (addr // case.page_size for addr in case.addresses):
        held = sets[vpn % len(sets)]
        hits.append(vpn in held)
        if vpn not in held:
            held[:] = [*held, vpn][-case.ways :]
    return hits
