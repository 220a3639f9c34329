"""Is the direction in which samples become more diverse uphill or downhill, and does it curve down?

The popular account of mode collapse has a flat direction of diversity and a negatively curved one of
collapse. Both are the same line in parameter space: along u, the gradient of a diversity in the
generator's parameters, a quadratic form gives +u and -u one curvature. What tells the two ways apart
is the slope. So both are measured, on fresh batches: the curvature u^T H u and the slope
<grad L_G, u>. A step of length h towards diversity changes the loss by h slope + h^2/2 curvature, a
step away from it by -h slope + h^2/2 curvature. In the derived case of a generator that has dropped
one of two modes the curvature along this line is negative and exponentially small in the distance of
the modes: it is the way of escape that curves down, and nearly flat.

The diversity is the logarithm of the mean squared distance between two generated samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from gancheck.operators import Hessian
from gancheck.operators.linear_operator import flatten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gancheck.games.game import Batch, Game
    from gancheck.operators.budget import Budget

__all__ = ["AlongDiversity", "along_diversity", "diversity_gradient"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlongDiversity:
    """Slope and curvature of the generator's loss along the unit gradient of diversity.

    Attributes:
        slope: [batches], <grad L_G, u>: negative where descent raises diversity.
        curvature: [batches], u^T H u.
        growth: d log(mean squared distance) per unit length along u.
    """

    slope: np.ndarray
    curvature: np.ndarray
    growth: float


def diversity_gradient(game: Game, batch: Batch) -> torch.Tensor | None:
    """Gradient [n] of log mean |x_i - x_j|^2 over a batch's samples, in the generator's parameters.

    None where it cannot be computed: an analytic game, a single sample, samples that all coincide,
    or a generator whose diversity no parameter moves.
    """
    if game.analytic or batch.latent is None or batch.size < 2:
        return None
    with game.untouched():
        torch.manual_seed(batch.seed)  # dropout masks, as in the game's losses
        theta, _ = game.snapshot()
        samples = game.generate(batch.latent, theta).flatten(1)
        # the mean over pairs is a multiple of the variance around the mean sample
        spread = (samples - samples.mean(0)).square().sum(1).mean()
        scale = samples.detach().square().sum(1).mean()
        if not float(spread.detach()) > torch.finfo(samples.dtype).eps * float(scale):
            return None
        parts = torch.autograd.grad(spread.log(), theta, allow_unused=True, materialize_grads=True)
    gradient = flatten(parts)
    size = float(gradient.norm())
    return gradient if 0.0 < size < float("inf") else None


def along_diversity(
    game: Game,
    batch: Batch,
    size: int,
    seeds: Sequence[int],
    *,
    budget: Budget | None = None,
) -> AlongDiversity | None:
    """Measure slope and curvature on batches that did not choose the direction.

    Args:
        game: any game.
        batch: chooses the direction.
        size: samples of each fresh batch.
        seeds: of the fresh batches.
        budget: ends it.

    Returns:
        None where there is no such direction, or no room for two batches.

    Cost: one product and one gradient a batch.
    """
    gradient = diversity_gradient(game, batch)
    if gradient is None:
        return None
    growth = float(gradient.norm())
    direction = gradient / growth
    found = []
    for seed in seeds:
        if budget is not None and budget.exhausted:
            break
        operator = Hessian(game, "generator", game.sample(size, seed=seed))
        u = direction.to(operator.gradient)
        if budget is not None:
            budget.spend()
        found.append([float(operator.gradient @ u), float(u @ operator.matvec(u))])
    if len(found) < 2:
        return None
    slope, curvature = np.array(found).T
    return AlongDiversity(slope=slope, curvature=curvature, growth=growth)
