"""The record: what Linux 6.18 (x86-64, pages and folios of 4 KiB) answered on ext4 and on tmpfs, from package data.

A case has a point and expects what matters to it. A program is random, and everything it answered and left is recorded.
"""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import resources
from typing import Any

from .outcome import FAULT_KEYS, Answer, Mismatch, unequal, unmet
from .vocabulary import PAGE, run_lengths

Op = dict[str, Any]

# Tag of programs that look at bytes past the end of a file. Those become zero when the page is written back, which a
# machine with few frames does when it pleases: there these programs have more than one right answer.
TAIL = "eof-tail"

# Tag of entries that ask mincore: what is in memory depends on how much memory there is.
RESIDENCY = "residency"


# Locked pages are what few frames do not hide: what locks more than there is ends in an out-of-memory kill, which the record
# has none of. A program also needs frames that are not locked.
BESIDE_LOCKED = 4


def most_locked(ops: list[Op]) -> int:
    """Pages that these operations lock, at most: counted as if nothing were ever unlocked or locked twice."""
    everything = any(op["op"] == "mlockall" for op in ops)
    locking = [op for op in ops if (everything and op["op"] == "mmap") or _locks(op)]
    growing = [op["new"] for op in ops if locking and op["op"] == "mremap"]
    return sum(-(-n // PAGE) + 1 for n in [*(op["len"] for op in locking), *growing])


def _locks(op: Op) -> bool:
    flags = op.get("flags", ())
    return op["op"] in ("mlock", "mlock2") or (op["op"] == "mmap" and not isinstance(flags, int) and "LOCKED" in flags)


class Filesystem(StrEnum):
    EXT4 = "ext4"
    TMPFS = "tmpfs"


class Stage(StrEnum):
    """What is compared, from what every kernel must do to what only this one does."""

    RESULTS = "results"
    BYTES = "final bytes"
    FAULTS = "fault counts"
    FRAMES = "frame sharing"
    CHECKS = "invariants"


@dataclass(frozen=True)
class Case:
    """A short program with a point; `expect` holds, step by step, what must be answered (see outcome.unmet)."""

    id: str
    source: str
    ops: list[Op]
    expect: list[Answer]
    tags: frozenset[str] = frozenset()
    note: str = ""

    def stands_on(self, filesystem: Filesystem) -> bool:
        """Whether it says anything about this filesystem."""
        other = Filesystem.TMPFS if filesystem is Filesystem.EXT4 else Filesystem.EXT4
        return f"{other}-only" not in self.tags

    def stages(self, filesystem: Filesystem) -> set[Stage]:
        """What it has something to say about."""
        return {Stage.RESULTS} | {_stage(key) for expected in self.expect for key in expected}

    def answer(self, k: int, filesystem: Filesystem) -> Answer:
        """What Linux answered to operation k, as far as it matters."""
        return self.expect[k]

    def differences(self, k: int, answer: Answer, filesystem: Filesystem) -> Iterator[tuple[Stage, Mismatch]]:
        """What is wrong with the answer to operation k."""
        for mismatch in unmet(self.expect[k], answer):
            yield _stage(mismatch.key), mismatch


@dataclass(frozen=True)
class Program:
    """A random program of up to four processes and three files; everything it answered and left.

    tmpfs_faults: (minor, major) of each operation on tmpfs, where it answers and leaves the same.
    """

    id: str
    ops: list[Op]
    results: list[Answer]
    tmpfs_faults: list[list[int] | None]
    left: Answer = field(repr=False)
    tags: frozenset[str] = frozenset()

    def stands_on(self, filesystem: Filesystem) -> bool:
        """Every program. (Real tmpfs keeps stores past the end of a file, TAIL; a vmlab machine drops them on both.)"""
        return True

    def stages(self, filesystem: Filesystem) -> set[Stage]:
        """What it has something to say about. Who shares a frame was recorded on ext4 alone: tmpfs reads no holes ahead."""
        return set(Stage) - {Stage.CHECKS} - ({Stage.FRAMES} if filesystem is Filesystem.TMPFS else set())

    def faults(self, k: int, filesystem: Filesystem) -> list[int] | None:
        """(minor, major) of operation k, None where it has none."""
        recorded: list[int] | None = (
            self.results[k].get("flt") if filesystem is Filesystem.EXT4 else self.tmpfs_faults[k]
        )
        return recorded

    def answer(self, k: int, filesystem: Filesystem) -> Answer:
        """What Linux answered to operation k."""
        return self.results[k] | {"flt": self.faults(k, filesystem)}

    def differences(self, k: int, answer: Answer, filesystem: Filesystem) -> Iterator[tuple[Stage, Mismatch]]:
        """What is wrong with the answer to operation k."""
        for mismatch in unequal(self.results[k], answer):
            yield Stage.RESULTS, mismatch
        faults = self.faults(k, filesystem)
        if faults is not None and faults != answer.get("flt"):
            yield Stage.FAULTS, Mismatch("minor, major", faults, answer.get("flt"))

    def differences_left(self, left: Answer) -> Iterator[tuple[Stage, Mismatch]]:
        """What is wrong with the memory and the files that were left (see left.look)."""
        for mismatch in self._bytes(left):
            yield Stage.BYTES, mismatch
        for p, slots in self.left["procs"].items():
            for symbol, slot in slots.items():
                got = left["procs"].get(p, {}).get(symbol, {})
                if "fr" in got and got["fr"] != slot["fr"]:
                    yield Stage.FRAMES, Mismatch(f"process {p} {symbol}", slot["fr"], got["fr"])

    def _bytes(self, left: Answer) -> Iterator[Mismatch]:
        def shown(held: Answer, page: str) -> str:
            kept = held["pages"].get(page, page)  # a letter stands for itself
            return run_lengths(kept) if isinstance(kept, bytes) else kept

        def pages(where: str, linux: list[str], got: list[str]) -> Iterator[Mismatch]:
            if len(linux) != len(got):
                yield Mismatch(f"{where}: pages", len(linux), len(got))
            for k, (a, b) in enumerate(zip(linux, got, strict=False)):
                if a != b:
                    yield Mismatch(f"{where} page {k}", shown(self.left, a), shown(left, b))

        here, there = left["procs"], self.left["procs"]
        for p in sorted(here.keys() | there.keys()):
            mine, theirs = here.get(p, {}), there.get(p, {})
            if mine.keys() != theirs.keys():
                yield Mismatch(f"process {p}: what is mapped", " ".join(sorted(theirs)), " ".join(sorted(mine)))
            for symbol in [symbol for symbol in theirs if symbol in mine]:
                where, linux, got = f"process {p} {symbol}", theirs[symbol], mine[symbol]
                if linux["acc"] != got["acc"]:
                    yield Mismatch(f"{where}: rights", linux["acc"], got["acc"])
                yield from pages(where, linux["pg"], got["pg"])
        for f, linux in self.left["files"].items():
            got = left["files"][f]
            if linux["size"] != got["size"]:
                yield Mismatch(f"file {f}: size", linux["size"], got["size"])
            yield from pages(f"file {f}", linux["pg"], got["pg"])


def _stage(key: str) -> Stage:
    """Which stage a key of an expectation belongs to."""
    return Stage.FAULTS if key in FAULT_KEYS else Stage.FRAMES if key == "frames" else Stage.RESULTS


def cases() -> Iterator[Case]:
    """The recorded cases, in their order."""
    for row in _rows("cases.jsonl.gz"):
        tags = _tags(row)
        yield Case(row["id"], row["source"], row["ops"], row["expect"], tags, row.get("note", ""))


def programs() -> Iterator[Program]:
    """The recorded programs, in their order."""
    for row in _rows("programs.jsonl.gz"):
        yield Program(row["id"], row["ops"], row["res"], row["flt_tmpfs"], row["final"], _tags(row))


def _tags(row: dict[str, Any]) -> frozenset[str]:
    """An entry's tags, RESIDENCY among them if it asks mincore."""
    asks = any(op["op"] == "mincore" for op in row["ops"])
    return frozenset(row.get("tags", ())) | ({RESIDENCY} if asks else set())


def _rows(name: str) -> Iterator[dict[str, Any]]:
    packed = resources.files(__package__).joinpath("data", name)
    with packed.open("rb") as file, gzip.open(file) as lines:
        for line in lines:
            yield json.loads(line)
