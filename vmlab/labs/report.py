"""`report`: what a program does to memory, on one page. Which pages, how often, and what pages of another size would change.

Everything is counted from the trace; nothing is measured by a clock. The same trace gives the same report on every computer.
"""

import html
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import KiB, MiB
from ..budget import size_text
from ..errors import whole
from ..refstring import MissRatioCurve, Replay, miss_ratio_curve, reference_string, replay, working_set_sizes
from ..trace import Kind, Trace, Watch
from ..trace.trace import counted
from .table import aligned

ENTRIES = 32
WINDOW = 1000  # references
PAGE_SIZES = (
    4 * KiB,
    16 * KiB,
    64 * KiB,
    2 * MiB,
)  # arm64 takes any of the first three; a table level more makes the last
POLICIES = ("lru", "clock", "opt")
NEAR = 10  # one reference in so many may be to a page further back
LEFT = 100  # one avoidable fault in so many may be left
MOST_MEMORY = 2  # times the memory of the smallest pages: larger pages are advised below it


class Size(NamedTuple):
    """A program on pages of one size."""

    page_size: int
    reach: int  # bytes that the entries of the TLB cover
    pages: int  # used: with enough entries each of them misses once
    misses: int  # of a TLB that lets go the entry unused for longest

    @property
    def memory(self) -> int:
        """Bytes of frames: pages come whole."""
        return self.pages * self.page_size


class Report:
    """What a trace says of a program. Its text is the same wherever it is made.

    curve: LRU over pages of the smallest size. near: 9 of 10 references are to one of so many pages used last, 0: too many are
    first uses. enough: the fewest frames that avoid 99 of 100 faults that frames can avoid. tight: replays of LRU, CLOCK and OPT
    with half of that. sizes: a row for each page size.
    """

    def __init__(self, trace: Trace, entries: int, page_sizes: Sequence[int], window: int) -> None:
        self.name, self.entries, self.window = trace.name, entries, window
        self.kinds = {} if trace.kinds is None else _kinds(trace.kinds)
        addresses, pids = trace.references()[0], trace.pids
        strings = {n: reference_string(Trace(addresses, None, pids, page_size=n)) for n in sorted(page_sizes)}
        curves = {n: miss_ratio_curve(string) for n, string in strings.items()}
        smallest = min(strings)
        self.references, self.curve = len(addresses), curves[smallest]
        self.sizes = [Size(n, entries * n, len(c.frames), _faults(c, entries)) for n, c in curves.items()]
        self.working_set = working_set_sizes(strings[smallest], window)
        faults = _counted(self.curve)
        self.near = _fewest(NEAR * faults <= self.references)
        avoidable = faults - faults[-1]
        self.enough = _fewest(LEFT * avoidable <= avoidable[0]) or len(faults)
        few = max(1, self.enough // 2)
        self.tight: list[Replay] = [replay(strings[smallest], p, few, progress=_silent) for p in POLICIES]

    @property
    def cold(self) -> int:
        """Faults that no number of frames avoids: the first use of each page."""
        return self.sizes[0].pages

    @property
    def best(self) -> Size | None:
        """The page size with fewest misses that halves those of the first at least, for less than twice its memory."""
        first, *larger = self.sizes
        fit = [s for s in larger if s.memory < MOST_MEMORY * first.memory and 2 * s.misses <= first.misses]
        return min(fit, key=lambda s: (s.misses, s.page_size), default=None)

    def cheapest(self) -> str:
        """What costs least to gain most. Larger pages cost memory; another order, or data laid out anew, costs work."""
        first, best = self.sizes[0], self.best
        if first.misses == first.pages:
            return "nothing: every page misses once, and none twice"
        if best is None:
            return "another order, or data that lie nearer: no larger pages halve the misses for less than twice the memory"
        return (
            f"pages of {size_text(best.page_size)}: {best.misses:,} misses in place of {first.misses:,}, "
            f"{size_text(best.memory)} in place of {size_text(first.memory)}"
        )

    def facts(self) -> list[tuple[str, str]]:
        """A line for each thing that was found out: what, and the finding."""
        first, sets = self.sizes[0], self.working_set
        kinds = ", ".join(counted(n, kind) for kind, n in self.kinds.items())
        return [
            ("references", f"{self.references:,}" + f" ({kinds})" * bool(kinds)),
            ("footprint", f"{counted(first.pages, 'page')} of {size_text(first.page_size)}, {size_text(first.memory)}"),
            ("working set", f"{sets.mean:.1f} pages on average, in {self.window:,} references"),
            ("near", self._nearness()),
            ("enough", f"{counted(self.enough, 'frame')} for 99 of 100 of the faults that frames can avoid"),
            (f"with {self.tight[0].frames:,}", ", ".join(f"{r.policy} {r.faults:,}" for r in self.tight) + " faults"),
            ("cheapest", self.cheapest()),
            ("another order", f"{first.misses:,} misses now, {first.pages:,} if all that is done on a page were done at once"),
        ]  # fmt: skip

    def _nearness(self) -> str:
        if not self.near:
            return "no: more than 1 of 10 references is the first to its page"
        return (
            f"9 of 10 references are to {'the page' if self.near == 1 else f'one of the {self.near:,} pages'} used last"
        )

    def table(self) -> list[tuple[str, ...]]:
        """A row for each page size, below a row of headings."""
        rows: list[tuple[str, ...]] = [("pages of", "reach", "pages", "memory", "misses", "in 1,000 references")]
        for s in self.sizes:
            in_thousand = f"{1000 * s.misses / self.references:.2f}"
            sizes = size_text(s.page_size), size_text(s.reach)
            rows.append((*sizes, f"{s.pages:,}", size_text(s.memory), f"{s.misses:,}", in_thousand))
        return rows

    def _headings(self) -> tuple[str, str]:
        return f"Report on '{self.name}'", f"A TLB of {self.entries:,} {'entry' if self.entries == 1 else 'entries'}"

    def __repr__(self) -> str:
        title, tlb = self._headings()
        return "\n".join([title, *aligned(self.facts()), tlb, *aligned(self.table(), range(6))])

    def _repr_html_(self) -> str:
        title, tlb = self._headings()
        facts = "".join(
            f"<tr><th scope='row' {_LEFT}>{what}</th><td {_LEFT}>{found}</td></tr>" for what, found in self.facts()
        )
        head, *rows = self.table()
        heads = "".join(f"<th scope='col'>{word}</th>" for word in head)
        body = "".join("<tr>" + "".join(f"<td>{word}</td>" for word in row) + "</tr>" for row in rows)
        return (
            f"<table><caption {_CAPTION}>{html.escape(title)}</caption><tbody>{facts}</tbody></table>"
            f"<table><caption {_CAPTION}>{tlb}</caption><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
        )


_LEFT = "style='text-align:left'"
_CAPTION = "style='text-align:left;font-weight:bold;color:inherit'"


def report(
    program: Trace | Callable[[Watch], object],
    *,
    entries: int = ENTRIES,
    page_sizes: Sequence[int] = PAGE_SIZES,
    window: int = WINDOW,
) -> Report:
    """What a program does to memory: of a trace, or of a function of yours that is run here.

    program : a Trace (`Trace.load`, `record`, `Watch`); or a function that is given a `Watch`, and works on arrays it has watched
    entries : of the TLB, any page in any of them
    page_sizes : powers of two; the smallest is the one that footprint, working set and frames are told in
    window : references, of the working set

    TypeError, ValueError, TraceError, LimitError: what was wrong, in one sentence.

    >>> import numpy as np
    >>> report(lambda watch: watch(np.zeros(512)).sum()).sizes[0]
    Size(page_size=4096, reach=131072, pages=1, misses=1)
    """
    if whole("entries", entries) < 1:
        raise ValueError(f"a TLB has 1 entry or more, not {entries}")
    if not page_sizes:
        raise ValueError("a report needs one page size or more")
    return Report(_traced(program), entries, page_sizes, window)


def _traced(program: Any) -> Trace:
    """The trace of what was given. TypeError, TraceError."""
    if callable(program):
        with Watch() as watch:
            program(watch)
        trace = watch.trace
        trace.name = getattr(program, "__name__", "numpy code")
        if not len(trace):
            raise ValueError(
                f"'{trace.name}' touched no array that is watched: let it work on a = watch(np.zeros(...))"
            )
        return trace
    if not isinstance(program, Trace):
        raise TypeError(
            f"a report is on a Trace, or on a function that is given a Watch, not on {type(program).__name__}"
        )
    return program


def _silent(share: float) -> None:
    """No bar: the curves, which take as long, have none either, and a report should be nothing but its text."""


def _kinds(kinds: NDArray[np.uint8]) -> dict[str, int]:
    words = {Kind.LOAD: "load", Kind.STORE: "store", Kind.FETCH: "fetch"}
    return {words[kind]: n for kind, n in zip(Kind, np.bincount(kinds, minlength=len(Kind)).tolist()) if n}


def _counted(curve: MissRatioCurve) -> NDArray[np.int64]:
    assert curve.faults is not None  # exact
    return curve.faults


def _faults(curve: MissRatioCurve, frames: int) -> int:
    faults = _counted(curve)
    return int(faults[min(frames, len(faults)) - 1])


def _fewest(fits: NDArray[np.bool_]) -> int:
    """The fewest frames that fit, where [k] is for k + 1; 0 if none does."""
    return int(fits.argmax()) + 1 if fits.any() else 0
