"""Does spectral norm hold the layers whose files say that it does?

Spectral norm divides a weight W by u'Wv, where u and v follow its first singular vectors by one
step of power iteration each time the layer is used. So the layer in use has the norm
sigma / (u'Wv), and the consistency u'Wv / sigma is 1 where the vectors have arrived. It is read
from both of torch's ways to save it: `weight_orig`, `weight_u`, `weight_v`, and
`parametrizations.weight.original` with `0._u`, `0._v`.

Source: Miyato et al. (2018), algorithm 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from gancheck.diagnosis import Measurement, NotApplicable, Place
from gancheck.measures.weights import exact, layers, players_with_tensors

if TYPE_CHECKING:
    from torch import Tensor

    from gancheck.diagnosis import Plan
    from gancheck.measures.weights import Layer, PlayerWeights, Weights
    from gancheck.operators.linear_operator import LinearOperator

__all__ = [
    "NormedLayer",
    "SpectralConsistency",
    "largest_singular",
    "normed_layers",
    "spectral_consistency",
]

_DENSE = 768  # rows of a Gram matrix that is decomposed in some 0.1 s
_VECTORS = (
    ("weight_u", "weight_v"),
    ("parametrizations.weight.0._u", "parametrizations.weight.0._v"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NormedLayer:
    """One layer under spectral norm.

    Attributes:
        player: its player's name.
        place: of its raw weight.
        consistency: u'Wv / sigma, 1 where spectral norm does what it says.
        sigma: largest singular value of the raw weight.
        unit: how far the longer of the two vectors is from length 1.
    """

    player: str
    place: Place
    consistency: float
    sigma: float
    unit: float


@dataclass(frozen=True, kw_only=True)
class SpectralConsistency(Measurement):
    """Every layer under spectral norm."""

    layers: tuple[NormedLayer, ...]


def spectral_consistency(weights: Weights, plan: Plan | None = None) -> SpectralConsistency:  # noqa: ARG001
    """Compare the stored singular vectors with the weights.

    Args:
        weights: of every player.
        plan: not used; the singular value is that of a dense decomposition.

    Raises:
        NotApplicable: no layer carries spectral norm.
    """
    found = tuple(
        normed for player in players_with_tensors(weights) for normed in normed_layers(player)
    )
    if not found:
        raise NotApplicable("no layer carries the vectors of torch's spectral norm")
    return SpectralConsistency(
        quantities={
            "normed_layers": exact(len(found), "layers"),
            "smallest_consistency": exact(min(x.consistency for x in found)),
            "largest_norm_in_use": exact(
                max(1.0 / x.consistency if x.consistency > 0.0 else math.inf for x in found)
            ),
            "vector_length_error": exact(max(x.unit for x in found)),
        },
        rows=[
            {"player": x.player, "file": x.place.file, "tensor": x.place.tensor,
             "consistency": x.consistency, "sigma": x.sigma}
            for x in found
        ],
        layers=found,
    )  # fmt: skip


def normed_layers(player: PlayerWeights) -> list[NormedLayer]:
    """The layers of a player under spectral norm."""
    return [normed for layer in layers(player) for normed in _normed(player, layer)]


def largest_singular(matrix: Tensor) -> float:
    """Largest singular value, in double precision.

    From the smaller of the two Gram matrices; by Lanczos, to a residual of 1e-4 of the
    square, where that has over 768 rows: the value is then better by far, its error being quadratic.

    Example:
        >>> round(largest_singular(torch.diag(torch.tensor([3.0, 4.0]))), 6)
        4.0
    """
    wide = matrix.double()
    if not bool(torch.isfinite(wide).all()):
        return math.nan
    narrow = wide if wide.shape[0] <= wide.shape[1] else wide.T
    gram = narrow @ narrow.T
    if len(gram) > _DENSE:
        from gancheck.operators.lanczos import lanczos

        return math.sqrt(
            max(0.0, float(lanczos(_operator(gram), top=1, bottom=0, tol=1e-4).values[-1]))
        )
    return math.sqrt(max(0.0, float(torch.linalg.eigvalsh(gram)[-1])))


def _operator(gram: Tensor) -> LinearOperator:
    from gancheck.operators.linear_operator import LinearOperator

    def product(v: Tensor) -> Tensor:
        return gram @ v

    return LinearOperator(len(gram), product, product, dtype=gram.dtype, device=gram.device)


def _normed(player: PlayerWeights, layer: Layer) -> list[NormedLayer]:
    for name_u, name_v in _VECTORS:
        if {"weight", name_u, name_v} <= set(layer.tensors):
            u = layer.tensors[name_u].double().reshape(-1)
            v = layer.tensors[name_v].double().reshape(-1)
            weight = layer.tensors["weight"].double()
            views = _views(weight, len(u), len(v))
            if not views or not weight.numel():
                return []
            along = [(float(u @ view @ v), view) for view in views]
            stretch, view = max(along, key=lambda pair: pair[0])
            sigma = largest_singular(view)
            return [
                NormedLayer(
                    player=player.name,
                    place=player.place(layer.names["weight"]),
                    consistency=stretch / sigma if sigma > 0.0 else 0.0,
                    sigma=sigma,
                    unit=max(abs(float(x.norm()) - 1.0) for x in (u, v)),
                )
            ]
    return []


def _views(weight: Tensor, rows: int, columns: int) -> list[Tensor]:
    """The weight as a matrix, by its first axis, and by its second if it may be transposed."""
    return [
        moved.reshape(rows, -1)
        for moved in (weight.movedim(axis, 0) for axis in range(min(weight.dim(), 2)))
        if moved.shape[0] == rows and moved.numel() == rows * columns
    ]
