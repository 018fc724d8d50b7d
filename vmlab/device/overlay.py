"""Copy-on-write over another device: a branch, a replay or a loaded machine changes this, never the host's file."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .hostfile import HostFile
from .ownfile import BLOCK, ZERO, OwnFile

if TYPE_CHECKING:
    from . import Device


class Overlay(OwnFile):
    """An own file whose blocks, until they are written here, are those of `base`.

    Name, key and first size are the base's; the size is its own from then on. Where the base has become shorter since,
    its lost bytes read zero. Closing leaves the base open: others may be using it. A host file copies
    into its overlays what its own machine is about to overwrite, so that a branch never sees its parent's later writes.
    """

    def __init__(self, base: "Device") -> None:
        super().__init__(0, base.name, base.size())
        self.key = base.key
        self.base = base
        self._reach = self._nbytes
        if isinstance(base, HostFile):
            base.overlays.add(self)

    @classmethod
    def load(cls, plain: Mapping[str, Any], data: Mapping[str, bytes], base: "Device | None" = None) -> "Overlay":
        """The overlay that was dumped, over `base` again; where that is gone, its bytes read zero."""
        self = cls(base or OwnFile(0, str(plain["name"]), 0))
        self.key = base.key if base else tuple(plain["key"])
        self._fill(plain, data)
        return self

    def keep(self, offset: int, n: int) -> None:
        """Copy what lies below n bytes from offset on: the base is about to change it."""
        blocks = range(offset // BLOCK, -(-min(offset + n, self._reach) // BLOCK))
        self._own().update({b: self._block(b) for b in blocks if b not in self._blocks})

    def _below(self, block: int) -> bytes:
        n = min(BLOCK, self._reach - block * BLOCK)
        return self.base.read(block * BLOCK, n).ljust(BLOCK, b"\0") if n > 0 else ZERO
