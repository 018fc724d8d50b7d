"""Boot: a machine as it begins, with empty memory and no process."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..jit import rows
from . import recent
from .state import (
    COST,
    CPU,
    EVENT,
    FAN,
    FILE,
    FRAME,
    LEVEL,
    LIST,
    MACHINE,
    NAME_BYTES,
    NODE_BITS,
    NONE,
    OBJECT,
    PRESSURE,
    PROC,
    PSI_PERIOD,
    SAMPLE,
    SAMPLED_PROCS,
    SLOT,
    STAT,
    USE,
    VMA,
    WINDOWS,
    Kind,
    State,
    chain,
)


class Geometry(NamedTuple):
    """How addresses are split: bits of each level's index, topmost first; bytes of a page; pages a program may use."""

    index_bits: tuple[int, ...]
    page_size: int
    task_pages: int


def boot(
    geometry: Geometry,
    nframes: int,
    nslots: int,
    *,
    tlb: tuple[int, int] = (64, 4),
    ncpu: int = 1,
    asids: bool = True,
    contents: bool = True,
    costs: Sequence[int] = (1, 20, 1_000, 300, 100_000, 100_000),
    filesystem: int = 0,
    zero_page: bool = False,
    around: int = 1,
    tracking: bool = False,
    read_ahead: int = 1,
    page_cluster: int = 0,
    min_free: int = 0,
    dirty: tuple[int, int, int, int] = (100, 100, 3000, 0),
    forgetful: bool = False,
    max_map_count: int = 65530,
    swappiness: int = 60,
    tick: int = 1,
    window: int = 1,
    seed: int = 0,
    nprocs: int = 64,
    nevents: int = 1 << 12,
    nsamples: int = 1 << 11,
) -> State:
    """A machine with empty memory and no process. `tlb` is (entries, ways): sets must be a power of two, (0, 0) is none.

    `around`: PTEs filled by a read fault of a file, a power of two. `tracking`: the first store to a clean page faults.
    `read_ahead`: pages read from a file at once. `page_cluster`: the logarithm of the slots read from swap at once.
    `min_free`: the min watermark in frames, 0 for none; low and high stand a quarter of it apart (__setup_per_zone_wmarks).
    `dirty`: dirty_background_ratio, dirty_ratio, dirty_expire, dirty_writeback. `tick`, `window`: in references.
    """
    entries, ways = tlb
    lanes = max(4, -(-ways // 4) * 4)  # ways are compared four at a time
    sets = max(1, entries // max(ways, 1))
    nentry = ncpu * sets * lanes
    fanout = 1 << max(geometry.index_bits)
    size = geometry.page_size if contents else 0
    further = 256
    s = State(
        machine=rows(1, MACHINE),
        stat=rows(1, STAT),
        cost=rows(1, COST),
        pressure=rows(2, PRESSURE),
        level=rows(len(geometry.index_bits), LEVEL),
        cpus=rows(ncpu, CPU),
        procs=rows(nprocs, PROC),
        vmas=rows(64, VMA),
        objects=rows(64, OBJECT),
        files=rows(32, FILE),
        names=np.zeros((64, NAME_BYTES), np.uint8),
        pages=np.zeros(32 * FAN, np.int64),
        page_next=np.full(32, NONE, np.int32),
        tables=np.zeros(32 * fanout, np.int64),
        table_next=np.full(32, NONE, np.int32),
        tlb_tag=np.full(2 * nentry, NONE, np.int64),
        tlb_pte=np.zeros(nentry, np.int64),
        tlb_stamp=np.full(nentry, NONE, np.int64),
        frames=rows(nframes, FRAME),
        uses=rows(nframes + further, USE),
        lists=rows(8, LIST),
        slots=rows(nslots, SLOT),
        shadows=np.zeros(nslots, np.int64),
        events=rows(nevents, EVENT),
        samples=rows(nsamples, SAMPLE),
        sample_rss=np.zeros((nsamples, SAMPLED_PROCS), np.int32),
        sample_wss=np.zeros((nsamples, WINDOWS * SAMPLED_PROCS), np.int16),
        recent=np.zeros(recent.length(nframes), np.int64),
        marked=np.zeros(2 * recent.length(nframes), np.int64),
        content=np.zeros((nframes + zero_page, size), np.uint8),
        swap=np.zeros((nslots, size), np.uint8),
    )
    m = s.machine[0]
    m.ncpu, m.asids, m.filesystem, m.random = ncpu, asids, filesystem, seed
    m.zero_frame = nframes if zero_page else NONE
    m.overcommit_ratio = 50
    m.psi_due = PSI_PERIOD
    m.around, m.tracking, m.read_ahead = around, tracking, read_ahead
    m.cluster, m.swapper = 1 << page_cluster, NONE
    gap = max(1, min_free // 4)
    m.least, m.low, m.high = (min_free, min_free + gap, min_free + 2 * gap) if min_free else (0, 0, 0)
    m.wake = m.low + 1
    m.dirty_background_ratio, m.dirty_ratio, m.dirty_expire, m.dirty_writeback = dirty
    m.forgetful, m.max_map_count = forgetful, max_map_count
    m.swappiness, m.tick, m.window = swappiness, tick, window
    m.victim = m.pin = m.head = m.tail = m.hand = m.bad = NONE
    m.page_size, m.page_shift = geometry.page_size, geometry.page_size.bit_length() - 1
    m.levels, m.fanout = len(geometry.index_bits), fanout
    m.vpn_bits, m.task_pages = sum(geometry.index_bits), geometry.task_pages
    m.tlb_sets, m.tlb_ways, m.tlb_stores = sets, lanes, nentry
    padding = np.arange(nentry) % lanes >= (ways if entries else 0)
    s.tlb_stamp[padding] = np.iinfo(np.int64).max >> 8  # lanes that only fill a vector: never the oldest, so never used
    low = 0
    for k, bits in enumerate(reversed(geometry.index_bits)):
        s.level[k] = (low, (1 << bits) - 1)
        low += bits
    s.cost[0] = tuple(costs)
    m.table_free = m.node_free = NONE
    m.table_top, m.node_top = fanout, FAN  # table 0 and node 0 stay empty, so that 0 names none
    m.nname = 1  # name 0 is the empty name
    m.sample_every = 1
    for field in ("root", "nodes", "private"):
        s.procs[field] = NONE
    s.cpus["root"] = s.cpus["proc"] = NONE
    for field in ("root", "nodes"):
        s.objects[field] = NONE
    for field in ("slot", "prev"):
        s.frames[field] = NONE
    if page_cluster and nslots:
        open_swap_cache(s, nslots)
    m.free, m.nfree, m.online = 0, nframes, nframes
    s.frames["next"] = np.arange(1, nframes + 1)
    s.frames["next"][-1] = NONE
    for field in ("page", "pte", "tag", "object", "next"):
        s.uses[field] = NONE
    m.use_free = chain(s.uses["next"], nframes, NONE)
    m.slot_free = chain(s.slots["frame"], 0, NONE)
    m.nslot_free = nslots
    return s


def open_swap_cache(s: State, nslots: int) -> None:
    """Object 0 becomes the swap cache, with a page for each slot (mm/swap_state.c, swapper_spaces)."""
    height = -(-max(1, (nslots - 1).bit_length()) // NODE_BITS)
    o = s.objects[0]
    o.length, o.npages, o.height = nslots * int(s.machine["page_size"][0]), nslots, height
    o.kind, o.used, o.proc, o.dirtied = Kind.SWAP, 1, NONE, NONE
    s.machine["swapper"][0] = 0
