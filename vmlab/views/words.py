"""What things are called on the screen and in sentences. One form each, used everywhere."""

from ..core.state import NONE, Kind, State
from .look import Area, Look, look_at


def living(s: State | Look) -> list[int]:
    """The rows of the living processes, in order of start."""
    return look_at(s).living


def letter(s: State | Look, row: int) -> str:
    """A process's letter: A to Z by order of start, then its number."""
    return look_at(s).letter[row]


def process(s: State | Look, row: int) -> str:
    """'A editor'."""
    return look_at(s).process[row]


def areas(s: State | Look, row: int) -> list[Area]:
    """The areas of a process, by address."""
    return look_at(s).areas.get(row, [])


def area(s: State | Look, row: int, vpn: int) -> Area | None:
    """The area that holds a page, or None."""
    return look_at(s).area(row, vpn)


def where(s: State | Look, row: int, vpn: int) -> str:
    """'[heap] page 3'; an address where nothing is mapped."""
    look = look_at(s)
    a = look.area(row, vpn)
    if a is None:
        return f"0x{vpn << look.page_shift:x}"
    return f"{a.name} page {vpn - a.first + a.number}"


def page_of(s: State | Look, row: int, vpn: int) -> str:
    """The same in a sentence: "page 3 of A editor's heap", "page 3 of alice.txt"."""
    look = look_at(s)
    a = look.area(row, vpn)
    if a is None:
        return f"address 0x{vpn << look.page_shift:x} of {look.process[row]}"
    number = vpn - a.first + a.number
    if a.object != NONE and a.shared:
        return f"page {number} of {a.name}"
    return f"page {number} of {look.process[row]}'s {a.name.strip('[]')}"


def object_page(s: State | Look, obj: int, index: int) -> str:
    """A page of a memory object in a sentence: "page 3 of alice.txt", "page 9 of A editor's heap"."""
    look = look_at(s)
    if not 0 <= obj < len(look.objects):
        return "a page"
    if look.object(obj, "kind") == Kind.PRIVATE:
        return page_of(look, look.object(obj, "proc"), index)
    if look.object(obj, "kind") == Kind.SWAP:
        return f"the page of swap slot {index}, read along"
    return f"page {index} of {look.file_name(obj)}"


def plural(n: int, noun: str) -> str:
    """'1 page', '2 pages'."""
    return f"{n:,} {noun}" + ("" if n == 1 else "es" if noun.endswith(("s", "x", "ch")) else "s")


def size_text(nbytes: int) -> str:
    """'8 KiB', '100 bytes'."""
    return f"{nbytes >> 10:,} KiB" if nbytes and nbytes % 1024 == 0 else plural(nbytes, "byte")
