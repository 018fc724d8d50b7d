"""Each invariant is broken once in a machine that was well, and `check` says which."""

from typing import NamedTuple

import pytest

from vmlab import Machine, Map, Process
from vmlab.core import objects, pagetable, reclaim
from vmlab.core.state import DIRTY, EXCLUSIVE, NONE, RESIDENT, SHADOW, SHIFT, A, P, State, U, W

PAGE = 4096


class Scene(NamedTuple):
    """A parent and a child that share a page, a page of the child's own, a page in swap, a file mapped twice, a free frame.

    The numbers name frames and positions of PTEs.
    """

    m: Machine
    s: State
    parent: Process
    child: Process
    both: int  # frame of the page shared copy-on-write
    mine: int  # frame of a page of the parent's own, written and in the TLB
    mine_pte: int
    cached: int  # frame of a page of the file
    cached_pte: int  # in the parent's private mapping of it
    slot: int
    areas: dict[str, int]  # rows of s.vmas


def scene() -> Scene:
    m = Machine(frames=12, swap=8 * PAGE, tlb=(8, 2), history=None)
    parent = m.spawn("parent")
    file = m.create("text", 2 * PAGE, b"text" * 2000)
    heap = parent.mmap(4 * PAGE)
    private = parent.mmap(2 * PAGE, file=file)
    shared = parent.mmap(2 * PAGE, file=file, flags=Map.SHARED)
    heap[0] = 1
    heap[PAGE] = 2
    child = parent.fork()
    parent.store(heap.addr + 2 * PAGE, b"mine")
    parent.store(heap.addr + 3 * PAGE, b"soon in swap")
    parent.load(private, 1), parent.load(shared, 1), child.load(shared, 1)
    mine = parent.translate(heap.addr + 2 * PAGE).frame
    evict(m, parent, heap.addr // PAGE + 3)
    parent.store(heap.addr + 2 * PAGE, b"mine")
    s = m.state
    areas = {
        n: row_of(s, parent, a.addr // PAGE) for n, a in {"heap": heap, "private": private, "shared": shared}.items()
    }
    slot = word(s, parent, heap.addr // PAGE + 3) >> SHIFT
    return Scene(
        m, s, parent, child, parent.translate(heap).frame, mine, pte(s, parent, heap.addr // PAGE + 2),
        parent.translate(private).frame, pte(s, parent, private.addr // PAGE), slot, areas,
    )  # fmt: skip


def evict(m, p, vpn):
    m.kernel.run(reclaim.evict_page, int(m.state.procs[p.row].private), vpn)


def row_of(s, p, vpn):
    tags = p.row << 48 | vpn
    return next(i for i in range(s.machine[0].nvma) if s.vmas[i].first <= tags < s.vmas[i].stop)


def pte(s, p, vpn):
    return int(pagetable.locate(s, s.procs[p.row].root, vpn))


def position(s, p, vpn):
    return int(objects.locate(s, s.procs[p.row].private, vpn))


def word(s, p, vpn):
    return int(s.pages[position(s, p, vpn)])


def entry(z):
    """The TLB entry that holds the parent's own page."""
    return int((z.s.tlb_tag == z.s.uses[z.mine].tag).argmax())


def put(array, at, field, value):
    array[field][at] = value


def free_list_circle(z):
    z.s.frames["next"][z.s.machine[0].free] = z.s.machine[0].free


def leak_a_frame(z):
    z.s.machine["free"][0] = z.s.frames["next"][z.s.machine[0].free]
    z.s.machine["nfree"][0] -= 1


def free_a_frame_in_use(z):
    z.s.frames["next"][z.mine] = z.s.machine[0].free
    z.s.machine["free"][0] = z.mine
    z.s.machine["nfree"][0] += 1


def set_bits(z, at, bits):
    z.s.tables[at] |= bits


def second_use(z):
    """Row of the second use of the shared frame, where the child's PTE is."""
    return int(z.s.uses["next"][z.both])


def heap_vpn(z):
    return int(z.s.vmas["first"][z.areas["heap"]]) & (1 << 48) - 1


def unlink_a_pte(z):
    z.s.tables[z.mine_pte] = 0


def free_slot_in_use(z):
    z.s.slots["frame"][z.slot] = z.s.machine[0].slot_free
    z.s.machine["slot_free"][0] = z.slot
    z.s.machine["nslot_free"][0] += 1


PLANTED = {
    "the free list holds": lambda z: put(z.s.machine, 0, "nfree", 99),
    "the free list of frames runs in a circle": free_list_circle,
    "has 0 owners and is not free": leak_a_frame,
    "owners and is free": free_a_frame_in_use,
    "does not point back": lambda z: z.s.pages.__setitem__(z.s.uses[z.mine].page, 5 << SHIFT | RESIDENT),
    "is mapped and nobody owns it": lambda z: put(z.s.uses, z.cached, "page", NONE),
    "is exclusive, yet has": lambda z: put(z.s.frames, z.both, "marks", EXCLUSIVE),
    "is exclusive, yet its page is not private": lambda z: put(z.s.frames, z.cached, "marks", EXCLUSIVE),
    "is shared copy-on-write, yet 1 PTEs may write it": lambda z: set_bits(z, z.s.uses[second_use(z)].pte, W),
    "rows of the reverse map are lost": lambda z: put(z.s.machine, 0, "use_free", z.s.uses["next"][z.s.machine[0].use_free]),
    "the free list of uses runs in a circle": lambda z: put(z.s.uses, z.s.machine[0].use_free, "next", z.s.machine[0].use_free),
    "outside of every private mapping": lambda z: put(z.s.vmas, z.areas["heap"], "stop", z.s.vmas[z.areas["heap"]].first + 1),
    "no mapping covers it": lambda z: put(z.s.vmas, z.areas["heap"], "stop", z.s.vmas[z.areas["heap"]].first + 1),
    "does not know it": lambda z: put(z.s.uses, z.mine, "tag", 77),
    "is in the reverse map and in no page table": unlink_a_pte,
    "past the end of its object": lambda z: put(z.s.objects, z.s.vmas[z.areas["private"]].object, "npages", 0),
    "keeps page 0, past its end": lambda z: put(z.s.objects, z.s.vmas[z.areas["private"]].object, "npages", 0),
    "its page is elsewhere": lambda z: z.s.tables.__setitem__(z.mine_pte, z.both << SHIFT | P | U | A),
    "writable in a mapping that is r--p": lambda z: put(z.s.vmas, z.areas["heap"], "prot", 1),
    "a private mapping may write a page of the page cache": lambda z: set_bits(z, z.cached_pte, W),
    "is not exclusive": lambda z: put(z.s.frames, z.mine, "marks", DIRTY),
    "a program may use it, the mapping is PROT_NONE": lambda z: put(z.s.vmas, z.areas["heap"], "prot", 0),
    "is empty": lambda z: put(z.s.vmas, z.areas["shared"], "stop", z.s.vmas[z.areas["shared"]].first),
    "overlap": lambda z: put(z.s.vmas, z.areas["shared"], "stop", z.s.vmas[z.areas["private"]].stop),
    "references, 5 exist": lambda z: put(z.s.objects, z.s.vmas[z.areas["shared"]].object, "refs", 2),
    "which does not live": lambda z: put(z.s.objects, z.s.vmas[z.areas["shared"]].object, "used", 0),
    "has ended and has a mapping": lambda z: put(z.s.procs, z.child.row, "alive", 0),
    "the break lies below": lambda z: put(z.s.procs, z.child.row, "brk", 0),
    "which is free": free_a_frame_in_use,
    "pages in swap, 1 are there": lambda z: put(z.s.procs, z.parent.row, "nswap", 3),
    "nslot_free says": lambda z: put(z.s.machine, 0, "nslot_free", 1),
    "swap slot 0 has 1 references and is free": free_slot_in_use,
    "swap slot 0 counts 7 references, 1 exist": lambda z: put(z.s.slots, z.slot, "refs", 7),
    "names frame 3, which does not cache it": lambda z: put(z.s.slots, z.slot, "frame", 3),
    "may store and not load": lambda z: z.s.tlb_tag.__setitem__(entry(z), NONE),
    "is stale": lambda z: z.s.tlb_pte.__setitem__(entry(z), z.both << SHIFT | P),
    "grants access to a page that is PROT_NONE": lambda z: set_bits(z, z.mine_pte, 0) or clear(z, U),
    "whose accessed bit is clear": lambda z: clear(z, A),
    "may store, its PTE is not writable and dirty": lambda z: clear(z, W),
    "resident pages, 5 are mapped": lambda z: put(z.s.procs, z.parent.row, "rss", 9),
    "the counter minflt is negative": lambda z: put(z.s.stat, 0, "minflt", -1),
}  # fmt: skip


def clear(z, bits):
    z.s.tables[z.mine_pte] &= ~bits


def test_the_scene_is_well():
    z = scene()
    assert z.m.check() == []
    assert z.slot == 0
    assert z.s.uses[second_use(z)].pte == pte(z.s, z.child, heap_vpn(z))


def plant_a_shadow(z):
    z.s.pages[position(z.s, z.parent, heap_vpn(z) + 3)] = 5 << SHIFT | SHADOW


def swap_lists(z):
    """Two lists of a kind each have changed places; the frames say so."""
    z.s.lists[[0, 2]] = z.s.lists[[2, 0]]
    words = z.s.frames["word"]
    words ^= 2


KEPT = {  # of what a policy keeps: the policy, what is done to it
    "stands 2 times in what the policy keeps": ("linux", lambda z: z.s.lists.__setitem__(1, z.s.lists[0])),
    "follows -1 and says 3": ("fifo", lambda z: put(z.s.frames, z.s.machine[0].head, "prev", 3)),
    "the queue of the policy runs in a circle": (
        "lru", lambda z: put(z.s.frames, z.s.machine[0].tail, "next", z.s.machine[0].head)
    ),
    "the queue of the policy ends with frame": ("lfu", lambda z: put(z.s.machine, 0, "tail", 11)),
    "holds a page, and the policy does not know it": ("aging", lambda z: put(z.s.machine, 0, "head", NONE)),
    "is free, and the policy keeps it": ("fifo", free_a_frame_in_use),
    "is linked, and the policy keeps no order": ("wsclock", lambda z: put(z.s.frames, z.mine, "prev", 0)),
    "list 0 of the policy has 3 frames and says 9": ("linux", lambda z: put(z.s.lists, 0, "length", 9)),
    "is on list 0 of the policy and says another": ("mglru", lambda z: put(z.s.frames, z.mine, "word", 2)),
    "a page of kind PRIVATE, is on list 2": ("linux", swap_lists),
    "pages of files have generations 9 to 3": ("mglru", lambda z: put(z.s.machine, 0, "oldest_file", 9)),
    "a shadow that cannot be": ("linux", plant_a_shadow),
}  # fmt: skip


@pytest.mark.parametrize("sentence", KEPT)
def test_what_is_broken_in_a_policy_is_named(sentence):
    z = scene()
    policy, breaks = KEPT[sentence]
    z.m.policy = policy
    assert z.m.check() == []
    breaks(z)
    wrong = z.m.check()
    assert any(sentence in w for w in wrong), wrong


@pytest.mark.parametrize("sentence", PLANTED)
def test_what_is_broken_is_named(sentence):
    z = scene()
    PLANTED[sentence](z)
    wrong = z.m.check()
    assert any(sentence in w for w in wrong), wrong
