"""Sweeps on executors of every kind: threads, processes, a Dask cluster; workers that die, and traces that stay in their file."""

import os
import pickle
import signal
import sys
import threading
import time
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from needs import need_module

from vmlab import TraceError
from vmlab.refstring import replay, sweep
from vmlab.trace import Trace, read

pytestmark = pytest.mark.jit  # strings long enough that a worker can die on the way
POLICIES = ["lru", "fifo", "arc", "w-tinylfu", "sieve"]
FRAMES = [20, 90, 300]


def pages(n=60_000):
    rng = np.random.default_rng(6)
    return (rng.zipf(1.2, n) % 900).astype(np.uint64) * np.uint64(0x1001) + np.uint64(1 << 41)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    Trace(pages(), page_size=1).save(tmp_path / "t.npy")
    return tmp_path / "t.npy"


@pytest.fixture(scope="module")
def serial():
    return [replay(pages(), name, frames=n).faults for name in POLICIES for n in FRAMES]


class Elsewhere(Executor):
    """Workers that have memory of their own, as far as that can be seen: what they are sent is pickled. Some die."""

    def __init__(self, *deaths):
        self.deaths, self.sent = list(deaths), []

    def submit(self, function, /, *args):
        sent = pickle.dumps((function, args))
        self.sent.append(len(sent))
        future = Future()
        death = self.deaths.pop(0) if self.deaths else None
        if death is not None:
            future.set_exception(death)
            return future
        function, args = pickle.loads(sent)
        try:
            future.set_result(function(*args))
        except Exception as error:
            future.set_exception(error)
        return future


class KilledWorker(Exception):
    """Named as Dask's."""


def test_a_trace_in_a_file_is_opened_by_its_path(path, serial):
    workers = Elsewhere()
    assert [r.faults for r in sweep(read(path), POLICIES, FRAMES, workers)] == serial
    assert max(workers.sent) < 8 * 900 + 2000  # the pages' names, no references: those are 480,000 bytes
    string = sweep(read(path), ["lru"], [3], workers)[0].string
    string.held()
    assert len(pickle.dumps(string)) < 8 * 900 + 2000
    Trace(pages() + np.uint64(1), page_size=1).save(path)
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 10**9))
    with pytest.raises(TraceError, match=r"'t\.npy' is not the file it was"):
        sweep(string, ["lru"], [3], workers)


def tripped() -> TypeError:
    """The error of Dask's bridge, once a worker has died with its result."""

    def _cascade_future(result):
        _kind, _error, _trace = result

    with pytest.raises(TypeError) as caught:
        _cascade_future(37971)
    return caught.value


@pytest.mark.parametrize("death", [KilledWorker("gone"), BrokenExecutor("gone"), tripped()])
def test_a_worker_that_dies_is_replaced(death, serial):
    workers = Elsewhere(None, death, None, death, death)
    assert [r.faults for r in sweep(pages(), POLICIES, FRAMES, workers)] == serial
    assert len(workers.sent) == len(serial) + 3
    with pytest.raises(KilledWorker):
        sweep(pages(), ["lru"], [3], Elsewhere(*[KilledWorker("each time")] * 3))


@pytest.mark.parametrize("error", [MemoryError("too large"), TypeError("cannot unpack non-iterable int object")])
def test_what_fails_is_not_tried_again(error):
    workers = Elsewhere(*[error] * 15)
    with pytest.raises(type(error)):
        sweep(pages(), POLICIES, FRAMES, workers)
    assert len(workers.sent) == 15


def test_other_processes(path, serial):
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
        assert [r.faults for r in sweep(read(path), POLICIES, FRAMES, processes)] == serial
        assert [r.faults for r in sweep(pages(), POLICIES, FRAMES, processes)] == serial
        pids = {processes.submit(os.getpid).result() for _ in range(20)}
        killed = []

        def kill(share):
            if not killed:
                killed.append(pids.pop())
                os.kill(killed[0], signal.SIGTERM)

        if sys.platform != "win32":
            long = [replay(pages(), name, frames=n).faults for name in ("nru", "aging") for n in FRAMES * 4]
            with pytest.warns(RuntimeWarning, match="workers died .* of 24 replays are done here instead"):
                found = sweep(pages(), ["nru", "aging"], FRAMES * 4, processes, progress=kill)
            assert [r.faults for r in found] == long
            assert killed


def alive(client, without: int) -> int:
    """How many processes answer once the killed one is known to be gone and another has its place."""
    for _ in range(200):  # 20 s; a scheduler may take a while to see that a worker is gone
        answered = client.run(os.getpid, on_error="ignore").values()
        if without not in answered and len(answered) == 2:
            break
        time.sleep(0.1)
    return len(set(answered) - {without})


def test_a_dask_cluster(path, serial):
    """Two processes, of which one is killed on the way."""
    need_module("distributed")
    import distributed

    def newest(loaded):
        return loaded.argmax()

    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        workers = client.get_executor()
        assert [r.faults for r in sweep(read(path), POLICIES, FRAMES, workers)] == serial
        own = sweep(read(path), [newest], FRAMES, workers)
        assert [r.faults for r in own] == [replay(pages(), newest, frames=n).faults for n in FRAMES]
        pids = client.run(os.getpid)
        killed = []

        def kill(share):
            if share > 0.6 and not killed:
                killed.append(min(pids.values()))
                os.kill(killed[0], signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)

        found = sweep(read(path), POLICIES, FRAMES * 6, workers, progress=kill)
        assert [r.faults for r in found] == [f for k in range(len(POLICIES)) for f in serial[3 * k : 3 * k + 3] * 6]
        assert killed
        assert alive(client, without=killed[0]) == 2


def test_threads_of_the_caller_and_our_own(path, serial):
    with ThreadPoolExecutor(2) as threads:
        for given in (read(path), pages()):
            assert [r.faults for r in sweep(given, POLICIES, FRAMES, threads)] == serial
            assert [r.faults for r in sweep(given, POLICIES, FRAMES)] == serial
        assert threads.submit(int, "3").result() == 3  # it stays open
    told = []
    sweep(pages(), POLICIES, FRAMES, progress=told.append)
    assert told == [pytest.approx((k + 1) / 15) for k in range(15)]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signal to send to a thread")
def test_ctrl_c_ends_a_sweep_at_once():
    long = np.random.default_rng(2).integers(0, 40_000, 1 << 22).astype(np.uint64)
    replay([1, 2], "aging", frames=2)
    sent = []

    def send():
        sent.append(time.monotonic())
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    timer = threading.Timer(0.8, send)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        sweep(long, ["aging"], [30_000, 29_000, 28_000])
    timer.join()
    assert time.monotonic() - sent[0] < 2  # 0.2 s, where nobody else uses the computer
