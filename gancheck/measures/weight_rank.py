"""How many directions do the layers use, and are filters copies of each other?

The stable rank of a layer is the squared Frobenius over the squared spectral norm of its weight as
a matrix: about the number of directions it stretches alike. Two rows whose cosine is above 0.99
compute the same up to a factor; in more than four dimensions chance does not make them so.

Source: Rudelson and Vershynin (2007) for the stable rank.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from gancheck.diagnosis import Measurement, NotApplicable, Place
from gancheck.measures.spectral_consistency import largest_singular
from gancheck.measures.weights import exact, players_with_tensors, trained_tensors

if TYPE_CHECKING:
    from torch import Tensor

    from gancheck.diagnosis import Plan
    from gancheck.measures.weights import Weights

__all__ = ["LayerRank", "WeightRank", "duplicate_rows", "weight_rank"]

_ALIKE = 0.99
_FEWEST_INPUTS = 5
_CHUNK = 1024  # rows compared with all others at a time
_MOST_ROWS = 16_384  # above, a quarter of a billion cosines would be formed


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRank:
    """One matrix or kernel, as a matrix of its first axis by the others.

    Attributes:
        player: its player's name.
        place: where it lies.
        rank: stable rank.
        full: the smaller size, which bounds it.
        rows: how many, without those that are zero; 0 where they were not compared.
        alike: rows that have another with a cosine above 0.99.
    """

    player: str
    place: Place
    rank: float
    full: int
    rows: int
    alike: int


@dataclass(frozen=True, kw_only=True)
class WeightRank(Measurement):
    """Every layer with two rows and two columns."""

    layers: tuple[LayerRank, ...]


def weight_rank(weights: Weights, plan: Plan | None = None) -> WeightRank:  # noqa: ARG001
    """Measure stable rank and count duplicate rows of every layer.

    Args:
        weights: of every player.
        plan: not used; nothing is drawn.

    Raises:
        NotApplicable: no matrix or kernel with two rows and columns of finite numbers.
    """
    found: list[LayerRank] = []
    for player in players_with_tensors(weights):
        for name, tensor in trained_tensors(player).items():
            if tensor.dim() < 2:
                continue
            matrix = tensor.detach().reshape(tensor.shape[0], -1).double()
            if min(matrix.shape) < 2 or not bool(torch.isfinite(matrix).all()):
                continue
            sigma = largest_singular(matrix)
            rows, alike = duplicate_rows(matrix)
            found.append(
                LayerRank(
                    player=player.name,
                    place=player.place(name),
                    rank=float(matrix.square().sum()) / sigma**2 if sigma > 0.0 else 0.0,
                    full=min(matrix.shape),
                    rows=rows,
                    alike=alike,
                )
            )
    if not found:
        raise NotApplicable("the files hold no finite matrix or kernel with two rows and columns")
    compared = sum(x.rows for x in found)
    quantities = {
        "smallest_stable_rank": exact(min(x.rank for x in found)),
        "smallest_rank_share": exact(min(x.rank / x.full for x in found), "share"),
    }
    if compared:
        quantities["duplicate_share"] = exact(sum(x.alike for x in found) / compared, "share")
    return WeightRank(
        quantities=quantities,
        rows=[
            {"player": x.player, "file": x.place.file, "tensor": x.place.tensor,
             "stable_rank": x.rank, "of": x.full, "rows": x.rows, "alike": x.alike}
            for x in found
        ],
        layers=tuple(found),
    )  # fmt: skip


def duplicate_rows(matrix: Tensor, *, alike: float = _ALIKE) -> tuple[int, int]:
    """Count the rows that are not zero, and those of them with a near copy.

    Args:
        matrix: [rows, columns].
        alike: cosine above which two rows are near copies.

    Returns:
        (0, 0) where rows have fewer than five numbers, or there are more than 16,384 of them.

    Example:
        >>> a = torch.eye(6)
        >>> duplicate_rows(torch.cat([a, 2 * a[:1], torch.zeros(1, 6)]))
        (7, 2)
    """
    if matrix.shape[1] < _FEWEST_INPUTS or matrix.shape[0] > _MOST_ROWS:
        return 0, 0
    lengths = matrix.norm(dim=1)
    unit = (matrix[lengths > 0] / lengths[lengths > 0, None]).float()
    count = 0
    for start in range(0, len(unit), _CHUNK):
        part = unit[start : start + _CHUNK] @ unit.T
        own = torch.arange(len(part))
        part[own, own + start] = 0.0
        count += int((part > alike).any(dim=1).sum())
    return len(unit), count
