"""Trace files from strangers: one sentence that names the file, the line or the byte, and what was expected."""

import bz2
import csv
import functools
import gzip
import io
import lzma
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Generator
from pathlib import Path

import numpy as np
import pytest
from needs import need_zstd

from vmlab import LimitError, Machine, TraceError
from vmlab.trace import FORMATS, Trace, read

from . import row

HEAD = b"pid,op,addr,len\n"
GOOD = b"1,r,0x1000,4\n"


@functools.cache
def compiled() -> None:
    """Every reader used once: the time of a row is not that of the compiler."""
    with tempfile.TemporaryDirectory() as folder:
        for name in FORMATS:
            path = Path(folder, name)
            Trace([4096], [0]).save(path, name)
            read(path).held()


def through(path: Path) -> list[int]:
    """All addresses of a file, read to its end."""
    return [address for chunk in read(path).chunks() for address in chunk.addresses.tolist()]


def refusing(
    name: str,
    words: str,
    content: bytes | Callable[[], bytes],
    file: str = "trace.csv",
    error: type[BaseException] = TraceError,
) -> None:
    """A row in which a file of that content is refused."""

    @row(name, error, words)
    def _(m: Machine, lab: Path) -> Generator:
        (lab / file).write_bytes(content() if callable(content) else content)
        compiled()
        yield
        through(lab / file)


def fine(name: str, content: bytes | Callable[[], bytes], addresses: list[int]) -> None:
    """A row in which a file of that content is read."""

    @row(name)
    def _(m: Machine, lab: Path) -> Generator:
        (lab / "trace").write_bytes(content() if callable(content) else content)
        compiled()
        yield
        assert through(lab / "trace") == addresses


def line_9(address: bytes) -> bytes:
    """A csv whose ninth line has this address."""
    return HEAD + 7 * GOOD + b"1,r," + address + b",4\n" + GOOD


# -- text ----------------------------------------------------------------------------------------------------------------

refusing("trace-01", r"^'trace\.csv' is empty$", b"")
refusing("trace-02", r"^'trace\.csv' has a header and no rows$", HEAD)
refusing("trace-02 empty lines", r"'trace\.csv' has a header and no rows", HEAD + b"\n\r\n")
fine("trace-03 one column", b"4096\n0x2000\n", [4096, 8192])
refusing("trace-03", r"line 1: '1,r,0x1000,4' has 4 columns and nothing names them: the first row", 3 * GOOD)
refusing("trace-03 numbers", r"line 1: '1,4096' has 2 columns and nothing names them", b"1,4096\n2,8192\n")
refusing("trace-04 unknown", r"line 1: unknown column 'adress'; did you mean 'addr'\?", b"op,adress\nr,1\n")
refusing("trace-04 far off", "unknown column 'colour'; columns are addr, page, op, pid, len", b"addr,colour\n1,2\n")
refusing("trace-04 missing", r"one column 'addr' or 'page' is needed, in 'pid,op'", b"pid,op\n1,r\n")
refusing("trace-04 duplicate", "two columns 'op'", b"op,addr,op\nr,1,r\n")
refusing("trace-05 few", r"line 17: 3 fields, expected 4 \(pid,op,addr,len\)", HEAD + 15 * GOOD + b"1,r,2\n" + GOOD)
refusing("trace-05 many", "line 2: 5 fields, expected 4", HEAD + b"1,r,2,3,4\n")
refusing("trace-06", r"line 3: unknown operation 'x' \(r, w, i\)", HEAD + GOOD + b"1,x,0,4\n")
for wrong in ("abc", "", "1e3", "nan", "inf", "0x", "1_000", "１２"):
    refusing(f"trace-07 {wrong}", rf"line 9: address '{wrong}' is not a number", line_9(wrong.encode()))
for wrong in (-1, 2**64, 2**200):
    refusing(f"trace-08 {wrong}", rf"line 9: address {wrong} does not fit in 64 bits", line_9(str(wrong).encode()))
refusing("trace-08 hexadecimal", "does not fit in 64 bits", line_9(b"0x10000000000000000"))
refusing("trace-08 a pid", "line 2: pid 4294967296 does not fit in 32 bits", HEAD + b"4294967296,r,1,4\n")
refusing("trace-09", "line 9: a number is too long: at most 64 characters", line_9(b"7" * 5000))
refusing("trace-09 less", "line 9: address '7+…' is too long: 100 characters, at most 64", line_9(b"7" * 100))
refusing("trace-11", "line 2: longer than 4,096 bytes", HEAD + b"z" * 131073 + b",r,1,4\n")
refusing("trace-11 of digits", "line 2: a number is too long", HEAD + b"1" * 131073 + b",r,1,4\n")


@row("trace-10", TraceError, "line 1: longer than 4,096 bytes")
def _(m: Machine, lab: Path) -> Generator:
    with open(lab / "t", "wb") as f:
        f.write(b"0 " * (1 << 20))
        f.truncate(600 << 20)
    compiled()
    yield
    through(lab / "t")


refusing("trace-10 the second", "line 2: longer than 4,096 bytes", b"1\n" + b" " * (3 << 20))


@row(
    "trace-12 whole",
    LimitError,
    r"1,000,000,000 references, 8 bytes each: 7\.4\d+ GiB .*the limit is 1 GiB .*read\(path\)",
)
def _(m: Machine, lab: Path) -> Generator:
    with open(lab / "t", "wb") as f:
        np.lib.format.write_array_header_1_0(f, {"descr": "<u8", "fortran_order": False, "shape": (10**9,)})
        f.truncate(f.tell() + 8 * 10**9)
    compiled()
    yield
    for _, chunk in zip(range(50), read(lab / "t").chunks(), strict=False):
        assert not chunk.addresses.any()
    assert chunk.share < 0.02
    Trace.load(lab / "t", max_bytes=1 << 30)


@row("trace-12 of unknown length", LimitError, r"has \d[\d,]+ and more references, 8 bytes each")
def _(m: Machine, lab: Path) -> Generator:
    records = np.zeros(1 << 20, np.dtype([("time", "<u4"), ("object", "<u8"), ("size", "<u4"), ("next", "<i8")]))
    records["next"] = -1
    (lab / "t").write_bytes(gzip.compress(records.tobytes(), 1))  # how many there are stands nowhere
    compiled()
    yield
    Trace.load(lab / "t", max_bytes=1 << 20)


fine("trace-13 CR LF", HEAD.replace(b"\n", b"\r\n") + GOOD.replace(b"\n", b"\r\n"), [4096])
fine("trace-13 BOM", b"\xef\xbb\xbf" + HEAD + GOOD, [4096])
refusing("trace-13 NUL", "line 3: a NUL byte at byte 32: this is no text", HEAD + GOOD + b"1,r\0,1,4\n")
refusing("trace-13 CR only", "line 1: a line end of CR alone at byte 1", b"1\r2\r3\r4", "t")
refusing("trace-13 UTF-16", "is not UTF-8 at byte 0: it looks like UTF-16", (HEAD + GOOD).decode().encode("utf-16"))
refusing("trace-13 Latin-1", "line 122: not UTF-8 at byte 1,432", HEAD + 108 * GOOD + 12 * b"\n" + b"\xe9,r,1,4\n")
refusing("trace-14 quotes", "line 2: quotes: cells are plain", HEAD + b'"1","r","0x1000","4"\n')
refusing("trace-14 in the header", "line 1: quotes: names of columns are plain words", b'"pid","addr"\n1,2\n')
refusing("trace-14 a line end within", "line 2: quotes", HEAD + b'"1\n",r,0x1000,4\n')
refusing("trace-14 a formula", r"line 2: pid '=cmd\|.C calc.A0' is not a number", HEAD + b"=cmd|/C calc!A0,r,1,4\n")


@row("trace-14 written")
def _(m: Machine, lab: Path) -> Generator:
    compiled()
    trace = Trace([0, 2**64 - 1], [0, 1], [2**32 - 1, 0], name="=cmd|' /C calc'!A0")
    yield
    with tempfile.TemporaryDirectory() as folder:
        trace.save(Path(folder, "t.csv"))
        rows = list(csv.reader(io.StringIO(Path(folder, "t.csv").read_text())))
    assert len(rows) == 3
    assert not any(cell.startswith(tuple("=+-@")) for row in rows for cell in row)


# -- npy, npz, packed files ----------------------------------------------------------------------------------------------


def npy(array: np.ndarray, **kwargs: bool) -> bytes:
    file = io.BytesIO()
    np.save(file, array, **kwargs)
    return file.getvalue()


def header(text: str, version: int = 1) -> bytes:
    raw = text.encode() + b"\n"
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", len(raw)) + raw


def archive(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as z:
        for name, data in members.items():
            z.writestr(name.replace("_npy", ".npy").replace("UP", "../"), data)
    return file.getvalue()


COUNT = npy(np.arange(5))
CRC = struct.pack("<I", zlib.crc32(COUNT))
ONE = npy(np.array([1]))
PROMISE = "{'descr': '<u8', 'fortran_order': False, 'shape': (274877906944,), }"
refusing(
    "trace-15", "holds Python objects; only arrays of whole", lambda: npy(np.array([{}]), allow_pickle=True), "t.npy"
)
refusing("trace-16", "its header says 274,877,906,944 rows, the file holds 0", header(PROMISE), "t.npy")
refusing("trace-16 packed", "its header says 274,877,906,944 rows, the file holds 0", gzip.compress(header(PROMISE)))
refusing("trace-17", "header of 1,000,001 bytes; at most 10,000 are read", header("{" + " " * 999_999, 2), "t.npy")
refusing("trace-17 on a long file", "header of 4,294,967,295 bytes", b"\x93NUMPY\2\0" + b"\xff" * 100, "t.npy")
refusing("trace-17 an expression", "has a header that is none", header("{'descr': __import__('os').getcwd()}"), "t.npy")
refusing("trace-17 version", "of version 9, which nobody knows", b"\x93NUMPY\x09\0" + bytes(100), "t.npy")
refusing("trace-18 truncated", "its header says 5 rows, the file holds 4", COUNT[:-3], "t.npy")
refusing("trace-18 too long", "its header says 5 rows, the file holds 6", COUNT + bytes(8), "t.npy")
fine("trace-18 big-endian", lambda: npy(np.array([1, 2], ">u8")), [1, 2])
fine("trace-18 exact", lambda: npy(np.array([1.0, 2.0**63])), [1, 2**63])
refusing("trace-18 a fraction", r"row 1: 1\.5 is no whole number", lambda: npy(np.array([1.0, 1.5])), "t.npy")
refusing("trace-18 not a number", "row 0: nan is no whole number", lambda: npy(np.array([np.nan])), "t.npy")
refusing("trace-18 too large", r"row 0: 1\.8\S+ is no whole number", lambda: npy(np.array([2.0**64])), "t.npy")
refusing("trace-18 2-D", r"has the shape \(2, 2\)", lambda: npy(np.ones((2, 2), int)), "t.npy")
refusing("trace-18 Fortran", r"has the shape \(2, 3\)", lambda: npy(np.ones((2, 3), int, order="F")), "t.npy")
refusing("trace-18 no dimension", r"has the shape \(\)", lambda: npy(np.array(1)), "t.npy")
refusing("trace-18 negative", "row 2: -3 is no whole number of 0", lambda: npy(np.array([1, 2, -3])), "t.npy")
refusing("trace-18 text", "holds <U1; only arrays of whole numbers", lambda: npy(np.array(["a"])), "t.npy")


@row("trace-19", LimitError, r"has 8,388,608 references, 8 bytes each: 64 MiB in memory; the limit is 1 MiB")
def _(m: Machine, lab: Path) -> Generator:
    (lab / "t").write_bytes(archive(a_npy=npy(np.zeros(1 << 23))))
    assert (lab / "t").stat().st_size < 1 << 17
    compiled()
    yield
    Trace.load(lab / "t", max_bytes=1 << 20)


def lying() -> bytes:
    """An archive whose list of members says that 64 MiB are 200 bytes."""
    data = bytearray(archive(a_npy=npy(np.zeros(1 << 23))))
    at = data.index(b"PK\1\2")
    struct.pack_into("<I", data, at + 24, 200)
    return bytes(data)


def overlapping() -> bytes:
    """Two members that are the same bytes of the file."""
    data = bytearray(archive(addresses_npy=COUNT, kinds_npy=COUNT))
    second = data.index(b"PK\1\2", data.index(b"PK\1\2") + 1)
    struct.pack_into("<I", data, second + 42, 0)
    return bytes(data)


def many(members: int, said: int) -> bytes:
    """An archive whose list is as long as `members` need, and says `said`."""
    one = struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0) + b"a.npy"
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, said, said, len(one) * members, 4, 0)
    return b"PK\3\4" + one * members + end


refusing("trace-19 lying", r"member a\.npy' is damaged: Bad CRC-32", lying, "t.npz")
refusing(
    "trace-20 a zip within", r"member 'b\.zip' is no \.npy file; nested archives are", lambda: archive(**{"b.zip": b""})
)
refusing("trace-20 packed again", "is a packed archive; nested", lambda: gzip.compress(archive(a_npy=COUNT)))
refusing("trace-20 overlapping", r"member 'kinds\.npy' overlaps another", overlapping, "t.npz")
refusing("trace-20 many", "lists 65,535 members in 51,000,000 bytes; at most 16", lambda: many(10**6, 65535), "t.npz")
refusing("trace-20 many, it says one", "lists 1 members in 51,000,000", lambda: many(10**6, 1), "t.npz")
refusing("trace-20 cut off", "is cut off: a zip archive ends with", lambda: archive(a_npy=COUNT)[:-30], "t.npz")
refusing(
    "trace-20 damaged",
    "is damaged: Bad CRC-32",
    lambda: archive(a_npy=COUNT).replace(CRC, b"oops"),
)
refusing(
    "trace-20 which", "holds a, b: an array called addresses was expected", lambda: archive(a_npy=COUNT, b_npy=COUNT)
)
refusing(
    "trace-20 lengths",
    "kinds.npy' has 1 rows for 5 addresses",
    lambda: archive(addresses_npy=COUNT, kinds_npy=ONE),
)
refusing("trace-20 kinds", "row 3: 3 is no whole number of 0..2", lambda: archive(addresses_npy=COUNT, kinds_npy=COUNT))
fine("trace-21", lambda: archive(UPx_npy=COUNT), [0, 1, 2, 3, 4])


def tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as t:
        t.addfile(tarfile.TarInfo("/etc/x"))
        t.addfile(tarfile.TarInfo("../x"))
    return file.getvalue()


refusing("trace-21 tar", "is binary, of no known format: traces are npy, npz or oracleGeneral, or text", tar)
refusing("trace-22 gz", "line 1: longer than 4,096 bytes", lambda: gzip.compress(b"0 " * (50 << 20), 1))


@row("trace-22 zst", TraceError, "line 1: a number is too long")
def _(m: Machine, lab: Path) -> Generator:
    """Blocks of four bytes that stand for 128 KiB each (RFC 8878, 3.1.1.2.2): 40 kB are more than 1 GiB."""
    need_zstd()
    block = (1 << 1 | (128 << 10) << 3).to_bytes(3, "little") + b"0"
    (lab / "t").write_bytes(b"\x28\xb5\x2f\xfd\x00\x38" + 10_000 * block)
    compiled()
    yield
    through(lab / "t")


refusing("trace-22 xz", r"is packed: unpack it first, xz -d 'trace\.csv'", lambda: lzma.compress(HEAD))
refusing("trace-22 bz2", r"is packed: unpack it first, bzip2 -d 'trace\.csv'", lambda: bz2.compress(HEAD))
refusing("trace-22 cut off", "is damaged: Compressed file ended", lambda: gzip.compress(HEAD + GOOD)[:-9])
refusing("trace-22 damaged", r"is damaged: .*(CRC|[Ee]rror)", lambda: gzip.compress(HEAD + GOOD)[:-8] + bytes(8))


# -- the others ----------------------------------------------------------------------------------------------------------


@row("trace-23")
def _(m: Machine, lab: Path) -> Generator:
    text = "==123== Lackey\nI  0401ab70,3\n S 1fff000768,8\n" + "==123== \n" * 213 + " M 1fff000768,8\n"
    (lab / "t").write_text(text)
    compiled()
    yield
    trace = read(lab / "t")
    assert [*trace.addresses] == [0x401AB70, 0x1FFF000768, 0x1FFF000768, 0x1FFF000768]
    assert repr(trace).endswith("skipped 214 lines)")


refusing("trace-23 cut off", "line 2: 'I  0401' is no reference: 'I  address,size'", b"I  0401ab70,3\nI  0401")
refusing("trace-23 output", "line 2: 'total 12' is no reference", b"I  0401ab70,3\ntotal 12\n")
refusing("trace-23 din", r"line 61: unknown label '7' \(0 read, 1 write", b"0 7\n" * 60 + b"7 3\n")
refusing("trace-23 drmemtrace", "line 1: address 'x' is not a number", b"1 1: 1 read 4 byte(s) @ x\n")


@row("trace-24", TraceError, r"1,003 bytes is no multiple of 24 \(oracleGeneral\); last record cut off at byte 984")
def _(m: Machine, lab: Path) -> Generator:
    with tempfile.TemporaryDirectory() as folder:
        Trace(range(42), page_size=1).save(Path(folder, "t"), "oracleGeneral")
        (lab / "t").write_bytes(Path(folder, "t").read_bytes()[:1003])
    yield
    through(lab / "t")


refusing("trace-24 noise", "is binary, of no known format", lambda: np.random.default_rng(1).bytes(2400), "t.bin")
refusing("trace-25", "looks like JSON, which is not read", b"[" * 100_000, "t.json")
refusing(
    "trace-26",
    "is of no known format; line 1: '!!python/object:os.system ls'",
    b"!!python/object:os.system ls\n",
    "t.yaml",
)
refusing("trace-27", r"'trace\.csv' looks like a web page, not a trace", b"\n<!DOCTYPE html>\n<html><body>Log in")
refusing(
    "trace-29",
    "has 10,000 processes or more; a trace has at most 4,096",
    lambda: HEAD + b"".join(b"%d,r,1,4\n" % k for k in range(10_000)),
    error=LimitError,
)


@row("trace-28")
def _(m: Machine, lab: Path) -> Generator:
    yield
    with pytest.raises(TraceError, match="is an address of the Web, which is not fetched: download it first"):
        read("https://example.org/trace.csv")
    with pytest.raises(TraceError, match=r"'no\.csv' cannot be opened: No such file"):
        read(lab / "no.csv")
    with pytest.raises(TraceError, match="is no regular file"):
        read(lab)


@row("trace-30")
def _(m: Machine, lab: Path) -> Generator:
    p = m.process("user")
    heap = p.mmap(8 * 4096)
    addresses = heap.addr + np.arange(5000) * 6 % (8 * 4096)
    addresses[10:1214] = 0x7F00_0000_0000 + np.arange(1204)
    lines = [f"1,r,{a:#x},4\n" for a in addresses.tolist()]
    (lab / "t.csv").write_text("pid,op,addr,len\n" + "".join(lines))
    compiled()
    yield
    kept = read(lab / "t.csv").within(p.vmas())
    assert p.access(kept).done == len(kept) == 3796
    assert repr(kept.outside) == ("1,204 of 5,000 references hit no mapping (first: line 12, address 0x7f0000000000)")
    with pytest.raises(
        TraceError, match=r"'t\.csv': 5,000 of 5,000 references hit no mapping \(first: line 2, address"
    ):
        read(lab / "t.csv").within([])
    p.munmap(heap)
