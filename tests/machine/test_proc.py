"""smaps as Linux prints it. The figures are those measured on Linux 6.18 (Documentation/filesystems/proc.rst says what each is)."""

from vmlab import Advice, KiB, Machine, Map, Prot

PAGE = 4 * KiB


def process(**knobs):
    m = Machine(frames=64, swap=64 * PAGE, **knobs)
    return m, m.spawn("p")


def test_four_pages_shared_by_two_count_half_each():
    _, p = process()
    p.mmap(4 * PAGE).touch(True)
    child = p.fork()
    of = p.smaps().rows[0]
    assert (of.Rss, of.Pss, of.Shared_Dirty, of.Private_Dirty) == (16, 8, 16, 0)
    child.exit()
    of = p.smaps().rows[0]
    assert (of.Rss, of.Pss, of.Shared_Dirty, of.Private_Dirty) == (16, 16, 0, 16)


def test_the_zero_page_is_nobody_s():
    _, p = process(preset="linux")
    p.mmap(4 * PAGE).touch()
    assert p.smaps().rows[0].Rss == 0


def test_a_copied_page_of_a_file_is_anonymous():
    m, p = process()
    f = m.create("f", 4 * PAGE)
    text = p.mmap(4 * PAGE, file=f, flags=Map.PRIVATE)
    text.touch()
    p.store(text.addr, b"x")
    of = p.smaps().rows[0]
    assert (of.Rss, of.Anonymous, of.Private_Dirty, of.Private_Clean) == (16, 4, 4, 12)


def test_swap_and_locks_and_given_up_pages():
    _, p = process()
    a, b = p.mmap(4 * PAGE, prot=Prot.READ | Prot.WRITE), p.mmap(4 * PAGE, flags=Map.SHARED)
    a.touch(True)
    b.touch(True)
    p.mlock(b, 2 * PAGE)
    p.madvise(a, 2 * PAGE, advice=Advice.PAGEOUT)
    p.madvise(a.addr + 2 * PAGE, PAGE, advice=Advice.FREE)
    by_start = dict(zip([v.start for v in p.vmas()], p.smaps().rows, strict=True))
    of = by_start[a.addr]
    assert (of.Size, of.Rss, of.Swap, of.SwapPss, of.LazyFree) == (16, 8, 8, 8, 4)
    of = by_start[b.addr]
    assert (of.Size, of.Rss, of.Locked, of.Referenced, of.Anonymous) == (8, 8, 8, 8, 0)


def test_the_text():
    _, p = process()
    p.mmap(4 * PAGE, name="heap").touch(True)
    lines = p.smaps().splitlines()
    assert lines[0] == p.maps()
    assert lines[1:4] == ["Size:                 16 kB", "Rss:                  16 kB", "Pss:                  16 kB"]
    assert lines[-1] == "VmFlags: rd wr mr mw me ac"


def test_the_sum_of_all_pss_is_what_is_in_use():
    """Each frame counts once, however many map it."""
    m, p = process()
    f = m.create("f", 6 * PAGE)
    p.mmap(6 * PAGE, file=f, flags=Map.SHARED).touch()
    heap = p.mmap(5 * PAGE)
    heap.touch(True)
    q, r = p.fork(), p.fork()
    q.store(heap.addr, b"x")
    r.mmap(6 * PAGE, file=f, flags=Map.SHARED).touch()
    total = sum(of.Pss for who in (p, q, r) for of in who.smaps().rows)
    assert round(total / 4, 9) == 6 + 5 + 1
