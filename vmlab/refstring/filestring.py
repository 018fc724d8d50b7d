"""A reference string that stays in its file: read through once to number its pages, and again by each replay, part by part.

What it takes in memory grows with the pages, not with the references.
"""

from collections.abc import Callable, Iterator
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..budget import memory_limit, size_text
from ..errors import LimitError, TraceError
from ..trace import FileTrace
from .numbers import Numbers
from .string import ReferenceString

BYTES = 4  # of a reference in memory


class FileString:
    """The references of a trace file. `npages`, `labels` as of a ReferenceString; `parts()` are its ids, as many at a time as the
    trace hands over. It pickles as the file's path and the numbers of its pages.
    """

    def __init__(self, trace: FileTrace, tell: Callable[[float], object] = lambda share: None) -> None:
        """Read the file through. tell(share) is called as it is, with 0..1. TraceError, LimitError."""
        self.trace = trace
        self._numbers = Numbers()
        self._references = 0
        trace.unchanged()
        for pages, share in trace.page_parts():
            self._numbers.of(pages)
            self._references += len(pages)
            tell(share)
        self.npages = len(self._numbers)

    def __len__(self) -> int:
        return self._references

    @property
    def references(self) -> int:
        """The length of the string."""
        return self._references

    @property
    def distinct(self) -> int:
        """How many different pages there are."""
        return self.npages

    @property
    def labels(self) -> NDArray[np.uint64]:
        """What the page of each number is called."""
        return self._numbers.labels

    def label(self, page: int) -> int:
        """What the page with this number is called."""
        return int(self.labels[page])

    def parts(self) -> Iterator[tuple[NDArray[np.uint32], float]]:
        """The ids in order, part by part, each with how much of the file is done with it, 0..1.

        TraceError if the file is no longer the one that was read through.
        """
        self.trace.unchanged()
        done = 0
        for pages, share in self.trace.page_parts():
            done += len(pages)
            ids = self._numbers.of(pages)
            if len(self._numbers) > self.npages or done > self._references:
                raise self._changed()
            yield ids, share
        if done < self._references:
            raise self._changed()

    def _changed(self) -> TraceError:
        return TraceError(f"'{self.trace.name}' was changed while it was replayed: read it again")

    def fits(self) -> bool:
        """Would the string take no more than a quarter of this process's memory?"""
        return BYTES * len(self) <= memory_limit() // 4

    def held(self) -> ReferenceString:
        """The string in memory. LimitError if it does not fit."""
        return self._held

    @cached_property
    def _held(self) -> ReferenceString:
        if not self.fits():
            raise LimitError(
                f"'{self.trace.name}' has {len(self):,} references, {BYTES} bytes each: {size_text(BYTES * len(self))} in memory; "
                f"the limit is {size_text(memory_limit() // 4)}, a quarter of what this process may use"
            )
        ids = np.empty(len(self), np.uint32)
        at = 0
        for part, _ in self.parts():
            ids[at : at + len(part)] = part
            at += len(part)
        return ReferenceString(ids, self.npages, self.labels)

    @property
    def ids(self) -> NDArray[np.uint32]:
        """All ids in memory. LimitError if they do not fit."""
        return self.held().ids

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in vars(self).items() if name != "_held"}

    def __repr__(self) -> str:
        return f"FileString('{self.trace.name}', {len(self):,} references to {self.npages:,} pages)"


def near(string: ReferenceString | FileString) -> ReferenceString | FileString:
    """The string in memory if it fits, for those who read it often."""
    return string.held() if isinstance(string, ReferenceString) or string.fits() else string
