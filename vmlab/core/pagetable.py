"""Page tables: radix trees of PTEs, all tables in one array of words.

    root --> [ .. | table<<12 P | .. ] --> [ .. | table<<12 P | .. ] --> ... --> leaf [ .. | frame<<12 D A U W P | .. ]

A position is an index into s.tables. A table is named by the position of its first word, so a step of the walk is shift, add,
load. On hardware the name would be the frame that holds the table; here tables live in a pool of their own (design: they are
counted in VmPTE and take no data frames).
"""

from ..jit import entry, inline, njit, prefetch
from .state import NONE, SHIFT, P, U, W


@inline
def walk(s, root, vpn):
    """The position of the leaf PTE of vpn, or NONE if a table on the way is missing. Changes nothing."""
    if root == NONE:
        return NONE
    table = root
    for k in range(s.level.shape[0] - 1, 0, -1):
        v = s.level[k]
        pte = s.tables[table + ((vpn >> v.shift) & v.mask)]
        if not pte & P:
            return NONE
        table = pte >> SHIFT
    return table + (vpn & s.level[0].mask)


@entry
def locate(s, root, vpn):
    """walk, for Python."""
    return walk(s, root, vpn)


@inline
def ahead(s, root, vpn):
    """Ask the host for the line of vpn's PTE, if there is one: what an out-of-order MMU would have in flight."""
    table = root
    for k in range(s.level.shape[0] - 1, 0, -1):
        v = s.level[k]
        table = s.tables[table + ((vpn >> v.shift) & v.mask)] >> SHIFT  # 0, the table nobody uses, where one is missing
    prefetch(s.tables, table + (vpn & s.level[0].mask))


@njit
def stretch(s, root, vpn):
    """Pages from vpn to the end of the leaf or missing table that covers it: by this much can a range loop skip."""
    table = root
    for k in range(s.level.shape[0] - 1, 0, -1):
        v = s.level[k]
        pte = s.tables[table + ((vpn >> v.shift) & v.mask)] if table != NONE else 0
        if not pte & P:
            return (1 << v.shift) - (vpn & ((1 << v.shift) - 1))
        table = pte >> SHIFT
    return s.level[0].mask + 1 - (vpn & s.level[0].mask)


@njit
def following(s, root, start, stop):
    """The first page in start..stop-1 that a PTE maps, or NONE: what a system call does to a range, it does page by page."""
    v = start
    while v < stop:
        end = min(stop, v + stretch(s, root, v))
        at = walk(s, root, v)
        if at != NONE:
            for k in range(end - v):
                if s.tables[at + k] & P:
                    return v + k
        v = end
    return NONE


@inline
def room(s):
    """Is there room for one new path, whatever is missing?"""
    m = s.machine[0]
    return m.table_top + (m.levels + 1) * m.fanout <= s.tables.shape[0]


@njit
def make(s, row):
    """A zeroed table, charged to the process in `row`. room() must hold."""
    m = s.machine[0]
    p = s.procs[row]
    t = m.table_free
    if t != NONE:
        m.table_free = s.table_next[t]
    else:
        t = m.table_top // m.fanout
        m.table_top += m.fanout
    s.table_next[t] = p.nodes
    p.nodes = t
    p.ntables += 1
    return t * m.fanout


@njit
def reach(s, row, vpn):
    """The position of the leaf PTE of vpn, making the tables on the way. room() must hold."""
    p = s.procs[row]
    if p.root == NONE:
        p.root = make(s, row)
        for c in range(s.cpus.shape[0]):
            if s.cpus[c].proc == row:
                s.cpus[c].root = p.root
    table = p.root
    for k in range(s.level.shape[0] - 1, 0, -1):
        v = s.level[k]
        at = table + ((vpn >> v.shift) & v.mask)
        if not s.tables[at] & P:
            s.tables[at] = (make(s, row) << SHIFT) | U | W | P
        table = s.tables[at] >> SHIFT
    return table + (vpn & s.level[0].mask)


@entry
def prune(s, row, start, stop, floor, ceiling, highest):
    """Give back the tables that led to pages start..stop-1 of a process, which nothing maps any more, and to no page outside
    floor..ceiling-1; up to the tables of level `highest`, of which 1 is the leaf. The root stays (mm/memory.c, free_pgd_range).
    """
    root = s.procs[row].root
    if root == NONE:
        return
    for k in range(1, min(highest + 1, s.level.shape[0])):
        span = 1 << s.level[k].shift  # pages that a table of level k leads to
        v = start & ~(span - 1)
        while v < stop:
            at = entry_of(s, root, v, k)
            if at != NONE and s.tables[at] & P and floor <= v and v + span <= ceiling:
                give(s, row, s.tables[at] >> SHIFT)
                s.tables[at] = 0
            v += max(span, stretch(s, root, v)) if k == 1 else span


@njit
def entry_of(s, root, vpn, level):
    """The position of the entry that names the table of a level on the way to vpn, or NONE if a table above is missing."""
    table = root
    for k in range(s.level.shape[0] - 1, level, -1):
        v = s.level[k]
        pte = s.tables[table + ((vpn >> v.shift) & v.mask)]
        if not pte & P:
            return NONE
        table = pte >> SHIFT
    v = s.level[level]
    return table + ((vpn >> v.shift) & v.mask)


@njit
def give(s, row, table):
    """Put a table that is all zero on the free list."""
    m = s.machine[0]
    p = s.procs[row]
    t = table // m.fanout
    before = NONE
    n = p.nodes
    while n != t:
        before = n
        n = s.table_next[n]
    if before == NONE:
        p.nodes = s.table_next[t]
    else:
        s.table_next[before] = s.table_next[t]
    s.table_next[t] = m.table_free
    m.table_free = t
    p.ntables -= 1


@entry
def release(s, row):
    """Give back all tables of a process that ends. Its PTEs must be unmapped already."""
    m = s.machine[0]
    p = s.procs[row]
    t = p.nodes
    while t != NONE:
        for i in range(t * m.fanout, (t + 1) * m.fanout):
            s.tables[i] = 0
        after = s.table_next[t]
        s.table_next[t] = m.table_free
        m.table_free = t
        t = after
    p.nodes = NONE
    p.root = NONE
    p.ntables = 0
    for c in range(s.cpus.shape[0]):
        if s.cpus[c].proc == row:
            s.cpus[c].root = NONE
