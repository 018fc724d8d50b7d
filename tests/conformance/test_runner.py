"""The runner is judged without a machine: a backend that knows the record agrees everywhere, one that lies differs."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from vmlab.conformance import Backend, Player, Result, cases, programs, run
from vmlab.conformance.outcome import Answer
from vmlab.conformance.record import Case, Filesystem, Program, Stage
from vmlab.conformance.sides import table
from vmlab.conformance.vocabulary import MREMAP, PAGE, SLOT

HEAP = 1 << 40
ELSEWHERE = 1 << 46
ZERO_FRAME = 1 << 30
SIGNALS = {"-": ("SIGSEGV", 1), "x": ("SIGSEGV", 2), "B": ("SIGBUS", 2)}
CODES = {"MAPERR": 1, "ACCERR": 2, "ADRALN": 1, "ADRERR": 2}


class Recorded(Backend):
    """Answers every raw call from the record. answer: what the operation comes to; left: what remains at the end."""

    name = "recorded"
    zero_frame = ZERO_FRAME
    answer: Answer
    left: Answer | None

    def reset(self) -> None:
        self.left = None
        self.asked: set[int] = set()  # processes whose break at the start is known
        self.row = 0
        self.carried = 0

    def result(self, value: int = 0) -> Result:
        a = self.answer
        code = a.get("code", 0)
        return Result(
            value=a.get("ret", value),
            errno=a.get("errno", ""),
            signal=a.get("signal", ""),
            code=CODES.get(code, int(code) if str(code).isdigit() else 0),
            done=a.get("done", 0),
            data=bytes.fromhex(a.get("bytes", "")),
            faults=tuple(a["flt"]) if a.get("flt") else None,
        )

    def quiet(self, *arguments: Any) -> None:
        self.row = 0

    create = unlink = fwrite = ftruncate = evict = exit = quiet

    def fread(self, f: str, offset: int, n: int) -> bytes:
        if self.left is None:
            return bytes.fromhex(self.answer["bytes"])
        return page_of(self.left, self.left["files"][f]["pg"][offset // PAGE])

    def fsize(self, f: str) -> int:
        size: int = self.answer["size"] if self.left is None else self.left["files"][f]["size"]
        return size

    def simple(self, *arguments: Any) -> Result:
        return self.result()

    munmap = mprotect = msync = madvise = mlock = mlock2 = munlock = mlockall = munlockall = remap_file_pages = simple
    rlimit = fork = read_into = write_from = pipe_into = pipe_from = store = call = mincore_into_nowhere = simple

    def mincore(self, p: int, addr: int, length: int) -> Result:
        return replace(self.result(), data=bytes(map(int, self.answer.get("vec", ""))))

    def mmap(self, p: int, addr: int, *rest: Any) -> Result:
        return self.result(addr if self.answer.get("at_hint", True) else ELSEWHERE)

    def mremap(self, p: int, old: int, old_length: int, new_length: int, flags: int, new: int) -> Result:
        if old == self.carried:  # the runner moves it on
            self.carried = 0
            return Result(new)
        if not self.answer.get("moved"):
            return self.result(old)
        if flags & MREMAP["FIXED"]:
            return self.result(new)
        self.carried = old + ELSEWHERE
        return self.result(self.carried)

    def brk(self, p: int, addr: int) -> Result:
        if addr == 0 and p not in self.asked:
            self.asked.add(p)
            return Result(HEAP)
        return replace(self.result(HEAP + self.answer["brk"]), errno="")

    def load(self, p: int, addr: int, n: int) -> Result:
        if self.left is not None:
            slot = self.left["procs"][str(p)].get(self.player.layout.opened[addr - addr % SLOT])
            return held(self.left, slot["pg"] if slot else [], addr % SLOT // PAGE, n // PAGE)
        if "acc" not in self.answer:
            return self.result()
        letter = self.answer["acc"][self.row]
        self.row += 1
        return refused(letter) if letter != "r" else Result(data=bytes(1))

    def vmas(self, p: int) -> list[tuple[int, int, str]]:
        at = self.player.address(p, self.op["at"])
        if "perms" in self.answer:
            return [(at, at + 1, self.answer["perms"])] if self.answer["perms"] else []
        return [(at + first * PAGE, at + stop * PAGE, perms) for first, stop, perms in self.answer["vmas"]]

    def vmlck(self, p: int) -> int:
        kib: int = self.answer["kib"]
        return kib

    def frames(self, p: int, addr: int, npages: int) -> list[tuple[int, bool] | None]:
        if self.left is None:
            words = self.answer["frames"][self.row]
            self.row += 1
        else:
            slot = self.left["procs"][str(p)].get(self.player.layout.opened[addr])
            words = slot["fr"].split() if slot else ["-"] * npages
        return [None if w == "-" else frame(str(w)) for w in words]


class Rehearsal(Player):
    """A player that tells its Recorded backend which entry and which operation is going on."""

    backend: Recorded

    def __init__(self, backend: Recorded, entries: list[Any]) -> None:
        super().__init__(backend)
        backend.player = self
        self.entries = iter(entries)

    def reset(self) -> None:
        super().reset()
        self.entry = next(self.entries)
        self.answers = iter(answers(self.entry))

    def step(self, op: dict[str, Any]) -> Answer:
        self.backend.op, self.backend.answer, self.backend.row = op, next(self.answers), 0
        return super().step(op)

    def final(self) -> Answer:
        self.backend.left = self.entry.left
        return super().final()


def answers(entry: Case | Program) -> Iterable[Answer]:
    """What a kernel would answer that knows exactly what is asked for."""
    return map(as_answer, entry.expect) if isinstance(entry, Case) else entry.results


def as_answer(expected: Answer) -> Answer:
    answer = {key.removesuffix("_in"): value[0] if key.endswith("_in") else value for key, value in expected.items()}
    if "min" in answer or "maj" in answer:
        answer["flt"] = [answer.get("min", 0), answer.get("maj", 0)]
    return answer


def refused(letter: str) -> Result:
    signal, code = SIGNALS[letter]
    return Result(signal=signal, code=code)


def held(left: Answer, words: list[str], first: int, npages: int) -> Result:
    """A load of pages first .. first + npages of what was left."""
    data = b""
    for k in range(first, first + npages):
        word = words[k] if k < len(words) else "-"
        if word in SIGNALS:
            return replace(refused(word), data=data, done=len(data))
        data += page_of(left, word)
    return Result(data=data, done=len(data))


def page_of(left: Answer, crc: str) -> bytes:
    runs = (run.split("*") for run in left["pages"][crc].split(","))
    return b"".join(bytes.fromhex(byte) * int(n) for n, byte in runs)


def frame(word: str) -> tuple[int, bool]:
    return (ZERO_FRAME, False) if word == "Z" else (int(word.rstrip("s")), word.endswith("s"))


def played(backend: Recorded, entries: Iterator[Any], only: str = "", **how: Any) -> Any:
    chosen = [entry for entry in entries if not only or entry.id == only]
    return run(Rehearsal(backend, [entry for entry in chosen if entry.stands_on(Filesystem.EXT4)]), chosen, **how)


@pytest.mark.parametrize(("entries", "count"), [(cases, 317), (programs, 286)])
def test_a_backend_that_knows_the_record_agrees_everywhere(entries: Any, count: int) -> None:
    report = played(Recorded(), entries())
    assert not report.differences, report.differences[0].side_by_side()
    assert report.agree + report.skipped == count
    assert report.differ == report.not_built == report.calls.differ == 0
    assert report.skipped == (2 if entries is cases else 0)  # two cases are about tmpfs alone
    assert all(tally.agree and not tally.differ for tally in report.stages.values())


class Liar(Recorded):
    """Knows the record and lies once: at the first call of `method`, before the end or there, that has a lie."""

    def __init__(self, method: str, at_the_end: bool, change: Any) -> None:
        self.told = False
        honest = getattr(self, method)

        def lie(*arguments: Any) -> Any:
            truth = honest(*arguments)
            if self.told or at_the_end is (self.left is None):
                return truth
            lie = change(truth)
            self.told = lie is not None
            return lie if self.told else truth

        setattr(self, method, lie)


def wrong_byte(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:]


LIES = {
    "errno": ("munmap", False, lambda r: replace(r, errno="EINVAL"), Stage.RESULTS),
    "signal": ("store", False, lambda r: replace(r, signal="SIGBUS", code=2), Stage.RESULTS),
    "bytes": ("fread", False, wrong_byte, Stage.RESULTS),
    "address": ("mmap", False, lambda r: replace(r, errno="ENOMEM"), Stage.RESULTS),
    "fault count": ("store", False, lambda r: replace(r, faults=(7, 7)), Stage.FAULTS),
    "memory left": ("load", True, lambda r: replace(r, data=wrong_byte(r.data)), Stage.BYTES),
    "rights left": ("load", True, lambda r: replace(r, data=b"", signal="SIGSEGV", code=1), Stage.BYTES),
    "file left": ("fread", True, wrong_byte, Stage.BYTES),
    "size left": ("fsize", True, lambda size: size + 1, Stage.BYTES),
    "frame": ("frames", True, lambda row: [(99, True)] * len(row) if any(row) else None, Stage.FRAMES),
}


@pytest.mark.parametrize("lie", LIES)
def test_one_wrong_answer_differs_in_its_stage(lie: str) -> None:
    method, at_the_end, change, stage = LIES[lie]
    for program in programs():  # the first in which the lie can be told
        backend = Liar(method, at_the_end, change)
        report = played(backend, iter([program]))
        if backend.told:
            break
    assert {difference.stage for difference in report.differences} == {stage}
    assert report.differ == (stage in (Stage.RESULTS, Stage.BYTES))
    assert report.stages[stage].differ == 1
    assert report.differences[0].side_by_side().count("Linux") == 1


def test_a_call_that_does_not_exist_is_not_built_yet_and_no_difference() -> None:
    class NoMremap(Recorded):
        mremap = Backend.mremap

    report = played(NoMremap(), programs())
    assert report.missing == {"mremap": report.not_built}
    assert report.not_built > 0 < report.agree
    assert report.differ == 0


def test_a_crash_is_a_difference_and_the_run_goes_on() -> None:
    class Broken(Recorded):
        def fork(self, *arguments: Any) -> Result:
            raise ZeroDivisionError("of the kernel under test")

    report = played(Broken(), programs())
    assert report.differ > 0 < report.agree
    assert "ZeroDivisionError" in report.differences[0].side_by_side()


def test_invariants_are_looked_at_on_request() -> None:
    class Untidy(Recorded):
        def check(self) -> list[str]:
            return ["frame 3 is free and mapped"]

    report = played(Untidy(), programs(), "fuzz-4", stages=list(Stage))
    assert report.differ == report.stages[Stage.CHECKS].differ == 1
    assert played(Untidy(), programs(), "fuzz-4").differ == 0


def test_the_table_and_the_line_say_the_same_every_time() -> None:
    report = replace(played(Recorded(), cases()), seconds=0.0)
    assert repr(report) == "cases: 315 agree, 0 differ, 0 not built yet"
    assert table({"played": [report]}).splitlines() == [
        "                         played",
        "                 record  agree  differ  not asked",
        "cases               315    315       0          0",
        "  results           315    315       0",
        "  fault counts       23     23       0",
        "  frame sharing       7      7       0",
        "played: cases 0.0 s, 2 do not apply",
    ]
