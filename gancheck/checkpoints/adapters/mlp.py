"""Multilayer perceptrons: 2-D weights that chain, one activation between them, one at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gancheck.checkpoints.activations import activation
from gancheck.checkpoints.adapters import Match
from gancheck.checkpoints.chain import linear_chain
from gancheck.checkpoints.index import TensorInfo
from gancheck.checkpoints.refusal import Refused, plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch
    from torch import nn

__all__ = ["build", "match"]

_HYPOTHESES = (
    "layers follow each other in the order of the file",
    "one activation after every hidden layer; no dropout, no skip connection: shapes show none of them",
)


def match(tensors: Mapping[str, TensorInfo]) -> Match:
    """Say whether named tensors are those of a multilayer perceptron.

    Args:
        tensors: name -> what is known of it, as `select` returns.
    """
    chain = linear_chain(tensors)
    if chain.broken:
        return Match(score=0.0, reasons=(chain.broken,), hypotheses=(), unconsumed=chain.unconsumed)
    widths = "-".join(map(str, chain.widths))
    without = [layer.weight for layer in chain.layers if layer.bias is None]
    hypotheses = _HYPOTHESES
    if without:
        hypotheses = (
            *hypotheses,
            f"{plain(without[0])} is a layer without bias and not an embedding",
        )
    return Match(
        score=1.0,
        reasons=(f"2-D weights chain: {widths}",),
        hypotheses=hypotheses,
        unconsumed=chain.unconsumed,
    )


def build(tensors: Mapping[str, torch.Tensor], *, hidden: str, output: str) -> nn.Sequential:
    """Build the perceptron and load it, strictly.

    Args:
        tensors: name -> tensor; half precision is widened to float32.
        hidden: the activation after every layer but the last.
        output: the activation after the last; "none" leaves its numbers as they are.

    Returns:
        A module [n, in] -> [n, out]: linear layers and activations, each in its own place.

    Raises:
        Refused: the tensors are no such network.
        ValueError: an activation is unknown.
    """
    import torch
    from torch import nn

    chain = linear_chain({name: _info(name, tensor) for name, tensor in tensors.items()})
    if chain.broken:
        raise Refused(f"no multilayer perceptron: {chain.broken}")
    dtypes = {tensors[layer.weight].dtype for layer in chain.layers} | {
        tensors[layer.bias].dtype for layer in chain.layers if layer.bias is not None
    }
    if len(dtypes) != 1:
        raise Refused(f"its layers mix the dtypes {', '.join(sorted(map(str, dtypes)))}")
    (dtype,) = dtypes
    if dtype not in (torch.float32, torch.float64):
        dtype = torch.float32
    modules: list[nn.Module] = []
    state: dict[str, torch.Tensor] = {}
    for layer in chain.layers:
        place = len(modules)
        modules.append(
            nn.Linear(layer.inputs, layer.outputs, bias=layer.bias is not None, device="meta")
        )
        state[f"{place}.weight"] = tensors[layer.weight].to(dtype, copy=True)
        if layer.bias is not None:
            state[f"{place}.bias"] = tensors[layer.bias].to(dtype, copy=True)
        modules.append(activation(output if layer is chain.layers[-1] else hidden))
    network = nn.Sequential(*modules)
    network.load_state_dict(state, strict=True, assign=True)
    return network.requires_grad_(True)  # noqa: FBT003 - torch's own signature


def _info(name: str, tensor: torch.Tensor) -> TensorInfo:
    return TensorInfo(
        path=(name,),
        shape=tuple(tensor.shape),
        dtype=str(tensor.dtype).removeprefix("torch."),
        offset=0,
        strides=tuple(tensor.stride()),
    )
