"""A file of the machine's own. Only blocks that were written take memory, so 1 TiB costs nothing."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

import numpy as np

from ..errors import ConfigError, fail, shown

BLOCK = 4096
ZERO = bytes(BLOCK)


class Saved(NamedTuple):
    """A moment of a file. `blocks` is shared with the file and other moments, and never changed again."""

    nbytes: int
    reach: int
    blocks: dict[int, bytes]


class OwnFile:
    """A sparse file in memory: block number -> 4 KiB of immutable bytes; an absent block is what lies below, here zero.

    n numbers the files of a machine, size is in bytes, data is what the file begins with. kind: "own", or what special file
    of the kernel keeps its bytes here.
    """

    writable = True

    def __init__(self, n: int, name: str | bytes, size: int, data: bytes = b"", kind: str = "own") -> None:
        self.name = shown(name)
        self.key: tuple[object, ...] = (kind, n)
        self._nbytes = size
        self._reach = 0  # below this, absent blocks read what lies below
        self._blocks: dict[int, bytes] = {}
        self._shared = False  # with a Saved: copy the dict before changing it
        if data:
            self.write(0, data)

    def __repr__(self) -> str:
        return f"{type(self).__name__}('{self.name}', {self._nbytes} bytes)"

    def size(self) -> int:
        return self._nbytes

    def read(self, offset: int, n: int) -> bytes:
        end = min(offset + n, self._nbytes)
        parts = []
        while offset < end:
            block, start = divmod(offset, BLOCK)
            part = self._block(block)[start : start + end - offset]
            parts.append(part)
            offset += len(part)
        return b"".join(parts)

    def hole(self, offset: int) -> bool:
        """Was nothing ever written to the block that holds `offset`?"""
        return offset // BLOCK not in self._blocks and offset >= self._reach

    def written(self) -> list[int]:
        """The offsets of its blocks that were ever written."""
        return [BLOCK * b for b in self._blocks]

    def write(self, offset: int, data: bytes) -> None:
        data = inside(self.name, self._nbytes, offset, data)
        changed = {}
        at = 0
        while at < len(data):
            block, start = divmod(offset + at, BLOCK)
            part = data[at : at + BLOCK - start]
            if len(part) < BLOCK:
                old = self._block(block)  # may raise what the device below raises: nothing is changed yet
                part = old[:start] + part + old[start + len(part) :]
            changed[block] = bytes(part)
            at += BLOCK - start
        self._own().update(changed)

    def resize(self, nbytes: int) -> None:
        if nbytes < self._nbytes:
            last, inner = divmod(nbytes, BLOCK)
            tail = self._blocks.get(last)
            kept = {b: data for b, data in self._blocks.items() if b < last}
            if inner and tail:
                kept[last] = tail[:inner].ljust(BLOCK, b"\0")
            self._blocks, self._shared = kept, False
            self._reach = min(self._reach, nbytes)
        self._nbytes = nbytes

    def punch(self, offset: int, n: int) -> None:
        """Make n bytes read zero; blocks that lie within them take no memory any more."""
        n = min(n, self._nbytes - offset)
        if n <= 0:
            return
        first, last = -(-offset // BLOCK), (offset + n) // BLOCK
        if offset % BLOCK or n % BLOCK:  # the blocks at both ends keep their other bytes
            for start, stop in ((offset, min(first * BLOCK, offset + n)), (max(last * BLOCK, offset), offset + n)):
                if start < stop:
                    self.write(start, bytes(stop - start))
        self._blocks, self._shared = {b: data for b, data in self._blocks.items() if not first <= b < last}, False

    def sync(self) -> None:
        """Nothing to do: what a device has been given survives a simulated power loss."""

    def close(self) -> None:
        """Nothing to do: no host lends anything."""

    def save(self) -> Saved:
        """This moment, in no time: the blocks are shared until one of the two changes."""
        self._shared = True
        return Saved(self._nbytes, self._reach, self._blocks)

    def restore(self, saved: object) -> None:
        assert isinstance(saved, Saved)
        self._nbytes, self._reach, self._blocks = saved
        self._shared = True

    def dump(self) -> tuple[dict[str, Any], dict[str, bytes]]:
        """The file as (plain values for JSON, bytes for npz): what `load` takes."""
        order = sorted(self._blocks)
        plain = {"key": list(self.key), "name": self.name, "nbytes": self._nbytes, "reach": self._reach}
        data = b"".join(self._blocks[b] for b in order)
        return plain, {"order": np.array(order, "<i8").tobytes(), "blocks": data}

    @classmethod
    def load(cls, plain: Mapping[str, Any], data: Mapping[str, bytes]) -> Self:
        """The file that was dumped. ConfigError if its parts do not fit together."""
        self = cls(int(plain["key"][1]), str(plain["name"]), 0, kind=str(plain["key"][0]))
        self._fill(plain, data)
        return self

    def _fill(self, plain: Mapping[str, Any], data: Mapping[str, bytes]) -> None:
        order, blocks = data["order"], data["blocks"]
        nbytes, reach = int(plain["nbytes"]), int(plain["reach"])
        if len(order) * BLOCK != len(blocks) * 8 or not 0 <= reach <= nbytes:
            raise ConfigError(f"'{self.name}' is damaged: {len(order) // 8} blocks were saved in {len(blocks)} bytes")
        numbers = np.frombuffer(order, "<i8").tolist()
        if numbers and not 0 <= min(numbers) <= max(numbers) < -(-nbytes // BLOCK):
            raise ConfigError(f"'{self.name}' is damaged: blocks were saved from past its {nbytes} bytes")
        self._blocks = {b: blocks[i * BLOCK : (i + 1) * BLOCK] for i, b in enumerate(numbers)}
        self._nbytes, self._reach, self._shared = nbytes, reach, False

    def _own(self) -> dict[int, bytes]:
        if self._shared:
            self._blocks, self._shared = dict(self._blocks), False
        return self._blocks

    def _block(self, block: int) -> bytes:
        return self._blocks.get(block) or self._below(block)

    def _below(self, block: int) -> bytes:
        return ZERO


def inside(name: str, nbytes: int, offset: int, data: bytes) -> bytes:
    """The part of data that lies within a file of nbytes. Raises EIO if there was some and none of it does."""
    if data and offset >= nbytes:
        raise fail("EIO", f"cannot write '{name}' at byte {offset}: the file ends at byte {nbytes}")
    return data[: nbytes - offset]
