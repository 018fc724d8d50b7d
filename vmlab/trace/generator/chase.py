"""A pointer chase: each load says where the next one goes, in an order without order."""

import numpy as np

from ..trace import Trace
from .sizes import BASE, count, random


def chase(refs: int, nodes: int, *, node_size: int = 64, seed: int = 0) -> Trace:
    """Loads along a ring of `nodes` nodes of node_size bytes each, laid out side by side and linked in a random order.

    All nodes are visited before any comes again. No processor can run ahead of such loads, which is why memory's latency is
    measured so (McVoy and Staelin, lmbench, USENIX 1996).
    """
    count("node_size", node_size)
    tour = random(seed).permutation(count("nodes", nodes))
    visits = tour[np.arange(count("refs", refs)) % nodes].astype(np.uint64)
    name = f"pointer chase through {nodes:,} nodes of {node_size:,} bytes"
    return Trace(np.uint64(BASE) + visits * np.uint64(node_size), np.zeros(refs, np.uint8), name=name)
