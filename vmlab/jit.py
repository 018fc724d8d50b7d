"""How vmlab compiles: the decorators of every njit function, their cache on disk, and four machine instructions.

Three decorators, by who calls:

    entry    called from Python; its machine code, with all it calls, is cached on disk
    njit     a real call from njit code: what is big, or off the hot path
    inline   pasted by LLVM into every caller: small steps of hot paths

All release the GIL, divide as C does, and keep no reference counts (`_nrt=False`): a kernel may not create or return
arrays, and an accidental allocation becomes a compile error.

The cache. numba's own key sees only the file a function stands in, so an edit of a callee in another file would run stale
code. Here each package's kernels live in a folder named after a digest of all its sources, numba's version and the
bounds-check switch. The folder stands below the user's cache folder; `numba.config.CACHE_DIR` is set around each decoration
only and put back, so that other libraries' caches stay where they were.
"""

import gc
import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.extending import intrinsic

INTERPRETED = bool(numba.config.DISABLE_JIT)
LANES = 4  # tags compared by one vector instruction
PACKAGE = Path(__file__).resolve().parent
_OPTIONS = {"nogil": True, "error_model": "numpy", "_nrt": False}


def cache_folder() -> Path:
    """The folder below which all of vmlab's kernels are cached: numba's own if one is set, else the user's; made if need be."""
    home = Path.home()
    usual = {
        "darwin": home / "Library" / "Caches",
        "win32": Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local")),
    }.get(sys.platform, Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache"))
    for folder in (numba.config.CACHE_DIR and Path(numba.config.CACHE_DIR), usual / "vmlab"):
        if not folder:
            continue
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                return folder
        except OSError:
            continue
    return Path(tempfile.gettempdir()) / "vmlab-cache"


@cache
def _folder_of(package: Path) -> Path:
    """Where the kernels of one package are cached."""
    sources = sorted(package.rglob("*.py")) + [PACKAGE / "jit.py", PACKAGE / "byref.py"]
    text = b"".join(p.read_bytes() for p in sources) + repr((numba.__version__, numba.config.BOUNDSCHECK)).encode()
    return cache_folder() / f"{package.name}-{hashlib.sha256(text).hexdigest()[:16]}"


def _package_of(function: Callable[..., Any]) -> Path:
    """The folder directly below vmlab in which a function is defined."""
    file = Path(function.__code__.co_filename).resolve()
    return PACKAGE / file.relative_to(PACKAGE).parts[0] if file.is_relative_to(PACKAGE) else file.parent


class _Inner(JITCodeLibrary):
    """What an inner function is compiled to: LLVM's text of it, for an entry's module to link in.

    Left to itself numba optimises every function together with all it calls, and makes machine code of it: the fault path once
    more at each level of its calls, to be thrown away. Only what an entry links in is ever run, so only that is optimised.
    """

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        self._ensure_finalized()
        return 0  # Python cannot call it

    @property
    def codegen(self) -> Any:
        return _NoEnvironment  # numba would write the function's globals into machine code that is not made


class _NoEnvironment:
    """What stands in for numba's code generator where it would be told a function's globals."""

    @staticmethod
    def set_env(name: str, env: Any) -> None:
        pass


class _InnerCompiler(Compiler):
    """numba's compiler, with an _Inner to put the function in."""

    def define_pipelines(self) -> list[Any]:
        self.state.library = _Inner(self.state.targetctx.codegen(), self.state.func_id.func_qualname)
        self.state.library.enable_object_caching()
        return super().define_pipelines()


_INNER = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, "pipeline_class": _InnerCompiler, **_OPTIONS}


def njit(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function that njit code calls. Python must not: it is given no wrapper for Python's objects.

    forceinline is named because numba hands a caller's options down to what it calls: what an `inline` function calls first
    would be pasted as well, wherever it is called.
    """
    return numba.njit(forceinline=False, **_INNER)(function)


def inline(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a small function into each of its callers, all of them njit code."""
    return numba.njit(forceinline=True, **_INNER)(function)


def entry(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function that Python calls, and cache its machine code."""
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(_folder_of(_package_of(function)))
    try:
        return numba.njit(cache=True, **_OPTIONS)(function)
    finally:
        numba.config.CACHE_DIR = before


@contextmanager
def uncollected() -> Iterator[None]:
    """No garbage collection within: a compiler makes millions of objects that live, and looking through them takes an eighth
    of its time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def warm(
    package: str,
    steps: Iterable[tuple[str, Callable[[], object]]],
    say: Callable[[str], object],
    takes: str = "about half a minute",
) -> None:
    """Run `steps`, each of which makes kernels of `package` compile; one line on `say` if that had not been done yet.

    A mark beside the cache remembers that it was done for this version, place, interpreter and host processor: numba keeps
    what it compiled apart by the folder the sources lie in, so that a second clone starts cold.
    """
    if INTERPRETED:
        return
    folder = _folder_of(PACKAGE / package)
    cpu = numba.config.CPU_NAME or "host"
    place = hashlib.sha256(os.fsencode(PACKAGE)).hexdigest()[:8]
    mark = folder / f"warm-{cpu}-{sys.implementation.cache_tag}-{place}"
    if mark.exists():
        return
    begin = time.perf_counter()
    say(f"vmlab: compiling the {package} kernels, once for this computer ({takes})")
    told = 0.0
    with uncollected():
        for name, step in steps:
            step()
            taken = time.perf_counter() - begin
            if taken > told + 0.5:
                say(f"vmlab: {taken:5.1f} s  {name}")
                told = taken
    say(f"vmlab: {time.perf_counter() - begin:5.1f} s  done")
    try:
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()
    except OSError:
        pass  # a cache that cannot be written only costs time


if INTERPRETED:

    def match(tags: Any, at: int, tag: int) -> int:
        return sum(1 << k for k in range(LANES) if tags[at + k] == tag)

    def lowest(x: int) -> int:
        word = int(x)  # numpy's have no bit_length
        return (word & -word).bit_length() - 1

    def prefetch(array: Any, i: int) -> None:
        pass

    def prefetch_to_read(array: Any, i: int) -> None:
        pass

else:

    @intrinsic
    def match(typingctx, tags, at, tag):
        """Bit k of the result is set where tags[at + k] == tag, k = 0..3: one 256-bit compare."""

        def codegen(context, b, sig, args):
            array = context.make_array(sig.args[0])(context, b, args[0])
            word, lanes = ir.IntType(64), ir.VectorType(ir.IntType(64), LANES)
            row = b.load(b.bitcast(b.gep(array.data, [args[1]]), lanes.as_pointer()))
            row.align = 8
            none = ir.Constant(lanes, ir.Undefined)
            one = b.insert_element(none, args[2], ir.IntType(32)(0))
            all_four = b.shuffle_vector(one, none, ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES))
            return b.zext(b.bitcast(b.icmp_signed("==", row, all_four), ir.IntType(LANES)), word)

        return types.int64(tags, types.int64, types.int64), codegen

    @intrinsic
    def lowest(typingctx, x):
        """The number of the lowest set bit of x, which must not be 0."""

        def codegen(context, b, sig, args):
            kind = ir.FunctionType(args[0].type, [args[0].type, ir.IntType(1)])
            return b.call(cgutils.get_or_insert_function(b.module, kind, "llvm.cttz.i64"), [args[0], ir.IntType(1)(1)])

        return types.int64(types.int64), codegen

    def _prefetch(b: Any, context: Any, sig: Any, args: Any, write: int) -> Any:
        a = context.make_array(sig.args[0])(context, b, args[0])
        byte, i32 = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, i32, i32, i32])
        fn = cgutils.get_or_insert_function(b.module, kind, "llvm.prefetch.p0")
        b.call(fn, [b.bitcast(b.gep(a.data, [args[1]]), byte), i32(write), i32(3), i32(1)])
        return context.get_dummy_value()

    @intrinsic
    def prefetch(typingctx, array, i):
        """Ask the host's memory for the line of array[i], to change it; changes nothing, never faults, also past the end."""

        def codegen(context, b, sig, args):
            return _prefetch(b, context, sig, args, 1)

        return types.void(array, types.int64), codegen

    @intrinsic
    def prefetch_to_read(typingctx, array, i):
        """The same, only to read it."""

        def codegen(context, b, sig, args):
            return _prefetch(b, context, sig, args, 0)

        return types.void(array, types.int64), codegen


@cache
def _record(kind: np.dtype[Any]) -> np.dtype[Any]:
    """The type of a table's records, one object for all tables: numba knows it by its address, and takes long over a new one."""
    return np.zeros(0, kind).view(np.recarray).dtype


def rows(n: int, kind: np.dtype[Any]) -> np.recarray[Any, Any]:
    """n zeroed rows of a record type, readable as `table[i].field` with the JIT on and off."""
    return np.zeros(n, _record(kind)).view(np.recarray)
