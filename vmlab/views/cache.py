"""The page cache: each file's pages, in memory or only in the file."""

from typing import NamedTuple

import numpy as np

from ..core.state import NONE, RESIDENT, SHIFT, State
from . import pages, words
from .look import Array, Look, look_at

SHOWN = 256  # pages of a file that are shown one by one


class CachedFile(NamedTuple):
    object: int
    name: str
    npages: int
    nbytes: int
    first: int  # the page of the first element below
    frame: Array  # float64: of each page shown, NONE where only the file has it
    dirty: Array  # uint8
    accessed: Array  # uint8
    locked: Array  # uint8
    sharers: Array  # float64: PTEs that map it
    resident: int  # pages in memory, of the whole file
    ndirty: int


def page_cache(s: State | Look, around: dict[int, int] | None = None, shown: int = SHOWN) -> list[CachedFile]:
    """Every open or mapped file, by name. Of a longer file `shown` pages, those about page `around[object]`."""
    look = look_at(s)
    facts = look.facts
    out = []
    for obj in np.flatnonzero(look.state.objects["used"]).tolist():
        if not look.is_file(obj):
            continue
        npages = look.object(obj, "npages")
        n = min(npages, shown)
        first = max(0, min((around or {}).get(obj, 0) - n // 2, npages - n))
        index, word = pages.words_of(look, obj)
        live = (word & RESIDENT) > 0
        index, frame = index[live], word[live] >> SHIFT
        here = (index >= first) & (index < first + n)
        row = np.full(n, float(NONE))
        row[index[here] - first] = frame[here]
        at = row.astype(np.int64)
        cached = at != NONE
        of = np.where(cached, at, 0)
        marks = (np.where(cached, a[of], 0) for a in (facts.dirty, facts.accessed, facts.locked))
        dirty, accessed, locked = (np.asarray(a, np.uint8) for a in marks)
        out.append(
            CachedFile(
                obj,
                look.file_name(obj),
                npages,
                look.object(obj, "length"),
                first,
                row,
                dirty,
                accessed,
                locked,
                np.where(cached, facts.ptes[of], 0).astype(float),
                len(frame),
                int(facts.dirty[frame].sum()),
            )
        )
    return sorted(out, key=lambda f: (f.name, f.object))


def cache_sentence(s: State | Look, obj: int, index: int, differ: int = 0) -> str:
    """Where a page of a file is, in one sentence. `differ`: its bytes in memory that the file does not have yet."""
    look = look_at(s)
    name = look.file_name(obj)
    if look.object(obj, "npages") == 0:
        return f"{name} is empty: a mapping of it has no page to give (SIGBUS)."
    word = pages.word(look, obj, index)
    if not word & RESIDENT:
        return f"{name} page {index}: only in the file."
    frame = word >> SHIFT
    if not look.facts.dirty[frame]:
        return f"{name} page {index}: in frame {frame}, clean."
    return f"{name} page {index}: in frame {frame}, dirty" + (
        f": {words.plural(differ, 'byte')} differ{'s' if differ == 1 else ''} until writeback." if differ else "."
    )
