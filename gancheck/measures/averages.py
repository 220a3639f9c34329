"""How far is a running average of weights from the weights it averages?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gancheck.diagnosis import Measurement, NotApplicable, Place
from gancheck.measures.weights import exact, players_with_tensors, trained_tensors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from gancheck.diagnosis import Plan
    from gancheck.measures.weights import PlayerWeights, Weights

__all__ = ["AveragedPlayer", "Averages", "averages"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AveragedPlayer:
    """One average and the player it was taken for.

    Attributes:
        name: of the average.
        raw: name of the player.
        distance: norm of the difference over the norm of the player's weights.
        furthest: tensor of the largest relative distance.
        furthest_distance: that distance.
    """

    name: str
    raw: str
    distance: float
    furthest: Place
    furthest_distance: float


@dataclass(frozen=True, kw_only=True)
class Averages(Measurement):
    """Every average with its player."""

    pairs: tuple[AveragedPlayer, ...]


def averages(weights: Weights, plan: Plan | None = None) -> Averages:  # noqa: ARG001
    """Compare averages with what they average.

    Args:
        weights: of every player.
        plan: not used.

    Raises:
        NotApplicable: no name says that something is an average, or no player has its shapes.
    """
    players = players_with_tensors(weights)
    means = [p for p in players if p.averaged]
    if not means:
        raise NotApplicable("no name says that a player is a running average (ema, avg, shadow)")
    pairs = tuple(
        _distance(mean, raw)
        for mean in means
        for raw in [_raw_of(mean, players)]
        if raw is not None
    )
    if not pairs:
        raise NotApplicable(
            f"no player has the shapes of {means[0].name}; give the file of the raw weights too"
        )
    return Averages(
        quantities={"average_distance": exact(max(p.distance for p in pairs))},
        rows=[
            {"average": p.name, "player": p.raw, "distance": p.distance,
             "furthest": p.furthest.tensor, "furthest_distance": p.furthest_distance}
            for p in pairs
        ],
        pairs=pairs,
    )  # fmt: skip


def _raw_of(mean: PlayerWeights, players: Sequence[PlayerWeights]) -> PlayerWeights | None:
    shapes = [tuple(t.shape) for t in trained_tensors(mean).values()]
    fitting = [
        p
        for p in players
        if not p.averaged and [tuple(t.shape) for t in trained_tensors(p).values()] == shapes
    ]
    by_role = [p for p in fitting if p.role == mean.role]
    chosen = by_role or fitting
    return chosen[0] if len(chosen) == 1 else None


def _distance(mean: PlayerWeights, raw: PlayerWeights) -> AveragedPlayer:
    ours, theirs = trained_tensors(mean), trained_tensors(raw)
    apart = [
        (name, *_norms(a, b)) for (name, a), b in zip(ours.items(), theirs.values(), strict=True)
    ]
    norm = math.sqrt(sum(size**2 for *_, size in apart))
    off = math.sqrt(sum(gap**2 for _, gap, _ in apart))
    relative = {name: gap / size if size > 0.0 else 0.0 for name, gap, size in apart}
    furthest = max(relative, key=lambda name: relative[name])
    return AveragedPlayer(
        name=mean.name,
        raw=raw.name,
        distance=off / norm if norm > 0.0 else 0.0,
        furthest=mean.place(furthest),
        furthest_distance=relative[furthest],
    )


def _norms(mean: Tensor, raw: Tensor) -> tuple[float, float]:
    return float((mean.double() - raw.double()).norm()), float(raw.double().norm())
