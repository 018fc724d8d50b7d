"""What a call answers: success, an errno, or a signal. mmap(2), munmap(2), mprotect(2), msync(2), mincore(2), madvise(2)."""

import errno
from typing import NamedTuple

from ... import Advice, Machine, Map, Process, Prot, Signal, Sync
from .answers import Form
from .draws import Draws
from .problem import Posed
from .tables import Table

PAGE = 4096
HEAP, TEXT = 0x10000, 0x20000  # where the anonymous memory and the file are mapped
FINE = "succeeds"
NUMBERS: dict[str, int] = {
    "PROT_READ": Prot.READ,
    "PROT_WRITE": Prot.WRITE,
    "MAP_SHARED": Map.SHARED,
    "MAP_PRIVATE": Map.PRIVATE,
    "MAP_ANONYMOUS": Map.ANONYMOUS,
    "MAP_FIXED": Map.FIXED,
    "MAP_FIXED_NOREPLACE": Map.FIXED_NOREPLACE,
    "MS_SYNC": Sync.SYNC,
    "MADV_DONTNEED": Advice.DONTNEED,
}
RW, R, ANONYMOUS = "PROT_READ|PROT_WRITE", "PROT_READ", "MAP_PRIVATE|MAP_ANONYMOUS"
LAST = {"mprotect": R, "msync": "MS_SYNC", "madvise": "MADV_DONTNEED"}  # the argument after address and length

Word = int | str


class Case(NamedTuple):
    """`heap` pages of anonymous memory; a file of `size` bytes mapped with a page more than it has; one call."""

    heap: int
    size: int
    call: str
    arguments: tuple[Word, ...]


def draw(d: Draws) -> Case:
    heap, size = d.between(2, 8), d.between(1, 3) * PAGE - d.between(1, PAGE - 1)
    call = d.one_of(["mmap", "mmap", "munmap", "mprotect", "msync", "mincore", "madvise", "load", "load", "store"])
    if call == "mmap":
        return Case(heap, size, call, _mmap(d, heap))
    if call in ("load", "store"):
        return Case(heap, size, call, (_byte(d, heap, size),))
    first = d.between(0, heap - 1)
    addr, length = HEAP + first * PAGE, d.between(1, heap - first) * PAGE
    what = d.below(6)
    if what == 0:
        addr += d.between(1, PAGE - 1)
    elif what == 1:
        length += d.between(1, 2) * PAGE + (heap - first) * PAGE - length  # into the hole
    elif what == 2:
        addr = HEAP + (heap + d.between(1, 3)) * PAGE  # in the hole
        length = d.between(1, 2) * PAGE
    elif what == 3:
        length = 0
    elif what == 4:
        length -= d.between(1, PAGE - 1)
    last: tuple[Word, ...] = (LAST[call],) if call in LAST else ()
    if call == "mprotect" and d.below(3) == 0:
        addr, length, last = TEXT, PAGE, (RW,)
    return Case(heap, size, call, (addr, length, *last))


def _mmap(d: Draws, heap: int) -> tuple[Word, ...]:
    there, free = HEAP + d.below(heap) * PAGE, HEAP + (heap + d.between(2, 5)) * PAGE
    return d.one_of(
        [
            (0, 0, RW, ANONYMOUS, -1, 0),
            (0, d.between(1, 4 * PAGE), RW, ANONYMOUS, -1, 0),
            (0, PAGE, R, "MAP_PRIVATE", "fd", d.between(1, PAGE - 1)),
            (0, PAGE, RW, "MAP_SHARED", "fd", 0),
            (0, PAGE, RW, "MAP_PRIVATE", "fd", 0),
            (0, 9 * PAGE, R, "MAP_SHARED", "fd", 0),
            (there, PAGE, RW, f"{ANONYMOUS}|MAP_FIXED", -1, 0),
            (there, PAGE, RW, f"{ANONYMOUS}|MAP_FIXED_NOREPLACE", -1, 0),
            (free, PAGE, RW, f"{ANONYMOUS}|MAP_FIXED_NOREPLACE", -1, 0),
            (there + d.between(1, PAGE - 1), PAGE, RW, f"{ANONYMOUS}|MAP_FIXED", -1, 0),
            (there + d.between(1, PAGE - 1), PAGE, RW, ANONYMOUS, -1, 0),
        ]
    )


def _byte(d: Draws, heap: int, size: int) -> int:
    rest = -size % PAGE
    return d.one_of(
        [
            HEAP + d.below(heap * PAGE),
            HEAP + heap * PAGE + d.below(2 * PAGE),
            TEXT + d.below(size),
            TEXT + size + d.below(rest),  # behind the end of the file, in its last page
            TEXT + size + rest + d.below(PAGE),  # in the page after it
            TEXT + size + rest + PAGE + d.below(PAGE),
        ]
    )


def pose(case: Case) -> Posed:
    m = Machine(history=None, seed=0)
    p = m.spawn("P")
    fd = m.create("notes", case.size).reopen("r").fd
    p.mmap(case.heap * PAGE, addr=HEAP, flags=Map.PRIVATE | Map.FIXED)
    npages = -(-case.size // PAGE) + 1
    p.sys.mmap(TEXT, npages * PAGE, Prot.READ, Map.SHARED | Map.FIXED, fd, 0)
    said = _said(case)
    answer, sentence = _tried(p, case, fd)
    rows = (
        (f"{HEAP:#x}-{HEAP + case.heap * PAGE:#x}", "rw-p", "anonymous memory"),
        (f"{TEXT:#x}-{TEXT + npages * PAGE:#x}", "r--s", "notes"),
    )
    return Posed(
        f"The file notes has {case.size} bytes and was opened for reading only, as fd. Pages have {PAGE} bytes. This is all that"
        " a process has mapped.",
        (Table("mappings", ("addresses", "rights", "of"), rows),),
        f"The process {'makes the call' if case.call not in ('load', 'store') else 'does this:'} {said}. What comes of it:"
        " succeeds, the name of an errno, or the name of a signal?",
        Form.WORD,
        answer,
        _wrong(case, answer),
        Table("on the machine", ("step", "what comes of it"), ((said, sentence),)),
        f"{answer}: {_reason(case, answer)}",
    )


def _said(case: Case) -> str:
    words = ", ".join(_hex(a, i) for i, a in enumerate(case.arguments))
    if case.call in ("load", "store"):
        return f"{'load a byte from' if case.call == 'load' else 'store a byte at'} {words}"
    return f"{case.call}({words}{', vec' if case.call == 'mincore' else ''})"


def _hex(word: Word, i: int) -> str:
    if isinstance(word, str) or (i > 1 and word < 10):
        return str(word)
    return f"{word:#x}" if word >= 10 else str(word)


def _tried(p: Process, case: Case, fd: int) -> tuple[str, str]:
    """What came of it, and the machine's sentence."""
    words = [_number(word, fd) for word in case.arguments]
    try:
        if case.call == "load":
            p.load(words[0])
        elif case.call == "store":
            p.store(words[0], b"x")
        elif case.call == "mincore":
            p.sys.mincore(words[0], words[1], None)
        else:
            getattr(p.sys, case.call)(*words)
    except OSError as error:
        return errno.errorcode[error.errno or 0], str(error.strerror)
    except Signal as signal:
        return signal.name, str(signal)
    return FINE, FINE


def _number(word: Word, fd: int) -> int:
    if word == "fd":
        return fd
    if word == -1:
        return (1 << 64) - 1
    return word if isinstance(word, int) else sum(NUMBERS[name] for name in word.split("|"))


# -- what wrong beliefs lead to, and why it is so ----------------------------------------------------------------------------


def _wrong(case: Case, answer: str) -> list[tuple[str, str]]:
    wrong = []
    words = case.arguments
    if case.call in ("load", "store"):
        return [
            (FINE, "Two things decide: is the address in a mapping with this right, and has the file a page there?"),
            (
                "SIGSEGV",
                "That is for an address where nothing is mapped, or without the right. The mapping may reach past its file.",
            ),
            (
                "SIGBUS",
                "That is for a page of a mapping that lies behind the last page of the file. Look where this address is.",
            ),
            (
                "EFAULT",
                "An access is no call, so it has no errno. A system call that is given a bad address answers so.",
            ),
            (
                "ENOMEM",
                "An access is no call, so it has no errno. An address without a mapping is not a lack of memory.",
            ),
        ]
    if case.call == "mmap" and "MAP_FIXED" in str(words[3]).split("|"):
        wrong.append(("EEXIST", "MAP_FIXED does not ask what is there: it takes its place. MAP_FIXED_NOREPLACE asks."))
    if case.call == "mmap" and words[4] == "fd":
        wrong.append(("EACCES", "A file opened for reading may be mapped for anything that does not change it."))
    if case.call == "munmap":
        wrong.append(("ENOMEM", "munmap does not ask that something is mapped: a range of nothing is no error."))
    return [
        *wrong,
        (
            FINE,
            "Not everything is taken as it comes: look at each number, at how the file was opened, and at what is in the range.",
        ),
        (
            "EINVAL",
            "That is for arguments that make no sense by themselves: an address between pages, and for mmap and munmap a length"
            " of 0. Lengths are rounded up to pages, and a hint need not be at a page.",
        ),
        (
            "ENOMEM",
            "That is for a range with a hole where the call needs mappings, and for memory or addresses that run out.",
        ),
        ("EACCES", "That is for a file that was not opened for what the mapping would do to it."),
        (
            "SIGSEGV",
            "A system call touches no memory of the range it is about. It answers with an errno, and no signal comes.",
        ),
        *(
            [("EEXIST", "Only a call that is told not to replace anything asks whether something is there.")]
            if case.call == "mmap"
            else []
        ),
    ]


def _reason(case: Case, answer: str) -> str:
    if case.call in ("load", "store"):
        return {
            FINE: "the address is in a mapping with this right, and up to the end of the file's last page there is memory.",
            "SIGSEGV": "no mapping with this right holds the address.",
            "SIGBUS": "the mapping is there, but the file has no page that far.",
        }[answer]
    if answer == FINE:
        if case.call == "munmap":
            return "the length is rounded up to whole pages, and whether something is mapped there does not matter."
        return "every argument makes sense, and what the call needs is there."
    return {
        "EINVAL": "an argument makes no sense by itself: a length of 0, or an address or an offset between two pages.",
        "ENOMEM": "part of the range is not mapped.",
        "EACCES": "stores through a shared mapping would change a file that was opened for reading only.",
        "EEXIST": "something is mapped there, and the call is told not to replace it.",
    }[answer]
