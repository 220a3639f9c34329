"""What is measured of a trained pair on Fashion-MNIST, and with what error?

Every number is one of `gancheck.measures` (curvature, rotation, gradient ratio, slope) or made from
its parts (distance, coverage) on held-out images, with one measuring batch for all pairs; only the
discriminator's memory compares held-out images with those it was trained on. Whatever is drawn comes
from seeds apart from those of training, the same for every pair of a seed, so that differences are
paired in the draws too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from scipy.special import stdtrit

from gancheck import measures
from gancheck.diagnosis import Plan
from gancheck.measures.batch_growth import growth_at, quotients
from gancheck.measures.discrepancies import frechet
from gancheck.measures.features import Features
from gancheck.measures.fidelity import NEIGHBOURS, four_of
from gancheck.measures.generator_signal import logits
from gancheck.measures.pairwise import distances
from gancheck.measures.player_hessian import mean_and_error
from gancheck.operators import Hessian
from gancheck.operators.budget import Budget
from gancheck.operators.lanczos import lanczos

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gancheck.diagnosis import Quantity
    from gancheck.games.game import Game

__all__ = ["curvature", "ladder", "memory", "numbers", "told_apart"]

EVALUATION: Final = 1_000_000  # seeds of evaluation draws, apart from those of anything trained
_TOL: Final = 1e-2  # of an end on its batch, whose vector is then judged on others
_FRESH: Final = 10_000  # seeds of fresh batches, apart from those of the first
_FRESH_BATCHES: Final = 16  # a standard error is then known to a fifth
_ROTATION: Final = 112  # 7 pairs on the first batch, 12 on each of 4 others
_PROBES: Final = 7
_BLOCKS: Final = 4  # of fresh draws: distance and coverage have their error from them
_LADDER: Final = 100_000  # its seeds begin there, apart from those of every other number
_PLAYERS: Final = ("generator", "discriminator")

Number = dict[str, float]
"""`value`, `low` and `high`, the last two of an interval at 95 % for this pair."""


def numbers(
    game: Game, *, seed: int, look: int, draws: int, trained_on: Game | None = None
) -> dict[str, Number]:
    """Everything that one pair is asked.

    Args:
        game: the pair at its end, with held-out images.
        seed: of the training.
        look: measuring batch of curvature and rotation.
        draws: generated samples a block of distance and coverage, and twice as many held-out images.
        trained_on: the same pair with the images it was trained on; without it memory is left out.

    Returns:
        Name -> number: `top_g`, `bottom_g`, `top_d`, `bottom_d`, `rotation`, `ratio`, `slope`,
        `frechet`, `coverage`, `memory`, and `norm_product`, a bound on D's slope.

    Raises:
        OperatorError: the second derivatives of this pair are not to be believed.
    """
    plan = Plan(seed=EVALUATION + seed, samples=draws)
    found = measures.gradients(game, plan).quantities
    steep = measures.lipschitz(game, plan).quantities
    out = curvature(game, seed=seed, look=look)
    out |= {
        "ratio": _number(found["gradient_ratio"]),
        "slope": _number(steep["slope_between"]),
        "norm_product": _number(steep["product_bound"]),
    }
    out |= _against_held_out(game, seed=EVALUATION + seed, draws=draws)
    if trained_on is not None:
        out["memory"] = memory(trained_on, game, seed=EVALUATION + seed)
    return out


def curvature(game: Game, *, seed: int, look: int) -> dict[str, Number]:
    """Ends of both players' expected Hessians, and the rotation of the expected game.

    An end is the mean quotient of its vector on 16 fresh batches, which bounds the end of the
    expected Hessian from inside and does not grow with the noise of a batch.
    """
    first = EVALUATION + seed
    out: dict[str, Number] = {}
    for player in _PLAYERS:
        operator = Hessian(game, player, game.sample(look, seed=first))
        ends = lanczos(operator, top=1, bottom=1, tol=_TOL, seed=first).vectors[:, [0, -1]]
        fresh = np.array(
            [quotients(game, player, look, _FRESH + first + i, ends) for i in range(_FRESH_BATCHES)]
        )
        for end, values in zip(("bottom", "top"), fresh.T, strict=True):
            out[f"{end}_{player[0]}"] = _mean(values)
    plan = Plan(seed=first, batch_size=look, probes=_PROBES)
    turned = measures.rotation(game, plan=plan, budget=Budget(products=_ROTATION)).quantities
    out["rotation"] = _number(turned["rotation_expected"])
    return out


def _against_held_out(game: Game, *, seed: int, draws: int) -> dict[str, Number]:
    """Squared Frechet distance beyond that of real images, and coverage, in principal components.

    Components are fitted to images that are not compared; each of four blocks has its own generated
    samples and images, so the blocks are independent given the components.
    """
    images = game.draw_real((2 * _BLOCKS + 1) * draws, seed=seed).double().cpu().numpy()
    samples = game.draw_samples(_BLOCKS * draws, seed=seed).double().cpu().numpy()
    onto = Features("pca", fit=True).fitted(images[:draws])
    x, g = onto(images[draws:]), onto(samples)
    rows = []
    for i in range(_BLOCKS):
        fake = g[i * draws : (i + 1) * draws]
        real = x[2 * i * draws : (2 * i + 1) * draws]
        other = x[(2 * i + 1) * draws : (2 * i + 2) * draws]
        rows.append((frechet(fake, real) - frechet(other, real), _covered(fake, real)))
    columns = np.array(rows).T
    return {
        name: _mean(values) for name, values in zip(("frechet", "coverage"), columns, strict=True)
    }


def _covered(fake: np.ndarray, real: np.ndarray) -> float:
    """Share of real points with a generated one no farther than their fifth neighbour."""
    inner = distances(real, real)
    radius = np.partition(inner, NEIGHBOURS, axis=1)[:, NEIGHBOURS]
    return four_of(distances(real, fake), radius, np.zeros(len(fake)), NEIGHBOURS)[3]


def memory(trained_on: Game, held_out: Game, *, seed: int) -> Number:
    """How often D scores an image it was trained on above one it was not; 1/2 where it cannot tell.

    Ranks alone count, so it compares discriminators whose scores have different scales.
    """
    n = trained_on.data.size
    if n is None:
        raise ValueError("trained_on must hold finitely many images, the ones D was trained on")
    with held_out.untouched(), torch.no_grad():
        seen = logits(trained_on, "real", n, seed)
        unseen = logits(held_out, "real", n, seed)
    value, error = told_apart(seen, unseen)
    return {"value": value, "low": value - 1.96 * error, "high": value + 1.96 * error}


def told_apart(upper: np.ndarray, lower: np.ndarray) -> tuple[float, float]:
    """P(upper > lower) + P(equal)/2 of independent samples, with its standard error.

    Source: DeLong, DeLong & Clarke-Pearson (1988).

    Raises:
        ValueError: fewer than two of a kind.

    Example:
        >>> told_apart(np.array([1.0, 2.0]), np.array([0.0, 1.5]))[0]
        0.75
    """
    if min(len(upper), len(lower)) < 2:
        raise ValueError(f"need at least 2 of each kind, got {len(upper)} and {len(lower)}")

    def below(x: np.ndarray, others: np.ndarray) -> np.ndarray:
        ordered = np.sort(others)
        left, right = (np.searchsorted(ordered, x, side=side) for side in ("left", "right"))
        return (left + right) / (2.0 * len(others))

    of_upper, of_lower = below(upper, lower), 1.0 - below(lower, upper)
    variance = of_upper.var(ddof=1) / len(upper) + of_lower.var(ddof=1) / len(lower)
    return float(of_upper.mean()), float(variance**0.5)


def ladder(game: Game, *, sizes: Sequence[int], batches: int, seed: int) -> list[dict[str, Any]]:
    """One pair, measured with batches of several sizes.

    Args:
        game: the pair, with held-out images.
        sizes: of the measuring batch.
        batches: of each size.
        seed: of the training.

    Returns:
        A row a size: for each player the ends of the batches' own Hessians and what their vectors
        find on the other batches, [batches, 2] each, smallest and largest; `rotation` of one batch and
        `rotation_expected` of the game; `ratio` of the gradients over minibatches of that size.
    """
    rows = []
    for k, size in enumerate(sizes):
        first = EVALUATION + _LADDER + 1000 * k + seed  # no size shares a batch with another
        row: dict[str, Any] = {"size": size}
        for player in _PLAYERS:
            grown = growth_at(game, player, size, range(first, first + batches))
            if grown is not None:
                row[player] = {"own": grown.own.tolist(), "elsewhere": grown.elsewhere.tolist()}
        plan = Plan(seed=first, batch_size=size, probes=_PROBES, gradient_batch=size, samples=1000)
        turned = measures.rotation(game, plan=plan, budget=Budget(products=_ROTATION)).quantities
        for name in ("rotation", "rotation_expected"):
            row[name] = _number(turned[name])
        row["ratio"] = _number(measures.gradients(game, plan).quantities["gradient_ratio"])
        rows.append(row)
    return rows


def _number(q: Quantity) -> Number:
    low, high = q.interval
    return {"value": q.value, "low": float(low), "high": float(high)}


def _mean(values: np.ndarray) -> Number:
    """Mean of independent values with Student's interval."""
    mean, error = mean_and_error(values)
    half = float(stdtrit(len(values) - 1, 0.975)) * error
    return {"value": mean, "low": mean - half, "high": mean + half}
