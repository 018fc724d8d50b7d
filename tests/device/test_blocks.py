"""Own files, overlays and injected failures: whatever is done, the bytes are those of a bytearray."""

import errno
import json
from collections.abc import Callable

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from vmlab.device import Device, Failing, Overlay, OwnFile
from vmlab.device.ownfile import BLOCK
from vmlab.errors import ConfigError

BASE = bytes(range(1, 252)) * 40  # two blocks and a part, no two alike, no zeros
MAKE: dict[str, Callable[[], OwnFile]] = {
    "own": lambda: OwnFile(1, "f", len(BASE), BASE),
    "overlay": lambda: Overlay(OwnFile(1, "f", len(BASE), BASE)),
    "overlay of overlay": lambda: Overlay(Overlay(OwnFile(1, "f", len(BASE), BASE))),
}
# sizes and offsets near the edges of blocks, where mistakes live
edge = st.builds(lambda b, d: max(0, b * BLOCK + d), st.integers(0, 4), st.integers(-2, 2))
place = st.one_of(edge, st.integers(0, 4 * BLOCK))
actions = st.one_of(
    st.tuples(st.just("write"), place, st.one_of(st.binary(max_size=20), st.builds(lambda n: b"w" * n, place))),
    st.tuples(st.just("resize"), place),
    st.tuples(st.just("save")),
    st.tuples(st.just("restore"), st.integers(0, 9)),
    st.tuples(st.just("reload")),
)


def reload(f: OwnFile) -> OwnFile:
    """Through JSON and npz's arrays."""
    plain, data = f.dump()
    plain = json.loads(json.dumps(plain))
    data = {k: np.frombuffer(v, np.uint8).tobytes() for k, v in data.items()}
    return Overlay.load(plain, data, f.base) if isinstance(f, Overlay) else OwnFile.load(plain, data)


@pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)
@settings(max_examples=150, deadline=None)
@given(doing=st.lists(actions, max_size=12), start=place, n=place)
def test_bytes_of_a_bytearray(make: Callable[[], OwnFile], doing: list, start: int, n: int) -> None:
    f, flat = make(), bytearray(BASE)
    moments: list[tuple[object, bytes]] = []
    for what, *how in doing:
        if what == "write":
            at, data = how
            if data and at >= len(flat):
                with pytest.raises(OSError, match="cannot write 'f'"):
                    f.write(at, data)
            else:
                f.write(at, data)
                flat[at : at + len(data)] = data[: len(flat) - at]
        elif what == "resize":
            f.resize(how[0])
            flat = flat[: how[0]].ljust(how[0], b"\0")
        elif what == "save":
            moments.append((f.save(), bytes(flat)))
        elif what == "reload":
            f = reload(f)
        elif moments:
            saved, then = moments[how[0] % len(moments)]
            f.restore(saved)
            flat = bytearray(then)
    assert f.size() == len(flat)
    assert f.read(0, 1 << 20) == flat
    assert f.read(start, n) == flat[start : start + n]
    for saved, then in moments:
        f.restore(saved)
        assert f.read(0, 1 << 20) == then
    if isinstance(f, Overlay):
        assert f.base.read(0, 1 << 20) == BASE


def test_a_tebibyte_costs_nothing() -> None:
    f = OwnFile(7, "big\n", 1 << 40)
    f.write((1 << 40) - 2, b"end")
    assert f.read((1 << 40) - 4, 9) == b"\0\0en"
    assert len(f.dump()[1]["blocks"]) == BLOCK
    assert (f.key, f.name, f.writable) == (("own", 7), "big\\n", True)
    assert repr(f) == "OwnFile('big\\n', 1099511627776 bytes)"
    f.sync()
    f.close()


def test_saving_shares_blocks() -> None:
    f = OwnFile(1, "f", 4 * BLOCK, bytes(4 * BLOCK))
    first, second = f.save(), f.save()
    assert first.blocks is second.blocks
    f.write(0, b"x")
    third = f.save()
    assert third.blocks is not first.blocks
    assert third.blocks[1] is first.blocks[1]


def test_two_overlays_do_not_meet() -> None:
    base = OwnFile(1, "f", 9, b"unchanged")
    a, b = Overlay(base), Overlay(base)
    a.write(0, b"A")
    b.write(1, b"B")
    assert (a.read(0, 9), b.read(0, 9), base.read(0, 9)) == (b"Anchanged", b"uBchanged", b"unchanged")


def test_base_becomes_shorter() -> None:
    base = OwnFile(1, "f", len(BASE), BASE)
    over = Overlay(base)
    base.resize(10)
    assert over.read(0, len(BASE)) == BASE[:10] + bytes(len(BASE) - 10)


def test_base_is_gone() -> None:
    over = Overlay(OwnFile(3, "f", len(BASE), BASE))
    over.write(BLOCK, b"kept")
    plain, data = over.dump()
    alone = Overlay.load(plain, data)
    assert (alone.name, alone.key, alone.size()) == ("f", ("own", 3), len(BASE))
    assert alone.read(0, 4) + alone.read(BLOCK, 5) == bytes(4) + b"kept" + BASE[BLOCK + 4 : BLOCK + 5]


@pytest.mark.parametrize(
    ("plain", "data"),
    [
        ({}, {"blocks": bytes(BLOCK - 1)}),
        ({}, {"order": bytes(7), "blocks": b""}),
        ({"nbytes": 0}, {}),
        ({"reach": 1 << 50}, {}),
        ({"reach": -1}, {}),
        ({}, {"order": b"\xff" * 8}),
        ({}, {"order": b"\xff" * 7 + b"\x7f"}),
    ],
)
def test_damaged(plain: dict, data: dict) -> None:
    plain0, data0 = OwnFile(1, "f", 5, b"hello").dump()
    with pytest.raises(ConfigError, match="'f' is damaged"):
        OwnFile.load(plain0 | plain, data0 | data)


def test_failing() -> None:
    f: Device = Failing(OwnFile(1, "f", 9, b"unchanged"), read=2, write=1, error=errno.ENOSPC)
    assert (f.name, f.writable, f.key, f.size()) == ("f", True, ("own", 1), 9)
    with pytest.raises(OSError, match="injected failure of write 1 of 'f': No space left") as caught:
        f.write(0, b"x")
    assert caught.value.errno == errno.ENOSPC
    f.write(1, b"X")
    before = f.save()
    f.resize(3)
    for _ in range(2):  # a replay fails at the same place
        f.restore(before)
        assert f.read(0, 9) == b"uXchanged"
        with pytest.raises(OSError, match="injected failure of read 2"):
            f.read(0, 9)
        assert f.read(0, 9) == b"uXchanged"
    f.sync()
    f.close()


def test_a_failing_base_changes_nothing() -> None:
    over = Overlay(Failing(OwnFile(1, "f", len(BASE), BASE), read=2))
    with pytest.raises(OSError, match="injected failure of read 2"):
        over.write(BLOCK - 1, b"ab" + bytes(BLOCK))  # reads the first and the last of three blocks
    assert over.read(0, len(BASE)) == BASE
