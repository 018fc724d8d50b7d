"""Queues of pages: doubly linked circles through one array, each closed by a node of its own, its head.

    newest -> ... -> oldest          link[head, NEXT] is the newest, link[head, PREV] the oldest;
      ^                |             of an empty queue both are the head itself
      +----- head <----+             page p is node p, the heads are the nodes after the last page

A page is in one queue at most. Both links of a page lie side by side: one line of the host's cache.
"""

import numpy as np
from numba import uint64
from numpy.typing import NDArray

from ..jit import inline

PREV, NEXT = 0, 1


def circles(npages: int, nqueues: int) -> NDArray[np.int32]:
    """The links of npages pages and nqueues empty queues; the head of queue k is node npages + k."""
    return np.repeat(np.arange(npages + nqueues, dtype=np.int32), 2).reshape(-1, 2)


@inline
def push(link, head, p):
    """Page p, which is in no queue, becomes the newest of the queue of head."""
    newest = link[uint64(head), NEXT]
    link[uint64(p), PREV] = head
    link[uint64(p), NEXT] = newest
    link[uint64(newest), PREV] = p
    link[uint64(head), NEXT] = p


@inline
def remove(link, p):
    """Page p leaves its queue."""
    newer = link[uint64(p), PREV]
    older = link[uint64(p), NEXT]
    link[uint64(newer), NEXT] = older
    link[uint64(older), PREV] = newer


@inline
def oldest(link, head):
    """The oldest page of the queue of head; head itself if there is none."""
    return np.int64(link[uint64(head), PREV])


@inline
def newest(link, head):
    """The newest page of the queue of head; head itself if there is none."""
    return np.int64(link[uint64(head), NEXT])
