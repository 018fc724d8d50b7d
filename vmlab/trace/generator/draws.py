"""References drawn one by one, each independent of those before: the independent reference model."""

import numpy as np

from ...errors import TraceError
from ..trace import Trace
from .sizes import count, random


def uniform(refs: int, pages: int, *, seed: int = 0) -> Trace:
    """References to `pages` pages, each as likely: no locality at all, the worst a program can do."""
    drawn = random(seed).integers(0, count("pages", pages), count("refs", refs), np.uint64)
    return Trace(drawn, page_size=1, name=f"uniform over {pages:,} pages")


def zipf(refs: int, pages: int, *, alpha: float = 1.0, seed: int = 0) -> Trace:
    """References by Zipf's law: the page of rank r is drawn with a probability in proportion to 1 / r ** alpha.

    Ranks are dealt to page numbers at random, so that popular pages are no neighbours. alpha: 0 is uniform; about 1 is what
    caches of the Web see (Breslau et al., Web Caching and Zipf-like Distributions, INFOCOM 1999).
    """
    if not 0 <= alpha <= 100:
        raise TraceError(f"alpha={alpha}: it must be of 0..100")
    rng = random(seed)
    # The rank is where a number of 0..1 falls among the sums of the probabilities up to each rank
    upto = np.cumsum(np.arange(1, count("pages", pages) + 1, dtype=np.float64) ** -alpha)
    ranks = np.searchsorted(upto, rng.random(count("refs", refs)) * upto[-1], side="right")
    return Trace(rng.permutation(pages)[ranks], page_size=1, name=f"Zipf {alpha:g} over {pages:,} pages")
