"""Addresses, sizes and bytes as people type them."""

import re

from .. import views
from ..core.state import State
from ..views import Look

UNITS = {
    **dict.fromkeys(("", "b", "byte", "bytes"), 1),
    **{name: 1 << 10 * k for k, u in enumerate("kmg", 1) for name in (u, f"{u}b", f"{u}ib")},
}


def parse(s: State | Look, row: int, text: str) -> int:
    """The address that `text` names in a process: 0x7fff00, 4096, heap+0x10, alice.txt+5, "alice.txt page 3".

    ValueError with a sentence if it names none.
    """
    look = views.look_at(s)
    text, size = text.strip(), look.page_size
    bytes_in_all = size << sum(mask.bit_length() for _, mask in look.levels)
    number = _number(text)
    if number is None:
        match = re.fullmatch(r"(.*?)(?:\s*\+\s*(\S+)|\s+page\s+(\d+))?", text)
        name = match.group(1) if match else text
        area = next((a for a in views.areas(look, row) if name and name in (a.name, a.name.strip("[]"))), None)
        plus = _number(match.group(2)) if match and match.group(2) else 0
        if area is None or plus is None or plus < 0:
            names = sorted({a.name.strip("[]") for a in views.areas(look, row)})
            hint = f" or {names[0]}+0x…" if names else ""
            raise ValueError(f"‘{text}’ is not an address: type 0x…{hint}")
        page = int(match.group(3)) - area.number if match and match.group(3) else 0
        number = (area.first + page) * size + plus
    if not 0 <= number < bytes_in_all:
        raise ValueError(f"{text} lies outside this machine's addresses (0 to {bytes_in_all - 1:#x})")
    return number


def named(s: State | Look, row: int, addr: int) -> str:
    """An address as it is best read: heap+0x10 where an area has that name, else 0x…"""
    look = views.look_at(s)
    size = look.page_size
    a = look.area(row, addr // size)
    if a is None:
        return f"{addr:#x}"
    twins = [b for b in views.areas(look, row) if b.name == a.name]
    name = a.name.strip("[]")
    if twins[0].first != a.first or not re.fullmatch(r"[\w.\-]+", name):
        return f"{addr:#x}"
    return f"{name}+{addr - a.first * size:#x}"


def size_of(text: str) -> int:
    """A number of bytes as typed: 16 KiB, 4096, 0x1000. ValueError with a sentence."""
    match = re.fullmatch(r"\s*(0x[0-9a-fA-F]+|\d+)\s*([a-zA-Z]*)\s*", text)
    if not match or match.group(2).lower() not in UNITS:
        raise ValueError(f"‘{text}’ is not a size: type a number of bytes, or 16 KiB")
    return int(match.group(1), 0) * UNITS[match.group(2).lower()]


def size_code(nbytes: int) -> str:
    """A size as Python: 16*KiB."""
    for unit, name in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if nbytes and nbytes % unit == 0:
            return f"{nbytes // unit}*{name}"
    return str(nbytes)


def _number(text: str) -> int | None:
    try:
        return int(text.replace(",", ""), 0)
    except ValueError:
        return None
