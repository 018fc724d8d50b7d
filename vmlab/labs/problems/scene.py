"""Machines for problems: pages in frames of one's choice."""

from collections.abc import Mapping
from typing import NamedTuple

from ... import Machine, Map, Process


class Placed(NamedTuple):
    """A process and its machine."""

    machine: Machine
    process: Process


def placed(index_bits: tuple[int, ...], page_size: int, frames: int, pages: Mapping[int, int]) -> Placed:
    """A process whose pages are in the frames named: {page: frame}. Frames are given out in order, a file takes the others.

    Page 0 cannot be had: no program maps what lies below vm.mmap_min_addr.
    """
    m = Machine(mmu=index_bits, page_size=page_size, frames=max(frames, 2), swap=0, tlb=None, history=None)
    p = m.spawn("P")
    other = m.create("other", frames * page_size)
    vpns = {frame: vpn for vpn, frame in pages.items()}
    for frame in range(max(vpns, default=-1) + 1):
        if frame in vpns:
            p.mmap(page_size, addr=vpns[frame] * page_size, flags=Map.PRIVATE | Map.FIXED | Map.POPULATE)
        else:
            other.pread(1, frame * page_size)
    return Placed(m, p)


def binary(value: int, *widths: int) -> str:
    """A number in bits, in groups of these widths."""
    bits = f"{value:0{sum(widths)}b}"
    ends = [sum(widths[: i + 1]) for i in range(len(widths))]
    return " ".join(bits[end - width : end] for end, width in zip(ends, widths))


def plural(n: int, what: str) -> str:
    """1 page, 2 pages."""
    return f"{n} {what}{'' if n == 1 else 's'}"
