"""The answers once more, worked out in plain Python from what a student reads: text and tables. Nothing here asks vmlab."""

import re
from collections import OrderedDict
from itertools import accumulate

from refstring import textbook

BOOKS = {"FIFO": textbook.Fifo, "LRU": textbook.Lru, "CLOCK": textbook.Clock}


def numbers(pattern, text):
    found = re.search(pattern, text)
    assert found, (pattern, text)
    return [int(word.replace(",", ""), 0) for word in found.groups()]


def translation(problem):
    (size,) = numbers(r"a page has (\d+) bytes", problem.text)
    (addr,) = numbers(r"the byte at (0x[0-9a-f]+)", problem.question)
    entries = {int(page): (valid, frame) for page, valid, frame in problem.tables[0].rows}
    valid, frame = entries[addr // size]
    return int(frame) * size + addr % size if valid == "1" else "page fault"


def walk(problem):
    if not problem.tables:
        return tree(problem)
    (size,) = numbers(r"a page of (\d+) bytes", problem.text)
    bits = [int(n) for n in re.findall(r"\d+", re.search(r"indices of ([\d, and]+) bits", problem.text)[1])]
    (addr,) = numbers(r"the byte at (0x[0-9a-f]+)", problem.question)
    tables = {
        head.split(" (")[0]: {row[0]: row[i] for row in problem.tables[0].rows}
        for i, head in enumerate(problem.tables[0].columns)
    }
    at = next(head.split(" (")[0] for head in problem.tables[0].columns if "root" in head)
    vpn, left = addr // size, sum(bits)
    for width in bits:
        left -= width
        at = tables[at][str(vpn >> left & (1 << width) - 1)]
        if at == "-":
            return "page fault"
    assert at.startswith("frame ")
    return int(at[6:]) * size + addr % size


def tree(problem):
    bits = [int(n) for n in re.findall(r"\d+", re.search(r"indices of ([\d, and]+) bits", problem.text)[1])]
    (count,) = numbers(r"has stored into (\d+) pages", problem.text)
    first, apart = (
        (*numbers(r"one after another from (0x[0-9a-f]+) on", problem.text), 4096)
        if "one after another" in problem.text
        else numbers(r"the first at (0x[0-9a-f]+), and each of the others (0x[0-9a-f]+) above", problem.text)
    )
    pages = [(first + i * apart) // 4096 for i in range(count)]
    return 1 + sum(len({page >> low for page in pages}) for low in accumulate(bits[:0:-1]))


def tlb(problem):
    (size,) = numbers(r"Pages have (\d+) bytes", problem.text)
    sets, ways = numbers(r"in (\d+) sets? of (\d+) way", problem.text)
    held = [OrderedDict() for _ in range(sets)]
    misses = 0
    for addr in re.findall(r"0x[0-9a-f]+", problem.text):
        page = int(addr, 16) // size
        entries = held[page % sets]
        misses += page not in entries
        entries[page] = True
        entries.move_to_end(page)
        if len(entries) > ways:
            entries.popitem(last=False)
    return misses


def replacement(problem):
    (frames,) = numbers(r"has (\d+) page frames", problem.text)
    string = [int(n) for n in re.search(r"reference string is ([\d ]+)", problem.text)[1].split()]
    policy = re.search(r"\(([A-Z]+)\)", problem.text)[1]
    book = textbook.Opt(frames, string) if policy == "OPT" else BOOKS[policy](frames)
    return sum(textbook.faults(book, string))


def fork(problem):
    """Each page as the set of those who share its frame, frame by frame."""
    (npages,) = numbers(r"stored into each of its (\d+) page", problem.text)
    frames = [[{"P", "Q"}] for _ in range(npages)]
    writable = {("P", i): False for i in range(npages)} | {("Q", i): False for i in range(npages)}
    copies = faults = 0
    for step in re.search(r"in this order: (.*)\. The kernel", problem.text)[1].split("; "):
        who = step[0]
        if "exits" in step:
            for page in frames:
                for owners in page:
                    owners.discard(who)
            continue
        for i in range(int(re.search(r"first (\d+) page", step)[1])):
            if writable[who, i]:
                continue
            faults += who == "P"
            owners = next(owners for owners in frames[i] if who in owners)
            if len(owners) > 1:
                copies += 1
                owners.discard(who)
                frames[i].append({who})
            writable[who, i] = True
    held = sum(bool(owners) for page in frames for owners in page)
    return copies if "copy," in problem.question else faults if "faults" in problem.question else held


def maps(problem):
    rights = {}  # by page
    for name, addr, length, words in re.findall(
        r"(mmap|mprotect|munmap)\((0x\w+), (0x\w+)(?:, ([A-Z_|]+))?", problem.text
    ):
        for page in range(int(addr, 16) // 4096, (int(addr, 16) + int(length, 16)) // 4096):
            if name == "munmap":
                rights.pop(page, None)
            else:
                rights[page] = "".join(c if word in words else "-" for c, word in zip("rwx", ("READ", "WRITE", "EXEC")))
    lines = []
    for page in sorted(rights):
        if lines and lines[-1][1] == page and lines[-1][2] == rights[page]:
            lines[-1][1] = page + 1
        else:
            lines.append([page, page + 1, rights[page]])
    return "\n".join(f"{a * 4096:x}-{b * 4096:x} {r}p 00000000 00:00 0" for a, b, r in lines) or "nothing"


def mmap(problem):
    """The rules of the man pages, in the order in which Linux asks."""
    (size,) = numbers(r"notes has (\d+) bytes", problem.text)
    (a, b), (c, d) = (tuple(int(n, 16) for n in row[0].split("-")) for row in problem.tables[0].rows)
    if found := re.search(r"(load a byte from|store a byte at) (0x\w+)", problem.question):
        addr = int(found[2], 16)
        if a <= addr < b:
            return "succeeds"
        if not c <= addr < d or "store" in found[1]:
            return "SIGSEGV"
        return "SIGBUS" if addr >= c + -(-size // 4096) * 4096 else "succeeds"
    name, words = re.search(r"makes the call (\w+)\((.*?)\)", problem.question).groups()
    words = words.split(", ")
    addr, length = int(words[0], 0), int(words[1], 0)
    if name == "mmap":
        prot, flags, fd, offset = words[2], words[3].split("|"), words[4], int(words[5], 0)
        if offset % 4096 or length == 0 or ("MAP_FIXED" in flags and addr % 4096):
            return "EINVAL"
        if "MAP_FIXED_NOREPLACE" in flags and ((addr < b and addr + length > a) or (addr < d and addr + length > c)):
            return "EEXIST"
        return "EACCES" if fd == "fd" and "MAP_SHARED" in flags and "WRITE" in prot else "succeeds"
    if addr % 4096 or (name == "munmap" and length == 0):
        return "EINVAL"
    pages = range(addr // 4096, -(-(addr + length) // 4096)) if length else range(0)
    if name != "munmap" and not all(a // 4096 <= page < b // 4096 or c // 4096 <= page < d // 4096 for page in pages):
        return "ENOMEM"
    return "EACCES" if name == "mprotect" and "WRITE" in words[2] and c <= addr < d else "succeeds"


def access_time(problem):
    (memory,) = numbers(r"access to memory takes ([\d,]+) ns", problem.text)
    if "TLB" in problem.text:
        levels, hits = numbers(r"tables have (\d+) level.* (\d+) of 100 accesses hit", problem.text)
        return (hits * memory + (100 - hits) * (1 + levels) * memory) / 100
    service, faults, n = numbers(r"faults takes ([\d,]+) ns .* (\d+) of ([\d,]+) accesses fault", problem.text)
    return ((n - faults) * memory + faults * service) / n
