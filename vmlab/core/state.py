"""Everything the machine is: its constants, the types of its rows, and State, a NamedTuple of arrays and nothing else.

    vmas     sorted by (process, address): what is mapped                    edited by Python calls, read by faults
    pages    radix trees of 512-word nodes: page of an object -> frame|slot  the page cache and private memory; the truth
    tables   radix trees of PTEs: virtual page -> frame                      derived; may be dropped at any time
    tlb_*    copies of some PTEs                                             derived; never wider than the PTE
    uses     who uses a frame: the page words that own it, the PTEs that map it      the reverse map

Shapes are fixed at boot but for the pools (tables, pages, uses, vmas, objects, files, names), which start small and double
when full: a machine of 1 TiB costs what it touches. A pool grows between two runs of the core, never within one.
"""

import hashlib
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np

from ..byref import pass_by_reference

NONE = -1
PSI_PERIOD = 2_001_000_000  # ns between two averages of pressure: PSI_FREQ, 2 s and a tick of 1/1000 s

# A PTE, with x86-64's bits:
#
#      63  62        12 11     7   6   5   4   3   2   1   0
#    +----+------------+--------+---+---+---+---+---+---+---+
#    | NX | frame      |        | D | A |       | U | W | P |     above the leaves: the first word of the next table
#    +----+------------+--------+---+---+---+---+---+---+---+
#
# PROT_NONE takes U away and keeps P, so that the frame stays mapped and comes back without a fault (Linux has a bit of its
# own for that, _PAGE_PROTNONE; the effect on programs is the same).
P, W, U, A, D = 1, 2, 4, 0x20, 0x40
NX = -(1 << 63)
SHIFT = 12  # of the frame number in a PTE, of the frame or slot in a page word: 12 whatever the page size
FRAME_MASK = (1 << 51) - 1  # after the shift: drops NX

# A page word of an object:   63..12 frame or slot | SHADOW GUARD ALONE NODE SWAPPED RESIDENT;   0 = nothing there
# GUARD stands alone, in private objects only, for a page of any mapping that MADV_GUARD_INSTALL has closed.
# SHADOW stands alone, in files only: nothing is there, and above it stands when the page was evicted (policy/workingset.py).
RESIDENT, SWAPPED, NODE, ALONE, GUARD, SHADOW = 1, 2, 4, 8, 16, 32
HELD = RESIDENT | SWAPPED | GUARD  # one of these is set in every word of a leaf that holds something
NODE_BITS = 9  # 512 words to a node
FAN = 1 << NODE_BITS
EXT4, TMPFS = 0, 1  # machine.filesystem
TALLEST = 6  # levels of the tallest object: 2**54 pages

# A tag names a page of a process to the TLB and to the VMA table:   62..48 process row | 47..0 virtual page number
ASID_SHIFT = 48
VPN_MASK = (1 << ASID_SHIFT) - 1

# Marks of a frame
DIRTY = 1  # changed since its bytes last went to file or swap (also: D of any PTE)
LOCKED = 2  # mlock: never evicted
COSLOT = 4  # page words that do not live in it name its swap slot
EXCLUSIVE = 8  # private, and its one owner may write it without asking (Linux: PageAnonExclusive)
FAILED = 16  # its writeback failed: keep it
OFFLINE = 32  # taken out of service
LAZYFREE = 64  # MADV_FREE: while no store makes it dirty again, its bytes may be forgotten


class Exit(IntEnum):
    """Why the core came back. An exit precedes any side effect but, perhaps, a frame made free: running again is harmless."""

    DONE = 0
    LIMIT = 1  # a chunk ended, or an event that was waited for happened
    SEGV = 2  # machine.bad, machine.code
    BUS = 3
    OOM = 4  # no frame can be made free
    READ = 5  # bring page io_index of io_object into a frame, and perhaps its neighbours io_first..io_stop-1
    WRITE = 6  # write frame io_frame back to page io_index of io_object
    VICTIM = 7  # a policy in plain Python is to name a frame
    GROW = 8  # the pool machine.grow is full
    THROTTLE = 9  # a store would make a page of a file dirty beyond machine.dirty_room: some are to be written first


class Code(IntEnum):
    """si_code of a signal, Linux's numbers (sigaction(2))."""

    NONE = 0
    MAPERR = 1
    ACCERR = 2
    ADRERR = 2
    KERNEL = 128


class Access(IntEnum):
    """What an access wants to do, in the bits of PROT_* (mmap(2))."""

    READ = 1
    WRITE = 2
    EXEC = 4


class Event(IntEnum):
    """What the slow paths do, one word each; the arg of an event is named beside it."""

    ZERO = 0  # a zeroed frame for an untouched anonymous page
    PAGEIN = 1  # a page of a file read into a frame
    SWAPIN = 2  # arg: slot
    COPY = 3  # copy-on-write; arg: the frame copied from
    REUSE = 4  # the last owner of a copy-on-write page keeps its frame
    MAP = 5  # the page was in memory, a PTE was missing or narrower
    DROP = 6  # evicted without a write: file or slot still has its bytes; arg: slot
    SWAPOUT = 7  # evicted to swap; arg: slot
    WRITEBACK = 8  # written back to its file
    FORK = 9  # arg: the child's row
    EXIT = 10
    OOMKILL = 11  # arg: its score; index: its oom_score_adj
    FAULT = 12  # never emitted: in `until=`, any of FAULTS
    ZEROPAGE = 13  # an untouched anonymous page is read: the shared zero page is mapped
    AROUND = 14  # fault-around: neighbours in the page cache mapped too; arg: how many
    READAHEAD = 15  # further pages of a file read with one; arg: how many
    MKWRITE = 16  # the first store to a clean page of a file, which dirty tracking makes a fault
    SWAPAHEAD = 17  # further slots of swap read with one, from slot `index` on; arg: how many
    KSWAPD = 18  # free frames were down at the low watermark; arg: how many kswapd freed; index: how many are free now


FAULTS = sum(
    1 << e
    for e in (Event.ZERO, Event.PAGEIN, Event.SWAPIN, Event.COPY, Event.REUSE, Event.MAP, Event.ZEROPAGE, Event.MKWRITE)
)


class Kind(IntEnum):
    """Of a memory object."""

    PRIVATE = 0  # the private pages of one process, indexed by virtual page number
    SHARED = 1  # shared anonymous memory
    FILE = 2
    SWAP = 3  # the swap cache: pages read along from swap that nobody has asked for yet, indexed by slot


class Mark(IntEnum):
    """Of a VMA; bits."""

    SHARED = 1
    NORESERVE = 2
    LOCKED = 4  # mlock: its pages are in memory and stay there
    ONFAULT = 8  # with LOCKED: only once they are touched
    HEAP = 16  # made by brk
    GROWSDOWN = 32
    MAYNOTWRITE = 64  # shared, through a descriptor that may not write: mprotect must refuse PROT_WRITE
    ACCOUNT = 128  # its pages are promised: private and, some time since its first page, writable (Linux: VM_ACCOUNT)
    DONTFORK = 256
    WIPEONFORK = 512
    RANDOM = 1024  # madvise: no read-ahead
    SEQUENTIAL = 2048  # madvise: read ahead, not around
    DONTDUMP = 1 << 16  # madvise: left out of core dumps; this and the next two are remembered and do nothing here
    HUGEPAGE = 1 << 17
    NOHUGEPAGE = 1 << 18


def _row(**fields: str) -> np.dtype[Any]:
    return np.dtype(list(fields.items()))


def _words(names: str) -> np.dtype[Any]:
    return _row(**dict.fromkeys(names.split(), "i8"))


MACHINE = _words(
    "now step cpu ncpu asids cursor "  # time in references; the history's step; which cpu; progress of a bulk or byte run
    "policy touches hand head tail victim "  # replacement
    "tick tick_due window "  # in references: how often accessed bits are read, when next; how far a working set looks back
    "swappiness age cost_anon cost_file turn seen_anon seen_file "  # policies with lists (policy/linux.py)
    "youngest oldest_anon oldest_file gone_anon gone_file back_anon back_file "  # generations (policy/mglru.py)
    "zero_frame around tracking read_ahead "  # knobs: the frame of the zero page, NONE without one; the others in pages
    "least low high wake "  # watermarks: of free frames; with fewer than `wake`, low + 1 or high + 1, a fault has some emptied
    "scanned reclaimed stalled "  # frames a policy has looked at; what reclaim did for this fault: by kswapd; itself at all?
    "cluster swapper "  # slots read from swap at once; the object of Kind.SWAP, NONE if that is one
    "pin noswap "  # victims to spare: the source of a copy under way; while noswap, pages that would need a swap slot
    "free nfree online "  # frames
    "page_shift page_size levels fanout tlb_sets tlb_ways tlb_stores vpn_bits task_pages "  # geometry
    "table_top table_free node_top node_free use_free slot_free nslot_free nvma hint nname "  # allocators; VMA cache
    "nevent seen until nsample sample_due sample_late sample_every "  # observers; a miss is sampled when due, hits when late
    "looked counted wanted "  # frames and references that samples have passed over; when last; are working sets to be noted now?
    "leaf major bad code io_object io_index io_frame io_first io_stop grow "  # answers to an exit
    "last_pid last_anon queue_length queue_at filesystem random "
    "overcommit overcommit_ratio "  # what may be promised: mode 0, 1 or 2; percent of RAM in mode 2
    "psi_due others "  # pressure: when it is averaged next (ns); does another process want to run?
    "guards "  # was ever a guard installed? Only then do faults look for one
    "forgetful "  # of TLB shootdowns: the entries of other cpus stay
    "dirty_background_ratio dirty_ratio dirty_expire dirty_writeback "  # of /proc/sys/vm; the last two in hundredths of a second
    "flush_due dirty_seen written_seen nr_dirtied "  # when the flusher wakes, in ns; nr_dirty and pgpgout when it last looked
    "dirty_room "  # pages that stores may make dirty before their writer is throttled
    "max_map_count "  # of VMAs of a process
    "fail_frame fail_swap"  # failures on demand: how many more until one fails (core/failing.py)
)
STAT = _words(
    "refs tlb_misses walks minflt majflt zero copies reuses pswpin pswpout pgpgin pgpgout evictions shootdowns oom_kill "
    "pgscan_kswapd pgscan_direct pgsteal_kswapd pgsteal_direct allocstall "  # reclaim: frames looked at, frames emptied; waits
    "swap_ra swap_ra_hit "  # pages read along from swap; of them, those that were wanted
    "pgactivate pgdeactivate "  # between the lists of a policy that has an active and an inactive one
    "workingset_refault_anon workingset_refault_file workingset_activate_anon workingset_activate_file "
    "workingset_restore_anon workingset_restore_file"  # pages that came back; so soon that they count as active; that were so
)
COST = _words(
    "tlb walk fault copying read write"
)  # ns: a TLB hit, one level of a walk, a fault's trap, a page copied, device
LEVEL = _row(shift="i8", mask="i8")
CPU = _words("proc root asid")  # row of the running process, its top table (position in tables)
# limit_*, hard_*: the soft and the hard limit in bytes, -1 (RLIM_INFINITY) is none
# future: Mark bits that new mappings get, mlockall(MCL_FUTURE)
PROC = _row(
    alive="i8", pid="i8", parent="i8", root="i8", nodes="i8", private="i8", minflt="i8", majflt="i8", rss="i8", nswap="i8",
    ntables="i8", start_brk="i8", brk="i8", gone="i8", name="i8",
    limit_as="i8", limit_data="i8", limit_memlock="i8", future="i8",
    oom_score_adj="i8", stopped="i8",
    limit_stack="i8", hard_as="i8", hard_data="i8", hard_memlock="i8", hard_stack="i8",
)  # fmt: skip
VMA = _row(first="i8", stop="i8", pgoff="i8", object="i4", prot="i4", marks="i4", file="i4", anon="i4", name="i4")
# ndirty: dirty pages of a file; dirtied: when it got the first of them, in ns, NONE if it has none (both as of dirty.survey)
# failed: did a writeback fail that nobody waited for, and no fsync or msync has told of it yet? (Linux: errseq_t mapping->wb_err)
OBJECT = _row(
    length="i8", npages="i8", root="i8", nodes="i8", kind="i4", refs="i4", height="i4", used="i4", name="i4", proc="i4",
    ndirty="i8", dirtied="i8", failed="i8",
)  # fmt: skip
FILE = _row(object="i4", mode="i4", refs="i4", used="i4")  # an open file description; mode: Access.READ | Access.WRITE
FRAME = _row(loaded="i8", slot="i4", marks="i4", prev="i4", next="i4", word="i8")  # word: the policy's own note
LIST = _words("head tail length")  # of frames, through their prev and next: head is the newest
USE = _row(page="i8", pte="i8", tag="i8", index="i8", object="i4", next="i4")
PRESSURE = _words("total seen avg10 avg60 avg300")  # ns stalled, of them averaged; percents, 11 bits behind the point
SLOT = _row(refs="i4", frame="i4")
EVENT = _row(now="i8", tag="i8", index="i8", arg="i8", step="i4", frame="i4", object="i4", kind="i4")
# ns: simulated time; some, full: ns stalled (core/psi.py); dirty, of which dirty_files: pages, NONE where they were not counted
SAMPLE = _words(
    "now step nevent refs tlb_misses walks minflt majflt copies pswpin pswpout pgpgin pgpgout nfree ns some full dirty dirty_files"
)
SAMPLED_PROCS = 8  # resident and working sets sampled: those of the first eight process rows
WINDOWS = 3  # over which working sets are counted (core/recent.py)


@pass_by_reference
class State(NamedTuple):
    """The machine. n, with a name: a length given at boot; pool: a length that grows."""

    machine: Any  # MACHINE[1]: registers and geometry
    stat: Any  # STAT[1]: counters
    cost: Any  # COST[1]: nanoseconds
    pressure: Any  # PRESSURE[2]: some, full (core/psi.py)
    level: Any  # LEVEL[levels]: shift and mask of a level of the page tables; row 0 is the leaf level
    cpus: Any  # CPU[ncpu]
    procs: Any  # PROC[nprocs]
    vmas: Any  # VMA[pool]: the first machine.nvma rows, sorted by `first`
    objects: Any  # OBJECT[pool]
    files: Any  # FILE[pool]
    names: Any  # uint8[pool, 64]: names of processes, files and mappings; UTF-8 cut at 64 bytes, padded with 0
    pages: Any  # int64[pool]: page words; node 0 unused
    page_next: Any  # int32[nodes]: chain of an object's nodes
    tables: Any  # int64[pool]: PTEs; table 0 unused
    table_next: Any  # int32[tables]: chain of a process's tables
    tlb_tag: Any  # int64[2 * entries]: tags that may load, then tags that may store
    tlb_pte: Any  # int64[entries]
    tlb_stamp: Any  # int64[entries]: time of last use, NONE if empty
    frames: Any  # FRAME[nframes]
    uses: Any  # USE[nframes + pool]: row f is the first use of frame f; the rows above, further uses
    lists: Any  # LIST[8]: of the policies that keep more than one queue
    slots: Any  # SLOT[nslots]
    shadows: Any  # int64[nslots]: beside a page in swap, what SHADOW is for one of a file; 0 if nothing was noted
    events: Any  # EVENT[power of two]: ring
    samples: Any  # SAMPLE[nsamples]: thinned time series of the counters
    sample_rss: Any  # int32[nsamples, SAMPLED_PROCS]
    sample_wss: Any  # int16[nsamples, WINDOWS * SAMPLED_PROCS]: pages of working sets, NONE where they were not counted
    recent: Any  # int64[power of two]: the last references (core/recent.py)
    marked: Any  # int64[twice as many]: a set that is empty but while working sets are counted
    content: Any  # uint8[nframes (+ 1: the zero page), page_size], or no columns for a machine that only counts
    swap: Any  # uint8[nslots, page_size], likewise


POOLS = ("tables", "pages", "uses")  # what Exit.GROW can name, by machine.grow
NAME_BYTES = 64


def chain(links: np.ndarray[Any, Any], first: int, then: int) -> int:
    """Link rows first, first + 1, ... of a table into a free list that goes on at row `then`; its first row."""
    if first >= len(links):
        return then
    links[first:] = np.arange(first + 1, len(links) + 1)
    links[-1] = then
    return first


def longer(table: Any, more: int, **fill: int) -> Any:
    """A table with `more` zeroed rows after its own; `fill` names fields of the new rows and their value."""
    grown = np.concatenate([table, np.zeros((more, *table.shape[1:]), table.dtype)]).view(type(table))
    for field, value in fill.items():
        grown[field][len(table) :] = value
    return grown


def grow(s: State, pool: int, more: int = 0) -> State:
    """The state with one of POOLS doubled, or longer by `more` rows if that is more. Rows keep their numbers."""
    name = POOLS[pool]
    table = getattr(s, name)
    n = len(table)
    m = s.machine[0]
    if name == "uses":
        table = longer(table, max(n, more), page=NONE, pte=NONE, tag=NONE, object=NONE)
        m.use_free = chain(table["next"], n, m.use_free)
        return s._replace(uses=table)
    node = int(m.fanout) if name == "tables" else FAN
    table = longer(table, -(-max(n, more) // node) * node)
    links = "table_next" if name == "tables" else "page_next"
    old = getattr(s, links)
    new = np.full(len(table) // node, NONE, np.int32)
    new[: len(old)] = old
    return s._replace(**{name: table, links: new})


def copy(s: State) -> State:
    """A state of its own, equal to s."""
    return State(*(a.copy() for a in s))


def nbytes(s: State) -> int:
    """Bytes of host memory that a copy takes."""
    return sum(a.nbytes for a in s)


def digest(s: State) -> str:
    """SHA-256 over every array: equal exactly when the machines are in the same state."""
    h = hashlib.sha256()
    for name, a in zip(s._fields, s, strict=True):
        h.update(f"{name}{a.shape}".encode())
        if a.size:
            h.update(np.ascontiguousarray(a).view(np.uint8).data)
    return h.hexdigest()


def name_of(s: State, i: int) -> str:
    """The text of a name; bytes that are not UTF-8 come back as surrogates (os.fsdecode)."""
    return bytes(s.names[i]).rstrip(b"\0").decode("utf-8", "surrogateescape")


def intern(s: State, text: str) -> tuple[State, int]:
    """The state, perhaps with a longer names table, and the number of a name that reads `text`, cut at 64 bytes."""
    raw = np.frombuffer(text.encode("utf-8", "surrogateescape")[:NAME_BYTES].ljust(NAME_BYTES, b"\0"), np.uint8)
    n = int(s.machine["nname"][0])
    same = (s.names[:n] == raw).all(axis=1).nonzero()[0]
    if len(same):
        return s, int(same[0])
    if n == len(s.names):
        s = s._replace(names=longer(s.names, n))
    s.names[n] = raw
    s.machine["nname"][0] = n + 1
    return s, n
