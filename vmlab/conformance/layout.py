"""Where the names of a program lie: the slots that were opened and the symbols of each process."""

from .vocabulary import ARENA, PAGE, SLOT, WORD


class Layout:
    """Slots by base address, symbols by process."""

    def __init__(self) -> None:
        self.symbols: dict[int, dict[str, int]] = {0: {}}
        self.heaps: dict[int, int] = {}  # process -> page-aligned break at its start
        self.opened: dict[int, str] = {}  # base of a slot -> the symbol that opened it
        self.npages: dict[int, int] = {}  # base of a slot -> the most pages that were ever in use

    def open(self, symbol: str, nbytes: int) -> int:
        """The base of a fresh slot for nbytes."""
        base = ARENA + len(self.opened) * SLOT
        self.opened[base] = symbol
        self.npages[base] = max(1, min(-(-(nbytes & WORD) // PAGE), SLOT // PAGE))
        return base

    def reach(self, addr: int, nbytes: int) -> None:
        """Note that a slot is in use up to addr + nbytes."""
        base = ARENA + (addr - ARENA) // SLOT * SLOT
        if base in self.npages:
            self.npages[base] = max(self.npages[base], min(-(-(addr - base + nbytes) // PAGE), SLOT // PAGE))

    def fork(self, parent: int, child: int) -> None:
        """The child knows its parent's names."""
        self.symbols[child] = dict(self.symbols[parent])
        if parent in self.heaps:
            self.heaps[child] = self.heaps[parent]
