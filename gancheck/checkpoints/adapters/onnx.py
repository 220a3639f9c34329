"""ONNX generators: samples through onnxruntime, no gradients.

An ONNX file is a graph of known operators and holds no code. Before it is handed to onnxruntime it
is walked here: operators of other domains than ONNX's own, functions, control flow and numbers that
stand in other files are refused. onnxruntime itself is native code that parses a stranger's bytes,
and nothing bounds the memory that a graph asks for.

Source: onnx.proto, messages ModelProto, GraphProto, NodeProto, AttributeProto, TensorProto.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import nn

from gancheck.checkpoints.refusal import Refused, plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["End", "OnnxGenerator", "check_graph", "generator"]

_CONTROL = frozenset({"If", "Loop", "Scan", "SequenceMap"})
_OWN = frozenset({"", "ai.onnx"})
_GRAPH, _OPSET, _FUNCTIONS = 7, 8, 25  # fields of ModelProto
_NODE, _INITIALISER, _SPARSE = 1, 5, 15  # fields of GraphProto
_OPERATOR, _ATTRIBUTE, _DOMAIN = 4, 5, 7  # fields of NodeProto
_TENSOR, _SUBGRAPH, _TENSORS, _SUBGRAPHS = 5, 6, 10, 11  # fields of AttributeProto
_LOCATION = 14  # field of TensorProto: 1 where its numbers stand in another file
_TYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(int64)": np.int64, "tensor(int32)": np.int32}  # fmt: skip


def check_graph(data: bytes) -> None:
    """Walk a model and refuse what is more than a graph of ONNX's own operators.

    Raises:
        Refused: another domain, a function, control flow, numbers in other files, or malformed.
    """
    for number, value in _fields(memoryview(data)):
        if number == _FUNCTIONS:
            raise Refused(
                "the ONNX model defines functions of its own, which are not followed here"
            )
        if number == _OPSET:
            _own("".join(_text(v) for n, v in _fields(_part(value)) if n == 1))
        if number == _GRAPH:
            for part, content in _fields(_part(value)):
                if part == _NODE:
                    _check_node(_part(content))
                elif part == _INITIALISER:
                    _check_tensor(_part(content))
                elif part == _SPARSE:
                    raise Refused("the ONNX model has sparse initialisers, which are not read")


def _own(domain: str) -> None:
    if domain not in _OWN:
        raise Refused(
            f"the ONNX model uses operators of the domain {plain(domain)}, which are not ONNX's own"
        )


def _check_node(node: memoryview) -> None:
    for number, value in _fields(node):
        if number == _DOMAIN:
            _own(_text(value))
        elif number == _OPERATOR and _text(value) in _CONTROL:
            raise Refused(
                f"the ONNX model has control flow ({_text(value)}), and a stranger's loop need not end"
            )
        elif number == _ATTRIBUTE:
            for part, content in _fields(_part(value)):
                if part in (_SUBGRAPH, _SUBGRAPHS):
                    raise Refused(
                        "the ONNX model has graphs inside operators, which are not followed here"
                    )
                if part in (_TENSOR, _TENSORS):
                    _check_tensor(_part(content))


def _check_tensor(tensor: memoryview) -> None:
    if any(number == _LOCATION and value == 1 for number, value in _fields(tensor)):
        raise Refused(
            "the numbers of the ONNX model stand in other files", way_out="save it as one file"
        )


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, position = _varint(message, position)
            yield number, value
            continue
        if wire not in (1, 2, 5):
            raise Refused("truncated or malformed ONNX file")
        length = 8 if wire == 1 else 4
        if wire == 2:
            length, position = _varint(message, position)
        if position + length > len(message):
            raise Refused("truncated or malformed ONNX file")
        yield number, message[position : position + length]
        position += length


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 64, 7):
        if position >= len(message):
            break
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise Refused("truncated or malformed ONNX file")


def _part(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise Refused("truncated or malformed ONNX file")
    return value


def _text(value: int | memoryview) -> str:
    return bytes(_part(value)[:1000]).decode("utf-8", "replace")


# --- the graph as a module


@dataclass(frozen=True, slots=True)
class End:
    """An input of the graph.

    Attributes:
        name: of the input.
        shape: of one sample behind the batch; a size that is not fixed is 0.
        type: as onnxruntime names it, such as tensor(float).
    """

    name: str
    shape: tuple[int, ...]
    type: str

    @property
    def count(self) -> int:
        """Numbers of one sample; 0 where a size is not fixed."""
        return math.prod(self.shape)


class OnnxGenerator(nn.Module):
    """A generator [n, latent + classes] -> [n, ...] that onnxruntime computes, on the CPU.

    It has no parameters and no derivative.

    Attributes:
        without_derivative: why nothing can be differentiated through it.
        reason: how its inputs were told apart.
    """

    without_derivative = "onnxruntime computes the generator, which has no derivative there"

    def __init__(
        self, session: Any, noise: End, label: End | None, classes: int, *, one_hot: bool
    ) -> None:
        super().__init__()
        self._session = session
        self._noise = noise
        self._label = label
        self._classes = classes
        self._one_hot = one_hot
        named = "" if label is None else f", {plain(label.name)} the class"
        self.reason = f"{plain(noise.name)} is the noise{named}"

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """Samples for latents, in float32."""
        size = z.shape[1] - self._classes
        given = {self._noise.name: self._as(z[:, :size], self._noise)}
        if self._label is not None:
            label = z[:, size:]
            given[self._label.name] = self._as(
                label if self._one_hot else label.argmax(1), self._label
            )
        (out, *_) = self._session.run(None, given)
        return torch.from_numpy(np.array(out)).to(device=z.device, dtype=z.dtype)

    @staticmethod
    def _as(x: torch.Tensor, end: End) -> np.ndarray:
        array = x.detach().cpu().numpy().astype(_TYPES[end.type])
        return np.ascontiguousarray(array.reshape(len(x), *end.shape))


def generator(
    data: bytes,
    *,
    latent: int,
    classes: int = 0,
    encoding: Literal["index", "one_hot"] = "index",
) -> OnnxGenerator:
    """A module that computes a model's graph.

    Args:
        data: bytes of the file, already examined.
        latent: numbers of the noise.
        classes: of a conditional generator; 0 where it is not.
        encoding: whether it takes the class as a whole number or as a one-hot vector.

    Raises:
        Refused: what `check_graph` refuses, a graph that onnxruntime does not take, or inputs that
            are not one of noise and, for a conditional generator, one of classes.
        ModuleNotFoundError: onnxruntime is not installed.
    """
    check_graph(data)
    try:
        runtime: Any = import_module("onnxruntime")
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "the onnx adapter needs onnxruntime: pip install 'gancheck[onnx]'"
        ) from None
    options: Any = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 4  # what goes wrong is raised
    try:
        session: Any = runtime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 - onnxruntime raises a dozen unrelated kinds of its own
        raise Refused(
            f"onnxruntime does not take the model: {' '.join(str(error).split())}"
        ) from None
    ends = [End(i.name, tuple(_sizes(i.shape)), i.type) for i in session.get_inputs()]
    noise, label = _told_apart(ends, latent, classes, encoding)
    return OnnxGenerator(session, noise, label, classes, one_hot=encoding == "one_hot")


def _sizes(shape: Sequence[object]) -> Iterator[int]:
    for size in shape[1:]:
        yield size if isinstance(size, int) and size > 0 else 0


def _told_apart(
    ends: list[End], latent: int, classes: int, encoding: str
) -> tuple[End, End | None]:
    shown = ", ".join(f"{plain(e.name)} {list(e.shape)} {plain(e.type)}" for e in ends)
    wanted = 2 if classes else 1
    if len(ends) != wanted:
        raise Refused(
            f"the model has {len(ends)} inputs ({shown}) and the manifest speaks of {wanted}",
            way_out="say in [condition] how a conditional generator takes its class",
        )
    real = ("tensor(float)", "tensor(double)")
    noise = [e for e in ends if e.count == latent and e.type in real]
    if not classes:
        if not noise:
            raise Refused(f"the model takes {shown} and the manifest's latent.size is {latent}")
        return noise[0], None
    if encoding == "one_hot":
        label = [e for e in ends if e.count == classes and e.type in _TYPES]
    else:
        label = [e for e in ends if e.count == 1 and e.type not in real and e.type in _TYPES]
    ways = [(n, c) for n in noise for c in label if n is not c]
    if len(ways) != 1:
        raise Refused(
            f"the model takes {shown}: {len(ways)} ways to give it {latent} numbers of noise and a class of {classes} ({encoding})"
        )
    return ways[0]
