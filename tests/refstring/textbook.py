"""Every policy of the replay engine once more, in plain Python, written from its paper or book and not from the engine.

A policy is a class: made with its size and options, `fault(page)` says whether a reference faults. Nothing is quick here.
"""

from collections import Counter, OrderedDict, deque


class Fifo:
    """Silberschatz, 10.4.2."""

    def __init__(self, frames):
        self.frames, self.queue = frames, deque()

    def fault(self, page):
        if page in self.queue:
            return False
        if len(self.queue) == self.frames:
            self.queue.popleft()
        self.queue.append(page)
        return True


class Lru:
    """Mattson et al. 1970: a stack, the page used last on top."""

    def __init__(self, frames):
        self.frames, self.stack = frames, []

    def fault(self, page):
        missing = page not in self.stack
        if not missing:
            self.stack.remove(page)
        elif len(self.stack) == self.frames:
            self.stack.pop()
        self.stack.insert(0, page)
        return missing


class Clock:
    """Silberschatz, 10.4.5.2: frames in a circle, a reference bit each."""

    def __init__(self, frames, loaded="accessed"):
        self.page, self.bit, self.hand = [None] * frames, [False] * frames, 0
        self.loaded = loaded == "accessed"

    def fault(self, page):
        if page in self.page:
            self.bit[self.page.index(page)] = True
            return False
        if None in self.page:
            f = self.page.index(None)
            self.page[f], self.bit[f] = page, self.loaded
            return True
        while self.bit[self.hand]:
            self.bit[self.hand] = False
            self.hand = (self.hand + 1) % len(self.page)
        self.page[self.hand], self.bit[self.hand] = page, self.loaded
        self.hand = (self.hand + 1) % len(self.page)
        return True


class Sieve:
    """Zhang et al., NSDI 2024, algorithm 1. queue[0] is the head, the newest; the hand is a page."""

    def __init__(self, frames):
        self.frames, self.queue, self.visited, self.hand = frames, [], {}, None

    def fault(self, page):
        if page in self.visited:
            self.visited[page] = True
            return False
        if len(self.queue) == self.frames:
            o = self.queue[-1] if self.hand is None else self.hand
            while self.visited[o]:
                self.visited[o] = False
                at = self.queue.index(o)
                o = self.queue[at - 1] if at > 0 else self.queue[-1]
            at = self.queue.index(o)
            self.hand = self.queue[at - 1] if at > 0 else None
            del self.queue[at], self.visited[o]
        self.queue.insert(0, page)
        self.visited[page] = False
        return True


class Opt:
    """Belady 1966: needs the whole string."""

    def __init__(self, frames, string):
        self.frames, self.string, self.at, self.held = frames, list(string), 0, set()

    def next_use(self, page):
        rest = self.string[self.at :]
        return rest.index(page) if page in rest else len(self.string)

    def fault(self, page):
        assert page == self.string[self.at]
        self.at += 1
        if page in self.held:
            return False
        if len(self.held) == self.frames:
            self.held.remove(max(self.held, key=self.next_use))
        self.held.add(page)
        return True


class Mru:
    """Chou and DeWitt 1985."""

    def __init__(self, frames):
        self.frames, self.stack = frames, []

    def fault(self, page):
        missing = page not in self.stack
        if not missing:
            self.stack.remove(page)
        elif len(self.stack) == self.frames:
            self.stack.pop(0)
        self.stack.insert(0, page)
        return missing


class Lfu:
    """Silberschatz, 10.4.6; a count is forgotten with its page."""

    def __init__(self, frames, ties="first"):
        self.frames, self.ties = frames, ties
        self.uses, self.came, self.used, self.now = Counter(), {}, {}, 0

    def fault(self, page):
        self.now += 1
        missing = page not in self.came
        if missing:
            if len(self.came) == self.frames:
                second = self.came if self.ties == "first" else self.used
                victim = min(self.came, key=lambda p: (self.uses[p], second[p]))
                del self.came[victim], self.used[victim], self.uses[victim]
            self.came[page] = self.now
        self.uses[page] += 1
        self.used[page] = self.now
        return missing


class Random:
    """Park and Miller 1988, multiplier of 1993."""

    def __init__(self, frames, seed=0):
        self.page, self.frames, self.x = [], frames, seed % (1 << 31)
        if self.x in (0, 2**31 - 1):
            self.x = 1

    def fault(self, page):
        if page in self.page:
            return False
        if len(self.page) < self.frames:
            self.page.append(page)
            return True
        self.x = 48271 * self.x % (2**31 - 1)
        self.page[self.x * self.frames // 2**31] = page
        return True


class Nru:
    """Silberschatz, 10.4.5.3, without stores: two classes."""

    def __init__(self, frames):
        self.frames, self.circle, self.bit = frames, [], {}

    def fault(self, page):
        missing = page not in self.bit
        if missing and len(self.circle) == self.frames:
            if all(self.bit.values()):
                self.bit = dict.fromkeys(self.bit, False)
            while self.bit[self.circle[0]]:
                self.circle.append(self.circle.pop(0))  # turning the circle is moving the hand
            del self.bit[self.circle.pop(0)]
        if missing:
            self.circle.append(page)
        self.bit[page] = True
        return missing


class Aging:
    """Tanenbaum and Bos, 3.4.7, 8 bits."""

    def __init__(self, frames, tick=None):
        self.frames, self.tick, self.now = frames, tick or frames, 0
        self.register = {}  # in order of arrival
        self.bit = set()

    def fault(self, page):
        if self.now and self.now % self.tick == 0:
            for p in self.register:
                self.register[p] = self.register[p] // 2 + 128 * (p in self.bit)
            self.bit.clear()
        self.now += 1
        missing = page not in self.register
        if missing:
            if len(self.register) == self.frames:
                victim = min(self.register, key=self.register.__getitem__)  # the first of several
                del self.register[victim]
                self.bit.discard(victim)
            self.register[page] = 0
        self.bit.add(page)
        return missing


class Slru:
    """Karedla et al. 1994. Lists have the newest first."""

    def __init__(self, frames, protected=0.5):
        self.frames, self.most = frames, int(frames * protected)
        self.probation, self.protected = [], []

    def fault(self, page):
        for segment in (self.probation, self.protected):
            if page in segment:
                segment.remove(page)
                self.protected.insert(0, page)
                if len(self.protected) > self.most:
                    self.probation.insert(0, self.protected.pop())
                return False
        if len(self.probation) + len(self.protected) == self.frames:
            (self.probation or self.protected).pop()
        self.probation.insert(0, page)
        return True


class S4lru:
    """Huang et al. 2013, with libCacheSim's rule for a memory that is not full."""

    def __init__(self, frames, segments=4):
        self.frames, self.most, self.queues = frames, frames // segments, [[] for _ in range(segments)]

    def fault(self, page):
        for k, queue in enumerate(self.queues):
            if page in queue:
                queue.remove(page)
                k = min(k + 1, len(self.queues) - 1)
                self.queues[k].insert(0, page)
                for upper in range(k, 0, -1):
                    if len(self.queues[upper]) > self.most:
                        self.queues[upper - 1].insert(0, self.queues[upper].pop())
                    else:
                        return False
                while len(self.queues[0]) > self.most:
                    self.queues[0].pop()
                return False
        room = [queue for queue in self.queues if len(queue) < self.most]
        if sum(map(len, self.queues)) == self.frames:
            next(filter(None, self.queues)).pop()
        (room or self.queues)[0].insert(0, page)
        return True


class TwoQ:
    """Johnson and Shasha 1994, figure "full version". Lists have the newest first."""

    def __init__(self, frames, kin=0.25, kout=0.5):
        self.frames = frames
        self.kin, self.kout = max(1, int(kin * frames)), max(1, int(kout * frames))
        self.a1in, self.a1out, self.am = [], [], []

    def reclaim(self):
        if len(self.a1in) + len(self.am) < self.frames:
            return
        if len(self.a1in) > self.kin:
            self.a1out.insert(0, self.a1in.pop())
            del self.a1out[self.kout :]
        else:
            (self.am or self.a1in).pop()

    def fault(self, page):
        if page in self.am:
            self.am.remove(page)
            self.am.insert(0, page)
            return False
        if page in self.a1out:
            self.a1out.remove(page)
            self.reclaim()
            self.am.insert(0, page)
            return True
        if page in self.a1in:
            return False
        self.reclaim()
        self.a1in.insert(0, page)
        return True


class Arc:
    """Megiddo and Modha 2003, figure 4. Lists have the LRU end at index 0."""

    def __init__(self, frames):
        self.c, self.p = frames, 0.0
        self.t1, self.t2, self.b1, self.b2 = [], [], [], []

    def replace(self, page):
        if self.t1 and (len(self.t1) > self.p or (page in self.b2 and len(self.t1) == self.p) or not self.t2):
            self.b1.append(self.t1.pop(0))
        else:
            self.b2.append(self.t2.pop(0))

    def fault(self, page):
        for t in (self.t1, self.t2):
            if page in t:
                t.remove(page)
                self.t2.append(page)
                return False
        if page in self.b1:
            self.p = min(self.c, self.p + max(len(self.b2) / len(self.b1), 1))
            self.replace(page)
            self.b1.remove(page)
            self.t2.append(page)
            return True
        if page in self.b2:
            self.p = max(0, self.p - max(len(self.b1) / len(self.b2), 1))
            self.replace(page)
            self.b2.remove(page)
            self.t2.append(page)
            return True
        l1, l2 = len(self.t1) + len(self.b1), len(self.t2) + len(self.b2)
        if l1 == self.c:
            if len(self.t1) < self.c:
                self.b1.pop(0)
                self.replace(page)
            else:
                self.t1.pop(0)
        elif l1 + l2 >= self.c:
            if l1 + l2 == 2 * self.c:
                self.b2.pop(0)
            self.replace(page)
        self.t1.append(page)
        return True


class Lirs:
    """Jiang and Zhang 2002, 3.3. The top of S is its end; Q's front is its start."""

    def __init__(self, frames, hir=0.01, stack=None):
        self.hirs = min(max(1, int(hir * frames)), frames - 1)
        self.lirs = frames - self.hirs
        self.limit = None if stack is None else int(stack * frames)
        self.s, self.q, self.lir, self.gone = [], [], set(), []

    def to_top(self, page):
        if page in self.s:
            self.s.remove(page)
        self.s.append(page)

    def prune(self):
        while self.s[0] not in self.lir:
            page = self.s.pop(0)
            if page in self.gone:
                self.gone.remove(page)

    def become_lir(self, page):
        self.to_top(page)
        self.lir.add(page)
        self.prune()
        bottom = self.s[0]
        self.lir.remove(bottom)
        self.q.append(bottom)
        self.prune()

    def fault(self, page):
        missing = page not in self.lir and page not in self.q
        self.access(page)
        while self.limit is not None and len(self.s) > self.limit and self.gone:
            self.s.remove(self.gone.pop(0))
        return missing

    def access(self, page):
        if page in self.lir:
            self.to_top(page)
            self.prune()
            return
        if page in self.q:
            self.q.remove(page)
            if page in self.s:
                self.become_lir(page)
            else:
                self.to_top(page)
                self.q.append(page)
            return
        if len(self.lir) < self.lirs:
            self.lir.add(page)
            self.to_top(page)
            return
        if len(self.q) == self.hirs:
            victim = self.q.pop(0)
            if victim in self.s:
                self.gone.append(victim)
        if page in self.s:
            self.gone.remove(page)
            self.become_lir(page)
        else:
            self.to_top(page)
            self.q.append(page)


class S3Fifo:
    """Yang et al. 2023, algorithm 1. Queues have the newest first."""

    def __init__(self, frames, small=0.1, variant="paper"):
        self.frames, self.peer, self.filled = frames, variant == "libcachesim", False
        self.small = max(1, int(frames * small))
        self.ghosts = int(frames * (1 - small))
        self.s, self.m, self.g, self.freq = [], [], [], {}

    def fault(self, page):
        if page in self.s or page in self.m:
            self.freq[page] = min(self.freq[page] + 1, 3)
            return False
        known = self.peer and self.remembered(page)
        while len(self.s) + len(self.m) >= self.frames:
            self.filled = True
            if len(self.s) >= self.small or not self.m:
                self.evict_s()
            else:
                self.evict_m()
        known = known or self.remembered(page)
        early = self.peer and not self.filled and len(self.s) >= self.small
        (self.m if known or early else self.s).insert(0, page)
        self.freq[page] = 0
        return True

    def remembered(self, page):
        if page not in self.g:
            return False
        self.g.remove(page)
        return True

    def evict_s(self):
        while self.s:
            t = self.s.pop()
            if self.freq[t] > 1:
                self.m.insert(0, t)
                self.freq[t] = 0
                if not self.peer and len(self.m) > self.frames - self.small:
                    self.evict_m()
            else:
                self.g.insert(0, t)
                del self.g[self.ghosts :]
                return

    def evict_m(self):
        while self.m:
            t = self.m.pop()
            if self.freq[t] == 0:
                return
            self.freq[t] -= 1
            self.m.insert(0, t)


class Sketch:
    """A count-min sketch of four rows with minimal increment; a page's counters are those the engine's docstring defines."""

    def __init__(self, frames):
        self.bits = max(4, (frames - 1).bit_length())
        self.rows = [Counter() for _ in range(4)]

    def cells(self, number):
        multipliers = 0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D, 0x27D4EB2F
        return [(row, (number + 1) * m % 2**32 >> 32 - self.bits) for row, m in zip(self.rows, multipliers)]

    def estimate(self, number):
        return min(row[cell] for row, cell in self.cells(number))

    def add(self, number):
        low = self.estimate(number)
        for row, cell in self.cells(number):
            if row[cell] == low < 15:
                row[cell] += 1

    def halve(self):
        for row in self.rows:
            for cell in row:
                row[cell] //= 2


class Doorkeeper:
    """Einziger, Friedman, Manes 2017, 3.4.2: a Bloom filter of three hashes, those that the engine's docstring defines."""

    def __init__(self, frames, sample):
        self.nbits = max(64, 1 << (4 * sample * frames - 1).bit_length())
        self.bits = set()

    def cells(self, number):
        return {(number + 1) * m % 2**32 * self.nbits >> 32 for m in (0x165667B1, 0xCC9E2D51, 0x1B873593)}

    def __contains__(self, number):
        return self.cells(number) <= self.bits


class TinyLfu:
    """The sketch behind its doorkeeper: what comes for the first time within a sample stays in front."""

    def __init__(self, frames, sample):
        self.sketch, self.door, self.added, self.sample = Sketch(frames), Doorkeeper(frames, sample), 0, sample * frames

    def add(self, number):
        if number in self.door:
            self.sketch.add(number)
        else:
            self.door.bits |= self.door.cells(number)
        self.added += 1
        if self.added == self.sample:
            self.added = 0
            self.sketch.halve()
            self.door.bits.clear()

    def estimate(self, number):
        return self.sketch.estimate(number) + (number in self.door)


class WTinyLfu:
    """Einziger, Friedman, Manes 2017, 4: window LRU, main SLRU. Lists have the newest first. `page` is its dense number."""

    def __init__(self, frames, window=0.01, protected=0.8, sample=10):
        self.most = max(1, int(window * frames))
        self.main = frames - self.most
        self.protected_most = int(self.main * protected)
        self.sketch = TinyLfu(frames, sample)
        self.window, self.probation, self.protected = [], [], []

    def fault(self, page):
        self.sketch.add(page)
        if page in self.window:
            self.window.remove(page)
            self.window.insert(0, page)
            return False
        for segment in (self.probation, self.protected):
            if page in segment:
                segment.remove(page)
                self.protected.insert(0, page)
                if len(self.protected) > self.protected_most:
                    self.probation.insert(0, self.protected.pop())
                return False
        self.window.insert(0, page)
        if len(self.window) > self.most:
            self.admit(self.window.pop())
        return True

    def admit(self, candidate):
        if len(self.probation) + len(self.protected) >= self.main:
            segment = self.probation or self.protected
            if not segment or self.sketch.estimate(candidate) <= self.sketch.estimate(segment[-1]):
                return
            segment.pop()
        self.probation.insert(0, candidate)


class WorkingSet:
    """Denning 1968: the pages of the last `window` references."""

    def __init__(self, window):
        self.recent, self.sizes = deque(maxlen=window), []

    def fault(self, page):
        missing = page not in self.recent
        self.recent.append(page)
        self.sizes.append(len(set(self.recent)))
        return missing


class Pff:
    """Chu and Opderbeck 1972: use bits, looked at and cleared at each fault."""

    def __init__(self, interval):
        self.interval, self.used, self.now, self.last, self.sizes = interval, OrderedDict(), -1, 0, []

    def fault(self, page):
        self.now += 1
        missing = page not in self.used
        if missing:
            if self.now - self.last >= self.interval:
                self.used = OrderedDict((p, u) for p, u in self.used.items() if u)
            self.used = OrderedDict.fromkeys(self.used, False)
            self.last = self.now
        self.used[page] = True
        self.sizes.append(len(self.used))
        return missing


def faults(book, string):
    """For each reference of the string whether it faults."""
    return [book.fault(page) for page in string]
