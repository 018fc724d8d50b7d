"""What a piece of numpy code touches, found by address arithmetic rather than by watching the processor.

Element (i, j) of an array lies at its first byte + i * strides[0] + j * strides[1]. So it is enough to see which arrays are worked
on, in which shapes, and numpy tells: an array that is watched is a subclass of ndarray, and numpy asks it before it does anything.

    a[2, 5]      one load                          a + b   for each element in turn: load of a, load of b, store of the sum
    a[2, 5] = 1  one store                         a.sum() a load of each element, row by row
    a[2], a.T    none: a view is not yet a touch   a @ b   all of a, all of b, then the result: the order within is the library's

Arrays are laid out anew, each from the next page on, in the order in which they first appear: the same code, the same trace.
"""

from collections.abc import Iterator
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import LimitError, TraceError, whole
from .trace import PAGE, Trace

_BASE = 0x1000_0000
_LOAD, _STORE = 0, 1
_VIEWS = ("__call__", "accumulate")  # methods of a ufunc that go through elements one by one, each to its own place


class Watched(np.ndarray[Any, Any]):
    """An array whose elements are noted when they are touched, while its watch is on. Its bytes are those of the array it views.

    Seen are indexing, ufuncs with all of their methods, and numpy's functions. Methods of arrays that are neither (sort, fill,
    tolist, copy, dot) are not: np.sort(a), a[:] = 0 and so on are.
    """

    _watch: "Watch | None" = None

    def __array_finalize__(self, source: Any) -> None:
        self._watch = getattr(source, "_watch", None)

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        watch = self._watch
        if watch is not None and watch.on and not _is_view(found, self):
            watch.note([(_addressed(self, key, watch), _LOAD)])
        return found

    def __setitem__(self, key: Any, value: Any) -> None:
        watch = self._watch
        if watch is not None and watch.on:
            stored = _addressed(self, key, watch)
            columns = [(stored, _STORE)]
            if isinstance(value, Watched):
                read = watch.addresses(np.broadcast_to(_plain(value), stored.shape))
                columns.insert(0, (read, _LOAD))
            watch.note(columns)
        super().__setitem__(_plain(key), _plain(value))

    def __iter__(self) -> Iterator[Any]:
        return (self[k] for k in range(len(self)))

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **more: Any) -> Any:
        more = {name: _plain(value) for name, value in more.items()}
        outputs = tuple(_plain(o) for o in out) if out is not None else None
        result = getattr(ufunc, method)(*(_plain(i) for i in inputs), **({"out": outputs} if outputs else {}), **more)
        watch = _watch_of(*inputs, *(out or ()))
        if watch is None:
            return result
        results = result if isinstance(result, tuple) else (result,)
        made = [r for r in results if isinstance(r, np.ndarray)]
        read = [_plain(i) for i in inputs if isinstance(i, Watched)]
        if method in _VIEWS and ufunc.signature is None and made:
            shape = made[0].shape
            watch.note(
                [(watch.addresses(np.broadcast_to(r, shape)), _LOAD) for r in read]
                + [(watch.addresses(m), _STORE) for m in made]
            )
        else:
            watch.whole(read, made)
        return _given_back(result, out, watch)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        read: list[npt.NDArray[Any]] = []
        result = function(*_unwatched(args, read), **_unwatched(kwargs, read))
        watch = self._watch
        if watch is None or not watch.on:
            return result
        results = result if isinstance(result, tuple) else (result,)
        made = [r for r in results if isinstance(r, np.ndarray)]
        if not any(_is_view(m, r) for m in made for r in read):
            watch.whole(read, made)
        return _given_back(result, None, watch)


class Watch:
    """Within `with Watch() as watch`, what is done to arrays of `watch(array)`, and to what is made of them, is noted.

    After it, watch.trace is the trace. limit: references at most, LimitError beyond.

    >>> with Watch() as watch:
    ...     a = watch(np.zeros((2, 3)))
    ...     a[1, 2] = a[0, 0]
    >>> [hex(address) for address in watch.trace.addresses]
    ['0x10000000', '0x10000028']
    """

    def __init__(self, limit: int = 50_000_000) -> None:
        self.limit = whole("limit", limit)
        self.on = False
        self._refs = 0
        self._columns: list[tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint8]]] = []
        self._laid: dict[
            int, tuple[int, Any]
        ] = {}  # the array's own address in memory: ours, and the array, to keep it there
        self._end = _BASE

    def __enter__(self) -> "Watch":
        self.on = True
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.on = False

    def __call__(self, array: Any) -> Watched:
        """The same memory, watched. TraceError for what is no array of plain elements."""
        if not isinstance(array, np.ndarray) or array.dtype.hasobject or array.dtype.names:
            raise TraceError("only numpy arrays of numbers can be watched: give np.asarray(...)")
        return self.given(_plain(array))

    def given(self, array: npt.NDArray[Any]) -> Watched:
        """An array that belongs to this watch."""
        watched = array.view(Watched)
        watched._watch = self
        return watched

    @property
    def trace(self) -> Trace:
        """All that was noted so far."""
        addresses = np.concatenate([np.zeros(0, np.uint64), *(a for a, _ in self._columns)])
        kinds = np.concatenate([np.zeros(0, np.uint8), *(k for _, k in self._columns)])
        return Trace(addresses, kinds, name="numpy code")

    def addresses(self, array: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
        """The address of each element, in an array of the same shape."""
        owner: Any = array
        while isinstance(owner.base, np.ndarray):
            owner = owner.base
        begin = owner.__array_interface__["data"][0]
        if begin not in self._laid:
            self._laid[begin] = (self._end, owner)
            self._end += (owner.nbytes // PAGE + 1) * PAGE
        at = self._laid[begin][0] + array.__array_interface__["data"][0] - begin
        offsets = np.full(array.shape, at, np.int64)
        for axis, (n, stride) in enumerate(zip(array.shape, array.strides)):
            offsets += (np.arange(n) * stride).reshape((n,) + (1,) * (array.ndim - axis - 1))
        return offsets.astype(np.uint64)

    def note(self, columns: list[tuple[npt.NDArray[np.uint64], int]]) -> None:
        """References to columns of addresses of one shape: of each the first, of each the second, and so on."""
        addresses = np.stack([column.ravel() for column, _ in columns], axis=1)
        self._refs += addresses.size
        if self._refs > self.limit:
            raise LimitError(f"more than {self.limit:,} references: Watch(limit=...) raises that")
        kinds = np.tile(np.array([kind for _, kind in columns], np.uint8), len(addresses))
        self._columns.append((addresses.ravel(), kinds))

    def whole(self, read: list[npt.NDArray[Any]], made: list[npt.NDArray[Any]]) -> None:
        """References to all elements of arrays, one array after another."""
        for array in read:
            self.note([(self.addresses(array), _LOAD)])
        for array in made:
            self.note([(self.addresses(array), _STORE)])


def _plain(value: Any) -> Any:
    """An array as numpy's own, watched by nobody."""
    return value.view(np.ndarray) if isinstance(value, Watched) else value


def _is_view(value: Any, of: npt.NDArray[Any]) -> bool:
    """Is this an array in the memory of another?"""
    return isinstance(value, np.ndarray) and np.may_share_memory(_plain(value), _plain(of))


def _addressed(array: Watched, key: Any, watch: Watch) -> npt.NDArray[np.uint64]:
    """The addresses of array[key]: of the view, if that is one, else those of all its elements, indexed alike."""
    plain = _plain(array)
    keys = tuple(_plain(k) for k in key) if isinstance(key, tuple) else (_plain(key),)
    if not any(k is Ellipsis for k in keys):
        keys = (*keys, ...)  # so that one element is a view too, of no dimensions
    within = plain[keys]
    return watch.addresses(within) if _is_view(within, plain) else np.asarray(watch.addresses(plain)[keys])


def _watch_of(*values: Any) -> Watch | None:
    """The watch that is on over the first of some arrays that has one."""
    return next((v._watch for v in values if isinstance(v, Watched) and v._watch is not None and v._watch.on), None)


def _unwatched(value: Any, read: list[npt.NDArray[Any]]) -> Any:
    """Arguments of a function with numpy's own arrays in them; those that were watched are added to `read`."""
    if isinstance(value, Watched):
        read.append(_plain(value))
        return read[-1]
    if isinstance(value, (list, tuple)):
        return type(value)(_unwatched(v, read) for v in value)
    if isinstance(value, dict):
        return {name: _unwatched(v, read) for name, v in value.items()}
    return value


def _given_back(result: Any, out: Any, watch: Watch) -> Any:
    """What numpy returned, watched too, and the very arrays that it was told to write to."""
    if out is not None:
        return out[0] if len(out) == 1 else out
    if isinstance(result, tuple):
        return tuple(_given_back(r, None, watch) for r in result)
    return watch.given(result) if isinstance(result, np.ndarray) and not result.dtype.hasobject else result
