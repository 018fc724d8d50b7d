"""Player: plays operations of the record on a backend; answers and final memory come back as the record writes them."""

import zlib
from typing import Any

from . import left
from . import vocabulary as v
from .backend import Backend
from .layout import Layout
from .outcome import Answer, Result
from .vocabulary import PAGE, WORD

Op = dict[str, Any]
LONGEST_SHOWN = 64  # bytes of a load that an answer shows; more are a checksum


class Player:
    """One backend, one program at a time: reset, step, step, ... final."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.reset_names()

    def reset(self) -> None:
        """A new machine, process 0, no names."""
        self.reset_names()
        self.backend.reset()

    def reset_names(self) -> None:
        self.layout = Layout()
        self.files: list[str] = []
        self.alive = {0}

    def step(self, op: Op) -> Answer:
        """Do one operation."""
        answer: Answer = getattr(self, "op_" + op["op"])(op)
        return answer

    def address(self, p: int, at: Any) -> int:
        """The number of an address: itself, or a symbol of process p plus bytes; "brk" is its break at the start."""
        if isinstance(at, int):
            return at & WORD
        symbol, nbytes = (at, 0) if isinstance(at, str) else at
        start = self.heap(p) if symbol == "brk" else self.layout.symbols[p][symbol]
        return (start + nbytes) & WORD

    def heap(self, p: int) -> int:
        """The page-aligned break of process p at its start; the first question aligns it."""
        heaps = self.layout.heaps
        if p not in heaps:
            now = self.backend.brk(p, 0).value
            heaps[p] = -(-now // PAGE) * PAGE
            if heaps[p] != now:
                self.backend.brk(p, heaps[p])
        return heaps[p]

    def place(self, op: Op) -> tuple[int, int]:
        return op["p"], self.address(op["p"], op["at"])

    def range(self, op: Op) -> tuple[int, int, int]:
        return *self.place(op), op["len"] & WORD

    # files, from outside
    def op_open(self, op: Op) -> Answer:
        self.backend.create(op["f"], v.filling(op.get("fill", "zero"), op["size"], op["f"]))
        self.files.append(op["f"])
        return {"ok": True}

    def op_unlink(self, op: Op) -> Answer:
        self.backend.unlink(op["f"])
        return {"ok": True}

    def op_evict(self, op: Op) -> Answer:
        self.backend.evict(op["f"])
        return {"ok": True}

    def op_fread(self, op: Op) -> Answer:
        return {"ok": True, "bytes": self.backend.fread(op["f"], op["off"], op["n"]).hex()}

    def op_fwrite(self, op: Op) -> Answer:
        self.backend.fwrite(op["f"], op["off"], _data(op))
        return {"ok": True}

    def op_ftruncate(self, op: Op) -> Answer:
        self.backend.ftruncate(op["f"], op["size"])
        return {"ok": True}

    def op_fsize(self, op: Op) -> Answer:
        return {"ok": True, "size": self.backend.fsize(op["f"])}

    # mappings
    def op_mmap(self, op: Op) -> Answer:
        p, nbytes = op["p"], op["len"]
        hint = self.address(p, op["at"]) if "at" in op else self.layout.open(op["as"], nbytes)
        prot, flags = v.rights(op["prot"]), v.bits(v.MAP, op["flags"])
        f, mode, offset = op.get("f"), op.get("mode", "rw"), op.get("off", 0) & WORD
        result = self.backend.mmap(p, hint, nbytes & WORD, prot, flags, f, mode, offset)
        answer = _answer(result)
        if "ok" in answer:
            if "as" in op:
                self.layout.symbols[p][op["as"]] = result.value
            if "at" in op:
                answer["at_hint"] = result.value == hint
                self.layout.reach(result.value, nbytes)
        return answer

    def op_munmap(self, op: Op) -> Answer:
        return _answer(self.backend.munmap(*self.range(op)))

    def op_mprotect(self, op: Op) -> Answer:
        return _answer(self.backend.mprotect(*self.range(op), v.rights(op["prot"])))

    def op_msync(self, op: Op) -> Answer:
        return _answer(self.backend.msync(*self.range(op), v.bits(v.MS, op["flags"])))

    def op_madvise(self, op: Op) -> Answer:
        advice = op["advice"]
        return _answer(self.backend.madvise(*self.range(op), advice if isinstance(advice, int) else v.MADV[advice]))

    def op_mincore(self, op: Op) -> Answer:
        ask = self.backend.mincore_into_nowhere if op.get("badvec") else self.backend.mincore
        result = ask(*self.range(op))
        answer = _answer(result)
        if "ok" in answer:
            answer["vec"] = "".join("01"[byte & 1] for byte in result.data)
        return answer

    def op_mlock(self, op: Op) -> Answer:
        return _answer(self.backend.mlock(*self.range(op)))

    def op_mlock2(self, op: Op) -> Answer:
        return _answer(self.backend.mlock2(*self.range(op), v.bits(v.MLOCK2, op["flags"])))

    def op_munlock(self, op: Op) -> Answer:
        return _answer(self.backend.munlock(*self.range(op)))

    def op_mlockall(self, op: Op) -> Answer:
        return _answer(self.backend.mlockall(op["p"], v.bits(v.MCL, op["flags"])))

    def op_munlockall(self, op: Op) -> Answer:
        return _answer(self.backend.munlockall(op["p"]))

    def op_mremap(self, op: Op) -> Answer:
        p, old = self.place(op)
        old_length, new_length = op["old"] & WORD, op["new"] & WORD
        flags, new = v.bits(v.MREMAP, op["flags"]), 0
        if "to" in op:
            new = self.layout.open(op["as"], op["new"]) if op["to"] == "slot" else self.address(p, op["to"])
        result = self.backend.mremap(p, old, old_length, new_length, flags, new)
        answer = _answer(result)
        if "ok" not in answer:
            return answer
        end = result.value
        answer["moved"] = end != old
        if end != old and not flags & v.MREMAP["FIXED"]:
            # The kernel chose the place. Move on to a slot of our own, so that what lies where is the same everywhere.
            end = self.layout.open(op["as"], op["new"])
            onward = v.MREMAP["MAYMOVE"] | v.MREMAP["FIXED"]
            second = self.backend.mremap(p, result.value, new_length, new_length, onward, end)
            if second.errno or second.value != end:
                raise AssertionError(f"what mremap moved to {result.value:#x} cannot be moved on: {second}")
        self.layout.reach(end, op["new"])
        if "as" in op:
            self.layout.symbols[p][op["as"]] = end
        return answer

    def op_remap_file_pages(self, op: Op) -> Answer:
        prot, pgoff, flags = v.rights(op["prot"]), op["pgoff"], op.get("flags", 0)
        return _answer(self.backend.remap_file_pages(*self.place(op), op["size"], prot, pgoff, flags))

    def op_brk(self, op: Op) -> Answer:
        p = op["p"]
        start = self.heap(p)
        want = (op["delta"] if op.get("absolute") else start + op["delta"]) & WORD
        result = self.backend.brk(p, want)
        if result.value != want:  # the system call tells of failure by giving the old break
            result.errno = "ENOMEM"
        return _answer(result) | {"brk": result.value - start}

    # processes
    def op_rlimit(self, op: Op) -> Answer:
        return _answer(self.backend.rlimit(op["p"], v.RLIMIT[op["what"]], op["value"]))

    def op_fork(self, op: Op) -> Answer:
        result = self.backend.fork(op["p"], op["as"])
        result.faults = None  # were not recorded: what the two do on their way is not the call's
        if not result.errno:
            self.layout.fork(op["p"], op["as"])
            self.alive.add(op["as"])
        return _answer(result)

    def op_exit(self, op: Op) -> Answer:
        self.backend.exit(op["p"])
        self.alive.discard(op["p"])
        return {"ok": True}

    # accesses
    def op_load(self, op: Op) -> Answer:
        result = self.backend.load(*self.place(op), op["n"])
        data = result.data
        return _answer(result) | {"bytes": data.hex() if op["n"] <= LONGEST_SHOWN else f"crc:{zlib.crc32(data):08x}"}

    def op_store(self, op: Op) -> Answer:
        return _answer(self.backend.store(*self.place(op), _data(op)))

    op_memset = op_store

    def op_call(self, op: Op) -> Answer:
        result = self.backend.call(*self.place(op))
        return _answer(result) | ({} if result.signal else {"ret": result.value})

    def op_read_into(self, op: Op) -> Answer:
        p, addr = self.place(op)
        return _counted(self.backend.read_into(p, op["f"], addr, op["n"], op.get("off", 0)))

    def op_write_from(self, op: Op) -> Answer:
        p, addr = self.place(op)
        return _counted(self.backend.write_from(p, op["f"], addr, op["n"], op.get("off", 0)))

    def op_pipe_into(self, op: Op) -> Answer:
        return _counted(self.backend.pipe_into(*self.place(op), _data(op)))

    def op_pipe_from(self, op: Op) -> Answer:
        return _counted(self.backend.pipe_from(*self.place(op), op["n"]))

    # what can be seen
    def op_perms(self, op: Op) -> Answer:
        p, addr = self.place(op)
        held = (perms for first, stop, perms in self.backend.vmas(p) if first <= addr < stop)
        return {"ok": True, "perms": next(held, None)}

    def op_vmas(self, op: Op) -> Answer:
        """The mappings of a range, in pages from its start: [[first, last + 1, perms], ...]."""
        p, low = self.place(op)
        high = low + op["len"]
        rows = [
            [(max(first, low) - low) // PAGE, (min(stop, high) - low) // PAGE, perms]
            for first, stop, perms in self.backend.vmas(p)
            if first < high and stop > low
        ]
        return {"ok": True, "vmas": rows}

    def op_vmlck(self, op: Op) -> Answer:
        return {"ok": True, "kib": self.backend.vmlck(op["p"])}

    def op_probe(self, op: Op) -> Answer:
        """Rights page by page, found out by loading a byte of each."""
        p, addr = self.place(op)
        loads = (self.backend.load(p, addr + k * PAGE, 1) for k in range(op["pages"]))
        return {"ok": True, "acc": "".join(left.letter(load) for load in loads)}

    def op_frames(self, op: Op) -> Answer:
        """Which pages share a frame: numbers by first appearance, Z the zero page, - none."""
        seen: dict[int, int] = {}
        rows = []
        for p, symbol, nbytes, npages in op["ats"]:
            found = self.backend.frames(p, self.address(p, [symbol, nbytes]), npages)
            zero = self.backend.zero_frame
            rows.append(
                ["-" if f is None else "Z" if f[0] == zero else seen.setdefault(f[0], len(seen)) for f in found]
            )
        return {"ok": True, "frames": rows}

    def final(self) -> Answer:
        """All that is left in memory and files (see left.look)."""
        return left.look(self.backend, self.layout, sorted(self.alive), sorted(self.files))


def _answer(result: Result) -> Answer:
    answer: Answer
    if result.signal:
        code = v.CODE.get((result.signal, result.code), str(result.code))
        answer = {"signal": result.signal, "code": code, "done": result.done}
    elif result.errno:
        answer = {"errno": result.errno}
    else:
        answer = {"ok": True}
    if result.faults is not None:
        answer["flt"] = list(result.faults)
    return answer


def _counted(result: Result) -> Answer:
    return _answer(result) | ({} if result.errno else {"ret": result.value})


def _data(op: Op) -> bytes:
    return bytes.fromhex(op["bytes"]) if "bytes" in op else bytes.fromhex(op["byte"]) * op["n"]
