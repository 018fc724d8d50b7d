"""Effective access time: TLB misses and page faults in nanoseconds. Silberschatz, 9.3 and 10.2; OSTEP, chapter 19."""

from typing import NamedTuple

from ... import Costs, Machine, Map
from .answers import Form
from .draws import Draws
from .problem import Posed
from .scene import plural
from .tables import Table

PAGE = 4096
LEVELS = {1: (9,), 2: (9, 9), 3: (9, 9, 9), 4: (9, 9, 9, 9)}


class Hits(NamedTuple):
    """Of 100 accesses `hits` find their translation in the TLB. memory: ns of an access to memory, a page table's included."""

    levels: int
    memory: int
    hits: int


class Faults(NamedTuple):
    """Of `references` accesses `faults` fault. memory: ns of an access; service: ns of one that faults, all in all."""

    references: int
    faults: int
    memory: int
    service: int


def draw(d: Draws) -> Hits | Faults:
    if d.below(2):
        return Hits(d.between(1, 4), 10 * d.between(1, 20), d.between(50, 99))
    service = d.one_of([20_000, 100_000, 500_000, 4_000_000, 8_000_000, 25_000_000])
    return Faults(1000, d.between(1, 9), 10 * d.between(5, 30), service)


def pose(case: Hits | Faults) -> Posed:
    return _pose_hits(case) if isinstance(case, Hits) else _pose_faults(case)


def _pose_hits(case: Hits) -> Posed:
    """A TLB of one entry and two pages: an access to the page used last hits, one to the other page misses."""
    costs = Costs(tlb=case.memory, walk=case.memory, fault=0, copy=0, read=0, write=0)
    m = Machine(
        mmu=LEVELS[case.levels], page_size=PAGE, frames=4, swap=0, tlb=(1, 1), costs=costs, contents=False, history=None
    )
    p = m.spawn("P")
    one, other = p.mmap(2 * PAGE, addr=16 * PAGE, flags=Map.PRIVATE | Map.FIXED | Map.POPULATE).pages
    misses = 100 - case.hits
    changes = [one if i % 2 else other for i in range(misses)]  # each is another page than the one before
    run = p.access([*changes, *[changes[-1]] * case.hits])
    mean = run.ns / 100
    memory, levels, share = case.memory, case.levels, case.hits / 100
    missed = (1 + levels) * memory
    return Posed(
        f"An access to memory takes {memory} ns, the TLB itself no time. The page tables have {plural(levels, 'level')}: after a"
        " TLB miss the MMU reads an entry at each level, in memory, before the access is made."
        f" {case.hits} of 100 accesses hit in the TLB; no page faults.",
        (),
        "What is the effective access time in nanoseconds?",
        Form.TIME,
        mean,
        [
            (
                memory + (1 - share) * memory if levels > 1 else float(missed),
                "A walk reads an entry at each level, and only misses walk.",
            ),
            (share * memory + (1 - share) * levels * memory, "This leaves out the access itself after a walk."),
            (share * missed + (1 - share) * memory, "This takes hits for misses and misses for hits."),
            (float(missed), "This lets every access walk."),
            (float(memory), "This leaves out the walks."),
            ((memory + missed) / 2, "This is the mean of hit and miss. They are weighed by how often each comes."),
            (share * memory, "These are the hits alone."),
        ],
        Table(
            "100 accesses",
            ("accesses", "ns each", "ns"),
            (
                (f"{100 - run.tlb_misses} hits", str(memory), str((100 - run.tlb_misses) * memory)),
                (f"{run.tlb_misses} misses", f"{memory} + {levels} × {memory}", str(run.tlb_misses * missed)),
                ("100", "", f"{run.ns}"),
            ),
        ),
        "A hit is one access to memory, a miss one and a read for each level; their mean is weighed by the hit ratio.",
    )


def _pose_faults(case: Faults) -> Posed:
    """A file of as many pages as there shall be faults, on a device so slow that a fault takes what it shall take."""
    costs = Costs(tlb=case.memory, walk=0, fault=0, copy=0, read=case.service - case.memory, write=0)
    m = Machine(frames=case.faults + 2, swap=0, costs=costs, contents=False, history=None)
    p = m.spawn("P")
    pages = p.mmap(file=m.create("data", case.faults * PAGE), flags=Map.SHARED).pages
    run = p.access([*pages, *[pages[-1]] * (case.references - case.faults)])
    n, memory, service, k = case.references, case.memory, case.service, run.faults
    share = k / n
    return Posed(
        f"An access to memory takes {memory} ns. One that faults takes {service:,} ns from beginning to end, the access included."
        f" {case.faults} of {n:,} accesses fault.",
        (),
        "What is the effective access time in nanoseconds?",
        Form.TIME,
        run.ns / n,
        [
            (float(memory), "This leaves out the faults: few, but each as long as thousands of accesses."),
            (share * service, "These are the faults alone."),
            ((memory + service) / 2, "This is the mean of both. They are weighed by how often each comes."),
            (
                memory + share * (service + memory),
                "This counts the access of a fault twice: it is part of the time that is given.",
            ),
            ((1 - share) * service + share * memory, "This takes accesses that fault for those that do not."),
            (memory + 100 * share * service, "This takes a share for a percentage."),
            (memory + share / 10 * service, "A factor of ten is lost: how many of how many accesses fault?"),
        ],
        Table(
            f"{n:,} accesses",
            ("accesses", "ns each", "ns"),
            (
                (f"{n - k:,} without a fault", str(memory), f"{(n - k) * memory:,}"),
                (f"{k} with a fault", f"{service:,}", f"{k * service:,}"),
                (f"{n:,}", "", f"{run.ns:,}"),
            ),
        ),
        "Each kind of access counts as often as it comes. Because a fault is so slow, a few of them decide the mean.",
    )
