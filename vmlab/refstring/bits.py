"""Bitmaps, 64 bits a word, and what a processor does with a word in one instruction.

Bit i of a map is bit i % 64 of its word i // 64. Words are int64, because numba makes a float of an int64 and a uint64.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types, uint64
from numba.core import cgutils
from numba.extending import intrinsic

from ..jit import INTERPRETED, inline

ONE = np.int64(1)
FULL = np.int64(-1)
LANES = 16  # numbers in one vector


@inline
def get(words, i):
    """Bit i."""
    return (words[uint64(i >> 6)] >> (i & 63)) & ONE


@inline
def put(words, i):
    """Set bit i."""
    words[uint64(i >> 6)] |= ONE << (i & 63)


@inline
def clear(words, i):
    """Clear bit i."""
    words[uint64(i >> 6)] &= ~(ONE << (i & 63))


@inline
def clear_range(words, first, end):
    """Clear the bits from first to end - 1."""
    at, last = first >> 6, end >> 6
    below = ~(FULL << (first & 63))
    above = FULL << (end & 63)
    if at == last:
        words[uint64(at)] &= below | above
        return
    words[uint64(at)] &= below
    for k in range(at + 1, last):
        words[uint64(k)] = 0
    words[uint64(last)] &= above


if INTERPRETED:

    def highest(x: int) -> int:
        return (int(x) & 0xFFFF_FFFF_FFFF_FFFF).bit_length() - 1

    def ones(x: int) -> int:
        return (int(x) & 0xFFFF_FFFF_FFFF_FFFF).bit_count()

    def decrement_after(array: Any, first: int, lane: int) -> None:
        array[first + lane + 1 : first + LANES] -= 1

else:

    def _one(name: str, b: Any, args: Any, *more: Any) -> Any:
        kind = ir.FunctionType(args[0].type, [args[0].type, *(m.type for m in more)])
        return b.call(cgutils.get_or_insert_function(b.module, kind, f"llvm.{name}.i64"), [args[0], *more])

    @intrinsic
    def highest(typingctx, x):
        """The number of the highest set bit of x, which must not be 0."""

        def codegen(context, b, sig, args):
            return b.sub(ir.Constant(ir.IntType(64), 63), _one("ctlz", b, args, ir.Constant(ir.IntType(1), 1)))

        return types.int64(types.int64), codegen

    @intrinsic
    def ones(typingctx, x):
        """How many bits of x are set."""

        def codegen(context, b, sig, args):
            return _one("ctpop", b, args)

        return types.int64(types.int64), codegen

    @intrinsic
    def decrement_after(typingctx, array, first, lane):
        """Take 1 from array[first + lane + 1 : first + 16]: one vector compare and one add, whatever the lane."""

        def codegen(context, b, sig, args):
            a = context.make_array(sig.args[0])(context, b, args[0])
            number = context.get_data_type(sig.args[0].dtype)
            vector = ir.VectorType(number, LANES)
            row = b.bitcast(b.gep(a.data, [args[1]]), vector.as_pointer())
            none = ir.Constant(vector, ir.Undefined)
            one = b.insert_element(none, b.trunc(args[2], number), ir.IntType(32)(0))
            lanes = b.shuffle_vector(one, none, ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES))
            after = b.icmp_signed(">", ir.Constant(vector, list(range(LANES))), lanes)
            old = b.load(row)
            old.align = number.width // 8
            b.store(b.add(old, b.sext(after, vector)), row).align = number.width // 8
            return context.get_dummy_value()

        return types.void(array, types.int64, types.int64), codegen


def words(nbits: int) -> int:
    """How many words hold that many bits."""
    return (nbits + 63) // 64
