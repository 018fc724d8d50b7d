"""How njit code receives a NamedTuple of arrays: by reference. numba plumbing; nothing here knows what a machine is.

numba passes a tuple of arrays by value, 7 words an array: with 25 arrays every call that is not inlined copies some 175
words through the stack. Registered here, the tuple is one pointer to a small block, filled once per call from Python:

    s --> [ data, shape.., strides.. of field 0 | data, shape.., strides.. of field 1 | ... ]

A field is indexed as written (class Table): numba's "a negative index counts from the end" costs two instructions and a
load on every step of a walk, up to half the speed of the machine. Under NUMBA_BOUNDSCHECK=1 a negative index is an error.

The loads are marked invariant (njit code cannot replace a field), so LLVM keeps a base address in a register or fetches
it again, whichever is cheaper. meminfo is null: there is nothing to count references of. If a future numba breaks this
file, `pass_by_reference` may return its argument unchanged: the same sources then run by value, some times slower.
"""

import operator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AttributeTemplate
from numba.core.typing.typeof import typeof
from numba.extending import (
    NativeValue,
    infer_getattr,
    lower_builtin,
    lower_getattr_generic,
    models,
    register_model,
    typeof_impl,
    unbox,
)

WORD = ir.IntType(64)


class Table(types.Array):
    """The numba type of a one-dimensional field: an array whose integer index is taken as it is."""


register_model(Table)(models.ArrayModel)


def _element(context, builder, table, array, index):
    """The address of array[index]."""
    a = context.make_array(table)(context, builder, array)
    if context.enable_boundscheck:
        cgutils.do_boundscheck(context, builder, index, builder.extract_value(a.shape, 0), 0)
    return builder.gep(a.data, [index], inbounds=True)


@lower_builtin(operator.getitem, Table, types.Integer)
def _get(context, builder, sig, args):
    table, kind = sig.args
    place = _element(context, builder, table, args[0], context.cast(builder, args[1], kind, types.intp))
    return context.unpack_value(builder, table.dtype, place)


@lower_builtin(operator.setitem, Table, types.Integer, types.Any)
def _set(context, builder, sig, args):
    table, kind, value = sig.args
    place = _element(context, builder, table, args[0], context.cast(builder, args[1], kind, types.intp))
    context.pack_value(builder, table.dtype, context.cast(builder, args[2], value, table.dtype), place)


class ByRef(types.Type):
    """The numba type of a NamedTuple of arrays passed by reference."""

    def __init__(self, fields):
        self.fields = fields  # ((name, array type), ...)
        self.tables = {
            name: Table(a.dtype, a.ndim, a.layout, readonly=not a.mutable, aligned=a.aligned) if a.ndim == 1 else a
            for name, a in fields
        }
        self.at, n = {}, 0  # the word at which a field begins
        for name, array in fields:
            self.at[name] = n
            n += 1 + 2 * array.ndim
        self.nwords = n
        super().__init__(f"ByRef({', '.join(f'{n}: {t}' for n, t in fields)})")


@register_model(ByRef)
class _ByRefModel(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, WORD.as_pointer())


@infer_getattr
class _ByRefAttribute(AttributeTemplate):
    key = ByRef

    def generic_resolve(self, state, name):
        return state.tables.get(name)


@lower_getattr_generic(ByRef)
def _load_field(context, builder, state, pointer, name):
    kind = state.tables[name]
    first = state.at[name]
    invariant = builder.module.add_metadata([])

    def word(k):
        load = builder.load(builder.gep(pointer, [WORD(first + k)]))
        load.set_metadata("invariant.load", invariant)
        return load

    array = context.make_array(kind)(context, builder)
    shape = [word(1 + k) for k in range(kind.ndim)]
    nitems = shape[0]
    for n in shape[1:]:
        nitems = builder.mul(nitems, n)
    array.data = builder.inttoptr(word(0), array.data.type)
    array.shape = cgutils.pack_array(builder, shape)
    array.strides = cgutils.pack_array(builder, [word(1 + kind.ndim + k) for k in range(kind.ndim)])
    array.nitems = nitems
    array.itemsize = WORD(context.get_abi_sizeof(context.get_data_type(kind.dtype)))
    array.meminfo = cgutils.get_null_value(array.meminfo.type)
    array.parent = cgutils.get_null_value(array.parent.type)
    return array._getvalue()


@unbox(ByRef)
def _unbox(state, obj, c):
    b = c.builder
    block = cgutils.alloca_once(b, WORD, size=state.nwords)
    failed = cgutils.false_bit
    for k, (name, kind) in enumerate(state.fields):
        native = c.unbox(kind, c.pyapi.tuple_getitem(obj, k))
        failed = b.or_(failed, native.is_error)
        array = c.context.make_array(kind)(c.context, b, native.value)
        words = [b.ptrtoint(array.data, WORD)]
        words += cgutils.unpack_tuple(b, array.shape, kind.ndim) + cgutils.unpack_tuple(b, array.strides, kind.ndim)
        for i, w in enumerate(words):
            b.store(w, b.gep(block, [WORD(state.at[name] + i)]))
    return NativeValue(block, is_error=failed)


def pass_by_reference(cls: Any) -> Any:
    """Class decorator for a NamedTuple of arrays: njit functions take it as one pointer."""

    @typeof_impl.register(cls)
    def _typeof(value, c):
        return ByRef(tuple((n, typeof(a)) for n, a in zip(value._fields, value, strict=True)))

    return cls
