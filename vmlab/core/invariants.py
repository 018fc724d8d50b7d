"""Every invariant of the machine, as one function that returns what is wrong: a list of sentences, empty when all is well."""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from .policy import LISTS, QUEUES, lists, mglru
from .policy.number import Policy
from .state import (
    ASID_SHIFT,
    COSLOT,
    EXCLUSIVE,
    FAN,
    FRAME_MASK,
    GUARD,
    LAZYFREE,
    LOCKED,
    NODE_BITS,
    NONE,
    OFFLINE,
    RESIDENT,
    SHADOW,
    SHIFT,
    SWAPPED,
    VPN_MASK,
    A,
    D,
    Kind,
    Mark,
    P,
    State,
    U,
    W,
)
from .vma import Vma, of_process


def check(s: State) -> list[str]:
    """What is wrong with the machine, one sentence each. O(pages in memory and in swap)."""
    bad, ptes = _but_the_tlb(s)
    _tlb(s, ptes, bad)
    return bad


def broken(s: State) -> list[str]:
    """check, but for the stale TLB entries of a machine that forgets shootdowns: those it is to have."""
    return _but_the_tlb(s)[0] if s.machine["forgetful"][0] else check(s)


def _but_the_tlb(s: State) -> tuple[list[str], dict[int, int]]:
    """(what is wrong beside the TLB, every PTE by its tag)."""
    bad: list[str] = []
    if s.machine["zero_frame"][0] != NONE and s.content[int(s.machine["zero_frame"][0]) :].any():
        bad.append("the zero page holds bytes that are not 0")
    free = _chain(s.frames["next"].tolist(), int(s.machine["free"][0]), bad, "the free list of frames")
    if len(free) != int(s.machine["nfree"][0]):
        bad.append(f"the free list holds {len(free)} frames, nfree says {int(s.machine['nfree'][0])}")
    owned: dict[int, tuple[int, int]] = {}
    users = _users(s, free, owned, bad)
    ptes = _translations(s, users, bad)
    _mappings(s, bad)
    _objects_and_swap(s, free, owned, bad)
    _counters(s, ptes, bad)
    bad += _policy(s, free)
    return bad, ptes


def _chain(links: list[int], first: int, bad: list[str], what: str) -> set[int]:
    seen: set[int] = set()
    while first != NONE:
        if first in seen:
            bad.append(f"{what} runs in a circle at {first}")
            break
        seen.add(first)
        first = links[first]
    return seen


def pages_of(s: State, obj: int) -> Iterator[tuple[int, int, int]]:
    """(index, position, word) of every page word of an object that is not 0."""
    o = s.objects[obj]
    if o.root == NONE:
        return
    pages = s.pages

    def below(position: int, height: int, index: int) -> Iterator[tuple[int, int, int]]:
        words = pages[position : position + FAN]
        for k in words.nonzero()[0].tolist():
            word = int(words[k])
            if height == 1:
                yield index << NODE_BITS | k, position + k, word
            else:
                yield from below(word >> SHIFT, height - 1, index << NODE_BITS | k)

    yield from below(int(o.root), int(o.height), 0)


def leaves_of(s: State, row: int) -> Iterator[tuple[int, int, int]]:
    """(vpn, position, PTE) of every leaf PTE of a process that is not 0."""
    root = int(s.procs["root"][row])
    if root == NONE:
        return
    levels = [(int(v.shift), int(v.mask)) for v in s.level]

    def below(table: int, level: int, vpn: int) -> Iterator[tuple[int, int, int]]:
        shift, mask = levels[level]
        words = s.tables[table : table + mask + 1]
        for k in words.nonzero()[0].tolist():
            pte = int(words[k])
            if level == 0:
                yield vpn | k, table + k, pte
            else:
                yield from below(pte >> SHIFT, level - 1, vpn | k << shift)

    yield from below(root, len(levels) - 1, 0)


def _users(s: State, free: set[int], owned: dict[int, tuple[int, int]], bad: list[str]) -> dict[int, tuple[int, int]]:
    """Walk the reverse map. Returns PTE position -> (frame, tag); owned: position of a page word -> (object, index)."""
    mapped: dict[int, tuple[int, int]] = {}
    uses = s.uses.tolist()
    marks = s.frames["marks"].tolist()
    nframes = len(s.frames)
    further = 0
    for f in range(nframes):
        u, owners, writable, maps = f, 0, 0, 0
        while u != NONE:
            page, pte, tag, index, obj, after = uses[u]
            if page != NONE:
                owners += 1
                owned[page] = obj, index
                if int(s.pages[page]) != f << SHIFT | RESIDENT:
                    bad.append(f"frame {f}: the page word of object {obj} page {index} does not point back to it")
            elif u == f and (pte != NONE or after != NONE):
                bad.append(f"frame {f} is mapped and nobody owns it")
            if pte != NONE:
                maps += 1
                mapped[pte] = f, tag
                writable += bool(int(s.tables[pte]) & W)
            if u >= nframes:
                further += 1
            u = after
        away = f in free or marks[f] & OFFLINE
        if (owners == 0) != bool(away):
            bad.append(f"frame {f} has {owners} owners and is{'' if away else ' not'} free")
        if marks[f] & EXCLUSIVE and not away and (owners > 1 or maps > 1):
            bad.append(f"frame {f} is exclusive, yet has {owners} owners and {maps} PTEs")
        if marks[f] & EXCLUSIVE and owners and s.objects["kind"][uses[f][4]] != Kind.PRIVATE:
            bad.append(f"frame {f} is exclusive, yet its page is not private")
        if marks[f] & LAZYFREE and owners and s.objects["kind"][uses[f][4]] != Kind.PRIVATE:
            bad.append(f"frame {f} is given up, and its page is not private")
        if owners > 1 and writable:
            bad.append(f"frame {f} is shared copy-on-write, yet {writable} PTEs may write it")
    spare = _chain([use[5] for use in uses], int(s.machine["use_free"][0]), bad, "the free list of uses")
    if further + len(spare) != len(uses) - nframes:
        bad.append(f"{len(uses) - nframes - further - len(spare)} rows of the reverse map are lost")
    return mapped


def _translations(s: State, mapped: dict[int, tuple[int, int]], bad: list[str]) -> dict[int, int]:
    """Every PTE against the VMA, the page word and the reverse map. Returns tag -> PTE."""
    ptes: dict[int, int] = {}
    locked: set[int] = set()
    for row in map(int, s.procs["alive"].nonzero()[0]):
        areas = of_process(s, row)
        private = {index: word for index, _, word in pages_of(s, int(s.procs["private"][row]))}
        for vpn, word in private.items():
            if not any(v.vpn <= vpn < v.vpn + v.npages and (not v.shared or word == GUARD) for v in areas):
                bad.append(f"process row {row} keeps private page {vpn:#x} outside of every private mapping")
        cached: dict[int, dict[int, int]] = {}
        for vpn, position, pte in leaves_of(s, row):
            who = f"PTE of page {vpn:#x} of process row {row}"
            tag = row << ASID_SHIFT | vpn
            ptes[tag] = pte
            f = (pte >> SHIFT) & FRAME_MASK
            if f == int(s.machine["zero_frame"][0]):
                bad += _zero_page(who, pte, next((v for v in areas if v.first <= tag < v.stop), None), vpn in private)
                continue
            if mapped.get(position) != (f, tag):
                bad.append(f"{who}: the reverse map of frame {f} does not know it")
            area = next((v for v in areas if v.first <= tag < v.stop), None)
            if area is None:
                bad.append(f"{who}: no mapping covers it")
                continue
            if area.marks & Mark.LOCKED:
                locked.add(f)
            bad += _pte_against_area(s, who, pte, f, vpn, area, private, cached)
    marked = set((s.frames["marks"] & LOCKED).nonzero()[0].tolist())
    bad += [f"frame {f} is marked locked, and no locked mapping maps it" for f in marked - locked]
    bad += [f"frame {f} is mapped by a locked mapping, and not marked so" for f in locked - marked]
    for position, (f, tag) in mapped.items():
        if tag not in ptes:
            bad.append(f"frame {f}: PTE position {position} is in the reverse map and in no page table")
    return ptes


def _zero_page(who: str, pte: int, v: Vma | None, own: bool) -> list[str]:
    bad = []
    if pte & (W | D):
        bad.append(f"{who}: the zero page is writable or dirty")
    if v is None or v.shared or v.object != NONE or own:
        bad.append(f"{who}: the zero page stands where no untouched private anonymous page is")
    return bad


def _pte_against_area(
    s: State, who: str, pte: int, f: int, vpn: int, v: Vma, private: dict[int, int], cached: dict[int, dict[int, int]]
) -> list[str]:
    bad = []
    own = not v.shared and vpn in private
    if own:
        word = private[vpn]
    elif v.object == NONE:
        word = 0
    else:
        if v.object not in cached:
            cached[v.object] = {index: word for index, _, word in pages_of(s, v.object)}
        index = vpn - v.vpn + v.pgoff
        word = cached[v.object].get(index, 0)
        if index >= int(s.objects["npages"][v.object]):
            bad.append(f"{who}: past the end of its object")
    if private.get(vpn, 0) & GUARD:
        bad.append(f"{who}: a guard closes the page")
    if word != f << SHIFT | RESIDENT:
        bad.append(f"{who}: maps frame {f}, its page is elsewhere (word {word:#x})")
    if pte & W and not v.prot & 2:
        bad.append(f"{who}: writable in a mapping that is {v.perms}")
    if pte & W and not v.shared and not own:
        bad.append(f"{who}: a private mapping may write a page of the page cache")
    if pte & W and not v.shared and not int(s.frames["marks"][f]) & EXCLUSIVE:
        bad.append(f"{who}: writable, and frame {f} is not exclusive")
    if pte & W and v.shared and s.machine["tracking"][0] and s.objects["kind"][v.object] == Kind.FILE and not pte & D:
        bad.append(f"{who}: writable, and its first store would go unnoticed")
    if pte & U and v.prot == 0:
        bad.append(f"{who}: a program may use it, the mapping is PROT_NONE")
    return bad


def _mappings(s: State, bad: list[str]) -> None:
    """VMAs are sorted, disjoint, not empty, and their objects live."""
    n = int(s.machine["nvma"][0])
    first, stop = s.vmas["first"][:n], s.vmas["stop"][:n]
    for i in (first >= stop).nonzero()[0].tolist():
        bad.append(f"VMA {i} is empty")
    for i in (stop[:-1] > first[1:]).nonzero()[0].tolist():
        bad.append(f"VMAs {i} and {i + 1} overlap")
    references = Counter(o for o in s.vmas["object"][:n].tolist() if o != NONE)
    references.update(s.files["object"][s.files["used"] != 0].tolist())
    for obj in s.objects["used"].nonzero()[0].tolist():
        o = s.objects[obj]
        if o.kind != Kind.PRIVATE and references[obj] != o.refs:
            bad.append(f"object {obj} counts {int(o.refs)} references, {references[obj]} exist")
    for obj in references:
        if not s.objects["used"][obj]:
            bad.append(f"a mapping or file refers to object {obj}, which does not live")
    for row in (first >> ASID_SHIFT).tolist():
        if not s.procs["alive"][row]:
            bad.append(f"process row {row} has ended and has a mapping")
    for row in s.procs["alive"].nonzero()[0].tolist():
        if s.procs["brk"][row] < s.procs["start_brk"][row]:
            bad.append(f"process row {row}: the break lies below the start of the heap")


def _objects_and_swap(s: State, free: set[int], owned: dict[int, tuple[int, int]], bad: list[str]) -> None:
    """Page words, frames and slots count one another right."""
    references: Counter[int] = Counter()
    swapped: Counter[int] = Counter()
    for obj in s.objects["used"].nonzero()[0].tolist():
        for index, position, word in pages_of(s, obj):
            if word & RESIDENT and owned.get(position) != (obj, index):
                bad.append(f"object {obj} page {index} is in memory, its frame's use says {owned.get(position)}")
            if word & SWAPPED:
                references[word >> SHIFT] += 1
                if s.objects["kind"][obj] == Kind.PRIVATE:
                    swapped[int(s.objects["proc"][obj])] += 1
            elif word & RESIDENT and word >> SHIFT in free:
                bad.append(f"object {obj} page {index} is in frame {word >> SHIFT}, which is free")
            if word & GUARD and (word != GUARD or s.objects["kind"][obj] != Kind.PRIVATE or not s.machine["guards"][0]):
                bad.append(f"object {obj} page {index}: a guard that cannot be (word {word:#x})")
            if word & SHADOW and (
                word & (1 << SHIFT) - 1 != SHADOW
                or s.objects["kind"][obj] != Kind.FILE
                or s.machine["policy"][0] not in LISTS
            ):
                bad.append(f"object {obj} page {index}: a shadow that cannot be (word {word:#x})")
            if s.objects["kind"][obj] == Kind.SWAP:
                bad += _read_along(s, index, word)
            if s.objects["kind"][obj] == Kind.FILE and index >= s.objects["npages"][obj]:
                bad.append(f"object {obj} keeps page {index}, past its end")
    for row in s.procs["alive"].nonzero()[0].tolist():
        if swapped[row] != s.procs["nswap"][row]:
            bad.append(f"process row {row} counts {int(s.procs['nswap'][row])} pages in swap, {swapped[row]} are there")
    caching: dict[int, int] = {}
    for f, slot in enumerate(s.frames["slot"].tolist()):
        if f not in free and slot != NONE:
            references[slot] += 1
            caching[slot] = f
    if s.machine["cluster"][0] > 1:
        bad += [
            f"frame {f} holds the bytes of swap slot {slot}, which does not name it"
            for slot, f in caching.items()
            if s.slots["frame"][slot] != f
        ]
    spare = _chain(s.slots["frame"].tolist(), int(s.machine["slot_free"][0]), bad, "the free list of swap slots")
    if len(spare) != int(s.machine["nslot_free"][0]):
        bad.append(f"{len(spare)} swap slots are free, nslot_free says {int(s.machine['nslot_free'][0])}")
    for k, (refs, frame) in enumerate(s.slots.tolist()):
        if (k in spare) != (references[k] == 0):
            bad.append(f"swap slot {k} has {references[k]} references and is{'' if k in spare else ' not'} free")
        elif k not in spare and refs != references[k]:
            bad.append(f"swap slot {k} counts {refs} references, {references[k]} exist")
        elif k not in spare and frame not in (NONE, caching.get(k)):
            bad.append(f"swap slot {k} names frame {frame}, which does not cache it")


def _read_along(s: State, slot: int, word: int) -> list[str]:
    """A page of the swap cache's own: the frame knows its slot, nobody maps or changes it, and page words wait for it."""
    f = word >> SHIFT
    frame, use = s.frames[f], s.uses[f]
    who = f"frame {f}, read along from swap slot {slot},"
    bad = [f"{who} says slot {int(frame.slot)}"] if frame.slot != slot else []
    if use.pte != NONE or use.next != NONE:
        bad.append(f"{who} is mapped, or has a second owner")
    if frame.marks != COSLOT:
        bad.append(f"{who} has marks {int(frame.marks):#x}")
    if s.slots["refs"][slot] < 2:
        bad.append(f"{who} waits for nobody: the slot has {int(s.slots['refs'][slot])} references")
    if not np.array_equal(s.content[f], s.swap[slot]):
        bad.append(f"{who} holds other bytes than the slot")
    return bad


def _tlb(s: State, ptes: dict[int, int], bad: list[str]) -> None:
    """Every TLB entry equals the walk of now, and grants no more."""
    stores = int(s.machine["tlb_stores"][0])
    for e in range(stores):
        tag, store = int(s.tlb_tag[e]), int(s.tlb_tag[e + stores])
        if tag == NONE:
            if store != NONE:
                bad.append(f"TLB entry {e} may store and not load")
            continue
        row, cpu = tag >> ASID_SHIFT, e * int(s.machine["ncpu"][0]) // stores
        who = f"TLB entry {e} of CPU {cpu} (process row {row}, page {tag & VPN_MASK:#x})"
        pte, f = ptes.get(tag, 0), int(s.tlb_pte[e]) >> SHIFT & FRAME_MASK
        if not pte & P or pte >> SHIFT & FRAME_MASK != f:
            now = f"frame {pte >> SHIFT & FRAME_MASK}" if pte & P else "nothing"
            bad.append(f"{who} is stale: it says frame {f}, the page table says {now}")
        elif not pte & U:
            bad.append(f"{who} grants access to a page that is PROT_NONE")
        elif not pte & A:
            bad.append(f"{who} holds a PTE whose accessed bit is clear")
        if store != NONE and (store != tag or pte & (W | D) != W | D):
            bad.append(f"{who} may store, its PTE is not writable and dirty")


def _counters(s: State, ptes: dict[int, int], bad: list[str]) -> None:
    """Totals are the sums of their parts; nothing is negative."""
    zero = int(s.machine["zero_frame"][0])
    resident = Counter(tag >> ASID_SHIFT for tag, pte in ptes.items() if pte >> SHIFT & FRAME_MASK != zero)
    for row in s.procs["alive"].nonzero()[0].tolist():
        if resident[row] != s.procs["rss"][row]:
            bad.append(
                f"process row {row} counts {int(s.procs['rss'][row])} resident pages, {resident[row]} are mapped"
            )
    some, full = s.pressure["total"].tolist()
    if full > some or (s.pressure["seen"] > s.pressure["total"]).any():
        bad.append(f"{full} ns of full and {some} ns of some pressure cannot be")
    for name in s.stat.dtype.names:
        if s.stat[name][0] < 0:
            bad.append(f"the counter {name} is negative")


def _policy(s: State, free: set[int]) -> list[str]:
    """Every frame with a page stands once in what the policy keeps; a policy that keeps no order links none."""
    policy = int(s.machine["policy"][0])
    held = [f for f in range(len(s.frames)) if f not in free and not s.frames["marks"][f] & OFFLINE]
    if policy in QUEUES:
        ends = [(int(s.machine["head"][0]), int(s.machine["tail"][0]))]
    elif policy in LISTS:
        ends = [(head, tail) for head, tail, _ in s.lists.tolist()]
    else:
        linked = [f for f in held if s.frames["next"][f] != NONE or s.frames["prev"][f] != NONE]
        return [f"frame {f} is linked, and the policy keeps no order" for f in linked]
    bad: list[str] = []
    chains = [
        _order(s, head, tail, bad, f"list {k} of the policy" if policy in LISTS else "the queue of the policy")
        for k, (head, tail) in enumerate(ends)
    ]
    on = Counter(f for chain in chains for f in chain)
    bad += [f"frame {f} stands {n} times in what the policy keeps" for f, n in on.items() if n > 1]
    bad += [f"frame {f} holds a page, and the policy does not know it" for f in held if not on[f]]
    bad += [f"frame {f} is free, and the policy keeps it" for f in on if f in free]
    if policy in LISTS:
        for k, chain in enumerate(chains):
            if len(chain) != s.lists["length"][k]:
                bad.append(f"list {k} of the policy has {len(chain)} frames and says {int(s.lists['length'][k])}")
            bad += [
                f"frame {f} is on list {k} of the policy and says another"
                for f in chain
                if int(s.frames["word"][f]) & lists.WHICH != k
            ]
        bad += _kinds(s, chains, 1 if policy == Policy.LINUX else 0)
    if policy == Policy.MGLRU:
        m = s.machine[0]
        for oldest, what in ((m.oldest_anon, "anonymous pages"), (m.oldest_file, "pages of files")):
            if not 1 < m.youngest - oldest + 1 <= mglru.GENERATIONS:
                bad.append(f"{what} have generations {int(oldest)} to {int(m.youngest)}")
    return bad


def _order(s: State, head: int, tail: int, bad: list[str], what: str) -> list[int]:
    """The frames from head to tail; both ways must agree."""
    chain: list[int] = []
    before = NONE
    while head != NONE and len(chain) <= len(s.frames):
        if s.frames["prev"][head] != before:
            bad.append(f"{what}: frame {head} follows {before} and says {int(s.frames['prev'][head])}")
        chain.append(head)
        before, head = head, int(s.frames["next"][head])
    if len(chain) > len(s.frames):
        bad.append(f"{what} runs in a circle")
    if before != tail:
        bad.append(f"{what} ends with frame {before}, not {tail}")
    return chain


def _kinds(s: State, chains: list[list[int]], bit: int) -> list[str]:
    """Pages of files and anonymous pages are on lists of their own, as a bit of the list's number says; one that is given up may
    have changed over, or not yet."""
    wrong = []
    for k, chain in enumerate(chains):
        for f in chain:
            kind = int(s.objects["kind"][s.uses["object"][f]])
            if (kind == Kind.FILE) != bool(k >> bit & 1) and not (
                kind == Kind.PRIVATE and s.frames["marks"][f] & LAZYFREE
            ):
                wrong.append(f"frame {f}, a page of kind {Kind(kind).name}, is on list {k} of the policy")
    return wrong
