"""A trace in a file: replayed chunk by chunk with the faults of the string in memory, in memory that the references do not fill."""

import gzip
import os
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from needs import run

import vmlab
from vmlab import LimitError, TraceError
from vmlab.refstring import POLICIES, bar, filestring, miss_ratio_curve, pacing, replay, reuse_distances, sweep
from vmlab.refstring.filestring import FileString
from vmlab.trace import Trace, read

OPTIONS = {"working-set": {"window": 700}, "pff": {"interval": 60}}


def phases(n: int) -> np.ndarray:
    """Zipf, loops, working sets that move: pages far apart."""
    rng = np.random.default_rng(5)
    part = n // 4
    zipf = rng.zipf(1.2, part) % 900
    loop = np.arange(part) % 333
    moving = rng.integers(0, 120, part) + np.arange(part) // 40
    calm = rng.integers(0, 60, n - 3 * part)
    return np.concatenate([zipf, loop, moving, calm]).astype(np.uint64) * np.uint64(0x10_0001) + np.uint64(1 << 40)


def saved(folder: Path, pages: np.ndarray, name: str = "t.npy") -> Path:
    Trace(pages, page_size=1).save(folder / name, "npy")
    return folder / name


@pytest.fixture
def small_chunks(monkeypatch):
    """Chunks of 1,000 references, and positions counted anew at least every 3,000."""
    monkeypatch.setattr("vmlab.trace.format.npy.CHUNK", 1000)
    monkeypatch.setattr(pacing, "REACH", 3000)


@pytest.mark.jit
@pytest.mark.parametrize("policy", POLICIES)
def test_faults_as_in_memory(policy: str, tmp_path: Path, small_chunks) -> None:
    pages = phases(30_000)
    path = saved(tmp_path, pages)
    for frames in (3, 64, 400, 100_000):
        options = OPTIONS.get(policy) or {"frames": frames}
        streamed, held = replay(read(path), policy, **options), replay(pages, policy, **options)
        assert repr(streamed) == repr(held)
        assert (streamed.space, streamed.string.distinct) == (held.space, held.string.distinct)
    assert (streamed.missed() == held.missed()).all()


@pytest.mark.jit
def test_curves_as_in_memory(tmp_path: Path, small_chunks) -> None:
    """Of 30,000 references, the positions counted anew ten times; and a sample of all pages is the exact curve."""
    pages = phases(30_000)
    path = saved(tmp_path, pages)
    held = miss_ratio_curve(pages)
    for streamed in (miss_ratio_curve(read(path)), miss_ratio_curve(read(path), progress=lambda share: None)):
        assert streamed.faults.tolist() == held.faults.tolist()
    assert held.faults[63] == replay(pages, "lru", frames=64).faults
    assert reuse_distances(read(path)).counts.tolist() == reuse_distances(pages).counts.tolist()
    assert miss_ratio_curve(read(path), "opt").faults.tolist() == miss_ratio_curve(pages, "opt").faults.tolist()
    whole = miss_ratio_curve(read(path), sample=1.0)
    assert whole.miss_ratios == pytest.approx([held.miss_ratio(int(n)) for n in whole.frames])


def test_a_curve_needs_no_room_for_the_references(tmp_path: Path, small_chunks, monkeypatch) -> None:
    path = saved(tmp_path, phases(30_000))
    monkeypatch.setattr(filestring, "memory_limit", lambda: 100_000)  # a quarter holds 6,250 references
    assert miss_ratio_curve(read(path)).references == 30_000
    told: list[float] = []
    assert 0 < miss_ratio_curve(read(path), sample=0.5, progress=told.append).miss_ratios[0] <= 1
    assert told == sorted(told) and told[-1] == 1
    with pytest.raises(LimitError, match="30,000 references"):
        miss_ratio_curve(read(path), "opt")


@pytest.mark.parametrize("policy", [p for p, module in POLICIES.items() if hasattr(module, "renew")])
def test_positions_counted_anew_change_nothing(policy: str) -> None:
    """After every part of any length, from one reference on: each later reference faults as before."""
    rng = np.random.default_rng(8)
    for round_ in range(6):
        ids = (rng.zipf(1.3, 4000) % (20 if round_ % 2 else 200)).astype(np.uint32)
        ids[1500:2500] = np.arange(1000) % 37
        string = vmlab.refstring.reference_string(ids)
        cases = (
            [OPTIONS[policy], dict.fromkeys(OPTIONS[policy], 9)]
            if policy in OPTIONS
            else [{"frames": 5}, {"frames": 30}]
        )
        for options in cases:
            p = POLICIES[policy]
            whole, parts = p.start(string, **options), p.start(string, **options)
            at = 0
            while at < len(ids):
                end = at + int(rng.integers(1, 300))
                assert p.run(ids[at:end], parts) == p.run(ids[at:end], whole)
                p.renew(parts)
                at = end
            if policy in OPTIONS:
                assert whole.space == parts.space


def test_only_what_counts_references_must_count_anew() -> None:
    """Every other policy's state is as large for a long string as for a short one, and no number in it grows with its length."""
    short, long = pacing.Room(100, 1000, 1000), pacing.Room(100, 10**9, 10**9)
    for name, p in POLICIES.items():
        if name == "opt" or hasattr(p, "renew"):
            continue
        sizes = [[array.nbytes for array in p.start(room, frames=50)] for room in (short, long)]
        assert sizes[0] == sizes[1], name


CHILD = """
import re, resource, sys
from pathlib import Path
from vmlab.refstring import replay
from vmlab.trace import read
import numpy as np
path, policy, how = sys.argv[1:]
options = {"working-set": {"window": 700}, "pff": {"interval": 60}}.get(policy) or {"frames": 2000}
replay([1, 2], policy, **(options if "frames" not in options else {"frames": 2}))
trace = read(path)
found = replay(trace if how == "streamed" else np.asarray(trace), policy, **options)
try:  # since it began; getrusage on Linux also counts what the parent had when it forked
    most = int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) << 10
except OSError:
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(found.faults, most)
"""


def peak(path: Path, policy: str, how: str = "streamed") -> tuple[int, int]:
    """Faults, and the most memory the process had, in MiB."""
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    faults, nbytes = run([sys.executable, "-c", CHILD, path, policy, how], env=env).split()
    return int(faults), int(nbytes) >> 20


@pytest.mark.jit
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no getrusage")
@pytest.mark.parametrize("policy", ["lru", "w-tinylfu", "pff"])
def test_memory_does_not_grow_with_the_references(policy: str, tmp_path_factory) -> None:
    folder = tmp_path_factory.getbasetemp() / "long"
    if not folder.exists():
        folder.mkdir()
        pages = np.random.default_rng(1).zipf(1.1, 1 << 20) % 20_000
        pages[:20_000] = np.arange(20_000)
        saved(folder, pages, "1x.npy")
        saved(folder, np.tile(pages, 16), "16x.npy")
    _, once = peak(folder / "1x.npy", policy)
    faults, long = peak(folder / "16x.npy", policy)
    print(once, long)
    assert long - once < 12  # whole it is 128 MiB of page numbers, and 64 MiB of ids
    if policy == "lru":
        held, much = peak(folder / "16x.npy", policy, "held")
        assert held == faults
        assert much - once > 100  # so the measure would have seen it


def test_a_file_over_the_limit(tmp_path: Path, monkeypatch) -> None:
    path = saved(tmp_path, phases(100_000))
    expected = {p: replay(read(path), p, frames=50).faults for p in ("lru", "fifo", "opt")}
    for module in ("vmlab.trace.trace", "vmlab.refstring.filestring"):
        monkeypatch.setattr(f"{module}.memory_limit", lambda: 1 << 20)
    with pytest.raises(LimitError, match="limit is 256 KiB"):
        read(path).held()
    found = replay(read(path), "lru", frames=50)
    assert found.faults == expected["lru"]
    assert [r.faults for r in sweep(read(path), ["lru", "fifo"], [50])] == [expected["lru"], expected["fifo"]]
    with pytest.raises(
        LimitError, match=r"opt needs the future, and so the whole string in memory: 't\.npy' has 100,000 references, 4"
    ):
        replay(read(path), "opt", frames=50)
    with pytest.raises(LimitError, match="100,000 references, 4 bytes each"):
        found.string.ids  # noqa: B018


def test_what_is_read_once_only_is_refused(tmp_path: Path) -> None:
    trace = read(saved(tmp_path, phases(5000)))
    for stream in (trace.chunks(), trace.page_chunks()):
        with pytest.raises(
            TypeError, match=r"a stream of chunks can be read once only, and a replay reads twice.*read\(path\)"
        ):
            replay(stream, "lru", frames=3)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(TraceError, match="is no regular file"):
            replay(read(tmp_path / "pipe"), "lru", frames=3)


def test_a_file_that_changes(tmp_path: Path, small_chunks) -> None:
    path = saved(tmp_path, phases(8000))
    string = FileString(read(path))
    saved(tmp_path, phases(9000))
    with pytest.raises(
        TraceError,
        match=r"'t\.npy' has changed since it was opened: it is 72,\d+ bytes, last changed 20.*read it again",
    ):
        replay(string, "lru", frames=5)
    trace, before = read(path), path.stat()
    saved(tmp_path, phases(9000) + np.uint64(1))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    string = FileString(trace)
    saved(tmp_path, phases(9000) + np.uint64(2))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # nobody could know, but for the pages
    with pytest.raises(TraceError, match=r"'t\.npy' was changed while it was replayed: read it again"):
        replay(string, "lru", frames=5)


def test_a_drawing_and_a_packed_file(tmp_path: Path) -> None:
    path = tmp_path / "belady.txt.gz"
    path.write_bytes(gzip.compress(b"1 2 3 4 1 2 5 1 2 3 4 5\n"))
    for policy, faults in (("fifo", 9), ("lru", 10), ("opt", 7)):
        found = replay(read(path), policy, frames=3)
        assert found.faults == faults
        assert repr(found.table()) == repr(replay("1 2 3 4 1 2 5 1 2 3 4 5", policy, frames=3).table())
    assert repr(found.string) == "FileString('belady.txt.gz', 12 references to 5 pages)"
    trace = read(path)
    trace.held()
    assert type(replay(trace, "lru", frames=3).string).__name__ == "ReferenceString"  # it is there already
    long = replay(read(saved(tmp_path, phases(1000))), "lru", frames=3)
    with pytest.raises(LimitError, match="a table of 1,000 references is no longer readable"):
        long.table()


def test_numbers_grow() -> None:
    """More pages than the first table holds, in parts, some of them seen before."""
    rng = np.random.default_rng(3)
    pages = rng.integers(0, 1 << 63, 40_000).astype(np.uint64)
    drawn = pages[rng.integers(0, len(pages), 200_000)]
    numbers = filestring.Numbers()
    ids = np.concatenate([numbers.of(part) for part in np.array_split(drawn, 37)])
    assert (numbers.labels[ids] == drawn).all()
    assert len(numbers) == len(np.unique(drawn)) == ids.max() + 1


def test_wrong_words_before_a_long_file_is_read(tmp_path: Path, monkeypatch) -> None:
    trace = read(saved(tmp_path, phases(1000)))
    monkeypatch.setattr(type(trace), "chunks", lambda self: pytest.fail("it was read"))
    with pytest.raises(ValueError, match="there is no policy 'lur'"):
        replay(trace, "lur", frames=3)
    with pytest.raises(ValueError, match="frames must be 1"):
        replay(trace, "lru", frames=0)
    with pytest.raises(ValueError, match="there is no policy 'lur'"):
        sweep(trace, ["lru", "lur"], [3])


def test_progress(tmp_path: Path, small_chunks) -> None:
    told: list[float] = []
    replay(read(saved(tmp_path, phases(9000))), "lru", frames=5, progress=told.append)
    assert len(told) > 10
    assert sorted(told) == told
    assert min(told) < 0.2
    assert max(told) == pytest.approx(1)

    def stop(share: float) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        replay("1 2 3", "lru", frames=2, progress=stop)


def test_the_bar(tmp_path: Path, small_chunks, monkeypatch, capsys) -> None:
    """Shown in time, to those who look, and gone at the end."""
    path = saved(tmp_path, phases(9000))
    replay(read(path), "lru", frames=5)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    replay(read(path), "lru", frames=5)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(bar, "PATIENCE", 0)
    monkeypatch.setattr(bar, "PAUSE", 0)
    replay(read(path), "lru", frames=5)
    said = capsys.readouterr().err
    assert "\rreading [" in said
    assert "\rreplaying [###" in said
    screen = ""
    for line in said.split("\r"):
        screen = line + screen[len(line) :]
    assert screen.strip() == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    replay(read(path), "lru", frames=5)
    assert capsys.readouterr().err == ""


@pytest.mark.jit
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signal to send to a thread")
@pytest.mark.parametrize("how", ["streamed", "held"])
def test_ctrl_c_ends_a_replay_at_once(how: str, tmp_path: Path) -> None:
    pages = np.random.default_rng(2).integers(0, 40_000, 1 << 23).astype(np.uint64)
    given = read(saved(tmp_path, pages)) if how == "streamed" else pages
    replay([1, 2], "aging", frames=2)
    sent: list[float] = []

    def send() -> None:
        sent.append(time.monotonic())
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    timer = threading.Timer(0.8, send)
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            replay(given, "aging", frames=30_000)
        taken = time.monotonic() - sent[0]
    finally:
        timer.join()
    assert taken < 1  # 0.2 s, where nobody else uses the computer


def test_short_work_draws_no_bar_though_it_is_compiled_first(monkeypatch, capsys):
    """A bar that came and went would leave a line of blanks under a notebook's cell."""
    monkeypatch.setattr(bar, "PATIENCE", 0)
    monkeypatch.setattr(bar, "_seen", lambda: True)
    assert replay("1 2 3 4 1 2 5 1 2 3 4 5", "fifo", frames=3).faults == 9
    assert capsys.readouterr().err == ""
