"""Is the expected field zero here?

The squared norm of a mean gradient is biased upwards by noise, so it is estimated from disjoint
minibatches, U = mean over i != j of <v_i, v_j>, which is zero on average where the expected field
is. A given batch is a game of its own: there the field is exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from scipy.special import stdtrit

from gancheck.diagnosis import Quantity
from gancheck.games.game import Batch
from gancheck.operators.game_jacobian import field

if TYPE_CHECKING:
    from gancheck.games.game import Game

__all__ = ["dealt", "field_norm", "field_norm_on", "u_statistic"]


def field_norm(game: Game, *, minibatch: int, count: int, seed: int = 0) -> dict[str, Quantity]:
    """Unbiased squared norm of the expected field, whole and by player, from disjoint minibatches.

    Finite data is dealt without replacement, so `count` is lowered to what it holds; latents are
    always fresh. The interval's lower end is a one-sided limit by the jackknife: 99 % for the whole
    field, 99.5 % for each player's part, so that both together err in 1 %.

    Args:
        game: any game; for an analytic one the field is exact.
        minibatch: samples in each.
        count: minibatches asked for.
        seed: of the deal.

    Returns:
        `field_norm`, `field_norm_generator`, `field_norm_discriminator`: squared norms.

    Raises:
        ValueError: fewer than 4 disjoint minibatches fit in the data.
    """
    split = game.sizes()[0]
    if game.analytic:
        return field_norm_on(game, game.sample(1))
    vs = torch.stack([field(game, b) for b in dealt(game, minibatch, count, seed)]).double()
    out = {}
    for name, part in zip(_NAMES, (vs, vs[:, :split], vs[:, split:]), strict=True):
        value, error = u_statistic(part)
        level = 0.99 if name == "field_norm" else 0.995
        limit = float(stdtrit(len(vs) - 1, level)) * error
        out[name] = Quantity(
            value=value, sampling_error=error, low=value - limit, high=value + 2.0 * error
        )
    return out


def field_norm_on(game: Game, batch: Batch) -> dict[str, Quantity]:
    """The same three squared norms of the field of one given batch, exact for it."""
    split = game.sizes()[0]
    v = field(game, batch).double()
    exact = [float(x @ x) for x in (v, v[:split], v[split:])]
    return {
        n: Quantity(value=x, kind="exact", low=x, high=x)
        for n, x in zip(_NAMES, exact, strict=True)
    }


_NAMES = ("field_norm", "field_norm_generator", "field_norm_discriminator")


def u_statistic(v: torch.Tensor) -> tuple[float, float]:
    """Mean of <v_i, v_j> over i != j, and its jackknife standard error, for v [m, n], m >= 3.

    Where the v_i are independent with mean zero the statistic is degenerate and the jackknife errs
    upwards: a one-sided 99 % limit by Student's t then excludes zero in less than 1 % of samples.
    """
    m = v.shape[0]
    total, squares = v.sum(0), (v * v).sum(1)
    inner = v @ total  # <v_i, sum>
    everything, own = float(total @ total), float(squares.sum())
    value = (everything - own) / (m * (m - 1))
    without = (everything - 2.0 * inner + squares) - (own - squares)
    dropped = without / ((m - 1) * (m - 2))
    error = float(((dropped - dropped.mean()) ** 2).sum() * (m - 1) / m) ** 0.5
    return value, error


def dealt(game: Game, minibatch: int, count: int, seed: int) -> list[Batch]:
    """Disjoint minibatches: real data dealt without replacement, latents fresh.

    Raises:
        ValueError: fewer than 4 fit in the data.
    """
    limit = game.data.size
    fits = count if limit is None else min(count, limit // minibatch)
    if fits < 4:
        raise ValueError(
            f"the data must hold at least 4 disjoint minibatches of {minibatch} samples, "
            f"it holds {limit} samples"
        )
    real = game.draw_real(fits * minibatch, seed=seed)
    latent = game.draw_latent(fits * minibatch, seed=seed + 1)
    return [
        Batch(real=r, latent=z, seed=seed + i)
        for i, (r, z) in enumerate(zip(real.split(minibatch), latent.split(minibatch), strict=True))
    ]
