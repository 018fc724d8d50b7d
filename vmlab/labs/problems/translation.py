"""One level: a virtual address, a page table, a physical address. OSTEP, chapter 18; CS:APP, 9.6.4."""

from typing import NamedTuple

from .answers import FAULT, Form, Value
from .draws import Draws
from .problem import Posed
from .scene import binary, placed
from .tables import Table


class Case(NamedTuple):
    """pages: (page, frame) of each valid entry."""

    vpn_bits: int
    page_size: int
    frames: int
    pages: tuple[tuple[int, int], ...]
    addr: int


def draw(d: Draws) -> Case:
    vpn_bits, page_size, frames = d.between(2, 4), 1 << d.between(4, 12), 1 << d.between(3, 6)
    npages = 1 << vpn_bits
    valid = d.some_of(range(1, npages), d.between(2, npages - 1))
    pages = tuple(sorted(zip(valid, d.some_of(range(frames), len(valid)))))
    absent = [vpn for vpn in range(npages) if vpn not in valid]
    vpn = d.one_of(absent if d.below(4) == 0 else valid)
    return Case(vpn_bits, page_size, frames, pages, vpn * page_size + d.below(page_size))


def pose(case: Case) -> Posed:
    size, held = case.page_size, dict(case.pages)
    _, p = placed((case.vpn_bits,), size, case.frames, held)
    t = p.translate(case.addr)
    answer: Value = t.physical if t.frame >= 0 else FAULT
    low = size.bit_length() - 1
    npages = 1 << case.vpn_bits
    rows = tuple((str(v), "1" if v in held else "0", str(held.get(v, "-"))) for v in range(npages))
    steps = [
        ("address in bits, page and offset", binary(case.addr, case.vpn_bits, low)),
        ("virtual page number", str(t.vpn)),
        ("offset", str(t.offset)),
        (f"entry {t.steps[-1].index} of the page table", f"frame {t.frame}" if t.frame >= 0 else "not valid"),
        ("what the MMU makes of it", f"{t.frame} × {size} + {t.offset} = {t.physical:#x}" if t.frame >= 0 else FAULT),
    ]
    reason = (
        "The page number chooses the entry, the entry names the frame, and the offset is the same in page and frame."
        if t.frame >= 0
        else "The entry is not valid, so there is no frame to go on with: the MMU raises a fault, and the kernel decides."
    )
    return Posed(
        f"A virtual address has {case.vpn_bits + low} bits, a page has {size} bytes, and memory has {case.frames} page frames."
        " This is the page table of process P.",
        (Table("page table", ("page", "valid", "frame"), rows),),
        f"P loads the byte at {case.addr:#x}. Which physical address is that? If there is none, the answer is: page fault.",
        Form.ADDRESS,
        answer,
        _wrong(case, t.vpn, t.offset, t.frame),
        Table(f"the translation of {case.addr:#x}", ("step", "result"), tuple(steps)),
        reason,
    )


def _wrong(case: Case, vpn: int, offset: int, frame: int) -> list[tuple[Value, str]]:
    held, size = dict(case.pages), case.page_size
    below, above = held.get(vpn - 1), held.get(vpn + 1)
    wrong: list[tuple[Value, str]] = []
    if frame >= 0:
        wrong += [
            (
                frame + offset,
                "This adds the frame's number to the offset. A frame begins at its number times a page's size.",
            ),
            (frame * size, "This is where the frame begins: the offset is lost."),
            (
                FAULT,
                "The entry of this page is valid. A TLB miss, or an address above the size of memory, is no page fault.",
            ),
            (
                vpn * size + frame,
                "This puts the frame's number where the offset belongs. The frame takes the place of the page.",
            ),
        ]
        shift = size.bit_length()  # one bit more than the offset has
        if (taken := held.get(case.addr >> shift)) is not None:
            wrong.append(
                (
                    taken * 2 * size + case.addr % (2 * size),
                    "The address is split one bit too far to the left. A page of 2 to the k bytes has offsets of k bits.",
                )
            )
    else:
        wrong += [
            (
                offset,
                "This takes frame 0 for a page that has no frame. Look at the bit that says whether the entry counts.",
            ),
            (
                vpn + offset,
                "This adds the page's number to the offset. Nothing is added: the entry is looked up first.",
            ),
        ]
    wrong.append((case.addr, "This is the virtual address itself. Only the offset stays as it is."))
    for other, way in ((below, "before"), (above, "after")):
        if other is not None:
            wrong.append(
                (other * size + offset, f"This uses the entry {way} the one asked for. Pages are counted from 0.")
            )
    return wrong
