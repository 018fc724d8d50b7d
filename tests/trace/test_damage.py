"""Files with bytes changed, cut out and put in: a trace, or one sentence; never another exception, never a hang."""

from pathlib import Path

import numpy as np
import pytest

from vmlab import LimitError, TraceError
from vmlab.trace import FORMATS, Trace

TRIES = 150


def damaged(data: bytes, rng: np.random.Generator) -> bytes:
    """The bytes with one to three changes."""
    changed = bytearray(data)
    for _ in range(rng.integers(1, 4)):
        at = int(rng.integers(0, len(changed)))
        kind = rng.integers(0, 4)
        if kind == 0:
            changed[at] = rng.integers(0, 256)
        elif kind == 1:
            del changed[at : at + int(rng.integers(1, 9))]
        elif kind == 2:
            changed[at:at] = rng.choice([b"\n", b",", b" ", b"0x", b"-", b"\xff\xff\xff\xff", b"#", b"\r", b"9" * 30])
        else:
            del changed[at:]
        if not changed:
            break
    return bytes(changed)


@pytest.mark.parametrize("name", FORMATS)
def test_damage(tmp_path: Path, name: str) -> None:
    rng = np.random.default_rng(3)
    whole = Trace(rng.integers(0, 1 << 40, 12, np.uint64), rng.integers(0, 3, 12))
    whole.save(tmp_path / "whole", name)
    data = (tmp_path / "whole").read_bytes()
    said = {"read": 0, "refused": 0}
    for _ in range(TRIES):
        (tmp_path / "t").write_bytes(damaged(data, rng))
        try:
            Trace.load(tmp_path / "t", max_bytes=1 << 20)
            said["read"] += 1
        except (TraceError, LimitError) as error:
            said["refused"] += 1
            assert "'t" in str(error)
            assert "\n" not in str(error)
    assert min(said.values()) > 0
