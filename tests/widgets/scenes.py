"""Small machines in states worth looking at, for the tests of views and widgets."""

from typing import NamedTuple

from vmlab import KiB, Machine, Map, Mapping, Process, Prot
from vmlab.file import File

PAGE = 4 * KiB
TEXT = b"Alice was beginning to get very tired of sitting by her sister on the bank. "
EVIL = "<img src=x onerror=alert(1)>\"'&\u202e</style><script>"


class Scene(NamedTuple):
    machine: Machine
    a: Process
    b: Process
    heap: Mapping
    text: Mapping
    file: File


def forked(frames: int = 64, **options) -> Scene:
    """A file of 8 pages mapped shared, a heap of 6 pages, a fork, and one store of the child: one copy."""
    m = Machine(frames=frames, swap=options.pop("swap", 32 * PAGE), **options)
    f = m.create("alice.txt", 8 * PAGE, TEXT * 400)
    a = m.spawn("editor")
    heap = a.mmap(6 * PAGE, name="heap")
    text = a.mmap(f.size, file=f, flags=Map.SHARED)
    heap.touch(True)
    text[0:5] = b"ALICE"
    b = a.fork("spell")
    b.load(text.addr + PAGE, 10)
    b.store(heap.addr, b"mine")
    return Scene(m, a, b, heap, text, f)


def swapping() -> Scene:
    """The same on 10 frames, with as many pages again touched after the fork: much is in swap, slots are shared."""
    s = forked(frames=10)
    big = s.a.mmap(8 * PAGE, name="big")
    big.touch(True)
    s.a.load(s.heap.addr + PAGE, 1)
    return s


def evil() -> Machine:
    """Every name that a user may give is an attack on the page."""
    m = Machine(frames=12, swap=8 * PAGE)
    f = m.create(EVIL, 2 * PAGE, b"<b>bold</b>" * 100)
    p = m.spawn(EVIL)
    area = p.mmap(3 * PAGE, name=EVIL)
    area.touch(True)
    shared = p.mmap(2 * PAGE, file=f, flags=Map.SHARED)
    shared[0:4] = b"<i>!"
    q = p.fork(EVIL + "2")
    q.store(area.addr, b"<u>")
    m.queue(([area.addr], True), p)
    return m


def read_only(s: Scene) -> Mapping:
    """A mapping of the file that may only be read."""
    return s.b.mmap(2 * PAGE, file=s.file, flags=Map.SHARED, prot=Prot.READ)
