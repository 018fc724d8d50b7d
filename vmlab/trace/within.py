"""The part of a trace that hits what is mapped, and what to say of the rest."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..budget import memory_limit, size_text
from ..errors import LimitError, TraceError
from .trace import PAGE, Chunk, Trace, counted, joined


@dataclass(frozen=True, repr=False)
class Outside:
    """What hits no mapping: how many references, of how many; the first one's place and address."""

    count: int
    references: int
    place: str
    address: int

    def __repr__(self) -> str:
        hit = "hits" if self.count == 1 else "hit"
        return (
            f"{self.count:,} of {counted(self.references, 'reference')} {hit} no mapping (first: {self.place}, "
            f"address {self.address:#x})"
        )


class Within(Trace):
    """References that were kept."""

    def __init__(self, *columns: Any, outside: Outside | None, **named: Any) -> None:
        super().__init__(*columns, **named)
        self._outside = outside

    @property
    def outside(self) -> Outside | None:
        return self._outside


def within(trace: Trace, areas: Iterable[Any]) -> Within:
    """Trace.within."""
    edges = [edge for start, stop in _merged(areas) for edge in (start, stop - 1)]  # the last byte: 2**64 is no uint64
    bounds = np.array(edges, np.uint64)
    budget = memory_limit() // 4
    kept: list[Chunk] = []
    references, refs, first = 0, 0, (0, 0)
    for chunk in trace.chunks():
        addresses = chunk.addresses * np.uint64(PAGE) if trace.page_size == 1 else chunk.addresses
        in_reach = addresses // np.uint64(PAGE) == chunk.addresses if trace.page_size == 1 else True
        before = np.searchsorted(bounds, addresses, side="right")
        # After an odd number of edges it is inside; at an area's last byte it is, too
        inside = ((before % 2 == 1) | np.isin(addresses, bounds[1::2])) & in_reach
        if references == refs and not inside.all():
            k = int(np.argmin(inside))
            first = references + k, int(chunk.addresses[k]) * (PAGE if trace.page_size == 1 else 1)
        references += len(inside)
        refs += int(inside.sum())
        kinds, pids = (None if column is None else column[inside] for column in (chunk.kinds, chunk.pids))
        kept.append(Chunk(chunk.addresses[inside], kinds, pids, chunk.share))
        if 13 * refs > budget:
            raise LimitError(
                f"'{trace.name}' has {refs:,} references and more that hit a mapping: the limit is {size_text(budget)}, a quarter "
                "of the memory this process may use"
            )
    outside = Outside(references - refs, references, trace.place(first[0]), first[1]) if refs < references else None
    if not refs:
        raise TraceError(f"'{trace.name}': {outside or 'it has no references'}")
    return Within(*joined(kept), page_size=trace.page_size, name=trace.name, outside=outside)


def _merged(areas: Iterable[Any]) -> list[tuple[int, int]]:
    """[start, stop) of areas, in order, none touching another."""
    merged: list[tuple[int, int]] = []
    for start, stop in sorted((int(area.start), int(area.stop)) for area in areas):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(stop, merged[-1][1])
        elif start < stop:
            merged.append((start, stop))
    return merged
