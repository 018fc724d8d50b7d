"""Simulated time: what the counted work costs, in nanoseconds. Never the wall clock."""

from typing import NamedTuple

from .state import State


class Costs(NamedTuple):
    """Nanoseconds of each piece of work. A device is its `read` and `write` of one page.

    tlb: an access whose translation the TLB holds. walk: one level of a page-table walk. fault: trap, kernel and return of
    any page fault. copy: copying or zeroing a page. Orders of magnitude as in OSTEP, chapters 19 and 36, and CS:APP 6.1.
    """

    tlb: int = 1
    walk: int = 20
    fault: int = 1_000
    copy: int = 300
    read: int = 100_000
    write: int = 100_000


DEVICES = {
    "hdd": Costs(read=8_000_000, write=8_000_000),
    "sata-ssd": Costs(),
    "nvme": Costs(read=20_000, write=20_000),
    "zram": Costs(read=3_000, write=5_000),
}


def spent(count, cost, levels: int) -> int:
    """Nanoseconds of the work that the counters of one STAT row stand for."""
    return int(
        count["refs"] * cost["tlb"]
        + count["walks"] * levels * cost["walk"]
        + (count["minflt"] + count["majflt"]) * cost["fault"]
        + (count["copies"] + count["zero"]) * cost["copying"]
        + (count["pswpin"] + count["pgpgin"]) * cost["read"]
        + (count["pswpout"] + count["pgpgout"]) * cost["write"]
    )


def now_ns(s: State) -> int:
    """Simulated nanoseconds since boot."""
    return spent(s.stat[0], s.cost[0], int(s.machine["levels"][0]))
