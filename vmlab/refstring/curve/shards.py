"""Sampled miss-ratio curves: SHARDS (Waldspurger, Park, Garthwaite, Ahmad, "Efficient MRC construction with SHARDS", FAST 2015).

A page is in the sample if its hash is below rate * 2**32: all its references, or none. Between two uses of a page then stand
about rate times as many other pages as in the whole string, so a distance in the sample stands for one of distance / rate.

How far off is that? The pages of the sample are dealt to PARTS parts, and the curve is made again without each of them. How much
these curves differ is how much chance there is in the sample (the jackknife: Efron and Stein, Annals of Statistics 9(3), 1981).
"""

import numpy as np
from numpy.typing import NDArray

from ...jit import entry, inline, prefetch_to_read
from .. import dense
from ..bar import Tell
from ..pacing import AnyString
from ..state import FAR
from ..string import ReferenceString
from . import distances

PARTS = 8
BLOCK = 32


def sample(string: AnyString, rate: float, tell: Tell = lambda share: None) -> ReferenceString:
    """The references of the pages whose hash is below rate * 2**32, in order. May be empty. tell(share) is called as it is read."""
    kept = []
    for part, share in string.parts():
        out = np.empty(len(part) + BLOCK, np.uint32)
        n = keep(part, min(int(rate * (1 << 32)), 0xFFFF_FFFF), out)
        kept.append(out[:n].copy())
        tell(share)
    pages = np.concatenate(kept)
    ids, labels = dense.number(pages.astype(np.uint64)) if len(pages) else (pages, np.empty(0, np.uint64))
    return ReferenceString(ids, len(labels), labels)


@entry
def keep(ids, limit, out):
    """Copy to `out` the ids whose hash is below the limit; returns how many.

    Few are, so 32 are tested at once, without branches, by vector instructions; only a block that holds one is gone through.
    """
    n = 0
    whole = len(ids) & ~(BLOCK - 1)
    for start in range(0, whole, BLOCK):
        prefetch_to_read(ids, start + FAR)
        prefetch_to_read(ids, start + FAR + BLOCK // 2)  # a block is two lines of the host's cache
        found = np.uint32(0)
        for k in range(BLOCK):
            found |= np.uint32(mixed(ids[start + k]) < limit)
        if found:
            for k in range(BLOCK):
                out[n] = ids[start + k]
                n += np.int64(mixed(ids[start + k]) < limit)
    for i in range(whole, len(ids)):
        out[n] = ids[i]
        n += np.int64(mixed(ids[i]) < limit)
    return n


@inline
def mixed(page):
    """The page's hash, 32 bits: multiplicative hashing, its high bits mixed into the low ones."""
    h = np.uint32(np.int64(page) * 0x5851F42D)
    return np.uint32(h ^ (h >> np.uint32(15)))


def miss_ratios(part: ReferenceString, rate: float, references: int, sizes: NDArray[np.int64]) -> NDArray[np.float64]:
    """The miss ratio with each number of frames, from a sample of a string with so many references.

    A page that is used very often and is in the sample by chance, or is not, would tilt the whole curve; so the sample is brought
    to the length it should have, rate * references, by adding or taking references of the smallest distance (SHARDS-adj).
    """
    state = distances.start(part)
    distances.run(part.ids, state)
    wanted = references * rate
    hits = np.cumsum(state.histogram) + (wanted - len(part))
    reach = np.minimum(np.ceil(sizes * rate).astype(np.int64), len(hits)) - 1
    return np.asarray(np.clip(1 - hits[reach] / wanted, 0, 1))


def errors(part: ReferenceString, rate: float, references: int, sizes: NDArray[np.int64]) -> NDArray[np.float64]:
    """The standard error of `miss_ratios`; NaN where the sample has fewer pages than there are parts."""
    pages = np.unique(part.ids)
    if len(pages) < PARTS:
        return np.full(len(sizes), np.nan)
    dealt = np.zeros(part.npages, np.int64)
    dealt[pages] = np.arange(len(pages)) % PARTS
    curves = []
    for k in range(PARTS):
        rest = ReferenceString(part.ids[dealt[part.ids] != k], part.npages)
        curves.append(miss_ratios(rest, rate * (PARTS - 1) / PARTS, references, sizes))
    off = np.array(curves) - np.mean(curves, axis=0)
    return np.asarray(np.sqrt((PARTS - 1) / PARTS * (off**2).sum(axis=0)))
