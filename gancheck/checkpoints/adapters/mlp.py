"""Multilayer perceptrons: 2-D weights that chain, with or without norms between them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gancheck.checkpoints.adapters import Match
from gancheck.checkpoints.chain import linear_chain
from gancheck.checkpoints.index import TensorInfo
from gancheck.checkpoints.parts import Part, parts_of
from gancheck.checkpoints.proposals import Effort, proposals
from gancheck.checkpoints.refusal import Refused, plain
from gancheck.checkpoints.sequence import arranged, unfit

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch
    from torch import nn

    from gancheck.checkpoints.adapters import Player

__all__ = ["build", "match"]


def match(
    tensors: Mapping[str, TensorInfo],
    *,
    player: Player | None = None,
    shape: tuple[int, ...] | None = None,
) -> Match:
    """Say whether named tensors are those of a multilayer perceptron.

    Args:
        tensors: name -> what is known of it, as `select` returns.
        player: which one; a perceptron is the same for both.
        shape: of one sample; where it is given, the perceptron must end or begin with it.
    """
    parts = parts_of(tensors)
    wrong = unfit(parts) or _not_flat(parts.found, tensors)
    if wrong:
        return Match(score=0.0, reasons=(wrong,), unconsumed=linear_chain(tensors).unconsumed)

    effort = Effort()

    def proposed(order: tuple[Part, ...]) -> list[tuple[str, ...]]:
        linear = [part for part in order if part.kind == "linear"]
        ends = (linear[-1].shape[0], linear[0].shape[1])
        size = ends[player == "discriminator"]
        if shape is not None and player is not None and size != math.prod(shape):
            return []
        if player == "discriminator" and ends[0] != 1:  # of more outputs nothing follows
            return proposals(order, player="generator", shape=(ends[0],), effort=effort)
        return proposals(order, player=player or "generator", shape=(size,), effort=effort)

    found = arranged(parts, proposed)
    if effort.left < 0:
        too_many = "its layers can be read in too many ways to try them all"
        return Match(score=0.0, reasons=(too_many,), unconsumed=parts.whole_numbers)
    if not found.order:
        broken = linear_chain(tensors).broken or "its layers do not follow each other"
        return Match(score=0.0, reasons=(found.wrong or broken,), unconsumed=parts.whole_numbers)
    widths = [part.shape for part in found.order if part.kind == "linear"]
    chain = "-".join(map(str, [widths[0][1], *(shape[0] for shape in widths)]))
    norms = len(found.order) - len(widths)
    without = [part for part in found.order if part.kind == "linear" and not part.bias]
    return Match(
        score=1.0,
        reasons=(f"2-D weights chain: {chain}" + (f", {norms} norms between" if norms else ""),),
        hypotheses=(
            *found.hypotheses,
            "one activation after every hidden layer, no skip connection: shapes show none of them",
            *(
                [
                    f"{plain(without[0].keys.get('weight', without[0].name))} is a layer without bias and not an embedding"
                ]
                if without
                else []
            ),
        ),
        unconsumed=parts.whole_numbers,
        proposals=tuple(found.proposals),
        order=found.order,
    )


def _not_flat(found: tuple[Part, ...], tensors: Mapping[str, TensorInfo]) -> str:
    linear = [part for part in found if part.kind == "linear"]
    if not linear:
        return linear_chain(tensors).broken or "no 2-D weight"
    other = next((p for p in found if p.kind == "conv" or len(p.shape) > 2), None)
    return "" if other is None else f"{other} is no linear layer's"


def build(tensors: Mapping[str, torch.Tensor], *, hidden: str, output: str) -> nn.Sequential:
    """Build the perceptron and load it, strictly.

    Args:
        tensors: name -> tensor; half precision is widened to float32.
        hidden: the activation after every layer but the last.
        output: the activation after the last; "none" leaves its numbers as they are.

    Returns:
        A module [n, in] -> [n, out]: linear layers and activations, each in its own place.

    Raises:
        Refused: the tensors are no such network, or could be more than one.
        ValueError: an activation is unknown.
    """
    from gancheck.checkpoints.blueprint import assemble

    found = match({name: _info(name, tensor) for name, tensor in tensors.items()})
    if not found.score:
        raise Refused(f"no multilayer perceptron: {found.reasons[0]}")
    if len(found.proposals) != 1:
        raise Refused(f"{len(found.proposals)} perceptrons have these weights")
    (words,) = found.proposals
    shape = (next(p for p in found.order if p.kind == "linear").shape[1],)
    return assemble(words, found.order, tensors, shape=shape, hidden=hidden, output=output)[0]


def _info(name: str, tensor: torch.Tensor) -> TensorInfo:
    return TensorInfo(
        path=(name,),
        shape=tuple(tensor.shape),
        dtype=str(tensor.dtype).removeprefix("torch."),
        offset=0,
        strides=tuple(tensor.stride()),
    )
