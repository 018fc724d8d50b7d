"""A model of Linux's multi-generational LRU (mm/vmscan.c, lru_gen_*; Documentation/mm/multigen_lru.rst).

The pages of each kind, anonymous and of files, stand in generations, numbered as they begin. Two work on them:

    aging      walks all pages and moves those in use to the youngest generation, then begins a younger one
    eviction   takes from the oldest generation; a page that it finds in use moves to the youngest instead

The two youngest generations of a kind are never evicted from: when both kinds are down to them, it is time for aging. So one
walk serves many evictions, where the two lists of `linux` look at each page as its turn comes. Which kind goes is settled by how
many of the evicted pages of each have come back, weighed with `swappiness`.

Left out: tiers (the uses of a page through read(2) and write(2) within a generation), the Bloom filters and the look around a
used page (they save walking), and min_ttl_ms. Linux walks page tables by address, here frames are walked by number. A page of
a file that was mapped by a fault begins in the youngest generation on Linux; here it begins in an old one like one that
read(2) brought, and moves to the youngest when it is first looked at, being in use.
"""

from ...jit import njit
from .. import frames
from ..state import NONE, SHADOW, SHIFT, Kind, State
from . import lists, queue, workingset

GENERATIONS = 4  # MAX_NR_GENS: the list of generation g of a kind is 2 * (g mod 4) + file
SAFE = 2  # MIN_NR_GENS: the youngest generations, from which no page goes
BATCH = 64  # refaults that do not count yet (MIN_LRU_BATCH)
MOST_SWAPPINESS = 200


# -- which page goes -------------------------------------------------------------------------------------------------------


@njit
def victim(s):
    """A page of the oldest generation that is not in use, or NONE if none may be taken.

    Without swap space, or with swappiness 0, anonymous pages have no part in it. But where no page of a file may be taken they
    have to go, before a process is killed.
    """
    f = NONE
    if s.machine[0].swappiness == 0 or s.machine[0].nslot_free == 0:
        f = hunt(s, 1, 1)
    if f == NONE:
        file = due(s)
        f = hunt(s, file, 1 - file)
    return f


@njit
def hunt(s, kind, other):
    """A page of one kind, else of the other, ageing as often as it takes. What is young now is old after SAFE agings, and not in
    use unless a program has run meanwhile."""
    for _ in range(GENERATIONS + 1):
        f = oldest(s, kind)
        if f == NONE:
            f = oldest(s, other)
        if f != NONE:
            return f
        age(s)
    return NONE


@njit
def due(s):
    """Is a page of a file (1) or an anonymous page (0) to go? (get_type_to_scan, positive_ctrl_err)"""
    m = s.machine[0]
    if m.swappiness <= 1:
        return 1
    if m.swappiness >= MOST_SWAPPINESS:
        return 0
    if m.back_file < BATCH:
        return 1
    of_file = m.back_file * (m.gone_anon + BATCH) * m.swappiness
    of_anon = (m.back_anon + 1) * m.gone_file * (MOST_SWAPPINESS - m.swappiness)
    return 1 if of_file <= of_anon else 0


@njit
def oldest(s, file):
    """The oldest page of a kind that is not in use and may be taken, or NONE if only the SAFE generations are left."""
    m = s.machine[0]
    while m.youngest - first(s, file) >= SAFE:
        g = first(s, file)
        f = s.lists[place(g, file)].tail
        if f == NONE:
            end(s, file)
            continue
        m.scanned += 1
        kind = workingset.file(s, f)
        if kind != file or frames.test_and_clear_accessed(s, f):
            lists.move(s, f, place(m.youngest, kind))
        elif not frames.takeable(s, f):
            lists.move(s, f, place(g + 1, file))
        else:
            return f
    return NONE


@njit
def first(s, file):
    """The number of the oldest generation of a kind (min_seq)."""
    return s.machine[0].oldest_file if file else s.machine[0].oldest_anon


@njit
def place(generation, file):
    """The list of a generation."""
    return 2 * (generation % GENERATIONS) + file


@njit
def end(s, file):
    """The oldest generation of a kind is empty and ends; what was evicted and came back counts half (reset_ctrl_pos)."""
    m = s.machine[0]
    if file:
        m.oldest_file += 1
        m.gone_file //= 2
        m.back_file //= 2
    else:
        m.oldest_anon += 1
        m.gone_anon //= 2
        m.back_anon //= 2


@njit
def age(s):
    """Move every page in use to the youngest generation, and begin a younger one (try_to_inc_max_seq). A kind that has all the
    generations there may be loses its oldest: the next is as old (inc_min_seq)."""
    m = s.machine[0]
    for f in range(s.frames.shape[0]):
        if s.uses[f].page != NONE and frames.test_and_clear_accessed(s, f):
            lists.move(s, f, place(m.youngest, s.frames[f].word & 1))
    for file in range(2):
        g = first(s, file)
        if m.youngest - g + 1 == GENERATIONS:
            while s.lists[place(g, file)].length > 0:
                lists.move_last(s, s.lists[place(g, file)].head, place(g + 1, file))
            end(s, file)
    m.youngest += 1


# -- what happens to a page ------------------------------------------------------------------------------------------------


@njit
def came(s, f, word):
    """An anonymous page enters the youngest generation, one of a file an old one (lru_gen_folio_seq), unless it comes back
    within so many generations as there may be (lru_gen_test_recent)."""
    m = s.machine[0]
    file = workingset.file(s, f)
    g = m.youngest
    if file:
        g = m.oldest_file + (1 if m.youngest - m.oldest_file > SAFE else 0)
    shadow = workingset.of(s, word)
    if shadow != 0:
        soon = 1 if m.youngest - (shadow >> (SHIFT + 1)) < GENERATIONS else 0
        workingset.count(s, file, soon, 0)
        m.back_file += soon * file
        m.back_anon += soon * (1 - file)
        if soon:
            g = m.youngest
    lists.push(s, place(g, file), f)


@njit
def gone(s, f):
    """A page leaves its generation."""
    lists.remove(s, f)


@njit
def shadow(s, f):
    """What an evicted page leaves behind: the generation that was the oldest of its kind (lru_gen_eviction)."""
    m = s.machine[0]
    file = s.frames[f].word & 1
    m.gone_file += file
    m.gone_anon += 1 - file
    return (first(s, file) << (SHIFT + 1)) | SHADOW


@njit
def cold(s, f):
    """A page enters the oldest generation; one that was given up stands with those of files."""
    file = workingset.file(s, f)
    lists.move(s, f, place(first(s, file), file))


def enlist(s: State) -> None:
    """Every page in memory is in the oldest generation: nothing is known of it yet."""
    m = s.machine[0]
    m.youngest, m.oldest_anon, m.oldest_file = GENERATIONS - 1, 0, 0
    m.gone_anon = m.gone_file = m.back_anon = m.back_file = 0
    order = queue.arrived(s)
    file = s.objects["kind"][s.uses["object"][order]] == Kind.FILE
    lists.fill(s, 0, order[~file])
    lists.fill(s, 1, order[file])
