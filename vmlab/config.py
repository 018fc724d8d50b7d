"""What a machine is built from: MMUs, presets of costs, and the checks that its numbers agree and fit this computer."""

from collections.abc import Sequence
from math import isqrt
from numbers import Integral
from typing import Any

from .budget import memory_limit, size_text
from .core.boot import Geometry
from .core.clock import DEVICES, Costs
from .core.state import EXT4, TMPFS
from .errors import ConfigError

KiB, MiB, GiB = 1 << 10, 1 << 20, 1 << 30

# Bits of each level's index, topmost first; pages a program may use. x86-64: Linux gives programs the lower half less a page.
MMUS: dict[str, Geometry] = {
    "x86-64": Geometry((9, 9, 9, 9), 4096, (1 << 35) - 1),
    "x86-64-la57": Geometry((9, 9, 9, 9, 9), 4096, (1 << 44) - 1),
    "sv39": Geometry((9, 9, 9), 4096, 1 << 26),
    "sv48": Geometry((9, 9, 9, 9), 4096, 1 << 35),
    "i386": Geometry((10, 10), 4096, 0xC0000),  # 3 GiB for programs, 1 GiB for the kernel
}
MOST_NS = 10**12  # of one piece of work
MOST_ENTRIES = 1 << 16  # of a TLB
FILESYSTEMS = {"ext4": EXT4, "tmpfs": TMPFS}
PRESETS: dict[str, dict[str, Any]] = {  # what a machine does beside the textbook's one page a fault
    "classic": {
        "zero_page": 0,
        "around": 1,
        "tracking": 0,
        "read_ahead": 1,
        "page_cluster": 0,
        "dirty": (100, 100, 3000, 0),
    },
    "linux": {
        "zero_page": 1,
        "around": 16,
        "tracking": 1,
        "read_ahead": 32,
        "page_cluster": 3,
        "dirty": (10, 20, 3000, 500),
    },  # fault_around_bytes, read_ahead_kb, vm.page-cluster, vm.dirty_*
}
DIRTY = {  # the knobs of "dirty", in its order, as /proc/sys/vm names them; the most each may be
    "dirty_background_ratio": 100,
    "dirty_ratio": 100,
    "dirty_expire_centisecs": 10**9,
    "dirty_writeback_centisecs": 10**9,
}


def geometry(mmu: str | Sequence[int], page_size: int | None, contents: bool) -> Geometry:
    """The geometry of a named MMU, or of index bits (topmost level first) with pages of any power of two."""
    if isinstance(mmu, str):
        if mmu not in MMUS:
            raise ConfigError(
                f"mmu={mmu!r} is unknown; choose one of {', '.join(MMUS)}, or give index bits such as (2, 4)"
            )
        if page_size not in (None, MMUS[mmu].page_size):
            raise ConfigError(
                f"{mmu} has pages of 4096 bytes, not {page_size}; give index bits, mmu=(9, 9, 9, 9), for others"
            )
        return MMUS[mmu]
    size = 4096 if page_size is None else page_size
    most = 1 << 30 if not contents else 1 << 16
    if not _is_int(size) or size < 16 or size > most or size & (size - 1):
        raise ConfigError(
            f"page_size={size!r}: a page must be a power of two from 16 bytes to 64 KiB (to 1 GiB with contents=False)"
        )
    try:
        bits = tuple(mmu)
    except TypeError:
        raise ConfigError(f"mmu={mmu!r}: give a name, {', '.join(MMUS)}, or index bits such as (2, 4)") from None
    if not bits or not all(_is_int(b) and 1 <= b <= 20 for b in bits) or sum(bits) > 48:
        raise ConfigError(f"mmu={mmu!r}: index bits are 1 to 20 for each level, at most 48 together")
    if sum(bits) + size.bit_length() - 1 > 63:
        raise ConfigError(f"mmu={mmu!r} with pages of {size} bytes makes addresses of more than 63 bits")
    return Geometry(bits, size, 1 << sum(bits))


def knobs(
    preset: str,
    filesystem: str,
    zero_page: bool | None,
    fault_around: int | None,
    dirty_tracking: bool | None,
    read_ahead: int | None,
    page_cluster: int | None,
    dirty: Sequence[int | None],
) -> dict[str, Any]:
    """The knobs of a preset, with those that are given put in their place.

    tmpfs has no device: nothing is written back, nothing is read ahead.
    """
    out = dict(PRESETS[choose("preset", preset, {name: name for name in PRESETS})])
    if zero_page is not None:
        out["zero_page"] = bool(zero_page)
    if fault_around is not None:
        out["around"] = whole("fault_around", fault_around, 1, 16)
        if out["around"] & (out["around"] - 1):
            raise ConfigError(f"fault_around={fault_around}: it must be a power of two, 1 (off) to 16")
    if dirty_tracking is not None:
        if dirty_tracking and filesystem == "tmpfs":
            raise ConfigError("dirty_tracking and filesystem='tmpfs' disagree: tmpfs has nothing to write back")
        out["tracking"] = bool(dirty_tracking)
    elif filesystem == "tmpfs":
        out["tracking"] = 0
    if read_ahead is not None:
        out["read_ahead"] = whole("read_ahead", read_ahead, 1, 1 << 12)
    elif filesystem == "tmpfs":
        out["read_ahead"] = 1
    if page_cluster is not None:
        out["page_cluster"] = whole("page_cluster", page_cluster, 0, 31)
    if filesystem == "tmpfs":
        out["dirty"] = PRESETS["classic"]["dirty"]
    out["dirty"] = tuple(
        usual if given is None else whole(name, given, 0, DIRTY[name])
        for name, given, usual in zip(DIRTY, dirty, out["dirty"], strict=True)
    )
    return out


def min_free(preset: str, given: int | None, nframes: int) -> int:
    """The min watermark in frames. On Linux it grows as the square root of memory: 2 * sqrt(frames) of 4 KiB, at least 128 KiB
    (mm/page_alloc.c, calculate_min_free_kbytes). Here it is an eighth of that and has no least, or it would take half of a
    small machine: 1 of 16 frames, 4 of 256, 16 of 4096; below 16 frames none."""
    if given is None:
        return isqrt(nframes) // 4 if preset == "linux" else 0
    return whole("min_free", given, 0, nframes // 4)


def frame_count(ram: int | None, frames: int | None, page_size: int) -> int:
    """How many page frames RAM has, given as bytes or as a number of frames."""
    if ram is not None and frames is not None and _is_int(frames) and ram != frames * page_size:
        raise ConfigError(
            f"ram={ram} and frames={frames} disagree: {frames} frames of {page_size} bytes are {frames * page_size}"
        )
    if frames is None:
        ram = 256 * KiB if ram is None else ram
        if not _is_int(ram) or ram % page_size:
            raise ConfigError(f"ram={ram!r} is not a whole number of pages of {page_size} bytes")
        frames = ram // page_size
    if not _is_int(frames) or frames < 2:
        raise ConfigError(
            f"frames={frames!r}: a machine needs at least 2 frames (a copy needs its source and its target)"
        )
    return int(frames)


def slot_count(swap: int, page_size: int) -> int:
    """How many swap slots a device of `swap` bytes has."""
    if not _is_int(swap) or swap < 0 or swap % page_size:
        raise ConfigError(f"swap={swap!r} is not a whole number of pages of {page_size} bytes")
    return int(swap) // page_size


def tlb_shape(tlb: tuple[int, int] | None) -> tuple[int, int]:
    """(entries, ways) of a TLB; None or no entries: none at all."""
    if tlb is None:
        return 0, 0
    try:
        entries, ways = tlb
    except (TypeError, ValueError):
        raise ConfigError(f"tlb={tlb!r}: give (entries, ways), or None for no TLB") from None
    if _is_int(entries) and entries == 0:
        return 0, 0
    if not _is_int(entries) or not _is_int(ways) or not 1 <= ways <= 64 or entries % ways:
        raise ConfigError(f"tlb={tlb!r}: entries must be a multiple of ways, ways 1 to 64")
    if not 0 < entries <= MOST_ENTRIES:
        raise ConfigError(f"tlb={tlb!r}: entries must be from 0 to {MOST_ENTRIES:,}")
    if entries // ways & (entries // ways - 1):
        raise ConfigError(f"tlb={tlb!r}: {entries // ways} sets; the number of sets must be a power of two")
    return int(entries), int(ways)


def costs(given: str | Costs | None) -> Costs:
    """Costs by the name of a device, or as given."""
    if given is None:
        return Costs()
    if isinstance(given, str) and given in DEVICES:
        return DEVICES[given]
    if not isinstance(given, Costs):
        raise ConfigError(f"costs={given!r} is unknown; choose one of {', '.join(DEVICES)}, or give a vmlab.Costs")
    for name, ns in given._asdict().items():
        whole(f"costs.{name}", ns, 0, MOST_NS)
    return given


def choose(what: str, given: Any, among: dict[str, Any]) -> Any:
    """The value that a name stands for."""
    if not isinstance(given, str) or given not in among:
        raise ConfigError(f"{what}={given!r} is unknown; choose one of {', '.join(among)}")
    return among[given]


def whole(what: str, given: Any, least: int, most: int) -> int:
    """A whole number of least..most."""
    if not _is_int(given) or not least <= given <= most:
        raise ConfigError(f"{what}={given!r}: it must be a whole number from {least:,} to {most:,}")
    return int(given)


def must_fit(nframes: int, nslots: int, shape: Geometry, contents: bool, max_bytes: int | None) -> None:
    """ConfigError if the machine's arrays would take more than a quarter of this computer's memory."""
    limit = memory_limit() // 4 if max_bytes is None else whole("max_bytes", max_bytes, 0, 1 << 62)
    page_size, tables = shape.page_size, 32 * 8 << max(shape.index_bits)  # state.boot begins with 32 page tables
    need = (nframes + nslots) * (page_size if contents else 0) + nframes * 72 + nslots * 16 + tables
    if need > limit:
        raise ConfigError(
            f"{nframes:,} frames and {nslots:,} swap slots of {page_size} bytes need {size_text(need)}; the limit is "
            f"{size_text(limit)} (a quarter of the memory this process may use; max_bytes= raises it, contents=False needs less)"
        )


def _is_int(x: object) -> bool:
    return isinstance(x, Integral) and not isinstance(x, bool)
