"""What observers see: the ring of events and the thinned time series of the counters."""

import numpy as np

from ..jit import entry, inline, njit
from .state import NONE, SAMPLED_PROCS, State


@inline
def emit(s, kind, tag, frame, obj, index, arg):
    """Write one event over the oldest. `tag` says whose page, `obj` and `index` which, `arg` as Event documents."""
    m = s.machine[0]
    e = s.events[m.nevent & (s.events.shape[0] - 1)]
    e.now = m.now
    e.tag = tag
    e.index = index
    e.arg = arg
    e.step = m.step
    e.frame = frame
    e.object = obj
    e.kind = kind
    m.nevent += 1
    m.seen |= 1 << kind


@entry
def note(s, kind, tag, frame, obj, index, arg):
    """emit, for Python."""
    emit(s, kind, tag, frame, obj, index, arg)


@njit
def sample(s, now):
    """Note the counters as they stand at time `now`; when the series is full, drop every second row and note half as often."""
    m = s.machine[0]
    if m.nsample == s.samples.shape[0]:
        kept = m.nsample >> 1
        for i in range(kept):
            copy_row(s, i, 2 * i + 1)
        m.nsample = kept
        m.sample_every *= 2
    i = m.nsample
    if i > 0 and s.samples[i - 1].now == now and s.samples[i - 1].step == m.step:
        i -= 1  # the same moment: the later reading stands
    st = s.stat[0]
    row = s.samples[i]
    row.now = now
    row.step = m.step
    row.nevent = m.nevent
    row.refs = now  # one reference, one tick; stat.refs is brought up to date only when a run ends
    row.tlb_misses = st.tlb_misses
    row.walks = st.walks
    row.minflt = st.minflt
    row.majflt = st.majflt
    row.copies = st.copies
    row.pswpin = st.pswpin
    row.pswpout = st.pswpout
    row.pgpgin = st.pgpgin
    row.pgpgout = st.pgpgout
    row.nfree = m.nfree
    for k in range(min(SAMPLED_PROCS, s.procs.shape[0])):
        s.sample_rss[i, k] = s.procs[k].rss
    m.nsample = i + 1
    m.sample_due = now + m.sample_every


@inline
def copy_row(s, to, source):
    """Copy one row of the time series."""
    a = s.samples[to]
    b = s.samples[source]
    a.now = b.now
    a.step = b.step
    a.nevent = b.nevent
    a.refs = b.refs
    a.tlb_misses = b.tlb_misses
    a.walks = b.walks
    a.minflt = b.minflt
    a.majflt = b.majflt
    a.copies = b.copies
    a.pswpin = b.pswpin
    a.pswpout = b.pswpout
    a.pgpgin = b.pgpgin
    a.pgpgout = b.pgpgout
    a.nfree = b.nfree
    for k in range(SAMPLED_PROCS):
        s.sample_rss[to, k] = s.sample_rss[source, k]


@entry
def finish(s):
    """End a call: note the counters, and clear what only matters within one (so that chunks leave no trace)."""
    m = s.machine[0]
    m.cursor = 0
    m.seen = 0
    m.until = 0
    m.victim = NONE
    m.pin = NONE
    m.noswap = 0
    m.reclaimed = 0
    m.stalled = 0
    m.others = 0
    m.bad = NONE
    m.code = 0
    m.major = 0
    if m.nsample == 0 or m.now >= m.sample_due or s.samples[m.nsample - 1].nevent != m.nevent:
        sample(s, m.now)


def between(s: State, first: int, last: int):
    """The events numbered first..last-1 that the ring still holds, oldest first, as a record array of its own."""
    n = len(s.events)
    first = max(first, int(s.machine["nevent"][0]) - n)
    return s.events[np.arange(first, max(first, last)) % n]
