"""Ctrl-C wherever it may come: the machine is whole, free for the next call, and its past is exact."""

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from vmlab import KiB, Machine, SegmentationFault
from vmlab.interrupt import Allowed, Hold

PAGE = 4 * KiB


@contextmanager
def pressed(times: int = 1, when: threading.Event | None = None) -> Iterator[None]:
    """Ctrl-C, once or some times in a row, soon (or soon after `when`); what stands within must end with KeyboardInterrupt."""

    def press() -> None:
        if when is not None:
            when.wait(20)
        time.sleep(0.3)
        for _ in range(times):
            os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    with pytest.raises(KeyboardInterrupt):
        thread.start()
        yield
    thread.join()


def busy() -> Iterator[None]:
    """For as long as no test should take: where Ctrl-C does not work, the test ends all the same."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        yield


def machine(**config: object):
    m = Machine(**{"frames": 64, "contents": False, **config})
    p = m.spawn()
    return m, p, p.mmap(128 * PAGE)


BILLION = """
import os, signal, threading, time
import numpy as np
from vmlab import KiB, Machine
m = Machine(frames=64, swap=1 << 21)
p = m.spawn()
heap = p.mmap(256 * 4 * KiB)
heap.touch(True)
addresses = np.broadcast_to(np.int64(heap.addr), 10**9)
m.queue(heap.addr + np.arange(30_000_000) % 256 * 4096, p)
sent = []
def press():
    sent.append(time.perf_counter())
    os.kill(os.getpid(), signal.SIGINT)
def watched():
    threading.Timer(0.3, press).start()
    try:
        {call}
    except KeyboardInterrupt:
        return time.perf_counter() - sent[-1]
seconds = watched()
assert m.check() == [], m.check()
print(seconds, m.history[m.history.now].args["limit"])
"""
CALLS = {
    "access": "p.access(addresses, True)",
    "access of many pages": "p.access(itertools.cycle(heap.pages))",
    "a queue": "m.run()",
    "run and run": "[p.access(addresses[:1000]) for _ in iter(int, 1)]",
}


@pytest.mark.parametrize("what", CALLS)
def test_a_billion_references_end_at_once(what: str) -> None:
    """limits-01, limits-04."""
    root = str(Path(__file__).resolve().parents[2])
    env = os.environ | {"PYTHONPATH": os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])}
    text = "import itertools\n" + BILLION.format(call=CALLS[what])
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=120, env=env)
    assert done.returncode == 0, done.stderr
    seconds = float(done.stdout.split()[0])
    print(f"{what}: Ctrl-C took effect after {seconds:.3f} s (at most 0.2 on a quiet computer)")
    assert seconds < 0.5


def test_what_was_made_is_known_and_the_rest_can_follow() -> None:
    m, p, heap = machine(history=512 << 20)
    addresses = heap.addr + np.arange(10_000_000) * 7 % 128 * PAGE
    p.access(addresses, True)
    with pressed():
        for _ in busy():
            p.access(addresses, True)
    step = m.history[m.history.now]
    digest, done = m.digest(), step.args["limit"]
    assert done is None or 0 < done < len(addresses)
    assert not step.opaque
    m.undo()
    m.redo()
    assert m.digest() == digest
    assert m.check() == []


def test_the_queue_goes_on_where_it_stopped() -> None:
    m, p, heap = machine()
    m.queue(heap.addr + np.arange(20_000_000) * 7 % 128 * PAGE, p)
    refs = m.kernel.count()[0]
    with pressed():
        for _ in busy():
            m.run()
            if not m.queue_left:
                m.queue(heap.addr + np.arange(20_000_000) * 7 % 128 * PAGE, p)
    assert not m.running
    left = m.queue_left
    assert m.run().done == left
    assert (m.kernel.count()[0] - refs) % 20_000_000 == 0
    assert m.check() == []


def test_a_policy_that_hangs_in_the_middle_of_a_run() -> None:
    """The references before it were made, and count; the queue stands at the one that is still to make."""
    calls, hanging = [], threading.Event()

    def hangs(frames):
        calls.append(1)
        if len(calls) == 20:
            hanging.set()
            deque(busy(), 0)
        return frames.frame[0]

    m, p, heap = machine(frames=8, contents=True, policy=hangs, swap=256 * PAGE)
    m.queue(heap.pages, p)
    with pressed(when=hanging):
        m.run()
    assert (m.queue_left, m.kernel.count()[0]) == (128 - 27, 27)
    assert m.history[m.history.now].error == "KeyboardInterrupt"
    digest = m.digest()
    m.undo()
    m.redo()
    assert m.digest() == digest
    assert m.run().done == 128 - 27
    assert m.check() == []
    calls[:] = [1] * 19
    hanging.clear()
    with pressed(when=hanging):
        heap.touch()
    assert m.check() == []
    with pytest.raises(Exception, match="its middle cannot be reached"):
        m.seek(m.history.now - 1, reference=1)


def test_twice() -> None:
    """limits-02: the second is ignored until the first has taken effect."""
    m, p, heap = machine()
    addresses = np.broadcast_to(np.int64(heap.addr), 10**9)
    with pressed(3):
        try:
            p.access(addresses)
        finally:
            time.sleep(0.1)
    assert not m.running
    assert m.check() == []
    assert p.access(heap.pages).done == 128


def test_errors_do_not_swallow_it() -> None:
    """A loop around a call that always fails can be left."""
    _, p, _ = machine()
    with pressed():
        for _ in busy():
            try:
                p.load(64)
            except SegmentationFault:
                pass


def test_in_the_code_of_a_progress_bar() -> None:
    m, p, heap = machine()
    m.queue(heap.addr + np.arange(20_000_000) * 7 % 128 * PAGE, p)

    def progress(done: int, total: int) -> None:
        deque(busy(), 0)

    with pressed():
        m.run(progress=progress)
    assert not m.running
    assert m.run().done > 0


def test_in_an_iterator_of_references() -> None:
    m, p, heap = machine()

    def trace():
        yield from range(heap.addr, heap.addr + 70_000)
        deque(busy(), 0)

    with pressed():
        p.access(trace())
    assert not m.running
    assert m.check() == []


def test_an_endless_iterator() -> None:
    """limits-04: in constant memory until the limit, Stop or Ctrl-C; what it gave is in the record if that is not too much."""
    m, p, heap = machine(history=8 << 20)
    run = p.access(itertools.cycle(heap.pages), True, limit=100_000)
    assert (run.done, run.refs) == (100_000, 100_000)
    digest = m.digest()
    assert len(m.history[m.history.now].args["addresses"]) == 100_000
    m.undo()
    m.redo()
    assert m.digest() == digest
    p.access(itertools.cycle(heap.pages), limit=400_000)
    assert m.history[m.history.now].opaque
    threading.Timer(0.3, m.stop).start()
    assert p.access(itertools.cycle(heap.pages)).done > 0
    assert m.history.nbytes < 9 << 20

    def broken():
        yield from heap.pages
        raise ZeroDivisionError

    before = m.kernel.count()[0]
    with pytest.raises(ZeroDivisionError):
        p.access(broken())
    assert m.kernel.count()[0] == before  # of what was drawn with the error nothing was made
    with pytest.raises(TypeError, match="whole numbers"):
        p.access(iter(["a"]))
    assert p.access(iter([])).done == 0
    assert m.check() == []


def test_the_handler_that_was_there_is_called() -> None:
    """Whoever sets a handler gets his signal, before and after; it may be set anew at any time."""
    got = []
    before = signal.getsignal(signal.SIGINT)
    try:
        for name in "ab":
            signal.signal(signal.SIGINT, lambda *_, name=name: got.append(name))
            with Hold() as hold:
                assert not hold.pending
                os.kill(os.getpid(), signal.SIGINT)
                os.kill(os.getpid(), signal.SIGINT)
                assert (hold.pending, name in got) == (True, False)
            os.kill(os.getpid(), signal.SIGINT)
        assert got == ["a", "a", "b", "b"]
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        with Hold():
            os.kill(os.getpid(), signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_aside_lets_it_through_at_once() -> None:
    with Hold(), Hold():
        with pytest.raises(KeyboardInterrupt), Allowed():
            os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)  # held again
        with pytest.raises(KeyboardInterrupt), Allowed():
            pytest.fail("what was held takes effect first")


def test_other_threads_hold_nothing_back() -> None:
    held = []

    def other() -> None:
        with Hold() as hold:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.1)
            held.append(hold.pending)

    thread = threading.Thread(target=other)
    with pytest.raises(KeyboardInterrupt):
        thread.start()
        for _ in busy():
            time.sleep(0.01)
    thread.join()
    assert held == [False]
