"""Reading the names, dtypes and shapes of an ONNX model off its protobuf wire format.

Only what `inspect` lists: initialisers, inputs and outputs. Nothing of the graph is interpreted
and nothing can be built from it here. Standard library only.

Source: protobuf encoding specification; onnx.proto, messages ModelProto, GraphProto, TensorProto.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gancheck.checkpoints.index import Contents, TensorInfo
from gancheck.checkpoints.refusal import Refused, plain
from gancheck.checkpoints.symbols import DTYPES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gancheck.checkpoints.limits import Limits

__all__ = ["read_onnx"]

_DTYPES = {
    1: "float32",
    2: "uint8",
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    7: "int64",
    9: "bool",
    10: "float16",
    11: "float64",
    12: "uint32",
    13: "uint64",
    14: "complex64",
    15: "complex128",
    16: "bfloat16",
}
_BAD = "truncated or malformed ONNX file"
_VERSION, _PRODUCER, _GRAPH = 1, 2, 7  # fields of ModelProto
_NODE, _INITIALISER = 1, 5  # fields of GraphProto
_ENDS = {11: "input", 12: "output"}
_UNREADABLE = "ONNX models are listed, not built: this reader takes names and shapes from the file, not its graph"

Field = tuple[int, int | memoryview]


def read_onnx(data: bytes, limits: Limits) -> Contents:
    """List what an ONNX model holds.

    Raises:
        Refused: malformed.
    """
    model = _Model(limits.listed)
    for number, value in _fields(memoryview(data)):
        if number == _VERSION and isinstance(value, int):
            model.metadata["ir_version"] = value
        elif number == _PRODUCER:
            model.metadata["producer"] = _text(value)
        elif number == _GRAPH:
            model.read_graph(_message(value))
    if model.operators:
        model.metadata["operators"] = ", ".join(sorted(model.operators))
    return Contents(tensors=tuple(model.tensors), metadata=model.metadata, unreadable=_UNREADABLE)


@dataclass(slots=True)
class _Model:
    budget: int
    metadata: dict[str, bool | int | float | str] = field(default_factory=dict)
    tensors: list[TensorInfo] = field(default_factory=list)
    operators: set[str] = field(default_factory=set)

    def read_graph(self, graph: memoryview) -> None:
        for part, content in _fields(graph):
            self.budget -= 1
            if self.budget < 0:
                raise Refused("the graph has more parts than the budget of a listing")
            if part == _NODE:
                self.operators.add(_operator(_message(content)))
            elif part == _INITIALISER:
                self.tensors.append(_tensor(_message(content)))
            elif part in _ENDS:
                name, shape = _value_info(_message(content))
                self.metadata[f"{_ENDS[part]} {name}"] = shape


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if position >= len(data) or shift > 63:
            raise Refused(_BAD)
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7


def _fields(data: memoryview) -> Iterator[Field]:
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, position = _varint(data, position)
            yield number, value
            continue
        if wire == 2:
            length, position = _varint(data, position)
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise Refused(_BAD)
        if position + length > len(data):
            raise Refused(_BAD, way_out="fetch the file again")
        yield number, data[position : position + length]
        position += length


def _message(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise Refused(_BAD)
    return value


def _text(value: int | memoryview) -> str:
    return bytes(_message(value)[:1000]).decode("utf-8", "replace")


def _operator(node: memoryview) -> str:
    return next((_text(value) for number, value in _fields(node) if number == 4), "")


def _dimensions(value: int | memoryview) -> list[int]:
    """TensorProto.dims, written one by one or packed."""
    if isinstance(value, int):
        return [value]
    found: list[int] = []
    position = 0
    while position < len(value):
        size, position = _varint(value, position)
        found.append(size)
    return found


def _tensor(message: memoryview) -> TensorInfo:
    shape: list[int] = []
    name, dtype, raw = "", "unknown", None
    for number, value in _fields(message):
        if number == 1:
            shape += _dimensions(value)
        elif number == 2 and isinstance(value, int):
            dtype = _DTYPES.get(value, f"ONNX type {value}")
        elif number == 8:
            name = _text(value)
        elif number == 9:
            raw = len(_message(value))
        if len(shape) > 64:
            raise Refused(_BAD, subject=name)
    if raw is not None and dtype in DTYPES and raw != math.prod(shape) * DTYPES[dtype]:
        raise Refused(
            f"initialiser {plain(name)} of shape {shape[:8]} has {raw} bytes", subject=name
        )
    strides = tuple(math.prod(shape[i + 1 :]) for i in range(len(shape)))
    return TensorInfo(path=(name,), shape=tuple(shape), dtype=dtype, offset=None, strides=strides)


def _value_info(message: memoryview) -> tuple[str, str]:
    """Name and shape of an input or output: TypeProto.tensor_type.shape.dim, size or name."""
    name, sizes = "", ""
    for number, value in _fields(message):
        if number == 1:
            name = _text(value)
        elif number == 2:
            sizes = ", ".join(_size(dim) for dim in _descend(_message(value), (1, 2, 1)))
    return name, f"[{sizes}]"


def _descend(message: memoryview, numbers: tuple[int, ...]) -> Iterator[memoryview]:
    if not numbers:
        yield message
        return
    for number, value in _fields(message):
        if number == numbers[0]:
            yield from _descend(_message(value), numbers[1:])


def _size(dimension: memoryview) -> str:
    for number, value in _fields(dimension):
        if number == 1 and isinstance(value, int):
            return str(value)
        if number == 2:
            return _text(value)
    return "?"
