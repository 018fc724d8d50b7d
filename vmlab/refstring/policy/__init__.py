"""Replacement policies of the replay engine: one file each, one line in POLICIES. A policy is two functions:

start(string, frames, **options) -> State    a NamedTuple of arrays, memory empty. Working set and PFF have no frames but a
                                             window or an interval
run(ids, state) -> faults                    replay the next ids, changing the state: one reference, or all of them

So a string can be replayed in parts, or one reference at a time, with the same faults. run is compiled when it is first called.
One that keeps positions of references has a third, for strings in files (see pacing.py):

renew(state)                                 count positions anew, from the pages in memory; what is in memory stays

and one that may look at every frame at each fault says LOOKS_AT_ALL = True.
"""

import inspect
from types import ModuleType
from typing import Any

from .. import own
from . import (
    aging,
    arc,
    clock,
    fifo,
    lfu,
    lirs,
    lru,
    mru,
    nru,
    opt,
    pff,
    random,
    s3_fifo,
    sieve,
    slru,
    two_q,
    w_tinylfu,
    working_set,
)

POLICIES: dict[str, ModuleType] = {
    "fifo": fifo,
    "lru": lru,
    "clock": clock,
    "sieve": sieve,
    "opt": opt,
    "mru": mru,
    "lfu": lfu,
    "random": random,
    "nru": nru,
    "aging": aging,
    "slru": slru,
    "2q": two_q,
    "arc": arc,
    "lirs": lirs,
    "s3-fifo": s3_fifo,
    "w-tinylfu": w_tinylfu,
    "working-set": working_set,
    "pff": pff,
}


def find(given: Any) -> Any:
    """The policy of that name, or one of one's own (own.py), which is a function or a class. TypeError, ValueError."""
    if not isinstance(given, str):
        return own.own(given, tuple(POLICIES))
    if given.lower() not in POLICIES:
        raise ValueError(f"there is no policy {given!r}; there are {', '.join(POLICIES)}")
    return POLICIES[given.lower()]


def name_of(given: Any) -> str:
    """What a policy is called, given as `find` takes it."""
    return given.lower() if isinstance(given, str) else str(find(given).name)


def needs_future(policy: Any) -> bool:
    """Does `start` read the whole string?"""
    return policy is opt


def parameters(policy: Any) -> dict[str, Any]:
    """What `start` takes beside the string, with its defaults; inspect.Parameter.empty: must be given."""
    found = inspect.signature(policy.start).parameters
    return {name: p.default for name, p in list(found.items())[1:]}
