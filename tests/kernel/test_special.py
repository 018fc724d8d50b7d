"""/dev/zero and pipes. Numbers are those of the semantics list (E.1, E.3); "Part II" is its list of rules."""

import errno

import pytest
from known import PAGE, gauges

from vmlab import BusError, Machine, Map, Prot


def refusal(call):
    with pytest.raises(OSError, match=r".") as refused:
        call()
    return errno.errorcode[refused.value.errno]


def test_dev_zero_reads_zeros_and_swallows_what_is_written(m):
    zero = m.zero()
    assert zero.pread(5, 1 << 40) == bytes(5)
    assert zero.pwrite(b"gone") == 4
    assert (zero.pread(4), zero.size) == (bytes(4), 0)
    assert refusal(lambda: zero.truncate(1)) == "EINVAL"


def test_a_mapping_of_dev_zero_is_anonymous_memory(m, p):
    """drivers/char/mem.c, mmap_zero: SHARED is shared anonymous memory, PRIVATE private; two shared mappings are strangers."""
    zero = m.zero()
    shared, other, private = (p.mmap(2 * PAGE, file=zero, flags=f) for f in (Map.SHARED, Map.SHARED, Map.PRIVATE))
    for area in (shared, other, private):
        assert area[2 * PAGE - 1] == 0
    shared[0] = private[0] = 7
    child = p.fork()
    child.store(shared, b"\x09")
    child.store(private, b"\x09")
    assert (shared[0], other[0], private[0]) == (9, 0, 7)
    assert zero.pread(1) == b"\0"
    late = p.mmap(2 * PAGE, file=zero, flags=Map.SHARED, offset=PAGE)  # the object is as long as the mapping
    late[0] = 1
    with pytest.raises(BusError):
        late[PAGE] = 1
    assert refusal(lambda: p.mmap(PAGE, file=m.zero("r"), flags=Map.SHARED)) == "EACCES"


def test_a_pipe_is_not_mapped(m, p):
    """18: ENODEV; but first of all it must be readable (13)."""
    r, w = m.pipe()
    assert refusal(lambda: p.mmap(PAGE, file=r, prot=Prot.READ)) == "ENODEV"
    assert refusal(lambda: p.mmap(PAGE, file=w, prot=Prot.READ)) == "EACCES"


def test_what_is_written_to_a_pipe_is_read_from_it(m, p):
    r, w = m.pipe()
    area = p.mmap(4 * PAGE)
    area[0:10000] = bytes(range(250)) * 40
    assert p.sys.write(w.fd, area.addr, 10000) == 10000
    assert r.read(3) == bytes([0, 1, 2])
    assert p.sys.read(r.fd, area.addr + 1, 20000) == 9997
    assert area[1:9998] == (bytes(range(250)) * 40)[3:]
    assert refusal(lambda: r.read(1)) == "EAGAIN"
    assert refusal(lambda: r.pread(1)) == "ESPIPE"
    assert refusal(lambda: w.read(1)) == "EBADF"
    assert w.write(bytes(100000)) == 16 * PAGE
    assert refusal(lambda: w.write(b"x")) == "EAGAIN"
    w.close()
    assert len(r.read(1 << 20)) == 16 * PAGE
    assert r.read(1) == b""
    r, w = m.pipe()
    r.close()
    assert refusal(lambda: w.write(b"x")) == "EPIPE"


def test_a_bad_address_costs_whole_buffers(m, p):
    """55, Part II: EFAULT, or a short count; pipes count whole 4096-byte chunks only."""
    area = p.mmap(3 * PAGE, addr=1 << 40)
    at = area.addr + PAGE // 2  # 2.5 pages to the end
    r, w = m.pipe()
    assert p.sys.write(w.fd, at, 4 * PAGE) == 2 * PAGE
    assert len(r.read(1 << 20)) == 2 * PAGE
    assert refusal(lambda: p.sys.write(w.fd, area.addr + 3 * PAGE - 10, PAGE)) == "EFAULT"
    assert refusal(lambda: r.read(1)) == "EAGAIN"
    w.write(b"z" * 4 * PAGE)
    assert p.sys.read(r.fd, at, 4 * PAGE) == 2 * PAGE
    assert area[3 * PAGE - 1] == ord("z")  # stored, and not counted
    assert refusal(lambda: p.sys.read(r.fd, area.addr + 3 * PAGE - 10, PAGE)) == "EFAULT"
    assert len(r.read(1 << 20)) == 2 * PAGE
    file = m.create("f", PAGE)
    assert p.sys.read(r.fd, area.addr, 0) == 0
    assert refusal(lambda: p.sys.read(file.fd, area.addr, 1)) == "EINVAL"


def test_pipes_undo_branch_and_are_saved(m, p, tmp_path):
    r, w = m.pipe()
    w.write(b"one")
    before = m.digest()
    assert r.read(2) == b"on"
    twin = m.branch()
    m.save(tmp_path / "m")
    m.undo()
    assert m.digest() == before
    assert r.read(9) == b"one"
    for other in (twin, Machine.load(tmp_path / "m")):
        ends = {f.mode: f for f in other.files}
        assert ends["r"].read(9) == b"e"
        assert ends["w"].write(b"more") == 4
        assert ends["r"].read(9) == b"more"


def test_pipes_leave_nothing_behind(m):
    before = gauges(m)
    for end in m.pipe():
        end.close()
    m.zero().close()
    assert gauges(m) == before
