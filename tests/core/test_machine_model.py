"""Random programs on small machines, against a model of bytes; every invariant of the machine after every step."""

import os

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import rule, run_state_machine_as_test
from programs import FILES, SLOTS, Programs, happened, lengths, newest, npages, sixteenths, small

from vmlab import Machine
from vmlab.core import reclaim
from vmlab.core.invariants import pages_of
from vmlab.core.state import RESIDENT, Kind
from vmlab.jit import INTERPRETED

LONG = bool(os.environ.get("VMLAB_LONG"))


class ProgramsAndFiles(Programs):
    """The whole: programs, the files they map, and what no program may notice."""

    # -- files -------------------------------------------------------------------------------------------------------

    @rule(i=small, j=small, n=npages)
    def msync(self, i, j, n):
        p, flat = self.process(i)
        first = self.vpn(flat, j)
        if all(first + k in flat.pages for k in range(n)):
            p.msync(first * self.size, n * self.size)
        else:
            self.fails("ENOMEM", p.msync, first * self.size, n * self.size)
        for page in (flat.pages.get(first + k) for k in range(n)):
            for file, obj in self.files:
                if page and page.shared and page.object is obj:  # also what lies behind a hole
                    on_disk = self.m.device(file.object).read(page.index * self.size, self.size)
                    assert on_disk == obj.data[page.index * self.size :][: self.size]
                    happened["synced"] += 1

    @rule(i=small, n=sixteenths)
    def truncate(self, i, n):
        file, obj = self.files[i % FILES]
        nbytes = n * self.size // 16
        file.truncate(nbytes)
        obj.resize(nbytes)
        for flat in self.flat.values():
            flat.shrunk(obj)

    @rule(i=small, offset=sixteenths, n=lengths)
    def pread(self, i, offset, n):
        offset = offset * self.size // 16
        file, obj = self.files[i % FILES]
        assert file.pread(n, offset) == obj.data[offset : offset + n]

    def grow(self, obj, end):
        obj.resize(max(len(obj.data), end))

    @rule(i=small, offset=sixteenths, n=lengths, byte=st.integers(1, 255))
    def pwrite(self, i, offset, n, byte):
        offset = offset * self.size // 16
        file, obj = self.files[i % FILES]
        assert file.pwrite(bytes([byte]) * n, offset) == n
        if n:
            self.grow(obj, offset + n)
            obj.data[offset : offset + n] = bytes([byte]) * n

    @rule(i=small, j=small, offset=sixteenths, n=lengths)
    def read_into(self, i, j, offset, n):
        offset = offset * self.size // 16
        p, flat = self.process(i)
        file, obj = self.files[i % FILES]
        addr = self.vpn(flat, j) * self.size + j % 11
        data = bytes(obj.data[offset : offset + n])
        if not flat.inside(addr, len(data)):
            return
        done, signal = flat.store(addr, data)
        if signal and not done:
            self.fails("EFAULT", p.read, file, addr, n, offset)
        else:
            assert p.read(file, addr, n, offset) == done

    @rule(i=small, j=small, offset=sixteenths, n=lengths)
    def write_from(self, i, j, offset, n):
        offset = offset * self.size // 16
        p, flat = self.process(i)
        file, obj = self.files[i % FILES]
        addr = self.vpn(flat, j) * self.size + j % 11
        data, signal = flat.load(addr, n)
        if signal and not data:
            self.fails("EFAULT", p.write, file, addr, n, offset)
            return
        assert p.write(file, addr, n, offset) == len(data)
        if data:
            self.grow(obj, offset + len(data))
            obj.data[offset : offset + len(data)] = data

    # -- what no program may notice ----------------------------------------------------------------------------------

    @rule(i=small)
    def evict(self, i):
        """Any page, at any moment: shared, private, of a file, dirty or clean."""
        k = self.m.kernel
        used = k.state.objects["used"].nonzero()[0]
        held = [(obj, index) for obj in used for index, _, word in pages_of(k.state, obj) if word & RESIDENT]
        kinds = sorted({int(k.state.objects["kind"][obj]) for obj, _ in held})
        if held:
            kind = kinds[i % len(kinds)]  # each kind as often as the others, however few pages it has
            some = [(obj, index) for obj, index in held if k.state.objects["kind"][obj] == kind]
            obj, index = some[i % len(some)]
            k.run(reclaim.evict_page, int(obj), int(index))
            happened["evicted " + Kind(kind).name] += 1

    @rule(i=small, how=st.sampled_from(["evict", "fsync"]))
    def clean(self, i, how):
        getattr(self.files[i % FILES][0], how)()

    @rule(policy=st.sampled_from([newest, *Machine.policies]))
    def change_policy(self, policy):
        self.m.policy = policy

    def teardown(self):
        if not hasattr(self, "m"):
            return
        for p, flat in self.flat.items():
            for vpn in sorted(flat.pages):
                assert self.signalled(p.load, vpn * self.size, self.size) == flat.load(vpn * self.size, self.size)
        for file, obj in self.files:
            assert file.pread(1 << 20) == obj.data
            file.fsync()
            assert self.m.device(file.object).read(0, 1 << 20) == obj.data
        for p in self.flat:
            p.exit()
        for file, _ in self.files:
            file.close()
        s = self.m.state
        assert self.m.check() == []
        assert s.machine[0].nfree == len(s.frames)
        assert s.machine[0].nslot_free == SLOTS
        for name in (
            "copies",
            "reuses",
            "pswpin",
            "pswpout",
            "pgpgin",
            "pgpgout",
            "shootdowns",
            "swap_ra",
            "swap_ra_hit",
        ):
            happened[name] += int(s.stat[name][0])


# How often each happens in 6,000 steps, or it is not tested: random programs do little unless their author looks. (Of
# 3,000 steps of a naive set of rules, 14 stored a byte.)
WANTED = {
    "stores": 300, "loads": 300, "references": 1000, "fork": 60, "copies": 60, "reuses": 60, "pswpin": 300, "pswpout": 300,
    "pgpgin": 300, "pgpgout": 300, "shootdowns": 300, "evicted PRIVATE": 20, "evicted SHARED": 10, "evicted FILE": 30,
    "SIGSEGV": 100, "SIGBUS": 60, "ENOMEM": 30, "EFAULT": 20, "munmap": 60, "replaced": 20, "synced": 30, "swap_ra": 60,
    "swap_ra_hit": 20,
}  # fmt: skip


def rare() -> dict[str, int]:
    """What happened less than half as often as is wanted."""
    share = happened["steps"] / 6000
    return {name: happened[name] for name, n in WANTED.items() if happened[name] < int(n * share / 2)}


def test_programs_see_what_the_flat_model_sees():
    """Hypothesis leaves rules out of each program, and what it draws hangs on what is imported: so until all have met."""
    happened.clear()
    examples = 1000 if LONG else 12 if INTERPRETED else 100
    short = settings(
        max_examples=examples, stateful_step_count=80 if LONG else 50, deadline=None, database=None,
        suppress_health_check=list(HealthCheck), print_blob=True,
    )  # fmt: skip
    for round_ in range(10):
        programs = type("Programs", (ProgramsAndFiles,), {})
        run_state_machine_as_test(programs if LONG else seed(round_)(programs), settings=short)
        if not rare():
            return
    pytest.fail(f"of {happened['steps']} steps too few did what they were meant for: {rare()}")
