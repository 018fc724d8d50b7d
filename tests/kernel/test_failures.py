"""The n-th read of a file, writeback, write to swap or frame fails, for n = 1, 2, 3, ... until a program runs through.

Whoever made the call is told as Linux tells it, and makes it again: from then on all is as if nothing had failed. What nobody
is told of, no step may notice. After each run check() holds, and every frame, slot, table and object is free again.
"""

import errno
import os
from collections import Counter

import numpy as np
import pytest
from known import PAGE, gauges

from vmlab import Advice, BusError, ConfigError, Killed, Machine, Map
from vmlab.core.state import NONE, Kind
from vmlab.device import Failing

pytestmark = pytest.mark.jit  # a program for each number

MACHINES = {
    "classic": {"frames": 8, "swap": 48 * PAGE},
    "linux": {"frames": 16, "swap": 48 * PAGE, "preset": "linux", "page_cluster": 2, "min_free": 2, "cpus": 2},
    "a policy in Python": {"frames": 8, "swap": 48 * PAGE, "policy": lambda candidates: candidates.frame[0]},
}
# every fourth; VMLAB_LONG=1: every one
NUMBERS = range(1, 1000) if os.environ.get("VMLAB_LONG") else [1, 2, *range(3, 1000, 4)]
STEPS = []  # (a step of the program, what it may be told: errors by kind of failure)


def step(**told):
    """A step of the program. told: write="EIO" and the like, where that is not the default.

    What writes to a file of the host reads its old bytes first, to be able to put them back, and may fail there, too.
    """
    usual = {"read": "SIGBUS", "write": "", "frame": "ENOMEM"}
    return lambda function: STEPS.append((function, usual | {"read": told.get("write", "SIGBUS")} | told))


class World:
    """A machine, a file of the host, one of its own, and whatever the steps put beside them."""

    def __init__(self, machine, folder, unkillable=True):
        folder.mkdir()
        (folder / "book").write_bytes(bytes(range(1, 256)) * 110)
        self.path, self.unkillable = folder / "book", unkillable
        self.m = Machine(**MACHINES[machine])
        self.fresh = gauges(self.m)
        self.book = self.m.open(self.path, "r+")
        self.own = self.m.create("own", 5 * PAGE, b"own" * 5000)

    def fails(self, what, n):
        """Let read or write number n of a file fail, or what Machine.fail takes."""
        kind, _, name = what.partition(" of ")
        if not name:
            self.m.fail(what, after=n)
        else:
            obj = getattr(self, name).object
            self.device = Failing(self.m.kernel.devices[obj], **{kind: n})
            self.m.kernel.devices[obj] = self.device

    def failed(self, what, n):
        """Has it?"""
        kind, _, name = what.partition(" of ")
        if not name:
            return not self.m.state.machine["fail_frame" if what == "frame" else "fail_swap"][0]
        return self.device.save()[1][kind] >= n


@step()
def begin(w):
    w.a = w.m.spawn("a")
    w.a.oom_score_adj = -1000 if w.unkillable else 0
    w.heap = w.a.mmap(8 * PAGE)
    w.text = w.a.mmap(6 * PAGE, file=w.book, flags=Map.SHARED)
    w.copy = w.a.mmap(4 * PAGE, file=w.own, offset=PAGE)
    w.both = w.a.mmap(3 * PAGE, flags=Map.SHARED)


@step()
def store(w):
    for k in range(8):
        w.heap[k * PAGE] = k + 1
    for k in range(3):
        w.both[k * PAGE] = 50 + k


@step()
def load_file(w):
    return [w.text[k * PAGE] for k in range(6)], w.copy[0 : 4 * PAGE]


@step()
def store_file(w):
    for k in range(5):
        w.text[k * PAGE + 7] = 100 + k


@step()
def store_copy(w):
    w.copy[PAGE : PAGE + 4] = b"mine"


@step()
def fork(w):
    w.b = w.a.fork("b")


@step()
def child_writes(w):
    for k in range(0, 8, 2):
        w.b.store(w.heap.addr + k * PAGE, b"child")
    w.b.store(w.copy.addr + 2 * PAGE, b"child's own")


@step()
def references(w):
    pages = np.array([*w.heap.pages, *w.text.pages, *w.copy.pages, *w.both.pages], np.int64)
    return w.a.access(np.random.default_rng(1).choice(pages, 60)).done, w.b.access(pages).done


@step(write="EIO")
def msync(w):
    w.a.msync(w.text)


@step()
def queue(w):
    if not w.m.queue_left:
        w.m.queue([(p, page) for page in [*w.heap.pages, *w.text.pages] for p in (w.a, w.b)])
    w.m.run()


@step(read="EIO")
def calls_of_files(w):
    w.own.pwrite(b"written", 2 * PAGE - 3)
    w.book.pwrite(b"in the middle of a page", 5 * PAGE + 100)
    return w.own.pread(5 * PAGE), w.book.pread(100, 3 * PAGE)


@step(read="EIO")
def into_memory(w):
    return w.a.read(w.own, w.heap.addr + 5 * PAGE, PAGE, 100), w.b.write(w.book, w.heap.addr, 5, PAGE + 9)


@step(read="ENOMEM", frame="EAGAIN")  # mm/mlock.c, __mlock_posix_error_return
def lock(w):
    w.a.mlock(w.text, 2 * PAGE)
    w.a.munlock(w.text, 2 * PAGE)


@step(read="", frame="")  # linux-semantics 39: its failures are hidden
def populate(w):
    w.full = w.b.mmap(3 * PAGE, file=w.own, flags=Map.SHARED | Map.POPULATE)


@step(read="", frame="")  # what cannot be read now is left for the fault that wants it
def advise(w):
    w.a.madvise(w.text, advice=Advice.WILLNEED)
    w.a.madvise(w.heap, advice=Advice.PAGEOUT)
    w.a.madvise(w.heap, advice=Advice.COLD)


@step(read="EFAULT")  # mm/madvise.c, madvise_populate
def populate_by_advice(w):
    w.a.madvise(w.copy, advice=Advice.POPULATE_WRITE)


@step()
def move(w):
    w.moved = w.a.mremap(w.heap, 12 * PAGE)
    w.a.munmap(w.moved.addr + 3 * PAGE, PAGE)
    w.a.mprotect(w.moved.addr + 4 * PAGE, 2 * PAGE, 1)
    w.b.madvise(w.heap.addr, PAGE, Advice.DONTNEED)
    w.end = w.b.sbrk(2 * PAGE)


@step()
def store_moved(w):
    w.a.store(w.moved.addr + 10 * PAGE, b"grown")
    w.b.store(w.end, b"heap")


@step(write="EIO")
def shrink(w):
    w.own.truncate(3 * PAGE + 10)
    w.own.pwrite(b"longer again", 4 * PAGE)
    w.own.fsync()


@step()
def sync(w):
    w.m.sync()


@step(write="EIO")
def evict(w):
    w.own.evict()
    w.book.evict()


@step()
def look(w):
    """Everything that can be seen."""
    return [p.load(v.start, v.stop - v.start) for p in (w.a, w.b) for v in p.vmas()]


@step()
def end(w):
    for p in w.m.processes:
        p.exit()
    s = w.m.state
    used = s.uses["object"][: len(s.frames)][s.uses["page"][: len(s.frames)] != NONE]
    assert set(s.objects["kind"][used]) <= {Kind.FILE}
    assert w.m.state.machine["nslot_free"][0] == len(s.slots)


@step(write="EIO")
def close(w):
    w.own.close()
    w.book.close()
    return w.path.read_bytes()


def told(call, w):
    """(what a step gives, "") or (None, what it is told)."""
    try:
        return call(w), ""
    except BusError as signal:
        assert "injected failure" in str(signal)
        return None, "SIGBUS"
    except OSError as error:
        return None, errno.errorcode[error.errno]


def run(w, kind):
    """Go through the program, once more through a step that was told of a failure: (what the steps gave, who was told what)."""
    gave, heard = [], []
    for function, may in STEPS:
        value, word = told(function, w)
        if word:
            assert word == may.get(kind), f"{function.__name__} is told {word}"
            heard.append(function.__name__)
            assert w.m.check() == []
            value, word = told(function, w)
            assert not word, f"{function.__name__} is told {word} again"
        gave.append(value)
    assert w.m.check() == []
    assert gauges(w.m) | {"nodes": 0} == w.fresh | {"nodes": 0}
    return gave, heard


@pytest.mark.parametrize(
    "what", ["read of book", "read of own", "write of book", "write of own", "swap write", "frame"]
)
@pytest.mark.parametrize("machine", MACHINES)
def test_what_fails_is_told_and_can_be_done_again(tmp_path, machine, what):
    kind = what.split()[0]
    clean, nobody = run(World(machine, tmp_path / "clean"), kind)
    assert not nobody
    heard = Counter()
    for n in NUMBERS:
        w = World(machine, tmp_path / str(n))
        w.fails(what, n)
        gave, who = run(w, kind)
        assert gave == clean, f"number {n}"
        if not w.failed(what, n):
            break
        assert kind != "write" or len(who) == 1, "a writeback that failed is told once"
        heard.update(who)
    print(machine, what, n - 1, dict(heard))
    assert n > 3
    assert bool(heard) == (kind != "swap")


@pytest.mark.parametrize("machine", MACHINES)
def test_for_a_frame_that_is_not_to_be_had_somebody_is_killed(tmp_path, machine):
    """The highest score goes, in words; its frames are free, and who is left goes on. Advice and what is not told kill nobody."""
    killed = Counter()
    for n in NUMBERS:
        w = World(machine, tmp_path / str(n), unkillable=False)
        w.fails("frame", n)
        alive = set()
        for function, _ in STEPS:
            try:
                function(w)
            except Killed as signal:
                assert "was killed: out of memory, a request for a frame failed" in str(signal)
                killed[function.__name__] += 1
                assert w.m.check() == []
            except OSError as error:  # of a process that is gone: a call of it, or one that it was to make ready
                assert isinstance(error, ProcessLookupError) or (not w.m.processes and error.errno == errno.ENOMEM)
            except AttributeError:
                assert alive - {p.pid for p in w.m.processes}, "a step is missing, and nobody was killed"
            alive |= {p.pid for p in w.m.processes}
        assert w.m.check() == []
        assert gauges(w.m) | {"nodes": 0} == w.fresh | {"nodes": 0}
        oom_kill = w.m.vmstat().rows["oom_kill"]
        if not w.failed("frame", n):
            assert oom_kill == 0
            break
        assert oom_kill <= 1
    print(machine, n - 1, dict(killed))
    assert len(killed) > 3


@pytest.mark.parametrize("what", ["swap write", "frame"])
def test_a_failure_is_part_of_the_history(what):
    m = Machine(frames=6, swap=40 * PAGE)
    heap, file = m.spawn("p").mmap(12 * PAGE), m.create("f", PAGE)
    m.fail(what, after=4)
    for k in range(12):
        try:
            heap[k * PAGE] = k + 1
        except (Killed, ProcessLookupError):
            pass
    end, moment = m.digest(), m.history.now
    assert (len(m.processes), file.size) == (what != "frame", PAGE)
    for n in (1, 5, moment):
        m.undo(n)
        m.redo(n)
        assert m.digest() == end
    m.undo(moment - 4)
    assert m.branch().digest() == m.digest()
    assert len(m.processes) == 1


def test_sync_never_fails_and_the_next_fsync_tells():
    """sync(2): "sync() is always successful"; fsync(2): the error of a writeback is told to the next call."""
    m = Machine(frames=8)
    bad, good = m.create("bad", 2 * PAGE), m.create("good", PAGE)
    for f in (bad, good):
        f.pwrite(b"new", 0)
    bad.pwrite(b"new", PAGE)
    m.kernel.devices[bad.object] = Failing(m.kernel.devices[bad.object], write=2)
    assert m.sync() == 2  # one of the bad file's, and the good one's
    assert good.fsync() == 0
    with pytest.raises(OSError, match="could not be written back") as told:
        bad.fsync()
    assert told.value.errno == errno.EIO
    assert bad.fsync() == 0  # told once; the page went out meanwhile
    assert m.crash().pages == {}


def test_what_may_fail_is_named_in_words():
    with pytest.raises(ConfigError, match="choose one of frame, swap write"):
        Machine().fail("disk")
    with pytest.raises(ConfigError, match="after=0: it must be a whole number"):
        Machine().fail("frame", after=0)
