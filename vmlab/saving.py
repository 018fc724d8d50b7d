"""A machine in a file, and texts that are also tables."""

import json
import os
import tempfile
import zipfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .core.policy import Policy
from .core.state import State
from .device import HostFile, Overlay, OwnFile
from .errors import ConfigError
from .kernel.enter import Kernel
from .kernel.program import Segment

if TYPE_CHECKING:
    from .machine import Machine

try:
    __version__ = version("vmlab")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0"


class Text(str):
    """Text as /proc prints it, which also holds its `.rows`."""

    rows: Any

    def __new__(cls, text: str, rows: Any) -> "Text":
        self = super().__new__(cls, text)
        self.rows = rows
        return self

    def __repr__(self) -> str:
        return str(self)


def vmstat(s: State) -> Text:
    """Counters with the names of /proc/vmstat."""
    st, m = s.stat[0], s.machine[0]
    rows = {
        "nr_free_pages": int(m.nfree), "pgfault": int(st.minflt + st.majflt), "pgmajfault": int(st.majflt),
        "pgpgin": int(st.pgpgin), "pgpgout": int(st.pgpgout), "pswpin": int(st.pswpin), "pswpout": int(st.pswpout),
        "pgcopy": int(st.copies), "pgreuse": int(st.reuses), "pgsteal": int(st.evictions), "oom_kill": int(st.oom_kill),
    }  # fmt: skip
    return Text("\n".join(f"{name} {n}" for name, n in rows.items()), rows)


def save(m: "Machine", path: Any) -> None:
    """Write a machine to a file, whole or not at all: a temporary file beside it, fsync, rename."""
    target = Path(path)
    k = m.kernel
    if int(k.state.machine["policy"][0]) == Policy.PYTHON:
        raise ConfigError("a policy written in Python cannot be saved: choose a named one first, m.policy = 'clock'")
    devices, data = _devices(m)
    queue = [{"row": seg.row, "pid": seg.pid} for seg in k.queue]
    head = {"vmlab": __version__, "mmu": m.mmu, "devices": devices, "queue": queue, "overcommit": k.overcommit}
    arrays = {f"state.{name}": np.asarray(a) for name, a in zip(k.state._fields, k.state, strict=True)}
    arrays |= {name: np.frombuffer(raw, np.uint8) for name, raw in data.items()}
    for i, seg in enumerate(k.queue):
        arrays |= {f"queue.{i}.addresses": seg.addresses, f"queue.{i}.writes": seg.writes}
    arrays["head"] = np.frombuffer(json.dumps(head).encode(), np.uint8)
    try:
        fd, temporary = tempfile.mkstemp(dir=target.parent or ".", prefix=".vmlab-", suffix=".tmp")
    except OSError as error:
        raise type(error)(error.errno, f"cannot write {target}: {error.strerror}") from None
    try:
        with os.fdopen(fd, "wb") as f:
            np.savez(f, **arrays)  # type: ignore[arg-type]  # allow_pickle has a default
            f.flush()
            os.fsync(f.fileno())
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _devices(m: "Machine") -> tuple[list[dict[str, Any]], dict[str, bytes]]:
    """What is behind each file: a host file by its path, the machine's own bytes by value."""
    described: list[dict[str, Any]] = []
    data: dict[str, bytes] = {}
    for obj, device in m.kernel.devices.items():
        own = device if isinstance(device, OwnFile) else Overlay(device)
        plain, raw = own.dump()
        base = device.base if isinstance(device, Overlay) else device
        path = getattr(base, "path", None) if type(device) is not OwnFile else None
        described.append({"object": obj, "plain": plain, "path": path})
        data |= {f"device.{obj}.{part}": b for part, b in raw.items()}
    return described, data


def load(path: Any) -> tuple[Kernel, Any]:
    """(kernel, mmu) of a saved machine. ConfigError that says why if it is none, or another version's."""
    try:
        with np.load(path, allow_pickle=False) as z:
            if "head" not in z:
                raise ConfigError(f"{path} is not a saved machine")
            head = json.loads(z["head"].tobytes())
            if head.get("vmlab") != __version__:
                raise ConfigError(
                    f"{path} was saved by vmlab {head.get('vmlab')}, this is {__version__}: cannot load; start again"
                )
            k = Kernel(State(*(_like(name, z[f"state.{name}"]) for name in State._fields)))
            for d in head["devices"]:
                parts = {part: z[f"device.{d['object']}.{part}"].tobytes() for part in ("order", "blocks")}
                k.devices[d["object"]] = _device(d, parts)
            k.queue = tuple(
                Segment(q["row"], q["pid"], z[f"queue.{i}.addresses"], z[f"queue.{i}.writes"])
                for i, q in enumerate(head["queue"])
            )
            k.overcommit = head["overcommit"]
    except (zipfile.BadZipFile, ValueError, KeyError, EOFError) as error:
        raise ConfigError(f"{path} is not a saved machine, or is damaged: {error}") from error
    mmu = head["mmu"]
    return k, mmu if isinstance(mmu, str) else tuple(mmu)


def _like(name: str, a: Any) -> Any:
    """An array as the core wants it: records readable by attribute."""
    return a.view(np.recarray) if a.dtype.names else np.ascontiguousarray(a)


def _device(described: dict[str, Any], parts: dict[str, bytes]) -> Any:
    """The device of a loaded file: the host's file under an overlay, if it is still there."""
    plain, path = described["plain"], described["path"]
    if path is None:
        return OwnFile.load(plain, parts)
    try:
        base = HostFile.open(path)
    except (OSError, ValueError):
        base = None
    return Overlay.load(plain, parts, base)
