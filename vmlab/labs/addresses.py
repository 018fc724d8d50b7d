"""Lab 01: an address taken apart, and what the page table makes of it. Tiny machines, small enough for paper."""

from functools import cache
from typing import Any

from .. import KiB, Machine
from .lab import Exercise, Lab, Prediction, Puzzle, Slip

PAGE = 4 * KiB
HERE = 0x3229  # OSTEP chapter 18

# -- the notebook's machine --------------------------------------------------------------------------------------------------


def _three() -> dict[str, Any]:
    """Two programs fill six frames; a third has mapped its last page."""
    m = Machine(mmu=(2,), page_size=PAGE, frames=16)
    one, two, p = (m.spawn(name) for name in ("one", "two", "p"))
    for q in (one, two):
        q.mmap(3 * PAGE).touch(True)
    return {"m": m, "one": one, "two": two, "p": p, "top": p.mmap(PAGE, addr=3 * PAGE)}


def _bits_that_stay() -> int:
    """How many of the lowest bits no page changes: translation is tried with every page of the first program's."""
    one = _three()["one"]
    changed = 0
    for page in range(1, 4):
        for low in (0, 0x555, 0xAAA, 0xFFF):
            changed |= (page * PAGE + low) ^ one.translate(page * PAGE + low).physical
    return (changed & -changed).bit_length() - 1


def _frames_after_mmap() -> int:
    return int(_three()["p"].stat.rss)


def _places() -> int:
    scene = _three()
    programs = [scene[name] for name in ("one", "two", "p")]
    for q in programs:
        q.store(HERE, b"x")
    return len({q.translate(HERE).physical for q in programs})


def _faults_of_misses() -> int:
    twelve = Machine(tlb=(4, 4), frames=16).spawn("q").mmap(12 * PAGE)
    twelve.touch(True)
    return int(twelve.touch().faults)


# -- exercises ---------------------------------------------------------------------------------------------------------------


def _in_frame(f: int, size: int, bits: int, addr: int) -> int:
    """The physical address of `addr`, whose page of `size` bytes was given frame f."""
    m = Machine(mmu=(bits,), page_size=size, frames=16)
    m.spawn("others").mmap(f * size).touch(True)
    p = m.spawn("p")
    p.mmap(size, addr=addr // size * size).touch(True)
    return int(p.translate(addr).physical)


def _faults_of_rounds() -> int:
    m = Machine(tlb=(2, 2), frames=16)
    p = m.spawn("p")
    area = p.mmap(12 * PAGE)
    p.access(area.pages[:7], True)
    return int(area.touch().faults + area.touch().faults)


def _accessed() -> int:
    m = Machine(frames=16)
    p = m.spawn("p")
    area = p.mmap(15 * PAGE)
    p.access(area.pages[:7])
    p.access(area.pages[5:10], True)
    return sum("accessed" in p.translate(page).bits for page in area.pages)


@cache
def _physical(f: int, k: int, a: int) -> int:
    return _in_frame(f, 1 << k, 6, a)


def _said(f: int, k: int, a: int) -> str:
    return f"address {a}, pages of {1 << k} bytes, its page in frame {f}"


def _steps(f: int, k: int, a: int) -> list[tuple[str, ...]]:
    """Address, page and offset, frame and offset, physical address: in binary, the offset's digits apart."""
    there = _physical(f, k, a)
    rows: list[tuple[str, ...]] = [("step", "upper bits", "offset", "number")]
    for what, x in (("the address", a), ("the physical address", there)):
        rows.append((what, f"{x >> k:b}", f"{x & (1 << k) - 1:0{k}b}", str(x)))
    return rows


LAB = Lab(
    "01",
    "Addresses are names",
    predictions=(
        Prediction("a", "bits of the 14-bit address that are kept in the physical one", "split", _bits_that_stay),
        Prediction("b", "pages that have a frame once mmap has mapped one page", "mapped", _frames_after_mmap),
        Prediction("c", "bytes of memory that three programs call 0x3229", "three-names", _places),
        Prediction("d", "page faults of 12 loads that all miss the TLB", "misses", _faults_of_misses),
    ),
    exercises=(
        Exercise(
            "01.1",
            "bytes from the start of memory",
            lambda: _in_frame(5, 256, 4, 0xA37),
            "Pages of 256 bytes leave two hexadecimal digits for the offset, and those stay. The digit before them is the page,"
            " and the frame takes its place: 0xa37 becomes 0x537.",
            slips=(
                Slip(
                    0x500,
                    "This is where the frame begins. The offset goes along: see how far two bytes of one page are apart in"
                    " memory:",
                    "t = Machine(mmu=(4,), page_size=64, frames=4).spawn('t'); area = t.mmap(64); area.touch()\n"
                    "t.translate(area.pages[0] + 9).physical - t.translate(area).physical",
                ),
                Slip(
                    0xA37,
                    "This is the belief that an address says where in memory a byte is. It is a name, and the page table says"
                    " where. Here are an address and its place:",
                    "t = Machine(mmu=(4,), page_size=64, frames=4).spawn('t'); area = t.mmap(64); area.touch()\n"
                    "area.pages[0] + 9, t.translate(area.pages[0] + 9).physical",
                ),
                Slip(
                    0x5A37,
                    "You took pages of 4096 bytes. How many bits are offset depends on the size of a page. With pages of 256:",
                    "t = Machine(mmu=(4,), page_size=256, frames=4).spawn('t')\n[t.translate(x).offset for x in (255, 256, 257)]",
                ),
                Slip(
                    0xA37 + 0x500,
                    "You added the frame to the whole address, as a base register does. The page number is replaced, and not"
                    " kept as well. Here is page 15, in frame 0:",
                    "t = Machine(mmu=(4,), page_size=64, frames=4).spawn('t'); area = t.mmap(64, addr=960); area.touch()\n"
                    "t.translate(961).frame, t.translate(961).physical",
                ),
            ),
            hints=(
                "How many bytes has a page, and how many bits count them?",
                "Write the address in hexadecimal. Which digits are the page, which the offset?",
                "Python takes 0x.. as a number: labs.check takes the frame's digit with the offset's digits behind it.",
            ),
        ),
        Exercise(
            "01.2",
            "faults",
            _faults_of_rounds,
            "Only a page without a frame faults, and only once: the pages that were never touched. A TLB of two entries misses"
            " at all other loads too, and the walk answers each of these.",
            slips=(
                Slip(
                    24,
                    "This is the belief that a TLB miss is a page fault. A miss makes the hardware walk the page table; it"
                    " faults only if the PTE there says not present:",
                    "area = Machine(tlb=None, frames=8).spawn('t').mmap(32*KiB); area.touch(True)\narea.touch().faults",
                ),
                Slip(
                    12,
                    "You let every page fault at its first load. The ones that were stored into have their frame already:",
                    "area = Machine(frames=8).spawn('t').mmap(32*KiB); area.touch(True)\narea.touch().faults",
                ),
                Slip(
                    0,
                    "This is the belief that mmap hands out memory. It hands out addresses. Count the frames after it:",
                    "t = Machine(frames=8).spawn('t'); area = t.mmap(32*KiB)\nt.stat.rss",
                ),
                Slip(
                    7,
                    "You counted the stores, which had happened before. The loads are asked for. Does a page fault again that"
                    " was stored into?",
                    "area = Machine(frames=8).spawn('t').mmap(32*KiB); area.touch(True)\narea.touch().faults",
                ),
                Slip(
                    10,
                    "You let the untouched pages fault in both rounds. A fault is not an error that stays: the kernel has given"
                    " the page its frame, and the second round finds it:",
                    "area = Machine(frames=8).spawn('t').mmap(32*KiB); area.touch()\narea.touch().faults",
                ),
            ),
            hints=(
                "For each page ask: has it a frame?",
                "Keep two lists: loads that the TLB cannot answer, loads that the page table cannot answer.",
                "area.touch() loads from every page of a mapping, and its .faults says how many loads faulted.",
            ),
        ),
        Exercise(
            "01.3",
            "PTEs",
            _accessed,
            "A store is an access too: it sets accessed and dirty. The pages that were loaded, stored into, or both, each count"
            " once; the others have no PTE with a frame at all.",
            slips=(
                Slip(
                    7,
                    "You counted the loads only. What does a store into a fresh page set?",
                    "t = Machine(frames=8).spawn('t'); area = t.mmap(4*KiB); area.touch(True)\nt.translate(area).bits[3:]",
                ),
                Slip(
                    5,
                    "This is the number of dirty pages. A page that was only loaded has the other bit:",
                    "t = Machine(frames=8).spawn('t'); area = t.mmap(4*KiB); area.touch()\nt.translate(area).bits[3:]",
                ),
                Slip(
                    12,
                    "You counted references. A bit that is set can be set again, and counts nothing. Three loads and three"
                    " stores of one page:",
                    "t = Machine(frames=8).spawn('t'); area = t.mmap(4*KiB)\n"
                    "t.access([area.pages[0]] * 6, [False] * 3 + [True] * 3)\n"
                    "t.translate(area).bits[3:]",
                ),
                Slip(
                    15,
                    "You counted every page that is mapped. One that nobody has touched has no bit set:",
                    "t = Machine(frames=8).spawn('t'); area = t.mmap(4*KiB)\nt.translate(area).bits",
                ),
                Slip(
                    0,
                    "You let nobody set the bit. The hardware does it on its way, without a fault, also when the TLB knows the"
                    " frame:",
                    "t = Machine(frames=8).spawn('t'); area = t.mmap(4*KiB); area.touch()\n"
                    "area.touch(True).faults, t.translate(area).bits[3:]",
                ),
            ),
            hints=(
                "Which references leave a trace in the PTE, and which trace?",
                "Draw the pages in a row. Mark those that were loaded below, those that were stored into above.",
                'sum("accessed" in p.translate(page).bits for page in area.pages) counts them.',
            ),
        ),
        Puzzle(
            "01.4",
            "lambda f, k, a: f + a",
            "lambda f, k, a: (f << k) + a % (1 << k)",
            ("f", "k", "a"),
            tuple(
                sorted(
                    ((f, k, a) for f in (1, 2, 3) for k in (4, 5, 6) for a in (75, 100, 171, 255)),
                    key=lambda c: (c[0] == c[2] >> c[1], c[0] == 1, c),
                )
            ),
            _physical,
            "The upper bits name the page and are replaced by those of the frame; the k lower bits stay.",
            slips=(
                Slip(
                    lambda f, k, a: f << k,
                    "Your rule gives the first byte of the frame. The offset is the same in page and frame.",
                ),
                Slip(
                    lambda f, k, a: a,
                    "Your rule lets the address be its own place in memory. It is a name; the frame says where.",
                ),
                Slip(
                    lambda f, k, a: (f << k) + a,
                    "Your rule adds the frame to the whole address, as a base register does. The page number is replaced.",
                ),
                Slip(
                    lambda f, k, a: f * 4096 + a % 4096,
                    "Your rule has pages of 4096 bytes, whatever k is.",
                ),
                Slip(
                    lambda f, k, a: f + (a >> k),
                    "Your rule puts numbers of pages together. A physical address counts bytes.",
                ),
            ),
            hints=(
                "Write a in binary and draw a line before its last k digits.",
                "What is left of the line is replaced; what is right of it stays.",
                'labs.step("01.4", f=2, k=5, a=100) shows one case; a % 2**k is what is right of the line.',
            ),
            said=_said,
            steps=_steps,
        ),
    ),
    recorded={"host-mapped": "(0, 4)", "host-names": "(True, b'child', b'names')"},
)
