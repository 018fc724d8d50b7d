"""Copy-on-write over another device: a branch, a replay or a loaded machine changes this, never the host's file."""

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .hostfile import HostFile
from .ownfile import BLOCK, ZERO, OwnFile

if TYPE_CHECKING:
    from . import Device


class Overlay(OwnFile):
    """An own file whose blocks, until they are written here, are those of `base`, as they were when first read here.

    Name, key and first size are the base's; the size is its own from then on. Where the base has become shorter since,
    its lost bytes read zero. Closing leaves the base open: others may be using it. A host file copies
    into its overlays what its own machine is about to overwrite, so that a branch never sees its parent's later writes.
    """

    def __init__(self, base: "Device") -> None:
        super().__init__(0, base.name, base.size())
        self.key = base.key
        self.base = base
        self._reach = self._nbytes
        self._seen: dict[
            int, bytes
        ] = {}  # blocks of the base; `restore` does not forget them, so a replay reads the same
        if isinstance(base, HostFile):
            base.overlays.add(self)

    @classmethod
    def load(cls, plain: Mapping[str, Any], data: Mapping[str, bytes], base: "Device | None" = None) -> "Overlay":
        """The overlay that was dumped, over `base` again; where that is gone, its bytes read zero."""
        self = cls(base or OwnFile(0, str(plain["name"]), 0))
        self.key = base.key if base else tuple(plain["key"])
        self._fill(plain, data)
        return self

    def twin(self) -> "Overlay":
        """Another with the same bytes, for a branch of a branch."""
        copied = Overlay(self.base)
        copied.key = self.key
        copied.restore(self.save())
        copied._seen = dict(self._seen)
        return copied

    def dump(self) -> tuple[dict[str, Any], dict[str, bytes]]:
        """As an own file's, with the blocks of the base that were read here."""
        whole = OwnFile(0, self.name, 0)
        whole.key = self.key
        seen = {b: self._below(b) for b in self._seen if b * BLOCK < self._reach}
        whole.restore(self.save()._replace(blocks=seen | self._blocks))
        return whole.dump()

    def keep(self, offset: int, n: int) -> None:
        """Copy what lies below n bytes from offset on: the base is about to change it. What it cannot read, it loses."""
        for block in range(offset // BLOCK, -(-min(offset + n, self._reach) // BLOCK)):
            with suppress(OSError):
                self._below(block)

    def _below(self, block: int) -> bytes:
        n = self._reach - block * BLOCK
        if n <= 0:
            return ZERO
        seen = self._seen.get(block)
        if seen is None:
            seen = self.base.read(block * BLOCK, BLOCK).ljust(BLOCK, b"\0")
            self._seen[block] = seen = seen if seen != ZERO else ZERO
        return seen if n >= BLOCK else seen[:n].ljust(BLOCK, b"\0")
