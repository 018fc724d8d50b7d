"""How much memory may be taken at once, and sizes in words."""

import os
from pathlib import Path


def memory_limit() -> int:
    """Bytes this process may use: the control group's limit where there is one (Binder, containers), else the computer's RAM."""
    for name in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            limit = int(Path(name).read_text())
        except (OSError, ValueError):
            continue
        if limit < 1 << 60:
            return limit
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return 4 << 30


def size_text(nbytes: float) -> str:
    """A size for people: four digits and a unit."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if nbytes < 1024:
            return f"{nbytes:.4g} {unit}"
        nbytes /= 1024
    return f"{nbytes:.4g} TiB"
