"""ONNX models written byte by byte, so that the tests need no package for it.

Source: onnx.proto; the protobuf encoding specification.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

FLOAT, INT64 = 1, 7


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number: int, content: bytes | int | str) -> bytes:
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    data = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(data)) + data


def tensor(name: str, values: Tensor, *, location: int = 0) -> bytes:
    numbers = values.detach().flatten().tolist()
    raw = struct.pack(f"<{len(numbers)}f", *numbers)
    dims = b"".join(field(1, size) for size in values.shape)
    where = field(14, location) if location else b""
    return dims + field(2, FLOAT) + field(8, name) + (field(9, raw) if not location else where)


def value_info(name: str, shape: Sequence[int | str], kind: int = FLOAT) -> bytes:
    sizes = b"".join(
        field(1, field(1, size) if isinstance(size, int) else field(2, size)) for size in shape
    )
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, sizes)))


def node(
    operator: str,
    inputs: Sequence[str],
    output: str,
    *,
    domain: str = "",
    attributes: bytes = b"",
) -> bytes:
    ends = b"".join(field(1, name) for name in inputs) + field(2, output)
    return ends + field(4, operator) + attributes + (field(7, domain) if domain else b"")


def integer(name: str, value: int) -> bytes:
    """An attribute of NodeProto that is a whole number."""
    return field(5, field(1, name) + field(3, value) + field(20, 2))


def model(
    nodes: Sequence[bytes],
    tensors: Sequence[bytes],
    inputs: Sequence[bytes],
    output: bytes,
    *,
    opsets: Sequence[tuple[str, int]] = (("", 17),),
    extra: bytes = b"",
) -> bytes:
    graph = b"".join(field(1, n) for n in nodes) + field(2, "g")
    graph += b"".join(field(5, t) for t in tensors)
    graph += b"".join(field(11, i) for i in inputs) + field(12, output)
    imports = b"".join(
        field(8, (field(1, domain) if domain else b"") + field(2, version))
        for domain, version in opsets
    )
    return field(1, 8) + imports + field(7, graph) + extra


def perceptron(weight: Tensor, bias: Tensor, *, inputs: Sequence[bytes] | None = None) -> bytes:
    """tanh(z W^T + b) with W [out, in]."""
    outputs, size = weight.shape
    return model(
        [
            node("Gemm", ["z", "w", "b"], "h", attributes=integer("transB", 1)),
            node("Tanh", ["h"], "x"),
        ],
        [tensor("w", weight), tensor("b", bias)],
        inputs or [value_info("z", ["n", size])],
        value_info("x", ["n", outputs]),
    )


def conditional(weight: Tensor, label: Tensor) -> bytes:
    """tanh(z W^T + y V^T) with a one-hot class y."""
    return model(
        [
            node("Gemm", ["z", "w"], "a", attributes=integer("transB", 1)),
            node("Gemm", ["y", "v"], "c", attributes=integer("transB", 1)),
            node("Add", ["a", "c"], "h"),
            node("Tanh", ["h"], "x"),
        ],
        [tensor("w", weight), tensor("v", label)],
        [value_info("z", ["n", weight.shape[1]]), value_info("y", ["n", label.shape[1]])],
        value_info("x", ["n", weight.shape[0]]),
    )
