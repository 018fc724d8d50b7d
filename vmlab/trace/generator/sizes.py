"""Checks that generators share."""

from typing import Any

import numpy as np

from ...errors import LimitError, TraceError, whole

MOST = 1 << 31  # references, and pages: 16 GiB of addresses
BASE = 0x1000_0000  # where memory begins that a generator lays out, at a page's beginning


def count(name: str, n: Any, least: int = 1) -> int:
    """A whole number of `least` or more. TypeError, TraceError, LimitError."""
    number = whole(name, n)
    if number < least:
        raise TraceError(f"{name}={number}: it must be a whole number of {least} or more")
    if number > MOST:
        raise LimitError(f"{name}={number:,}: at most {MOST:,}")
    return number


def random(seed: Any) -> np.random.Generator:
    """numpy's PCG64, named so that a later numpy's default changes no trace. TypeError, TraceError."""
    n = whole("seed", seed)
    if n < 0:
        raise TraceError(f"seed={n}: it must be a whole number of 0 or more")
    return np.random.Generator(np.random.PCG64(n))
