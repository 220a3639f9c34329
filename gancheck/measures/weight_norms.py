"""By how much could the layers of a network stretch, as far as their weights tell?

Stride, padding and groups stand in no file. So each kernel is taken as a convolution of stride 1
without groups on a picture of 8 x 8 that wraps around; a stride leaves outputs out and groups leave
weights out, so that the layer in use stretches at most as much. On such a picture the convolution
is, frequency by frequency, a small matrix, and its norm the largest of theirs, found by power
iteration. A transposed convolution is the transpose of such a map and has its norm. The norm of the
kernel as a matrix is another number, off by a factor either way. With spectral norm the divided
weight counts.

The product over a network has no line that it should keep, and other layers count in it not at
all: compare it within one architecture, between two checkpoints.

Source: Sedghi, Gupta and Long (2019).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from gancheck.diagnosis import Measurement, NotApplicable, Place, Quantity
from gancheck.measures.spectral_consistency import largest_singular, normed_layers
from gancheck.measures.weights import layers, players_with_tensors

if TYPE_CHECKING:
    from torch import Tensor

    from gancheck.diagnosis import Plan
    from gancheck.measures.weights import PlayerWeights, Weights

__all__ = ["NormOfLayer", "WeightNorms", "kernel_norm", "weight_norms"]

SIDE = 8
"""Of the picture; a longer kernel gets a picture of its own length."""
_ALL, _LAST = 6, 60  # steps at all frequencies, and at the best of them
_KEPT = 4
_MOST_AXES = 5
_TINY = 1e-30  # a zero kernel stays zero


@dataclass(frozen=True, slots=True, kw_only=True)
class NormOfLayer:
    """The norm of one layer as a map."""

    player: str
    place: Place
    norm: float


@dataclass(frozen=True, kw_only=True)
class WeightNorms(Measurement):
    """Every matrix and kernel."""

    layers: tuple[NormOfLayer, ...]


def weight_norms(weights: Weights, plan: Plan | None = None) -> WeightNorms:
    """The norm of every layer, and their product for each player.

    Args:
        weights: of every player.
        plan: gives the seed of the start of Lanczos.

    Raises:
        NotApplicable: no finite matrix or kernel.

    Cost: one Fourier transform and some ten products with each kernel.
    """
    seed = 0 if plan is None else plan.seed
    found = tuple(x for player in players_with_tensors(weights) for x in _norms(player, seed))
    if not found:
        raise NotApplicable("the files hold no finite matrix or kernel")
    quantities = {"largest_layer_norm": Quantity(value=max(x.norm for x in found), kind="lower")}
    for player in weights.players:
        own = [x.norm for x in found if x.player == player.name]
        if own and player.name in ("generator", "discriminator"):
            quantities[f"log_product_{player.name}"] = Quantity(
                value=sum(math.log10(x) if x > 0.0 else -math.inf for x in own)
            )
    return WeightNorms(
        quantities=quantities,
        rows=[
            {"player": x.player, "file": x.place.file, "tensor": x.place.tensor, "norm": x.norm}
            for x in found
        ],
        layers=found,
    )


def kernel_norm(weight: Tensor, *, seed: int = 0) -> float:
    """Norm of a matrix, or of a kernel as a convolution of stride 1 on a picture that wraps around.

    Args:
        weight: [out, in] or [out, in, size, ...], up to three sizes.
        seed: of the start of the power iteration.

    Returns:
        The norm; of a kernel what the iteration reached, a lower bound.

    Raises:
        ValueError: fewer than 2 or more than 5 axes.

    Example:
        >>> round(kernel_norm(torch.ones(1, 1, 3, 3)), 4)
        9.0
    """
    if not 2 <= weight.dim() <= _MOST_AXES:
        raise ValueError(f"weight must have 2 to {_MOST_AXES} axes, got {weight.dim()}")
    if weight.dim() == 2:
        return largest_singular(weight)
    axes = tuple(range(2, weight.dim()))
    sizes = [max(SIDE, int(weight.shape[axis])) for axis in axes]
    at_frequencies = torch.fft.rfftn(weight.detach().float(), s=sizes, dim=axes)
    matrices = at_frequencies.flatten(2).movedim(2, 0).contiguous()  # [frequency, out, in]
    rng = torch.Generator().manual_seed(seed)
    vectors = torch.randn(len(matrices), matrices.shape[2], 1, generator=rng).to(matrices.dtype)
    stretch, vectors = _iterate(matrices, vectors, _ALL)
    best = stretch.topk(min(_KEPT, len(stretch))).indices
    stretch, _ = _iterate(matrices[best], vectors[best], _LAST)
    return float(stretch.max())


def _iterate(matrices: Tensor, vectors: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """Power iteration on each A^H A: the stretch of the last vectors, and the vectors."""
    adjoint = matrices.mH
    stretch = torch.zeros(len(matrices))
    for _ in range(steps):
        vectors = vectors / vectors.norm(dim=1, keepdim=True).clamp_min(_TINY)
        image = matrices @ vectors
        stretch = image.norm(dim=1)[:, 0]
        vectors = adjoint @ image
    return stretch, vectors


def _norms(player: PlayerWeights, seed: int) -> list[NormOfLayer]:
    divided = {x.place.tensor: x.consistency * x.sigma for x in normed_layers(player)}
    out: list[NormOfLayer] = []
    for layer in layers(player):
        weight = layer.tensors.get("weight")
        if weight is None or not 2 <= weight.dim() <= 5 or not weight.is_floating_point():
            continue
        if not weight.numel() or not bool(torch.isfinite(weight.float()).all()):
            continue
        norm = kernel_norm(weight, seed=seed)
        by = divided.get(layer.names["weight"], 1.0)
        scale = 1.0 / by if by > 0.0 else math.inf
        out.append(
            NormOfLayer(
                player=player.name,
                place=player.place(layer.names["weight"]),
                norm=norm * scale,
            )
        )
    return out
