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
from gancheck.checkpoints.opcodes import Cursor
from gancheck.checkpoints.refusal import Refused, plain
from gancheck.checkpoints.symbols import DTYPES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gancheck.checkpoints.limits import Limits
    from gancheck.checkpoints.source import Source

    Field = tuple[int, int | Source]

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
_FETCH = "fetch the file again"
_VERSION, _PRODUCER, _PRODUCER_VERSION, _GRAPH, _OPSET = 1, 2, 3, 7, 8  # fields of ModelProto
_NODE, _INITIALISER = 1, 5  # fields of GraphProto
_ENDS = {11: "input", 12: "output"}
_EXTERNAL = 14  # field of TensorProto: where its numbers stand, 1 for another file
_MOST_DIMENSIONS = 64
_UNREADABLE = "ONNX models are listed, not built: this reader takes names and shapes from the file, not its graph"


def read_onnx(source: Source, limits: Limits) -> Contents:
    """List what an ONNX model holds.

    Raises:
        Refused: malformed.
    """
    model = _Model(_Wire(limits.opcodes))
    for number, value in model.wire.fields(source):
        if number == _VERSION and isinstance(value, int):
            model.versions["ONNX"] = str(value)
        elif number == _PRODUCER:
            model.metadata["producer"] = _text(value)
        elif number == _PRODUCER_VERSION:
            model.versions["producer"] = _text(value)
        elif number == _OPSET:
            model.read_opset(_message(value))
        elif number == _GRAPH:
            model.read_graph(_message(value))
    if len(model.tensors) > limits.listed:
        raise Refused(
            f"the graph lists {len(model.tensors)} initialisers, over the budget of {limits.listed}"
        )
    if model.operators:
        model.metadata["operators"] = ", ".join(sorted(model.operators))
    notes = (
        [f"the numbers of {model.elsewhere} initialisers stand in other files"]
        if model.elsewhere
        else []
    )
    return Contents(
        tensors=tuple(model.tensors),
        metadata=model.metadata,
        versions=model.versions,
        notes=tuple(notes),
        unreadable=_UNREADABLE,
    )


class _Wire:
    """The wire format, with a budget of fields; what a field holds is placed and not read."""

    def __init__(self, budget: int) -> None:
        self._budget = budget

    def fields(self, message: Source) -> Iterator[Field]:
        cursor = Cursor(message)
        while cursor.position < message.size:
            self.spend()
            tag = self.varint(cursor)
            number, wire = tag >> 3, tag & 7
            if wire == 0:
                yield number, self.varint(cursor)
                continue
            if wire not in (1, 2, 5):
                raise Refused(_BAD)
            length = self.varint(cursor) if wire == 2 else 8 if wire == 1 else 4
            try:
                start = cursor.skip(length)
            except EOFError:
                raise Refused(_BAD, way_out=_FETCH) from None
            yield number, message.window(start, length)

    def varint(self, cursor: Cursor) -> int:
        value = shift = 0
        while shift <= 63:
            try:
                byte = cursor.take(1)[0]
            except EOFError:
                raise Refused(_BAD, way_out=_FETCH) from None
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
        raise Refused(_BAD)

    def spend(self) -> None:
        self._budget -= 1
        if self._budget < 0:
            raise Refused("the model has more parts than the budget of a reading")


@dataclass(slots=True)
class _Model:
    wire: _Wire
    metadata: dict[str, bool | int | float | str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    tensors: list[TensorInfo] = field(default_factory=list)
    operators: set[str] = field(default_factory=set)
    elsewhere: int = 0

    def read_opset(self, message: Source) -> None:
        domain, version = "", 0
        for number, value in self.wire.fields(message):
            if number == 1:
                domain = _text(value)
            elif number == 2 and isinstance(value, int):
                version = value
        self.versions[f"opset {domain}".strip()] = str(version)

    def read_graph(self, graph: Source) -> None:
        for part, content in self.wire.fields(graph):
            if part == _NODE:
                self.operators.add(self._operator(_message(content)))
            elif part == _INITIALISER:
                self.tensors.append(self._tensor(_message(content)))
            elif part in _ENDS:
                name, shape = self._value_info(_message(content))
                self.metadata[f"{_ENDS[part]} {name}"] = shape

    def _operator(self, node: Source) -> str:
        names = [_text(value) for number, value in self.wire.fields(node) if number == 4]
        return names[-1] if names else ""

    def _dimensions(self, value: int | Source) -> list[int]:
        """TensorProto.dims, written one by one or packed."""
        if isinstance(value, int):
            return [value]
        found: list[int] = []
        cursor = Cursor(value)
        while cursor.position < value.size:
            found.append(self.wire.varint(cursor))
            if len(found) > _MOST_DIMENSIONS:
                raise Refused(_BAD)
        return found

    def _tensor(self, message: Source) -> TensorInfo:
        shape: list[int] = []
        name, dtype, raw = "", "unknown", None
        for number, value in self.wire.fields(message):
            if number == 1:
                shape += self._dimensions(value)
            elif number == 2 and isinstance(value, int):
                dtype = _DTYPES.get(value, f"ONNX type {value}")
            elif number == 8:
                name = _text(value)
            elif number == 9:
                raw = _message(value).size
            elif number == _EXTERNAL and value == 1:
                self.elsewhere += 1
            if len(shape) > _MOST_DIMENSIONS:
                raise Refused(_BAD, subject=name)
        if raw is not None and dtype in DTYPES and raw != math.prod(shape) * DTYPES[dtype]:
            raise Refused(
                f"initialiser {plain(name)} of shape {shape[:8]} has {raw} bytes", subject=name
            )
        strides = tuple(math.prod(shape[i + 1 :]) for i in range(len(shape)))
        return TensorInfo(
            path=(name,), shape=tuple(shape), dtype=dtype, offset=None, strides=strides
        )

    def _value_info(self, message: Source) -> tuple[str, str]:
        """Name and shape of an input or output: TypeProto.tensor_type.shape.dim, size or name."""
        name, sizes = "", ""
        for number, value in self.wire.fields(message):
            if number == 1:
                name = _text(value)
            elif number == 2:
                found = [
                    self._size(dimension) for dimension in self._descend(_message(value), (1, 2, 1))
                ]
                sizes = ", ".join(found[:_MOST_DIMENSIONS])
        return name, f"[{sizes}]"

    def _descend(self, message: Source, numbers: tuple[int, ...]) -> Iterator[Source]:
        if not numbers:
            yield message
            return
        for number, value in self.wire.fields(message):
            if number == numbers[0]:
                yield from self._descend(_message(value), numbers[1:])

    def _size(self, dimension: Source) -> str:
        for number, value in self.wire.fields(dimension):
            if number == 1 and isinstance(value, int):
                return str(value)
            if number == 2:
                return _text(value)
        return "?"


def _message(value: int | Source) -> Source:
    if isinstance(value, int):
        raise Refused(_BAD)
    return value


def _text(value: int | Source) -> str:
    message = _message(value)
    return message.read(0, min(message.size, 1000)).decode("utf-8", "replace")
