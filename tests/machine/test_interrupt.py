"""Ctrl-C, Stop and other threads: the machine stops between two references, whole, and can go on."""

import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from vmlab import Busy, KiB, Machine

PROGRAM = """
import os, signal, threading, time
import numpy as np
from vmlab import KiB, Machine
m = Machine(frames=64, swap=512 * 4 * KiB, contents={contents})
p = m.spawn()
heap = p.mmap(256 * 4 * KiB)
addresses = heap.addr + np.arange(20_000_000) * 7 % 256 * 4 * KiB
heap.touch(True)
sent = []
def press():
    sent.append(time.perf_counter())
    os.kill(os.getpid(), signal.SIGINT)
threading.Timer(0.5, press).start()
try:
    while True:
        p.access(addresses, {writes})
except KeyboardInterrupt:
    print(time.perf_counter() - sent[0])
assert m.check() == [], m.check()
assert 0 < m.kernel.count()[0]
digest, now = m.digest(), m.history.now
print(p.access(addresses[:100]).done)
m.undo()
assert m.digest() == digest
"""


@pytest.mark.parametrize(("contents", "writes"), [(True, True), (False, False)])
def test_ctrl_c_stops_a_long_access(contents: bool, writes: bool) -> None:
    text = PROGRAM.format(contents=contents, writes=writes)
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    seconds, count = done.stdout.split()
    print(f"Ctrl-C took {float(seconds):.3f} s")
    assert float(seconds) < 0.2
    assert count == "100"


POLICY = """
import os, signal, threading
from vmlab import Machine
def never(frames):
    while True:
        pass
m = Machine(frames=4, policy=never)
p = m.spawn()
big = p.mmap(6 * 4096)
threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
try:
    big.touch(True)
except KeyboardInterrupt:
    print("interrupted")
assert m.check() == []
m.policy = "lru"
print(big.touch(True).done)
"""


def test_ctrl_c_gets_out_of_a_policy_that_never_returns() -> None:
    done = subprocess.run([sys.executable, "-c", POLICY], capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["interrupted", "6"], done.stderr


def test_stop_and_busy() -> None:
    m = Machine(frames=64, contents=False)
    p = m.spawn()
    heap = p.mmap(64 * 4 * KiB)
    addresses = heap.addr + np.arange(50_000_000) % 64 * 4 * KiB
    started, runs = threading.Event(), []

    def long() -> None:
        m.queue(addresses, p)
        runs.append(m.run(progress=lambda done, total: started.set()))

    thread = threading.Thread(target=long)
    thread.start()
    assert started.wait(60)
    with pytest.raises(Busy, match="a run is going: stop it first"):
        m.spawn()
    begin = time.perf_counter()
    m.stop()
    thread.join(10)
    assert time.perf_counter() - begin < 0.5
    assert 0 < runs[0].done < len(addresses)
    assert m.check() == []
    assert m.queue_left == len(addresses) - runs[0].done


def test_calls_from_two_threads_are_one_after_the_other() -> None:
    m = Machine(frames=64)
    p = m.spawn()
    heap = p.mmap(32 * 4 * KiB)

    def store(first: int) -> None:
        for i in range(first, 32, 2):
            p.store(heap.addr + i * 4 * KiB, bytes([i]))

    threads = [threading.Thread(target=store, args=(k,)) for k in (0, 1)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert [heap[i * 4 * KiB] for i in range(32)] == list(range(32))
    assert p.stat.minflt == 32
    assert m.check() == []
