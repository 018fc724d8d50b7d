"""Formats of trace files: each is found from its content, read to the reference, and written so that it reads the same."""

import gzip
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from needs import need_zstd

from vmlab import TraceError
from vmlab.trace import FORMATS, Kind, Trace, lines, read, uniform

L, S, F = Kind.LOAD, Kind.STORE, Kind.FETCH

# A file of each format as its own tool writes it, and what it says, read by eye
SAMPLES = {
    "lackey": (
        "==7== Lackey, an example Valgrind tool\n==7== Command: ls\nI  0401ab70,3\n S 1fff000768,8\n"
        " L 04223c70,4\n M 0421f9d0,4\nI  0401ab73,5\n==7== \n",
        [0x401AB70, 0x1FFF000768, 0x4223C70, 0x421F9D0, 0x421F9D0, 0x401AB73],
        [F, S, L, L, S, F],
        4096,
        3,
    ),
    "drmemtrace": (
        "Output format:\n<--record#-> <--instr#->: <---tid---> <record details>\n"
        "------------------------------------------------------------\n"
        "           1           0:      296231 <marker: version 6>\n"
        "          87          63:      296231 ifetch       2 byte(s) @ 0x0000000000401026 0f 05                syscall\n"
        "          88          63:      296231 write        8 byte(s) @ 0x00007ffe6ea6b7e8 by PC 0x0000000000401026\n"
        "          89          64:      296231 ifetch       8 byte(s) @ 0x0000000000401012 48 8d 34 25 00 20 40 lea\n"
        "          89          64:      296231                                             00\n"
        "          90          64:      296231 read         4 byte(s) @ 0x00007ffe6ea6b7f0 by PC 0x0000000000401012\n"
        "View tool results:\n              2 : total instructions\n",
        [0x401026, 0x7FFE6EA6B7E8, 0x401012, 0x7FFE6EA6B7F0],
        [F, S, F, L],
        4096,
        7,
    ),
    "din": (
        "2 430d70\n2 430d74 the second of main\n0 0x7fff00a8\n1 7FFF00a8\n4 0\n2 430d78\n",
        [0x430D70, 0x430D74, 0x7FFF00A8, 0x7FFF00A8, 0x430D78],
        [F, F, L, S, F],
        4096,
        1,
    ),
    "csv": (
        "op, addr,len,pid\nr,0x1000,8,1\nW , 8192,8,1\ni,18446744073709551615,4,70000\n",
        [0x1000, 8192, 2**64 - 1],
        [L, S, F],
        4096,
        0,
    ),
    "list": ("# from the book\n1,2,3, 4 1\n2\n\n0x5 # five\n", [1, 2, 3, 4, 1, 2, 5], None, 1, 2),
}


def values(column):
    return None if column is None else column.tolist()


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("how", ["as it is", "CR LF", "BOM", "no last line end", "gzip"])
def test_reads_what_the_tool_wrote(tmp_path: Path, name: str, how: str) -> None:
    text, addresses, kinds, page_size, skipped = SAMPLES[name]
    data = text.encode()
    if how == "CR LF":
        data = data.replace(b"\n", b"\r\n")
    if how == "BOM":
        data = b"\xef\xbb\xbf" + data
    if how == "no last line end":
        data = data.rstrip(b"\n")
    if how == "gzip":
        data = gzip.compress(data)
    file = tmp_path / "a file"
    file.write_bytes(data)
    trace = read(file)
    assert (trace.format, trace.page_size) == (name, page_size)
    assert values(trace.addresses) == addresses
    assert values(trace.kinds) == kinds
    assert (len(trace), trace.skipped) == (len(addresses), skipped)


def test_every_text_format_has_a_sample() -> None:
    assert {*SAMPLES} == {*FORMATS} - {"npy", "npz", "oracleGeneral"}


@pytest.mark.parametrize("name", SAMPLES)
def test_lines_may_end_anywhere_in_a_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    text, addresses, *_ = SAMPLES[name]
    (tmp_path / "t").write_text(text)
    for block in (1, 7, 64):
        monkeypatch.setattr(lines, "BLOCK", block)
        chunks = list(read(tmp_path / "t").chunks())
        assert np.concatenate([c.addresses for c in chunks]).tolist() == addresses
        shares = [c.share for c in chunks]
        assert shares == sorted(shares)
        assert 0 < shares[-1] <= 1


@pytest.fixture(scope="module")
def mixed() -> Trace:
    """References with every kind, small and large addresses below 2**58, and pages that come again."""
    rng = np.random.default_rng(1)
    pages = rng.integers(0, 1 << 46, 40, np.uint64)[rng.integers(0, 40, 300)]
    return Trace(pages * np.uint64(4096) + rng.integers(0, 4096, 300, np.uint64), rng.integers(0, 3, 300))


@pytest.mark.parametrize("packed", ["", ".zst"])
@pytest.mark.parametrize("name", FORMATS)
def test_written_and_read_again(tmp_path: Path, mixed: Trace, name: str, packed: str) -> None:
    if packed:
        need_zstd()
    file = tmp_path / f"t{FORMATS[name].endings[0]}{packed}"
    mixed.save(file)
    if name == "npz" and packed:
        with pytest.raises(TraceError, match="nested archives are not read"):
            read(file)
        return
    file = file.rename(tmp_path / "whatever")
    again = read(file)
    assert again.format == name
    assert np.array_equal(again.page_numbers(), mixed.page_numbers())
    assert len(again) == len(mixed)
    if again.page_size == 4096:
        assert np.array_equal(again.addresses, mixed.addresses)
        assert np.array_equal(again.kinds, mixed.kinds)


@pytest.mark.parametrize("name", FORMATS)
def test_page_numbers_stay_page_numbers(tmp_path: Path, name: str) -> None:
    typed = Trace.pages("7 0 1 2 0 3")
    typed.save(tmp_path / "t", name)
    assert read(tmp_path / "t").page_numbers().tolist() == [7, 0, 1, 2, 0, 3]


@pytest.mark.parametrize("name", [name for name, f in FORMATS.items() if f.processes])
def test_processes_are_kept_apart(tmp_path: Path, name: str) -> None:
    trace = Trace([0x5000, 0x5000, 0x6000, 0x5000], pids=[30, 8, 8, 30])
    trace.save(tmp_path / "t", name)
    again = read(tmp_path / "t")
    assert values(again.pids) == [30, 8, 8, 30]
    assert again.page_numbers().tolist() == [5, 1 << 52 | 5, 1 << 52 | 6, 5]


@pytest.mark.parametrize("name", [name for name, f in FORMATS.items() if not f.processes])
def test_processes_are_not_lost(tmp_path: Path, name: str) -> None:
    with pytest.raises(TraceError, match=r"cannot tell processes apart.*write csv or npz"):
        Trace([1, 2], pids=[1, 2]).save(tmp_path / "t", name)
    assert list(tmp_path.iterdir()) == []


def test_next_requests_of_oracle_general(tmp_path: Path) -> None:
    Trace.pages("1 2 1 3 2 1").save(tmp_path / "t", "oracleGeneral")
    records = np.fromfile(tmp_path / "t", np.dtype([("t", "<u4"), ("id", "<u8"), ("size", "<u4"), ("next", "<i8")]))
    assert records["id"].tolist() == [1, 2, 1, 3, 2, 1]
    assert records["next"].tolist() == [2, 4, 5, -1, -1, -1]
    assert records["size"].tolist() == [1] * 6


@pytest.mark.parametrize("kind", ["<u8", ">u8", "<i8", "u1", ">i4", "<f8", "<f4"])
def test_numbers_of_any_type_that_are_exact(tmp_path: Path, kind: str) -> None:
    with open(tmp_path / "t", "wb") as file:
        np.save(file, np.array([3, 0, 200, 3]).astype(kind))
    assert read(tmp_path / "t").addresses.tolist() == [3, 0, 200, 3]


def test_one_array_alone_in_an_archive(tmp_path: Path) -> None:
    with open(tmp_path / "t", "wb") as file:
        np.savez_compressed(file, anything=np.arange(5))
    trace = read(tmp_path / "t", page_size=4)
    assert (len(trace), trace.page_numbers().tolist()) == (5, [0, 0, 0, 0, 1])


def test_numbers_as_python_reads_them(tmp_path: Path) -> None:
    """Random numbers in decimal and hexadecimal, against int()."""
    rng = np.random.default_rng(7)
    words = []
    for k in range(1500):
        n = int(rng.integers(0, 1 << 63, dtype=np.uint64)) * 2 + 1 >> int(rng.integers(0, 64))
        words.append((str(n), hex(n), f"0X{n:X}", f"{n:020d}")[k % 4])
    (tmp_path / "t").write_text("\n".join(words))
    assert read(tmp_path / "t").addresses.tolist() == [int(w, 16 if w[:2] in ("0x", "0X") else 10) for w in words]


@pytest.mark.parametrize("packed", [".zst", ".gz"])
def test_packed_files_cut_off_or_damaged(tmp_path: Path, packed: str) -> None:
    """None is read as a shorter trace. Two files after one another are one, as their programs have it."""
    trace = uniform(20_000, 1 << 20)
    if packed == ".zst":
        need_zstd()
        trace.save(tmp_path / "t.oracleGeneral.zst")
        data = (tmp_path / "t.oracleGeneral.zst").read_bytes()
    else:
        trace.save(tmp_path / "t", "oracleGeneral")
        data = gzip.compress((tmp_path / "t").read_bytes())
    for wrong in (data[:-1], data[: len(data) // 2], data[:100], data[:-2000] + b"\0" + data[-1999:]):
        (tmp_path / "t").write_bytes(wrong)
        with pytest.raises(TraceError, match="'t' is damaged: "):
            read(tmp_path / "t").held()
    (tmp_path / "t").write_bytes(data + data)
    assert len(read(tmp_path / "t").held()) == 40_000


def test_without_zstandard_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zstandard", None)
    monkeypatch.setitem(sys.modules, "compression", None)
    (tmp_path / "t.zst").write_bytes(b"\x28\xb5\x2f\xfd" + bytes(20))
    with pytest.raises(TraceError, match=r"'t.zst' is packed with zstd, .*pip install 'vmlab\[zstd\]'"):
        read(tmp_path / "t.zst")
    with pytest.raises(TraceError, match=r"pip install 'vmlab\[zstd\]'"):
        Trace.pages("1 2").save(tmp_path / "u.list.zst")
    assert not (tmp_path / "u.list.zst").exists()


def test_a_save_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    file = tmp_path / "t.lackey"
    file.write_text("mine")
    with pytest.raises(TraceError, match="has no 64-bit address"):
        Trace([2**60], page_size=1).save(file)
    assert (file.read_text(), list(tmp_path.iterdir())) == ("mine", [file])
    with pytest.raises(TraceError, match=r"'t.bin' tells no format: give one of npy \(\.npy\)"):
        Trace.pages("1").save(tmp_path / "t.bin")
    with pytest.raises(TraceError, match="format 'x' is unknown; choose one of npy, "):
        Trace.pages("1").save(file, "x")
    with pytest.raises(TraceError, match="'trace' holds no references: there is nothing to write"):
        Trace([]).save(file)
    with pytest.raises(OSError, match="cannot write"):
        Trace.pages("1").save(tmp_path / "no folder" / "t.list")


@pytest.mark.jit
def test_long_traces_come_in_chunks(tmp_path: Path) -> None:
    """Half a million lines: in several pieces, the same as in one."""
    trace = Trace(np.arange(500_000, dtype=np.uint64) * np.uint64(72), np.arange(500_000) % 3)
    for name in ("din", "npz", "oracleGeneral"):
        trace.save(tmp_path / name, name)
        chunks = list(read(tmp_path / name).chunks())
        assert len(chunks) > 1
        assert all(len(c.addresses) <= 1 << 20 for c in chunks)
        held = np.concatenate([c.addresses for c in chunks])
        assert np.array_equal(held >> np.uint64(0 if name == "oracleGeneral" else 12), trace.page_numbers())


def test_archive_is_a_plain_npz(tmp_path: Path, mixed: Trace) -> None:
    mixed.save(tmp_path / "t.npz")
    with np.load(tmp_path / "t.npz") as z:
        assert np.array_equal(z["addresses"], mixed.addresses)
        assert np.array_equal(z["kinds"], mixed.kinds)
        assert z["page_size"].tolist() == [4096]
    with zipfile.ZipFile(tmp_path / "t.npz") as z:
        assert z.testzip() is None
