"""A machine in a file, and texts that are also tables.

.npz, stored without compression, so that it can unfold to no more than it is
    head          JSON: version, digest of the arrays, MMU, devices, queue
    state.*       the arrays of State
    device.N.*    blocks of the machine's own files and of overlays
    queue.N.*     references that wait
"""

import json
import os
import tempfile
import warnings
import zipfile
from importlib.metadata import PackageNotFoundError, version
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from .core import boot, invariants, state
from .core.policy.number import Policy
from .core.state import State
from .device import Device, Failing, HostFile, Overlay, OwnFile
from .device.paths import open_regular
from .errors import ConfigError, LimitError, PathError, refused, shown
from .kernel.enter import Kernel
from .kernel.program import Segment

try:
    __version__ = version("vmlab")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0"


# -- save ----------------------------------------------------------------------------------------------------------------


def save(k: Kernel, mmu: Any, path: Any) -> None:
    """Write a machine to a file, whole or not at all: a temporary file beside it, fsync, rename."""
    target = Path(os.fsdecode(path))
    if int(k.state.machine["policy"][0]) == Policy.PYTHON:
        raise ConfigError("a policy written in Python cannot be saved: choose a named one first, m.policy = 'clock'")
    arrays = _arrays(k, mmu)
    temporary = None
    try:
        fd, temporary = tempfile.mkstemp(dir=target.parent, prefix=".vmlab-", suffix=".tmp")
        with os.fdopen(fd, "wb") as f:
            np.savez(f, **arrays)  # type: ignore[arg-type]
            f.flush()
            os.fsync(f.fileno())
        os.chmod(temporary, _mode(target))
        os.replace(temporary, target)
    except BaseException as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise refused(error, f"cannot write '{shown(str(target))}'") from None
        raise


def _mode(target: Path) -> int:
    """The permissions of a file that is to be written: those it has, or those of any new file."""
    try:
        return target.stat().st_mode & 0o777
    except OSError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


def _arrays(k: Kernel, mmu: Any) -> dict[str, Any]:
    """Everything that goes into the file, by name."""
    devices: list[dict[str, Any]] = []
    arrays: dict[str, Any] = {}
    for obj, device in k.devices.items():
        described, parts = _described(device)
        devices.append({"object": obj, **described})
        arrays |= {f"device.{obj}.{part}": np.frombuffer(raw, np.uint8) for part, raw in parts.items()}
    for i, seg in enumerate(k.queue):
        arrays |= {f"queue.{i}.addresses": seg.addresses, f"queue.{i}.writes": seg.writes}
    head = {
        "vmlab": __version__, "mmu": mmu, "digest": state.digest(k.state), "devices": devices,
        "queue": [{"row": seg.row, "pid": seg.pid} for seg in k.queue],
    }  # fmt: skip
    arrays |= {
        f"state.{name}": np.asarray(a).view(np.ndarray) for name, a in zip(k.state._fields, k.state, strict=True)
    }
    return {"head": np.frombuffer(json.dumps(head).encode(), np.uint8), **arrays}


def _described(device: Device) -> tuple[dict[str, Any], dict[str, bytes]]:
    """What is behind a file: the path of a host's file and what lies over it, or the machine's own bytes."""
    while isinstance(device, Failing):
        device = device.device
    if isinstance(device, OwnFile):
        plain, parts = device.dump()
    else:
        plain, parts = Overlay(device).dump()
    host = device.base if isinstance(device, Overlay) else device
    path = host.path if isinstance(host, HostFile) else None
    return {"plain": plain, "path": path, "overlay": type(device) is not OwnFile}, parts


# -- load ----------------------------------------------------------------------------------------------------------------


def load(path: Any) -> tuple[Kernel, Any]:
    """(kernel, mmu) of a saved machine. ConfigError that says why if it is none, is damaged, or is another version's."""
    name = f"'{shown(os.fsdecode(path))}'"
    try:
        with os.fdopen(open_regular(path), "rb") as f, zipfile.ZipFile(f) as z:
            head = json.loads(_array(z, "head").tobytes())
            if head["vmlab"] != __version__:
                raise ConfigError(
                    f"{name} was saved by vmlab {head['vmlab']}, this is {__version__}: it cannot be loaded"
                )
            s = _state(z)
            if state.digest(s) != head["digest"] or invariants.broken(s):
                raise ConfigError(f"{name} is damaged: its arrays are not those that were saved")
            k = Kernel(s)
            for d in head["devices"]:
                parts = {part: _array(z, f"device.{d['object']}.{part}").tobytes() for part in ("order", "blocks")}
                k.devices[d["object"]] = _device(d, parts)
            for i, q in enumerate(head["queue"]):
                a, w = _array(z, f"queue.{i}.addresses", np.int64), _array(z, f"queue.{i}.writes")
                k.queue += (Segment(int(q["row"]), int(q["pid"]), a, w),)
            mmu = head["mmu"]
            return k, mmu if isinstance(mmu, str) else tuple(mmu)
    except (ConfigError, FileNotFoundError, PermissionError):
        raise
    except Exception as error:  # whatever a stranger's file makes the readers of zip, JSON and npy raise
        raise ConfigError(f"{name} is not a saved machine, or is damaged: {error}") from None


def _array(z: zipfile.ZipFile, name: str, dtype: Any = np.uint8) -> Any:
    """One array of the file, checked before it takes memory. ValueError, KeyError."""
    member = z.getinfo(f"{name}.npy")
    if member.compress_type != zipfile.ZIP_STORED or member.file_size > member.compress_size:
        raise ValueError(f"{name} is compressed")
    raw = z.read(member)
    header = BytesIO(raw)
    major, _ = np.lib.format.read_magic(header)
    read = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
    shape, fortran, found = read(header)
    if found != dtype or fortran:
        raise ValueError(f"{name} holds {found}, not {np.dtype(dtype)}")
    return np.frombuffer(raw, found, offset=header.tell()).reshape(shape).copy()


def _state(z: zipfile.ZipFile) -> State:
    """The arrays of the state, each with the type and the number of dimensions it must have."""
    like = boot.boot(boot.Geometry((1,), 16, 2), 2, 0)
    arrays = []
    for field, a in zip(State._fields, like, strict=True):
        plain = np.dtype((a.dtype.fields and [(n, a.dtype.fields[n][0]) for n in a.dtype.names]) or a.dtype)
        found = _array(z, f"state.{field}", plain)
        if found.ndim != a.ndim:
            raise ValueError(f"{field} has {found.ndim} dimensions, not {a.ndim}")
        fresh = np.zeros(found.shape, a.dtype)  # of the one record type that all machines share (jit.rows)
        fresh[...] = found.view(a.dtype) if a.dtype.names else found
        arrays.append(fresh.view(type(a)))
    return State(*arrays)


def _device(described: dict[str, Any], parts: dict[str, bytes]) -> Device:
    """The device of a loaded file: the host's file under an overlay, if it is still there."""
    plain, path = described["plain"], described["path"]
    if not described["overlay"]:
        return OwnFile.load(plain, parts)
    base = None
    if path is not None:
        try:
            base = HostFile.open(path)
        except (OSError, PathError, LimitError) as error:
            warnings.warn(f"what was not in memory of '{shown(plain['name'])}' now reads zero: {error}", stacklevel=4)
    return Overlay.load(plain, parts, base)
