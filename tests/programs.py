"""Random programs for a machine and for the flat model of memory at once: the part that maps, forks, loads and stores.

A RuleBasedStateMachine of Hypothesis. Uniform draws make programs that do nothing (most steps fail, stores hit nothing),
so machines start with mappings, ranges are small, and most draws aim at a page that may be accessed.
"""

import errno
from collections import Counter

import hypothesis.strategies as st
import numpy as np
import pytest
from flatmemory import Memory, Object
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from vmlab import Machine, Map, Process, Signal

SLOTS = 40  # of swap: as many as there may be pages that only swap can hold, so that nobody is ever killed
PROCESSES, FILES = 3, 2
AREA = 64  # the page at which fixed mappings lie, some over others
RW, R, NONE = 3, 1, 0
small = st.integers(0, 1 << 16)
npages = st.sampled_from([1, 1, 2, 3, 4])
prots = st.sampled_from([RW, RW, RW, RW, R, R | 4, 2, NONE])
kinds = st.integers(0, 4)
places = st.integers(-8, 11)  # below 0: the kernel chooses
lengths = st.integers(0, 40)
sixteenths = st.integers(0, 90)  # of a page: offsets in files
happened: Counter[str] = Counter()  # what steps really did


def newest(candidates) -> int:
    """A policy in plain Python: LIFO."""
    return int(candidates.frame[np.argmax(candidates.loaded)])


class Programs(RuleBasedStateMachine):
    """m is the machine, flat what its processes must see."""

    @initialize(
        frames=st.integers(3, 16),
        policy=st.sampled_from([newest, *Machine.policies]),
        mmu=st.sampled_from([((3, 5), 16), ((3, 5), 16), ("x86-64", 4096)]),
        tlb=st.sampled_from([None, (1, 1), (4, 4), (8, 2)]),
        cpus=st.integers(1, 2),
        asids=st.booleans(),
        preset=st.sampled_from(["classic", "linux"]),
        page_cluster=st.sampled_from([None, 1, 2]),
        min_free=st.sampled_from([None, 0, 1, 2]),
    )
    def boot(self, frames, policy, mmu, tlb, cpus, asids, preset, page_cluster, min_free):
        self.size = mmu[1]
        self.m = Machine(
            frames=frames, swap=SLOTS * self.size, mmu=mmu[0], page_size=self.size, tlb=tlb, policy=policy, cpus=cpus,
            asids=asids, preset=preset, page_cluster=page_cluster, history=None,
            min_free=min_free and min(min_free, frames // 4),
        )  # fmt: skip
        self.flat: dict[Process, Memory] = {self.m.spawn("p0"): Memory(self.size)}
        self.files = []
        for k in range(FILES):
            data = bytes(range(65 + k, 91)) * (1 + self.size // 8)
            self.files.append((self.m.create(f"f{k}", len(data), data), Object(data)))
        for k in range(5):
            self.mmap(k, 3, RW, k, k % 3, -1, False)

    # -- which, and how much -----------------------------------------------------------------------------------------

    def process(self, i):
        return list(self.flat.items())[i % len(self.flat)]

    def vpn(self, flat, i, access=0):
        """Most often a page that is mapped, and may be accessed so; sometimes one beside it."""
        pages = sorted(vpn for vpn in flat.pages if not access or not flat.refusal(vpn, access) or i % 7 == 0) or [AREA]
        return pages[i % len(pages)] + (0, 0, 0, 0, 0, 0, 0, 0, 1, -1)[i // 97 % 10]

    def room(self):
        """Pages that may still be promised."""
        mapped = [page for flat in self.flat.values() for page in flat.pages.values()]
        files = [obj for _, obj in self.files]
        memory = {id(page.object): page.object for page in mapped if page.shared and page.object not in files}
        private = sum(not page.shared for page in mapped)
        return SLOTS - private - sum(len(obj.data) for obj in memory.values()) // self.size

    def fails(self, name, call, *args, **kwargs):
        with pytest.raises(OSError, match=rf"\({name}: ") as failure:
            call(*args, **kwargs)
        assert failure.value.errno == getattr(errno, name)
        happened[name] += 1

    def signalled(self, call, *args):
        """(what the call returned, None), or (what was done before it, the signal)."""
        try:
            return call(*args), None
        except Signal as s:
            happened[s.name] += 1
            return s.data if call.__name__ == "load" else s.done, (s.name, s.code)

    # -- mappings ----------------------------------------------------------------------------------------------------

    @rule(i=small, n=npages, prot=prots, kind=kinds, off=st.integers(0, 3), place=places, populate=st.booleans())
    def mmap(self, i, n, prot, kind, off, place, populate):
        p, flat = self.process(i)
        if n > self.room():
            return
        shared, anonymous = kind in (1, 3), kind in (0, 1, 4)
        flags = Map.SHARED if shared else Map.PRIVATE
        flags |= (Map.POPULATE if populate else 0) | (Map.FIXED if place >= 0 else 0)
        addr = (AREA + place) * self.size if place >= 0 else 0
        file, obj = (None, None) if anonymous else self.files[i % FILES]
        index = 0 if anonymous else off
        if anonymous and shared:
            obj = Object(bytes(n * self.size))
        got = p.mmap(n * self.size, addr=addr, prot=prot, flags=int(flags), file=file, offset=index * self.size)
        first = got.addr // self.size
        assert first == AREA + place if place >= 0 else not {first + k for k in range(n)} & set(flat.pages)
        happened["replaced"] += any(first + k in flat.pages for k in range(n))
        flat.map(first, n, prot, shared, obj, index)
        if populate and prot & 2 and not shared:  # as if stored to: the file's pages are copied now (mm/gup.c)
            flat.copy_pages(first, n)

    @rule(i=small, j=small, n=npages)
    def munmap(self, i, j, n):
        p, flat = self.process(i)
        first = self.vpn(flat, j)
        p.munmap(first * self.size, n * self.size - j % self.size)
        happened["munmap"] += first in flat.pages
        flat.unmap(first, n)

    @rule(i=small, j=small, n=npages, prot=prots)
    def mprotect(self, i, j, n, prot):
        p, flat = self.process(i)
        first = self.vpn(flat, j)
        if flat.protect(first, n, prot):
            p.mprotect(first * self.size, n * self.size, prot)
        else:
            self.fails("ENOMEM", p.mprotect, first * self.size, n * self.size, prot)

    @rule(i=small, n=st.integers(0, 5))
    def brk(self, i, n):
        p, flat = self.process(i)
        q = self.m.state.procs[p.row]
        heap, end = int(q.start_brk) // self.size, -(-int(q.brk) // self.size)
        fresh = range(end, heap + n)
        if len(fresh) > self.room():
            return
        if any(vpn in flat.pages for vpn in fresh):
            self.fails("ENOMEM", p.brk, (heap + n) * self.size)
            return
        p.brk((heap + n) * self.size)
        flat.unmap(heap + n, end - heap - n)
        flat.map(end, len(fresh), RW, False, None, 0)

    @precondition(lambda self: len(self.flat) < PROCESSES)
    @rule(i=small)
    def fork(self, i):
        p, flat = self.process(i)
        if sum(not page.shared for page in flat.pages.values()) <= self.room():
            self.flat[p.fork()] = flat.fork()
            happened["fork"] += 1

    @precondition(lambda self: len(self.flat) > 1)
    @rule(i=small)
    def exit(self, i):
        p, _ = self.process(i)
        p.exit()
        del self.flat[p]

    @precondition(lambda self: len(self.flat) < PROCESSES)
    @rule(i=small, j=small, heir=st.booleans(), byte=st.integers(1, 255))
    def fork_and_be_alone_again(self, i, j, heir, byte):
        """Store, fork, one of the two exits, the other stores where nobody shares any more: reused, not copied."""
        p, flat = self.process(i)
        if sum(not page.shared for page in flat.pages.values()) > self.room():
            return
        addr = self.vpn(flat, j, 2) * self.size
        self.store(p, addr, bytes([byte]))
        child = p.fork()
        self.flat[child] = flat.fork()
        left, gone = (child, p) if heir else (p, child)
        gone.exit()
        del self.flat[gone]
        self.store(left, addr, bytes([byte ^ 255]))

    # -- bytes -------------------------------------------------------------------------------------------------------

    def store(self, p, addr, data):
        done, signal = self.flat[p].store(addr, data)
        assert self.signalled(p.store, addr, data) == ((done, signal) if signal else (None, None))
        happened["stores"] += signal is None and len(data) > 0

    @rule(doing=st.lists(st.tuples(small, small, small, small), min_size=1, max_size=8))
    def bytes_move(self, doing):
        """Loads and stores of some bytes, some over the border of a page, most where they may succeed."""
        for i, j, within, byte in doing:
            p, flat = self.process(i)
            write = byte % 3 > 0
            addr = self.vpn(flat, j, 2 if write else 1) * self.size + within % self.size
            n = within % 4 * (within % 11)
            if not write:
                assert self.signalled(p.load, addr, n) == flat.load(addr, n)
                happened["loads"] += 1
            elif flat.inside(addr, n):
                self.store(p, addr, bytes([byte % 255 + 1]) * n)

    @rule(i=small, j=small, writes=st.booleans())
    def references(self, i, j, writes):
        """A reference string: contents stay as they are, private pages become the process's own."""
        p, flat = self.process(i)
        able = [vpn for vpn in sorted(flat.pages) if flat.refusal(vpn, 2 if writes else 1) is None][j % 3 :: 1 + j % 2]
        run = p.access(np.array(able, np.int64) * self.size, writes)
        for vpn in able if writes else ():
            flat.copy_pages(vpn, 1)
        happened["references"] += run.done

    @invariant()
    def well(self):
        if hasattr(self, "m"):
            assert self.m.check() == []
            happened["steps"] += 1
