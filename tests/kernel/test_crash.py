"""m.crash(): what was not written back is gone, and nothing else of a file (68 of the semantics list: no promise before msync)."""

from badinputs import program
from known import PAGE, gauges

from vmlab import Machine, Map

WORDS = "Lost(2 processes ended; not written back: 'f' pages 0, 2-3; 3 pages in swap)"


def test_68_a_file_keeps_what_was_written_back(tmp_path):
    path = tmp_path / "book"
    path.write_bytes(b"old" + bytes(6 * PAGE))
    m = Machine(frames=16)
    p = m.spawn()
    area = p.mmap(file=m.open(path, "r+"), flags=Map.SHARED)
    area[0:3] = b"new"
    area[PAGE : PAGE + 4] = b"safe"
    area.flush(PAGE, PAGE)
    area[PAGE] = ord("S")  # since then
    lost = m.crash()
    assert (lost.processes, lost.pages, lost.swapped) == (("process",), {"book": (0, 1)}, 0)
    assert path.read_bytes() == b"old" + bytes(PAGE - 3) + b"safe" + bytes(5 * PAGE - 1)
    assert m.files[0].pread(3) + m.files[0].pread(4, PAGE) == b"oldsafe"
    assert (m.processes, m.check()) == ([], [])
    m.undo(3)  # two reads and the crash
    assert (m.processes[0].load(area.addr, 3), path.read_bytes()[:3]) == (b"new", b"old")


def test_everything_else_is_free():
    m = Machine(frames=8, swap=64 * PAGE)
    f = m.create("f", 4 * PAGE, b"f" * 4 * PAGE)
    pipe = m.pipe()
    before = gauges(m)
    p = m.spawn("parent")
    area = p.mmap(file=f, flags=Map.SHARED)
    heap = p.mmap(8 * PAGE)
    heap.touch(True)
    p.mlock(heap, PAGE)
    both = p.mmap(PAGE, flags=Map.SHARED)
    p.fork("child").at(heap)[0] = 1
    for page in (0, 2, 3):
        area[page * PAGE] = 1
    both[0] = 1
    pipe[1].write(b"in the pipe")
    m.queue([heap.addr] * 5, p)
    swapped = 64 - int(m.state.machine["nslot_free"][0])
    lost = m.crash()
    assert repr(lost) == WORDS.replace("3 pages in swap", f"{swapped} pages in swap")
    assert swapped > 0
    assert gauges(m) | {"nodes": 0} == before | {"nodes": 0}
    assert (m.queue_left, m.meminfo().rows["Cached"], f.pread(3)) == (0, 0, b"fff")
    pipe[1].write(b"after")
    assert pipe[0].read(99) == b"after"
    assert program(m) == program(Machine(frames=8, swap=64 * PAGE))


def test_nothing_to_lose():
    m = Machine()
    f = m.create("f", PAGE)
    f.pwrite(b"x")
    f.fsync()
    assert repr(m.crash()) == "Lost(0 processes ended; every file was written back)"
    assert f.pread(1) == b"x"


def test_tmpfs_is_memory():
    m = Machine(filesystem="tmpfs")
    f = m.create("f", 1 << 40)
    f.pwrite(b"x", 1 << 30)
    f.fsync()
    assert m.crash().pages == {"f": ((1 << 30) // PAGE,)}
    assert f.size == 0


def test_the_log_tells():
    from vmlab.views.story import story

    m = Machine()
    m.crash()
    told = story(m.state, m.history[1])
    assert told.headline == "Power failed: memory and swap are lost, files have what was written back."
    assert told.second == "What no msync, fsync or flusher had written is gone."
