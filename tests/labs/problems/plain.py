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
