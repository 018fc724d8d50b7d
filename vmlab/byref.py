"""How njit code receives a NamedTuple of arrays: by reference. numba plumbing; nothing here knows what a machine is.

numba passes a tuple of arrays by value, 7 words an array: with 25 arrays every call that is not inlined copies some 175
words through the stack. Registered here, the tuple is one pointer to a small block, filled once per call from Python:

    s --> [ data, shape.., strides.. of field 0 | data, shape.., strides.. of field 1 | ... ]

A field is indexed as written (class Table): numba's "a negative index counts from the end" costs two instructions and a
load on every step of a walk, up to half the speed of the machine. Under NUMBA_BOUNDSCHECK=1 a negative index is an error.

The loads are marked invariant (njit code cannot replace a field), so LLVM keeps a base address in a register or fetches
it again, whichever is cheaper. Loads and stores are marked with what they touch, `frames.slot` or `tables` (LLVM's type-based
alias analysis): a store to one leaves what was loaded from another in its register. meminfo is null: there is nothing to
count references of. If a future numba breaks this file, `pass_by_reference` may return its argument unchanged: the same
sources then run by value, some times slower.
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
    lower_setattr_generic,
    models,
    register_model,
    typeof_impl,
    unbox,
)

WORD = ir.IntType(64)


class Table(types.Array):
    """The numba type of a one-dimensional field: an array whose integer index is taken as it is."""

    def __init__(self, field: str, array: types.Array) -> None:
        self.field = field
        kind = Row(field, array.dtype) if isinstance(array.dtype, types.Record) else array.dtype
        name = f"Table({field}, {array})"
        super().__init__(kind, 1, array.layout, readonly=not array.mutable, name=name, aligned=array.aligned)

    @property
    def key(self):
        return self.field, *super().key


class Row(types.Record):
    """The numba type of a row of a table of records."""

    def __init__(self, field: str, record: types.Record) -> None:
        self.field = field
        super().__init__([(n, f._asdict()) for n, f in record.fields.items()], record.size, record.aligned)
        self.name: str = f"Row({field}, {record})"


register_model(Table)(models.ArrayModel)
register_model(Row)(models.RecordModel)


def _apart(instruction, place: str) -> None:
    """Promise LLVM that a load or a store of `place` touches none of another name."""
    module = instruction.parent.module
    kind = module.add_metadata([place, module.add_metadata(["vmlab"]), WORD(0)])
    instruction.set_metadata("tbaa", module.add_metadata([kind, kind, WORD(0)]))


def _member(context, builder, row, pointer, name):
    """The address of a member of a row, the type of what is there, and its alignment."""
    kind = row.typeof(name)
    place = cgutils.get_record_member(builder, pointer, row.offset(name), context.get_data_type(kind))
    return place, kind, None if row.aligned else 1


@lower_getattr_generic(Row)
def _get_member(context, builder, row, pointer, name):
    place, kind, align = _member(context, builder, row, pointer, name)
    value = context.unpack_value(builder, kind, place, align)
    _apart(value, f"{row.field}.{name}")
    return value


@lower_setattr_generic(Row)
def _set_member(context, builder, sig, args, name):
    place, kind, align = _member(context, builder, sig.args[0], args[0], name)
    store = builder.store(context.cast(builder, args[1], sig.args[1], kind), place, align)
    _apart(store, f"{sig.args[0].field}.{name}")


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
    value = context.unpack_value(builder, table.dtype, place)
    if not isinstance(table.dtype, Row):  # a row is its address: nothing is loaded yet
        _apart(value, table.field)
    return value


@lower_builtin(operator.setitem, Table, types.Integer, types.Any)
def _set(context, builder, sig, args):
    table, kind, value = sig.args
    place = _element(context, builder, table, args[0], context.cast(builder, args[1], kind, types.intp))
    store = builder.store(context.cast(builder, args[2], value, table.dtype), place)
    _apart(store, table.field)


class ByRef(types.Type):
    """The numba type of a NamedTuple of arrays passed by reference."""

    def __init__(self, fields):
        self.fields = fields  # ((name, array type), ...)
        self.tables = {name: Table(name, a) if a.ndim == 1 else a for name, a in fields}
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
