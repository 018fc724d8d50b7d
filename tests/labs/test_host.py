"""What this computer's own kernel does beside the simulator: the cells of the labs, and what is shown where there is no /proc."""

import mmap
import os
import signal
import sys

import pytest

from vmlab.labs import host
from vmlab.labs.lab import LABS, lab

linux = pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
forks = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
FEW = 60  # faults of Python's own


@linux
def test_the_story_of_fork_on_this_kernel():
    """The cells of lab 06, with room for Python's own faults."""
    buf = host.anonymous(100 * host.PAGE)
    assert 100 <= host.store(buf, 0, 100) < 100 + FEW
    faults, row = host.in_child(lambda: (host.store(buf, 0, 30), host.smaps(buf)))
    kb = host.PAGE // 1024
    assert 30 <= faults < 30 + FEW
    assert row == {"Rss": 100 * kb, "Pss": 65 * kb, "Shared_Dirty": 70 * kb, "Private_Dirty": 30 * kb}

    def rehearsed():
        for _ in range(3):
            host.store(buf, 70, 100)
        return host.store(buf, 0, 30)

    assert 30 <= min(host.in_child(rehearsed) for _ in range(5)) <= 32
    before, spare = host.pfns(buf), host.anonymous(100 * host.PAGE)
    host.store(spare, 0, 100)
    assert 100 <= host.store(buf, 0, 100) < 100 + FEW
    assert host.kept(before, host.pfns(buf)) in (100, "hidden")


@linux
def test_a_child_of_private_memory_starts_with_its_page_tables():
    def tables(flags):
        big = host.anonymous(64 << 20, flags)
        host.store(big, 0, len(big) // host.PAGE)
        return host.in_child(lambda: host.status("VmPTE"))

    full = (
        (64 << 20) * 8 // host.PAGE
    )  # tables of 8 bytes a page; at either end the area may share one with its neighbours
    assert tables(mmap.MAP_PRIVATE) - tables(mmap.MAP_SHARED) >= (full - 2 * host.PAGE) // 1024
    with pytest.raises(KeyError, match="has no VmNothing"):
        host.status("VmNothing")


@linux
def test_what_labs_03_and_09_ask_of_this_kernel():
    buf = host.anonymous(100 * host.PAGE)
    assert 100 <= host.faults_of(lambda: host.anonymous(100 * host.PAGE)[:: host.PAGE].count(0)) < 100 + FEW
    host.store(buf, 0, 100)
    assert 0 <= host.faults_of(lambda: host.store(buf, 0, 100)) < FEW
    assert 0 <= host.page_out(buf) <= 100
    assert host.swap().startswith("SwapTotal ")
    assert ", page-cluster " in host.swap()
    assert host.tlb().startswith("pcid: ")


@forks
def test_a_child_answers_or_says_why_not(monkeypatch):
    assert host.in_child(lambda: {"a": [1, 2]}) == {"a": [1, 2]}
    assert host.in_child(lambda: (1, b"x", None, True)) == (1, b"x", None, True)
    with pytest.raises(RuntimeError, match="a child answers with numbers"):
        host.in_child(object)
    with pytest.raises(RuntimeError, match="the child failed: ZeroDivisionError"):
        host.in_child(lambda: 1 / 0)
    with pytest.raises(RuntimeError, match="the child failed: SystemExit"):
        host.in_child(sys.exit)
    with pytest.raises(RuntimeError, match="without an answer"):
        host.in_child(lambda: __import__("os")._exit(3))
    monkeypatch.setattr(host, "SECONDS", 0.2)
    with pytest.raises(RuntimeError, match=r"did not answer within 0\.2 seconds"):
        host.in_child(lambda: __import__("time").sleep(60))


@forks
def test_pythons_default_is_shared():
    note = mmap.mmap(-1, host.PAGE)
    host.in_child(lambda: note.write(b"child"))
    assert note[:5] == b"child"
    mine = host.anonymous(host.PAGE)
    host.in_child(lambda: mine.write(b"child"))
    assert mine[:5] == bytes(5)


def test_frame_numbers_that_are_hidden_are_not_compared():
    assert host.kept([0, 0], [0, 0]) == "hidden"
    assert host.kept([7, 8, 0], [7, 9, 0]) == 1


def test_where_there_is_no_proc_the_recorded_result_is_shown(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(host, "PAGEMAP", str(tmp_path / "none"))
    monkeypatch.setattr(host.platform, "system", lambda: "Plan9")
    host.show("06 host-rehearsed", lambda: pytest.fail("asked"))
    assert capsys.readouterr().out == "30      (recorded on Linux 6.18: Plan9 has no /proc)\n"


@linux
def test_where_there_is_one_this_kernel_is_asked(capsys):
    host.show("06 host-rehearsed", lambda: 31)
    assert capsys.readouterr().out == "31\n"


@pytest.mark.parametrize("number", LABS)
def test_every_cell_that_asks_the_host_has_its_recorded_result(number):
    import json
    import re

    from needs import ROOT

    (path,) = (ROOT / "notebooks").glob(f"{number}-*.ipynb")
    code = {
        c["id"]: "".join(c["source"]) for c in json.loads(path.read_text("utf-8"))["cells"] if c["cell_type"] == "code"
    }
    asked = {name for source in code.values() for name in re.findall(r'host\.show\("(\d+ [\w-]+)"', source)}
    assert asked == {f"{number} {name}" for name in lab(number).recorded}
    assert all(f'host.show("{number} {name}"' in code[name] for name in lab(number).recorded)


@linux
def test_a_protected_middle_makes_three_lines():
    area = host.anonymous(8 * host.PAGE)
    seen = [host.protect(area, 3, 5, writable) or host.lines(area) for writable in (True, False, True)]
    assert seen == [1, 3, 1]
    with pytest.raises(ValueError, match="not within the 8 pages"):
        host.protect(area, 5, 9, True)


def test_the_story_of_files_on_this_kernel(tmp_path):
    """The cells of lab 07: who sees a change, where a file ends, a file larger than memory."""
    path = tmp_path / "book"
    path.write_bytes(b"x" * 3 * host.PAGE)
    fd, page = os.open(path, os.O_RDWR), host.PAGE
    try:
        one, two, own, size = host.windows(fd)
        assert size == page
        one[0:1] = b"1"
        assert [os.pread(fd, 1, 0), two[0:1], own[0:1]] == [b"1"] * 3
        own[0:1] = b"3"
        os.pwrite(fd, b"4", 0)
        os.pwrite(fd, b"4", page)
        assert [two[0:1], own[0:1], own[page : page + 1]] == [b"4", b"3", b"4"]
        os.ftruncate(fd, page + 100)
        assert host.ending(lambda: one[page + 100]) == "no signal"
        assert host.ending(lambda: one[2 * page]) == "SIGBUS"
        os.ftruncate(fd, 1 << 40)
        big = mmap.mmap(fd, 0)
        assert (len(big), big[1 << 39], big[-1]) == (1 << 40, 0, 0)
        assert host.smaps(big)["Rss"] < 4096
    finally:
        os.close(fd)


@forks
def test_how_a_child_ends(capfd):
    assert host.ending(lambda: None) == "no signal"
    assert host.ending(lambda: 1 / 0) == "no signal"
    assert host.ending(lambda: os.kill(os.getpid(), signal.SIGTERM)) == "SIGTERM"
    assert capfd.readouterr().err == ""


@linux
def test_the_story_of_the_page_cache_on_this_kernel():
    """The cells of lab 10, on whatever file system the temporary folder has."""
    fd = host.scratch_file(64)
    try:
        assert os.fstat(fd).st_size == 64 * host.PAGE
        seen = mmap.mmap(fd, 0)
        minor, major = host.load(seen, 0, 64)
        assert 1 <= minor + major < 64 + FEW
        assert sum(host.load(seen, 0, 64)) < FEW
        host.store(seen, 0, 16)
        seen.flush()
        seen.close()
        host.forget(fd)
        cold = mmap.mmap(fd, 0)
        cold.madvise(mmap.MADV_RANDOM)
        assert host.load(cold, 0, 64)[1] in (0, 64)  # tmpfs has no disk to wait for
    finally:
        os.close(fd)


@linux
def test_huge_pages_where_the_kernel_gives_them():
    """The cells of lab 13: small pages everywhere; large ones as far as the switch allows and memory has them in one piece."""
    kb = host.PAGE // 1024
    small = host.HUGE // host.PAGE
    assert small <= host.stores_into(1, "MADV_NOHUGEPAGE") < small + FEW
    assert host.one_byte("MADV_NOHUGEPAGE") == [(kb, 0), (kb, 0)]
    assert 1 <= host.stores_into(1, "MADV_HUGEPAGE") < small + FEW
    (one, huge), (left, then) = host.one_byte("MADV_HUGEPAGE")
    assert (one, huge) in ((kb, 0), (2048, 2048))
    assert (left, then) == ((kb, 0) if not huge else (2048 - kb, 0))
    if host.huge_allowed() == "never":
        assert not huge
    assert host.huge_allowed() in ("always", "madvise", "never", "not told")
    memory, first = host.aligned(2, "MADV_NOHUGEPAGE")
    assert (host.address(memory) + first * host.PAGE) % host.HUGE == 0
    assert first * host.PAGE + 2 * host.HUGE <= len(memory)
