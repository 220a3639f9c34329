"""Do these weights form a chain of linear layers, and what would be left over?

From shapes alone: 2-D weights [out, in] in the order of the file, each with the bias that stands
beside it, chain where the output of one is the input of the next. Standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from gancheck.checkpoints.refusal import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gancheck.checkpoints.index import TensorInfo

__all__ = ["Chain", "Layer", "is_floating", "linear_chain"]

_FLOATING = ("float", "bfloat")


@dataclass(frozen=True, slots=True)
class Layer:
    """One linear layer by the keys that fill it."""

    weight: str
    bias: str | None
    inputs: int
    outputs: int


@dataclass(frozen=True, slots=True)
class Chain:
    """The layers, the keys that none of them takes, and why it is no chain (empty: it is one)."""

    layers: tuple[Layer, ...]
    unconsumed: tuple[str, ...]
    broken: str

    @property
    def widths(self) -> tuple[int, ...]:
        """Input size, then the output size of every layer."""
        return (
            (self.layers[0].inputs, *(layer.outputs for layer in self.layers))
            if self.layers
            else ()
        )


def is_floating(dtype: str) -> bool:
    """Whether a dtype holds real numbers that a layer can have as weights."""
    return dtype.startswith(_FLOATING)


def linear_chain(tensors: Mapping[str, TensorInfo]) -> Chain:
    """Arrange named tensors as linear layers.

    A left-over tensor of real numbers breaks the chain: a normalisation, an embedding or a
    convolution would stand between the layers and change what they compute.
    """
    layers: list[Layer] = []
    taken: set[str] = set()
    for key, info in tensors.items():
        if len(info.shape) != 2 or not is_floating(info.dtype):
            continue
        bias_key = key.rpartition(".")[0] + ".bias" if "." in key else "bias"
        bias = tensors.get(bias_key)
        has_bias = bias is not None and bias.shape == (info.shape[0],) and is_floating(bias.dtype)
        layers.append(Layer(key, bias_key if has_bias else None, info.shape[1], info.shape[0]))
        taken.add(key)
        if has_bias:
            taken.add(bias_key)
    unconsumed = tuple(key for key in tensors if key not in taken)
    return Chain(tuple(layers), unconsumed, _broken(layers, unconsumed, tensors))


def _broken(
    layers: list[Layer], unconsumed: tuple[str, ...], tensors: Mapping[str, TensorInfo]
) -> str:
    if not layers:
        return "no 2-D weight"
    strange = [key for key in unconsumed if is_floating(tensors[key].dtype)]
    if strange:
        shape = list(tensors[strange[0]].shape)
        return (
            f"{len(strange)} tensors are no linear layer's, {plain(strange[0])} {shape} among them"
        )
    for before, after in pairwise(layers):
        if before.outputs != after.inputs:
            return f"{plain(before.weight)} has {before.outputs} outputs and {plain(after.weight)} takes {after.inputs}"
    if any(layer.inputs == 0 or layer.outputs == 0 for layer in layers):
        return "a layer has no inputs or no outputs"
    return ""
