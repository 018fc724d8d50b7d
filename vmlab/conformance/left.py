"""What is left when a program has ended: the memory of the processes that live, who shares a frame, the files."""

import zlib
from collections.abc import Iterable, Iterator
from typing import Any

from .backend import Backend
from .layout import Layout
from .outcome import Answer, Result
from .vocabulary import PAGE

LETTER = {("SIGSEGV", 1): "-", ("SIGSEGV", 2): "x", ("SIGBUS", 2): "B"}  # of a page that cannot be read


def look(backend: Backend, layout: Layout, processes: Iterable[int], files: Iterable[str]) -> Answer:
    """All that is left, as the record writes it.

        {"pages": {crc: bytes}, "procs": {p: {symbol: {"acc", "pg", "fr"}}}, "files": {f: {"size", "pg"}}}

    "acc" is a letter a page, "pg" the crc of what it holds or the letter again, "fr" who shares its frame. Frames are
    looked at first, since reading brings pages in; without Backend.frames "fr" is left out.
    """
    pages: dict[str, bytes] = {}
    crcs: dict[bytes, str] = {}

    def keep(page: bytes) -> str:
        if page not in crcs:
            crcs[page] = f"{zlib.crc32(page):08x}"
            pages[crcs[page]] = page
        return crcs[page]

    sharing = _sharing(backend, layout, processes)
    procs: dict[str, Any] = {}
    for p in processes:
        slots = procs[str(p)] = {}
        for base, npages in layout.npages.items():
            held = list(_contents(backend, p, base, npages))
            if set(held) == {"-"}:
                continue
            slot = slots[layout.opened[base]] = {
                "acc": "".join("r" if isinstance(page, bytes) else page for page in held),
                "pg": [keep(page) if isinstance(page, bytes) else page for page in held],
            }
            if sharing:
                slot["fr"] = sharing[p, base]
    kept = {}
    for f in files:
        nbytes = backend.fsize(f)
        kept[f] = {"size": nbytes, "pg": [keep(backend.fread(f, at, PAGE)) for at in range(0, nbytes, PAGE)]}
    return {"pages": pages, "procs": procs, "files": kept}


def letter(load: Result) -> str:
    """The letter of a page from a load: r readable, - not mapped, x forbidden, B no such page of the file."""
    return LETTER.get((load.signal, load.code), "?") if load.signal else "r"


def _sharing(backend: Backend, layout: Layout, processes: Iterable[int]) -> dict[tuple[int, int], str]:
    """Of every slot of every process who shares its frames; empty where the backend cannot tell.

    Frames are numbered by first appearance; s marks those of files and shared memory, Z the zero page, - none.
    """
    seen: dict[int, int] = {}
    rows = {}
    try:
        for p in processes:
            for base, npages in layout.npages.items():
                found = backend.frames(p, base, npages)
                zero = backend.zero_frame
                words = (
                    "-" if f is None else "Z" if f[0] == zero else f"{seen.setdefault(f[0], len(seen))}{'s' * f[1]}"
                    for f in found
                )
                rows[p, base] = " ".join(words)
    except NotImplementedError:
        return {}
    return rows


def _contents(backend: Backend, p: int, base: int, npages: int) -> Iterator[bytes | str]:
    """Page by page, its bytes or the letter of what forbids to read them. One load for each run of readable pages."""
    k = 0
    while k < npages:
        load = backend.load(p, base + k * PAGE, (npages - k) * PAGE)
        yield from (load.data[at : at + PAGE] for at in range(0, len(load.data), PAGE))
        k += len(load.data) // PAGE
        if load.signal:
            yield letter(load)
            k += 1
