"""What observers see: the ring of events and the thinned time series of the counters."""

import numpy as np

from ..jit import entry, inline, njit
from . import frames, psi, recent
from .state import NONE, SAMPLED_PROCS, WINDOWS, Kind, State

FREE = 1 << 22  # frames and references that samples may count before they have to be earned (`sample`)


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
    """Note the counters as they stand at time `now`; when the series is full, drop every second row and note half as often.

    Dirty pages and working sets are not counted as they come, but each time in one pass over the frames, or over the last
    references. So that this never costs more than some percent of the work itself, such passes are paid for: with FREE, of
    which an eighth is to last while time doubles, and with one frame for 8 references and 2048 for each call. A sample that
    cannot pay says NONE. (What was paid is in the state, so that the same calls give the same samples, whatever the chunks.)
    """
    m = s.machine[0]
    if m.nsample == s.samples.shape[0]:
        kept = m.nsample >> 1
        for i in range(kept):
            if s.samples[2 * i + 1].dirty == NONE:  # what was counted last is not lost with the row that is dropped
                copy_counts(s, 2 * i + 1, 2 * i)
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
    row.ns = psi.now(s) + (now - m.now) * s.cost[0].tlb
    row.some = s.pressure[0].total
    row.full = s.pressure[1].total
    row.dirty = NONE
    row.dirty_files = NONE
    for k in range(min(SAMPLED_PROCS, s.procs.shape[0])):
        s.sample_rss[i, k] = s.procs[k].rss
    for k in range(WINDOWS * SAMPLED_PROCS):
        s.sample_wss[i, k] = NONE
    m.nsample = i + 1
    m.sample_due = now + m.sample_every
    m.sample_late = now + max(m.sample_every, s.recent.shape[0] >> 2 * (WINDOWS - 1))  # the shortest window
    if now - m.counted >= now // max(1, FREE // (8 * price(s))):
        count(s)


@inline
def price(s):
    """How many frames and references are passed over to count for one sample."""
    return s.frames.shape[0] + s.recent.shape[0]


@njit
def count(s):
    """Count the dirty pages in memory into the newest sample, and ask for its working sets (recent.note), if that can be paid."""
    m = s.machine[0]
    row = s.samples[m.nsample - 1]
    if FREE + (row.now >> 3) + (m.step << 11) - m.looked < price(s):
        return
    m.looked += price(s)
    m.counted = row.now
    m.wanted = 1
    row.dirty = 0
    row.dirty_files = 0
    for f in range(s.frames.shape[0]):
        if s.uses[f].page != NONE and frames.dirty(s, f):
            row.dirty += 1
            if s.objects[s.uses[f].object].kind == Kind.FILE:
                row.dirty_files += 1


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
    a.ns = b.ns
    a.some = b.some
    a.full = b.full
    for k in range(SAMPLED_PROCS):
        s.sample_rss[to, k] = s.sample_rss[source, k]
    copy_counts(s, to, source)


@inline
def copy_counts(s, to, source):
    """Copy what is not counted for every row."""
    s.samples[to].dirty = s.samples[source].dirty
    s.samples[to].dirty_files = s.samples[source].dirty_files
    for k in range(WINDOWS * SAMPLED_PROCS):
        s.sample_wss[to, k] = s.sample_wss[source, k]


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
        if s.samples[m.nsample - 1].dirty == NONE:
            count(s)
    if m.wanted != 0:
        recent.note(s)


def between(s: State, first: int, last: int):
    """The events numbered first..last-1 that the ring still holds, oldest first, as a record array of its own."""
    n = len(s.events)
    first = max(first, int(s.machine["nevent"][0]) - n)
    return s.events[np.arange(first, max(first, last)) % n]
