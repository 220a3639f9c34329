"""What do other batches say of the directions that one batch's Jacobian chose?

Batches of the plan give the spread of the extremes; fresh ones, which chose nothing, give quotients
of the first batch's vectors, x^H J x and y^H J x / y^H x. The second is the eigenvalue of the
expected Jacobian to first order in its distance from the first batch's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gancheck.diagnosis import Quantity
from gancheck.measures.scaled_players import between_players
from gancheck.measures.spectrum import fresh_seeds, mean_and_error
from gancheck.operators import GameJacobian
from gancheck.operators.eigenpairs import complex_product
from gancheck.operators.krylov_schur import krylov_schur
from gancheck.operators.lanczos import lanczos

if TYPE_CHECKING:
    from gancheck.diagnosis import Plan
    from gancheck.games.game import Game
    from gancheck.measures.local_spectrum import LocalSpectrum
    from gancheck.measures.scaled_players import Contraction
    from gancheck.operators.budget import Budget

__all__ = ["LEAST_FRESH", "numbers", "on_fresh_batches", "on_other_batches"]

LEAST_FRESH = 4  # quotients for a standard error


def numbers(
    local: LocalSpectrum, others: np.ndarray, fresh: np.ndarray, *, alone: bool
) -> dict[str, Quantity]:
    """The first batch's numbers, their spread over others, and what fresh batches say of them.

    Args:
        local: of the first batch.
        others: [batches, 3] the same of others.
        fresh: [batches, 3] quotients on fresh ones.
        alone: whether the first batch is all there is, so that a number of it can be exact.
    """
    whole = "exact" if alone else "estimate"
    pair = local.leftmost
    value = float(local.values[0].real)
    weighed = local.contraction
    first = np.array([[value, local.low, np.nan if weighed is None else weighed.low]])
    spread = np.concatenate([first, others]).std(axis=0, ddof=1) if len(others) else None
    errors = (float("inf") if pair is None else pair.error, local.low_error)
    out: dict[str, Quantity] = {
        "spectral_radius": Quantity(value=local.radius, kind=whole if local.complete else "lower"),
        "bendixson_high": Quantity(value=local.high, error=local.low_error),
    }
    if np.isfinite(local.a_norm):
        out["bendixson_imag"] = Quantity(
            value=local.a_norm, low=local.a_norm, high=local.a_bound, kind="estimate"
        )
    for i, name in enumerate(("min_real", "bendixson_low")):
        out[name] = Quantity(
            value=float(first[0, i]),
            error=errors[i],
            sampling_error=None if spread is None else float(spread[i]),
            kind="lower" if i and spread is not None else "estimate",
        )
    if len(fresh) >= LEAST_FRESH:
        names = ("min_real_fresh", "bendixson_low_fresh", "min_real_expected")
        for i, name in enumerate(names):
            if np.isfinite(fresh[:, i]).all():
                mean, error = mean_and_error(fresh[:, i])
                out[name] = Quantity(value=mean, sampling_error=error)
    if local.contraction is not None:
        out["bendixson_low_scaled"] = Quantity(
            value=local.contraction.low,
            error=local.contraction.error,
            sampling_error=None if spread is None else float(spread[2]),
            kind="estimate" if spread is None else "lower",
        )
    if spread is None and len(fresh) < LEAST_FRESH:  # one batch is the whole game: nothing is fresh
        out["min_real_fresh"] = Quantity(value=value, error=errors[0])
        out["bendixson_low_fresh"] = Quantity(value=local.low, error=errors[1])
    return out


def on_other_batches(
    game: Game, plan: Plan, weighed: Contraction | None, budget: Budget | None
) -> np.ndarray:
    """On the plan's other batches [batches - 1, 3]: leftmost real part of J, of S, of scaled S.

    The last is NaN where no other norm was found on the first batch.
    """
    out: list[list[float]] = []
    for seed in range(plan.seed + 1, plan.seed + plan.batches):
        if budget is not None and budget.exhausted:
            break
        jacobian = GameJacobian(game, game.sample(plan.batch_size, seed=seed))
        left = krylov_schur(
            jacobian, "SR", k=1, tol=1e-3, seed=seed, split=jacobian.split, budget=budget
        )
        low = lanczos(jacobian.symmetric, top=0, bottom=1, tol=1e-3, seed=seed, budget=budget)
        if not len(left.values) or not len(low.values):
            break
        scaled = float("nan")
        if weighed is not None:
            operator = between_players(jacobian, jacobian.split, weighed.t).symmetric
            ends = lanczos(operator, top=0, bottom=1, tol=1e-3, seed=seed, budget=budget)
            if not len(ends.values):
                break
            scaled = float(ends.values[0])
        out.append([float(left.values[0].real), float(low.values[0]), scaled])
    return np.array(out).reshape(len(out), 3)


def on_fresh_batches(
    game: Game, plan: Plan, local: LocalSpectrum, budget: Budget | None
) -> np.ndarray:
    """Re x^H J x, s^T S s and Re y^H J x / y^H x [batches, 3] on batches that chose no vector."""
    pair = local.witness
    x = local.vectors[:, 0] if pair is None else pair.right
    s = local.low_vector
    out: list[list[float]] = []
    for seed in fresh_seeds(plan):
        if budget is not None and (budget.exhausted or budget.left < 3):
            break
        jacobian = GameJacobian(game, game.sample(plan.batch_size, seed=seed))
        image = complex_product(jacobian, x)
        two_sided = (
            complex(np.vdot(pair.left, image) / np.vdot(pair.left, x)).real
            if pair is not None and np.isfinite(pair.condition)
            else float("nan")
        )
        out.append(
            [float(np.vdot(x, image).real), float(s @ complex_product(jacobian, s)), two_sided]
        )
        if budget is not None:
            budget.spend(jacobian.products)
    return np.array(out).reshape(len(out), 3)
