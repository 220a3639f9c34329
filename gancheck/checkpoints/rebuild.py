"""What does an allowed global make of its arguments?

Containers become plain containers; a tensor becomes a view whose window is checked against its
storage here, before anything is sized by it: offset, sizes and strides not negative, the last
element inside, no element twice. Standard library only.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gancheck.checkpoints.refusal import Refused
from gancheck.checkpoints.source import Held
from gancheck.checkpoints.symbols import DTYPES
from gancheck.checkpoints.values import Blob, Sequence, Storage, Symbol, Table, Value, View

if TYPE_CHECKING:
    from collections.abc import Callable

    from gancheck.checkpoints.machine import Machine

__all__ = ["checked_view", "rebuild"]

_MAX_DIMENSIONS = 64
# Above this an integer is no size of anything in a file, and products of it are only slow.
_MAX_SIZE = 2**48


def rebuild(machine: Machine, symbol: Symbol, arguments: list[Value]) -> Value:
    """What calling an allowed global with these arguments stands for.

    Raises:
        Refused: the arguments do not fit the global, or a tensor leaves its storage.
    """
    handler = _HANDLERS.get(symbol.name)
    if handler is None:
        raise Refused(
            f"the pickle calls {symbol}, which is a type and not a function", subject=str(symbol)
        )
    return handler(machine, arguments)


def _size(value: Value, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MAX_SIZE:
        raise Refused(
            f"a tensor's {what} is no size: {str(value)[:40] if isinstance(value, int) else type(value).__name__}"
        )
    return value


def _sizes(value: Value, what: str) -> tuple[int, ...]:
    if not isinstance(value, Sequence) or len(value.items) > _MAX_DIMENSIONS:
        raise Refused(f"a tensor's {what} is no tuple of at most {_MAX_DIMENSIONS} sizes")
    return tuple(_size(item, what) for item in value.items)


def _shares_elements(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    reach = 0
    for stride, size in sorted((t, s) for s, t in zip(shape, strides, strict=True) if s > 1):
        if stride <= reach:
            return True
        reach += stride * (size - 1)
    return False


def checked_view(
    storage: Storage,
    dtype: str,
    itemsize: int,
    offset: int,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
) -> View:
    """A window on a storage, after checking that every element of it is there and only once.

    Offset and strides count elements of `dtype`.

    Raises:
        Refused: it reaches outside the storage, or shows an element more than once.
    """
    if len(shape) != len(strides):
        raise Refused(
            f"a tensor has {len(shape)} sizes and {len(strides)} strides",
            subject=f"storage {storage.key}",
        )
    available = storage.count * storage.itemsize // itemsize
    last = offset + sum((s - 1) * t for s, t in zip(shape, strides, strict=True))
    elements = math.prod(shape)
    if elements and last >= available:
        raise Refused(
            f"a tensor of shape {list(shape)} reaches element {last} of a storage that has {available}",
            subject=f"storage {storage.key}",
        )
    if elements and _shares_elements(shape, strides):
        raise Refused(
            f"a tensor of shape {list(shape)} with strides {list(strides)} shows the same elements of its storage more than once",
            subject=f"storage {storage.key}",
            way_out="save it again with .contiguous()",
        )
    return View(storage, dtype, itemsize, offset, shape, strides)


def _tensor(_: Machine, arguments: list[Value]) -> Value:
    if len(arguments) < 4 or not isinstance(arguments[0], Storage):
        raise Refused("a tensor is rebuilt from something that is no storage")
    storage = arguments[0]
    if storage.dtype is None:
        raise Refused(
            "a tensor is rebuilt from a storage that has no dtype", subject=f"storage {storage.key}"
        )
    return checked_view(
        storage,
        storage.dtype,
        storage.itemsize,
        _size(arguments[1], "offset"),
        _sizes(arguments[2], "shape"),
        _sizes(arguments[3], "strides"),
    )


def _typed_tensor(_: Machine, arguments: list[Value]) -> Value:
    if (
        len(arguments) < 7
        or not isinstance(arguments[0], Storage)
        or not isinstance(arguments[6], Symbol)
    ):
        raise Refused("a tensor is rebuilt from something that is no storage or has no dtype")
    dtype = arguments[6]
    if dtype.module != "torch" or dtype.name not in DTYPES:
        raise Refused(f"a tensor has the dtype {dtype}, which is not read", subject=str(dtype))
    return checked_view(
        arguments[0],
        dtype.name,
        DTYPES[dtype.name],
        _size(arguments[1], "offset"),
        _sizes(arguments[2], "shape"),
        _sizes(arguments[3], "strides"),
    )


def _parameter(_: Machine, arguments: list[Value]) -> Value:
    if not arguments:
        raise Refused("a parameter is rebuilt from nothing")
    return arguments[0]


def _table(machine: Machine, arguments: list[Value]) -> Value:
    """An OrderedDict or dict from nothing, from pairs, or from a factory and pairs."""
    table = Table()
    for argument in arguments:
        if isinstance(argument, Table):
            machine.count(len(argument.pairs))
            table.pairs.extend(argument.pairs)
        elif isinstance(argument, Sequence):
            machine.count(len(argument.items))
            for pair in argument.items:
                if not isinstance(pair, Sequence) or len(pair.items) != 2:
                    raise Refused("a dict is rebuilt from something that is no pair")
                table.pairs.append((pair.items[0], pair.items[1]))
        elif argument is not None and not isinstance(argument, Symbol):
            raise Refused("a dict is rebuilt from something that is no sequence of pairs")
    return table


def _collection(kind: str) -> Callable[[Machine, list[Value]], Value]:
    def build(machine: Machine, arguments: list[Value]) -> Value:
        if not arguments:
            return Sequence(kind, [])
        if len(arguments) != 1 or not isinstance(arguments[0], Sequence):
            raise Refused(f"a {kind} is rebuilt from something that is no sequence")
        machine.count(len(arguments[0].items))
        return Sequence(kind, list(arguments[0].items))

    return build


def _encoded(machine: Machine, arguments: list[Value]) -> Value:
    """How protocol 2 spells bytes: text that is encoded again when it is read."""
    text = arguments[0] if arguments else None
    if not isinstance(text, str) or arguments[1:] not in (["latin1"], ["latin-1"]):
        raise Refused("bytes are spelled by something else than latin-1 text")
    machine.count(len(text) // 64)  # copied each time, however often the same text is used
    try:
        return Blob(Held(text.encode("latin-1"), origin=None))
    except UnicodeEncodeError:
        raise Refused("bytes are spelled by text that is not latin-1") from None


def _nested(machine: Machine, arguments: list[Value]) -> Value:
    if machine.nested is None or len(arguments) != 1 or not isinstance(arguments[0], Blob):
        raise Refused("the pickle unpickles bytes that it carries itself")
    return machine.nested(machine, arguments[0])


_HANDLERS: dict[str, Callable[[Machine, list[Value]], Value]] = {
    "OrderedDict": _table,
    "defaultdict": _table,
    "dict": _table,
    "_rebuild_tensor": _tensor,
    "_rebuild_tensor_v2": _tensor,
    "_rebuild_tensor_v3": _typed_tensor,
    "_rebuild_parameter": _parameter,
    "_rebuild_parameter_with_state": _parameter,
    "Size": _collection("tuple"),
    "tuple": _collection("tuple"),
    "list": _collection("list"),
    "set": _collection("set"),
    "frozenset": _collection("set"),
    "encode": _encoded,
    "_load_from_bytes": _nested,
}
