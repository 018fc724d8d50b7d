"""Copy-on-write. Numbers are those of the semantics list (E.5, E.6); "Part II" is its list of rules in order."""

import pytest
from known import PAGE, gauges

from vmlab import BusError, Machine, Map


@pytest.fixture
def m():
    m = Machine(frames=32, swap=32 * PAGE, history=None)
    yield m
    assert m.check() == []


def frames(p, area):
    return p.pagemap(area).pfn.tolist()


def family(m, n, npages=1):
    """A page that `n` processes share copy-on-write, and the address."""
    p = m.spawn("p0")
    heap = p.mmap(npages * PAGE)
    for k in range(npages):
        heap[k * PAGE] = k + 1
    return [p, *(p.fork(f"p{k}") for k in range(1, n))], heap


def test_the_first_to_store_copies_and_the_last_keeps_the_frame(m):
    """Part II: after fork both sides are read-only; each first store is one minor fault, also for the last owner."""
    (parent, child), heap = family(m, 2)
    shared = frames(parent, heap)
    assert frames(child, heap) == shared
    with m.measure() as cost:
        child.store(heap, b"c")
    assert (cost.minflt, cost.copies, cost.reuses) == (1, 1, 0)
    with m.measure() as cost:
        parent.store(heap, b"p")
    assert (cost.minflt, cost.copies, cost.reuses) == (1, 0, 1)
    assert frames(parent, heap) == shared != frames(child, heap)
    with m.measure() as cost:
        parent.store(heap, b"P"), child.store(heap, b"C")
    assert cost.minflt == 0
    assert (parent.load(heap, 1), child.load(heap, 1)) == (b"P", b"C")


@pytest.mark.parametrize("n", [2, 3, 5])
def test_n_owners_make_n_minus_one_copies(m, n):
    owners, heap = family(m, n)
    free = gauges(m)["frames"]
    with m.measure() as cost:
        for k, p in enumerate(owners):
            p.store(heap, bytes([100 + k]))
    assert (cost.minflt, cost.copies, cost.reuses) == (n, n - 1, 1)
    assert free - gauges(m)["frames"] == n - 1
    assert [p.load(heap, 1)[0] for p in owners] == [100 + k for k in range(n)]


def test_who_is_left_alone_by_exit_keeps_the_frame(m):
    (parent, child), heap = family(m, 2)
    child.exit()
    with m.measure() as cost:
        parent.store(heap, b"p")
    assert (cost.minflt, cost.copies) == (1, 0)


def test_only_the_page_stored_to_is_copied(m):
    (parent, child), heap = family(m, 2, npages=3)
    child.store(heap.addr + PAGE, b"c")
    assert [a == b for a, b in zip(frames(parent, heap), frames(child, heap))] == [True, False, True]
    assert m.vmstat().rows["pgcopy"] == 1


def test_a_store_over_the_border_copies_both(m):
    (parent, child), heap = family(m, 2, npages=2)
    with m.measure() as cost:
        child.store(heap.addr + PAGE - 1, b"ab")
    assert (cost.minflt, cost.copies) == (2, 2)
    assert parent.load(heap.addr + PAGE - 1, 2) == b"\0\2"


@pytest.mark.parametrize("forked", [False, True])
def test_rights_that_come_back(m, forked):
    """Part II: mprotect r -> rw gives W back at once to a page that is one process's alone, not to one shared by fork."""
    (parent, *_), heap = family(m, 2 if forked else 1)
    parent.mprotect(heap, prot=1)
    parent.mprotect(heap, prot=3)
    with m.measure() as cost:
        parent.store(heap, b"x")
    assert cost.minflt == int(forked)


def test_mprotect_gives_the_child_no_way_to_the_parents_page(m):
    (parent, child), heap = family(m, 2)
    child.mprotect(heap, prot=1)
    child.mprotect(heap, prot=3)
    child.store(heap, b"c")
    assert parent.load(heap, 1) == b"\1"


@pytest.mark.parametrize("who", [0, 1])
def test_a_shared_page_in_swap_stays_shared(m, who):
    """Out together, in one by one: the second finds the frame the first brought; a store then parts them."""
    owners, heap = family(m, 2)
    before = gauges(m)["frames"]
    filler = m.spawn("filler").mmap(34 * PAGE)
    filler.touch(True)
    assert [p.stat.nswap for p in owners] == [1, 1]
    filler.close()
    with m.measure() as cost:
        assert [p.load(heap, 1) for p in owners] == [b"\1", b"\1"]
    assert (cost.majflt, cost.minflt, cost.pswpin) == (1, 1, 1)
    assert frames(owners[0], heap) == frames(owners[1], heap)
    owners[who].store(heap, b"x")
    assert [p.load(heap, 1) for p in owners] == ([b"x", b"\1"] if who == 0 else [b"\1", b"x"])
    assert gauges(m)["frames"] == before - 1
    for p in m.processes:
        p.exit()
    assert (gauges(m)["frames"], gauges(m)["slots"]) == (32, 32)


# -- private mappings of files -----------------------------------------------------------------------------------------


@pytest.fixture
def text(m):
    """(process, file, private mapping, shared mapping) of three pages a, b, c."""
    p = m.spawn("p")
    file = m.create("f", 3 * PAGE, b"".join(c * PAGE for c in (b"a", b"b", b"c")))
    return p, file, p.mmap(3 * PAGE, file=file), p.mmap(3 * PAGE, file=file, flags=Map.SHARED)


def test_67_a_clean_private_page_is_the_page_of_the_cache(text):
    p, _, private, shared = text
    private[0], shared[0]
    assert (frames(p, private)[0], p.pagemap(private).shared[0]) == (frames(p, shared)[0], True)
    private[0] = 65
    assert frames(p, private)[0] != frames(p, shared)[0]
    assert (p.pagemap(private).shared[0], p.pagemap(private).exclusive[0]) == (False, True)


@pytest.mark.parametrize("how", ["store", "write"])
def test_63_64_65_what_a_private_page_follows(text, how):
    """It follows the file until it is copied, never again afterwards; its neighbours still do."""
    _p, file, private, shared = text

    def change(at, data):
        if how == "store":
            shared[at : at + 1] = data
        else:
            file.pwrite(data, at)

    change(0, b"1")
    assert private[0:1] == b"1"
    private[1:2] = b"x"
    change(0, b"2")
    change(PAGE, b"2")
    assert (private[0:2], private[PAGE : PAGE + 1], shared[0:1], file.pread(1)) == (b"1x", b"2", b"2", b"2")


def test_66_private_stores_never_reach_the_file(m, text):
    p, file, private, shared = text
    private[0:3], private[2 * PAGE :] = b"xyz", b"q" * PAGE
    p.msync(private)
    private.close()
    file.fsync()
    assert (file.pread(4), shared[2 * PAGE : 2 * PAGE + 2]) == (b"aaaa", b"cc")
    assert m.device(file.object).read(0, 3 * PAGE) == b"a" * PAGE + b"b" * PAGE + b"c" * PAGE


def test_mprotect_gives_a_private_mapping_no_way_to_the_file(m, text):
    """A clean private page is the page of the cache: rights that come back are those of the copy that a store makes."""
    p, file, private, _ = text
    assert private[0:1] == b"a"
    p.mprotect(private, prot=1)
    p.mprotect(private, prot=3)
    with m.measure() as cost:
        private[0:1] = b"x"
    assert (private[0:2], file.pread(2), cost.copies) == (b"xa", b"aa", 1)


@pytest.mark.parametrize(("load_first", "faults"), [(True, [1, 1, 0]), (False, [1, 0])])
def test_faults_of_a_private_file_page(m, text, load_first, faults):
    """Part II, 5: store first 1m; store after load 1m."""
    _p, file, private, _ = text
    file.pread(3 * PAGE)
    assert [
        private.process.access([private.addr], write).minflt for write in ([0] if load_first else []) + [1, 1]
    ] == faults


def test_60_truncation_takes_copies_too_but_not_bytes_of_the_last_page(text):
    """A copied page past the new end is lost; in the page that straddles it the cache is zeroed, the copy keeps its bytes."""
    _p, file, private, shared = text
    private[0], private[PAGE + 100], private[2 * PAGE] = 1, 2, 3
    file.truncate(PAGE + 50)
    assert (private[0], private[PAGE + 100], shared[PAGE + 49], shared[PAGE + 100]) == (1, 2, ord("b"), 0)
    with pytest.raises(BusError):
        private[2 * PAGE]
    file.truncate(3 * PAGE)
    assert (private[2 * PAGE], private[PAGE + 100], shared[PAGE + 100]) == (0, 2, 0)


def test_a_store_that_ends_in_sigbus_makes_the_mapping_one_that_fork_copies(m):
    """Part II: a private write fault that ends in SIGBUS still counts as "had a write fault"."""
    p = m.spawn("p")
    private = p.mmap(2 * PAGE, file=m.create("f", PAGE))
    assert private[0] == 0
    assert p.fork().load(private, 1) == b"\0"
    assert m.processes[-1].stat.minflt == 1
    with pytest.raises(BusError):
        private[PAGE] = 1
    child = p.fork()
    assert (child.load(private, 1), child.stat.minflt, child.stat.majflt) == (b"\0", 0, 0)
